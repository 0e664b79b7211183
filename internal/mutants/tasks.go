package mutants

// How tasks reach workers.
var tasks = []Mutant{{
	Name: "attempt-reused",
	File: "internal/swf/execution/task.go",
	Old:  "t.noteAttempt(k, k.attempt+1, t.in.Now, false)",
	New:  "t.noteAttempt(k, k.attempt, t.in.Now, false)",
	Bug:  "Two deliveries of a task have one attempt: word that the first was lost takes the task from the second.",
}, {
	Name: "redelivery-starts-anew",
	File: "internal/swf/execution/activity.go",
	Old:  "if a.started != 0 {\n\t\tt.startAgain(&a.task)\n\t} else if !t.emit(",
	New:  "if !t.emit(",
	Bug:  "A task that goes out again gets a second Started event: histories that no service would write.",
}, {
	Name: "undelivered-not-offered-again",
	File: "internal/swf/execution/task.go",
	Old:  "\t\tt.noteAttempt(k, attempt, k.since, true)\n",
	New:  "",
	Bug:  "A task whose poller broke the connection is given to nobody until it times out.",
}, {
	Name: "late-word-of-an-attempt",
	File: "internal/swf/execution/task.go",
	Old:  "k.started == 0 || k.attempt != attempt || k.back",
	New:  "k.started == 0 || k.back",
	Bug:  "Word of an earlier attempt counts for the present one: it is swallowed, or done twice.",
}, {
	Name: "token-of-an-earlier-start",
	File: "internal/swf/execution/decision_task.go",
	Old:  "d.scheduled != c.ScheduledEventID || d.started == 0 || d.started != c.StartedEventID",
	New:  "d.started == 0",
	Bug:  "A decider whose task has timed out answers the next one with what he saw before.",
}, {
	Name: "priorities-as-text",
	File: "internal/matching/list.go",
	Old:  "a, b := h[i], h[j]\n\treturn cmp.Or(\n\t\t-cmp.Compare(a.priority, b.priority),",
	New: `a, b := h[i], h[j]
	text := func(n int32) (digits []byte) {
		for ; n != 0; n /= 10 {
			digits = append([]byte{byte('0' + n%10)}, digits...)
		}
		return digits
	}
	return cmp.Or(
		-bytes.Compare(text(a.priority), text(b.priority)),`,
	Bug: "Priority 9 goes before priority 10.",
}, {
	Name: "low-priority-first",
	File: "internal/matching/list.go",
	Old:  "-cmp.Compare(a.priority, b.priority)",
	New:  "cmp.Compare(a.priority, b.priority)",
	Bug:  "Urgent tasks wait behind all others.",
}, {
	Name: "newest-task-first",
	File: "internal/matching/list.go",
	Old:  "cmp.Compare(a.at, b.at)",
	New:  "-cmp.Compare(a.at, b.at)",
	Bug:  "Under load old tasks starve.",
}, {
	Name: "changed-offer-keeps-its-place",
	File: "internal/matching/list.go",
	Old:  "if o.place != nowhere {\n\t\theap.Fix(&l.waiting, o.place)\n\t}",
	New:  "",
	Bug:  "The heap's order breaks: tasks of high priority wait behind others.",
}, {
	Name: "refused-poll-loses-its-wait",
	File: "internal/matching/matching.go",
	Old:  "return s.wait(ctx, c.list.name, c.ticket, told)",
	New:  "_ = told\n\ts.mu.Unlock()\n\treturn nil",
	Bug:  "A poll that met a task which had just closed comes back empty while others wait for it.",
}, {
	Name: "refused-poll-goes-to-the-back",
	File: "internal/matching/matching.go",
	Old:  "return s.wait(ctx, c.list.name, c.ticket, told)",
	New:  "s.tickets++\n\treturn s.wait(ctx, c.list.name, s.tickets, told)",
	Bug:  "A poll that was refused is overtaken by all that came after it.",
}, {
	Name: "withdrawn-task-comes-back",
	File: "internal/matching/claim.go",
	Old:  "if !c.offer.gone {\n\t\theap.Push(",
	New:  "{\n\t\theap.Push(",
	Bug:  "A task that closed while it was claimed stands in the list for good, and each poll meets it.",
}, {
	Name: "started-for-a-caller-who-has-gone",
	File: "internal/swf/poll.go",
	Old:  "if gone := operation.Gone(ctx); gone != nil {",
	New:  "if gone := operation.Gone(ctx); gone != nil && false {",
	Bug:  "A task is started for a poller who has hung up.",
}, {
	Name: "unusable-task-offered-again",
	File: "internal/swf/poll.go",
	Old:  "// every poll.\n\t\t\tclaim.Accept()",
	New:  "// every poll.\n\t\t\tclaim.Return()",
	Bug:  "A quarantined execution's task stands before all others of its list, and every poll of it fails.",
}, {
	Name: "task-of-an-unknown-start-dropped",
	File: "internal/swf/poll.go",
	Old:  "default:\n\t\t\tclaim.Return()",
	New:  "default:\n\t\t\tclaim.Accept()",
	Bug:  "A task whose start failed by an error is offered to nobody until the server restarts.",
}, {
	Name: "list-of-all-regions",
	File: "internal/swf/execution/name.go",
	Old:  "return \"activity\\x00\" + w.Account + \"\\x00\" + w.Region + ",
	New:  "return \"activity\\x00\" + w.Account + ",
	Bug:  "Workers of one region take the tasks of another.",
}, {
	Name: "function-called-again",
	File: "internal/swf/lambda/functions.go",
	Old:  "aws.BoolTernary(undialled(err) || statusOf(err)",
	New:  "aws.BoolTernary(statusOf(err) == 0 || statusOf(err)",
	Bug:  "A function whose answer was lost runs a second time, though its decider was told of one.",
}, {
	Name: "function-fails-as-the-server-stops",
	File: "internal/swf/lambda/performer.go",
	Old:  "if limited || p.calls.Err() != nil {",
	New:  "if limited {",
	Bug:  "A stop fails the functions under way instead of having them run again.",
}, {
	Name: "functions-unsigned",
	File: "internal/swf/lambda/functions.go",
	Old:  "if key != (Key{}) {",
	New:  "if key == (Key{}) {",
	Bug:  "Calls of functions are not signed, and the endpoint refuses them.",
}}
