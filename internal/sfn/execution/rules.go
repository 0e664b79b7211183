// Package execution is the rules of an execution of a Step Functions state machine: a
// pure, deterministic machine for engine.Rules, and the interpreter of the Amazon States
// Language. A command goes in; events, notes and messages come out.
//
// An execution is threads: the machine's own flow of states is one, and each branch of a
// Parallel state and each iteration of a Map state that is under way is another. A thread
// is between two states, or in one: then it waits for a moment, for a task, or for the
// threads of its group. run.go takes the threads that wait for nobody from state to state,
// as far as a turn has room; wake.go does what is due; fail.go has what went wrong tried
// again, caught, or end the thread.
//
// Only apply, for an event, change, for what no event says, and note, for a note, write
// State, so that a state which was folded from the log is the state that lived.
//
// The package looks nothing up: the machine's definition is a blob that the kernel brings,
// and what else is known at the start comes with it.
package execution

import (
	"fmt"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/options"
	"heddle/internal/sfn/asl"
)

// Limits say how large one execution, and one account, may grow.
type Limits struct {
	OpenExecutionsMax int `name:"open-executions" env:"OPEN_EXECUTIONS" default:"1000000" min:"1" max:"1000000000" help:"Open executions of state machines per account and region."`
	OpenMapRunsMax    int `name:"open-map-runs" env:"OPEN_MAP_RUNS" default:"1000" min:"1" max:"1000000000" help:"Open map runs per account and region. Further ones wait until others have ended."`
	// EventsMax is at least a start, a state, and an end.
	EventsMax     int   `name:"events" env:"EVENTS" default:"25000" min:"6" max:"1000000000" help:"Events per history of an execution of a state machine."`
	RetentionDays int64 `name:"retention-days" env:"RETENTION_DAYS" default:"90" min:"0" max:"36500" help:"How long a closed execution of a state machine is kept, in days, and its name taken."`
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits { return options.Defaults[Limits]() }

// Rules are engine.Rules for kind Kind.
type Rules struct {
	limits   Limits
	machines *asl.Cache
	pace     Pace
}

var _ interface {
	engine.Rules
	engine.TraitsRules
	engine.NotingRules
	engine.ListedRules
	engine.MessagedRules
	engine.WantingRules
	engine.WeighedRules
} = (*Rules)(nil)

// New gives the rules under limits. They keep compiled machines in a cache.
func New(limits Limits, machines *asl.Cache) *Rules {
	return &Rules{limits: limits, machines: machines}
}

// Traits says that the name of a closed execution stays taken.
func (*Rules) Traits() engine.Traits { return engine.Traits{KeepsNames: true} }

// Wants is the definition, for what may run states of it, unless its machine is at hand;
// and data keys.
func (r *Rules) Wants(st engine.State, body any) engine.Want {
	s := st.(*State)
	if c, ok := body.(*StartItem); ok {
		body = &c.Start
	}
	settings := s.settings
	if c, ok := body.(*Start); ok {
		settings = &c.Settings
	}
	want := engine.Want{DataKeys: s.uses(settings, body)}
	if id := settings.Definition; id != (blob.ID{}) && runs(body) {
		if s.atHand = r.machines.Find(id); s.atHand == nil {
			want.Blobs = []blob.ID{id}
			if settings.Key.Key != "" {
				want.DataKeys = append(want.DataKeys, settings.OpenUse(s.id, settings.DefinitionKey))
			}
		}
	}
	return want
}

// runs tells whether a command may run states.
func runs(body any) bool {
	switch body.(type) {
	case *Describe, *Inspect, *Same, *task.Delivered, *task.Undelivered, *Heartbeat, *Submit, *Stop, *StartTask, *Look, *ChildBegun, *StopChild:
		return false
	}
	return true
}

// Handle decides what a command does.
func (r *Rules) Handle(st engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := turn{s: st.(*State), in: in, rules: r}
	defer func() { t.s.atHand = nil }()
	if err := t.handle(body); err != nil {
		return engine.Turn{}, err
	}
	return t.finish(), nil
}

// machine is that of the execution.
func (t *turn) machine() *asl.Machine {
	id := t.s.settings.Definition
	if t.compiled == nil {
		t.compiled = t.s.atHand
	}
	if t.compiled == nil { // of a start, what was found is not remembered
		t.compiled = t.rules.machines.Find(id)
	}
	if t.compiled == nil {
		t.compile(id, t.in.Blob(id))
	}
	return t.compiled
}

func (t *turn) compile(id blob.ID, definition []byte) {
	m, err := t.rules.machines.Add(id, definition)
	mustHold(err == nil, "%v", err)
	t.compiled = m
}

func (t *turn) handle(body any) (err error) {
	if c, ok := body.(*StartItem); ok {
		body = &c.Start
	}
	if refused := t.unlock(body); refused != nil {
		return t.locked(body, refused)
	}
	defer func() {
		if p := recover(); p != nil {
			if _, full := p.(fullHistory); !full {
				panic(p)
			}
			t.closeFull()
			switch c := body.(type) {
			case *ChildBegun:
				t.send(c.stop()) // it is not in the history
			case *StartTask: // nor is this, and its task is over
				t.reply = &UnknownTaskError{c.ScheduledEventID}
			case *Submit, *Succeed, *Fail:
				t.reply = &UnknownTaskError{}
			}
		}
	}()
	switch c := body.(type) {
	case *Start:
		return t.start(c)
	case *Same:
		return t.same(c)
	case *Describe:
		t.describe()
		return nil
	case *Inspect:
		t.inspect()
		return nil
	case *Stop:
		t.stop(c)
		return nil
	case *Redrive:
		return t.redrive(c)
	case *task.Delivered:
		t.delivered(c.ScheduledEventID, c.Attempt, true)
		return nil
	case *task.Undelivered:
		t.delivered(c.ScheduledEventID, c.Attempt, false)
		return nil
	case *RedriveItem:
		t.redriveItem(c)
		return nil
	case message:
		t.receive(c)
		return nil
	case engine.Wake:
		t.wake()
		return nil
	case *StartTask:
		return t.startTask(c)
	case *Look:
		return t.look(c)
	case *Heartbeat:
		return t.heartbeat(c)
	case *Submit:
		return t.submit(c)
	case *Succeed:
		return t.succeed(c)
	case *Fail:
		return t.failTask(c)
	}
	panic(fmt.Sprintf("execution: no rule for command %T", body))
}
