package mutants

// Pages, lists, counts and the tokens between them.
var lists = []Mutant{{
	Name: "page-loses-an-event",
	In:   "swf.(*historyPages).read",
	Old:  "p.first += n",
	New:  "p.first += n + 1",
	Bug:  "Deciders miss the first event of each further page.",
}, {
	Name: "reverse-page-loses-an-event",
	In:   "swf.(*historyPages).read",
	Old:  "p.last -= n",
	New:  "p.last -= n + 1",
	Bug:  "Pages in reverse order miss an event between them.",
}, {
	Name: "list-in-the-wrong-order",
	In:   "swf.(*actions).list",
	Old:  "newest := reverse == nil || !*reverse",
	New:  "newest := reverse != nil && *reverse",
	Bug:  "Lists begin with the oldest execution.",
}, {
	Name: "list-repeats-between-pages",
	In:   "visibility.(*Reader).List",
	Old:  "start = append(key, 0)",
	New:  "start = key",
	Bug:  "The last execution of a page is the first of the next one, too.",
}, {
	Name: "latest-date-excluded",
	In:   "visibility.(*Reader).bounds",
	Old:  "int64(max(0, *p.To+1))",
	New:  "int64(max(0, *p.To))",
	Bug:  "Lists lack the executions of the very moment at which they end.",
}, {
	Name: "count-not-truncated",
	In:   "visibility.(*Reader).Count",
	Old:  "truncated = true",
	New:  "truncated = false",
	Bug:  "A count that stopped at its limit passes for the whole.",
}, {
	Name: "records-read-before-their-sync",
	In:   "visibility.(*Reader).List",
	Old:  "r.index.Barrier(ctx); err != nil",
	New:  "error(nil); err != nil",
	Bug:  "Lists show of executions what a power cut then takes back.",
}, {
	Name: "index-of-all-regions",
	In:   "keys.(*Hash).Index",
	Old:  "return h.Sum(\"index\", kind, account, region, value)",
	New:  "return h.Sum(\"index\", kind, account, value)",
	Bug:  "Lists and counts of one region show the executions of another.",
}, {
	Name: "page-token-of-another-query",
	In:   "token.(*Sealer).OpenPage",
	Old:  "len(b) < len(query) || [16]byte(b) != query",
	New:  "len(b) < len(query)",
	Bug:  "A page token goes on with a query that it was not made for: another's history.",
}, {
	Name: "token-of-another-world",
	In:   "token.associatedData",
	Old:  "[...]string{string(family), world.Account, world.Region}",
	New:  "[...]string{string(family)}",
	Bug:  "A task token of one account or region works in another.",
}, {
	Name: "token-of-another-family",
	In:   "token.associatedData",
	Old:  "[...]string{string(family), world.Account, world.Region}",
	New:  "[...]string{world.Account, world.Region}",
	Bug:  "A worker's token answers a decision task.",
}}
