package mutants

// What executions tell each other.
var messages = []Mutant{{
	Name: "end-of-a-child-dropped",
	In:   "swf/execution.(*turn).receive",
	Old:  "case *ChildClosed:\n\t\tt.childClosed(c)",
	New:  "case *ChildClosed:",
	Bug:  "A parent never learns that its child has ended.",
}, {
	Name: "mark-not-written",
	In:   "shard.(*Shard).writeMarks",
	Old:  "b.put(store.ShardSpace, keys.AppendShard(nil, keys.Applied, from), runlog.AppendMark(nil, number))",
	New:  "_, _ = from, number",
	Bug:  "After a crash messages are handled twice, or never again: their receiver does not know where it was.",
}, {
	Name: "message-handled-each-time-it-comes",
	In:   "shard.(*Shard).isNext",
	Old:  "c.number > s.applied[c.from] &&",
	New:  "true ||",
	Bug:  "A message that is sent again signals, starts or cancels twice.",
}, {
	Name: "outgoing-row-not-written",
	In:   "shard.(*Shard).send",
	Old:  "b.put(store.ShardSpace, keys.AppendOutgoing(nil, to, q.last), value)",
	New:  "",
	Bug:  "A crash loses messages: children that never start, parents that wait for ever.",
}, {
	Name: "row-deleted-too-early",
	In:   "shard.(*Shard).takeAcks",
	Old:  "q.rows[n].number <= a.number",
	New:  "q.rows[n].number <= a.number+1",
	Bug:  "A message that was not handled is deleted with the one before it.",
}, {
	Name: "parked-messages-forgotten",
	In:   "shard.(*recovered).readBetween",
	Old:  "failed = m.readParked(key, value)",
	New:  "failed = nil",
	Bug:  "What was told to a quarantined execution is lost, though its sender heard otherwise.",
}, {
	Name: "not-sent-again-after-a-takeover",
	In:   "shard.(*Node).advance",
	Old:  "peer.resend = append(peer.resend, s.id)",
	New:  "",
	Bug:  "Messages that a shard lost with its memory wait until others follow them.",
}}
