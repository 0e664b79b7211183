package execution

import (
	"fmt"

	"heddle/internal/engine"
)

// stateFormat is the first byte of an encoded state.
const stateFormat = 1

// EncodeState writes a snapshot. Equal states give equal bytes.
func (r *Rules) EncodeState(st engine.State) []byte {
	c := &coder{b: make([]byte, 0, 512)}
	if err := st.(*State).code(c); err != nil {
		panic(err)
	}
	return c.b
}

// DecodeState reads a snapshot.
func (r *Rules) DecodeState(id engine.Identity, b []byte) (engine.State, error) {
	s := newState(id)
	c := reading(b)
	err := s.code(c)
	if err == nil {
		err = c.r.Done()
	}
	if err != nil {
		return nil, fmt.Errorf("state of execution %q: %w", s.workflowID, err)
	}
	return s, nil
}

func (s *State) code(c *coder) error {
	if err := c.version(stateFormat); err != nil {
		return err
	}
	s.settings.code(c)
	number := int64(s.domainNumber)
	c.int(&number)
	s.domainNumber = uint32(number)
	c.int(&s.retentionDays)
	s.parent.code(c)

	c.int(&s.last)
	c.time(&s.started)
	c.time(&s.closed)
	c.text(&s.closeStatus)
	c.bool(&s.cancelRequested)

	c.text(&s.list)
	c.text(&s.override)
	c.text(&s.overrideStart)
	s.decision.code(c)
	s.queued.code(c)
	if c.r != nil {
		s.decision.full = s.decisionList(s.decision.list)
		s.queued.full = s.decisionList(s.queued.list)
	}
	c.int(&s.handled)
	c.int(&s.context)
	c.time(&s.latestActivity)

	codeList(c, &s.activities, func(c *coder, a *activity) {
		a.code(c)
		if c.r != nil {
			a.full = s.activityList(a.list)
		}
	})
	codeList(c, &s.timers, func(c *coder, t *timer) { t.code(c) })
	codeList(c, &s.children, func(c *coder, k *child) { k.code(c) })
	codeList(c, &s.lambdas, func(c *coder, l *lambda) { l.code(c) })
	return nil
}

func (s *Settings) code(c *coder) {
	c.text(&s.Type.Name)
	c.text(&s.Type.Version)
	c.text(&s.TaskList)
	c.text(&s.TaskPriority)
	c.text(&s.ExecutionStartToCloseTimeout)
	c.text(&s.TaskStartToCloseTimeout)
	c.text(&s.ChildPolicy)
	c.text(&s.LambdaRole)
	c.texts(&s.Tags)
}

func (p *Parent) code(c *coder) {
	c.text(&p.WorkflowID)
	if p.WorkflowID != "" {
		c.run(&p.Run)
		c.int(&p.InitiatedEventID)
	}
}
