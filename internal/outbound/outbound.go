// Package outbound performs tasks that are calls of somebody outside: of a Lambda function,
// or of a service's API. What such a task is to a kind of execution its Source knows, and
// how a call is made its Call; services add sources.
//
// A task is offered on an internal task list of its source, which the Performer polls like
// anybody else. What it takes waits in its queue, which shares a bounded number of calls
// fairly among accounts, groups and targets, whatever they are of; a started task is its
// own until it reports the outcome:
//
//	take    a task was matched with a poll, and waits for a place
//	start   the source looks whether the call may be made, and tells the run;
//	        until then a failure of ours costs nothing
//	call    it is made, within the task's timeout and while the task is open
//	report  the run is told the outcome, in the words of its source
//
// The delivery of such a task is never noted. So whatever ends a call before its report is
// durable (a crash, a stop, a lost batch), the task is offered again as the next attempt:
// a call is made at least once. Timeouts belong to the rules; the performer then merely
// lets go of its call, and reports that come too late are refused.
//
// A task may have more than one call: what has begun outside is asked after again and
// again, until it has ended. Between two calls it has no place, no goroutine and no timer,
// only its line in a queue by time. Once the task is over, what has begun for it may be
// undone: by the call that its source then gives, or when the report that it has begun
// comes too late.
//
// Those who are called know us by the operator's credentials, which may do more than
// anybody's role. So what a role allows is asked here, by sources, each time.
package outbound

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

// Source is a kind of execution some of whose tasks are calls. Errors that are
// engine.GoneError mean that a task is over; others are tried again, but for
// engine.ErrUnusable.
type Source interface {
	// List is the task list that they are offered on. No client can name it.
	List() string
	// Place tells where a task belongs that an event has scheduled.
	Place(ctx context.Context, run engine.RunID, scheduled int64) (Place, error)
	// Start starts a task. Nil: there is nothing to call, and its run was told why. Again: the
	// task was started here before, and its call asked for another one; if the task is over by
	// now, there may be a call that undoes what has begun.
	Start(ctx context.Context, run engine.RunID, scheduled int64, again bool) (*Call, error)
}

// Call is what a started task asks for.
type Call struct {
	// Do makes the call. It ends when ctx does, at the latest.
	Do func(ctx context.Context) Ended
	// Timeout is the task's own, which its rules watch over: when it has passed nobody
	// waits for the call. Zero: none. One that is longer than Max counts for nothing.
	Timeout time.Duration
	// Max bounds the call; TooLong is the command that tells the run of one that took longer; nil:
	// there is nothing to tell.
	Max     time.Duration
	TooLong func() any
	// Over: the task is over, so that its end is no reason to let go of the call.
	Over bool
	// About is for operators: keys and values, as in log/slog.
	About []any
}

// Ended is how a call ended.
type Ended struct {
	// Report is the command that tells the run of the outcome; nil: there is nothing to tell yet.
	Report any
	// Unanswered: nothing came of it. If its time was over, that is why.
	Unanswered bool
	Cause      error // of a failure, for the operator
	// Again is how long to wait until the task is started again for its next call; zero: there is
	// none.
	Again time.Duration
	// Undo undoes what was begun, if the report comes too late; nil: there is nothing to undo.
	Undo func(ctx context.Context) Ended
}

// Config is what a Performer is built from.
type Config struct {
	What       string // is performed, for the operator: "Lambda task"
	Concurrent int    // how many calls are made at a time
	Runs       Runs
	Tasks      Tasks
	PollsMax   int // how many polls a list of tasks takes
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// Stopwatch only counts.
	Stopwatch func() time.Duration
	Log       *slog.Logger
}

// takersMax bounds how many goroutines take the tasks of a source. Taking one is a look
// into its history.
const takersMax = 8

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
	queue     *fair.Queue[job]
	later     schedule
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
	p := &Performer{Config: c}
	p.later.wake = make(chan struct{}, 1)
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

// Start sets it to work. Errors: settings that make no sense.
func (p *Performer) Start(context.Context) error {
	if p.Concurrent < 1 || p.PollsMax < 1 {
		return fmt.Errorf("perform each %s: %d calls and %d polls at a time, want 1 or more", p.What, p.Concurrent, p.PollsMax)
	}
	if len(p.sources) > 0 {
		p.workers.Go(p.runLater)
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
		return fmt.Errorf("a call for a %s was left under way; it is made again: %w", p.What, ctx.Err())
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
		if errors.Is(err, matching.ErrCutOff) { // operators hear of that otherwise
			p.rest(p.polls, troublePause)
			continue
		}
		if err != nil {
			p.trouble("poll for a "+p.What, err)
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
				if j := (job{s, claim.Run, claim.ID, at, false}); at.After > 0 {
					p.after(j, at.After)
				} else {
					p.queue.Add(j, at.owner(s)...)
				}
			case errors.Is(err, engine.ErrUnusable):
				claim.Accept() // offered again, it would stand before all others
				p.trouble("take "+p.What, err, "run", claim.Run, "scheduledEventId", claim.ID)
			case p.setAside(claim):
				p.complain("take "+p.What, err, "run", claim.Run, "scheduledEventId", claim.ID)
			default:
				claim.Return()
				p.trouble("take "+p.What, err, "run", claim.Run, "scheduledEventId", claim.ID)
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
		c, err := j.source.Start(context.Background(), j.run, j.id, j.again)
		switch {
		case err == nil:
			if c != nil {
				p.perform(j, c)
			}
			return
		case engine.IsGone(err):
			return
		}
		p.trouble("start "+p.What, err, "run", j.run, "scheduledEventId", j.id)
		if errors.Is(err, engine.ErrUnusable) {
			return
		}
	}
}

// perform makes the call and reports how that ended.
func (p *Performer) perform(j job, c *Call) {
	limit, limited := c.Max, false
	if c.Timeout > 0 && c.Timeout <= c.Max {
		limit, limited = c.Timeout, true
	}
	ctx, cancel := p.Within(p.calls, limit)
	defer cancel()
	if !c.Over {
		p.workers.Go(func() { p.watch(ctx, cancel, j) })
	}
	ended := c.Do(ctx)
	if ended.Unanswered && ctx.Err() != nil {
		if p.calls.Err() != nil {
			p.left.Store(true)
			return // it is called again after a restart
		}
		switch {
		case !limited:
			ended.Report = c.TooLong()
		case ended.Again == 0:
			return // the rules time the task out
		default:
			ended.Report, ended.Cause = nil, nil // so they do, and what has begun is looked at after that
		}
	}
	log := p.Log.With(c.About...)
	if ended.Cause != nil {
		log.Warn("perform "+p.What, "cause", ended.Cause)
	}
	if ended.Report != nil {
		_, err := p.Runs.Do(context.Background(), engine.Command{Run: j.run, Body: ended.Report})
		switch {
		case err == nil:
		case engine.IsGone(err):
			log.Debug("a "+p.What+" ended before its call did", "cause", err)
			if ended.Undo != nil {
				p.perform(j, &Call{Do: ended.Undo, Max: c.Max, TooLong: func() any { return nil }, Over: true, About: c.About})
			}
			return
		default:
			log.Warn("report "+p.What+"; it is called again when its shard is back", "cause", err)
			return
		}
	}
	if ended.Again > 0 {
		next := j // j is watched, perhaps still
		next.again = true
		p.after(next, ended.Again)
	}
}

// watch lets go of a call when its task was closed, or the whole run: a task that is open
// is an offer, held. Who never answers would else occupy a place for tasks that nobody waits
// for.
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
	if engine.IsAway(cause) {
		return
	}
	p.Log.Error(doing+"; it is tried again", append(about, "cause", cause)...)
}

// rest waits, unless ctx ends before.
func (p *Performer) rest(ctx context.Context, pause time.Duration) {
	ctx, cancel := p.Within(ctx, pause)
	defer cancel()
	<-ctx.Done()
}
