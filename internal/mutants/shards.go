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
		b.calls, s.committing = b.calls[:0], false
		return`,
	Bug: "A shard goes on with states that the store does not have.",
}, {
	Name: "snapshot-at-the-wrong-event",
	File: "internal/shard/run.go",
	Old:  "r.SnapshotAt, r.SnapshotLen, r.TailLen = r.NextEvent, len(value), 0",
	New:  "r.SnapshotAt, r.SnapshotLen, r.TailLen = r.NextEvent-1, len(value), 0",
	Bug:  "Long executions can't be loaded any more once their state has left the memory.",
}, {
	Name: "record-not-compared",
	File: "internal/shard/check.go",
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
	Old:  "if engine.Time(t) > b.now || len(due) == batchForgetMax {",
	New:  "if len(due) == batchForgetMax {",
	Bug:  "When one execution's retention is over, those of others in its shard go with it.",
}, {
	Name: "index-rows-left-behind",
	File: "internal/shard/forget.go",
	Old:  "b.delete(store.IndexSpace, s.indexKey(b, r, e))",
	New:  "_ = e",
	Bug:  "Counts include executions that were forgotten long ago, and the index grows for ever.",
}, {
	Name: "rows-of-the-same-batch-left-behind",
	File: "internal/shard/forget.go",
	Old:  "found = append(found, op.Key)",
	New:  "_ = op",
	Bug:  "Without retention the last events of each execution stay on disk, with what users put into them.",
}, {
	Name: "open-runs-counted-for-ever",
	File: "internal/shard/run.go",
	Old:  "s.groups.add(r.Group, -1)",
	New:  "",
	Bug:  "A domain takes no more executions once so many were ever started.",
}, {
	Name: "middle-of-a-turn-skipped",
	File: "internal/shard/history.go",
	Old:  "if first > 1 { // it may be in the middle of a turn",
	New:  "if first > 2 { // it may be in the middle of a turn",
	Bug:  "A page of history that begins with the second event can't be read.",
}, {
	Name: "reverse-page-loses-its-first-event",
	File: "internal/shard/history.go",
	Old:  "for ; next >= max(first, t.First); next-- {",
	New:  "for ; next > max(first, t.First); next-- {",
	Bug:  "Histories in reverse order lack events.",
}}
