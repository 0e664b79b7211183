package mutants

// How shards keep what they promise.
var shards = []Mutant{{
	Name: "unknown-outcome-is-success",
	File: "internal/shard/shard.go",
	Old:  "if err != nil {\n\t\ts.drop(fmt.Errorf(\"%w: %w\", engine.ErrUnavailable, err))",
	New:  "if err != nil && err != store.ErrUnknown {\n\t\ts.drop(fmt.Errorf(\"%w: %w\", engine.ErrUnavailable, err))",
	Bug:  "A write of which nobody knows whether it was made is acknowledged.",
}, {
	Name: "fenced-commit-is-acknowledged",
	File: "internal/shard/shard.go",
	Old:  "c.reply, c.err = nil, why",
	New:  "if c.reply == nil {\n\t\t\tc.err = why\n\t\t}",
	Bug:  "Callers whose batch was fenced get 200 for what was never written.",
}, {
	Name: "memory-kept-after-a-failed-commit",
	File: "internal/shard/shard.go",
	Old:  "s.drop(fmt.Errorf(\"%w: %w\", engine.ErrUnavailable, err))\n\t\treturn",
	New: `s.untouch(b)
		for _, c := range b.calls {
			c.reply, c.err = nil, fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
			c.finish()
		}
		b.release()
		return`,
	Bug: "A shard goes on with states that the store does not have.",
}, {
	Name: "snapshot-at-the-wrong-event",
	File: "internal/shard/snapshot.go",
	Old:  "r.SnapshotAt, r.SnapshotLen, r.SnapshotSlot = n.at, len(n.state), n.slot",
	New:  "r.SnapshotAt, r.SnapshotLen, r.SnapshotSlot = n.at-1, len(n.state), n.slot",
	Bug:  "Long executions can't be loaded any more once their state has left the memory.",
}, {
	Name: "record-not-compared",
	Then: []string{"./internal/shard"}, // whose runs it reads
	File: "internal/runlog/check.go",
	Old:  `"record", &rec.Record, "log", &now); err != nil {`,
	New:  `"record", &rec.Record, "log", &now); false && err != nil {`,
	Bug:  "heddle check finds damaged records in order.",
}, {
	Name: "any-note-is-a-delivery",
	File: "internal/shard/recover.go",
	Old:  "if r == nil || engine.NoteKind(kind) != engine.NoteDelivered {",
	New:  "if r == nil || engine.NoteKind(kind) < engine.NoteDelivered {",
	Bug:  "A task that was on its second way to a worker when the server stopped is swallowed.",
}, {
	Name: "held-task-stays-held",
	File: "internal/shard/recover.go",
	Old:  "r.Offers[i].Held = false",
	New:  "",
	Bug:  "A task that was on its way to a worker when the server stopped is offered to nobody.",
}, {
	Name: "forgotten-before-its-time",
	File: "internal/shard/forget.go",
	Old:  "if engine.Time(at) > f.now || len(f.doomed) == batchForgetMax {",
	New:  "if len(f.doomed) == batchForgetMax {",
	Bug:  "When one execution's retention is over, those of others in its shard go with it.",
}, {
	Name: "index-rows-left-behind",
	File: "internal/shard/forget.go",
	Old:  "b.delete(store.IndexSpace, s.indexKey(b, r, e))",
	New:  "_ = e",
	Bug:  "Counts include executions that were forgotten long ago, and the index grows for ever.",
}, {
	Name: "notes-left-behind",
	File: "internal/shard/forget.go",
	Old:  "[]byte{keys.History, keys.Note, keys.Snapshot, keys.Blob}",
	New:  "[]byte{keys.History, keys.Snapshot, keys.Blob}",
	Bug:  "What workers reported of tasks that were under way at the end stays on disk for ever.",
}, {
	Name: "open-runs-counted-for-ever",
	File: "internal/shard/settle.go",
	Old:  "s.groups.add(r.Group, -1)",
	New:  "",
	Bug:  "A domain takes no more executions once so many were ever started.",
}, {
	Name: "middle-of-a-turn-skipped",
	Then: []string{"./internal/shard"}, // whose runs it reads
	File: "internal/runlog/history.go",
	Old:  "if first > 1 { // it may be in the middle of a turn",
	New:  "if first > 2 { // it may be in the middle of a turn",
	Bug:  "A page of history that begins with the second event can't be read.",
}, {
	Name: "reverse-page-loses-its-first-event",
	Then: []string{"./internal/shard"}, // whose runs it reads
	File: "internal/runlog/history.go",
	Old:  "for ; next >= max(first, t.First); next-- {",
	New:  "for ; next > max(first, t.First); next-- {",
	Bug:  "Histories in reverse order lack events.",
}, {
	Name: "run-not-waited-for",
	File: "internal/shard/lacks.go",
	Old:  "waits = t.unknown || s.runLine.has(t.key) || byName",
	New:  "waits = t.unknown || byName",
	Bug:  "A command overtakes an earlier one for the same execution that waits to be read.",
}, {
	Name: "message-overtakes",
	File: "internal/shard/lacks.go",
	Old:  "c.isMessage() && s.senderLine.has(c.from)\n",
	New:  "false\n",
	Bug:  "While one execution is read, messages behind it are taken for lost, or handled before it.",
}, {
	Name: "stale-lookup-believed",
	File: "internal/shard/lacks.go",
	Old:  "f.stale = true",
	New:  "",
	Bug:  "What was read before a batch changed it counts after it.",
}, {
	Name: "lookups-outlive-the-batch",
	File: "internal/shard/lacks.go",
	Old:  "delete(s.cold, r.Run)\n\t\t\tdelete(s.kept, r.Name)",
	New:  "_ = r",
	Bug:  "A closed run that was read once is used again after it has changed.",
}, {
	Name: "failed-read-is-final",
	File: "internal/shard/lacks.go",
	Old:  "if failed.broken {\n",
	New:  "if true {\n",
	Bug:  "One read that fails has a message parked until the next restart.",
}, {
	Name: "excess-written",
	File: "internal/shard/evaluate.go",
	Old:  "n > engine.TurnBytesMax {",
	New:  "n > 1<<40 {",
	Bug:  "One run's excess takes the batch above what the store takes, and its neighbours with it.",
}, {
	Name: "begun-over-another",
	File: "internal/shard/evaluate.go",
	Old:  "if exists {",
	New:  "if exists && s.runs[r.Run] != nil {",
	Bug:  "A new run with the seed of a closed one is written over it.",
}, {
	Name: "reopened-over-another",
	File: "internal/shard/evaluate.go",
	Old:  "if other := s.names.get(r.Name); other != nil {\n\t\t\treturn",
	New:  "if other := s.names.get(r.Name); other != nil && other == r {\n\t\t\treturn",
	Bug:  "A name has two open runs once one of them opens again.",
}, {
	Name: "reopened-and-forgotten",
	File: "internal/shard/settle.go",
	Old:  "if was := r.change.before.Forget; was != 0 {",
	New:  "if was := r.change.before.Forget; was < 0 {",
	Bug:  "The row that says when to forget a run outlives its reopening.",
}, {
	Name: "kept-name-taken-twice",
	File: "internal/shard/settle.go",
	Old:  "s.kept[r.Name] = r.Run",
	New:  "",
	Bug:  "A name that is to be used once is used twice if its run closes at once.",
}, {
	Name: "awaiting-call-dropped",
	File: "internal/shard/shard.go",
	Old:  "s.awaitAgain(c, c.awaits)",
	New:  "",
	Bug:  "Who awaits the end of an execution waits for ever once its batch was taken back.",
}, {
	Name: "snapshot-named-before-it-is-whole",
	File: "internal/shard/snapshot.go",
	Old:  "if n.written < runlog.SnapshotParts(len(n.state)) {",
	New:  "if n.written < runlog.SnapshotParts(len(n.state))-1 {",
	Bug:  "A crash while a large snapshot is written loses the execution.",
}, {
	Name: "log-cut-too-far",
	File: "internal/shard/snapshot.go",
	Old:  "keys.AppendHistory(nil, r.Run, n.at))",
	New:  "keys.AppendHistory(nil, r.Run, n.at+1))",
	Bug:  "The first event after a snapshot goes with those before it.",
}, {
	Name: "log-never-cut",
	File: "internal/shard/snapshot.go",
	Old:  ".CutsLog {",
	New:  ".CutsLog && false {",
	Bug:  "What never closes grows for ever on disk.",
}, {
	Name: "reference-not-indexed",
	File: "internal/shard/evaluate.go",
	Old:  "b.put(store.IndexSpace, keys.AppendBlobIndex(nil, id, r.Run), nil)",
	New:  "",
	Bug:  "The sweeper deletes what executions refer to.",
}}
