// Package execution is the rules of an Amazon SWF workflow execution: a pure,
// deterministic machine for engine.Rules. A command goes in; events, notes and
// messages come out.
//
// Handle decides what a command does. Only Apply, for an event, and Note, for a
// note, write State, so that a state which was folded from the log is the state
// that lived. Each noun has its file: decision_task.go, activity.go, timer.go,
// child.go, external.go, lambda.go, and so on; decide.go takes a decider's
// decisions one by one; wake.go fires what is due.
//
// The package looks nothing up: defaults of types, permissions and the like come
// resolved with the commands. It doesn't read inputs or results either; they go
// into the history as they are.
package execution

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/options"
)

// Limits say how large one execution, and one domain, may grow.
type Limits struct {
	ExecutionSecondsMax int64 `name:"execution-secs" env:"EXECUTION_SECS" default:"31536000" min:"1" max:"1000000000" help:"How long an execution runs at most, in seconds."` // whatever its own timeout
	OpenExecutionsMax   int   `name:"open-executions" env:"OPEN_EXECUTIONS" default:"100000" min:"1" max:"1000000000" help:"Open executions per domain."`                     // of one group
	OpenActivitiesMax   int   `name:"open-activities" env:"OPEN_ACTIVITIES" default:"1000" min:"1" max:"1000000000" help:"Open activity tasks per execution."`
	OpenTimersMax       int   `name:"open-timers" env:"OPEN_TIMERS" default:"1000" min:"1" max:"1000000000" help:"Open timers per execution."`
	OpenChildrenMax     int   `name:"open-children" env:"OPEN_CHILDREN" default:"1000" min:"1" max:"1000000000" help:"Open child executions per execution."`
	OpenLambdasMax      int   `name:"open-lambdas" env:"OPEN_LAMBDAS" default:"1000" min:"1" max:"1000000000" help:"Open Lambda functions per execution."`
	// EventsMax is at least a start, a decision and an end. Then WorkflowExecutionTerminated
	// is the last event, or follows the last of the decisions that came too far.
	EventsMax int `name:"events" env:"EVENTS" default:"25000" min:"6" max:"1000000000" help:"Events per history."`
	// TracePercent is how many of 100 executions are traced that nobody hands a trace.
	TracePercent int `kong:"-"`
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits { return options.Defaults[Limits]() }

// Rules are engine.Rules for kind Kind.
type Rules struct{ limits Limits }

var _ interface {
	engine.Rules
	engine.TraitsRules
	engine.NotingRules
	engine.ListedRules
	engine.MessagedRules
} = (*Rules)(nil)

// New gives the rules under limits.
func New(limits Limits) *Rules { return &Rules{limits} }

// Traits says that deciders are shown the history.
func (*Rules) Traits() engine.Traits { return engine.Traits{ShowsHistory: true} }

// Handle decides what a command does.
func (r *Rules) Handle(st engine.State, body any, in engine.Input) (engine.Turn, error) {
	t := turn{s: st.(*State), in: in, limits: &r.limits}
	if err := t.handle(body); err != nil {
		return engine.Turn{}, err
	}
	return t.finish(), nil
}

func (t *turn) handle(body any) error {
	switch c := body.(type) {
	case *Start:
		return t.start(c)
	case *StartChild:
		t.startAsChild(c)
		return nil
	case *Describe:
		t.describe()
		return nil
	case *Inspect:
		t.inspect()
		return nil
	case *task.Delivered:
		t.delivered(c.ScheduledEventID, c.Attempt, true)
		return nil
	case *task.Undelivered:
		t.delivered(c.ScheduledEventID, c.Attempt, false)
		return nil
	case message:
		t.receive(c)
		return nil
	case engine.Wake:
		t.wake()
		return nil
	}
	if !t.s.isOpen() {
		return &UnknownExecutionError{WorkflowID: t.s.workflowID, RunID: t.s.runID}
	}
	switch c := body.(type) {
	case *StartDecision:
		return t.startDecision(c)
	case *CompleteDecision:
		return t.completeDecision(c)
	case *StartActivity:
		return t.startActivity(c)
	case *Heartbeat:
		return t.heartbeat(c)
	case *CompleteActivity:
		return t.completeActivity(c)
	case *FailActivity:
		return t.failActivity(c)
	case *CancelActivity:
		return t.cancelActivity(c)
	case *Signal:
		t.signal(c)
	case *RequestCancel:
		t.requestCancel()
	case *Terminate:
		t.terminate(c)
	case *StartLambda:
		return t.startLambda(c)
	case *CompleteLambda:
		return t.completeLambda(c)
	case *FailLambda:
		return t.failLambda(c)
	case *StartLambdaFailed:
		return t.startLambdaFailed(c)
	default:
		panic(fmt.Sprintf("execution: no rule for command %T", body))
	}
	return nil
}
