package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/test/golden"
)

const (
	sec  = engine.Time(1000)
	mins = 60 * sec
	hour = 60 * mins
)

// now is the moment of all stories: 2026-03-01 12:00:00 UTC.
const now = engine.Time(1772366400000)

func details(s string) *string { return &s }

// waitingTask is an activity that waits on a list.
func waitingTask(list string, since engine.Time) Task {
	return Task{
		Kind: Activity, Name: "notify-customer", ID: "notify", List: list, Full: "activity/" + list, Scheduled: 40, ScheduledAt: now - since, Waits: true,
		Deadlines: []Deadline{{"SCHEDULE_TO_START", now + hour}},
	}
}

// heldTask is an activity that somebody has.
func heldTask(holder string, since engine.Time, deadlines ...Deadline) Task {
	return Task{
		Kind: Activity, Name: "charge-card", ID: "charge", List: "payments", Full: "activity/payments", Scheduled: 20, ScheduledAt: now - since - sec,
		Started: 21, Since: now - since, Attempt: 1, Holder: holder, Deadlines: deadlines, Lacking: []string{"startToClose", "scheduleToClose", "heartbeat"},
	}
}

func decisionTask(since engine.Time) Task {
	return Task{
		Kind: Decision, List: "deciders", Full: "decision/deciders", Scheduled: 30, ScheduledAt: now - since - sec, Started: 31, Since: now - since,
		Attempt: 1, Holder: "decider-1", Deadlines: []Deadline{{"START_TO_CLOSE", now + 30*sec}},
	}
}

// stories are one for each verdict at least; the name begins with the code that is expected
// first.
var stories = []struct {
	name  string
	facts Facts
}{
	{"QUARANTINED", Facts{Quarantined: true, Execution: &Execution{IsOpen: true}}},
	{"DECISION_REFUSED", Facts{Execution: &Execution{Tasks: []Task{decisionTask(20 * sec)}}, Refusals: []Refusal{
		{At: now - 2*sec, Action: "RespondDecisionTaskCompleted", Code: "ValidationException", Text: "Missing attribute activityId", Principal: "arn:aws:iam::123456789012:user/decider"},
		{At: now - 9*sec, Action: "RespondDecisionTaskCompleted", Code: "ValidationException", Text: "Missing attribute activityId"},
		{At: now - 40*sec, Action: "RespondDecisionTaskCompleted", Code: "ValidationException", Text: "of the task before"},
	}}},
	{"DECISION_REFUSED for one who may not see refusals", Facts{Execution: &Execution{Tasks: []Task{decisionTask(20 * sec)}}, Refusals: []Refusal{
		{At: now - 2*sec, Action: "RespondDecisionTaskCompleted", Code: "ValidationException"},
	}}},
	{"HELD since the refusal was of the task before", Facts{Execution: &Execution{Tasks: []Task{decisionTask(20 * sec)}}, Refusals: []Refusal{
		{At: now - 40*sec, Action: "RespondDecisionTaskCompleted", Code: "ValidationException"},
	}}},
	{"NO_WORKER since the start", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 7*sec)}}}},
	{"NO_WORKER since the server started", Facts{Up: now - mins, Execution: &Execution{Tasks: []Task{waitingTask("mailers", 2*hour)}}}},
	{"NO_WORKER for longer than is known", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 40*mins)}}}},
	{"NO_WORKER and a list of like name", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 7*sec)}}, Lists: map[string]List{
		"activity/mailers": {Alike: []Alike{{"mailer", 3}}},
	}}},
	{"NO_WORKER since the last poller went", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 12*mins)}}, Lists: map[string]List{
		"activity/mailers": {Polled: now - 12*mins, Last: "mailer-3"},
	}}},
	{"NO_WORKER of a decider, for three executions' worth of tasks", Facts{Execution: &Execution{Tasks: []Task{
		{Kind: Decision, List: "decider", Full: "decision/decider", Scheduled: 2, ScheduledAt: now - 3*mins, Waits: true},
	}}}},
	{"NO_WORKER once for a list", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 9*sec), waitingTask("mailers", 8*sec), waitingTask("mailers", 7*sec)}}}},
	{"BACKLOG", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 5*mins)}}, Lists: map[string]List{
		"activity/mailers": {Polled: now - sec, Told: true, Backlog: 90, OutAMinute: 30, Ahead: func(int32, engine.Time) int { return 59 }},
	}}},
	{"BACKLOG for one who may not see the list", Facts{Execution: &Execution{Tasks: []Task{waitingTask("mailers", 5*mins)}}, Lists: map[string]List{
		"activity/mailers": {Polled: now - sec},
	}}},
	{"HOLDER_SILENT", Facts{Execution: &Execution{Tasks: []Task{heldTask("worker-7", 20*mins, Deadline{"START_TO_CLOSE", now + hour})}}}},
	{"HOLDER_SILENT for ever", Facts{Execution: &Execution{Tasks: []Task{heldTask("worker-7", 3*hour)}}, Holders: map[string]Seen{"worker-7": {Last: now - 2*hour}}}},
	{"HELD by one who polls elsewhere", Facts{Execution: &Execution{Tasks: []Task{heldTask("worker-7", 20*mins, Deadline{"START_TO_CLOSE", now + hour})}}, Holders: map[string]Seen{"worker-7": {Waits: true}}}},
	{"HELD with heartbeats", Facts{Execution: &Execution{Tasks: []Task{func() Task {
		k := heldTask("worker-7", hour, Deadline{"HEARTBEAT", now + 40*sec}, Deadline{"START_TO_CLOSE", now + hour})
		k.BeatAt, k.BeatDetails, k.Attempt, k.CancelRequested = now-20*sec, details("page 40 of 90"), 2, true
		return k
	}()}}}},
	{"UNLIMITED", Facts{Execution: &Execution{Tasks: []Task{heldTask("worker-7", mins)}}, Holders: map[string]Seen{"worker-7": {Waits: true}}}},
	{"DECIDER_LOOPS on a cause", Facts{Execution: &Execution{Loop: Loop{"ACTIVITY_TYPE_DOES_NOT_EXIST", "ScheduleActivityTaskFailed", "activity type charge-card 9", 12}, Tasks: []Task{decisionTask(sec)}}}},
	{"DECIDER_LOOPS on timeouts", Facts{Execution: &Execution{Loop: Loop{Cause: "TIMED_OUT", Count: 6}, Tasks: []Task{decisionTask(sec)}}}},
	{"HELD though five went wrong", Facts{Execution: &Execution{Loop: Loop{Cause: "TIMED_OUT", Count: 5}, Tasks: []Task{decisionTask(sec)}}}},
	{"DECIDER_IDLE", Facts{Execution: &Execution{DecidedAt: now - 4*hour, TimesOut: now + 20*hour}}},
	{"WAIT of code that knows what for", Facts{Execution: &Execution{DecidedAt: now - 4*hour, TimesOut: now + 20*hour, CodeWaits: []string{"order.go:41 flow.First", "order.go:52 flow.Receive"}}}},
	{"PARKED", Facts{Execution: &Execution{Parked: Parked{9, "workflow code panicked, at decision task 1: a bug\n  at order.go:7\ngoroutine 7 [running]:"}, Waits: []Wait{{Name: "flow.retry-7", Event: 10, Until: now + 5*sec}}}}},
	{"PARKED and the reason is sealed", Facts{Execution: &Execution{Parked: Parked{9, "flow+gcm:k:abc"}, Tasks: []Task{decisionTask(sec)}}}},
	{"TIMER", Facts{Execution: &Execution{Waits: []Wait{{Name: "late", Event: 9, Until: now + 9*hour}, {Name: "soon", Event: 10, Until: now + hour}}}}},
	{"CHILD", Facts{Execution: &Execution{Children: []Child{{Ref: Ref{Domain: "shop", WorkflowID: "ship-1001"}, Event: 12, Started: true, Verdict: Verdict{Code: NoWorker, Text: "Activity pack waits on task list docks for 7 s; nobody polls it, nor has since the start.", Do: "Start a worker that polls \"docks\"."}}}}}},
	{"CHILD that begins", Facts{Execution: &Execution{Children: []Child{{Ref: Ref{WorkflowID: "ship-1001"}}}}}},
	{"LAMBDA", Facts{Execution: &Execution{Tasks: []Task{{Kind: Lambda, Name: "resize", ID: "r1", Scheduled: 5, ScheduledAt: now - 9*sec, Started: 6, Since: now - 8*sec, Deadlines: []Deadline{{"START_TO_CLOSE", now + 5*mins}}}}}}},
	{"LAMBDA that waits", Facts{Execution: &Execution{Tasks: []Task{{Kind: Lambda, Name: "resize", Scheduled: 5, ScheduledAt: now - 9*sec, Waits: true}}}}},
	{"THROTTLED", Facts{Execution: &Execution{Tasks: []Task{heldTask("w", sec, Deadline{"START_TO_CLOSE", now + hour})}}, Refusals: []Refusal{
		{At: now - sec, Action: "RespondActivityTaskCompleted", Throttled: true}, {At: now - 2*sec, Action: "RespondActivityTaskCompleted", Throttled: true},
		{At: now - hour, Action: "RespondActivityTaskCompleted", Throttled: true},
	}}},
	{"NEAR_LIMIT of events", Facts{Execution: &Execution{Events: 20000, EventsMax: 25000, Waits: []Wait{{Name: "t", Until: now + sec}}}}},
	{"NEAR_LIMIT of tasks", Facts{Execution: &Execution{OpenMax: map[Kind]int{Activity: 1}, Tasks: []Task{heldTask("w", sec, Deadline{"START_TO_CLOSE", now + hour})}}}},
	{"FAILED_BY an activity", Facts{Execution: &Execution{Status: "FAILED", Closed: now - hour, Failure: Failure{
		Event: 60, Reason: "payment", Details: "gave up", Led: 55, LedBy: "activity charge-card (charge)", LedHow: "failed", LedReason: "CardDeclined", LedDetails: "limit",
	}}}},
	{"FAILED_BY its timeout", Facts{Execution: &Execution{Status: "TIMED_OUT", Closed: now - hour, Failure: Failure{Event: 60, Reason: "START_TO_CLOSE"}, Tasks: []Task{waitingTask("mailers", 9*hour), heldTask("w", 9*hour)}}}},
	{"FAILED_BY an operator", Facts{Execution: &Execution{Status: "TERMINATED", Closed: now - hour, Failure: Failure{Event: 60, Reason: "OPERATOR_INITIATED wrong input"}}}},
	{"CLOSED", Facts{Execution: &Execution{Status: "COMPLETED", Closed: now - hour, Failure: Failure{Event: 60}}}},

	{"NO_WORKER for an activity of Step Functions", Facts{Execution: &Execution{Service: "states", Tasks: []Task{{
		Kind: Activity, Name: "Charge", ID: "charge-card", List: "arn:aws:states:us-east-1:123456789012:activity:charge-card", Full: "a", Scheduled: 3, ScheduledAt: now - 7*sec, Waits: true,
		Deadlines: []Deadline{{"TimeoutSeconds", now + mins}},
	}}}}},
	{"RETRY", Facts{Execution: &Execution{Service: "states", Waits: []Wait{{Name: "Charge", Until: now + 4*sec, Retry: 2}}}}},
	{"WAIT", Facts{Execution: &Execution{Service: "states", Waits: []Wait{{Name: "Rest", Until: now + 72*hour}}}}},
	{"HELD by whoever has the token", Facts{Execution: &Execution{Service: "states", Tasks: []Task{{Kind: Callback, Name: "Approve", Scheduled: 3, ScheduledAt: now - 7*hour}}}}},
	{"HELD by the server", Facts{Execution: &Execution{Service: "states", Tasks: []Task{{Kind: Integration, Name: "Start", Scheduled: 3, ScheduledAt: now - 7*sec, Started: 4, Since: now - 6*sec}}}}},
	{"CHILD of Step Functions", Facts{Execution: &Execution{Service: "states", Children: []Child{{Ref: Ref{ARN: "arn:aws:states:us-east-1:123456789012:execution:ship:1001"}, Started: true}}}}},
	{"MOVING", Facts{Execution: &Execution{Service: "states"}}},
	{"NO_WORKER before what is less severe", Facts{Execution: &Execution{
		Waits: []Wait{{Name: "t", Until: now + sec}}, Tasks: []Task{heldTask("w", sec, Deadline{"START_TO_CLOSE", now + hour}), waitingTask("mailers", sec)},
	}}},
}

// TestStories writes the verdicts of all stories, which are read when they change. Every code
// is there.
func TestStories(t *testing.T) {
	var b strings.Builder
	shown := map[Code]bool{}
	for _, s := range stories {
		f := s.facts
		f.Now, f.PollHold = now, 55*sec
		if f.Up == 0 {
			f.Up = now - 24*hour
		}
		if f.Service == "" {
			f.Service = "swf"
		}
		f.IsOpen = f.Closed == 0
		verdicts := Diagnose(&f)
		fmt.Fprintf(&b, "== %s\n", s.name)
		for i, v := range verdicts {
			shown[v.Code] = true
			if first, _, _ := strings.Cut(s.name, " "); i == 0 && string(v.Code) != first {
				t.Errorf("%s: the first verdict is %s", s.name, v.Code)
			}
			fmt.Fprintf(&b, "%s: %s\n", v.Code, v.Text)
			if v.Do != "" {
				fmt.Fprintf(&b, "  do: %s\n", v.Do)
			}
			if v.More > 0 {
				fmt.Fprintf(&b, "  and %d more\n", v.More)
			}
		}
		if len(verdicts) == 0 {
			t.Errorf("%s: no verdict", s.name)
		}
		b.WriteString("\n")
	}
	for _, c := range codes {
		if !shown[c] {
			t.Errorf("no story shows %s", c)
		}
	}
	golden.Compare(t, "testdata/stories.txt", b.String())
}

// TestVerdictsAreBounded however much is open.
func TestVerdictsAreBounded(t *testing.T) {
	e := &Execution{Service: "swf", IsOpen: true}
	for i := range 3000 {
		k := waitingTask(fmt.Sprint("l", i), sec)
		k.Name = strings.Repeat("n", 256)
		e.Tasks = append(e.Tasks, k, heldTask(fmt.Sprint("w", i), hour))
	}
	verdicts := Diagnose(&Facts{Execution: e, Now: now, PollHold: 55 * sec})
	if len(verdicts) != verdictsMax || !slices.IsSortedFunc(verdicts, func(a, b Verdict) int {
		return slices.Index(codes, a.Code) - slices.Index(codes, b.Code)
	}) {
		t.Errorf("%d verdicts, or not in order", len(verdicts))
	}
}

func TestIsLike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		like bool
	}{
		{"mailers", "mailer", true}, {"mailers", "Mailers", true}, {"order_workers", "order-workers", true}, {"workers-v2", "workers", true},
		{"payments", "paymets", true}, {"payments", "shipments", false}, {"a", "b", false}, {"", "x", false}, {"stock", "risk", false},
	} {
		if got := IsLike(c.a, c.b); got != c.like || IsLike(c.b, c.a) != got {
			t.Errorf("%q and %q: like %v, want %v", c.a, c.b, got, c.like)
		}
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[engine.Time]string{
		-5: "0 ms", 999: "999 ms", 1500: "1.5 s", 9999: "9.9 s", 10000: "10 s", 119999: "119 s", 2 * mins: "2 min", 119 * mins: "119 min", 2 * hour: "2 h", 47 * hour: "47 h", 48 * hour: "2 days",
	} {
		if got := Span(d); got != want {
			t.Errorf("%d ms are %q, want %q", d, got, want)
		}
	}
}
