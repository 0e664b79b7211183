package execution

import (
	"fmt"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// stateFormat is the first byte of an encoded state.
const stateFormat = 1

// EncodeState writes a snapshot. Equal states give equal bytes.
func (r *Rules) EncodeState(st engine.State) []byte {
	c := pack.Writing(make([]byte, 0, 512))
	st.(*State).code(c)
	return c.Written()
}

// Weigh tells how much memory a state takes.
func (r *Rules) Weigh(st engine.State) int {
	s, c := st.(*State), pack.Weighing()
	s.code(c)
	// What is not in a snapshot follows from what is.
	c.Weigh(int(unsafe.Sizeof(*s)))
	for _, text := range []string{s.id.Name.Key, s.group, s.runID, s.decision.Full, s.queued.Full} {
		c.Weigh(len(text))
	}
	c.Weigh(cap(s.listing))
	for i := range s.activities {
		c.Weigh(len(s.activities[i].Full))
	}
	return c.Weight()
}

// DecodeState reads a snapshot.
func (r *Rules) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	s := newState(id)
	c := pack.Reading(b)
	if s.code(c); c.Done() != nil {
		return nil, fmt.Errorf("state of execution %q: %w", s.workflowID, c.Err())
	}
	return s, nil
}

func (s *State) code(c *pack.Coder) {
	c.Format(stateFormat)
	s.settings.code(c)
	pack.Signed(c, &s.domainNumber)
	c.Int(&s.retentionDays)
	s.parent.code(c)

	c.Int(&s.last)
	s.started.Code(c)
	s.closed.Code(c)
	c.Text(&s.closeStatus)
	c.Bool(&s.cancelRequested)

	c.Text(&s.list)
	c.Text(&s.override)
	c.Text(&s.overrideStart)
	s.decision.code(c)
	s.queued.code(c)
	if c.Reads() {
		s.decision.Full = s.decisionList(s.decision.List)
		s.queued.Full = s.decisionList(s.queued.List)
	}
	c.Int(&s.handled)
	c.Int(&s.context)
	s.latestActivity.Code(c)

	pack.List(c, &s.activities, func(a *activity, c *pack.Coder) {
		a.code(c)
		if c.Reads() {
			a.Full = s.activityList(a.List)
		}
	})
	pack.List(c, &s.timers, (*timer).code)
	pack.List(c, &s.children, (*child).code)
	pack.List(c, &s.lambdas, (*lambda).code)
	codeTrace(c, &s.trace)
}

func (s *Settings) code(c *pack.Coder) {
	c.Text(&s.Type.Name)
	c.Text(&s.Type.Version)
	c.Text(&s.TaskList)
	c.Text(&s.TaskPriority)
	c.Text(&s.ExecutionStartToCloseTimeout)
	c.Text(&s.TaskStartToCloseTimeout)
	c.Text(&s.ChildPolicy)
	c.Text(&s.LambdaRole)
	c.OptionalTexts(&s.Tags)
}

func (p *Parent) code(c *pack.Coder) {
	c.Text(&p.WorkflowID)
	if p.WorkflowID != "" {
		p.Run.Code(c)
		c.Int(&p.InitiatedEventID)
	}
}
