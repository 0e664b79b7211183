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
}}
