package mutants

// Map runs, express executions, and mocks.
var mapRuns = []Mutant{{
	Name: "one-item-too-many-at-a-time",
	In:   "sfn/maprun.(*State).room",
	Old:  "int64(len(s.open)) < most",
	New:  "int64(len(s.open)) <= most",
	Bug:  "A map run has one execution more open than MaxConcurrency.",
}, {
	Name: "what-is-done-is-redriven",
	In:   "sfn/maprun.(*itemEnded).Apply",
	Old:  "if e.status != execution.Succeeded {",
	New:  "if true {",
	Bug:  "A redrive counts and begins again what has succeeded.",
}, {
	Name: "refused-items-lost",
	In:   "sfn/maprun.(*itemBack).Apply",
	Old:  "s.back = append(s.back, refused{s.open[i], e.input})",
	New:  "",
	Bug:  "An item whose execution could not begin yet never has one.",
}, {
	Name: "batches-count-once",
	In:   "sfn/maprun.(*itemEnded).Apply",
	Old:  "*s.items.of(e.status) += its.items",
	New:  "*s.items.of(e.status)++",
	Bug:  "Of a batch one item is counted.",
}, {
	Name: "ends-with-executions-open",
	In:   "sfn/maprun.(*State).drained",
	Old:  "len(s.open) == 0 &&",
	New:  "true &&",
	Bug:  "A map run ends before its executions have.",
}, {
	Name: "pending-items-left-out",
	In:   "sfn/maprun.(*State).pending",
	Old:  "for _, item := range s.window {",
	New:  "for _, item := range s.window[:0] {",
	Bug:  "PENDING files lack the items that have not begun.",
}, {
	Name: "redriven-items-count-twice",
	In:   "sfn/maprun.(*redriven).Apply",
	Old:  "*s.items.of(its.status) -= its.items",
	New:  "",
	Bug:  "What is redriven still counts as failed.",
}, {
	Name: "express-for-a-year",
	In:   "sfn/execution.(*State).closeBy",
	Old:  "s.express ||",
	New:  "",
	Bug:  "Express executions have no limit of five minutes.",
}, {
	Name: "express-kept",
	In:   "sfn/execution.(*Rules).Record",
	Old:  "if s.express {",
	New:  "if false {",
	Bug:  "Express executions stay for as long as others, though nobody can ask for them.",
}, {
	Name: "mocks-count-no-retries",
	In:   "sfn/execution.(*State).applyScheduled",
	Old:  "s.invoke(t)",
	New:  "",
	Bug:  "Each invocation of a state with a mock is its first.",
}, {
	Name: "kept-runs-not-written",
	In:   "shard.(*Shard).pass",
	Old:  "rec.Forget > rec.Closed",
	New:  "false",
	Bug:  "A run that ends in its first turn is lost, though it is to be kept.",
}, {
	Name: "passing-runs-say-nothing",
	In:   "shard.(*Shard).pass",
	Old:  "s.send(b, turn.Messages)",
	New:  "",
	Bug:  "What a run said that was not written does not arrive.",
}}
