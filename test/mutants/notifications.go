package mutants

// What those outside are told.
var notifications = []Mutant{{
	Name: "notification-row-not-written",
	In:   "shard.(*Shard).notify",
	Old:  "b.put(store.ShardSpace, key, b.cut(func(room []byte) []byte { return runlog.AppendNotified(room, &n) }))",
	New:  "_ = key",
	Bug:  "Nobody outside hears of what happens.",
}, {
	Name: "positions-not-written",
	In:   "shard.(*Shard).writeTold",
	Old:  "b.put(store.ShardSpace, []byte{keys.Told}, b.cut(n.Append))",
	New:  "",
	Bug:  "After a restart nobody knows which notifications there are.",
}, {
	Name: "notifications-deleted-behind-the-fastest",
	In:   "runlog.(*Told).Least",
	Old:  "least = min(least, t.Targets[i].Number)",
	New:  "least = max(least, t.Targets[i].Number)",
	Bug:  "What one target has had is gone for the others.",
}, {
	Name: "position-of-a-lost-owner-taken",
	In:   "shard.(*Shard).takeHad",
	Old:  "h.generation != s.generation ||",
	New:  "",
	Bug:  "Who has lost a shard moves its targets past what they have not had.",
}, {
	Name: "failed-events-count-as-sent",
	In:   "notify.(*target).deliver",
	Old:  "case err == nil:",
	New:  "case true:",
	Bug:  "What a target did not take is not sent again.",
}, {
	Name: "refused-events-not-kept",
	In:   "notify.(*target).giveUp",
	Old:  "Event: e.body}",
	New:  "Event: e.body[:0]}",
	Bug:  "An event that a target refuses is gone.",
}, {
	Name: "redirects-followed",
	In:   "notify.newClient",
	Old:  "return http.ErrUseLastResponse",
	New:  "return nil",
	Bug:  "Whoever answers for a webhook has events sent elsewhere.",
}, {
	Name: "sealed-words-logged",
	In:   "execution.(*State).appendRecord",
	Old:  "*words = nil",
	New:  "_ = words",
	Bug:  "What users have sealed stands in logs, if only as it is stored.",
}, {
	Name: "data-logged-unasked",
	In:   "execution.(*turn).log",
	Old:  "s.appendRecord(b, id, t.in.Now, e, l.Data)",
	New:  "s.appendRecord(b, id, t.in.Now, e, true)",
	Bug:  "Inputs and outputs stand in logs of machines that want none of them there.",
}, {
	Name: "every-target-hears-logs",
	In:   "notify.(*target).takes",
	Old:  "return t.Types == sort || t.Types == typesAll && sort == \"\"",
	New:  "return true",
	Bug:  "Whoever wants events gets the inputs and outputs of executions, too.",
}, {
	Name: "express-logs-unbounded",
	In:   "notify.(*target).offer",
	Old:  "fits := l.bytes+len(e.body) <= looseBytesMax",
	New:  "fits := true",
	Bug:  "A target that is down takes all memory.",
}, {
	Name: "groups-of-others-logged-to",
	In:   "sfn.(*actions).logging",
	Old:  "own := s.Trusting || a.Region == w.Region && a.Account == w.Account",
	New:  "own := true",
	Bug:  "By the operator's keys users write into log groups of other accounts.",
	Then: []string{"./internal/server -run TestStatesStories"},
}, {
	Name: "unsampled-traced",
	In:   "execution.(*turn).traced",
	Old:  "return !t.s.traceOf().Off",
	New:  "return true",
	Bug:  "What its caller does not want to be recorded is.",
}}
