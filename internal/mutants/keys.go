package mutants

// Root keys, and what lies under them.
var keys = []Mutant{{
	Name: "any-kms-key-unwraps",
	File: "internal/rootkey/kms.go",
	Old:  "&kms.DecryptInput{KeyId: &r.id, CiphertextBlob",
	New:  "&kms.DecryptInput{CiphertextBlob",
	Bug:  "Data keys that a stranger wrapped under a key of his own are taken.",
}, {
	Name: "root-key-overwritten",
	File: "internal/rootkey/file.go",
	Old:  "secretfile.Create(",
	New:  "secretfile.Replace(",
	Bug:  "Of two first starts the second replaces the root key, and nobody can read the store.",
}, {
	Name: "old-root-key-stays",
	File: "internal/rootkey/rootkey.go",
	Old:  "return ok && name == k.Name()",
	New:  "return ok && slices.ContainsFunc(k.all, func(k key) bool { return k.name == name })",
	Bug:  "A new root key before the old one wraps nothing: whoever stole the old one goes on reading.",
}, {
	Name: "later-data-key-under-the-old-root",
	File: "internal/store/sealed/keyring.go",
	Old:  "if err := r.begin(ctx, root); err != nil {\n\t\treturn false, err\n\t}\n\tr.root = root",
	New:  "if err := r.begin(ctx, root); err != nil {\n\t\treturn false, err\n\t}",
	Bug:  "The next data key goes back to the root key that was replaced.",
}, {
	Name: "data-key-used-before-it-is-kept",
	File: "internal/store/sealed/keyring.go",
	Old:  "\tif err := r.meta.CompareAndSet(ctx, keysRow, r.row, row); err != nil {",
	New:  "\tr.sealing.Store(key)\n\tif err := r.meta.CompareAndSet(ctx, keysRow, r.row, row); err != nil {",
	Bug:  "After a failed write, values are sealed under a key that is nowhere.",
}, {
	Name: "rekeyed-rows-share-memory",
	File: "internal/sealing/rekey.go",
	Old:  "Value: bytes.Clone(value)",
	New:  "Value: value",
	Bug:  "A rekeying writes one row's value into others.",
}, {
	Name: "old-store-goes-before-the-trail",
	File: "internal/sealing/rekey.go",
	Old:  "\t\tif err := replaceTrail(TrailDir(data)); err != nil {",
	New:  "\t\t_ = os.RemoveAll(replaced)\n\t\tif err := replaceTrail(TrailDir(data)); err != nil {",
	Bug:  "A rekeying that is cut off leaves the trail under the old key, and deletes the one under the new key.",
}, {
	Name: "self-signed-without-its-address",
	File: "internal/listen/selfsigned.go",
	Old:  "c.IPAddresses = append(c.IPAddresses, ip)",
	New:  "c.DNSNames = append(c.DNSNames, ip.String())",
	Bug:  "Clients that call a self-signed server by its address refuse it.",
}, {
	Name: "client-certificate-optional",
	File: "internal/listen/tls.go",
	Old:  "tls.RequireAndVerifyClientCert",
	New:  "tls.VerifyClientCertIfGiven",
	Bug:  "Clients without a certificate are let in.",
}, {
	Name: "private-network-is-loopback",
	File: "internal/listen/tls.go",
	Old:  "ok && tcp.IP.IsLoopback() {",
	New:  "ok && (tcp.IP.IsLoopback() || tcp.IP.IsPrivate()) {",
	Bug:  "In a network at home or at work everything goes over the wire in the clear.",
}}
