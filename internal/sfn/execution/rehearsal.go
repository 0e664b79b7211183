package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
)

// Rehearsal is an execution that was run to its end in memory, with nothing called: each of
// its Task states has a mock, or fails. Its time jumps to what is due next, so that waits and
// delays of retries take none. A Map state in distributed mode iterates as one in inline mode, but for what
// comes of iterations that fail: as with a map run, all of them count towards what is tolerated, and the output
// has what is told of them.
type Rehearsal struct {
	*Description
	Entered []string // names of states, in the order in which they were entered

	iterations map[iteration]*ChildClosed // of Map states in distributed mode, that are under way
}

// iteration is one of a Map state: the number of its thread, and the index.
type iteration struct{ thread, index int64 }

// began keeps what an iteration in place of an execution begins with.
func (r *Rehearsal) began(thread, index int64, input string, now engine.Time) {
	r.iterations[iteration{thread, index}] = &ChildClosed{Input: input, Started: now}
}

// rehearsedFailure is what is told of an iteration that failed in place of an execution.
func (t *turn) rehearsedFailure(owner *thread, st *asl.State, index int64, f *failure) *datum {
	s, at := t.s, iteration{owner.number, index}
	machine := s.labelled(owner, st)
	name := Name(s.id.Name.World, machine, DerivedUUID(fmt.Sprintf("%s %d item %d", s.arn(), owner.group.started, index)))
	c := s.rehearsed.iterations[at]
	delete(s.rehearsed.iterations, at)
	c.ARN, c.Machine, c.Status, c.Error, c.Cause, c.Stopped = ARNOf(name), MachineARN(s.id.Name.World, machine), Failed, f.name, f.cause, t.in.Now
	_, c.Name = Split(name.Key)
	return &datum{text: c.Result("NONE")}
}

// Rehearse runs an execution of a compiled machine that begins at a time.
func Rehearse(name engine.Name, machine *asl.Machine, start *Start, now engine.Time) (*Rehearsal, error) {
	s := newState(engine.Identity{Name: name})
	rules, r := New(DefaultLimits(), nil), &Rehearsal{iterations: map[iteration]*ChildClosed{}}
	s.rehearsed = r
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
