package sdk

import (
	"testing"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// tasks runs an execution with three activities: one completes, one fails and one
// is canceled.
func tasks(t *testing.T, h *house) {
	ctx := t.Context()
	pendingDecisions := func(want int32) {
		t.Helper()
		var out *swf.CountPendingDecisionTasksOutput
		if !heddle.Holds(func() bool {
			var err error
			out, err = h.CountPendingDecisionTasks(ctx, &swf.CountPendingDecisionTasksInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(decisions)}})
			h.ok(err)
			return out.Count == want && !out.Truncated
		}) {
			t.Errorf("%d decision tasks are pending (truncated %v), want %d", out.Count, out.Truncated, want)
		}
	}
	pendingActivities := func(want int32) {
		t.Helper()
		var out *swf.CountPendingActivityTasksOutput
		if !heddle.Holds(func() bool {
			var err error
			out, err = h.CountPendingActivityTasks(ctx, &swf.CountPendingActivityTasksInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(work)}})
			h.ok(err)
			return out.Count == want && !out.Truncated
		}) {
			t.Errorf("%d activity tasks are pending (truncated %v), want %d", out.Count, out.Truncated, want)
		}
	}
	pendingDecisions(0)
	run := h.begin("tasks", func(in *swf.StartWorkflowExecutionInput) { in.Input = aws.String("a\u0000ü\U0001F600") })
	pendingDecisions(1)

	first := h.decisionTask(decisions)
	pendingDecisions(0)
	if *first.WorkflowExecution.RunId != run || *first.WorkflowExecution.WorkflowId != "tasks" || *first.WorkflowType.Name != "order" ||
		first.StartedEventId != 3 || first.PreviousStartedEventId != 0 || len(first.Events) != 3 || first.NextPageToken != nil || len(*first.TaskToken) > 1024 {
		t.Errorf("got task %+v", first)
	}
	if input := aws.ToString(first.Events[0].WorkflowExecutionStartedEventAttributes.Input); input != "a\u0000ü\U0001F600" {
		t.Errorf("the input came back as %q", input)
	}
	h.complete(first.TaskToken, scheduling("one", func(a *types.ScheduleActivityTaskDecisionAttributes) {
		a.Input = aws.String("box")
		a.Control = aws.String("mine")
	}), scheduling("two"), scheduling("three"))
	pendingActivities(3)

	// Tasks come in the order in which they were scheduled.
	one, two, three := h.activityTask(work), h.activityTask(work), h.activityTask(work)
	pendingActivities(0)
	if *one.ActivityId != "one" || *one.ActivityType.Name != "pack" || aws.ToString(one.Input) != "box" || one.StartedEventId != 8 || *one.WorkflowExecution.RunId != run {
		t.Errorf("got task %+v", one)
	}
	if *two.ActivityId != "two" || two.Input != nil || *three.ActivityId != "three" {
		t.Errorf("got tasks %+v, %+v", two, three)
	}
	beat := func(task *swf.PollForActivityTaskOutput, canceling bool) {
		t.Helper()
		out, err := h.RecordActivityTaskHeartbeat(ctx, &swf.RecordActivityTaskHeartbeatInput{TaskToken: task.TaskToken, Details: aws.String("half")})
		h.ok(err)
		if out.CancelRequested != canceling {
			t.Errorf("cancel requested: %v, want %v", out.CancelRequested, canceling)
		}
	}
	beat(one, false)
	_, err := h.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: one.TaskToken, Result: aws.String("packed")})
	h.ok(err)
	_, err = h.RespondActivityTaskFailed(ctx, &swf.RespondActivityTaskFailedInput{TaskToken: two.TaskToken, Reason: aws.String("torn"), Details: aws.String("all")})
	h.ok(err)
	second := h.decide(types.Decision{
		DecisionType: types.DecisionTypeRequestCancelActivityTask,
		RequestCancelActivityTaskDecisionAttributes: &types.RequestCancelActivityTaskDecisionAttributes{ActivityId: aws.String("three")},
	})
	if second.PreviousStartedEventId != 3 {
		t.Errorf("the second decision task says that the one before started with event %d", second.PreviousStartedEventId)
	}
	beat(three, true)
	_, err = h.RespondActivityTaskCanceled(ctx, &swf.RespondActivityTaskCanceledInput{TaskToken: three.TaskToken, Details: aws.String("stopped")})
	h.ok(err)
	h.decide(closing("done"))
	events := h.tells("tasks", run, 1, "RunStarted DecisionScheduled DecisionStarted DecisionCompleted "+
		"ActivityScheduled ActivityScheduled ActivityScheduled ActivityStarted ActivityStarted ActivityStarted "+
		"ActivityCompleted DecisionScheduled ActivityFailed DecisionStarted DecisionCompleted ActivityCancelRequested "+
		"ActivityCanceled DecisionScheduled DecisionStarted DecisionCompleted RunCompleted")
	a := events[4].ActivityTaskScheduledEventAttributes
	if aws.ToString(a.Control) != "mine" || aws.ToString(a.HeartbeatTimeout) != "NONE" || aws.ToString(a.ScheduleToStartTimeout) != "300" ||
		aws.ToString(a.ScheduleToCloseTimeout) != "600" || aws.ToString(a.StartToCloseTimeout) != "300" || *a.TaskList.Name != work || a.TaskPriority != nil {
		t.Errorf("got %+v", a)
	}
	if f := events[12].ActivityTaskFailedEventAttributes; aws.ToString(f.Reason) != "torn" || aws.ToString(f.Details) != "all" || f.ScheduledEventId != 6 || f.StartedEventId != 9 {
		t.Errorf("got %+v", f)
	}
	if c := events[16].ActivityTaskCanceledEventAttributes; c.LatestCancelRequestedEventId != 16 || c.ScheduledEventId != 7 || c.StartedEventId != 10 || aws.ToString(c.Details) != "stopped" {
		t.Errorf("got %+v", c)
	}
}

// faultsOfTasks answers tasks in ways that are refused.
func faultsOfTasks(t *testing.T, h *house) {
	ctx := t.Context()
	respondings := func(token *string) map[string]error {
		errs := map[string]error{}
		_, errs["heartbeat"] = h.RecordActivityTaskHeartbeat(ctx, &swf.RecordActivityTaskHeartbeatInput{TaskToken: token})
		_, errs["completed"] = h.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: token})
		_, errs["failed"] = h.RespondActivityTaskFailed(ctx, &swf.RespondActivityTaskFailedInput{TaskToken: token})
		_, errs["canceled"] = h.RespondActivityTaskCanceled(ctx, &swf.RespondActivityTaskCanceledInput{TaskToken: token})
		return errs
	}
	all := func(errs map[string]error, code, message string) {
		t.Helper()
		for how, err := range errs {
			t.Run(how, func(t *testing.T) { refused(t, err, code, message) })
		}
	}
	run := h.begin("faults")
	task := h.decisionTask(decisions)
	respond := func(token *string, made ...types.Decision) error {
		_, err := h.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: token, Decisions: made})
		return err
	}
	refused(t, respond(aws.String("nonsense")), "ValidationException", "Invalid token")
	refused(t, respond(task.TaskToken, closing(""), marking("m")), "ValidationException", "Close must be last decision in list")
	refused(t, respond(task.TaskToken, types.Decision{DecisionType: types.DecisionTypeStartTimer}), "ValidationException",
		"StartTimerDecisionAttributes must be specified for decision of type StartTimer")
	refused(t, respond(task.TaskToken, types.Decision{DecisionType: "X"}), "ValidationException",
		"1 validation error detected: Value 'X' at 'decisions.1.member.decisionType' failed to satisfy constraint: Member must satisfy enum value set: "+
			"[CompleteWorkflowExecution, StartTimer, RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution, CancelTimer, RecordMarker, "+
			"ScheduleActivityTask, ContinueAsNewWorkflowExecution, ScheduleLambdaFunction, FailWorkflowExecution, RequestCancelActivityTask, "+
			"StartChildWorkflowExecution, CancelWorkflowExecution]")
	h.complete(task.TaskToken, scheduling("a"), scheduling("b")) // the token stayed usable
	refused(t, respond(task.TaskToken), "UnknownResourceFault", "Unknown decision task, scheduledEventId = 2")

	a, b := h.activityTask(work), h.activityTask(work)
	all(respondings(aws.String("nonsense")), "ValidationException", "Invalid token")
	all(respondings(task.TaskToken), "ValidationException", "Invalid token") // of a decision task
	refused(t, respond(a.TaskToken), "ValidationException", "Invalid token")
	_, err := h.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: a.TaskToken})
	h.ok(err)
	all(respondings(a.TaskToken), "UnknownResourceFault", "Unknown activity, scheduledEventId = 5")
	last := h.decide(closing(""))
	gone := "Unknown execution: WorkflowExecution=[workflowId=faults, runId=" + run + "]"
	all(respondings(b.TaskToken), "UnknownResourceFault", gone)
	refused(t, respond(last.TaskToken), "UnknownResourceFault", gone)
}

// limitOfPolls waits with as many polls as a list takes, and one more.
func limitOfPolls(t *testing.T, h *house) {
	const limit = 3
	list := &types.TaskList{Name: aws.String("crowded")}
	for _, c := range []struct {
		name string
		poll func() error
	}{
		{"decisions", func() error {
			_, err := h.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: list})
			return err
		}},
		{"activities", func() error {
			_, err := h.PollForActivityTask(t.Context(), &swf.PollForActivityTaskInput{Domain: aws.String(domain), TaskList: list})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) { crowd(t, limit, c.poll) })
	}
}

// crowd polls once more at a time than a list takes: exactly one poll is refused.
func crowd(t *testing.T, limit int, poll func() error) {
	t.Helper()
	results := make(chan error, limit+1)
	for range limit + 1 {
		go func() { results <- poll() }()
	}
	var refusals []error
	for range limit + 1 {
		if err := <-results; err != nil {
			refusals = append(refusals, err)
		}
	}
	if len(refusals) != 1 {
		t.Fatalf("%d of %d polls were refused: %v", len(refusals), limit+1, refusals)
	}
	refused(t, refusals[0], "LimitExceededFault", "Limit on maximum concurrent poll requests per task list reached")
}
