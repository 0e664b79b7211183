// Package lambda performs tasks that are functions: it invokes them at the one endpoint of
// Lambda's Invoke API that the operator named, and has their runs told how each call
// ended. What such a task is to a kind of execution its Source knows; services add theirs.
//
// A task is offered on an internal task list of its source, which the Performer polls like
// anybody else. What it takes waits in its queue, which shares a bounded number of calls
// fairly among accounts, groups and functions, whatever they are of; a started task is its
// own until it reports the outcome:
//
//	take    a task was matched with a poll, and waits for a place
//	start   the source looks whether the function may be invoked, and tells the run;
//	        until then a failure of ours costs nothing
//	invoke  the function runs, within the task's timeout and while the task is open
//	report  the run is told the outcome, in the words of its source
//
// The delivery of such a task is never noted. So whatever ends a call before its report is
// durable (a crash, a stop, a lost batch), the task is offered again as the next attempt:
// a function runs at least once. Timeouts belong to the rules; the performer then merely
// lets go of its call, and reports that come too late are refused.
//
// The endpoint knows us by the operator's credentials, which may do more than anybody's
// role. So what a role allows is asked here, by sources, each time.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/engine"
	"heddle/internal/fair"
	"heddle/internal/matching"
)

// Runs is the part of the kernel that a performer needs.
type Runs interface {
	// Do gives a command to its run and returns the reply once it is durable.
	Do(ctx context.Context, cmd engine.Command) (any, error)
}

// Tasks pairs workers with tasks.
type Tasks interface {
	Poll(ctx context.Context, list string, who matching.Poller) (*matching.Claim, error)
	Refuse(context.Context, *matching.Claim) *matching.Claim
}

// Source is a kind of execution some of whose tasks are functions. Errors that are
// engine.GoneError mean that a task is over; others are tried again, but for
// engine.ErrUnusable.
type Source interface {
	// List is the task list that they are offered on. No client can name it.
	List() string
	// Place tells where a task belongs that an event has scheduled.
	Place(ctx context.Context, run engine.RunID, scheduled int64) (Place, error)
	// Start starts a task. Nil: there is nothing to invoke, and its run was told why.
	Start(ctx context.Context, run engine.RunID, scheduled int64) (*Call, error)
}

// Call is what a started task asks for.
type Call struct {
	Invocation
	// Timeout is the task's own, which its rules watch over: when it has passed nobody
	// waits for the call. Zero: none. One that is longer than CallMax counts for nothing.
	Timeout time.Duration
	// Report is the command that tells the run of an outcome.
	Report func(*Outcome) any
	// About is for operators: keys and values, as in log/slog.
	About []any
}

// Config is what a Performer is built from.
type Config struct {
	Options
	Runs     Runs
	Tasks    Tasks
	PollsMax int // how many polls a list of tasks takes
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Log    *slog.Logger
	// Called hears how calls ended, and how long they took by Stopwatch, which only counts; nil:
	// nobody does.
	Called    func(o *Outcome, took time.Duration)
	Stopwatch func() time.Duration
}

// takersMax bounds how many goroutines take the tasks of a source. Taking one is a look
// into its history.
const takersMax = 8

// CallMax bounds a call: no function runs longer.
const CallMax = 900 * time.Second

// lookPause is how long a call runs until its run is looked at, again and again: for a
// task that was closed nobody needs to wait.
const lookPause = 5 * time.Second

// troublePause is how long a taker or a call rests when the kernel fails, so that a task
// which can't be started does not keep it spinning.
const troublePause = time.Second

// Performer runs tasks. All but the workers and stopped is set once, before Start returns.
type Performer struct {
	Config
	sources   []Source
	functions *functions
	queue     *fair.Queue[job]
	polls     context.Context // ends when no more tasks are taken
	stopPolls context.CancelFunc
	calls     context.Context // ends when calls under way are cut
	stopCalls context.CancelFunc
	workers   sync.WaitGroup // takers, calls and their watchers
	aside     atomic.Int64   // claims that are returned later
	left      atomic.Bool    // calls were cut
	stopped   atomic.Bool    // a Stop has told how the calls ended
}

// New makes a Performer, whose sources are then added.
func New(c Config) *Performer {
	p := &Performer{Config: c, functions: newFunctions(&c.Options)}
	p.calls, p.stopCalls = context.WithCancel(context.Background())
	p.polls, p.stopPolls = context.WithCancel(p.calls)
	p.queue = newQueue(c.Concurrent, func(j job, done func()) {
		p.workers.Go(func() {
			defer done()
			p.do(j)
		})
	})
	return p
}

// Add has the performer run the tasks of a source. It is called before Start.
func (p *Performer) Add(s Source) { p.sources = append(p.sources, s) }

// Available tells whether there is an endpoint. Without one all calls fail: whoever can
// refuse them before adds no source. It may be asked of a nil Performer.
func (p *Performer) Available() bool { return p != nil && p.Endpoint != "" }

// Invoke calls a function for somebody who waits, beside the queue.
func (p *Performer) Invoke(ctx context.Context, i *Invocation) *Outcome {
	return p.invoke(ctx, i)
}

func (p *Performer) invoke(ctx context.Context, i *Invocation) *Outcome {
	if p.Called == nil {
		return p.functions.invoke(ctx, i)
	}
	began := p.Stopwatch()
	o := p.functions.invoke(ctx, i)
	p.Called(o, p.Stopwatch()-began)
	return o
}

// Start sets it to work. Errors: settings that make no sense.
func (p *Performer) Start(context.Context) error {
	if err := p.Check(); err != nil {
		return err
	}
	if p.Concurrent < 1 || p.PollsMax < 1 {
		return fmt.Errorf("invoke Lambda functions: %d calls and %d polls at a time, want 1 or more", p.Concurrent, p.PollsMax)
	}
	for _, s := range p.sources {
		for range min(takersMax, p.Concurrent, p.PollsMax) {
			p.workers.Go(func() { p.take(s) })
		}
	}
	return nil
}

// Stop takes no more tasks and waits for the calls under way. When ctx ends first
// they are cut: their tasks stay started and unreported, and run again when the
// server is back. A second call does nothing.
func (p *Performer) Stop(ctx context.Context) error {
	p.stopPolls()
	p.queue.End()
	defer context.AfterFunc(ctx, p.stopCalls)()
	p.workers.Wait()
	p.stopCalls()
	if first := !p.stopped.Swap(true); first && p.left.Load() {
		return fmt.Errorf("functions under way were left; they are called again: %w", ctx.Err())
	}
	return nil
}

// take is the life of a taker: it finds out where tasks belong, and queues them. All
// that is offered is taken, since who waits on the list stands behind whoever came
// before. A task that was taken and never started is offered again when the server is
// back.
func (p *Performer) take(s Source) {
	for p.polls.Err() == nil {
		claim, err := p.Tasks.Poll(p.polls, s.List(), matching.Poller{})
		if err != nil {
			p.trouble("poll for Lambda tasks", err)
			continue
		}
		if claim == nil {
			return // there will be no more
		}
		for claim != nil {
			at, err := s.Place(context.Background(), claim.Run, claim.ID)
			if engine.IsGone(err) {
				claim = p.Tasks.Refuse(p.polls, claim)
				continue
			}
			switch {
			case err == nil:
				claim.Accept()
				p.queue.Add(job{s, claim.Run, claim.ID}, at.owner(s)...)
			case errors.Is(err, engine.ErrUnusable):
				claim.Accept() // offered again, it would stand before all others
				p.trouble("take Lambda task", err, "run", claim.Run, "scheduledEventId", claim.ID)
			case p.setAside(claim):
				p.complain("take Lambda task", err, "run", claim.Run, "scheduledEventId", claim.ID)
			default:
				claim.Return()
				p.trouble("take Lambda task", err, "run", claim.Run, "scheduledEventId", claim.ID)
			}
			break
		}
	}
}

// setAside returns a claim after a rest, while its taker goes on: a task that can't be looked
// at now, as its data key is away, shall not stand before all others. It tells whether there
// is room for it.
func (p *Performer) setAside(claim *matching.Claim) bool {
	if int(p.aside.Add(1)) > p.PollsMax/2 { // the others are for polls
		p.aside.Add(-1)
		return false
	}
	p.workers.Go(func() {
		p.rest(p.polls, troublePause)
		claim.Return()
		p.aside.Add(-1)
	})
	return true
}

// do starts a task and performs it.
func (p *Performer) do(j job) {
	for p.polls.Err() == nil {
		// The outcome must be known, whoever closes the performer meanwhile.
		c, err := j.source.Start(context.Background(), j.run, j.id)
		switch {
		case err == nil:
			if c != nil {
				p.perform(j, c)
			}
			return
		case engine.IsGone(err):
			return
		}
		p.trouble("start Lambda task", err, "run", j.run, "scheduledEventId", j.id)
		if errors.Is(err, engine.ErrUnusable) {
			return
		}
	}
}

// perform invokes the function and reports how that ended.
func (p *Performer) perform(j job, c *Call) {
	limit, limited := CallMax, false
	if c.Timeout > 0 && c.Timeout <= CallMax {
		limit, limited = c.Timeout, true
	}
	ctx, cancel := p.Within(p.calls, limit)
	defer cancel()
	p.workers.Go(func() { p.watch(ctx, cancel, j) })
	o := p.invoke(ctx, &c.Invocation)
	if o.Failure != NoFailure && ctx.Err() != nil {
		if p.calls.Err() != nil {
			p.left.Store(true)
		}
		if limited || p.calls.Err() != nil {
			return // the rules time the task out, nobody waits for it, or it runs again after a restart
		}
		o.Failure, o.Message = TooLong, fmt.Sprintf("the function did not answer within %s", limit)
	}
	log := p.Log.With(c.About...)
	if o.cause != nil {
		log.Warn("invoke Lambda function", "cause", o.cause)
	}
	_, err := p.Runs.Do(context.Background(), engine.Command{Run: j.run, Body: c.Report(o)})
	switch {
	case err == nil:
	case engine.IsGone(err):
		log.Debug("a Lambda task ended before its function did", "cause", err)
	default:
		log.Warn("report Lambda task; it runs again when its shard is back", "cause", err)
	}
}

// watch lets go of a call when its task was closed, or the whole run: a task that is open
// is an offer, held. An endpoint that never answers would else occupy a place for tasks
// that nobody waits for.
func (p *Performer) watch(call context.Context, letGo context.CancelFunc, j job) {
	for {
		p.rest(call, lookPause)
		if call.Err() != nil {
			return
		}
		reply, err := p.Runs.Do(call, engine.Command{Run: j.run, Body: engine.Peek{}})
		open := true
		if view, ok := reply.(*engine.RunView); ok && err == nil {
			open = slices.ContainsFunc(view.Offers, func(o engine.Offer) bool { return o.ID == j.id })
		}
		if engine.IsGone(err) || !open {
			letGo()
			return
		}
	}
}

// trouble tells the operator and rests.
func (p *Performer) trouble(doing string, cause error, about ...any) {
	p.complain(doing, cause, about...)
	p.rest(p.polls, troublePause)
}

func (p *Performer) complain(doing string, cause error, about ...any) {
	p.Log.Error(doing+"; it is tried again", append(about, "cause", cause)...)
}

// rest waits, unless ctx ends before.
func (p *Performer) rest(ctx context.Context, pause time.Duration) {
	ctx, cancel := p.Within(ctx, pause)
	defer cancel()
	<-ctx.Done()
}
