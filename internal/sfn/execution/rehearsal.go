package execution

import (
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
)

// Rehearsal is an execution that was run to its end in memory, with nothing called: each of
// its Task states has a mock, or fails. Its time jumps to what is due next, so that waits and
// delays of retries take none. A Map state in distributed mode iterates as one in inline mode.
type Rehearsal struct {
	*Description
	Entered []string // names of states, in the order in which they were entered
}

// Rehearse runs an execution of a compiled machine that begins at a time.
func Rehearse(name engine.Name, machine *asl.Machine, start *Start, now engine.Time) (*Rehearsal, error) {
	s := newState(engine.Identity{Name: name})
	s.rehearsed = true
	rules, r := New(DefaultLimits(), nil), &Rehearsal{}
	do := func(body any) (any, error) {
		t := turn{s: s, in: engine.Input{Now: now}, rules: rules, compiled: machine}
		if err := t.handle(body); err != nil {
			return nil, err
		}
		for _, e := range t.events {
			if body := e.Body.(*Body); shapes[body.Type].details == "stateEnteredEventDetails" {
				r.Entered = append(r.Entered, body.Name)
			}
		}
		return t.reply, nil
	}
	for body := any(start); ; body = (engine.Wake{}) {
		if _, err := do(body); err != nil {
			return nil, err
		}
		if !s.isOpen() {
			break
		}
		now = max(now, rules.Record(s, 0).Wake)
	}
	reply, err := do(&Describe{})
	if err != nil {
		return nil, err
	}
	r.Description = reply.(*Description)
	return r, nil
}
