package mutants

// How shards keep what they promise.
var shards = []Mutant{{
	Name: "unknown-outcome-is-success",
	In:   "shard.(*Shard).Done",
	Old:  "if err != nil {",
	New:  "if err != nil && err != store.ErrUnknown {",
	Bug:  "A write of which nobody knows whether it was made is acknowledged.",
}, {
	Name: "fenced-commit-is-acknowledged",
	In:   "shard.(*Shard).answerAll",
	Old:  "c.reply, c.err = nil, why",
	New:  "if c.reply == nil {\n\t\t\tc.err = why\n\t\t}",
	Bug:  "Callers whose batch was fenced get 200 for what was never written.",
}, {
	Name: "memory-kept-after-a-failed-commit",
	In:   "shard.(*Shard).Done",
	Old:  "s.drop(fmt.Errorf(\"%w: %w\", engine.ErrUnavailable, err))",
	New: `s.untouch(b)
		for _, c := range b.calls {
			c.reply, c.err = nil, fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
			c.finish()
		}
		b.release()`,
	Bug: "A shard goes on with states that the store does not have.",
}, {
	Name: "snapshot-at-the-wrong-event",
	In:   "shard.(*Shard).finishSnapshot",
	Old:  "r.SnapshotAt, r.SnapshotLen, r.SnapshotSlot = n.at, len(n.state), n.slot",
	New:  "r.SnapshotAt, r.SnapshotLen, r.SnapshotSlot = n.at-1, len(n.state), n.slot",
	Bug:  "Long executions can't be loaded any more once their state has left the memory.",
}, {
	Name: "record-not-compared",
	Then: []string{"./internal/shard"}, // whose runs it reads
	In:   "runlog.(*check).checkRun",
	Old:  `"record", &rec.Record, "log", &now); err != nil {`,
	New:  `"record", &rec.Record, "log", &now); false && err != nil {`,
	Bug:  "heddle check finds damaged records in order.",
}, {
	Name: "any-note-is-a-delivery",
	In:   "shard.(*recovered).readNote",
	Old:  "if engine.NoteKind(kind) != engine.NoteDelivered {",
	New:  "if engine.NoteKind(kind) < engine.NoteDelivered {",
	Bug:  "A task that was on its second way to a worker when the server stopped is swallowed.",
}, {
	Name: "held-task-stays-held",
	In:   "shard.(*Shard).install",
	Old:  "r.Offers[i].Held = false",
	New:  "",
	Bug:  "A task that was on its way to a worker when the server stopped is offered to nobody.",
}, {
	Name: "forgotten-before-its-time",
	In:   "shard.(*fetch).readDue",
	Old:  "if engine.Time(at) > f.now || len(f.doomed) == batchForgetMax {",
	New:  "if len(f.doomed) == batchForgetMax {",
	Bug:  "When one execution's retention is over, those of others in its shard go with it.",
}, {
	Name: "index-rows-left-behind",
	In:   "shard.(*Shard).erase",
	Old:  "b.delete(store.IndexSpace, s.indexKey(b, r, e))",
	New:  "_ = e",
	Bug:  "Counts include executions that were forgotten long ago, and the index grows for ever.",
}, {
	Name: "notes-left-behind",
	In:   "shard.(*fetch).readDoomed",
	Old:  "[]byte{keys.History, keys.Note, keys.Snapshot, keys.Blob}",
	New:  "[]byte{keys.History, keys.Snapshot, keys.Blob}",
	Bug:  "What workers reported of tasks that were under way at the end stays on disk for ever.",
}, {
	Name: "open-runs-counted-for-ever",
	In:   "shard.(*Shard).close",
	Old:  "s.groups.add(r.Group, -1)",
	New:  "",
	Bug:  "A domain takes no more executions once so many were ever started.",
}, {
	Name: "middle-of-a-turn-skipped",
	Then: []string{"./internal/shard"}, // whose runs it reads
	In:   "runlog.AppendPage",
	Old:  "if first > 1 { // it may be in the middle of a turn",
	New:  "if first > 2 { // it may be in the middle of a turn",
	Bug:  "A page of history that begins with the second event can't be read.",
}, {
	Name: "reverse-page-loses-its-first-event",
	Then: []string{"./internal/shard"}, // whose runs it reads
	In:   "runlog.AppendPage",
	Old:  "for ; next >= max(first, t.First); next-- {",
	New:  "for ; next > max(first, t.First); next-- {",
	Bug:  "Histories in reverse order lack events.",
}, {
	Name: "run-not-waited-for",
	In:   "shard.(*Shard).lacks",
	Old:  "held := t.unknown || s.runLine.has(t.key) || byName",
	New:  "held := t.unknown || byName",
	Bug:  "A command overtakes an earlier one for the same execution that waits to be read.",
}, {
	Name: "message-overtakes",
	In:   "shard.(*Shard).lacks",
	Old:  "c.isMessage() && s.senderLine.has(c.from)",
	New:  "false",
	Bug:  "While one execution is read, messages behind it are taken for lost, or handled before it.",
}, {
	Name: "stale-lookup-believed",
	In:   "shard.(*Shard).disbelieve",
	Old:  "f.stale = true",
	New:  "",
	Bug:  "What was read before a batch changed it counts after it.",
}, {
	Name: "lookups-outlive-the-batch",
	In:   "shard.(*Shard).forgetLookups",
	Old:  "delete(s.cold, r.Run)\n\t\t\tdelete(s.kept, r.Name)",
	New:  "_ = r",
	Bug:  "A closed run that was read once is used again after it has changed.",
}, {
	Name: "failed-read-is-final",
	In:   "shard.(*Shard).triesAgain",
	Old:  "if failed.broken {",
	New:  "if true {",
	Bug:  "One read that fails has a message parked until the next restart.",
}, {
	Name: "excess-written",
	In:   "shard.(*Shard).handleIn",
	Old:  "n > engine.TurnBytesMax {",
	New:  "n > 1<<40 {",
	Bug:  "One run's excess takes the batch above what the store takes, and its neighbours with it.",
}, {
	Name: "begun-over-another",
	In:   "shard.(*Shard).begin",
	Old:  "if t.exists {",
	New:  "if exists && s.runs[r.Run] != nil {",
	Bug:  "A new run with the seed of a closed one is written over it.",
}, {
	Name: "reopened-over-another",
	In:   "shard.(*Shard).enter",
	Old:  "if other := s.names.get(r.Name); other != nil {",
	New:  "if other := s.names.get(r.Name); other != nil && other == r {",
	Bug:  "A name has two open runs once one of them opens again.",
}, {
	Name: "reopened-and-forgotten",
	In:   "shard.(*Shard).leaveClosed",
	Old:  "if was := r.change.before.Forget; was != 0 {",
	New:  "if was := r.change.before.Forget; was < 0 {",
	Bug:  "The row that says when to forget a run outlives its reopening.",
}, {
	Name: "kept-name-taken-twice",
	In:   "shard.(*Shard).close",
	Old:  "s.kept[r.Name] = r.Run",
	New:  "",
	Bug:  "A name that is to be used once is used twice if its run closes at once.",
}, {
	Name: "awaiting-call-dropped",
	In:   "shard.(*Shard).takeBack",
	Old:  "s.awaitAgain(c, c.awaits)",
	New:  "",
	Bug:  "Who awaits the end of an execution waits for ever once its batch was taken back.",
}, {
	Name: "snapshot-named-before-it-is-whole",
	In:   "shard.(*Shard).writeSnapshots",
	Old:  "if n.written < runlog.SnapshotParts(len(n.state)) {",
	New:  "if n.written < runlog.SnapshotParts(len(n.state))-1 {",
	Bug:  "A crash while a large snapshot is written loses the execution.",
}, {
	Name: "log-cut-too-far",
	In:   "shard.(*Shard).finishSnapshot",
	Old:  "keys.AppendHistory(nil, r.Run, n.at))",
	New:  "keys.AppendHistory(nil, r.Run, n.at+1))",
	Bug:  "The first event after a snapshot goes with those before it.",
}, {
	Name: "log-never-cut",
	In:   "shard.(*Shard).finishSnapshot",
	Old:  ".CutsLog {",
	New:  ".CutsLog && false {",
	Bug:  "What never closes grows for ever on disk.",
}, {
	Name: "reference-not-indexed",
	In:   "shard.(*Shard).take",
	Old:  "b.put(store.IndexSpace, keys.AppendBlobIndex(nil, id, r.Run), nil)",
	New:  "",
	Bug:  "The sweeper deletes what executions refer to.",
}}
