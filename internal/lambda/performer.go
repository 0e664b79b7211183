// Package lambda invokes Lambda functions at the one endpoint of Lambda's Invoke API that the
// operator named, and performs tasks that are functions: an outbound.Performer of the
// sources that services add, which says how often a function runs, and when.
package lambda

import (
	"context"
	"fmt"
	"time"

	"heddle/internal/engine"
	"heddle/internal/outbound"
)

// Source is a kind of execution some of whose tasks are functions, as outbound.Source is.
type Source interface {
	List() string
	Place(ctx context.Context, run engine.RunID, scheduled int64) (outbound.Place, error)
	Start(ctx context.Context, run engine.RunID, scheduled int64) (*Call, error)
}

// Call is what a started task asks for.
type Call struct {
	Invocation
	// Timeout is the task's own, as outbound.Call has it.
	Timeout time.Duration
	// Report is the command that tells the run of an outcome.
	Report func(*Outcome) any
	// About is for operators: keys and values, as in log/slog.
	About []any
}

// Config is what a Performer is built from.
type Config struct {
	Options
	Outbound outbound.Config // but for what Options say
	// Called hears how calls ended, and how long they took by the stopwatch of Outbound; nil:
	// nobody does.
	Called func(o *Outcome, took time.Duration)
}

// CallMax bounds a call: no function runs longer.
const CallMax = 900 * time.Second

// Performer runs tasks that are functions.
type Performer struct {
	*outbound.Performer
	options   Options
	called    func(o *Outcome, took time.Duration)
	functions *functions
}

// New makes a Performer, whose sources are then added.
func New(c Config) *Performer {
	c.Outbound.What, c.Outbound.Concurrent = "Lambda task", c.Concurrent
	return &Performer{outbound.New(c.Outbound), c.Options, c.Called, newFunctions(&c.Options)}
}

// Add has the performer run the tasks of a source. It is called before Start.
func (p *Performer) Add(s Source) { p.Performer.Add(&invoked{s, p}) }

// Available tells whether there is an endpoint. Without one all calls fail: whoever can
// refuse them before adds no source. It may be asked of a nil Performer.
func (p *Performer) Available() bool { return p != nil && p.options.Endpoint != "" }

// Start sets it to work. Errors: settings that make no sense.
func (p *Performer) Start(ctx context.Context) error {
	if err := p.options.Check(); err != nil {
		return err
	}
	return p.Performer.Start(ctx)
}

// Invoke calls a function for somebody who waits, beside the queue.
func (p *Performer) Invoke(ctx context.Context, i *Invocation) *Outcome {
	if p.called == nil {
		return p.functions.invoke(ctx, i)
	}
	began := p.Stopwatch()
	o := p.functions.invoke(ctx, i)
	p.called(o, p.Stopwatch()-began)
	return o
}

// invoked is a Source for the performer of calls.
type invoked struct {
	Source
	by *Performer
}

// Start implements outbound.Source.
func (s *invoked) Start(ctx context.Context, run engine.RunID, scheduled int64, _ bool) (*outbound.Call, error) {
	c, err := s.Source.Start(ctx, run, scheduled)
	if c == nil || err != nil {
		return nil, err
	}
	return &outbound.Call{
		Do: func(ctx context.Context) outbound.Ended {
			o := s.by.Invoke(ctx, &c.Invocation)
			return outbound.Ended{Report: c.Report(o), Unanswered: o.Failure != NoFailure, Cause: o.cause}
		},
		Timeout: c.Timeout, Max: CallMax,
		TooLong: func() any {
			return c.Report(&Outcome{Failure: TooLong, Message: fmt.Sprintf("the function did not answer within %s", CallMax)})
		},
		About: c.About,
	}, nil
}
