package execution

import (
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
)

// Ephemeral is an execution of an express state machine that somebody waits for: it goes by
// the rules of all others, in memory alone. It is used by one goroutine.
type Ephemeral struct {
	rules   *Rules
	machine *asl.Machine
	state   *State
	// Measured hears what the execution has measured; nil: nobody does.
	Measured func([]engine.Measure)
	// Notify is what Notified hears of, all that each command brings.
	Notify   engine.Notify
	Notified func([]engine.Notification)
}

// NewEphemeral makes the execution of a compiled machine, by an ExpressName. It has begun when
// it was given a *Start.
func NewEphemeral(name engine.Name, machine *asl.Machine, limits Limits) *Ephemeral {
	s := newState(engine.Identity{Name: name})
	s.ephemeral = true
	return &Ephemeral{rules: New(limits, nil), machine: machine, state: s}
}

// Do gives a command to the execution, at a time.
func (e *Ephemeral) Do(now engine.Time, body any) (reply any, err error) {
	t := turn{s: e.state, in: engine.Input{Now: now, Measure: e.Measured != nil, Notify: e.Notify}, rules: e.rules, compiled: e.machine}
	if err := t.handle(body); err != nil {
		return nil, err
	}
	if t.measureEntered(); len(t.measures) > 0 {
		e.Measured(t.measures)
	}
	if t.tellSpans(e.state.last); len(t.notifications) > 0 {
		e.Notified(t.notifications)
	}
	if err, ok := t.reply.(error); ok {
		return nil, err
	}
	return t.reply, nil
}

// Describe tells what became of it so far.
func (e *Ephemeral) Describe(now engine.Time) *Description {
	reply, err := e.Do(now, &Describe{})
	mustHold(err == nil, "an execution can't be described: %v", err)
	return reply.(*Description)
}

// Next tells what it waits for: tasks that are to be started, by their Scheduled events, the
// moment at which it is to be woken, and the earliest that is no timeout; zero: there is none.
func (e *Ephemeral) Next() (tasks []int64, wake, timer engine.Time) {
	r := e.rules.Record(e.state, 0)
	for _, o := range r.Offers {
		if !o.Held {
			tasks = append(tasks, o.ID)
		}
	}
	return tasks, r.Wake, r.Timer
}
