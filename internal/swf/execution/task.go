package execution

import "heddle/internal/engine/task"

// openTask gives the open task of a Scheduled event, or nil.
func (s *State) openTask(scheduled int64) *task.Task {
	if s.decision.Scheduled == scheduled {
		return &s.decision.Task
	}
	if a := s.activity(scheduled); a != nil {
		return &a.Task
	}
	if l := at(s.lambdas, scheduled, (*lambda).id); l != nil {
		return &l.Task
	}
	return nil
}

// delivered takes in that an attempt's answer was written, or that it did not arrive.
func (t *turn) delivered(scheduled, attempt int64, reached bool) {
	k := t.s.openTask(scheduled)
	switch {
	case !t.s.isOpen() || k == nil: // too late
	case reached:
		k.Reached(attempt, t.note)
	default:
		k.Missed(attempt, t.note)
	}
}
