package mutants

// What is on disk.
var stores = []Mutant{{
	Name: "ack-before-sync",
	File: "internal/store/pebblestore/commit.go",
	Old:  "return s.db.Apply(batch, pebble.Sync)",
	New:  "return s.db.Apply(batch, pebble.NoSync)",
	Bug:  "A power cut loses what was acknowledged.",
}, {
	Name: "index-read-before-its-sync",
	File: "internal/store/pebblestore/handle.go",
	Old:  "writes := x.store.underWay()",
	New:  "writes := x.store.underWay()[:0]",
	Bug:  "Lists show executions that a power cut then takes away.",
}, {
	Name: "epoch-unchecked",
	File: "internal/store/pebblestore/commit.go",
	Old:  "section.Epoch != sh.epoch || ",
	New:  "",
	Bug:  "An owner who lost his shard goes on writing to it.",
}, {
	Name: "sequence-unchecked",
	File: "internal/store/pebblestore/commit.go",
	Old:  "section.Seq != sh.last.seq+1 || ",
	New:  "",
	Bug:  "A batch is written over a state that it was not made for.",
}, {
	Name: "failed-sync-ignored",
	File: "internal/store/pebblestore/logger.go",
	Old:  "what is on disk is not known: \" + fmt.Sprintf(format, args...))\n\tl.exit(1)",
	New:  "what is on disk is not known: \" + fmt.Sprintf(format, args...))",
	Bug:  "After the disk failed, writes are acknowledged that it does not have.",
}, {
	Name: "last-write-of-a-row-loses",
	File: "internal/store/pebblestore/order.go",
	Old:  "return cmp.Compare(a.place, b.place)",
	New:  "return cmp.Compare(b.place, a.place)",
	Bug:  "A row that is written twice in a batch keeps the older value.",
}, {
	Name: "value-not-bound-to-its-place",
	File: "internal/store/sealed/value.go",
	Old:  "'s'), shard)\n\tr.place = append(r.place, key...)",
	New:  "'s'), shard)",
	Bug:  "Who can write the disk puts one execution's sealed row in the place of another's, unnoticed.",
}, {
	Name: "nonce-used-twice",
	File: "internal/store/sealed/sealed.go",
	Old:  "counter++",
	New:  "",
	Bug:  "Rows of one batch share a nonce: who has the disk can compute with their plain texts.",
}, {
	Name: "varint-overflow-unchecked",
	File: "internal/pack/pack.go",
	Old:  "n, size := binary.Uvarint(r.rest)\n\tif size <= 0 {",
	New:  "n, size := binary.Uvarint(r.rest)\n\tif size == 0 {",
	Bug:  "A damaged row, or a made-up token, panics instead of being refused.",
}, {
	Name: "length-overflow-unchecked",
	File: "internal/pack/pack.go",
	Old:  "if n > uint64(len(r.rest)) {\n\t\tr.fail()\n\t\treturn nil",
	New:  "if int(n) > len(r.rest) {\n\t\tr.fail()\n\t\treturn nil",
	Bug:  "A damaged length panics instead of being refused.",
}, {
	Name: "export-lacks-the-closed",
	File: "internal/server/offline.go",
	Old:  ", {execution.ClosedByClose, engine.Closed}",
	New:  "",
	Bug:  "Without its runId, a closed execution can't be exported.",
}, {
	Name: "export-of-the-first-run",
	File: "internal/server/offline.go",
	Old:  "p.status, true, nil, 1)",
	New:  "p.status, false, nil, 1)",
	Bug:  "Instead of the last run the first one is exported.",
}, {
	Name: "export-of-another-execution",
	File: "internal/server/offline.go",
	Old:  "view.Name != name) {",
	New:  "view.Name.World != name.World) {",
	Bug:  "A runId of another domain's execution exports that one under the wrong name.",
}}
