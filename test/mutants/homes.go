package mutants

// How a store is spread over several databases.
var homes = []Mutant{{
	Name: "home-takes-all-shards",
	In:   "cluster.(*Cluster).LostHome",
	Old:  "	c.lost(home)",
	New:  "	c.lost(home); c.lost(0)",
	Bug:  "A database that fails takes the executions of others with it.",
}, {
	Name: "members-of-another-home",
	In:   "cluster.(*Cluster).heir",
	Old:  "range c.homeOf(id).able",
	New:  "range c.homes[0].able",
	Bug:  "A shard is given to a node that does not reach its database, and is served by nobody.",
}, {
	Name: "owners-of-another-home",
	In:   "cluster.(*Cluster).Looked",
	Old:  "		if o.Member != c.me {",
	New:  "		if o = s.Owners[0]; o.Member != c.me {",
	Bug:  "What one database says of another one's shards, which is nothing, is believed.",
}, {
	Name: "lists-of-homes-not-merged",
	In:   "homes.scanIndex",
	Old:  "bytes.Compare(s.rows[0].key, first.rows[0].key) < 0",
	New:  "false",
	Bug:  "A list has one database's executions after another one's.",
}, {
	Name: "looks-of-the-membership-before",
	In:   "cluster.(*Cluster).joined",
	Old:  "h.seen, h.before = false, h.looks",
	New:  "h.seen, h.before = false, 0",
	Bug:  "A node that joins a home anew serves its shards at once, though others who know more of them have not joined again.",
}, {
	Name: "sequences-of-homes-not-told",
	In:   "homes.(*Store).Sequences",
	Old:  "for shard := home;",
	New:  "for shard := 0;",
	Bug:  "What a home has lost is not noticed by other nodes: the sequences of its shards are not told.",
	Then: []string{worldsOfHomes},
}, {
	Name: "sequences-of-other-homes-heard",
	In:   "homes.(*Store).Heard",
	Old:  "for shard := home; shard < len(own); shard += len(s.homes)",
	New:  "for shard := range own",
	Bug:  "A home seems to lack all steps of the shards that others have.",
	Then: []string{worldsOfHomes},
}, {
	Name: "loss-accepted-in-the-first-home",
	In:   "homes.(*Store).AcceptLoss",
	Old:  "below, err := s.homes[home].reach()",
	New:  "below, err := s.homes[0].reach()",
	Bug:  "A loss in another home than the first can't be accepted.",
	Then: []string{worldsOfHomes},
}, {
	Name: "losses-of-the-last-home",
	In:   "homes.(*Store).Losses",
	Old:  "all = append(all, own...)",
	New:  "all = own",
	Bug:  "What a home has lost is not shown, and so not accepted.",
	Then: []string{worldsOfHomes},
}, {
	Name: "outcomes-of-another-home",
	In:   "homes.(*Store).Commit",
	Old:  "errs[at] = said[i]",
	New:  "errs[i] = said[i]",
	Bug:  "What one home says of a section is taken for what another one said.",
	Then: []string{worldsOfHomes},
}, {
	Name: "marks-of-another-moment",
	In:   "runlog.(*check).markLater",
	Old:  "if a.Later == nil {",
	New:  "if a != nil {",
	Bug:  "The check of a sound store of several homes finds messages between them wrong.",
	Then: []string{"./internal/shard -run TestCheckOfHomes"},
}}
