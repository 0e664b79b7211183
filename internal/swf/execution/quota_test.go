package execution

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
)

// longName is a name of 256 characters of four bytes that ends with a number.
func longName(n int) string { return strings.Repeat("\U00020000", 251) + fmt.Sprintf("%05d", n) }

// Texts of the largest size, of characters that JSON writes as six bytes, and a role of
// those that take most in event and message together.
var (
	longText    = strings.Repeat("\x01", 32768)
	longDetails = strings.Repeat("\x01", 2048)
	longRole    = strings.Repeat("\U00020000", 1600)
)

// full is one execution, with the longest names everywhere, whose quotas are filled.
type full struct {
	t     testing.TB
	rules *Rules
	id    engine.Identity
	state *State
	log   []engine.Event
	notes map[noteKey][]byte
	now   engine.Time
	sizes enginetest.Sizes
}

func newFull(t testing.TB, limits Limits, policy string) *full {
	f := &full{t: t, rules: New(limits), now: houseStart, notes: map[noteKey][]byte{}}
	f.id = engine.Identity{Name: Name(testWorld, longName(0), longName(1)), Run: engine.NewRunID(7, engine.Seed{1})}
	f.state = newState(f.id)
	tags := make([]string, 5)
	for i := range tags {
		tags[i] = longName(i)
	}
	f.do(&Start{
		Settings: Settings{
			Type: wire.WorkflowType{Name: longName(2), Version: longName(3)[:256]}, TaskList: longName(4), TaskPriority: "-2147483648",
			ExecutionStartToCloseTimeout: "31536000", TaskStartToCloseTimeout: wire.None, ChildPolicy: policy,
			LambdaRole: longRole, Tags: tags,
		},
		Input: &longText, RetentionDays: 90, Parent: Parent{longName(5), engine.NewRunID(8, engine.Seed{2}), 12345},
	})
	return f
}

func (f *full) handle(body any) (engine.Turn, error) {
	f.t.Helper()
	turn, err := f.rules.Handle(f.state, body, engine.Input{Now: f.now, Up: houseStart})
	f.sizes.Add(f.t, &turn)
	f.log = append(f.log, turn.Events...)
	for _, n := range turn.Notes {
		if key := (noteKey{n.Subject, n.Kind}); len(n.Value) == 0 {
			delete(f.notes, key)
		} else {
			f.notes[key] = n.Value
		}
	}
	return turn, err
}

// do gives a command that must be taken.
func (f *full) do(body any) engine.Turn {
	f.t.Helper()
	turn, err := f.handle(body)
	if err != nil {
		f.t.Fatalf("%T: %v", body, err)
	}
	return turn
}

// begin starts the decision task, after a signal that makes one if need be.
func (f *full) begin() {
	f.t.Helper()
	if f.state.decision.Scheduled == 0 {
		f.do(&Signal{Name: "s"})
	}
	f.do(&StartDecision{ScheduledEventID: f.state.decision.Scheduled})
}

// answer is the command that ends the decision task.
func (f *full) answer(decisions []wire.Decision, facts []Fact) *CompleteDecision {
	d := &f.state.decision
	return &CompleteDecision{
		ScheduledEventID: d.Scheduled, StartedEventID: d.Started, Decisions: decisions, Facts: facts, LambdaAvailable: true,
	}
}

// facts know every type, and give it the longest defaults.
func longFacts(decisions []wire.Decision) []Fact {
	facts := make([]Fact, len(decisions))
	none, list, policy, role, priority := wire.None, &wire.TaskList{Name: longName(6)}, wire.ChildPolicyRequestCancel, longRole, "-2147483648"
	year, soon := "31536000", "1000"
	for i := range facts {
		facts[i] = Fact{
			Type: TypeRegistered,
			Activity: &wire.ActivityTypeConfiguration{
				DefaultTaskList: list, DefaultTaskPriority: &priority, DefaultTaskHeartbeatTimeout: &none,
				DefaultTaskScheduleToStartTimeout: &none, DefaultTaskStartToCloseTimeout: &none, DefaultTaskScheduleToCloseTimeout: &soon,
			},
			Workflow: &wire.WorkflowTypeConfiguration{
				DefaultTaskList: list, DefaultTaskPriority: &priority, DefaultChildPolicy: &policy, DefaultLambdaRole: &role,
				DefaultExecutionStartToCloseTimeout: &year, DefaultTaskStartToCloseTimeout: &year,
			},
		}
	}
	return facts
}

// jsonBytes is what decisions take in a request.
func jsonBytes(decisions []wire.Decision) int {
	n := 0
	for i := range decisions {
		n += len(decisions[i].AppendJSON(nil)) + 1
	}
	return n
}

// decide gives decisions to the execution, in as many requests as they need.
func (f *full) decide(decisions []wire.Decision) {
	f.t.Helper()
	for len(decisions) > 0 {
		n := min(len(decisions), 200) // a client's library takes 100
		for jsonBytes(decisions[:n]) > DecisionsBytesMax {
			n--
		}
		f.begin()
		f.do(f.answer(decisions[:n], longFacts(decisions[:n])))
		decisions = decisions[n:]
	}
}

func activityDecision(n int) wire.Decision {
	list := wire.TaskList{Name: longName(n)}
	return wire.Decision{
		DecisionType: wire.DecisionTypeScheduleActivityTask,
		ScheduleActivityTaskDecisionAttributes: &wire.ScheduleActivityTaskDecisionAttributes{
			ActivityID: longName(n), ActivityType: wire.ActivityType{Name: longName(n), Version: longName(n)[:256]}, TaskList: &list,
		},
	}
}

func timerDecision(n int) wire.Decision {
	return wire.Decision{
		DecisionType:                 wire.DecisionTypeStartTimer,
		StartTimerDecisionAttributes: &wire.StartTimerDecisionAttributes{TimerID: longName(n), StartToFireTimeout: "1000"},
	}
}

func lambdaDecision(n int) wire.Decision {
	return wire.Decision{
		DecisionType:                             wire.DecisionTypeScheduleLambdaFunction,
		ScheduleLambdaFunctionDecisionAttributes: &wire.ScheduleLambdaFunctionDecisionAttributes{ID: longName(n), Name: "f"},
	}
}

func childDecision(n int) wire.Decision {
	return wire.Decision{
		DecisionType: wire.DecisionTypeStartChildWorkflowExecution,
		StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{
			WorkflowID: longName(n), WorkflowType: wire.WorkflowType{Name: "t", Version: "1"},
		},
	}
}

func many(n int, one func(int) wire.Decision) []wire.Decision {
	var all []wire.Decision
	for i := range n {
		all = append(all, one(i))
	}
	return all
}

// lastCause is the cause that the latest event with one has.
func (f *full) lastCause() string {
	for i := len(f.log) - 1; i >= 0; i-- {
		switch b := f.log[i].Body.(type) {
		case *wire.ScheduleActivityTaskFailedEventAttributes:
			return b.Cause
		case *wire.StartTimerFailedEventAttributes:
			return b.Cause
		case *wire.StartChildWorkflowExecutionFailedEventAttributes:
			return b.Cause
		case *wire.ScheduleLambdaFunctionFailedEventAttributes:
			return b.Cause
		}
	}
	return ""
}

// fill opens as much as there may be of everything, each with the longest names.
func (f *full) fill() {
	f.t.Helper()
	for _, kind := range []struct {
		one   func(int) wire.Decision
		cause string
	}{
		{activityDecision, wire.ScheduleActivityTaskFailedCauseOpenActivitiesLimitExceeded},
		{timerDecision, wire.StartTimerFailedCauseOpenTimersLimitExceeded},
		{childDecision, wire.StartChildWorkflowExecutionFailedCauseOpenChildrenLimitExceeded},
		{lambdaDecision, wire.ScheduleLambdaFunctionFailedCauseOpenLambdaFunctionsLimitExceeded},
	} {
		f.decide(many(1000, kind.one))
		if cause := f.lastCause(); cause == kind.cause {
			f.t.Errorf("%s before the quota is full", cause)
		}
		f.decide([]wire.Decision{kind.one(99_999)})
		if cause := f.lastCause(); cause != kind.cause {
			f.t.Errorf("beyond the quota: %q, want %s", cause, kind.cause)
		}
	}
	s := f.state
	if len(s.activities) != 1000 || len(s.timers) != 1000 || len(s.children) != 1000 || len(s.lambdas) != 1000 {
		f.t.Fatalf("%d activities, %d timers, %d children, %d Lambda tasks are open", len(s.activities), len(s.timers), len(s.children), len(s.lambdas))
	}
	f.sizes.AddState(f.rules, s)
}

// end folds everything once more, and tells how large it was.
func (f *full) end() {
	f.t.Helper()
	want := f.rules.EncodeState(f.state)
	folded := engine.State(newState(f.id))
	for _, e := range f.log {
		read, err := f.rules.DecodeEvent(e.ID, e.At, e.Public, e.Private)
		if err != nil {
			f.t.Fatal(err)
		}
		f.rules.Apply(folded, read)
	}
	for key, value := range f.notes {
		if f.state.isOpen() {
			f.rules.Note(folded, engine.Note{Subject: key.subject, Kind: key.kind, Value: value})
		}
	}
	if f.state.isOpen() && !bytes.Equal(f.rules.EncodeState(folded), want) {
		f.t.Error("the folded state differs")
	}
	if !bytes.Equal(f.rules.EncodeState(f.state.clone()), want) {
		f.t.Error("the state changes on its way through the store")
	}
	f.sizes.AddState(f.rules, f.state)
	f.t.Logf("largest turn %d, record %d, state %d bytes; %d events", f.sizes.Turn, f.sizes.Record, f.sizes.State, len(f.log))
}

// wakes wakes the execution until nothing is due, and tells how often.
func (f *full) wakes() int {
	f.t.Helper()
	for n := 0; ; n++ {
		wake := f.rules.Record(f.state, houseStart).Wake
		if wake == 0 || wake > f.now {
			return n
		}
		before := f.rules.EncodeState(f.state)
		f.do(engine.Wake{})
		enginetest.CheckProgress(f.t, f.rules, before, f.state, engine.Input{Now: f.now, Up: houseStart})
	}
}

// Everything that may be open is, and becomes due in one moment.
func TestAllIsDueAtOnce(t *testing.T) {
	f := newFull(t, DefaultLimits(), wire.ChildPolicyTerminate)
	f.fill()
	for i := range f.state.activities {
		scheduled := f.state.activities[i].Scheduled
		f.do(&StartActivity{ScheduledEventID: scheduled})
		f.do(&task.Undelivered{ScheduledEventID: scheduled, Attempt: 1})
		f.do(&StartActivity{ScheduledEventID: scheduled})
		f.do(&Heartbeat{ActivityRef: ActivityRef{scheduled, f.state.activities[i].Started}, Details: &longDetails})
	}
	for i := range f.state.lambdas {
		f.do(&StartLambda{ScheduledEventID: f.state.lambdas[i].Scheduled})
	}
	f.sizes.AddState(f.rules, f.state)
	f.now += engine.Seconds(1000)
	before := len(f.log)
	n := f.wakes()
	if s := f.state; !s.isOpen() || len(s.activities)+len(s.timers)+len(s.lambdas) != 0 {
		t.Errorf("open %v, with %d activities, %d timers, %d Lambda tasks", s.isOpen(), len(s.activities), len(s.timers), len(s.lambdas))
	}
	tasks := 0
	for _, e := range f.log[before:] {
		if _, ok := e.Body.(*wire.DecisionTaskScheduledEventAttributes); ok {
			tasks++
		}
	}
	if n < 10 || tasks > 0 { // one waits since before
		t.Errorf("%d wakes scheduled %d more decision tasks", n, tasks)
	}
	t.Logf("%d wakes for %d events", n, len(f.log)-before)
	f.end()
}

// An execution with as many children as it may have ends in every way that tells them.
func TestTellingManyChildren(t *testing.T) {
	for what, end := range map[string]func(f *full){
		"terminated": func(f *full) { f.do(&Terminate{Details: &longText, Reason: &longName256}) },
		"asked":      func(f *full) { f.do(&Terminate{Details: &longText, ChildPolicy: wire.ChildPolicyRequestCancel}) },
		"timed out":  func(f *full) { f.now += engine.Seconds(31_536_000); f.wakes() },
		"full": func(f *full) {
			f.rules.limits.EventsMax = int(f.state.last) + 2
			for f.state.isOpen() {
				f.do(&Signal{Name: "s", Input: &longText})
			}
		},
		"full by decisions": func(f *full) {
			f.begin()
			f.rules.limits.EventsMax = int(f.state.last) + 40
			f.do(f.answer(many(60, timerDecision), nil))
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFull(t, DefaultLimits(), wire.ChildPolicyTerminate)
			f.decide(many(1000, childDecision))
			f.sizes = enginetest.Sizes{}
			end(f)
			if f.state.isOpen() {
				t.Error("it is open")
			}
			f.end()
		})
	}
}

var longName256 = longName(7)

// With quotas above the service's own, long names are bounded all the same.
func TestRaisedQuotas(t *testing.T) {
	limits := DefaultLimits()
	limits.OpenChildrenMax, limits.OpenActivitiesMax, limits.OpenLambdasMax = 1<<20, 1<<20, 1<<20
	f := newFull(t, limits, wire.ChildPolicyRequestCancel)
	f.decide(many(1300, childDecision))
	f.decide(many(1300, activityDecision))
	if n := len(f.state.children); n <= 1000 || n >= 1300 || f.state.tellBytes() > tellBytesMax {
		t.Errorf("%d children may be open, to be told by %d bytes", n, f.state.tellBytes())
	}
	if n := len(f.state.activities); n < 1000 || n >= 1300 {
		t.Errorf("%d activity tasks may be open", n)
	}
	f.sizes.AddState(f.rules, f.state)
	if f.sizes.Record > offerBytesMax+32<<10 {
		t.Errorf("a record of %d bytes", f.sizes.Record)
	}
	t.Logf("%d children, %d activities", len(f.state.children), len(f.state.activities))
	f.do(&Terminate{Details: &longText})
	f.end()
}

// The largest history that one may have ends at its limit; here it has 200 events.
func TestLargestEvents(t *testing.T) {
	limits := DefaultLimits()
	limits.EventsMax = 200
	f := newFull(t, limits, wire.ChildPolicyTerminate)
	for f.state.isOpen() {
		f.do(&Signal{Name: longName(1), Input: &longText})
	}
	f.end()
}

// largestDecisions are requests of decisions, each as large as a request may be.
func largestDecisions() map[string][]wire.Decision {
	text := func(n int, c string) *string { s := strings.Repeat(c, n); return &s }
	one := map[string]func(i int) wire.Decision{
		"short cancellations of timers": func(int) wire.Decision {
			return wire.Decision{DecisionType: wire.DecisionTypeCancelTimer, CancelTimerDecisionAttributes: &wire.CancelTimerDecisionAttributes{TimerID: "a"}}
		},
		"short markers": func(int) wire.Decision {
			return wire.Decision{DecisionType: wire.DecisionTypeRecordMarker, RecordMarkerDecisionAttributes: &wire.RecordMarkerDecisionAttributes{MarkerName: "a"}}
		},
		"markers": func(int) wire.Decision {
			return wire.Decision{DecisionType: wire.DecisionTypeRecordMarker, RecordMarkerDecisionAttributes: &wire.RecordMarkerDecisionAttributes{MarkerName: "a", Details: &longText}}
		},
		"short signals": func(int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeSignalExternalWorkflowExecution,
				SignalExternalWorkflowExecutionDecisionAttributes: &wire.SignalExternalWorkflowExecutionDecisionAttributes{WorkflowID: "a", SignalName: "s"},
			}
		},
		"signals": func(i int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeSignalExternalWorkflowExecution,
				SignalExternalWorkflowExecutionDecisionAttributes: &wire.SignalExternalWorkflowExecutionDecisionAttributes{
					WorkflowID: longName(i), SignalName: longName(i), Input: text(4000, "\u07ff"), Control: text(4000, "\u07ff"),
				},
			}
		},
		"signals to nobody": func(i int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeSignalExternalWorkflowExecution,
				SignalExternalWorkflowExecutionDecisionAttributes: &wire.SignalExternalWorkflowExecutionDecisionAttributes{
					WorkflowID: longName(i), SignalName: "s", Control: text(5000, "\u07ff"), RunID: text(64, "\U00020000"),
				},
			}
		},
		"short requests to cancel": func(int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeRequestCancelExternalWorkflowExecution,
				RequestCancelExternalWorkflowExecutionDecisionAttributes: &wire.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowID: "a"},
			}
		},
		"short activities": func(i int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeScheduleActivityTask,
				ScheduleActivityTaskDecisionAttributes: &wire.ScheduleActivityTaskDecisionAttributes{
					ActivityID: fmt.Sprint(i), ActivityType: wire.ActivityType{Name: "a", Version: "1"},
				},
			}
		},
		"short cancellations of activities": func(int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeRequestCancelActivityTask,
				RequestCancelActivityTaskDecisionAttributes: &wire.RequestCancelActivityTaskDecisionAttributes{ActivityID: "a"},
			}
		},
		"short children": func(i int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeStartChildWorkflowExecution,
				StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{
					WorkflowID: fmt.Sprint(i), WorkflowType: wire.WorkflowType{Name: "a", Version: "1"},
				},
			}
		},
		"children": func(i int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeStartChildWorkflowExecution,
				StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{
					WorkflowID: fmt.Sprint(i), WorkflowType: wire.WorkflowType{Name: longName(i), Version: longName(i)[:256]},
					Input: text(4000, "\U00020000"),
				},
			}
		},
		"large children": func(i int) wire.Decision {
			return wire.Decision{
				DecisionType: wire.DecisionTypeStartChildWorkflowExecution,
				StartChildWorkflowExecutionDecisionAttributes: &wire.StartChildWorkflowExecutionDecisionAttributes{
					WorkflowID: fmt.Sprint(i), WorkflowType: wire.WorkflowType{Name: "a", Version: "1"},
					Input: text(32768, "\b"), Control: text(32768, "\U00020000"),
				},
			}
		},
		"timers":     timerDecision,
		"activities": activityDecision,
		"lambdas":    lambdaDecision,
	}
	all := map[string][]wire.Decision{}
	for what, make := range one {
		size := 0
		for i := 0; ; i++ {
			d := make(i)
			if size += len(d.AppendJSON(nil)) + 1; size > DecisionsBytesMax {
				break
			}
			all[what] = append(all[what], d)
		}
	}
	return all
}

// A request of decisions is taken as a whole, or refused and nothing has happened.
func TestLargestDecisions(t *testing.T) {
	for what, decisions := range largestDecisions() {
		f := newFull(t, DefaultLimits(), wire.ChildPolicyAbandon)
		f.begin()
		before := f.rules.EncodeState(f.state)
		last := f.state.last
		for len(decisions) > 0 {
			turn, err := f.handle(f.answer(decisions, longFacts(decisions)))
			if err == nil {
				t.Logf("%d %s in %d bytes: a turn of %d", len(decisions), what, jsonBytes(decisions), turn.Bytes())
				if f.state.last < last+int64(len(decisions)) {
					t.Errorf("%d %s made %d events", len(decisions), what, f.state.last-last)
				}
				break
			}
			if _, ok := err.(*ValidationError); !ok {
				t.Fatalf("%s: %v", what, err)
			}
			if !bytes.Equal(before, f.rules.EncodeState(f.state)) {
				t.Fatalf("%d %s were refused and have changed the state", len(decisions), what)
			}
			if len(decisions) <= 100 {
				t.Fatalf("%d %s are refused", len(decisions), what)
			}
			t.Logf("%d %s in %d bytes are refused", len(decisions), what, jsonBytes(decisions))
			decisions = decisions[:len(decisions)*3/4]
		}
	}
}

// What fits takes for granted of a hundred decisions, and of one that closes with them.
func TestHundredDecisionsFit(t *testing.T) {
	for what, decisions := range largestDecisions() {
		f := newFull(t, DefaultLimits(), wire.ChildPolicyAbandon)
		f.begin()
		decisions = decisions[:min(100, len(decisions))]
		c := f.answer(decisions, longFacts(decisions))
		c.TaskList, c.ExecutionContext = longName(9), &longText
		trial := turn{s: f.state, in: engine.Input{Now: f.now}, limits: &f.rules.limits}
		trial.takeDecisions(c)
		size := trial.bytes()
		most := 2*(jsonBytes(decisions)+7*len(longText)) + (len(decisions)+1)*decisionBytes
		if size > most {
			t.Errorf("%d %s make %d bytes, taken for at most %d", len(decisions), what, size, most)
		}
		made := trial.finish()
		if trial.bytes() != made.Bytes() {
			t.Errorf("%s: the turn has %d bytes and counts %d", what, made.Bytes(), trial.bytes())
		}
	}
}

// Nobody with names of an ordinary length is refused what the quotas allow.
func TestOrdinaryDecisionsFit(t *testing.T) {
	h, r := begun(t, "order-4711")
	var decisions []wire.Decision
	for n := range 1000 {
		name := fmt.Sprintf("an-ordinary-name-%d", n)
		for _, one := range []func(int) wire.Decision{activityDecision, timerDecision, childDecision} {
			d := one(n)
			switch {
			case d.ScheduleActivityTaskDecisionAttributes != nil:
				a := d.ScheduleActivityTaskDecisionAttributes
				a.ActivityID, a.ActivityType, a.TaskList = name, wire.ActivityType{Name: "charge", Version: "1"}, nil
			case d.StartTimerDecisionAttributes != nil:
				d.StartTimerDecisionAttributes.TimerID = name
			default:
				d.StartChildWorkflowExecutionDecisionAttributes.WorkflowID = name
			}
			decisions = append(decisions, d)
		}
	}
	c := &CompleteDecision{ScheduledEventID: 2, StartedEventID: 3, Decisions: decisions, Facts: decideFacts(decisions)}
	if _, err := h.handle(r, c); err != nil {
		t.Fatal(err)
	}
	s := r.state.(*State)
	if len(s.activities) != 1000 || len(s.timers) != 1000 || len(s.children) != 1000 {
		t.Errorf("%d activities, %d timers, %d children are open", len(s.activities), len(s.timers), len(s.children))
	}
}
