package mutants

// What an account shows another.
var grants = []Mutant{{
	Name: "pending-grants-show",
	In:   "dataexchange.(*actions).shows",
	Old:  "g.Accepted != 0 &&",
	New:  "",
	Bug:  "A receiver has a data set before having accepted it.",
	Then: []string{exchanges},
}, {
	Name: "owned-names-for-what-is-entitled",
	In:   "dataexchange.(*subject).whose",
	Old:  "n.Account = d.named().Account",
	New:  "_ = d",
	Bug:  "Policies that are about what an account owns open what others show it.",
	Then: []string{exchanges},
}, {
	Name: "entitled-data-set-not-sent",
	In:   "catalog.(*Grants).Handle",
	Old:  "t.Messages = append(t.Messages, begin(to.World, KindEntitled, entitledSeed(s.id.Run), s.entitle()))",
	New:  "_ = to",
	Bug:  "A crash leaves a grant that its receiver never sees.",
}, {
	Name: "pending-grants-of-all-receivers",
	In:   "catalog.(*Accounts).addGrant",
	Old:  "!g.Accepted && g.Receiver == c.Create.Receiver",
	New:  "!g.Accepted",
	Bug:  "Twenty grants that nobody accepts leave none for other receivers.",
}}
