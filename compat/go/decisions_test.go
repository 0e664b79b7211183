package sdk

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// TestDecisions makes every decision that does not close, well and badly, and
// reads what it wrote.
func TestDecisions(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	ctx := t.Context()
	other := h.begin("other", func(in *swf.StartWorkflowExecutionInput) { in.TaskList = &types.TaskList{Name: aws.String("others")} })
	run := h.begin("all")

	h.decide(
		marking("m"),
		timing("t", "300"), timing("t", "300"), // the second is refused
		types.Decision{DecisionType: types.DecisionTypeCancelTimer, CancelTimerDecisionAttributes: &types.CancelTimerDecisionAttributes{TimerId: aws.String("t")}},
		types.Decision{DecisionType: types.DecisionTypeCancelTimer, CancelTimerDecisionAttributes: &types.CancelTimerDecisionAttributes{TimerId: aws.String("t")}},
		scheduling("a"), scheduling("a"),
		scheduling("b", func(a *types.ScheduleActivityTaskDecisionAttributes) {
			a.ActivityType = &types.ActivityType{Name: aws.String("none"), Version: aws.String("1")}
		}),
		types.Decision{
			DecisionType: types.DecisionTypeRequestCancelActivityTask,
			RequestCancelActivityTaskDecisionAttributes: &types.RequestCancelActivityTaskDecisionAttributes{ActivityId: aws.String("a")},
		},
		types.Decision{
			DecisionType: types.DecisionTypeRequestCancelActivityTask,
			RequestCancelActivityTaskDecisionAttributes: &types.RequestCancelActivityTaskDecisionAttributes{ActivityId: aws.String("none")},
		},
		types.Decision{
			DecisionType:                             types.DecisionTypeScheduleLambdaFunction,
			ScheduleLambdaFunctionDecisionAttributes: &types.ScheduleLambdaFunctionDecisionAttributes{Id: aws.String("l"), Name: aws.String("f")},
		},
	)
	events := h.tells("all", run, 4, "DecisionCompleted MarkerRecorded TimerStarted StartTimerFailed TimerCanceled CancelTimerFailed "+
		"ActivityScheduled ScheduleActivityFailed ScheduleActivityFailed ActivityCancelRequested ActivityCanceled RequestCancelActivityFailed "+
		"ScheduleLambdaFunctionFailed DecisionScheduled")
	causes := []any{
		events[6].StartTimerFailedEventAttributes.Cause, types.StartTimerFailedCauseTimerIdAlreadyInUse,
		events[8].CancelTimerFailedEventAttributes.Cause, types.CancelTimerFailedCauseTimerIdUnknown,
		events[10].ScheduleActivityTaskFailedEventAttributes.Cause, types.ScheduleActivityTaskFailedCauseActivityIdAlreadyInUse,
		events[11].ScheduleActivityTaskFailedEventAttributes.Cause, types.ScheduleActivityTaskFailedCauseActivityTypeDoesNotExist,
		events[13].ActivityTaskCanceledEventAttributes.StartedEventId, int64(0),
		events[14].RequestCancelActivityTaskFailedEventAttributes.Cause, types.RequestCancelActivityTaskFailedCauseActivityIdUnknown,
		events[15].ScheduleLambdaFunctionFailedEventAttributes.Cause, types.ScheduleLambdaFunctionFailedCauseLambdaServiceNotAvailableInRegion,
	}
	for i := 0; i < len(causes); i += 2 {
		if causes[i] != causes[i+1] {
			t.Errorf("got %v, want %v", causes[i], causes[i+1])
		}
	}

	signalling := func(workflowID string) types.Decision {
		return types.Decision{
			DecisionType: types.DecisionTypeSignalExternalWorkflowExecution,
			SignalExternalWorkflowExecutionDecisionAttributes: &types.SignalExternalWorkflowExecutionDecisionAttributes{
				WorkflowId: aws.String(workflowID), SignalName: aws.String("hello"), Input: aws.String("in"), Control: aws.String("c"),
			},
		}
	}
	canceling := func(workflowID string) types.Decision {
		return types.Decision{
			DecisionType: types.DecisionTypeRequestCancelExternalWorkflowExecution,
			RequestCancelExternalWorkflowExecutionDecisionAttributes: &types.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowId: aws.String(workflowID)},
		}
	}
	h.decide(signalling("other"), canceling("other"), signalling("none"), canceling("none"))
	h.await("all", run, types.EventTypeExternalWorkflowExecutionSignaled)
	h.await("all", run, types.EventTypeExternalWorkflowExecutionCancelRequested)
	unknown := h.await("all", run, types.EventTypeSignalExternalWorkflowExecutionFailed).SignalExternalWorkflowExecutionFailedEventAttributes
	if unknown.Cause != types.SignalExternalWorkflowExecutionFailedCauseUnknownExternalWorkflowExecution || *unknown.WorkflowId != "none" || aws.ToString(unknown.Control) != "c" {
		t.Errorf("got %+v", unknown)
	}
	if f := h.await("all", run, types.EventTypeRequestCancelExternalWorkflowExecutionFailed).RequestCancelExternalWorkflowExecutionFailedEventAttributes; f.Cause != types.RequestCancelExternalWorkflowExecutionFailedCauseUnknownExternalWorkflowExecution {
		t.Errorf("got %+v", f)
	}
	told := h.tells("other", other, 1, "RunStarted DecisionScheduled RunSignaled RunCancelRequested")
	s := told[2].WorkflowExecutionSignaledEventAttributes
	if *s.SignalName != "hello" || aws.ToString(s.Input) != "in" || s.ExternalInitiatedEventId != 20 || s.ExternalWorkflowExecution == nil || *s.ExternalWorkflowExecution.RunId != run {
		t.Errorf("got %+v", s)
	}

	h.decide(bearing("other"), bearing("x", func(a *types.StartChildWorkflowExecutionDecisionAttributes) {
		a.WorkflowType = &types.WorkflowType{Name: aws.String("none"), Version: aws.String("1")}
	}), bearing("child"))
	child := h.decisionTask("children")
	if p := child.Events[0].WorkflowExecutionStartedEventAttributes; p.ParentWorkflowExecution == nil || *p.ParentWorkflowExecution.RunId != run || p.ParentInitiatedEventId == 0 {
		t.Errorf("the child's start is %+v", p)
	}
	h.await("all", run, types.EventTypeChildWorkflowExecutionStarted)
	failures := map[types.StartChildWorkflowExecutionFailedCause]bool{}
	h.until("all", run, func(events []types.HistoryEvent) bool {
		for _, e := range events {
			if f := e.StartChildWorkflowExecutionFailedEventAttributes; f != nil {
				failures[f.Cause] = (f.InitiatedEventId != 0)
			}
		}
		return len(failures) == 2
	})
	// Only a failure that the service found out later has an initiated event.
	if initiated, is := failures[types.StartChildWorkflowExecutionFailedCauseWorkflowAlreadyRunning]; !is || !initiated {
		t.Errorf("got %v", failures)
	}
	if initiated, is := failures[types.StartChildWorkflowExecutionFailedCauseWorkflowTypeDoesNotExist]; !is || initiated {
		t.Errorf("got %v", failures)
	}
	_, err := h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("all")})
	h.ok(err)
	end := h.await("child", *child.WorkflowExecution.RunId, types.EventTypeWorkflowExecutionTerminated).WorkflowExecutionTerminatedEventAttributes
	if end.Cause != types.WorkflowExecutionTerminatedCauseChildPolicyApplied {
		t.Errorf("got %+v", end)
	}
	list, err := h.ListClosedWorkflowExecutions(ctx, &swf.ListClosedWorkflowExecutionsInput{
		Domain: aws.String(domain), StartTimeFilter: always, ExecutionFilter: &types.WorkflowExecutionFilter{WorkflowId: aws.String("child")},
	})
	h.ok(err)
	if i := list.ExecutionInfos; len(i) != 1 || i[0].CloseStatus != types.CloseStatusTerminated || i[0].Parent == nil || *i[0].Parent.RunId != run {
		t.Errorf("got %+v", list.ExecutionInfos)
	}
}

// TestContinueAsNew continues twice; each run knows of the one before.
func TestContinueAsNew(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	run := h.begin("w", func(in *swf.StartWorkflowExecutionInput) { in.TagList = []string{"old"} })
	for i, tag := range []string{"new", "newer"} {
		task := h.decide(types.Decision{
			DecisionType: types.DecisionTypeContinueAsNewWorkflowExecution,
			ContinueAsNewWorkflowExecutionDecisionAttributes: &types.ContinueAsNewWorkflowExecutionDecisionAttributes{
				Input: aws.String(tag), TagList: []string{tag}, ExecutionStartToCloseTimeout: aws.String("900"),
			},
		})
		if *task.WorkflowExecution.RunId != run {
			t.Fatalf("task of run %s, want %s", *task.WorkflowExecution.RunId, run)
		}
		events := h.tells("w", run, 4, "DecisionCompleted RunContinuedAsNew")
		a := events[4].WorkflowExecutionContinuedAsNewEventAttributes
		next := h.await("w", *a.NewExecutionRunId, types.EventTypeWorkflowExecutionStarted).WorkflowExecutionStartedEventAttributes
		if aws.ToString(next.ContinuedExecutionRunId) != run || aws.ToString(next.Input) != tag || *next.ExecutionStartToCloseTimeout != "900" ||
			len(next.TagList) != 1 || next.TagList[0] != tag || next.ChildPolicy != types.ChildPolicyTerminate || *next.TaskList.Name != decisions {
			t.Errorf("successor %d started with %+v", i, next)
		}
		run = *a.NewExecutionRunId
	}
	h.decide(closing(""))
	out, err := h.CountClosedWorkflowExecutions(t.Context(), &swf.CountClosedWorkflowExecutionsInput{
		Domain: aws.String(domain), CloseTimeFilter: always, CloseStatusFilter: &types.CloseStatusFilter{Status: types.CloseStatusContinuedAsNew},
	})
	h.ok(err)
	if out.Count != 2 {
		t.Errorf("%d runs were continued, want 2", out.Count)
	}
}

// TestTimeouts lets every kind of timeout pass.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	never := aws.String("NONE")
	set := func(change func(*types.ScheduleActivityTaskDecisionAttributes)) func(*types.ScheduleActivityTaskDecisionAttributes) {
		return func(a *types.ScheduleActivityTaskDecisionAttributes) {
			a.HeartbeatTimeout, a.ScheduleToCloseTimeout, a.ScheduleToStartTimeout, a.StartToCloseTimeout = never, never, never, never
			a.TaskList = &types.TaskList{Name: a.ActivityId}
			change(a)
		}
	}
	run := h.begin("activities")
	h.decide(
		scheduling("unstarted", set(func(a *types.ScheduleActivityTaskDecisionAttributes) { a.ScheduleToStartTimeout = aws.String("1") })),
		scheduling("unclosed", set(func(a *types.ScheduleActivityTaskDecisionAttributes) { a.StartToCloseTimeout = aws.String("1") })),
		scheduling("overall", set(func(a *types.ScheduleActivityTaskDecisionAttributes) { a.ScheduleToCloseTimeout = aws.String("1") })),
		scheduling("silent", set(func(a *types.ScheduleActivityTaskDecisionAttributes) { a.HeartbeatTimeout = aws.String("1") })),
		timing("t", "0"),
	)
	h.activityTask("unclosed")
	_, err := h.RecordActivityTaskHeartbeat(t.Context(), &swf.RecordActivityTaskHeartbeatInput{TaskToken: h.activityTask("silent").TaskToken, Details: aws.String("last words")})
	h.ok(err)
	h.await("activities", run, types.EventTypeTimerFired)
	want := map[int64]types.ActivityTaskTimeoutType{
		5: types.ActivityTaskTimeoutTypeScheduleToStart, 6: types.ActivityTaskTimeoutTypeStartToClose,
		7: types.ActivityTaskTimeoutTypeScheduleToClose, 8: types.ActivityTaskTimeoutTypeHeartbeat,
	}
	h.until("activities", run, func(events []types.HistoryEvent) bool {
		timeouts := 0
		for _, e := range events {
			if e.ActivityTaskTimedOutEventAttributes != nil {
				timeouts++
			}
		}
		return timeouts == len(want)
	})
	for _, e := range h.history("activities", run) {
		a := e.ActivityTaskTimedOutEventAttributes
		if a == nil {
			continue
		}
		if a.TimeoutType != want[a.ScheduledEventId] {
			t.Errorf("activity of event %d timed out %s, want %s", a.ScheduledEventId, a.TimeoutType, want[a.ScheduledEventId])
		}
		if details := aws.ToString(a.Details); (details == "last words") != (a.ScheduledEventId == 8) {
			t.Errorf("activity of event %d timed out with details %q", a.ScheduledEventId, details)
		}
		if (a.StartedEventId == 0) != (a.ScheduledEventId == 5 || a.ScheduledEventId == 7) {
			t.Errorf("activity of event %d timed out, started with %d", a.ScheduledEventId, a.StartedEventId)
		}
	}

	short := h.begin("short", func(in *swf.StartWorkflowExecutionInput) {
		in.ExecutionStartToCloseTimeout = aws.String("3")
		in.TaskStartToCloseTimeout = aws.String("1")
		in.TaskList = &types.TaskList{Name: aws.String("short")}
	})
	slow := h.decisionTask("short")
	h.await("short", short, types.EventTypeDecisionTaskTimedOut)
	_, err = h.RespondDecisionTaskCompleted(t.Context(), &swf.RespondDecisionTaskCompletedInput{TaskToken: slow.TaskToken})
	refused(t, err, "UnknownResourceFault", "Unknown decision task, scheduledEventId = 2")
	h.tells("short", short, 3, "DecisionStarted DecisionTimedOut DecisionScheduled")
	end := h.await("short", short, types.EventTypeWorkflowExecutionTimedOut)
	if a := end.WorkflowExecutionTimedOutEventAttributes; a.TimeoutType != types.WorkflowExecutionTimeoutTypeStartToClose || a.ChildPolicy != types.ChildPolicyTerminate {
		t.Errorf("got %+v", a)
	}
	begun := *h.history("short", short)[0].EventTimestamp
	if after := end.EventTimestamp.Sub(begun); after < 3*time.Second || after > 4*time.Second {
		t.Errorf("the execution timed out after %s", after)
	}
}
