package mutants

// How several nodes share a store. Those marked (!) are the rules without which that failed when it was
// first tried.
var clusters = []Mutant{{
	Name: "fence-counted-afterwards", // (!)
	In:   "pgstore.statementsOf",
	Old:  "(select count(*) from w) = $6::int8 ",
	New:  "(select count(*) from w) + (select count(*) from SCHEMA.shards s, unnest($1::int4[], $3::int8[]) as g(shard, seq) where s.shard = g.shard and s.seq = g.seq) = $6::int8 ",
	Bug:  "A section that repeats a sequence is taken for a written one.",
}, {
	Name: "fence-without-member", // (!)
	In:   "pgstore.statementsOf",
	Old:  " and s.member = $5::text returning 1)",
	New:  " and $5::text is not null returning 1)",
	Bug:  "An owner from before a restart or a restore writes, if its epoch fits by luck.",
}, {
	Name: "commit-outlives-the-lease", // (!)
	In:   "pgstore.(*Store).transact",
	Old:  "s.options.Within(s.lease.life(), commitWithin)",
	New:  "s.options.Within(context.Background(), commitWithin)",
	Bug:  "While PostgreSQL does not answer, callers wait for their commits though others have the shards.",
}, {
	Name: "commit-cancelled", // (!)
	In:   "pgstore.newDialer",
	Old:  "if ctx.Value(ownDial{}) == nil {",
	New:  "if false {",
	Bug:  "A commit that is given up is cancelled, and PostgreSQL shows what no standby has.",
}, {
	Name: "fact-of-the-past-believed", // (!)
	In:   "cluster.(*Cluster).learn",
	Old:  "if epoch < p.epoch || epoch == p.epoch &&",
	New:  "if epoch == p.epoch &&",
	Bug:  "A late word of an earlier owner has a node look for a shard where it no longer is.",
	Then: []string{worlds},
}, {
	Name: "own-by-look", // (!)
	In:   "cluster.(*Cluster).Looked",
	Old:  "c.take(uint16(id))",
	New:  "p.state = owned\n\t\t\tc.learn(uint16(id), o.Epoch, c.me)",
	Bug:  "A node takes for its own what it only looked up, and nobody serves it.",
	Then: []string{worlds},
}, {
	Name: "own-shard-not-taken", // (!)
	In:   "cluster.(*Cluster).Looked",
	Old:  "case p.state == elsewhere && o.Epoch > p.given:",
	New:  "case false:",
	Bug:  "A shard whose take-over was answered too late is nobody's until its node ends.",
	Then: []string{worlds},
}, {
	Name: "given-before-released", // (!)
	In:   "shard.(*Shard).depart",
	Old:  "err := handle.Release(ctx)",
	New:  "s.gone(true)\n\t\terr := handle.Release(ctx)\n\t\tif err == nil || true {\n\t\t\treturn err\n\t\t}",
	Bug:  "A shard is given away that the store still says is this node's.",
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
}, {
	Name: "keys-of-others-unknown", // (!)
	In:   "sealed.(*keyring).findAnew",
	Old:  "if err := r.read(ctx, r.root); err != nil {",
	New:  "if err := error(nil); err != nil {",
	Bug:  "A node can't read what another one wrote with a data key of its own.",
}, {
	Name: "key-lost-to-another", // (!)
	In:   "sealed.(*keyring).begin",
	Old:  "if !errors.Is(err, store.ErrConflict) {",
	New:  "if true {",
	Bug:  "Of two nodes that begin a data key at the same time one can write no more.",
}, {
	Name: "answered-without-a-lease",
	In:   "shard.(*Node).step",
	Old:  "n.done(s, b, n.cfg.Store.Current(), 0)",
	New:  "n.done(s, b, nil, 0)",
	Bug:  "A node that was paused answers from a memory of the past.",
	Then: []string{worlds},
}, {
	Name: "offers-of-the-past",
	In:   "cluster.(*Cluster).fresh",
	Old:  "return epoch == c.from[shard]",
	New:  "return true",
	Bug:  "The last word of an earlier owner takes the offers of the present one away.",
	Then: []string{worlds},
}, {
	Name: "peer-outlives-its-link",
	In:   "cluster.(*Cluster).peer",
	Old:  `fmt.Sprint(member, "#", c.sessions[member])`,
	New:  "fmt.Sprint(member)",
	Bug:  "A task that was started while the link to its worker's node broke and began anew is swallowed.",
	Then: []string{worlds},
}, {
	Name: "lost-to-who-takes-in-vain",
	In:   "shard.(*Node).acknowledge",
	Old:  "s.generationNow() == 0 {",
	New:  "s.generationNow() == 0 && s.hasLeft() {",
	Bug:  "Acknowledgements go to a shard that can't be taken over here, and its rows stay for ever.",
	Then: []string{worlds},
}}
