package execution

import (
	"heddle/internal/swf/wire"
)

// describe answers Describe. Tasks, timers and children that were open when the
// execution closed stay in its counts.
func (t *turn) describe() {
	s := t.s
	lambdas := int64(len(s.lambdas))
	decisions := int64(0)
	if s.decision.Scheduled != 0 {
		decisions = 1
	}
	d := &Description{
		ContextEventID: s.context,
		Detail: wire.WorkflowExecutionDetail{
			ExecutionConfiguration: wire.WorkflowExecutionConfiguration{
				ChildPolicy:                  s.settings.ChildPolicy,
				ExecutionStartToCloseTimeout: s.settings.ExecutionStartToCloseTimeout,
				LambdaRole:                   text(s.settings.LambdaRole),
				TaskList:                     wire.TaskList{Name: s.settings.TaskList},
				TaskPriority:                 text(s.settings.TaskPriority),
				TaskStartToCloseTimeout:      s.settings.TaskStartToCloseTimeout,
			},
			OpenCounts: wire.WorkflowExecutionOpenCounts{
				OpenActivityTasks:           int64(len(s.activities)),
				OpenChildWorkflowExecutions: int64(len(s.children)),
				OpenDecisionTasks:           decisions,
				OpenLambdaFunctions:         &lambdas,
				OpenTimers:                  int64(len(s.timers)),
			},
		},
	}
	info := s.info()
	d.Detail.ExecutionInfo = info.Info(s.runID, wire.Timestamp(s.started), wire.Timestamp(s.closed))
	if s.latestActivity != 0 {
		at := wire.Timestamp(s.latestActivity)
		d.Detail.LatestActivityTaskTimestamp = &at
	}
	t.answer(d)
}

// Info gives the listing in the wire's form.
func (l *Listing) Info(runID string, started, closed wire.Timestamp) wire.WorkflowExecutionInfo {
	requested := l.CancelRequested
	info := wire.WorkflowExecutionInfo{
		CancelRequested: &requested,
		Execution:       wire.WorkflowExecution{WorkflowID: l.WorkflowID, RunID: runID},
		ExecutionStatus: wire.ExecutionStatusOpen,
		StartTimestamp:  started,
		TagList:         l.Tags,
		WorkflowType:    l.Type,
	}
	if l.CloseStatus != "" {
		status := l.CloseStatus
		info.ExecutionStatus = wire.ExecutionStatusClosed
		info.CloseStatus = &status
		info.CloseTimestamp = &closed
	}
	if l.Parent.WorkflowID != "" {
		info.Parent = &wire.WorkflowExecution{WorkflowID: l.Parent.WorkflowID, RunID: FormatRun(l.Parent.Run)}
	}
	return info
}
