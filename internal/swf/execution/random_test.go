package execution

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/swf/wire"
)

// TestRandomLives lets random deciders, workers and operators loose on a few
// executions. The harness compares states after each command; here the histories
// are read as a user reads them, without the rules' help.
func TestRandomLives(t *testing.T) {
	lives := uint64(60)
	if testing.Short() {
		lives = 10
	}
	for seed := range lives {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			limits := DefaultLimits()
			limits.EventsMax = 12 + int(seed%6)*20
			limits.OpenActivitiesMax, limits.OpenTimersMax, limits.OpenChildrenMax, limits.OpenLambdasMax = 4, 3, 3, 2
			limits.OpenExecutionsMax = 9
			h := newHarness(t, limits)
			h.quiet = true
			h.notify = []engine.Notify{engine.NotifyPublic, engine.NotifyAll}[seed%2]
			m := &monkey{harness: h, rand: rand.New(rand.NewPCG(seed, 1))}
			for range 600 {
				m.act()
				if t.Failed() {
					t.Fatalf("seed %d, after %s", seed, m.last)
				}
			}
			h.deliver()
			for _, r := range h.runs {
				readHistory(t, r)
				h.checkNotifications(r)
			}
			m.checkFamilies()
		})
	}
}

// monkey does random things.
type monkey struct {
	*harness
	rand  *rand.Rand
	seeds uint64
	last  string
}

func (m *monkey) one(of ...string) string { return of[m.rand.IntN(len(of))] }

func (m *monkey) maybe(s string) *string {
	if m.rand.IntN(2) == 0 {
		return nil
	}
	return &s
}

func (m *monkey) name() string { return m.one("a", "b", "c", "d", "e") }

func (m *monkey) timeout() string { return m.one("0", "1", "5", "20", "60", "NONE", "NONE") }

func (m *monkey) act() {
	switch m.rand.IntN(20) {
	case 0:
		m.start()
	case 1, 2, 3:
		m.last = "advance"
		m.advance(engine.Time(m.rand.IntN(8000)))
	case 4:
		m.last = "jump"
		m.jump(engine.Time(m.rand.IntN(30000)))
	case 5:
		if m.rand.IntN(5) == 0 {
			m.last = "restart"
			m.restart(engine.Time(m.rand.IntN(30000)))
		}
	case 6, 7, 8:
		m.last = "deliver"
		m.deliver()
	default:
		if len(m.runs) == 0 {
			m.start()
			return
		}
		r := m.runs[m.rand.IntN(len(m.runs))]
		for range 3 { // rather an open one
			if !r.open() {
				r = m.runs[m.rand.IntN(len(m.runs))]
			}
		}
		body := m.body(r)
		m.last = fmt.Sprintf("%T %+v", body, body)
		if _, err := m.handle(r, body); err != nil {
			switch err.(type) {
			case *UnknownExecutionError, *UnknownActivityError, *UnknownDecisionTaskError, *UnknownLambdaError:
			default:
				m.t.Errorf("%s: %v", m.last, err)
			}
		}
	}
}

func (m *monkey) start() {
	m.seeds++
	m.last = "start"
	_, err := m.command(engine.Command{
		Name: Name(testWorld, testDomain, m.name()), Begin: engine.Always, Seed: engine.Seed{byte(m.seeds), byte(m.seeds >> 8)},
		Group: Group(testWorld, testDomain),
		Body: &Start{Settings: Settings{
			Type: wire.WorkflowType{Name: "order", Version: "1"}, TaskList: "deciders",
			ExecutionStartToCloseTimeout: m.one("100", "1000", "NONE"), TaskStartToCloseTimeout: m.one("10", "100", "NONE"),
			ChildPolicy: m.one(wire.ChildPolicyValues...), LambdaRole: m.one("", "arn:role"), TaskPriority: m.one("", "5"),
		}, RetentionDays: int64(m.rand.IntN(3)) - 1},
	})
	switch err.(type) {
	case nil, *engine.AlreadyOpenError, *TooManyOpenError:
	default:
		m.t.Errorf("start: %v", err)
	}
}

// task gives a task of the run: often one that is on offer or started, sometimes
// any event.
func (m *monkey) task(r *harnessRun) (scheduled, started int64) {
	var ids []int64
	for _, o := range r.record.Offers {
		ids = append(ids, o.ID)
	}
	s := r.state.(*State)
	for _, a := range s.activities {
		ids = append(ids, a.Scheduled)
	}
	for _, l := range s.lambdas {
		ids = append(ids, l.Scheduled)
	}
	ids = append(ids, s.decision.Scheduled, 1+int64(m.rand.IntN(len(r.events))))
	scheduled = ids[m.rand.IntN(len(ids))]
	return scheduled, args{run: r}.started(scheduled)
}

func (m *monkey) body(r *harnessRun) any {
	scheduled, started := m.task(r)
	ref := ActivityRef{scheduled, started}
	switch m.rand.IntN(16) {
	case 0, 1, 2:
		return &StartActivity{ScheduledEventID: scheduled, Identity: m.maybe("w")}
	case 3, 4, 5:
		return &StartDecision{ScheduledEventID: r.state.(*State).decision.Scheduled}
	case 6, 7, 8:
		return m.decide(r)
	case 9:
		switch m.rand.IntN(4) {
		case 0:
			return &CompleteActivity{ref, m.maybe("r")}
		case 1:
			return &FailActivity{ref, m.maybe("r"), m.maybe("d")}
		case 2:
			return &CancelActivity{ref, m.maybe("d")}
		}
		return &Heartbeat{ref, m.maybe("h")}
	case 10:
		return &task.Delivered{ScheduledEventID: scheduled, Attempt: 1 + int64(m.rand.IntN(3))}
	case 11:
		return &task.Undelivered{ScheduledEventID: scheduled, Attempt: 1 + int64(m.rand.IntN(3))}
	case 12:
		switch m.rand.IntN(5) {
		case 0:
			return &CompleteLambda{scheduled, started, m.maybe("r")}
		case 1:
			return &FailLambda{scheduled, started, m.maybe("r"), m.maybe("d")}
		case 2:
			return &StartLambdaFailed{scheduled, "no"}
		}
		return &StartLambda{scheduled}
	case 13:
		return &Signal{Name: "s", Input: m.maybe("i")}
	case 14:
		switch m.rand.IntN(8) {
		case 0:
			return &Terminate{ChildPolicy: m.one("", wire.ChildPolicyTerminate, wire.ChildPolicyAbandon)}
		case 1:
			return &RequestCancel{}
		}
	}
	return &Describe{}
}

func (m *monkey) decide(r *harnessRun) any {
	s := r.state.(*State)
	c := &CompleteDecision{
		ScheduledEventID: s.decision.Scheduled, StartedEventID: s.decision.Started,
		ExecutionContext: m.maybe("x"), TaskList: m.one("", "", "host"), LambdaAvailable: m.rand.IntN(9) > 0,
	}
	if timeout := m.timeout(); c.TaskList != "" {
		c.TaskListScheduleToStartTimeout = m.maybe(timeout)
	}
	for range m.rand.IntN(4) {
		c.Decisions = append(c.Decisions, m.decision())
	}
	if m.rand.IntN(12) == 0 {
		c.Decisions = append(c.Decisions, m.closing())
	}
	c.Facts = decideFacts(c.Decisions)
	for i := range c.Facts {
		c.Facts[i].Denied = m.rand.IntN(15) == 0
		c.Facts[i].Throttled = m.rand.IntN(15) == 0
	}
	return c
}

func (m *monkey) decision() wire.Decision {
	kind := m.one("pay", "pay", "pay", "bare", "old", "missing")
	var d wire.Decision
	switch m.rand.IntN(10) {
	case 0, 1, 2:
		d.DecisionType = wire.DecisionTypeScheduleActivityTask
		a := &wire.ScheduleActivityTaskDecisionAttributes{
			ActivityID: m.name(), ActivityType: wire.ActivityType{Name: kind, Version: "1"},
			HeartbeatTimeout: m.maybe(m.timeout()), StartToCloseTimeout: m.maybe(m.timeout()),
			ScheduleToStartTimeout: m.maybe(m.timeout()), ScheduleToCloseTimeout: m.maybe(m.timeout()),
		}
		d.ScheduleActivityTaskDecisionAttributes = a
	case 3:
		d.DecisionType = wire.DecisionTypeRequestCancelActivityTask
		d.RequestCancelActivityTaskDecisionAttributes = &wire.RequestCancelActivityTaskDecisionAttributes{ActivityID: m.name()}
	case 4:
		d.DecisionType = wire.DecisionTypeStartTimer
		d.StartTimerDecisionAttributes = &wire.StartTimerDecisionAttributes{TimerID: m.name(), StartToFireTimeout: m.one("0", "3", "40")}
	case 5:
		d.DecisionType = wire.DecisionTypeCancelTimer
		d.CancelTimerDecisionAttributes = &wire.CancelTimerDecisionAttributes{TimerID: m.name()}
	case 6:
		d.DecisionType = wire.DecisionTypeStartChildWorkflowExecution
		d.StartChildWorkflowExecutionDecisionAttributes = &wire.StartChildWorkflowExecutionDecisionAttributes{
			WorkflowID: m.name(), WorkflowType: wire.WorkflowType{Name: kind, Version: "1"}, ChildPolicy: m.maybe(m.one(wire.ChildPolicyValues...)),
		}
	case 7:
		d.DecisionType = wire.DecisionTypeSignalExternalWorkflowExecution
		d.SignalExternalWorkflowExecutionDecisionAttributes = &wire.SignalExternalWorkflowExecutionDecisionAttributes{
			WorkflowID: m.name(), SignalName: "ext", Control: m.maybe("c"), RunID: m.maybe(m.one("", "x")),
		}
	case 8:
		d.DecisionType = wire.DecisionTypeRequestCancelExternalWorkflowExecution
		d.RequestCancelExternalWorkflowExecutionDecisionAttributes = &wire.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowID: m.name()}
	default:
		d.DecisionType = wire.DecisionTypeScheduleLambdaFunction
		d.ScheduleLambdaFunctionDecisionAttributes = &wire.ScheduleLambdaFunctionDecisionAttributes{
			ID: m.name(), Name: "f", StartToCloseTimeout: m.maybe("7"),
		}
	}
	return d
}

func (m *monkey) closing() wire.Decision {
	switch m.rand.IntN(4) {
	case 0:
		return wire.Decision{DecisionType: wire.DecisionTypeCompleteWorkflowExecution, CompleteWorkflowExecutionDecisionAttributes: &wire.CompleteWorkflowExecutionDecisionAttributes{Result: m.maybe("r")}}
	case 1:
		return wire.Decision{DecisionType: wire.DecisionTypeFailWorkflowExecution, FailWorkflowExecutionDecisionAttributes: &wire.FailWorkflowExecutionDecisionAttributes{}}
	case 2:
		return wire.Decision{DecisionType: wire.DecisionTypeCancelWorkflowExecution, CancelWorkflowExecutionDecisionAttributes: &wire.CancelWorkflowExecutionDecisionAttributes{}}
	}
	return wire.Decision{DecisionType: wire.DecisionTypeContinueAsNewWorkflowExecution, ContinueAsNewWorkflowExecutionDecisionAttributes: &wire.ContinueAsNewWorkflowExecutionDecisionAttributes{}}
}

// readHistory reads a history as a user does, and finds what can't be.
func readHistory(t *testing.T, r *harnessRun) {
	t.Helper()
	var scheduled, started, queued int64 // the decision tasks
	unseen := false                      // something came that no decision task was promised for
	open := map[int64]string{}           // tasks, timers and children by their first event
	running := map[int64]int64{}         // Started by Scheduled
	closed := false
	fail := func(e engine.Event, why string) {
		t.Fatalf("%s, event %d (%s): %s", r.label, e.ID, e.Body.(wire.EventBody).EventType(), why)
	}
	end := func(e engine.Event, first int64, what string) {
		if open[first] != what {
			fail(e, fmt.Sprintf("%s of event %d is not open", what, first))
		}
		delete(open, first)
	}
	begin := func(e engine.Event, first, start int64, what string) {
		if open[first] != what || running[first] != 0 {
			fail(e, fmt.Sprintf("%s of event %d can't start", what, first))
		}
		running[first] = start
	}
	at := engine.Time(0)
	for i, e := range r.events {
		kind := e.Body.(wire.EventBody).EventType()
		if closed {
			fail(e, "the execution is closed")
		}
		if e.ID != int64(i+1) || e.At < at {
			fail(e, "out of order")
		}
		if e.At != at && unseen && scheduled == 0 && queued == 0 {
			fail(e, "no decision task shows what came before")
		}
		at = e.At
		switch b := e.Body.(type) {
		case *wire.DecisionTaskScheduledEventAttributes:
			switch {
			case scheduled == 0:
				scheduled = e.ID
			case started != 0 && queued == 0:
				queued = e.ID
			default:
				fail(e, "one decision task too many")
			}
			unseen = false
		case *wire.DecisionTaskStartedEventAttributes:
			if b.ScheduledEventID != scheduled || started != 0 {
				fail(e, "no such decision task is scheduled")
			}
			started = e.ID
			unseen = false
		case *wire.DecisionTaskCompletedEventAttributes:
			if b.ScheduledEventID != scheduled || b.StartedEventID != started || started == 0 {
				fail(e, "no such decision task is started")
			}
			scheduled, started, queued = queued, 0, 0
		case *wire.DecisionTaskTimedOutEventAttributes:
			if b.ScheduledEventID != scheduled || b.StartedEventID != started {
				fail(e, "no such decision task")
			}
			scheduled, started, queued = queued, 0, 0
			unseen = true
		case *wire.ActivityTaskScheduledEventAttributes:
			open[e.ID] = "activity"
		case *wire.ActivityTaskStartedEventAttributes:
			begin(e, b.ScheduledEventID, e.ID, "activity")
		case *wire.ActivityTaskCompletedEventAttributes:
			end(e, b.ScheduledEventID, "activity")
			if running[b.ScheduledEventID] != b.StartedEventID || b.StartedEventID == 0 {
				fail(e, "it was not started so")
			}
			unseen = true
		case *wire.ActivityTaskFailedEventAttributes:
			end(e, b.ScheduledEventID, "activity")
			unseen = true
		case *wire.ActivityTaskTimedOutEventAttributes:
			end(e, b.ScheduledEventID, "activity")
			if running[b.ScheduledEventID] != b.StartedEventID {
				fail(e, "it was not started so")
			}
			never := b.TimeoutType == wire.ActivityTaskTimeoutTypeScheduleToStart
			ran := b.TimeoutType == wire.ActivityTaskTimeoutTypeStartToClose || b.TimeoutType == wire.ActivityTaskTimeoutTypeHeartbeat
			if never && b.StartedEventID != 0 || ran && b.StartedEventID == 0 {
				fail(e, "that clock does not run")
			}
			unseen = true
		case *wire.ActivityTaskCanceledEventAttributes:
			end(e, b.ScheduledEventID, "activity")
			unseen = true
		case *wire.TimerStartedEventAttributes:
			open[e.ID] = "timer"
		case *wire.TimerFiredEventAttributes:
			end(e, b.StartedEventID, "timer")
			from := r.events[b.StartedEventID-1]
			n, _ := wire.Seconds(from.Body.(*wire.TimerStartedEventAttributes).StartToFireTimeout)
			if e.At < from.At+engine.Seconds(n) {
				fail(e, "too early")
			}
			unseen = true
		case *wire.TimerCanceledEventAttributes:
			end(e, b.StartedEventID, "timer")
		case *wire.LambdaFunctionScheduledEventAttributes:
			open[e.ID] = "lambda"
		case *wire.LambdaFunctionStartedEventAttributes:
			begin(e, b.ScheduledEventID, e.ID, "lambda")
		case *wire.LambdaFunctionCompletedEventAttributes:
			end(e, b.ScheduledEventID, "lambda")
			unseen = true
		case *wire.LambdaFunctionFailedEventAttributes:
			end(e, b.ScheduledEventID, "lambda")
			unseen = true
		case *wire.LambdaFunctionTimedOutEventAttributes:
			end(e, b.ScheduledEventID, "lambda")
			unseen = true
		case *wire.StartLambdaFunctionFailedEventAttributes:
			end(e, *b.ScheduledEventID, "lambda")
			unseen = true
		case *wire.StartChildWorkflowExecutionInitiatedEventAttributes:
			open[e.ID] = "child"
		case *wire.StartChildWorkflowExecutionFailedEventAttributes:
			if b.InitiatedEventID != 0 {
				end(e, b.InitiatedEventID, "child")
			}
			unseen = true
		case *wire.ChildWorkflowExecutionStartedEventAttributes:
			begin(e, b.InitiatedEventID, e.ID, "child")
			unseen = true
		case *wire.ChildWorkflowExecutionCompletedEventAttributes:
			end(e, b.InitiatedEventID, "child")
			unseen = true
		case *wire.ChildWorkflowExecutionTerminatedEventAttributes:
			end(e, b.InitiatedEventID, "child")
			unseen = true
		case *wire.ChildWorkflowExecutionTimedOutEventAttributes:
			end(e, b.InitiatedEventID, "child")
			unseen = true
		case *wire.ChildWorkflowExecutionFailedEventAttributes:
			end(e, b.InitiatedEventID, "child")
			unseen = true
		case *wire.ChildWorkflowExecutionCanceledEventAttributes:
			end(e, b.InitiatedEventID, "child")
			unseen = true
		default:
			closed = closes(e.Body.(wire.EventBody))
			unseen = unseen || strings.HasSuffix(kind, "Failed") && !closed ||
				strings.Contains(kind, "Signaled") || strings.HasSuffix(kind, "ExecutionCancelRequested")
		}
	}
	if closed == r.open() {
		t.Errorf("%s: closed %v, record says otherwise", r.label, closed)
	}
	if !closed && unseen && scheduled == 0 && queued == 0 {
		t.Errorf("%s: no decision task shows the last events", r.label)
	}
	counts := map[string]int{}
	for _, what := range open {
		counts[what]++
	}
	s := r.state.(*State)
	if counts["activity"] != len(s.activities) || counts["timer"] != len(s.timers) || counts["child"] != len(s.children) || counts["lambda"] != len(s.lambdas) {
		t.Errorf("%s: history has %v open, state %d, %d, %d, %d", r.label, counts, len(s.activities), len(s.timers), len(s.children), len(s.lambdas))
	}
}

// checkFamilies compares parents and children, now that no message is on its way:
// each child that was asked for runs once, or failed once, and a policy reached
// each.
func (m *monkey) checkFamilies() {
	type link struct {
		parent engine.RunID
		event  int64
	}
	first := map[link]*harnessRun{}
	latest := map[link]*harnessRun{}
	for _, r := range m.runs {
		s := r.state.(*State)
		if s.parent.WorkflowID == "" {
			continue
		}
		k := link{s.parent.Run, s.parent.InitiatedEventID}
		if started := r.events[0].Body.(*wire.WorkflowExecutionStartedEventAttributes); started.ContinuedExecutionRunID == nil {
			if first[k] != nil {
				m.t.Errorf("%s and %s are the same child", r.label, first[k].label)
			}
			first[k] = r
		}
		latest[k] = r
	}
	for _, r := range m.runs {
		s := r.state.(*State)
		for i := range s.children {
			k := link{r.id.Run, s.children[i].initiated}
			child := latest[k]
			switch {
			case r.open() && (child == nil || !child.open()):
				m.t.Errorf("%s: child of event %d is open in its parent only", r.label, k.event)
			case child == nil || r.open():
			case (s.closeStatus == wire.CloseStatusTerminated || s.closeStatus == wire.CloseStatusTimedOut) && child.open():
				switch b := r.events[len(r.events)-1].Body.(type) {
				case *wire.WorkflowExecutionTerminatedEventAttributes:
					m.checkPolicy(r, child, b.ChildPolicy)
				case *wire.WorkflowExecutionTimedOutEventAttributes:
					m.checkPolicy(r, child, b.ChildPolicy)
				}
			}
		}
	}
}

func (m *monkey) checkPolicy(parent, child *harnessRun, policy string) {
	switch policy {
	case wire.ChildPolicyTerminate:
		m.t.Errorf("%s was ended by TERMINATE, and its child %s lives", parent.label, child.label)
	case wire.ChildPolicyRequestCancel:
		// A child that went on as a new run after the request begins anew.
		if s := child.state.(*State); !s.cancelRequested && child.events[0].At < parent.record.Closed {
			m.t.Errorf("%s was ended by REQUEST_CANCEL, and its child %s does not know", parent.label, child.label)
		}
	}
}
