package sdk

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

var always = &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0))}

// openExecutions signals, cancels, describes, lists and counts what is open. The
// executions that it leaves are closed by the next part.
func openExecutions(t *testing.T, h *house) {
	ctx := t.Context()
	run := h.begin("red", func(in *swf.StartWorkflowExecutionInput) {
		in.TagList = []string{"warm", "first"}
		in.TaskPriority = aws.String("5")
		in.TaskList = &types.TaskList{Name: aws.String("reds")}
	})
	h.begin("blue", func(in *swf.StartWorkflowExecutionInput) { in.TagList = []string{"cold"} })
	_, err := h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{
		Domain: aws.String(domain), WorkflowId: aws.String("red"), SignalName: aws.String("hurry"), Input: aws.String("now"),
	})
	h.ok(err)
	_, err = h.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("red"), RunId: aws.String(run)})
	h.ok(err)
	events := h.tells("red", run, 1, "RunStarted DecisionScheduled RunSignaled RunCancelRequested")
	if s := events[2].WorkflowExecutionSignaledEventAttributes; *s.SignalName != "hurry" || aws.ToString(s.Input) != "now" || s.ExternalInitiatedEventId != 0 || s.ExternalWorkflowExecution != nil {
		t.Errorf("got %+v", s)
	}
	if s := events[1].DecisionTaskScheduledEventAttributes; aws.ToString(s.TaskPriority) != "5" || *s.TaskList.Name != "reds" {
		t.Errorf("got %+v", s)
	}

	d, err := h.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{
		Domain: aws.String(domain), Execution: &types.WorkflowExecution{WorkflowId: aws.String("red"), RunId: aws.String(run)},
	})
	h.ok(err)
	if i := d.ExecutionInfo; i.ExecutionStatus != types.ExecutionStatusOpen || !i.CancelRequested || i.CloseStatus != "" || i.CloseTimestamp != nil ||
		strings.Join(i.TagList, " ") != "warm first" || !i.StartTimestamp.Equal(*events[0].EventTimestamp) || i.Parent != nil {
		t.Errorf("got info %+v", i)
	}
	if c := d.ExecutionConfiguration; aws.ToString(c.TaskPriority) != "5" || c.ChildPolicy != types.ChildPolicyTerminate || *c.TaskList.Name != "reds" ||
		*c.ExecutionStartToCloseTimeout != "600" || *c.TaskStartToCloseTimeout != "300" || c.LambdaRole != nil {
		t.Errorf("got configuration %+v", c)
	}
	if d.OpenCounts.OpenDecisionTasks != 1 || d.LatestActivityTaskTimestamp != nil || d.LatestExecutionContext != nil {
		t.Errorf("got %+v, %v, %v", d.OpenCounts, d.LatestActivityTaskTimestamp, d.LatestExecutionContext)
	}

	for _, c := range []struct {
		name   string
		filter swf.ListOpenWorkflowExecutionsInput
		want   string
	}{
		{"all", swf.ListOpenWorkflowExecutionsInput{}, "blue red"},
		{"reverse", swf.ListOpenWorkflowExecutionsInput{ReverseOrder: true}, "red blue"},
		{"workflowId", swf.ListOpenWorkflowExecutionsInput{ExecutionFilter: &types.WorkflowExecutionFilter{WorkflowId: aws.String("red")}}, "red"},
		{"tag", swf.ListOpenWorkflowExecutionsInput{TagFilter: &types.TagFilter{Tag: aws.String("first")}}, "red"},
		{"no such tag", swf.ListOpenWorkflowExecutionsInput{TagFilter: &types.TagFilter{Tag: aws.String("fir")}}, ""},
		{"type", swf.ListOpenWorkflowExecutionsInput{TypeFilter: &types.WorkflowTypeFilter{Name: order.Name}}, "blue red"},
		{"type and version", swf.ListOpenWorkflowExecutionsInput{TypeFilter: &types.WorkflowTypeFilter{Name: order.Name, Version: order.Version}}, "blue red"},
		{"another version", swf.ListOpenWorkflowExecutionsInput{TypeFilter: &types.WorkflowTypeFilter{Name: order.Name, Version: aws.String("2")}}, ""},
		{"before", swf.ListOpenWorkflowExecutionsInput{StartTimeFilter: &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0)), LatestDate: aws.Time(time.Unix(1, 0))}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.filter
			in.Domain = aws.String(domain)
			if in.StartTimeFilter == nil {
				in.StartTimeFilter = always
			}
			out, err := h.ListOpenWorkflowExecutions(ctx, &in)
			h.ok(err)
			if got := listed(out.ExecutionInfos); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			n, err := h.CountOpenWorkflowExecutions(ctx, &swf.CountOpenWorkflowExecutionsInput{
				Domain: in.Domain, StartTimeFilter: in.StartTimeFilter, ExecutionFilter: in.ExecutionFilter, TagFilter: in.TagFilter, TypeFilter: in.TypeFilter,
			})
			h.ok(err)
			if want := len(strings.Fields(c.want)); int(n.Count) != want || n.Truncated {
				t.Errorf("counted %d (truncated %v), want %d", n.Count, n.Truncated, want)
			}
		})
	}
	_, err = h.ListOpenWorkflowExecutions(ctx, &swf.ListOpenWorkflowExecutionsInput{
		Domain: aws.String(domain), StartTimeFilter: always,
		TagFilter: &types.TagFilter{Tag: aws.String("a")}, TypeFilter: &types.WorkflowTypeFilter{Name: aws.String("b")},
	})
	refused(t, err, "ValidationException", "")
}

func listed(infos []types.WorkflowExecutionInfo) string {
	var names []string
	for _, i := range infos {
		names = append(names, *i.Execution.WorkflowId)
	}
	return strings.Join(names, " ")
}

// closedExecutions closes what is open, each in another way, and lists and counts
// it.
func closedExecutions(t *testing.T, h *house) {
	ctx := t.Context()
	_, err := h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{
		Domain: aws.String(domain), WorkflowId: aws.String("red"), Reason: aws.String("enough"), Details: aws.String("of it"), ChildPolicy: types.ChildPolicyAbandon,
	})
	h.ok(err)
	h.decide(types.Decision{ // blue
		DecisionType:                            types.DecisionTypeFailWorkflowExecution,
		FailWorkflowExecutionDecisionAttributes: &types.FailWorkflowExecutionDecisionAttributes{Reason: aws.String("broken")},
	})
	green := h.begin("green")
	h.decide(types.Decision{
		DecisionType: types.DecisionTypeCancelWorkflowExecution,
		CancelWorkflowExecutionDecisionAttributes: &types.CancelWorkflowExecutionDecisionAttributes{Details: aws.String("as asked")},
	})
	list, err := h.ListClosedWorkflowExecutions(ctx, &swf.ListClosedWorkflowExecutionsInput{
		Domain: aws.String(domain), StartTimeFilter: always, ExecutionFilter: &types.WorkflowExecutionFilter{WorkflowId: aws.String("red")},
	})
	h.ok(err)
	if len(list.ExecutionInfos) != 1 {
		t.Fatalf("got %+v", list.ExecutionInfos)
	}
	red := list.ExecutionInfos[0]
	events := h.history("red", *red.Execution.RunId)
	last := events[len(events)-1]
	if a := last.WorkflowExecutionTerminatedEventAttributes; a == nil || aws.ToString(a.Reason) != "enough" || aws.ToString(a.Details) != "of it" ||
		a.ChildPolicy != types.ChildPolicyAbandon || a.Cause != types.WorkflowExecutionTerminatedCauseOperatorInitiated {
		t.Errorf("got %+v", last)
	}
	// The service forgets at the close that a cancellation was requested.
	if red.CloseStatus != types.CloseStatusTerminated || !red.CloseTimestamp.Equal(*last.EventTimestamp) || red.CancelRequested ||
		red.ExecutionStatus != types.ExecutionStatusClosed || strings.Join(red.TagList, " ") != "warm first" {
		t.Errorf("got %+v", red)
	}
	h.tells("green", green, 4, "DecisionCompleted RunCanceled")

	for _, c := range []struct {
		name   string
		filter swf.ListClosedWorkflowExecutionsInput
		want   string
	}{
		{"by close", swf.ListClosedWorkflowExecutionsInput{CloseTimeFilter: always}, "green blue red tasks"},
		{"by close reversed", swf.ListClosedWorkflowExecutionsInput{CloseTimeFilter: always, ReverseOrder: true}, "tasks red blue green"},
		{"by start", swf.ListClosedWorkflowExecutionsInput{StartTimeFilter: always}, "green blue red tasks"},
		{"tag", swf.ListClosedWorkflowExecutionsInput{CloseTimeFilter: always, TagFilter: &types.TagFilter{Tag: aws.String("cold")}}, "blue"},
		{"type", swf.ListClosedWorkflowExecutionsInput{StartTimeFilter: always, TypeFilter: &types.WorkflowTypeFilter{Name: order.Name}}, "green blue red tasks"},
		{"canceled", swf.ListClosedWorkflowExecutionsInput{StartTimeFilter: always, CloseStatusFilter: &types.CloseStatusFilter{Status: types.CloseStatusCanceled}}, "green"},
		{"failed", swf.ListClosedWorkflowExecutionsInput{CloseTimeFilter: always, CloseStatusFilter: &types.CloseStatusFilter{Status: types.CloseStatusFailed}}, "blue"},
		{"completed", swf.ListClosedWorkflowExecutionsInput{CloseTimeFilter: always, CloseStatusFilter: &types.CloseStatusFilter{Status: types.CloseStatusCompleted}}, "tasks"},
		{"timed out", swf.ListClosedWorkflowExecutionsInput{CloseTimeFilter: always, CloseStatusFilter: &types.CloseStatusFilter{Status: types.CloseStatusTimedOut}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.filter
			in.Domain = aws.String(domain)
			out, err := h.ListClosedWorkflowExecutions(ctx, &in)
			h.ok(err)
			if got := listed(out.ExecutionInfos); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			n, err := h.CountClosedWorkflowExecutions(ctx, &swf.CountClosedWorkflowExecutionsInput{
				Domain: in.Domain, StartTimeFilter: in.StartTimeFilter, CloseTimeFilter: in.CloseTimeFilter, ExecutionFilter: in.ExecutionFilter,
				TagFilter: in.TagFilter, TypeFilter: in.TypeFilter, CloseStatusFilter: in.CloseStatusFilter,
			})
			h.ok(err)
			if want := len(strings.Fields(c.want)); int(n.Count) != want || n.Truncated {
				t.Errorf("counted %d (truncated %v), want %d", n.Count, n.Truncated, want)
			}
		})
	}
	open, err := h.CountOpenWorkflowExecutions(ctx, &swf.CountOpenWorkflowExecutionsInput{Domain: aws.String(domain), StartTimeFilter: always})
	h.ok(err)
	if open.Count != 0 {
		t.Errorf("%d executions are still open", open.Count)
	}
	for name, in := range map[string]*swf.ListClosedWorkflowExecutionsInput{
		"no time":   {Domain: aws.String(domain)},
		"two times": {Domain: aws.String(domain), StartTimeFilter: always, CloseTimeFilter: always},
		"two filters": {
			Domain: aws.String(domain), StartTimeFilter: always,
			ExecutionFilter: &types.WorkflowExecutionFilter{WorkflowId: aws.String("w")}, CloseStatusFilter: &types.CloseStatusFilter{Status: types.CloseStatusFailed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.ListClosedWorkflowExecutions(ctx, in)
			refused(t, err, "ValidationException", "")
		})
	}
}

// faultsOfExecutions names executions that there are not.
func faultsOfExecutions(t *testing.T, h *house) {
	ctx := t.Context()
	run := h.begin("gone")
	h.decide(closing(""))
	none := "22" + strings.Repeat("A", 43) + "="
	for _, c := range []struct{ name, workflow, run, message string }{
		{"no open run", "gone", "", "Unknown execution, workflowId = gone"},
		{"closed run", "gone", run, "Unknown execution: WorkflowExecution=[workflowId=gone, runId=" + run + "]"},
		{"never started", "never", "", "Unknown execution, workflowId = never"},
		{"another run", "gone", none, "Unknown execution: WorkflowExecution=[workflowId=gone, runId=" + none + "]"},
		{"not a run", "gone", "R", "Unknown execution: WorkflowExecution=[workflowId=gone, runId=R]"},
		{"a run of another workflow", "never", run, "Unknown execution: WorkflowExecution=[workflowId=never, runId=" + run + "]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var runID *string
			if c.run != "" {
				runID = aws.String(c.run)
			}
			_, err := h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(c.workflow), RunId: runID, SignalName: aws.String("s")})
			refused(t, err, "UnknownResourceFault", c.message)
			_, err = h.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(c.workflow), RunId: runID})
			refused(t, err, "UnknownResourceFault", c.message)
			_, err = h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(c.workflow), RunId: runID})
			refused(t, err, "UnknownResourceFault", c.message)
			if c.run == "" || c.run == run && c.workflow == "gone" {
				return // these two want a runId, and a closed run will do
			}
			execution := &types.WorkflowExecution{WorkflowId: aws.String(c.workflow), RunId: runID}
			_, err = h.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{Domain: aws.String(domain), Execution: execution})
			refused(t, err, "UnknownResourceFault", c.message)
			_, err = h.GetWorkflowExecutionHistory(ctx, &swf.GetWorkflowExecutionHistoryInput{Domain: aws.String(domain), Execution: execution})
			refused(t, err, "UnknownResourceFault", c.message)
		})
	}
}

// faultsOfStarts starts executions that may not start.
func faultsOfStarts(t *testing.T, h *house) {
	ctx := t.Context()
	bare := &types.WorkflowType{Name: aws.String("bare"), Version: aws.String("1")}
	_, err := h.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{Domain: aws.String(domain), Name: bare.Name, Version: bare.Version})
	h.ok(err)
	in := &swf.StartWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("bare"), WorkflowType: bare}
	for _, c := range []struct {
		member string
		give   func()
	}{
		{"executionStartToCloseTimeout", func() { in.ExecutionStartToCloseTimeout = aws.String("60") }},
		{"taskList", func() { in.TaskList = &types.TaskList{Name: aws.String("bare")} }},
		{"taskStartToCloseTimeout", func() { in.TaskStartToCloseTimeout = aws.String("60") }},
		{"childPolicy", func() { in.ChildPolicy = types.ChildPolicyAbandon }},
	} {
		_, err := h.StartWorkflowExecution(ctx, in)
		refused(t, err, "DefaultUndefinedFault", c.member)
		c.give()
	}
	_, err = h.StartWorkflowExecution(ctx, in)
	h.ok(err)
	_, err = h.StartWorkflowExecution(ctx, in)
	refused(t, err, "WorkflowExecutionAlreadyStartedFault", "Already Started")
	_, err = h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("bare")})
	h.ok(err)
	_, err = h.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{
		Domain: aws.String(domain), WorkflowId: aws.String("bare"), WorkflowType: &types.WorkflowType{Name: aws.String("none"), Version: aws.String("1")},
	})
	refused(t, err, "UnknownResourceFault", "Unknown type: WorkflowType=[name=none, version=1]")
	for name, change := range map[string]func(*swf.StartWorkflowExecutionInput){
		"six tags":          func(in *swf.StartWorkflowExecutionInput) { in.TagList = strings.Split("abcdef", "") },
		"long tag":          func(in *swf.StartWorkflowExecutionInput) { in.TagList = []string{strings.Repeat("t", 257)} },
		"long input":        func(in *swf.StartWorkflowExecutionInput) { in.Input = aws.String(strings.Repeat("ü", 32769)) },
		"long workflowId":   func(in *swf.StartWorkflowExecutionInput) { in.WorkflowId = aws.String(strings.Repeat("w", 257)) },
		"control character": func(in *swf.StartWorkflowExecutionInput) { in.WorkflowId = aws.String("a\u007fb") },
		"task list's colon": func(in *swf.StartWorkflowExecutionInput) { in.TaskList = &types.TaskList{Name: aws.String("a:b")} },
		"arn":               func(in *swf.StartWorkflowExecutionInput) { in.WorkflowId = aws.String("arn") },
		"NONE":              func(in *swf.StartWorkflowExecutionInput) { in.ExecutionStartToCloseTimeout = aws.String("NONE") },
		"negative timeout":  func(in *swf.StartWorkflowExecutionInput) { in.TaskStartToCloseTimeout = aws.String("-1") },
		"priority too high": func(in *swf.StartWorkflowExecutionInput) { in.TaskPriority = aws.String("2147483648") },
		"child policy":      func(in *swf.StartWorkflowExecutionInput) { in.ChildPolicy = "X" },
	} {
		t.Run(name, func(t *testing.T) {
			in := &swf.StartWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("odd"), WorkflowType: order}
			change(in)
			_, err := h.StartWorkflowExecution(ctx, in)
			refused(t, err, "ValidationException", "")
		})
	}
	run := h.begin("largest", func(in *swf.StartWorkflowExecutionInput) {
		in.WorkflowId = aws.String("largest")
		in.Input = aws.String(strings.Repeat("\u0001", 32768)) // six bytes each in JSON
	})
	if got := aws.ToString(h.history("largest", run)[0].WorkflowExecutionStartedEventAttributes.Input); got != strings.Repeat("\u0001", 32768) {
		t.Errorf("the largest input came back with %d characters", len(got))
	}
	h.decide(closing(""))
}

// workflowIDs gives executions names that the manual forbids and the vendor's own
// frameworks use, in every call and decision that names an execution.
func workflowIDs(t *testing.T, h *house) {
	ctx := t.Context()
	for _, id := range []string{"a:b", "a/b", "a|b", "/", "22+/=:1"} {
		named := &types.WorkflowExecutionFilter{WorkflowId: aws.String(id)}
		open := func(want int32) {
			t.Helper()
			list, err := h.ListOpenWorkflowExecutions(ctx, &swf.ListOpenWorkflowExecutionsInput{Domain: aws.String(domain), StartTimeFilter: always, ExecutionFilter: named})
			h.ok(err)
			count, err := h.CountOpenWorkflowExecutions(ctx, &swf.CountOpenWorkflowExecutionsInput{Domain: aws.String(domain), StartTimeFilter: always, ExecutionFilter: named})
			h.ok(err)
			if len(list.ExecutionInfos) != int(want) || count.Count != want {
				t.Errorf("%d of %q are listed and %d counted as open, want %d", len(list.ExecutionInfos), id, count.Count, want)
			}
		}
		run := h.begin(id)
		open(1)
		_, err := h.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{
			Domain: aws.String(domain), Execution: &types.WorkflowExecution{WorkflowId: aws.String(id), RunId: aws.String(run)},
		})
		h.ok(err)
		_, err = h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(id), SignalName: aws.String("s")})
		h.ok(err)
		_, err = h.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(id)})
		h.ok(err)
		if task := h.decide(closing("")); aws.ToString(task.WorkflowExecution.WorkflowId) != id {
			t.Errorf("the task of %q is of %q", id, aws.ToString(task.WorkflowExecution.WorkflowId))
		}
		h.tells(id, run, 1, "RunStarted DecisionScheduled RunSignaled RunCancelRequested DecisionStarted DecisionCompleted RunCompleted")
		open(0)
		closed, err := h.ListClosedWorkflowExecutions(ctx, &swf.ListClosedWorkflowExecutionsInput{Domain: aws.String(domain), StartTimeFilter: always, ExecutionFilter: named})
		h.ok(err)
		count, err := h.CountClosedWorkflowExecutions(ctx, &swf.CountClosedWorkflowExecutionsInput{Domain: aws.String(domain), StartTimeFilter: always, ExecutionFilter: named})
		h.ok(err)
		if len(closed.ExecutionInfos) != 1 || count.Count != 1 {
			t.Errorf("%d of %q are listed and %d counted as closed, want 1", len(closed.ExecutionInfos), id, count.Count)
		}

		parentID := "parent of " + id
		parent := h.begin(parentID)
		h.decide(bearing(id))
		child := *h.await(parentID, parent, types.EventTypeChildWorkflowExecutionStarted).ChildWorkflowExecutionStartedEventAttributes.WorkflowExecution.RunId
		h.decide(
			types.Decision{
				DecisionType: types.DecisionTypeSignalExternalWorkflowExecution,
				SignalExternalWorkflowExecutionDecisionAttributes: &types.SignalExternalWorkflowExecutionDecisionAttributes{
					WorkflowId: aws.String(id), SignalName: aws.String("s"),
				},
			},
			types.Decision{
				DecisionType: types.DecisionTypeRequestCancelExternalWorkflowExecution,
				RequestCancelExternalWorkflowExecutionDecisionAttributes: &types.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowId: aws.String(id)},
			})
		h.await(id, child, types.EventTypeWorkflowExecutionSignaled)
		h.await(id, child, types.EventTypeWorkflowExecutionCancelRequested)
		_, err = h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(id), RunId: aws.String(child)})
		h.ok(err)
		h.await(parentID, parent, types.EventTypeChildWorkflowExecutionTerminated)
		open(0)
		_, err = h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(parentID)})
		h.ok(err)
	}
}

// faultsOfUnknownDomains names a domain that is not there, in every operation
// that names one.
func faultsOfUnknownDomains(t *testing.T, h *house) {
	ctx := t.Context()
	none, list := aws.String("none"), &types.TaskList{Name: aws.String("l")}
	execution := &types.WorkflowExecution{WorkflowId: aws.String("w"), RunId: aws.String("r")}
	for name, call := range map[string]func() (any, error){
		"CountClosedWorkflowExecutions": func() (any, error) {
			return h.CountClosedWorkflowExecutions(ctx, &swf.CountClosedWorkflowExecutionsInput{Domain: none, StartTimeFilter: always})
		},
		"CountOpenWorkflowExecutions": func() (any, error) {
			return h.CountOpenWorkflowExecutions(ctx, &swf.CountOpenWorkflowExecutionsInput{Domain: none, StartTimeFilter: always})
		},
		"CountPendingActivityTasks": func() (any, error) {
			return h.CountPendingActivityTasks(ctx, &swf.CountPendingActivityTasksInput{Domain: none, TaskList: list})
		},
		"CountPendingDecisionTasks": func() (any, error) {
			return h.CountPendingDecisionTasks(ctx, &swf.CountPendingDecisionTasksInput{Domain: none, TaskList: list})
		},
		"DeleteActivityType": func() (any, error) {
			return h.DeleteActivityType(ctx, &swf.DeleteActivityTypeInput{Domain: none, ActivityType: packing})
		},
		"DeleteWorkflowType": func() (any, error) {
			return h.DeleteWorkflowType(ctx, &swf.DeleteWorkflowTypeInput{Domain: none, WorkflowType: order})
		},
		"DeprecateActivityType": func() (any, error) {
			return h.DeprecateActivityType(ctx, &swf.DeprecateActivityTypeInput{Domain: none, ActivityType: packing})
		},
		"DeprecateWorkflowType": func() (any, error) {
			return h.DeprecateWorkflowType(ctx, &swf.DeprecateWorkflowTypeInput{Domain: none, WorkflowType: order})
		},
		"UndeprecateActivityType": func() (any, error) {
			return h.UndeprecateActivityType(ctx, &swf.UndeprecateActivityTypeInput{Domain: none, ActivityType: packing})
		},
		"UndeprecateWorkflowType": func() (any, error) {
			return h.UndeprecateWorkflowType(ctx, &swf.UndeprecateWorkflowTypeInput{Domain: none, WorkflowType: order})
		},
		"DescribeActivityType": func() (any, error) {
			return h.DescribeActivityType(ctx, &swf.DescribeActivityTypeInput{Domain: none, ActivityType: packing})
		},
		"DescribeWorkflowType": func() (any, error) {
			return h.DescribeWorkflowType(ctx, &swf.DescribeWorkflowTypeInput{Domain: none, WorkflowType: order})
		},
		"DescribeWorkflowExecution": func() (any, error) {
			return h.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{Domain: none, Execution: execution})
		},
		"GetWorkflowExecutionHistory": func() (any, error) {
			return h.GetWorkflowExecutionHistory(ctx, &swf.GetWorkflowExecutionHistoryInput{Domain: none, Execution: execution})
		},
		"ListActivityTypes": func() (any, error) {
			return h.ListActivityTypes(ctx, &swf.ListActivityTypesInput{Domain: none, RegistrationStatus: types.RegistrationStatusRegistered})
		},
		"ListWorkflowTypes": func() (any, error) {
			return h.ListWorkflowTypes(ctx, &swf.ListWorkflowTypesInput{Domain: none, RegistrationStatus: types.RegistrationStatusRegistered})
		},
		"ListOpenWorkflowExecutions": func() (any, error) {
			return h.ListOpenWorkflowExecutions(ctx, &swf.ListOpenWorkflowExecutionsInput{Domain: none, StartTimeFilter: always})
		},
		"ListClosedWorkflowExecutions": func() (any, error) {
			return h.ListClosedWorkflowExecutions(ctx, &swf.ListClosedWorkflowExecutionsInput{Domain: none, StartTimeFilter: always})
		},
		"PollForActivityTask": func() (any, error) {
			return h.PollForActivityTask(ctx, &swf.PollForActivityTaskInput{Domain: none, TaskList: list})
		},
		"PollForDecisionTask": func() (any, error) {
			return h.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: none, TaskList: list})
		},
		"RegisterActivityType": func() (any, error) {
			return h.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{Domain: none, Name: packing.Name, Version: packing.Version})
		},
		"RegisterWorkflowType": func() (any, error) {
			return h.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{Domain: none, Name: order.Name, Version: order.Version})
		},
		"RequestCancelWorkflowExecution": func() (any, error) {
			return h.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{Domain: none, WorkflowId: execution.WorkflowId})
		},
		"SignalWorkflowExecution": func() (any, error) {
			return h.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: none, WorkflowId: execution.WorkflowId, SignalName: aws.String("s")})
		},
		"StartWorkflowExecution": func() (any, error) {
			return h.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{Domain: none, WorkflowId: execution.WorkflowId, WorkflowType: order})
		},
		"TerminateWorkflowExecution": func() (any, error) {
			return h.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: none, WorkflowId: execution.WorkflowId})
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := call()
			if err == nil {
				t.Fatalf("got %+v", out)
			}
			refused(t, err, "UnknownResourceFault", "Unknown domain: none")
		})
	}
}
