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
	Name: "places-before-signatures",
	In:   "operation.(*Handler).receive",
	Old:  "\tc.Operation, err = p.Find(c)\n",
	New:  "\tif h.Gate != nil {\n\t\tc.entered = h.Gate.Enter(c)\n\t}\n\tc.Operation, err = p.Find(c)\n",
	Bug:  "Strangers take all the places of requests, by heads whose bodies never come.",
}, {
	Name: "strangers-bodies-are-read",
	In:   "operation.(*Call).ReadBody",
	Old:  "if c.Request.ContentLength != 0 {",
	New:  "if false {",
	Bug:  "Whoever has no key makes the server hold as many bodies as it has connections.",
}, {
	Name: "slowest-of-all-gives-way",
	In:   "listen.(*room).loser",
	Old:  "return r.slowest(most, p, 0)",
	New:  "return r.slowest(own, p, r.grace)",
	Bug:  "Two clients with many slow requests keep everybody else out.",
}, {
	Name: "slow-connections-of-anybody",
	In:   "listen.(*connections).waiters",
	Old:  "if w.first == nil || w.count[client] > w.count[w.first.client] || w.count[client] == w.count[w.first.client] && since < w.since {",
	New:  "if _ = client; w.first == nil || since < w.since {",
	Bug:  "A crowd of addresses with slow heads has the idle connections of all others closed.",
}, {
	Name: "early-requests-are-handled",
	In:   "listen.(*connection).turn",
	Old:  "if c.answering.Swap(false) && c.read == c.answer {",
	New:  "if false {",
	Bug:  "Of two processes that share a connection, one takes the other's answer for its own.",
}, {
	Name: "early-requests-prove-delivery",
	In:   "listen.(*connection).hear",
	Old:  "look := len(c.watches) > 0 && !c.proven && c.read > c.early",
	New:  "look := false\n\tc.proven = true",
	Bug:  "A task is lost until its timeout if its worker sent something else and died.",
}, {
	Name: "stop-waits-for-bodies",
	In:   "listen.(*Door).Drain",
	Old:  "\td.requests.close()\n",
	New:  "",
	Bug:  "One client that sends half a request keeps the server from stopping for 20 seconds.",
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
	In:   "server.(*limiter).within",
	Old:  "if l.global {",
	New:  "if false {",
	Bug:  "Whoever signs for made-up regions calls IAM as often as they like.",
}}
