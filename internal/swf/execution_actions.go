package swf

import (
	"context"
	"fmt"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
	"heddle/internal/tracing"

	"github.com/go-faster/jx"
)

// startWorkflowExecution serves StartWorkflowExecution.
func (s *actions) startWorkflowExecution(ctx context.Context, in *wire.StartWorkflowExecutionInput) (*wire.Run, error) {
	w := worldOf(ctx)
	d, err := domainOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.workflowType(ctx, w, d, in.WorkflowType)
	if err != nil {
		return nil, err
	}
	switch t.status {
	case execution.TypeUnknown:
		return nil, unknownResource("Unknown type: " + workflowTypeText(in.WorkflowType))
	case execution.TypeDeprecated:
		return nil, refusal(wire.CodeTypeDeprecatedFault, workflowTypeText(in.WorkflowType))
	}
	if err := mustBeRegistered(d); err != nil { // the type was undeprecated since
		return nil, err
	}
	if err := s.mustPass(ctx, in.LambdaRole); err != nil {
		return nil, err
	}
	settings, err := resolve(in, t.workflow)
	if err != nil {
		return nil, err
	}
	reply, err := s.Runs.Do(ctx, engine.Command{
		Name:  execution.Name(w, in.Domain, in.WorkflowID),
		Begin: engine.Always,
		Seed:  s.RootSeed(),
		Group: execution.Group(w, in.Domain),
		Body: &execution.Start{
			Settings: settings, Input: in.Input,
			DomainNumber: d.Number, RetentionDays: s.keeps(d), Trace: tracing.Valid(operation.CallerOf(ctx).Trace()),
		},
	})
	if err != nil {
		return nil, taskFault(err)
	}
	return &wire.Run{RunID: &reply.(*execution.Started).RunID}, nil
}

// keeps is how long an execution of a domain is kept when it has closed.
func (s *actions) keeps(d *registry.Domain) int64 {
	if days := d.RetentionDays(); days > 0 || s.options.RetentionGrace <= 0 {
		return int64(days)
	}
	return execution.KeepFor(engine.Time(max(1, s.options.RetentionGrace.Milliseconds())))
}

// resolve gives what the execution runs with: the request's values, else the
// type's defaults. Each missing one is its own fault.
func resolve(in *wire.StartWorkflowExecutionInput, defaults *wire.WorkflowTypeConfiguration) (execution.Settings, error) {
	set := execution.Settings{
		Type:                         in.WorkflowType,
		TaskPriority:                 either(in.TaskPriority, defaults.DefaultTaskPriority),
		ExecutionStartToCloseTimeout: either(in.ExecutionStartToCloseTimeout, defaults.DefaultExecutionStartToCloseTimeout),
		TaskStartToCloseTimeout:      either(in.TaskStartToCloseTimeout, defaults.DefaultTaskStartToCloseTimeout),
		ChildPolicy:                  either(in.ChildPolicy, defaults.DefaultChildPolicy),
		LambdaRole:                   either(in.LambdaRole, defaults.DefaultLambdaRole),
		Tags:                         in.TagList,
	}
	if list := in.TaskList; list != nil {
		set.TaskList = list.Name
	} else if list := defaults.DefaultTaskList; list != nil {
		set.TaskList = list.Name
	}
	for _, member := range []struct{ name, value string }{
		{"executionStartToCloseTimeout", set.ExecutionStartToCloseTimeout},
		{"taskList", set.TaskList},
		{"taskStartToCloseTimeout", set.TaskStartToCloseTimeout},
		{"childPolicy", set.ChildPolicy},
	} {
		if member.value == "" {
			return set, refusal(wire.CodeDefaultUndefinedFault, member.name)
		}
	}
	return set, nil
}

func either(given, fallback *string) string {
	if given != nil {
		return *given
	}
	return text(fallback)
}

// signalWorkflowExecution serves SignalWorkflowExecution.
func (s *actions) signalWorkflowExecution(ctx context.Context, in *wire.SignalWorkflowExecutionInput) error {
	return s.tell(ctx, in.Domain, in.WorkflowID, text(in.RunID), &execution.Signal{Name: in.SignalName, Input: in.Input})
}

// requestCancelWorkflowExecution serves RequestCancelWorkflowExecution.
func (s *actions) requestCancelWorkflowExecution(ctx context.Context, in *wire.RequestCancelWorkflowExecutionInput) error {
	return s.tell(ctx, in.Domain, in.WorkflowID, text(in.RunID), &execution.RequestCancel{})
}

// terminateWorkflowExecution serves TerminateWorkflowExecution.
func (s *actions) terminateWorkflowExecution(ctx context.Context, in *wire.TerminateWorkflowExecutionInput) error {
	return s.tell(ctx, in.Domain, in.WorkflowID, text(in.RunID), &execution.Terminate{
		Reason: in.Reason, Details: in.Details, ChildPolicy: text(in.ChildPolicy),
	})
}

// tell gives a command to an open execution.
func (s *actions) tell(ctx context.Context, domain, workflowID, runID string, body any) error {
	w := worldOf(ctx)
	if _, err := domainOf(ctx); err != nil {
		return err
	}
	cmd, ok := named(w, domain, workflowID, runID)
	if !ok {
		return unknownRun(workflowID, runID)
	}
	cmd.Body = body
	if _, err := s.Runs.Do(ctx, cmd); err != nil {
		return runFault(err, workflowID, runID)
	}
	return nil
}

// describeWorkflowExecution serves DescribeWorkflowExecution.
func (s *actions) describeWorkflowExecution(ctx context.Context, in *wire.DescribeWorkflowExecutionInput) (*wire.WorkflowExecutionDetail, error) {
	w := worldOf(ctx)
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	cmd, ok := named(w, in.Domain, in.Execution.WorkflowID, in.Execution.RunID)
	if !ok {
		return nil, unknownRun(in.Execution.WorkflowID, in.Execution.RunID)
	}
	cmd.Body = &execution.Describe{}
	reply, err := s.Runs.Do(ctx, cmd)
	if err != nil {
		return nil, runFault(err, in.Execution.WorkflowID, in.Execution.RunID)
	}
	description := reply.(*execution.Description)
	if id := description.ContextEventID; id != 0 {
		e, err := s.event(ctx, cmd.Run, id)
		if err != nil { // it may have been forgotten meanwhile
			return nil, runFault(err, in.Execution.WorkflowID, in.Execution.RunID)
		}
		if completed := e.DecisionTaskCompletedEventAttributes; completed != nil {
			description.Detail.LatestExecutionContext = completed.ExecutionContext
		}
	}
	return &description.Detail, nil
}

// event reads one event of a history.
func (s *actions) event(ctx context.Context, run engine.RunID, id int64) (*wire.HistoryEvent, error) {
	b, err := s.Runs.AppendEvents(ctx, nil, run, id, id, false)
	if err != nil {
		return nil, fmt.Errorf("read event %d: %w", id, err)
	}
	var e wire.HistoryEvent
	if err := e.Decode(jx.DecodeBytes(b)); err != nil {
		return nil, fmt.Errorf("read event %d of run %s: %w", id, run, err)
	}
	return &e, nil
}

// history is a page of events, as they were stored.
type history struct {
	events []byte
	next   string
}

// AppendJSON writes the page as the shape History.
func (h *history) AppendJSON(b []byte) []byte {
	b = append(b, `{"events":[`...)
	b = append(b, h.events...)
	b = append(b, ']')
	b = appendNextPage(b, h.next)
	return append(b, '}')
}

func appendNextPage(b []byte, next string) []byte {
	if next == "" {
		return b
	}
	b = append(b, `,"nextPageToken":"`...)
	b = append(b, next...) // tokens need no escapes
	return append(b, '"')
}

// pageSizeMax is how many results a page has at most, and unless asked otherwise.
const pageSizeMax = 1000

func pageSize(asked *int64) int {
	if asked == nil || *asked == 0 {
		return pageSizeMax
	}
	return int(*asked)
}

// getWorkflowExecutionHistory serves GetWorkflowExecutionHistory.
func (s *actions) getWorkflowExecutionHistory(ctx context.Context, in *wire.GetWorkflowExecutionHistoryInput) (*history, error) {
	w := worldOf(ctx)
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	cmd, ok := named(w, in.Domain, in.Execution.WorkflowID, in.Execution.RunID)
	if !ok {
		return nil, unknownRun(in.Execution.WorkflowID, in.Execution.RunID)
	}
	view, err := s.Runs.View(ctx, cmd.Name, cmd.Run)
	if err != nil {
		return nil, runFault(err, in.Execution.WorkflowID, in.Execution.RunID)
	}
	pages := historyPages{run: cmd.Run, first: 1, last: view.LastEvent, reverse: in.ReverseOrder != nil && *in.ReverseOrder}
	query := queryHash("history", in.Domain, in.Execution.WorkflowID, in.Execution.RunID, fmt.Sprint(pages.reverse))
	if next := text(in.NextPageToken); next != "" {
		position, err := s.Tokens.OpenPage(familyHistoryPage, w, query, next)
		if err != nil || !pages.resume(position) {
			return nil, errInvalidToken
		}
	}
	events, more, err := pages.read(ctx, s.Runs, pageSize(in.MaximumPageSize))
	if err != nil { // the run may just have been forgotten
		return nil, runFault(err, in.Execution.WorkflowID, in.Execution.RunID)
	}
	h := &history{events: events}
	if more {
		h.next, err = s.Tokens.SealPage(familyHistoryPage, w, query, pages.position())
	}
	return h, err
}

// countPendingDecisionTasks serves CountPendingDecisionTasks.
func (s *actions) countPendingDecisionTasks(ctx context.Context, in *wire.CountPendingDecisionTasksInput) (*wire.PendingTaskCount, error) {
	w := worldOf(ctx)
	return s.backlog(ctx, in.Domain, execution.DecisionList(w, in.Domain, in.TaskList.Name))
}

// countPendingActivityTasks serves CountPendingActivityTasks.
func (s *actions) countPendingActivityTasks(ctx context.Context, in *wire.CountPendingActivityTasksInput) (*wire.PendingTaskCount, error) {
	w := worldOf(ctx)
	return s.backlog(ctx, in.Domain, execution.ActivityList(w, in.Domain, in.TaskList.Name))
}

func (s *actions) backlog(ctx context.Context, domain, list string) (*wire.PendingTaskCount, error) {
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	truncated := false
	return &wire.PendingTaskCount{Count: int64(s.Tasks.Backlog(list)), Truncated: &truncated}, nil
}
