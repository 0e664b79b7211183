package mutants

// What is counted.
var measures = []Mutant{{
	Name: "children-not-counted",
	In:   "swf/execution.(*turn).measure",
	Old:  "\t\tt.count(workflowMeters, t.s.of(a.WorkflowType.Name, a.WorkflowType.Version), workflowsStarted, 0)",
	New:  "\t\tif a.ParentWorkflowExecution == nil {\n\t\t\tt.count(workflowMeters, t.s.of(a.WorkflowType.Name, a.WorkflowType.Version), workflowsStarted, 0)\n\t\t}",
	Bug:  "More executions close than were started.",
}, {
	Name: "series-without-bound",
	In:   "metrics.(*meters).add",
	Old:  "if len(sets) >= n.most {",
	New:  "if len(sets) < 0 {",
	Bug:  "Whoever registers many types fills the memory of the server, and of Prometheus.",
}, {
	Name: "leaving-set-forgets",
	In:   "metrics.(*meters).tidy",
	Old:  "if s.used.Swap(false) { // somebody had it who has counted since",
	New:  "if false {",
	Bug:  "What is counted while a set of labels leaves is lost.",
}}
