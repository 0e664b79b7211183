package mutants

// Pages, lists, counts and the tokens between them.
var lists = []Mutant{{
	Name: "page-loses-an-event",
	File: "internal/swf/pages.go",
	Old:  "p.first = last + 1",
	New:  "p.first = last + 2",
	Bug:  "Deciders miss the first event of each further page.",
}, {
	Name: "reverse-page-loses-an-event",
	File: "internal/swf/pages.go",
	Old:  "p.last = first - 1",
	New:  "p.last = first - 2",
	Bug:  "Pages in reverse order miss an event between them.",
}, {
	Name: "list-in-the-wrong-order",
	File: "internal/swf/list.go",
	Old:  "newest := reverse == nil || !*reverse",
	New:  "newest := reverse != nil && *reverse",
	Bug:  "Lists begin with the oldest execution.",
}, {
	Name: "list-repeats-between-pages",
	File: "internal/visibility/visibility.go",
	Old:  "start = append(key, 0)",
	New:  "start = key",
	Bug:  "The last execution of a page is the first of the next one, too.",
}, {
	Name: "latest-date-excluded",
	File: "internal/visibility/visibility.go",
	Old:  "int64(max(0, *p.To+1))",
	New:  "int64(max(0, *p.To))",
	Bug:  "Lists lack the executions of the very moment at which they end.",
}, {
	Name: "count-not-truncated",
	File: "internal/visibility/visibility.go",
	Old:  "truncated = true",
	New:  "truncated = false",
	Bug:  "A count that stopped at its limit passes for the whole.",
}, {
	Name: "records-read-before-their-sync",
	File: "internal/visibility/visibility.go",
	Old:  "r.index.Barrier(ctx); err != nil",
	New:  "error(nil); err != nil",
	Bug:  "Lists show of executions what a power cut then takes back.",
}, {
	Name: "index-of-all-regions",
	File: "internal/store/keys/keys.go",
	Old:  "return h.Sum(\"index\", kind, account, region, value)",
	New:  "return h.Sum(\"index\", kind, account, value)",
	Bug:  "Lists and counts of one region show the executions of another.",
}, {
	Name: "page-token-of-another-query",
	File: "internal/token/payload.go",
	Old:  "len(b) < len(query) || [16]byte(b) != query",
	New:  "len(b) < len(query)",
	Bug:  "A page token goes on with a query that it was not made for: another's history.",
}, {
	Name: "token-of-another-world",
	File: "internal/token/token.go",
	Old:  "[...]string{string(family), world.Account, world.Region}",
	New:  "[...]string{string(family)}",
	Bug:  "A task token of one account or region works in another.",
}, {
	Name: "token-of-another-family",
	File: "internal/token/token.go",
	Old:  "[...]string{string(family), world.Account, world.Region}",
	New:  "[...]string{world.Account, world.Region}",
	Bug:  "A worker's token answers a decision task.",
}}
