package mutants

// Connections, and how much of the server each client and account has.
var connections = []Mutant{{
	Name: "refused-calls-cost-too",
	In:   "throttle.(*Limiter).take",
	Old:  "if full-t > int64(p.fill) {",
	New:  "if full-t > int64(p.fill) {\n\t\tpart.full[b] = full",
	Bug:  "Who repeats calls that were throttled never gets through again.",
}, {
	Name: "buckets-of-all-accounts",
	In:   "throttle.(*Limiter).Take",
	Old:  "t := now.UnixNano()",
	New:  "t := now.UnixNano()\n\taccount = \"\"",
	Bug:  "One account uses up the calls of all others.",
}, {
	Name: "decisions-of-all-regions",
	In:   "server.(*limiter).inWorld",
	Old:  "l.take(w.Account, w.Region, name)",
	New:  "l.take(w.Account, \"\", name)",
	Bug:  "Decisions in one region use up those of another.",
}, {
	Name: "poll-gives-its-request-back-twice",
	In:   "server.(*countedTasks).asPoll",
	Old:  "\t\tt.requests.Add(client, 1)\n",
	New:  "",
	Bug:  "With every poll a client may have one request more at a time.",
}, {
	Name: "poll-keeps-its-share",
	In:   "server.(*countedTasks).asPoll",
	Old:  "\t\tt.polls.Add(client, -1)\n",
	New:  "",
	Bug:  "After some thousand polls a client gets no task any more.",
}, {
	Name: "each-address-is-a-client",
	In:   "listen.clientOf",
	Old:  "bits := 64",
	New:  "bits := 128",
	Bug:  "A client with a network of IPv6 addresses has as many shares as he likes.",
}, {
	Name: "place-left-twice",
	In:   "listen.(*connections).remove",
	Old:  "if _, here := l.open[n]; here {",
	New:  "{",
	Bug:  "A connection that ends twice gives its client one more each time.",
}, {
	Name: "stream-written-before-it-is",
	In:   "listen.(*stream).Watch",
	Old:  "{ s.watch(lost, false) }",
	New:  "{ s.watch(lost, true) }",
	Bug:  "With HTTP/2, a task whose answer never arrived is given to nobody until it times out.",
}, {
	Name: "late-reset-counts",
	In:   "listen.(*connection).end",
	Old:  "if now.Before(w.until) && (reset || known && got < w.end) {",
	New:  "if now.Before(w.until.Add(time.Hour)) && (reset || known && got < w.end) {",
	Bug:  "A laptop that wakes up has the tasks given again that its worker is at.",
}, {
	Name: "regions-of-a-global-service",
	In:   "server.(*limiter).take",
	Old:  "if l.global {",
	New:  "if false {",
	Bug:  "Whoever signs for made-up regions calls IAM as often as they like.",
}}
