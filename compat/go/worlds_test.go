package sdk

import (
	"testing"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// TestRegionsAreWorlds: what one region has, another knows nothing of.
func TestRegionsAreWorlds(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	ctx := t.Context()
	run := h.begin("w")
	task := h.decisionTask(decisions)
	east := h.Client
	west := h.client("eu-west-1")

	out, err := west.ListDomains(ctx, &swf.ListDomainsInput{RegistrationStatus: types.RegistrationStatusRegistered})
	h.ok(err)
	if len(out.DomainInfos) != 0 {
		t.Errorf("the other region has %v", out.DomainInfos)
	}
	_, err = west.DescribeDomain(ctx, &swf.DescribeDomainInput{Name: aws.String(domain)})
	refused(t, err, "UnknownResourceFault", "Unknown domain: "+domain)
	h.furnish(west) // the same names once more
	d, err := west.DescribeDomain(ctx, &swf.DescribeDomainInput{Name: aws.String(domain)})
	h.ok(err)
	if want := "arn:aws:swf:eu-west-1:123456789012:/domain/" + domain; *d.DomainInfo.Arn != want {
		t.Errorf("got %s, want %s", *d.DomainInfo.Arn, want)
	}

	_, err = west.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken})
	refused(t, err, "ValidationException", "Invalid token")
	_, err = west.GetWorkflowExecutionHistory(ctx, &swf.GetWorkflowExecutionHistoryInput{
		Domain: aws.String(domain), Execution: &types.WorkflowExecution{WorkflowId: aws.String("w"), RunId: aws.String(run)},
	})
	refused(t, err, "UnknownResourceFault", "Unknown execution: WorkflowExecution=[workflowId=w, runId="+run+"]")
	_, err = west.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("w"), SignalName: aws.String("s")})
	refused(t, err, "UnknownResourceFault", "Unknown execution, workflowId = w")
	_, err = west.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("w"), RunId: aws.String(run)})
	refused(t, err, "UnknownResourceFault", "Unknown execution: WorkflowExecution=[workflowId=w, runId="+run+"]")

	other, err := west.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String("w"), WorkflowType: order})
	h.ok(err) // not Already Started
	h.complete(task.TaskToken)
	empty, err := east.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(decisions)}})
	h.ok(err)
	if empty.TaskToken != nil {
		t.Errorf("a task came over from the other region: %+v", empty.WorkflowExecution)
	}
	h.Client = west
	if got := h.decisionTask(decisions); *got.WorkflowExecution.RunId != *other.RunId {
		t.Errorf("got run %s, want %s", *got.WorkflowExecution.RunId, *other.RunId)
	}
	for region, c := range map[string]*swf.Client{"east": east, "west": west} {
		n, err := c.CountOpenWorkflowExecutions(ctx, &swf.CountOpenWorkflowExecutionsInput{Domain: aws.String(domain), StartTimeFilter: always})
		h.ok(err)
		if n.Count != 1 {
			t.Errorf("%s counts %d open executions, want 1", region, n.Count)
		}
	}
}

// TestKill ends the process as a power failure would, at each stage of an
// execution. All that was answered is there again, tasks come again, and tokens
// stay good.
func TestKill(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t)
	ctx := t.Context()
	kill := func() { t.Helper(); h.restart((*heddle.Server).Kill) }
	run := h.begin("w")
	kill()
	task := h.decisionTask(decisions)
	kill()
	h.complete(task.TaskToken, scheduling("a"), timing("soon", "1"), timing("late", "300"), bearing("child"))
	kill()
	h.await("w", run, types.EventTypeTimerFired)
	h.await("w", run, types.EventTypeChildWorkflowExecutionStarted)
	activity := h.activityTask(work)
	kill()
	_, err := h.RecordActivityTaskHeartbeat(ctx, &swf.RecordActivityTaskHeartbeatInput{TaskToken: activity.TaskToken})
	h.ok(err)
	_, err = h.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: activity.TaskToken, Result: aws.String("r")})
	h.ok(err)
	child := h.decisionTask("children")
	kill()
	h.complete(child.TaskToken, closing("grown"))
	kill()
	done := h.await("w", run, types.EventTypeChildWorkflowExecutionCompleted)
	if aws.ToString(done.ChildWorkflowExecutionCompletedEventAttributes.Result) != "grown" {
		t.Errorf("got %+v", done.ChildWorkflowExecutionCompletedEventAttributes)
	}
	last := h.decisionTask(decisions)
	d, err := h.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{Domain: aws.String(domain), Execution: last.WorkflowExecution})
	h.ok(err)
	if c := d.OpenCounts; c.OpenTimers != 1 || c.OpenActivityTasks != 0 || c.OpenChildWorkflowExecutions != 0 || c.OpenDecisionTasks != 1 {
		t.Errorf("got %+v", c)
	}
	h.complete(last.TaskToken, closing("done"))
	kill()
	_, err = h.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: activity.TaskToken})
	refused(t, err, "UnknownResourceFault", "Unknown execution: WorkflowExecution=[workflowId=w, runId="+run+"]")
	counts := map[string]int{}
	for i, e := range h.history("w", run) {
		if e.EventId != int64(i+1) {
			t.Errorf("event %d has id %d", i+1, e.EventId)
		}
		counts[brief(e.EventType)]++
	}
	for kind, want := range map[string]int{"RunStarted": 1, "TimerFired": 1, "ActivityCompleted": 1, "ChildRunCompleted": 1, "RunCompleted": 1, "DecisionTimedOut": 0, "ActivityStarted": 1} {
		if counts[kind] != want {
			t.Errorf("%d times %s, want %d", counts[kind], kind, want)
		}
	}
	closed, err := h.CountClosedWorkflowExecutions(ctx, &swf.CountClosedWorkflowExecutionsInput{Domain: aws.String(domain), CloseTimeFilter: always})
	h.ok(err)
	if closed.Count != 2 {
		t.Errorf("%d closed executions, want 2", closed.Count)
	}
}
