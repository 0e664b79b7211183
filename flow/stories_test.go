package flow

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow/internal/replay"
)

var retell = flag.Bool("retell", false, "write what the stories say anew")

// The code of stories, by name.
var (
	storyWork   = Activity[int, int]{Name: "Work", Version: "1", StartToClose: time.Minute}
	storyRetry  = Activity[int, int]{Name: "Work", Version: "1", StartToClose: time.Minute, Retry: Retry{Attempts: 3, First: time.Second, Most: 90 * time.Second, Except: []Code{"Broken"}}}
	storyChild  = Workflow[int, int]{Name: "Child", Version: "1"}
	storyPoke   = Signal[int]{Name: "Poke"}
	storyLambda = Lambda[int, int]{Name: "double"}
	story       = Workflow[int, string]{Name: "Story", Version: "1"}
)

func said(v any, err error) (string, error) { return fmt.Sprint(v, " ", err), nil }

var storyCode = map[string]func(ctx Context, n int) (string, error){
	"call":  func(ctx Context, n int) (string, error) { return said(storyWork.Call(ctx, n)) },
	"retry": func(ctx Context, n int) (string, error) { return said(storyRetry.Call(ctx, n)) },
	"child": func(ctx Context, n int) (string, error) { return said(storyChild.Call(ctx, "c", n)) },
	"again": func(ctx Context, n int) (string, error) { // the same id, when the first has ended
		if _, err := storyChild.Call(ctx, "c", n); err != nil {
			return "", err
		}
		return said(storyChild.Call(ctx, "c", n+1))
	},
	"signal": func(ctx Context, n int) (string, error) { return said(nil, storyPoke.Call(ctx, "other", n)) },
	"two": func(ctx Context, n int) (string, error) {
		return said(All(ctx, storyWork.Go(ctx, 1), storyWork.Go(ctx, 2)))
	},
	"order": func(ctx Context, n int) (string, error) { // who was begun first runs first
		var all []*Future[int]
		for i := range 3 {
			all = append(all, Go(ctx, func(ctx Context) (int, error) { return storyWork.Call(ctx, i) }))
		}
		return said(All(ctx, all...))
	},
	"deferred": func(ctx Context, n int) (string, error) { // it returns while others wait, who then have nothing to say
		Go(ctx, func(ctx Context) (int, error) {
			scope, cancel := WithTimeout(ctx, time.Hour)
			defer cancel()
			return storyWork.Call(scope, n)
		})
		return said(storyPoke.Receive(ctx))
	},
	"effects": func(ctx Context, n int) (string, error) { // more than one list holds
		sum := 0
		for i := range n {
			sum += Effect(ctx, func() int {
				if i < storyRecorded { // the history has it: nobody makes it again
					return -1
				}
				return i + 1
			})
		}
		return fmt.Sprint(sum), nil
	},
	"foreign": func(ctx Context, n int) (string, error) {
		why := make(chan any)
		go func() {
			defer func() { why <- recover() }()
			storyWork.Go(ctx, n)
		}()
		return fmt.Sprint(<-why), nil
	},
	"breaks": func(ctx Context, n int) (string, error) {
		got, err := storyWork.Call(ctx, n)
		if storyBroken {
			panic("a bug")
		}
		return said(got, err)
	},
	"tags": func(ctx Context, n int) (string, error) {
		child := storyChild
		child.Tags = []string{"1", "2", "3", "4", "5", "6"}[:n]
		return said(child.Call(ctx, "c", n))
	},
	"fails":  func(ctx Context, n int) (string, error) { return "", Code("Broken") },
	"lambda": func(ctx Context, n int) (string, error) { return said(storyLambda.Call(ctx, n)) },
	"sleep":  func(ctx Context, n int) (string, error) { return said(nil, Sleep(ctx, 1500*time.Millisecond)) },
	"next": func(ctx Context, n int) (string, error) {
		if _, err := storyPoke.Receive(ctx); err != nil {
			return "", err
		}
		return "", story.ContinueAsNew(ctx, n+1)
	},
	"first": func(ctx Context, n int) (string, error) {
		a, b, c := storyWork.Go(ctx, 1), After(ctx, time.Minute), storyPoke.Inbox(ctx)
		switch First(ctx, a, b, c) {
		case a:
			return "work", nil
		case b:
			return "time", nil
		case c:
			return "poke", nil
		}
		_, err := a.Get(ctx)
		return "", err
	},
	"unsent": func(ctx Context, n int) (string, error) { // canceled before it was sent
		scope, cancel := WithCancel(ctx)
		work, timer, child := storyWork.Go(scope, 1), After(scope, time.Hour), storyChild.Go(scope, "c", 1)
		cancel()
		_, a := work.Get(ctx)
		_, b := timer.Get(ctx)
		_, c := child.Get(ctx)
		return fmt.Sprint(a, b, c), nil
	},
	"abandon": func(ctx Context, n int) (string, error) { // what is left alone when its scope ends
		scope, cancel := WithCancel(ctx)
		work, child := storyWork, storyChild
		work.Cancel, child.Cancel = Abandon, Abandon
		a, b := work.Go(scope, n), child.Go(scope, "c", n)
		if _, err := storyPoke.Receive(ctx); err != nil {
			return "", err
		}
		cancel()
		_, aErr := a.Get(ctx)
		_, bErr := b.Get(ctx)
		return fmt.Sprint(aErr, " ", bErr), nil
	},
	"timeout": func(ctx Context, n int) (string, error) {
		scope, cancel := WithTimeout(ctx, time.Minute)
		defer cancel()
		return said(storyWork.Call(scope, n))
	},
	"many": func(ctx Context, n int) (string, error) {
		_, err := Map(ctx, 105, make([]int, 105), func(ctx Context, _ int) (int, error) { return storyWork.Call(ctx, 0) })
		return "", err
	},
	"effect": func(ctx Context, n int) (string, error) {
		v := Version(ctx, "change", 3)
		return fmt.Sprint(v, Effect(ctx, func() string { return "chance" })), storyErr(Sleep(ctx, time.Second))
	},
}

func storyErr(err error) error { return err }

var (
	storyRecorded int  // effects that the history has
	storyBroken   bool // code that is mended while its run is parked
)

// teller plays SWF for a story.
type teller struct {
	events []types.HistoryEvent
	c      *cached
	code   *workflowCode
	out    strings.Builder
	told   []string // decisions of each task, for the replay
	start  []int64
	prev   int64
	ids    map[string]int64 // of what is open: the event that began it
}

func (s *teller) add(e types.HistoryEvent, kind types.EventType) int64 {
	e.EventId, e.EventType = int64(len(s.events)+1), kind
	e.EventTimestamp = aws.Time(time.Unix(int64(len(s.events)), 0))
	s.events = append(s.events, e)
	return e.EventId
}

func newTeller(code, input string) *teller {
	storyRecorded, storyBroken = 0, true
	s := &teller{ids: map[string]int64{}, code: story.By(storyCode[code]).workflow}
	s.begin()
	s.add(types.HistoryEvent{WorkflowExecutionStartedEventAttributes: &types.WorkflowExecutionStartedEventAttributes{
		Input: text(input), WorkflowType: &types.WorkflowType{Name: aws.String("Story"), Version: aws.String("1")}, TaskList: &types.TaskList{Name: aws.String("list")}}}, types.EventTypeWorkflowExecutionStarted)
	return s
}

// begin has the code know nothing of its run.
func (s *teller) begin() {
	s.prev = 0
	s.c = newRun(RunInfo{RunID: "run", Workflow: story.Name}, s.code, (&Client{}).payloads(), discard, true, false)
}

// show is a decision on a line.
func show(d types.Decision) string {
	line := string(d.DecisionType)
	switch {
	case d.ScheduleActivityTaskDecisionAttributes != nil:
		a := d.ScheduleActivityTaskDecisionAttributes
		line += fmt.Sprintf(" %s input=%s close=%s list=%s", *a.ActivityId, aws.ToString(a.Input), *a.StartToCloseTimeout, *a.TaskList.Name)
	case d.StartTimerDecisionAttributes != nil:
		line += " " + *d.StartTimerDecisionAttributes.TimerId + " " + *d.StartTimerDecisionAttributes.StartToFireTimeout + " s"
	case d.CancelTimerDecisionAttributes != nil:
		line += " " + *d.CancelTimerDecisionAttributes.TimerId
	case d.RequestCancelActivityTaskDecisionAttributes != nil:
		line += " " + *d.RequestCancelActivityTaskDecisionAttributes.ActivityId
	case d.StartChildWorkflowExecutionDecisionAttributes != nil:
		line += " " + *d.StartChildWorkflowExecutionDecisionAttributes.WorkflowId
	case d.RequestCancelExternalWorkflowExecutionDecisionAttributes != nil:
		line += " " + *d.RequestCancelExternalWorkflowExecutionDecisionAttributes.WorkflowId
	case d.SignalExternalWorkflowExecutionDecisionAttributes != nil:
		line += " " + *d.SignalExternalWorkflowExecutionDecisionAttributes.Control
	case d.ScheduleLambdaFunctionDecisionAttributes != nil:
		line += " " + *d.ScheduleLambdaFunctionDecisionAttributes.Id
	case d.RecordMarkerDecisionAttributes != nil:
		line += " " + *d.RecordMarkerDecisionAttributes.MarkerName + " " + aws.ToString(d.RecordMarkerDecisionAttributes.Details)
	case d.CompleteWorkflowExecutionDecisionAttributes != nil:
		line += " " + aws.ToString(d.CompleteWorkflowExecutionDecisionAttributes.Result)
	case d.FailWorkflowExecutionDecisionAttributes != nil:
		line += " " + aws.ToString(d.FailWorkflowExecutionDecisionAttributes.Reason)
	case d.ContinueAsNewWorkflowExecutionDecisionAttributes != nil:
		line += " " + aws.ToString(d.ContinueAsNewWorkflowExecutionDecisionAttributes.Input)
	}
	return line
}

// task is a decision task: what the code decides is written to the history, or that it is parked; the first decision
// fails, if there is a cause. Without an answer it times out.
func (s *teller) task(cause string, lost bool, late func()) {
	scheduled := s.add(types.HistoryEvent{}, types.EventTypeDecisionTaskScheduled)
	started := s.add(types.HistoryEvent{DecisionTaskStartedEventAttributes: &types.DecisionTaskStartedEventAttributes{ScheduledEventId: scheduled}}, types.EventTypeDecisionTaskStarted)
	if lost {
		s.add(types.HistoryEvent{}, types.EventTypeDecisionTaskTimedOut)
		return
	}
	why := s.c.run.Advance(s.events[s.prev:], started)
	var decisions []types.Decision
	if why == nil {
		s.prev = started
		decisions = s.c.run.Decisions()
	} else { // as a worker does
		decisions = parked(context.Background(), (&Client{}).payloads(), strings.SplitN(why.Error(), "\n", 2)[0], s.events)
		s.c.run.End()
		s.begin()
	}
	var lines []string
	for _, d := range decisions {
		lines = append(lines, show(d))
	}
	shown := lines
	if len(lines) > 6 {
		shown = append(append(slices.Clone(lines[:2]), fmt.Sprintf("… %d more", len(lines)-4)), lines[len(lines)-2:]...)
	}
	for _, line := range shown {
		fmt.Fprintln(&s.out, line)
	}
	if why == nil {
		s.told, s.start = append(s.told, strings.Join(lines, "\n")), append(s.start, started)
	}
	late()
	var parkedBy *string
	if why != nil && len(decisions) == 0 {
		parkedBy = aws.String(replay.ParkedContext)
	}
	done := s.add(types.HistoryEvent{DecisionTaskCompletedEventAttributes: &types.DecisionTaskCompletedEventAttributes{StartedEventId: started, ExecutionContext: parkedBy}}, types.EventTypeDecisionTaskCompleted)
	for _, d := range decisions {
		s.wrote(d, done, cause)
		cause = ""
	}
}

func (s *teller) wrote(d types.Decision, done int64, cause string) {
	switch {
	case d.ScheduleActivityTaskDecisionAttributes != nil:
		a := d.ScheduleActivityTaskDecisionAttributes
		if cause != "" {
			s.add(types.HistoryEvent{ScheduleActivityTaskFailedEventAttributes: &types.ScheduleActivityTaskFailedEventAttributes{ActivityId: a.ActivityId, ActivityType: a.ActivityType, Cause: types.ScheduleActivityTaskFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeScheduleActivityTaskFailed)
			return
		}
		s.ids[*a.ActivityId] = s.add(types.HistoryEvent{ActivityTaskScheduledEventAttributes: &types.ActivityTaskScheduledEventAttributes{ActivityId: a.ActivityId, ActivityType: a.ActivityType, Input: a.Input, DecisionTaskCompletedEventId: done}}, types.EventTypeActivityTaskScheduled)
	case d.StartTimerDecisionAttributes != nil:
		id := d.StartTimerDecisionAttributes.TimerId
		if cause != "" {
			s.add(types.HistoryEvent{StartTimerFailedEventAttributes: &types.StartTimerFailedEventAttributes{TimerId: id, Cause: types.StartTimerFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeStartTimerFailed)
			return
		}
		s.ids[*id] = s.add(types.HistoryEvent{TimerStartedEventAttributes: &types.TimerStartedEventAttributes{TimerId: id, StartToFireTimeout: d.StartTimerDecisionAttributes.StartToFireTimeout, DecisionTaskCompletedEventId: done}}, types.EventTypeTimerStarted)
	case d.CancelTimerDecisionAttributes != nil:
		id := d.CancelTimerDecisionAttributes.TimerId
		if cause != "" {
			s.add(types.HistoryEvent{CancelTimerFailedEventAttributes: &types.CancelTimerFailedEventAttributes{TimerId: id, Cause: types.CancelTimerFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeCancelTimerFailed)
			return
		}
		s.add(types.HistoryEvent{TimerCanceledEventAttributes: &types.TimerCanceledEventAttributes{TimerId: id, StartedEventId: s.ids[*id], DecisionTaskCompletedEventId: done}}, types.EventTypeTimerCanceled)
	case d.RequestCancelActivityTaskDecisionAttributes != nil:
		id := d.RequestCancelActivityTaskDecisionAttributes.ActivityId
		if cause != "" {
			s.add(types.HistoryEvent{RequestCancelActivityTaskFailedEventAttributes: &types.RequestCancelActivityTaskFailedEventAttributes{ActivityId: id, Cause: types.RequestCancelActivityTaskFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeRequestCancelActivityTaskFailed)
			return
		}
		s.add(types.HistoryEvent{ActivityTaskCancelRequestedEventAttributes: &types.ActivityTaskCancelRequestedEventAttributes{ActivityId: id, DecisionTaskCompletedEventId: done}}, types.EventTypeActivityTaskCancelRequested)
	case d.StartChildWorkflowExecutionDecisionAttributes != nil:
		a := d.StartChildWorkflowExecutionDecisionAttributes
		if cause != "" {
			s.add(types.HistoryEvent{StartChildWorkflowExecutionFailedEventAttributes: &types.StartChildWorkflowExecutionFailedEventAttributes{WorkflowId: a.WorkflowId, WorkflowType: a.WorkflowType, Cause: types.StartChildWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeStartChildWorkflowExecutionFailed)
			return
		}
		s.ids[*a.WorkflowId] = s.add(types.HistoryEvent{StartChildWorkflowExecutionInitiatedEventAttributes: &types.StartChildWorkflowExecutionInitiatedEventAttributes{WorkflowId: a.WorkflowId, WorkflowType: a.WorkflowType, DecisionTaskCompletedEventId: done}}, types.EventTypeStartChildWorkflowExecutionInitiated)
	case d.RequestCancelExternalWorkflowExecutionDecisionAttributes != nil:
		id := d.RequestCancelExternalWorkflowExecutionDecisionAttributes.WorkflowId
		if cause != "" {
			s.add(types.HistoryEvent{RequestCancelExternalWorkflowExecutionFailedEventAttributes: &types.RequestCancelExternalWorkflowExecutionFailedEventAttributes{WorkflowId: id, Cause: types.RequestCancelExternalWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeRequestCancelExternalWorkflowExecutionFailed)
			return
		}
		s.ids["cancel-"+*id] = s.add(types.HistoryEvent{RequestCancelExternalWorkflowExecutionInitiatedEventAttributes: &types.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes{WorkflowId: id, DecisionTaskCompletedEventId: done}}, types.EventTypeRequestCancelExternalWorkflowExecutionInitiated)
	case d.SignalExternalWorkflowExecutionDecisionAttributes != nil:
		a := d.SignalExternalWorkflowExecutionDecisionAttributes
		if cause != "" {
			s.add(types.HistoryEvent{SignalExternalWorkflowExecutionFailedEventAttributes: &types.SignalExternalWorkflowExecutionFailedEventAttributes{WorkflowId: a.WorkflowId, Control: a.Control, Cause: types.SignalExternalWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeSignalExternalWorkflowExecutionFailed)
			return
		}
		s.ids[*a.Control] = s.add(types.HistoryEvent{SignalExternalWorkflowExecutionInitiatedEventAttributes: &types.SignalExternalWorkflowExecutionInitiatedEventAttributes{WorkflowId: a.WorkflowId, Control: a.Control, DecisionTaskCompletedEventId: done}}, types.EventTypeSignalExternalWorkflowExecutionInitiated)
	case d.ScheduleLambdaFunctionDecisionAttributes != nil:
		a := d.ScheduleLambdaFunctionDecisionAttributes
		if cause != "" {
			s.add(types.HistoryEvent{ScheduleLambdaFunctionFailedEventAttributes: &types.ScheduleLambdaFunctionFailedEventAttributes{Id: a.Id, Name: a.Name, Cause: types.ScheduleLambdaFunctionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeScheduleLambdaFunctionFailed)
			return
		}
		s.ids[*a.Id] = s.add(types.HistoryEvent{LambdaFunctionScheduledEventAttributes: &types.LambdaFunctionScheduledEventAttributes{Id: a.Id, Name: a.Name, DecisionTaskCompletedEventId: done}}, types.EventTypeLambdaFunctionScheduled)
	case d.RecordMarkerDecisionAttributes != nil:
		if cause != "" {
			s.add(types.HistoryEvent{RecordMarkerFailedEventAttributes: &types.RecordMarkerFailedEventAttributes{MarkerName: d.RecordMarkerDecisionAttributes.MarkerName, Cause: types.RecordMarkerFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeRecordMarkerFailed)
			return
		}
		s.add(types.HistoryEvent{MarkerRecordedEventAttributes: &types.MarkerRecordedEventAttributes{MarkerName: d.RecordMarkerDecisionAttributes.MarkerName, Details: d.RecordMarkerDecisionAttributes.Details, DecisionTaskCompletedEventId: done}}, types.EventTypeMarkerRecorded)
	case d.CompleteWorkflowExecutionDecisionAttributes != nil:
		if cause != "" {
			s.add(types.HistoryEvent{CompleteWorkflowExecutionFailedEventAttributes: &types.CompleteWorkflowExecutionFailedEventAttributes{Cause: types.CompleteWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeCompleteWorkflowExecutionFailed)
			return
		}
		s.add(types.HistoryEvent{WorkflowExecutionCompletedEventAttributes: &types.WorkflowExecutionCompletedEventAttributes{Result: d.CompleteWorkflowExecutionDecisionAttributes.Result, DecisionTaskCompletedEventId: done}}, types.EventTypeWorkflowExecutionCompleted)
	case d.ContinueAsNewWorkflowExecutionDecisionAttributes != nil:
		if cause != "" {
			s.add(types.HistoryEvent{ContinueAsNewWorkflowExecutionFailedEventAttributes: &types.ContinueAsNewWorkflowExecutionFailedEventAttributes{Cause: types.ContinueAsNewWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeContinueAsNewWorkflowExecutionFailed)
			return
		}
		s.add(types.HistoryEvent{WorkflowExecutionContinuedAsNewEventAttributes: &types.WorkflowExecutionContinuedAsNewEventAttributes{DecisionTaskCompletedEventId: done}}, types.EventTypeWorkflowExecutionContinuedAsNew)
	case d.CancelWorkflowExecutionDecisionAttributes != nil:
		if cause != "" {
			s.add(types.HistoryEvent{CancelWorkflowExecutionFailedEventAttributes: &types.CancelWorkflowExecutionFailedEventAttributes{Cause: types.CancelWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeCancelWorkflowExecutionFailed)
			return
		}
		s.add(types.HistoryEvent{WorkflowExecutionCanceledEventAttributes: &types.WorkflowExecutionCanceledEventAttributes{DecisionTaskCompletedEventId: done}}, types.EventTypeWorkflowExecutionCanceled)
	case d.FailWorkflowExecutionDecisionAttributes != nil:
		if cause != "" {
			s.add(types.HistoryEvent{FailWorkflowExecutionFailedEventAttributes: &types.FailWorkflowExecutionFailedEventAttributes{Cause: types.FailWorkflowExecutionFailedCause(cause), DecisionTaskCompletedEventId: done}}, types.EventTypeFailWorkflowExecutionFailed)
			return
		}
		s.add(types.HistoryEvent{WorkflowExecutionFailedEventAttributes: &types.WorkflowExecutionFailedEventAttributes{DecisionTaskCompletedEventId: done}}, types.EventTypeWorkflowExecutionFailed)
	}
}

// do is a line of a story.
func (s *teller) do(t *testing.T, line string) {
	words := strings.Fields(line)
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	open := s.ids[arg(1)]
	said := text(arg(2))
	type E = types.HistoryEvent
	switch words[0] {
	case "task":
		late := func() {}
		if arg(1) == "meanwhile" {
			news := strings.Join(words[3:], " ")
			late = func() { s.do(t, news) }
		}
		cause := arg(1)
		if cause == "meanwhile" {
			cause = arg(2)
		}
		s.task(cause, false, late)
	case "lost":
		s.task("", true, nil)
	case "mend":
		storyBroken = false
	case "completed":
		s.add(E{ActivityTaskCompletedEventAttributes: &types.ActivityTaskCompletedEventAttributes{ScheduledEventId: open, Result: said}}, types.EventTypeActivityTaskCompleted)
	case "failed":
		s.add(E{ActivityTaskFailedEventAttributes: &types.ActivityTaskFailedEventAttributes{ScheduledEventId: open, Reason: said}}, types.EventTypeActivityTaskFailed)
	case "timedout":
		s.add(E{ActivityTaskTimedOutEventAttributes: &types.ActivityTaskTimedOutEventAttributes{ScheduledEventId: open, TimeoutType: types.ActivityTaskTimeoutType(arg(2))}}, types.EventTypeActivityTaskTimedOut)
	case "canceled":
		s.add(E{ActivityTaskCanceledEventAttributes: &types.ActivityTaskCanceledEventAttributes{ScheduledEventId: open}}, types.EventTypeActivityTaskCanceled)
	case "fired":
		s.add(E{TimerFiredEventAttributes: &types.TimerFiredEventAttributes{StartedEventId: open, TimerId: aws.String(arg(1))}}, types.EventTypeTimerFired)
	case "poke":
		s.add(E{WorkflowExecutionSignaledEventAttributes: &types.WorkflowExecutionSignaledEventAttributes{SignalName: aws.String("Poke"), Input: aws.String(arg(1))}}, types.EventTypeWorkflowExecutionSignaled)
	case "retry": // of a parked run
		s.add(E{WorkflowExecutionSignaledEventAttributes: &types.WorkflowExecutionSignaledEventAttributes{SignalName: aws.String("flow.retry")}}, types.EventTypeWorkflowExecutionSignaled)
	case "cancel":
		s.add(E{WorkflowExecutionCancelRequestedEventAttributes: &types.WorkflowExecutionCancelRequestedEventAttributes{}}, types.EventTypeWorkflowExecutionCancelRequested)
	case "child-started":
		s.add(E{ChildWorkflowExecutionStartedEventAttributes: &types.ChildWorkflowExecutionStartedEventAttributes{InitiatedEventId: open, WorkflowExecution: &types.WorkflowExecution{RunId: aws.String("r")}}}, types.EventTypeChildWorkflowExecutionStarted)
	case "child-completed":
		s.add(E{ChildWorkflowExecutionCompletedEventAttributes: &types.ChildWorkflowExecutionCompletedEventAttributes{InitiatedEventId: open, Result: said}}, types.EventTypeChildWorkflowExecutionCompleted)
	case "child-failed":
		s.add(E{ChildWorkflowExecutionFailedEventAttributes: &types.ChildWorkflowExecutionFailedEventAttributes{InitiatedEventId: open, Reason: said}}, types.EventTypeChildWorkflowExecutionFailed)
	case "child-canceled":
		s.add(E{ChildWorkflowExecutionCanceledEventAttributes: &types.ChildWorkflowExecutionCanceledEventAttributes{InitiatedEventId: open}}, types.EventTypeChildWorkflowExecutionCanceled)
	case "child-timedout":
		s.add(E{ChildWorkflowExecutionTimedOutEventAttributes: &types.ChildWorkflowExecutionTimedOutEventAttributes{InitiatedEventId: open}}, types.EventTypeChildWorkflowExecutionTimedOut)
	case "child-terminated":
		s.add(E{ChildWorkflowExecutionTerminatedEventAttributes: &types.ChildWorkflowExecutionTerminatedEventAttributes{InitiatedEventId: open}}, types.EventTypeChildWorkflowExecutionTerminated)
	case "child-refused": // after it was initiated
		s.add(E{StartChildWorkflowExecutionFailedEventAttributes: &types.StartChildWorkflowExecutionFailedEventAttributes{InitiatedEventId: open, Cause: types.StartChildWorkflowExecutionFailedCause(arg(2)), DecisionTaskCompletedEventId: open - 1}}, types.EventTypeStartChildWorkflowExecutionFailed)
	case "cancel-refused": // after it was initiated
		s.add(E{RequestCancelExternalWorkflowExecutionFailedEventAttributes: &types.RequestCancelExternalWorkflowExecutionFailedEventAttributes{InitiatedEventId: s.ids["cancel-"+arg(1)], WorkflowId: aws.String(arg(1)), Cause: types.RequestCancelExternalWorkflowExecutionFailedCause(arg(2))}}, types.EventTypeRequestCancelExternalWorkflowExecutionFailed)
	case "signaled":
		s.add(E{ExternalWorkflowExecutionSignaledEventAttributes: &types.ExternalWorkflowExecutionSignaledEventAttributes{InitiatedEventId: open}}, types.EventTypeExternalWorkflowExecutionSignaled)
	case "signal-refused":
		s.add(E{SignalExternalWorkflowExecutionFailedEventAttributes: &types.SignalExternalWorkflowExecutionFailedEventAttributes{InitiatedEventId: open, Cause: types.SignalExternalWorkflowExecutionFailedCause(arg(2)), DecisionTaskCompletedEventId: open - 1}}, types.EventTypeSignalExternalWorkflowExecutionFailed)
	case "lambda-completed":
		s.add(E{LambdaFunctionCompletedEventAttributes: &types.LambdaFunctionCompletedEventAttributes{ScheduledEventId: open, Result: said}}, types.EventTypeLambdaFunctionCompleted)
	case "lambda-failed":
		s.add(E{LambdaFunctionFailedEventAttributes: &types.LambdaFunctionFailedEventAttributes{ScheduledEventId: open, Reason: said}}, types.EventTypeLambdaFunctionFailed)
	case "lambda-timedout":
		s.add(E{LambdaFunctionTimedOutEventAttributes: &types.LambdaFunctionTimedOutEventAttributes{ScheduledEventId: open}}, types.EventTypeLambdaFunctionTimedOut)
	case "lambda-refused":
		s.add(E{StartLambdaFunctionFailedEventAttributes: &types.StartLambdaFunctionFailedEventAttributes{ScheduledEventId: open, Cause: types.StartLambdaFunctionFailedCause(arg(2))}}, types.EventTypeStartLambdaFunctionFailed)
	default:
		t.Fatalf("a story says %q", line)
	}
}

// tell tells a story: what the code says to each line that begins with >. Then a decider that knows nothing decides again at each of
// its tasks, over that prefix of the history, and decides the same.
func tell(t *testing.T, part string) string {
	lines := strings.Split(part, "\n")
	head := strings.Fields(lines[0]) // code NAME INPUT
	s := newTeller(head[1], strings.Join(head[2:], " "))
	fmt.Fprintln(&s.out, lines[0])
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "> ") {
			continue // what it said
		}
		fmt.Fprintln(&s.out, line)
		s.do(t, line[2:])
	}
	for i, started := range s.start {
		storyRecorded = 0
		for _, e := range s.events[:started] {
			if e.MarkerRecordedEventAttributes != nil {
				storyRecorded++
			}
		}
		again := newRun(RunInfo{RunID: "run", Workflow: story.Name}, s.code, (&Client{}).payloads(), discard, true, false)
		if err := again.run.Advance(s.events[:started], started); err != nil {
			t.Errorf("%s: again, at event %d: %v", part, started, err)
			continue
		}
		var told []string
		for _, d := range again.run.Decisions() {
			told = append(told, show(d))
		}
		if got := strings.Join(told, "\n"); got != s.told[i] {
			t.Errorf("%s: again, at event %d:\n%s\nfirst\n%s", part, started, got, s.told[i])
		}
		again.run.End()
	}
	s.c.run.End()
	return s.out.String()
}

// TestStories tells all stories of testdata/stories.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for part := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n\n") {
			out.WriteString(tell(t, part) + "\n")
		}
		compare(t, name, strings.TrimSpace(out.String())+"\n")
	}
}

// Every cause for which SWF refuses a decision of each kind, and what comes of it: what is refused for now is tried later, what is refused
// for good is an error, what can't be led on is parked.
func TestCauses(t *testing.T) {
	var out strings.Builder
	each := func(decision, part string, causes ...string) {
		for _, cause := range causes {
			told := tell(t, strings.ReplaceAll(part, "CAUSE", cause))
			said := told[strings.LastIndex(told, "> task\n")+len("> task\n"):]
			fmt.Fprintf(&out, "%s %s\n  %s\n", decision, cause, strings.ReplaceAll(strings.TrimSpace(said), "\n", "\n  "))
		}
	}
	each("ScheduleActivityTask", "code call 1\n> task CAUSE\n> task", causes(types.ScheduleActivityTaskFailedCause("").Values())...)
	each("ScheduleActivityTask with Retry", "code retry 1\n> task CAUSE\n> task", causes(types.ScheduleActivityTaskFailedCause("").Values())...)
	each("RequestCancelActivityTask", "code call 1\n> task\n> cancel\n> task CAUSE\n> completed Work-1 5\n> task", causes(types.RequestCancelActivityTaskFailedCause("").Values())...)
	each("StartTimer", "code sleep 1\n> task CAUSE\n> task", causes(types.StartTimerFailedCause("").Values())...)
	each("CancelTimer", "code timeout 1\n> task\n> completed Work-2 5\n> task CAUSE\n> task", causes(types.CancelTimerFailedCause("").Values())...)
	each("StartChildWorkflowExecution at once", "code child 1\n> task CAUSE\n> task", causes(types.StartChildWorkflowExecutionFailedCause("").Values())...)
	each("StartChildWorkflowExecution later", "code child 1\n> task\n> child-refused c CAUSE\n> task", causes(types.StartChildWorkflowExecutionFailedCause("").Values())...)
	each("RequestCancelExternalWorkflowExecution at once", "code child 1\n> task\n> child-started c\n> cancel\n> task CAUSE\n> poke 1\n> task", causes(types.RequestCancelExternalWorkflowExecutionFailedCause("").Values())...)
	each("RequestCancelExternalWorkflowExecution later", "code child 1\n> task\n> child-started c\n> cancel\n> task\n> cancel-refused c CAUSE\n> task", causes(types.RequestCancelExternalWorkflowExecutionFailedCause("").Values())...)
	each("SignalExternalWorkflowExecution at once", "code signal 1\n> task CAUSE\n> task", causes(types.SignalExternalWorkflowExecutionFailedCause("").Values())...)
	each("SignalExternalWorkflowExecution later", "code signal 1\n> task\n> signal-refused Poke-1 CAUSE\n> task", causes(types.SignalExternalWorkflowExecutionFailedCause("").Values())...)
	each("ScheduleLambdaFunction", "code lambda 1\n> task CAUSE\n> task", causes(types.ScheduleLambdaFunctionFailedCause("").Values())...)
	each("StartLambdaFunction", "code lambda 1\n> task\n> lambda-refused double-1 CAUSE\n> task", causes(types.StartLambdaFunctionFailedCause("").Values())...)
	each("RecordMarker", "code effect 1\n> task CAUSE\n> task", causes(types.RecordMarkerFailedCause("").Values())...)
	each("CompleteWorkflowExecution", "code call 1\n> task\n> completed Work-1 5\n> task CAUSE\n> task", causes(types.CompleteWorkflowExecutionFailedCause("").Values())...)
	each("FailWorkflowExecution", "code fails 1\n> task CAUSE\n> task", causes(types.FailWorkflowExecutionFailedCause("").Values())...)
	each("CancelWorkflowExecution", "code next 1\n> task\n> cancel\n> task CAUSE\n> task", causes(types.CancelWorkflowExecutionFailedCause("").Values())...)
	each("ContinueAsNewWorkflowExecution", "code next 1\n> poke 1\n> task CAUSE\n> task", causes(types.ContinueAsNewWorkflowExecutionFailedCause("").Values())...)
	compare(t, "testdata/causes.txt", out.String())
}

func causes[C ~string](all []C) (texts []string) {
	for _, c := range all {
		texts = append(texts, string(c))
	}
	return texts
}

// compare holds what a test says against a file, or writes it there.
func compare(t *testing.T, name, got string) {
	t.Helper()
	if *retell {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want, err := os.ReadFile(name); err != nil || got != string(want) {
		t.Errorf("%s says\n%s\nwant\n%s (%v)", name, got, want, err)
	}
}
