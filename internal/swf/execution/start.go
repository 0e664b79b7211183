package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// start begins the execution. One that continues another takes its place in the
// group, so only others are counted.
func (t *turn) start(c *Start) error {
	if c.Continued.IsZero() && t.in.OpenInGroup >= t.limits.OpenExecutionsMax {
		return &TooManyOpenError{Limit: t.limits.OpenExecutionsMax}
	}
	t.begin(c)
	t.answer(&Started{RunID: t.s.runID})
	return nil
}

func (t *turn) begin(c *Start) {
	mustHold(t.s.last == 0, "start of %q, which has %d events", t.s.workflowID, t.s.last)
	a := &wire.WorkflowExecutionStartedEventAttributes{
		ChildPolicy:                  c.ChildPolicy,
		ExecutionStartToCloseTimeout: &c.ExecutionStartToCloseTimeout,
		Input:                        c.Input,
		LambdaRole:                   text(c.LambdaRole),
		ParentInitiatedEventID:       &c.Parent.InitiatedEventID,
		TagList:                      c.Tags,
		TaskList:                     wire.TaskList{Name: c.TaskList},
		TaskPriority:                 text(c.TaskPriority),
		TaskStartToCloseTimeout:      &c.TaskStartToCloseTimeout,
		WorkflowType:                 c.Type,
	}
	if c.Parent.WorkflowID != "" {
		a.ParentWorkflowExecution = &wire.WorkflowExecution{
			WorkflowID: c.Parent.WorkflowID, RunID: FormatRun(c.Parent.Run),
		}
	}
	if !c.Continued.IsZero() {
		run := FormatRun(c.Continued)
		a.ContinuedExecutionRunID = &run
	}
	header := pack.Writing(make([]byte, 0, 8))
	codeHeader(header, &c.DomainNumber, &c.RetentionDays)
	codeTrace(header, &c.Trace)
	t.emitWith(a, header.Written())
	t.wantsDecision = true
}

// codeHeader codes what the first event can't show: the domain's number and how
// long the closed execution is kept. A trace follows it: codeTrace.
func codeHeader(c *pack.Coder, domainNumber *uint32, retentionDays *int64) {
	pack.Signed(c, domainNumber)
	c.Int(retentionDays)
}

func (s *State) applyStarted(e *engine.Event, a *wire.WorkflowExecutionStartedEventAttributes) {
	header := pack.Reading(e.Private)
	codeHeader(header, &s.domainNumber, &s.retentionDays)
	codeTrace(header, &s.trace)
	if err := header.Done(); err != nil {
		panic(fmt.Sprintf("execution: header of %q: %v", s.workflowID, err))
	}
	s.settings = Settings{
		Type:                         a.WorkflowType,
		TaskList:                     a.TaskList.Name,
		TaskPriority:                 value(a.TaskPriority),
		ExecutionStartToCloseTimeout: value(a.ExecutionStartToCloseTimeout),
		TaskStartToCloseTimeout:      value(a.TaskStartToCloseTimeout),
		ChildPolicy:                  a.ChildPolicy,
		LambdaRole:                   value(a.LambdaRole),
		Tags:                         a.TagList,
	}
	if p := a.ParentWorkflowExecution; p != nil {
		run, ok := ParseRun(p.RunID)
		mustHold(ok, "parent of %q has run %q", s.workflowID, p.RunID)
		s.parent = Parent{WorkflowID: p.WorkflowID, Run: run, InitiatedEventID: *a.ParentInitiatedEventID}
	}
	s.started = e.At
	s.list = s.settings.TaskList
	s.listing = nil
}
