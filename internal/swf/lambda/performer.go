// Package lambda performs the Lambda tasks of SWF executions: it invokes the
// functions that deciders schedule, at the one endpoint that the operator named,
// and reports how each call ended.
//
// A Lambda task is offered on an internal task list, which the Performer polls like
// anybody else. What it takes waits in its queue, which shares a bounded number of calls
// fairly among worlds, domains and functions; a started task is its own until it reports
// the outcome:
//
//	take       a task was matched with a poll, and waits for a place
//	authorise  the execution's role may be assumed, and may invoke the function
//	start      the execution records LambdaFunctionStarted; until then a failure of
//	           ours costs nothing
//	invoke     the function runs, within the task's startToCloseTimeout and while
//	           the execution is open
//	report     LambdaFunctionCompleted, LambdaFunctionFailed or
//	           StartLambdaFunctionFailed
//
// The delivery of a Lambda task is never noted. So whatever ends a call before
// its report is durable (a crash, a stop, a lost batch), the task is offered
// again as the next attempt: a function runs at least once. Timeouts belong to
// the rules, which record LambdaFunctionTimedOut; the performer then merely lets go of
// its call, and reports that come too late are refused.
//
// The endpoint knows us by the operator's credentials, which may do more than any
// role. So what an execution's role allows is asked here, each time.
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
	Concurrent int    // calls at a time
	PollsMax   int    // how many polls the list of tasks takes
	Authority  Authority
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Log    *slog.Logger
}

// Authority tells what executions may have done in their name.
type Authority interface {
	// May tells whether an invocation may be.
	May(context.Context, *Invocation) (Verdict, error)
}

// Invocation is what a Lambda task asks for.
type Invocation struct {
	World    engine.World
	Domain   string
	Role     string // ARN, as the execution was given it
	Began    engine.Time
	Function string // ARN
}

// Verdict says why an invocation may not be, in words for the decider; zero: it may.
type Verdict struct {
	NotAssumed string // the role can't be assumed
	Denied     string // the role may not invoke the function
}

// takersMax bounds how many goroutines take tasks. Taking one is a look into its history.
const takersMax = 8

// callMax bounds a call, whatever the timeout of its task: a longer one, or none,
// may stand in a history from before they were refused.
const callMax = wire.LambdaSecondsMax * time.Second

// lookPause is how long a call runs until its execution is looked at, again and
// again: for one that was closed nobody needs to wait.
const lookPause = 5 * time.Second

// troublePause is how long a taker or a call rests when the kernel fails, so that a task
// which can't be started does not keep it spinning.
const troublePause = time.Second

// Performer runs Lambda tasks. All but the workers and stopped is set once, by Start.
type Performer struct {
	Config
	functions *functions
	queue     *queue
	polls     context.Context // ends when no more tasks are taken
	stopPolls context.CancelFunc
	calls     context.Context // ends when calls under way are cut
	stopCalls context.CancelFunc
	workers   sync.WaitGroup // takers, calls and their watchers
	stopped   atomic.Bool    // a Stop has told how the calls ended
}

// Start makes a Performer and sets it to work.
func Start(c Config) (*Performer, error) {
	if c.Concurrent < 1 || c.PollsMax < 1 {
		return nil, fmt.Errorf("perform Lambda tasks: %d calls and %d polls at a time, want 1 or more", c.Concurrent, c.PollsMax)
	}
	f, err := newFunctions(c.Endpoint, c.Key, c.Concurrent)
	if err != nil {
		return nil, err
	}
	p := &Performer{Config: c, functions: f}
	p.calls, p.stopCalls = context.WithCancel(context.Background())
	p.polls, p.stopPolls = context.WithCancel(p.calls)
	p.queue = newQueue(c.Concurrent, func(j job) {
		p.workers.Go(func() {
			defer p.queue.done(j)
			p.do(j)
		})
	})
	for range min(takersMax, c.Concurrent, c.PollsMax) {
		p.workers.Go(p.take)
	}
	return p, nil
}

// Stop takes no more tasks and waits for the calls under way. When ctx ends first
// they are cut: their tasks stay started and unreported, and run again when the
// server is back. A second call does nothing.
func (p *Performer) Stop(ctx context.Context) error {
	p.stopPolls()
	p.queue.end()
	defer context.AfterFunc(ctx, p.stopCalls)()
	p.workers.Wait()
	first, cut := !p.stopped.Swap(true), p.calls.Err() != nil
	p.stopCalls()
	if first && cut {
		return fmt.Errorf("functions under way were left; they are called again: %w", ctx.Err())
	}
	return nil
}

// take is the life of a taker: it finds out where tasks belong, and queues them. All
// that is offered is taken, since who waits on the list stands behind whoever came
// before. A task that was taken and never started is offered again when the server is
// back.
func (p *Performer) take() {
	for p.polls.Err() == nil {
		claim, err := p.Tasks.Poll(p.polls, execution.LambdaList)
		if err != nil {
			p.trouble("poll for Lambda tasks", err)
			continue
		}
		for claim != nil {
			at, err := p.placeOf(claim.Run, claim.ID)
			if engine.IsGone(err) {
				claim = p.Tasks.Refuse(p.polls, claim)
				continue
			}
			if err != nil && !errors.Is(err, engine.ErrUnusable) {
				claim.Return()
			} else {
				claim.Accept() // offered again, an unusable one would stand before all others
			}
			if err != nil {
				p.trouble("take Lambda task", err, "run", claim.Run, "scheduledEventId", claim.ID)
			} else {
				p.queue.add(at, claim.Run, claim.ID)
			}
			break
		}
	}
}

// placeOf tells where a task belongs.
func (p *Performer) placeOf(run engine.RunID, scheduled int64) (place, error) {
	ctx := context.Background()
	view, err := p.Runs.Do(ctx, engine.Command{Run: run, Body: engine.Peek{}})
	if err != nil {
		return place{}, err
	}
	event, err := p.event(ctx, run, scheduled)
	if err != nil {
		return place{}, err
	}
	a := event.LambdaFunctionScheduledEventAttributes
	if a == nil {
		return place{}, fmt.Errorf("read event %d: it is %s", scheduled, event.EventType)
	}
	name := view.(*engine.RunView).Name
	domain, _ := execution.Split(name.Key)
	return place{name.World, domain, a.Name}, nil
}

// do starts a task and performs it.
func (p *Performer) do(j job) {
	for p.polls.Err() == nil {
		t, err := p.start(j)
		switch {
		case err == nil:
			if t != nil {
				p.perform(t)
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

// task is a started Lambda task and what it needs.
type task struct {
	*execution.LambdaTask
	run      engine.RunID
	region   string
	function function // none: the task names none that could be
	input    string
	denied   string // why the function may not be invoked
}

// start starts a task; nil: it is over already. What is read for it comes first,
// so that a task once started needs nothing more of the store.
func (p *Performer) start(j job) (*task, error) {
	// The outcome must be known, whoever closes the performer meanwhile.
	ctx := context.Background()
	event, err := p.event(ctx, j.run, j.id)
	if err != nil {
		return nil, err
	}
	at := j.from.place
	t := &task{run: j.run, region: at.world.Region, input: "{}"}
	if given := event.LambdaFunctionScheduledEventAttributes.Input; given != nil && *given != "" {
		t.input = *given
	}
	named := false
	if t.function, named = functionOf(at.world, at.function); named {
		verdict, err := p.authorise(ctx, j, t.function.arn)
		if err != nil {
			return nil, err
		}
		if verdict.NotAssumed != "" {
			message := cut(verdict.NotAssumed, messageMax)
			_, err := p.Runs.Do(ctx, engine.Command{Run: j.run, Body: &execution.StartLambdaFailed{ScheduledEventID: j.id, Message: message}})
			return nil, err
		}
		t.denied = verdict.Denied
	}
	reply, err := p.Runs.Do(ctx, engine.Command{Run: j.run, Body: &execution.StartLambda{ScheduledEventID: j.id}})
	if err != nil {
		return nil, err
	}
	started, ok := reply.(*execution.LambdaTask)
	if !ok { // the execution has no role
		return nil, nil
	}
	t.LambdaTask = started
	return t, nil
}

// authorise asks whether the execution's role allows what a task asks for. An execution
// without a role is for the rules to refuse.
func (p *Performer) authorise(ctx context.Context, j job, function string) (Verdict, error) {
	if p.Authority == nil {
		return Verdict{}, nil
	}
	first, err := p.event(ctx, j.run, 1)
	if err != nil {
		return Verdict{}, err
	}
	a := first.WorkflowExecutionStartedEventAttributes
	if a == nil {
		return Verdict{}, fmt.Errorf("read event 1: it is %s", first.EventType)
	}
	if a.LambdaRole == nil || *a.LambdaRole == "" {
		return Verdict{}, nil
	}
	return p.Authority.May(ctx, &Invocation{
		World: j.from.place.world, Domain: j.from.place.domain,
		Role: *a.LambdaRole, Began: engine.Time(first.EventTimestamp), Function: function,
	})
}

// event reads an event of an execution.
func (p *Performer) event(ctx context.Context, run engine.RunID, id int64) (*wire.HistoryEvent, error) {
	b, err := p.Runs.AppendEvents(ctx, nil, run, id, id, false)
	if err != nil {
		return nil, fmt.Errorf("read event %d: %w", id, err)
	}
	var e wire.HistoryEvent
	if err := e.Decode(jx.DecodeBytes(b)); err != nil {
		return nil, fmt.Errorf("read event %d: %w", id, err)
	}
	return &e, nil
}

// perform invokes the function and reports how that ended.
func (p *Performer) perform(t *task) {
	limit, limited := callLimit(t.StartToCloseTimeout)
	ctx, cancel := p.Within(p.calls, limit)
	defer cancel()
	p.workers.Go(func() { p.watch(ctx, cancel, t.run) })
	result, failed := p.invoke(ctx, t)
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
	case engine.IsGone(err):
		log.Debug("a Lambda task ended before its function did", "cause", err)
	default:
		log.Warn("report Lambda task; it runs again when its shard is back", "cause", err)
	}
}

// invoke runs the function of a task, if it may be.
func (p *Performer) invoke(ctx context.Context, t *task) (*string, *failure) {
	switch {
	case t.function == function{}:
		return nil, &failure{reason: reasonName, details: fmt.Sprintf("%q can't be the name of a function", t.Name)}
	case t.denied != "":
		return nil, &failure{reason: reasonDenied, details: t.denied}
	}
	return p.functions.invoke(ctx, t.region, t.function.sent, t.input)
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
		if engine.IsGone(err) || err == nil && view.(*engine.RunView).Status != engine.Open {
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
