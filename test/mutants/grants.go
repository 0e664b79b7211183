package mutants

// What an account shows another.
var grants = []Mutant{{
	Name: "pending-grants-show",
	In:   "dataexchange.(*actions).shows",
	Old:  "g.Accepted != 0 &&",
	New:  "",
	Bug:  "A receiver has a data set before having accepted it.",
	Then: []string{exchanges},
}}
