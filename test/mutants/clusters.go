package mutants

// How several nodes share a store. Those marked (!) are the rules without which that failed when it was
// first tried.
var clusters = []Mutant{{
	Name: "fact-of-the-past-believed", // (!)
	In:   "cluster.(*Cluster).learn",
	Old:  "if epoch < p.epoch || epoch == p.epoch &&",
	New:  "if epoch == p.epoch &&",
	Bug:  "A late word of an earlier owner has a node look for a shard where it no longer is.",
	Then: []string{worlds},
}, {
	Name: "task-of-a-dead-node-swallowed", // (!)
	In:   "cluster.(*Cluster).offerAgain",
	Old:  "return !here[peer]",
	New:  "return false",
	Bug:  "A task that was on its way to a worker by a node that died waits for its timeout.",
	Then: []string{worlds},
}, {
	Name: "offers-not-sent-anew", // (!)
	In:   "cluster.(*Cluster).announced",
	Old:  "c.offerTo(a.Shard, t.run, o)",
	New:  "_, _ = t, o",
	Bug:  "When a task list moves, the tasks that wait on it are offered to nobody.",
	Then: []string{worlds},
}}
