package mutants

// What deciders are told, and what comes of what they decide.
var decisions = []Mutant{{
	Name: "queued-decision-lost",
	In:   "swf/execution.(*State).nextDecision",
	Old:  "s.decision, s.queued = s.queued, decisionTask{}",
	New:  "s.decision, s.queued = decisionTask{}, decisionTask{}",
	Bug:  "A signal during a started decision is shown to no decider: the workflow hangs.",
}, {
	Name: "unhandled-decision-not-raised",
	In:   "swf/execution.(*turn).closeCause",
	Old:  "case t.s.decision.Scheduled != 0:",
	New:  "case false:",
	Bug:  "A decider closes an execution although a signal came that he has not seen.",
}, {
	Name: "closing-decision-anywhere",
	In:   "wire.closeFlaw",
	Old:  "decisions[i].Closes() && i != len(decisions)-1",
	New:  "decisions[i].Closes() && i >= len(decisions)",
	Bug:  "Decisions after a closing one are accepted, and silently dropped.",
}, {
	Name: "activity-id-twice",
	In:   "swf/execution.(*turn).resolveActivity",
	Old:  "case t.s.activityNamed(d.ActivityID) != nil:",
	New:  "case false:",
	Bug:  "Two open activity tasks have one activityId; a cancel request reaches the wrong one.",
}, {
	Name: "timer-id-twice",
	In:   "swf/execution.(*turn).startTimer",
	Old:  "case t.s.timerNamed(d.TimerID) != nil:",
	New:  "case false:",
	Bug:  "Two open timers have one timerId; who cancels one leaves the other to fire.",
}, {
	Name: "open-timers-off-by-one",
	In:   "swf/execution.(*turn).startTimer",
	Old:  "len(t.s.timers) >= t.limits.OpenTimers",
	New:  "len(t.s.timers) > t.limits.OpenTimers",
	Bug:  "One timer more than the limit is open.",
}, {
	Name: "open-activities-off-by-one",
	In:   "swf/execution.(*turn).resolveActivity",
	Old:  "len(t.s.activities) >= t.limits.OpenActivities",
	New:  "len(t.s.activities) > t.limits.OpenActivities",
	Bug:  "One activity task more than the limit is open.",
}, {
	Name: "open-children-off-by-one",
	In:   "swf/execution.(*turn).childQuota",
	Old:  "len(t.s.children) >= t.limits.OpenChildren",
	New:  "len(t.s.children) > t.limits.OpenChildren",
	Bug:  "One child more than the limit is open.",
}, {
	Name: "event-limit-off-by-one",
	In:   "swf/execution.(*turn).emitWith",
	Old:  "s.last+1 >= int64(t.limits.EventsMax)",
	New:  "s.last+2 >= int64(t.limits.EventsMax)",
	Bug:  "A history is closed one event before it is full.",
}, {
	Name: "decisions-cut-at-the-event-limit",
	In:   "swf/execution.(*turn).emitWith",
	Old:  "&& !t.deciding",
	New:  "",
	Bug:  "Of decisions that were accepted together, those that come after the last place of the history are lost without a word.",
}, {
	Name: "history-over-its-limit-stays-open",
	In:   "swf/execution.(*turn).takeDecisions",
	Old:  "if t.s.isOpen() && t.s.last >= int64(t.limits.EventsMax) {",
	New:  "if false {",
	Bug:  "Decisions that fill the history leave the execution open.",
}, {
	Name: "terminate-ignores-the-asked-policy",
	In:   "swf/execution.(*turn).terminate",
	Old:  "policy := c.ChildPolicy",
	New:  "policy := \"\"",
	Bug:  "Terminating with another child policy applies the execution's own to the children.",
}, {
	Name: "child-policies-swapped",
	In:   "swf/execution.(*turn).end",
	Old:  "if policy == wire.ChildPolicyTerminate {",
	New:  "if policy != wire.ChildPolicyTerminate {",
	Bug:  "REQUEST_CANCEL kills children that were to be asked, TERMINATE only asks them.",
}, {
	Name: "terminate-any-child-of-the-name",
	In:   "swf/execution.(*turn).terminateChild",
	Old:  "if !t.s.isChildOf(c.Link) {\n\t\treturn // another execution has the child's name now\n\t}",
	New:  "",
	Bug:  "A parent's end terminates an unrelated execution that has taken the name of its child.",
}, {
	Name: "continue-as-new-loses-the-parent",
	In:   "swf/execution.(*turn).continueAsNew",
	Old:  "Parent: s.parent, Continued: s.id.Run,",
	New:  "Continued: s.id.Run,",
	Bug:  "A child that continues as new never tells its parent how it ended.",
}, {
	Name: "refused-child-not-told",
	In:   "swf/execution.(*Rules).Refused",
	Old:  "case *StartChild:\n\t\treturn answer(",
	New:  "case *StartChild:\n\t\t_ = answer(",
	Bug:  "A parent whose child could not be started waits for ever.",
}, {
	Name: "decisions-not-tried",
	In:   "swf/execution.(*turn).fits",
	Old:  "if most <= engine.TurnBytesMax {",
	New:  "if most > 0 {",
	Bug:  "A response with thousands of short decisions stops its execution for good.",
}}
