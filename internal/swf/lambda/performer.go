// Package lambda performs the Lambda tasks of SWF executions: it invokes the
// functions that deciders schedule, at the one endpoint that the operator named,
// and reports how each call ended.
//
// A Lambda task is offered on an internal task list. The Performer is a bounded
// number of workers that poll that list like anybody else; a started task is
// theirs until they report its outcome:
//
//	claim      a task was matched with a worker
//	start      the execution records LambdaFunctionStarted; until then any
//	           failure of ours puts the task back and costs nothing
//	invoke     the function runs, within the task's startToCloseTimeout and while
//	           the execution is open
//	report     LambdaFunctionCompleted, LambdaFunctionFailed or
//	           StartLambdaFunctionFailed
//
// The delivery of a Lambda task is never noted. So whatever ends a worker before
// its report is durable (a crash, a stop, a lost batch), the task is offered
// again as the next attempt: a function runs at least once. Timeouts belong to
// the rules, which record LambdaFunctionTimedOut; the worker then merely lets go of
// its call, and reports that come too late are refused.
//
// The package does not assume the execution's role: that is for the endpoint,
// which knows us by the operator's credentials. All worlds share the workers.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-faster/jx"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// Runs is the part of the kernel that a performer needs.
type Runs interface {
	// Do gives a command to its run and returns the reply once it is durable.
	Do(ctx context.Context, cmd engine.Command) (any, error)
	// AppendEvents appends the events first..last as the wire carries them.
	AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error)
}

// Tasks pairs workers with tasks.
type Tasks interface {
	Poll(ctx context.Context, list string) (*matching.Claim, error)
	Refuse(context.Context, *matching.Claim) *matching.Claim
}

// Config is what a Performer is built from.
type Config struct {
	Runs       Runs
	Tasks      Tasks
	Endpoint   string // http or https URL of Lambda's Invoke API
	Key        Key    // zero: requests are not signed
	Concurrent int    // workers, and so calls at a time
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Log    *slog.Logger
}

// callMax bounds a call, whatever the timeout of its task: a longer one, or none,
// may stand in a history from before they were refused.
const callMax = wire.LambdaSecondsMax * time.Second

// lookPause is how long a call runs until its execution is looked at, again and
// again: for one that was closed nobody needs to wait.
const lookPause = 5 * time.Second

// troublePause is how long a worker rests when the kernel fails, so that a task
// which it cannot start does not keep it spinning.
const troublePause = time.Second

// Performer runs Lambda tasks. All but the workers and stopped is set once, by Start.
type Performer struct {
	Config
	functions *functions
	polls     context.Context // ends when no more tasks are taken
	stopPolls context.CancelFunc
	calls     context.Context // ends when calls under way are cut
	stopCalls context.CancelFunc
	workers   sync.WaitGroup
	stopped   atomic.Bool // a Stop has told how the calls ended
}

// Start makes a Performer and sets its workers to work.
func Start(c Config) (*Performer, error) {
	if c.Concurrent < 1 {
		return nil, fmt.Errorf("perform Lambda tasks: %d workers, want 1 or more", c.Concurrent)
	}
	f, err := newFunctions(c.Endpoint, c.Key, c.Concurrent)
	if err != nil {
		return nil, err
	}
	p := &Performer{Config: c, functions: f}
	p.calls, p.stopCalls = context.WithCancel(context.Background())
	p.polls, p.stopPolls = context.WithCancel(p.calls)
	for range c.Concurrent {
		p.workers.Go(p.work)
	}
	return p, nil
}

// Stop takes no more tasks and waits for the calls under way. When ctx ends first
// they are cut: their tasks stay started and unreported, and run again when the
// server is back. A second call does nothing.
func (p *Performer) Stop(ctx context.Context) error {
	p.stopPolls()
	defer context.AfterFunc(ctx, p.stopCalls)()
	p.workers.Wait()
	first, cut := !p.stopped.Swap(true), p.calls.Err() != nil
	p.stopCalls()
	if first && cut {
		return fmt.Errorf("functions under way were left; they are called again: %w", ctx.Err())
	}
	return nil
}

// work is the life of one worker.
func (p *Performer) work() {
	for p.polls.Err() == nil {
		claim, err := p.Tasks.Poll(p.polls, execution.LambdaList)
		if err != nil {
			p.trouble("poll for Lambda tasks", err)
			continue
		}
		if claim == nil { // the performer is being closed
			return
		}
		p.take(claim)
	}
}

// take starts the claimed task, or the next one that its poll is given, and
// performs it.
func (p *Performer) take(claim *matching.Claim) {
	for claim != nil {
		t, err := p.start(claim.Run, claim.ID)
		switch {
		case err == nil:
			claim.Accept()
			if t != nil {
				p.perform(t)
			}
			return
		case execution.IsGone(err):
			claim = p.Tasks.Refuse(p.polls, claim)
		default:
			if errors.Is(err, engine.ErrUnusable) {
				claim.Accept() // offered again it would stand before all others
			} else {
				claim.Return()
			}
			p.trouble("start Lambda task", err, "run", claim.Run, "scheduledEventId", claim.ID)
			return
		}
	}
}

// task is a started Lambda task and what it needs.
type task struct {
	*execution.LambdaTask
	run    engine.RunID
	region string
	input  string
}

// start starts a task; nil: it is over already. What is read for it comes first,
// so that a task once started needs nothing more of the store.
func (p *Performer) start(run engine.RunID, scheduled int64) (*task, error) {
	// The outcome must be known, whoever closes the performer meanwhile.
	ctx := context.Background()
	view, err := p.Runs.Do(ctx, engine.Command{Run: run, Body: engine.Peek{}})
	if err != nil {
		return nil, err
	}
	input, err := p.input(ctx, run, scheduled)
	if err != nil {
		return nil, err
	}
	reply, err := p.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.StartLambda{ScheduledEventID: scheduled}})
	if err != nil {
		return nil, err
	}
	started, ok := reply.(*execution.LambdaTask)
	if !ok { // the execution has no role
		return nil, nil
	}
	return &task{
		LambdaTask: started, run: run,
		region: view.(*engine.RunView).Name.World.Region, input: input,
	}, nil
}

// input reads what the decider gave to the function; nothing is an empty object.
func (p *Performer) input(ctx context.Context, run engine.RunID, scheduled int64) (string, error) {
	b, err := p.Runs.AppendEvents(ctx, nil, run, scheduled, scheduled, false)
	if err != nil {
		return "", fmt.Errorf("read event %d: %w", scheduled, err)
	}
	var e wire.HistoryEvent
	if err := e.Decode(jx.DecodeBytes(b)); err != nil {
		return "", fmt.Errorf("read event %d: %w", scheduled, err)
	}
	a := e.LambdaFunctionScheduledEventAttributes
	if a == nil {
		return "", fmt.Errorf("read event %d: it is %s", scheduled, e.EventType)
	}
	if a.Input == nil || *a.Input == "" {
		return "{}", nil
	}
	return *a.Input, nil
}

// perform invokes the function and reports how that ended.
func (p *Performer) perform(t *task) {
	limit, limited := callLimit(t.StartToCloseTimeout)
	ctx, cancel := p.Within(p.calls, limit)
	defer cancel()
	p.workers.Go(func() { p.watch(ctx, cancel, t.run) })
	result, failed := p.functions.invoke(ctx, t.region, t.Name, t.input)
	if failed != nil && ctx.Err() != nil {
		if limited || p.calls.Err() != nil {
			return // the rules time the task out, nobody waits for it, or it runs again after a restart
		}
		failed.details = fmt.Sprintf("the function did not answer within %s", limit)
	}
	log := p.Log.With("workflowId", t.WorkflowID, "runId", t.RunID, "function", t.Name, "attempt", t.Attempt)
	if failed != nil && failed.cause != nil {
		log.Warn("invoke Lambda function", "cause", failed.cause)
	}
	_, err := p.Runs.Do(context.Background(), engine.Command{Run: t.run, Body: report(t, result, failed)})
	switch {
	case err == nil:
	case execution.IsGone(err):
		log.Debug("a Lambda task ended before its function did", "cause", err)
	default:
		log.Warn("report Lambda task; it runs again when its shard is back", "cause", err)
	}
}

// callLimit is how long a call may take. Limited says that the task has timed out by
// then.
func callLimit(startToClose string) (limit time.Duration, limited bool) {
	seconds, limited := wire.Seconds(startToClose)
	if !limited || seconds > wire.LambdaSecondsMax {
		return callMax, false
	}
	return time.Duration(seconds) * time.Second, true
}

// watch lets go of a call when its execution was closed. An endpoint that never
// answers would else occupy a worker for tasks that nobody waits for.
func (p *Performer) watch(call context.Context, letGo context.CancelFunc, run engine.RunID) {
	for {
		p.rest(call, lookPause)
		if call.Err() != nil {
			return
		}
		view, err := p.Runs.Do(call, engine.Command{Run: run, Body: engine.Peek{}})
		if execution.IsGone(err) || err == nil && view.(*engine.RunView).Status != engine.Open {
			letGo()
			return
		}
	}
}

// report is the command that tells the execution of an outcome.
func report(t *task, result *string, failed *failure) any {
	switch {
	case failed == nil:
		return &execution.CompleteLambda{
			ScheduledEventID: t.ScheduledEventID, StartedEventID: t.StartedEventID, Result: result,
		}
	case failed.denied:
		message := cut(failed.reason+": "+failed.details, messageMax)
		return &execution.StartLambdaFailed{ScheduledEventID: t.ScheduledEventID, Message: message}
	default:
		reason, details := cut(failed.reason, reasonMax), cut(failed.details, dataMax)
		return &execution.FailLambda{
			ScheduledEventID: t.ScheduledEventID, StartedEventID: t.StartedEventID,
			Reason: &reason, Details: &details,
		}
	}
}

// trouble tells the operator and rests.
func (p *Performer) trouble(doing string, cause error, about ...any) {
	p.Log.Error(doing+"; it is tried again", append(about, "cause", cause)...)
	p.rest(p.polls, troublePause)
}

// rest waits, unless ctx ends before.
func (p *Performer) rest(ctx context.Context, pause time.Duration) {
	ctx, cancel := p.Within(ctx, pause)
	defer cancel()
	<-ctx.Done()
}
