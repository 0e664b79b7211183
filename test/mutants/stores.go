package mutants

// What is on disk.
var stores = []Mutant{{
	Name: "ack-before-sync",
	In:   "pebblestore.(*Store).writeBatch",
	Old:  "return s.db.Apply(batch, pebble.Sync)",
	New:  "return s.db.Apply(batch, pebble.NoSync)",
	Bug:  "A power cut loses what was acknowledged.",
}, {
	Name: "index-read-before-its-sync",
	In:   "pebblestore.(*Store).ScanIndex",
	Old:  "writes := s.underWay()",
	New:  "writes := s.underWay()[:0]",
	Bug:  "Lists show executions that a power cut then takes away.",
}, {
	Name: "epoch-unchecked",
	In:   "pebblestore.(*Store).admit",
	Old:  "section.Epoch != sh.epoch || ",
	New:  "",
	Bug:  "An owner who lost his shard goes on writing to it.",
}, {
	Name: "sequence-unchecked",
	In:   "pebblestore.(*Store).admit",
	Old:  "section.Seq != sh.last.seq+1 || ",
	New:  "",
	Bug:  "A batch is written over a state that it was not made for.",
}, {
	Name: "failed-sync-ignored",
	In:   "pebblestore.pebbleLogger.Fatalf",
	Old:  "what is on disk is not known: \" + fmt.Sprintf(format, args...))\n\tl.exit(1)",
	New:  "what is on disk is not known: \" + fmt.Sprintf(format, args...))",
	Bug:  "After the disk failed, writes are acknowledged that it does not have.",
}, {
	Name: "last-write-of-a-row-loses",
	In:   "pebblestore.(*order).sort",
	Old:  "return cmp.Compare(a.place, b.place)",
	New:  "return cmp.Compare(b.place, a.place)",
	Bug:  "A row that is written twice in a batch keeps the older value.",
}, {
	Name: "value-not-bound-to-its-place",
	In:   "sealed.(*room).shardPlace",
	Old:  "'s'), shard)\n\tr.place = append(r.place, key...)",
	New:  "'s'), shard)",
	Bug:  "Who can write the disk puts one execution's sealed row in the place of another's, unnoticed.",
}, {
	Name: "nonce-used-twice",
	In:   "sealed.(*Store).seal",
	Old:  "counter++",
	New:  "",
	Bug:  "Rows of one batch share a nonce: who has the disk can compute with their plain texts.",
}, {
	Name: "varint-overflow-unchecked",
	In:   "pack.(*Reader).Uint",
	Old:  "if size <= 0 {",
	New:  "if size == 0 {",
	Bug:  "A damaged row, or a made-up token, panics instead of being refused.",
}, {
	Name: "length-overflow-unchecked",
	In:   "pack.(*Reader).Bytes",
	Old:  "if n > uint64(len(r.rest)) {",
	New:  "if int(n) > len(r.rest) {",
	Bug:  "A damaged length panics instead of being refused.",
}, {
	Name: "export-lacks-the-closed",
	In:   "swf.(*Export).find",
	Old:  ", {execution.ClosedByClose, engine.Closed}",
	New:  "",
	Bug:  "Without its runId, a closed execution can't be exported.",
	Then: []string{exports},
}, {
	Name: "export-of-the-first-run",
	In:   "swf.(*Export).find",
	Old:  "p.status, true, nil, 1, 1)",
	New:  "p.status, false, nil, 1, 1)",
	Bug:  "Instead of the last run the first one is exported.",
	Then: []string{exports},
}, {
	Name: "export-of-another-execution",
	In:   "swf.(*Export).find",
	Old:  "view.Name != name) {",
	New:  "view.Name.World != name.World) {",
	Bug:  "A runId of another domain's execution exports that one under the wrong name.",
	Then: []string{exports},
}, {
	Name: "full-disk-fails-writes",
	In:   "pebblestore.(*room).wait",
	Old:  "if !r.patient {",
	New:  "if true {",
	Bug:  "A full disk ends the process.",
}, {
	Name: "hosts-one-after-the-other",
	In:   "pgstore.(*dialer).connect",
	Old:  "if waits = nil; begun == 1 {",
	New:  "if waits = nil; begun == 1 && failed > 0 {",
	Bug:  "While a paused primary accepts and says nothing, its successor is not found.",
}, {
	Name: "late-connection-thrown-away",
	In:   "pgstore.(*pool).open",
	Old:  "	p.put(c)",
	New:  "	closeConn(p.dial, c); <-p.places",
	Bug:  "On a machine where a connection takes longer than anybody waits, none is ever made.",
}}
