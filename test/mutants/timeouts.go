package mutants

// What is due, and when.
var timeouts = []Mutant{{
	Name: "deadline-a-second-early",
	In:   "engine.After",
	Old:  "return from + Seconds(seconds)",
	New:  "return from + Seconds(seconds-1)",
	Bug:  "Every timeout and timer comes a second before its time.",
	Then: []string{"./internal/engine/task"},
}, {
	Name: "heartbeat-does-not-count",
	In:   "task.(*Task).BeatBy",
	Old:  "max(k.Since, k.Beat.At, up)",
	New:  "max(k.Since, up)",
	Bug:  "A worker that sends heartbeats is timed out all the same.",
}, {
	Name: "heartbeats-due-while-down",
	In:   "task.(*Task).BeatBy",
	Old:  "max(k.Since, k.Beat.At, up)",
	New:  "max(k.Since, k.Beat.At)",
	Bug:  "A restart times out every worker that could not reach the server meanwhile.",
}, {
	Name: "later-timeout-first",
	In:   "swf/execution.(*deadline).earliest",
	Old:  "at != 0 && (d.at == 0 || at < d.at)",
	New:  "at != 0 && (d.at == 0 || at <= d.at)",
	Bug:  "Of two timeouts at one moment the wrong one is told.",
}, {
	Name: "only-the-first-that-is-due",
	In:   "swf/execution.(*turn).wake",
	Old:  "t.fireTimer(at(s.timers, d.event, (*timer).id))",
	New:  "t.fireTimer(at(s.timers, d.event, (*timer).id))\n\t\t\treturn",
	Bug:  "Timers that are due together fire one by one, each with a decision task of its own.",
}, {
	Name: "all-that-is-due-in-one-turn",
	In:   "swf/execution.(*turn).wake",
	Old:  "for s.isOpen() && t.bytes() < wakeBytes {",
	New:  "for s.isOpen() {",
	Bug:  "A thousand activities that time out at once make a turn that no store takes: their execution is stuck for good.",
}, {
	Name: "timeout-forgotten-on-restart",
	In:   "shard.(*Shard).install",
	Old:  "s.queueWake(r)",
	New:  "",
	Bug:  "After a restart no timer fires and nothing times out until somebody touches the execution.",
}, {
	Name: "clock-goes-back-after-a-takeover",
	In:   "shard.(*Shard).install",
	Old:  "m.up = max(now, m.last+1)",
	New:  "m.up = now",
	Bug:  "Events after a restart are older than those before; timeouts come again.",
}, {
	Name: "clock-goes-back-as-it-slows",
	In:   "server.(*clock).Now",
	Old:  "c.last = max(c.last, t)",
	New:  "c.last = t",
	Bug:  "A clock that is ahead of the wall steps back by some milliseconds every second.",
}, {
	Name: "one-reading-is-believed",
	In:   "server.(*clock).steady",
	Old:  "c.jump.readings >= steadyReadings && c.looked.count-c.jump.since >= steadyFor",
	New:  "c.jump.readings >= 1",
	Bug:  "A wall clock that is an hour ahead for a moment times out what had an hour.",
}, {
	Name: "readings-alone-move-the-clock-by-any-step",
	In:   "server.(*clock).weigh",
	Old:  "if off > c.allowance {",
	New:  "if false {",
	Bug:  "A wall clock that is 40 days ahead for a quarter of a minute times out every execution.",
}, {
	Name: "deletes-by-a-time-that-is-doubted",
	In:   "shard.(*Shard).forgetDue",
	Old:  "min(b.confirmed, s.keptUntil())",
	New:  "min(b.now, s.keptUntil())",
	Bug:  "Ten seconds after a boot with a wrong wall clock the histories of a month are deleted.",
}, {
	Name: "doubt-ends-with-the-process",
	In:   "server.(*clock).begin",
	Old:  "c.doubt = time.Duration(saved.Doubt) * time.Millisecond",
	New:  "",
	Bug:  "A restart makes a time sure that was doubted a moment before, and histories are deleted.",
}, {
	Name: "time-skipping-on-any-store",
	In:   "server.markSkip",
	Old:  "case err == nil:",
	New:  "case false:",
	Bug:  "A start with --time-skip times out and deletes what a real store holds.",
}, {
	Name: "held-shards-handle-deadlines",
	In:   "shard.(*Shard).fireWakes",
	Old:  "if s.peers.holds() {",
	New:  "if false {",
	Bug:  "On a full disk a million timers that come due write until the process ends.",
}, {
	Name: "retention-from-the-start",
	In:   "swf/execution.(*State).forgetAt",
	Old:  "s.closed + engine.Time(days*dayMillis)",
	New:  "s.started + engine.Time(days*dayMillis)",
	Bug:  "An execution that ran for longer than its retention is gone the moment it closes.",
}}
