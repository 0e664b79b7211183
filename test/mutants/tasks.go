package mutants

// How tasks reach workers.
var tasks = []Mutant{{
	Name: "attempt-reused",
	In:   "task.(*Task).StartAgain",
	Old:  "k.noteAttempt(k.Attempt+1, now, false, note)",
	New:  "k.noteAttempt(k.Attempt, now, false, note)",
	Bug:  "Two deliveries of a task have one attempt: word that the first was lost takes the task from the second.",
}, {
	Name: "redelivery-starts-anew",
	In:   "swf/execution.(*turn).startActivity",
	Old:  "if a.Started != 0 {\n\t\ta.StartAgain(t.in.Now, t.note)\n\t\tt.measureAgain(\"activity\")\n\t} else if !t.emit(",
	New:  "if !t.emit(",
	Bug:  "A task that goes out again gets a second Started event: histories that no service would write.",
}, {
	Name: "undelivered-not-offered-again",
	In:   "task.(*Task).Missed",
	Old:  "\tk.noteAttempt(attempt, k.Since, true, note)\n",
	New:  "",
	Bug:  "A task whose poller broke the connection is given to nobody until it times out.",
}, {
	Name: "late-word-of-an-attempt",
	In:   "task.(*Task).isLatest",
	Old:  "k.Attempt == attempt && !k.Back",
	New:  "!k.Back",
	Bug:  "Word of an earlier attempt counts for the present one: it is swallowed, or done twice.",
}, {
	Name: "token-of-an-earlier-start",
	In:   "swf/execution.(*turn).completeDecision",
	Old:  "d.Scheduled != c.ScheduledEventID || d.Started == 0 || d.Started != c.StartedEventID",
	New:  "d.Started == 0",
	Bug:  "A decider whose task has timed out answers the next one with what he saw before.",
}, {
	Name: "priorities-as-text",
	In:   "matching.offerHeap.Less",
	Old:  "return cmp.Or(\n\t\t-cmp.Compare(a.priority, b.priority),",
	New: `text := func(n int32) (digits []byte) {
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
	In:   "matching.offerHeap.Less",
	Old:  "-cmp.Compare(a.priority, b.priority)",
	New:  "cmp.Compare(a.priority, b.priority)",
	Bug:  "Urgent tasks wait behind all others.",
}, {
	Name: "newest-task-first",
	In:   "matching.offerHeap.Less",
	Old:  "cmp.Compare(a.at, b.at)",
	New:  "-cmp.Compare(a.at, b.at)",
	Bug:  "Under load old tasks starve.",
}, {
	Name: "changed-offer-keeps-its-place",
	In:   "matching.(*taskList).put",
	Old:  "if o.place != nowhere {\n\t\theap.Fix(&l.waiting, o.place)\n\t}",
	New:  "",
	Bug:  "The heap's order breaks: tasks of high priority wait behind others.",
}, {
	Name: "refused-poll-loses-its-wait",
	In:   "matching.(*Matcher).Refuse",
	Old:  "return s.wait(ctx, c.list.name, c.ticket, c.who, c.home, told)",
	New:  "_ = told\n\ts.mu.Unlock()\n\treturn nil",
	Bug:  "A poll that met a task which had just closed comes back empty while others wait for it.",
}, {
	Name: "refused-poll-goes-to-the-back",
	In:   "matching.(*Matcher).Refuse",
	Old:  "return s.wait(ctx, c.list.name, c.ticket, c.who, c.home, told)",
	New:  "s.tickets++\n\treturn s.wait(ctx, c.list.name, s.tickets, c.who, c.home, told)",
	Bug:  "A poll that was refused is overtaken by all that came after it.",
}, {
	Name: "withdrawn-task-comes-back",
	In:   "matching.(*Claim).Return",
	Old:  "if !c.offer.gone {",
	New:  "{",
	Bug:  "A task that closed while it was claimed stands in the list for good, and each poll meets it.",
}, {
	Name: "started-for-a-caller-who-has-gone",
	In:   "tasks.Poll",
	Old:  "if gone := operation.Gone(ctx); gone != nil {",
	New:  "if gone := operation.Gone(ctx); gone != nil && false {",
	Bug:  "A task is started for a poller who has hung up.",
}, {
	Name: "unusable-task-offered-again",
	In:   "tasks.Poll",
	Old:  "// every poll.\n\t\t\tclaim.Accept()",
	New:  "// every poll.\n\t\t\tclaim.Return()",
	Bug:  "A quarantined execution's task stands before all others of its list, and every poll of it fails.",
}, {
	Name: "task-of-an-unknown-start-dropped",
	In:   "tasks.Poll",
	Old:  "default:\n\t\t\tclaim.Return()",
	New:  "default:\n\t\t\tclaim.Accept()",
	Bug:  "A task whose start failed by an error is offered to nobody until the server restarts.",
}, {
	Name: "list-of-all-regions",
	In:   "swf/execution.ActivityList",
	Old:  "return \"activity\\x00\" + w.Account + \"\\x00\" + w.Region + ",
	New:  "return \"activity\\x00\" + w.Account + ",
	Bug:  "Workers of one region take the tasks of another.",
}, {
	Name: "function-called-again",
	In:   "lambda.newFunctions",
	Old:  "aws.BoolTernary(undialled(err) || statusOf(err)",
	New:  "aws.BoolTernary(statusOf(err) == 0 || statusOf(err)",
	Bug:  "A function whose answer was lost runs a second time, though its decider was told of one.",
}, {
	Name: "hanging-functions-take-all-places",
	In:   "fair.(*Queue).more",
	Old:  "part*ofParent - s.running; left > 0",
	New:  "part*ofParent; left > 0",
	Bug:  "A group whose functions hang keeps those of all others from being called.",
}, {
	Name: "sources-share-a-group",
	In:   "outbound.Place.owner",
	Old:  "source.List() + \"\\x00\" + p.Group",
	New:  "p.Group",
	Bug:  "A state machine whose functions hang takes the places of a domain that has its name.",
}, {
	Name: "stalled-account-keeps-the-performers",
	In:   "tasks.(*Performer).admit",
	Old:  "p.queue.Add(t, t.Name.World.Account)",
	New:  "p.queue.Add(t, \"\")",
	Bug:  "An account whose bucket does not answer keeps the jobs of all others waiting.",
}, {
	Name: "stalled-account-keeps-the-room",
	In:   "bucket.(*Room).For",
	Old:  "return &Room{r.room, account}",
	New:  "return &Room{r.room, \"\"}",
	Bug:  "An account whose bucket does not answer has all the memory for objects that are on their way.",
}, {
	Name: "closed-task-keeps-its-place",
	In:   "outbound.(*Performer).watch",
	Old:  "return o.ID == j.id",
	New:  "return o.ID != 0",
	Bug:  "A function that never answers has its place for as long as its execution runs, though its task is closed.",
}, {
	Name: "function-fails-as-the-server-stops",
	In:   "outbound.(*Performer).perform",
	Old:  "if p.calls.Err() != nil {",
	New:  "if p.calls.Err() != nil && limited {",
	Bug:  "A stop fails the functions under way instead of having them run again.",
}, {
	Name: "functions-unsigned",
	In:   "lambda.newFunctions",
	Old:  "key.HasKeys() {",
	New:  "!key.HasKeys() {",
	Bug:  "Calls of functions are not signed, and the endpoint refuses them.",
}}
