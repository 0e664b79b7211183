package mutants

// The audit trail.
var trail = []Mutant{{
	Name: "token-in-the-trail",
	In:   "audit.class.hides",
	Old:  "return c == secret || c == data && !showData",
	New:  "return c != open && !showData",
	Bug:  "Who has the data of users recorded records tokens and secret keys with it.",
}, {
	Name: "lost-records-not-told",
	In:   "audit.(*destination).run",
	Old:  "\tuntold = 0\n\t\t\t}",
	New:  "}\n\t\t\tuntold = 0",
	Bug:  "If the record of a loss is lost too, the trail never says that it has a hole.",
}, {
	Name: "half-a-record-kept",
	In:   "audit.(*files).add",
	Old:  "f.torn = n > 0",
	New:  "_ = n",
	Bug:  "After a full disk the next record stands in one line with a half of another: both are gone.",
}, {
	Name: "trail-file-deleted-too-early",
	In:   "audit.(*files).tidy",
	Old:  "i < len(own)-f.Keep &&",
	New:  "i <= len(own)-f.Keep && i+1 < len(own) &&",
	Bug:  "A day of the trail less is kept than was asked for.",
}, {
	Name: "evidence-goes-before-its-time",
	In:   "audit.(*files).mayGo",
	Old:  "f.ready && f.Confirmed().Sub(last) >= f.ChangesAge",
	New:  "f.ready",
	Bug:  "Who may make many changes has the records of earlier ones deleted.",
}, {
	Name: "change-answered-before-its-record",
	In:   "audit.(*Trail).Record",
	Old:  "return t.written(to.queue.fill(*line))",
	New:  "to.queue.fill(*line)\n\treturn nil",
	Bug:  "A change is acknowledged whose record a full disk or a crash loses.",
}, {
	Name: "refusals-not-counted",
	In:   "audit.(*refusals).whole",
	Old:  "sort.merge(c.Time)",
	New:  "_ = sort",
	Bug:  "Somebody tries all doors, and the trail knows of the first ten.",
}, {
	Name: "line-not-bound-to-its-file",
	In:   "audit.bound",
	Old:  "return append(head[:lineHeadLen:lineHeadLen], file...)",
	New:  "_ = file\n\treturn head",
	Bug:  "Who can write the disk puts a line of yesterday in the place of today's, unnoticed.",
}, {
	Name: "removed-line-not-noticed",
	In:   "audit.(*Reader).open",
	Old:  "case offset != p.due:",
	New:  "case offset < p.due:",
	Bug:  "Who can write the disk takes records away from a sealed trail, unnoticed.",
}, {
	Name: "trail-key-not-rewrapped",
	In:   "sealing.keepTrailKey",
	Old:  "if err == nil && keys.Current(wrapped) {",
	New:  "if err == nil {",
	Bug:  "The trail stays under the old root key: who throws that away can't read it any more.",
}}
