package mutants

// Root keys, and what lies under them.
var keys = []Mutant{{
	Name: "any-kms-key-unwraps",
	In:   "rootkey.remote.DecryptWithContext",
	Old:  "&kms.DecryptInput{KeyId: &r.id, CiphertextBlob",
	New:  "&kms.DecryptInput{CiphertextBlob",
	Bug:  "Data keys that a stranger wrapped under a key of his own are taken.",
}, {
	Name: "root-key-overwritten",
	In:   "rootkey.CreateFile",
	Old:  "secretfile.Create(",
	New:  "secretfile.Replace(",
	Bug:  "Of two first starts the second replaces the root key, and nobody can read the store.",
}, {
	Name: "old-root-key-stays",
	In:   "rootkey.(*Keys).Current",
	Old:  "return ok && name == k.Name()",
	New:  "return ok && slices.ContainsFunc(k.all, func(k key) bool { return k.name == name })",
	Bug:  "A new root key before the old one wraps nothing: whoever stole the old one goes on reading.",
}, {
	Name: "later-data-key-under-the-old-root",
	In:   "sealed.(*keyring).rotate",
	Old:  "}\n\tr.root = root",
	New:  "}",
	Bug:  "The next data key goes back to the root key that was replaced.",
}, {
	Name: "data-key-used-before-it-is-kept",
	In:   "sealed.(*keyring).tryBegin",
	Old:  "if err := r.meta.CompareAndSet(ctx, keysRow, r.row, row); err != nil {",
	New:  "r.sealing.Store(key)\n\tif err := r.meta.CompareAndSet(ctx, keysRow, r.row, row); err != nil {",
	Bug:  "After a failed write, values are sealed under a key that is nowhere.",
}, {
	Name: "rekeyed-rows-share-memory",
	In:   "sealing.copyRows",
	Old:  "Value: bytes.Clone(value)",
	New:  "Value: value",
	Bug:  "A rekeying writes one row's value into others.",
}, {
	Name: "old-store-goes-before-the-trail",
	In:   "sealing.tidyRekey",
	Old:  "\t\tif err := replaceTrail(TrailDir(data)); err != nil {",
	New:  "\t\t_ = os.RemoveAll(replaced)\n\t\tif err := replaceTrail(TrailDir(data)); err != nil {",
	Bug:  "A rekeying that is cut off leaves the trail under the old key, and deletes the one under the new key.",
}, {
	Name: "self-signed-without-its-address",
	In:   "listen.nameHosts",
	Old:  "c.IPAddresses = append(c.IPAddresses, ip)",
	New:  "c.DNSNames = append(c.DNSNames, ip.String())",
	Bug:  "Clients that call a self-signed server by its address refuse it.",
}, {
	Name: "client-certificate-optional",
	In:   "listen.(*certificates).parse",
	Old:  "tls.RequireAndVerifyClientCert",
	New:  "tls.VerifyClientCertIfGiven",
	Bug:  "Clients without a certificate are let in.",
}, {
	Name: "private-network-is-loopback",
	In:   "listen.requirePrivate",
	Old:  "ok && tcp.IP.IsLoopback() {",
	New:  "ok && (tcp.IP.IsLoopback() || tcp.IP.IsPrivate()) {",
	Bug:  "In a network at home or at work everything goes over the wire in the clear.",
}}
