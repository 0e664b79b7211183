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
}}
