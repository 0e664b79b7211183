package mutants

// Data Exchange: what is published, and what moves its bytes.
var exchange = []Mutant{{
	Name: "job-changed-beside-its-log",
	In:   "dataexchange.(*move).exportAll",
	Old:  "m.done = 0",
	New:  "m.done, m.job.Done = 0, 0",
	Bug:  "What an attempt begins anew changes the job in memory, and no event tells of it.",
	Then: []string{exchanges, seeds},
}, {
	Name: "import-left-to-the-other",
	In:   "catalog.(*Jobs).progress",
	Old:  "if j.Taken[c.Item] != nil { // two perform one attempt: whichever ends it needs to know no more\n\t\t\treturn nil",
	New:  "if j.Taken[c.Item] != nil {\n\t\t\treturn staleError{}",
	Bug:  "Two who perform an import after a lost shard each leave it to the other, for a day.",
}, {
	Name: "reopened-export-goes-on",
	In:   "dataexchange.(*move).exportAll",
	Old:  "!r.Finalized || r.Updated > m.job.Created",
	New:  "!r.Finalized",
	Bug:  "An asset is not exported, since the revision was opened and changed meanwhile.",
	Then: []string{exchanges},
}, {
	Name: "one-job-for-all-revisions",
	In:   "catalog.(*Accounts).export",
	Old:  "Key: a.ID + p.Revision",
	New:  "Key: a.ID",
	Bug:  "An event action exports the first revision that is published, and no other.",
}, {
	Name: "published-with-each-finalizing",
	In:   "catalog.(*Revisions).update",
	Old:  "if was.Published",
	New:  "if was.Finalized",
	Bug:  "A revision that was opened again is published twice.",
}, {
	Name: "imported-blob-not-kept",
	In:   "catalog.(*Revisions).add",
	Old:  "t.Keep = blobs(s.assets, c.Assets)",
	New:  "_ = blobs(s.assets, c.Assets)",
	Bug:  "The bytes of an asset are swept.",
}, {
	Name: "deleted-asset-keeps-its-blob",
	In:   "catalog.(*Revisions).asset",
	Old:  "t.Drop = blobs(s.assets, []*Asset{a})",
	New:  "_ = blobs(s.assets, []*Asset{a})",
	Bug:  "The bytes of what was deleted stay for ever.",
}, {
	Name: "line-of-jobs-stands-still",
	In:   "catalog.(*Accounts).release",
	Old:  "r.start(t, s, s.line[0], now)",
	New:  "_ = s.line[0]",
	Bug:  "Jobs of event actions that had to wait wait for ever.",
}, {
	Name: "refused-event-action-gives-up",
	In:   "catalog.(*Jobs).fail",
	Old:  `c.Refused && j.Order.EventAction != ""`,
	New:  `c.Refused && j.Order.EventAction == ""`,
	Bug:  "Nobody watches an event action, and what its bucket refuses once never arrives.",
}, {
	Name: "upload-after-the-start",
	In:   "catalog.(*Jobs).Handle",
	Old:  "if s.job.State != wire.StateWaiting || s.closed != 0 || in.Now >= s.job.Expires {",
	New:  "if s.closed != 0 || in.Now >= s.job.Expires {",
	Bug:  "Who has a signed URL changes an asset while it is being imported.",
}, {
	Name: "exports-of-revisions-unasked",
	In:   "dataexchange.(*subject).starting",
	Old:  `sub.Outside = append(sub.Outside, permission.Writing(w.Region, i.Bucket, "*"))`,
	New:  `_ = permission.Writing(w.Region, i.Bucket, "*")`,
	Bug:  "Whoever may start a job writes into every bucket that the server can.",
	Then: []string{exchanges},
}}
