// Package sdk drives the built server with the AWS SDK for Go, as a user's
// deciders and workers do: every operation with success and with its faults, all
// decisions, all timeouts, long polls whose callers vanish, pages, restarts and
// kills. Where the SDK would hide bytes it sends them itself.
package sdk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/compat/heddle"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/aws/smithy-go"
)

// Names in every house.
const (
	domain    = "compat"
	decisions = "decisions" // default task list of the workflow type
	work      = "work"      // default task list of the activity type
	hold      = time.Second // how long polls wait, unless a test says otherwise
)

var (
	order   = &types.WorkflowType{Name: aws.String("order"), Version: aws.String("1")}
	packing = &types.ActivityType{Name: aws.String("pack"), Version: aws.String("1")}
)

// house is a running server with its data, and a client of it. Requests of all
// its clients stand in one ledger.
type house struct {
	*swf.Client
	t      *testing.T
	data   string
	flags  []string
	ledger *ledger
	server *heddle.Server
}

// open starts a server with a fresh store on disk.
func open(t *testing.T, flags ...string) *house {
	t.Helper()
	h := &house{t: t, data: t.TempDir(), flags: append([]string{"--poll-hold", hold.String()}, flags...), ledger: newLedger(t, amazonSWF)}
	h.start()
	t.Cleanup(func() {
		if err := h.server.Stop(); err != nil {
			t.Errorf("stop the server: %v", err)
		}
		h.listen()
	})
	return h
}

// openWithTypes starts a server with a domain, a workflow type and an activity type.
func openWithTypes(t *testing.T, flags ...string) *house {
	t.Helper()
	h := open(t, flags...)
	h.furnish(h.Client)
	return h
}

func (h *house) start() {
	h.t.Helper()
	binary, err := heddle.Binary()
	if err != nil {
		h.t.Fatal(err)
	}
	server, err := heddle.Start(binary, h.data, h.flags...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.server = server
	h.Client = h.client(heddle.Region)
}

// listen fails the test if the server complained.
func (h *house) listen() {
	for _, c := range h.server.Complaints() {
		h.t.Errorf("the server logged %s", c)
	}
}

// restart stops the server, or kills it, and starts another on the same store.
func (h *house) restart(end func(*heddle.Server) error) {
	h.t.Helper()
	if err := end(h.server); err != nil {
		h.t.Fatal(err)
	}
	h.listen()
	h.start()
}

// client makes a client as the SDK makes them, but without retries, which would
// hide failures.
func (h *house) client(region string) *swf.Client {
	return swf.New(swf.Options{
		Region:       region,
		BaseEndpoint: aws.String(h.server.URL),
		HTTPClient:   h.ledger,
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: heddle.AccessKey, SecretAccessKey: heddle.SecretKey}, nil
		}),
	})
}

// furnish registers what most tests need.
func (h *house) furnish(c *swf.Client) {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := c.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String(domain), WorkflowExecutionRetentionPeriodInDays: aws.String("7")})
	h.ok(err)
	_, err = c.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{
		Domain: aws.String(domain), Name: order.Name, Version: order.Version,
		DefaultTaskList:                     &types.TaskList{Name: aws.String(decisions)},
		DefaultExecutionStartToCloseTimeout: aws.String("600"),
		DefaultTaskStartToCloseTimeout:      aws.String("300"),
		DefaultChildPolicy:                  types.ChildPolicyTerminate,
	})
	h.ok(err)
	_, err = c.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{
		Domain: aws.String(domain), Name: packing.Name, Version: packing.Version,
		DefaultTaskList:                   &types.TaskList{Name: aws.String(work)},
		DefaultTaskScheduleToStartTimeout: aws.String("300"),
		DefaultTaskScheduleToCloseTimeout: aws.String("600"),
		DefaultTaskStartToCloseTimeout:    aws.String("300"),
		DefaultTaskHeartbeatTimeout:       aws.String("NONE"),
	})
	h.ok(err)
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// refused expects a fault. An empty message means any.
func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	var fault smithy.APIError
	switch {
	case !errors.As(err, &fault):
		t.Errorf("got %v, want %s: %s", err, code, message)
	case fault.ErrorCode() != code || message != "" && fault.ErrorMessage() != message:
		t.Errorf("got %s: %s\nwant %s: %s", fault.ErrorCode(), fault.ErrorMessage(), code, message)
	}
}

// begin starts an execution of the usual type and gives its run.
func (h *house) begin(workflowID string, change ...func(*swf.StartWorkflowExecutionInput)) string {
	h.t.Helper()
	in := &swf.StartWorkflowExecutionInput{Domain: aws.String(domain), WorkflowId: aws.String(workflowID), WorkflowType: order}
	for _, c := range change {
		c(in)
	}
	out, err := h.StartWorkflowExecution(h.t.Context(), in)
	h.ok(err)
	return *out.RunId
}

// decisionTask polls for a decision task, which must be there.
func (h *house) decisionTask(list string) *swf.PollForDecisionTaskOutput {
	h.t.Helper()
	for range 5 {
		task, err := h.PollForDecisionTask(h.t.Context(), &swf.PollForDecisionTaskInput{
			Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(list)}, Identity: aws.String("decider"),
		})
		h.ok(err)
		if task.TaskToken != nil {
			return task
		}
	}
	h.t.Fatalf("list %q gave no decision task", list)
	return nil
}

// activityTask polls for an activity task, which must be there.
func (h *house) activityTask(list string) *swf.PollForActivityTaskOutput {
	h.t.Helper()
	for range 5 {
		task, err := h.PollForActivityTask(h.t.Context(), &swf.PollForActivityTaskInput{
			Domain: aws.String(domain), TaskList: &types.TaskList{Name: aws.String(list)}, Identity: aws.String("worker"),
		})
		h.ok(err)
		if task.TaskToken != nil {
			return task
		}
	}
	h.t.Fatalf("list %q gave no activity task", list)
	return nil
}

// decide takes the next decision task of the usual list and completes it.
func (h *house) decide(made ...types.Decision) *swf.PollForDecisionTaskOutput {
	h.t.Helper()
	task := h.decisionTask(decisions)
	h.complete(task.TaskToken, made...)
	return task
}

func (h *house) complete(token *string, made ...types.Decision) {
	h.t.Helper()
	_, err := h.RespondDecisionTaskCompleted(h.t.Context(), &swf.RespondDecisionTaskCompletedInput{TaskToken: token, Decisions: made})
	h.ok(err)
}

// history reads a whole history.
func (h *house) history(workflowID, run string) []types.HistoryEvent {
	h.t.Helper()
	out, err := h.GetWorkflowExecutionHistory(h.t.Context(), &swf.GetWorkflowExecutionHistoryInput{
		Domain: aws.String(domain), Execution: &types.WorkflowExecution{WorkflowId: aws.String(workflowID), RunId: aws.String(run)},
	})
	h.ok(err)
	return out.Events
}

// tells expects a history to be a story: the event types in order, from the
// event with an id on, shortened as brief does.
func (h *house) tells(workflowID, run string, from int64, want string) []types.HistoryEvent {
	h.t.Helper()
	events := h.history(workflowID, run)
	var got []string
	for _, e := range events {
		if e.EventId >= from {
			got = append(got, brief(e.EventType))
		}
	}
	if text := strings.Join(got, " "); text != want {
		h.t.Errorf("history of %s from %d:\n got %s\nwant %s", workflowID, from, text, want)
	}
	return events
}

// brief shortens the names of events.
func brief(kind types.EventType) string {
	return strings.NewReplacer("WorkflowExecution", "Run", "DecisionTask", "Decision", "ActivityTask", "Activity").Replace(string(kind))
}

// await waits until a history has an event of a type, which comes by itself.
func (h *house) await(workflowID, run string, kind types.EventType) (event types.HistoryEvent) {
	h.t.Helper()
	h.until(workflowID, run, func(events []types.HistoryEvent) bool {
		i := slices.IndexFunc(events, func(e types.HistoryEvent) bool { return e.EventType == kind })
		if i >= 0 {
			event = events[i]
		}
		return i >= 0
	})
	return event
}

// until waits until a history is as it should become by itself.
func (h *house) until(workflowID, run string, is func([]types.HistoryEvent) bool) {
	h.t.Helper()
	give := time.Now().Add(time.Minute)
	for {
		events := h.history(workflowID, run)
		if is(events) {
			return
		}
		if time.Now().After(give) {
			var kinds []string
			for _, e := range events {
				kinds = append(kinds, brief(e.EventType))
			}
			h.t.Fatalf("what should come did not; the history of %s is %s", workflowID, kinds)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Decisions.

func closing(result string) types.Decision {
	return types.Decision{
		DecisionType: types.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{Result: aws.String(result)},
	}
}

func scheduling(id string, change ...func(*types.ScheduleActivityTaskDecisionAttributes)) types.Decision {
	a := &types.ScheduleActivityTaskDecisionAttributes{ActivityId: aws.String(id), ActivityType: packing}
	for _, c := range change {
		c(a)
	}
	return types.Decision{DecisionType: types.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: a}
}

func timing(id, seconds string) types.Decision {
	return types.Decision{
		DecisionType:                 types.DecisionTypeStartTimer,
		StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{TimerId: aws.String(id), StartToFireTimeout: aws.String(seconds)},
	}
}

func marking(name string) types.Decision {
	return types.Decision{
		DecisionType:                   types.DecisionTypeRecordMarker,
		RecordMarkerDecisionAttributes: &types.RecordMarkerDecisionAttributes{MarkerName: aws.String(name)},
	}
}

func bearing(workflowID string, change ...func(*types.StartChildWorkflowExecutionDecisionAttributes)) types.Decision {
	a := &types.StartChildWorkflowExecutionDecisionAttributes{
		WorkflowId: aws.String(workflowID), WorkflowType: order, TaskList: &types.TaskList{Name: aws.String("children")},
	}
	for _, c := range change {
		c(a)
	}
	return types.Decision{DecisionType: types.DecisionTypeStartChildWorkflowExecution, StartChildWorkflowExecutionDecisionAttributes: a}
}
