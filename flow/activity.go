package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

type logger = *slog.Logger

var discard = slog.New(slog.DiscardHandler)

// activityTask is one that a worker performs.
type activityTask struct {
	w     *Worker
	info  ActivityInfo
	codec Codec
	token *string
	code  *activityCode

	mu       sync.Mutex
	progress string // said last
	cancel   context.CancelCauseFunc
}

type taskKey struct{}

func taskOf(ctx context.Context) *activityTask {
	t, _ := ctx.Value(taskKey{}).(*activityTask)
	if t == nil {
		panic("flow: this context is not an activity's")
	}
	return t
}

// ActivityOf says which activity task it is, to the code that performs it.
func ActivityOf(ctx context.Context) ActivityInfo { return taskOf(ctx).info }

// Key is the same for each attempt of a call and for each redelivery of its task, and for nothing
// else: give it to the bank.
func Key(ctx context.Context) string {
	t := taskOf(ctx)
	return t.info.Run.RunID + "/" + firstAttempt(t.info.ActivityID)
}

// firstAttempt is the id of a call's first attempt: Charge-2 for Charge-2.3.
func firstAttempt(id string) string {
	if i := strings.LastIndexByte(id, '.'); i > 0 {
		if _, err := strconv.Atoi(id[i+1:]); err == nil {
			return id[:i]
		}
	}
	return id
}

// Progress says how far an activity is; it goes with the next heartbeat. With ManualHeartbeat, it is
// the heartbeat.
func Progress(ctx context.Context, v any) {
	t := taskOf(ctx)
	said, err := t.codec.Encode(v)
	if err != nil {
		said = err.Error()
	}
	t.mu.Lock()
	t.progress = cut(said, maxProgress)
	t.mu.Unlock()
	if t.code.manual {
		t.beat(ctx)
	}
}

// maxProgress is how long the details of a heartbeat may be.
const maxProgress = 2048

// beat sends a heartbeat.
func (t *activityTask) beat(ctx context.Context) {
	t.mu.Lock()
	said := t.progress
	t.mu.Unlock()
	if p := t.w.c.payloads(); p.crypt != nil && said != "" {
		sealed, err := p.crypt.Seal(ctx, said)
		if err != nil || len(sealed) > maxProgress {
			sealed = ""
		}
		said = sealed
	}
	out, err := t.w.c.API.RecordActivityTaskHeartbeat(ctx, &swf.RecordActivityTaskHeartbeatInput{TaskToken: t.token, Details: text(said)})
	switch _, gone := errors.AsType[*types.UnknownResourceFault](err); {
	case gone:
		t.cancel(ErrTimeout)
	case err == nil && out.CancelRequested:
		t.cancel(ErrCanceled)
	}
}

func (w *Worker) pollActivity(on string, slots chan struct{}) taker {
	return func(ctx context.Context) (func(giveUp func()), error) {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		out, err := w.c.API.PollForActivityTask(ctx, &swf.PollForActivityTaskInput{
			Domain: aws.String(w.c.Domain), TaskList: &types.TaskList{Name: aws.String(on)}, Identity: aws.String(w.identity),
		})
		if err != nil || aws.ToString(out.TaskToken) == "" {
			<-slots
			return nil, err
		}
		return func(func()) {
			defer func() { <-slots }()
			w.under(&w.performing, 1, "activity", cap(slots))
			defer w.under(&w.performing, -1, "activity", cap(slots))
			w.perform(w.stopping, out)
		}, nil
	}
}

// under tells how many tasks of a kind are under way, as one begins or ends.
func (w *Worker) under(way *atomic.Int64, change int64, kind string, most int) {
	used := way.Add(change)
	if h := w.cfg.Hooks.Slots; h != nil {
		h(w.stopping, kind, int(used), most)
	}
}

// lastReports is how long activities may take to tell how they ended after StopTimeout.
const lastReports = 10 * time.Second

// perform runs an activity and reports how it ended.
func (w *Worker) perform(ctx context.Context, task *swf.PollForActivityTaskOutput) {
	began := time.Now()
	name := typeName{aws.ToString(task.ActivityType.Name), aws.ToString(task.ActivityType.Version)}
	code := w.activities[name]
	t := &activityTask{w: w, token: task.TaskToken, codec: w.c.payloads().codec, code: code, info: ActivityInfo{
		Run:      RunInfo{Domain: w.c.Domain, WorkflowID: aws.ToString(task.WorkflowExecution.WorkflowId), RunID: aws.ToString(task.WorkflowExecution.RunId)},
		Activity: name.name, Version: name.version, ActivityID: aws.ToString(task.ActivityId), Attempt: 1, StartedID: task.StartedEventId, Token: aws.ToString(task.TaskToken),
	}}
	if first := firstAttempt(t.info.ActivityID); first != t.info.ActivityID {
		t.info.Attempt, _ = strconv.Atoi(t.info.ActivityID[len(first)+1:])
	}
	log := w.cfg.Log.With("workflow", t.info.Run.WorkflowID, "run", t.info.Run.RunID, "activity", t.info.ActivityID, "type", name.name+"@"+name.version)
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.cancel = cancel
	deadline := time.Time{} // none
	if code != nil {
		t.info.StartToClose, t.info.HeartbeatTime = max(code.startToClose, 0), code.heartbeat
		if code.startToClose > 0 {
			deadline = began.Add(code.startToClose)
			var stop context.CancelFunc
			running, stop = context.WithDeadlineCause(running, deadline, ErrTimeout)
			defer stop()
		}
	}
	running = context.WithValue(running, taskKey{}, t)
	if h := w.cfg.Hooks.ActivityStart; h != nil {
		running = h(running, t.info)
	}
	var beats sync.WaitGroup
	if code != nil && code.heartbeat > 0 && !code.manual {
		beats.Go(func() {
			tick := time.NewTicker(max(code.heartbeat/3, time.Millisecond))
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					t.beat(running)
				case <-running.Done():
					return
				}
			}
		})
	}
	out, stack, err := t.run(running, code, aws.ToString(task.Input))
	cause := context.Cause(running)
	if h := w.cfg.Hooks.ActivityEnd; h != nil {
		h(running, t.info, err, time.Since(began))
	}
	cancel(nil)
	beats.Wait()
	if errors.Is(err, Pending) {
		return
	}
	if errors.Is(cause, ErrTimeout) && err != nil {
		log.Warn("flow: an activity ran out of time", "err", err)
		return // SWF has said so already
	}
	ctx, given := context.WithCancel(context.WithoutCancel(ctx)) // what was done is told though the worker stops
	defer given()
	defer context.AfterFunc(w.stopping, func() { time.AfterFunc(lastReports, given) })()
	if err == nil {
		err = w.c.completeTask(ctx, task.TaskToken, out, deadline)
	} else if errors.Is(cause, ErrCanceled) && (errors.Is(err, ErrCanceled) || errors.Is(err, context.Canceled)) {
		_, err = w.c.API.RespondActivityTaskCanceled(ctx, &swf.RespondActivityTaskCanceledInput{TaskToken: task.TaskToken})
	} else {
		if errors.Is(cause, ErrStopping) && errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%w: %w", ErrStopping, err)
		}
		err = w.c.failTask(ctx, task.TaskToken, err, stack, deadline)
	}
	if err != nil {
		log.Warn("flow: an activity's result was not taken", "err", err)
	}
}

// run calls the code.
func (t *activityTask) run(ctx context.Context, code *activityCode, input string) (out, stack string, err error) {
	if code == nil {
		// Not for good: while workers are replaced, the next attempt may go to one that has it.
		return "", "", fmt.Errorf("%w: this worker has no code of activity %s@%s", ErrNoSuchType, t.info.Activity, t.info.Version)
	}
	defer func() {
		if why := recover(); why != nil {
			stack = string(debug.Stack())
			err = fmt.Errorf("%w: %v", ErrPanic, why)
		}
	}()
	clear, err := t.w.c.payloads().open(ctx, input)
	if err != nil {
		return "", "", err
	}
	out, err = code.run(ctx, t, clear)
	return out, "", err
}

// report calls until SWF has taken it, cannot, or the deadline is over.
func report(ctx context.Context, deadline time.Time, call func(ctx context.Context) error) error {
	wait := failedFirst
	for {
		err := call(ctx)
		if _, gone := errors.AsType[*types.UnknownResourceFault](err); err == nil || gone {
			return err
		}
		if _, denied := errors.AsType[*types.OperationNotPermittedFault](err); denied || ctx.Err() != nil {
			return err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(time.Minute)
		}
		if time.Until(deadline) <= wait {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
		wait = min(2*wait, failedMost)
	}
}

func (c *Client) completeTask(ctx context.Context, token *string, out string, deadline time.Time) error {
	sealed, err := c.payloads().seal(ctx, out)
	if err != nil {
		return c.failTask(ctx, token, Permanent(fmt.Errorf("the result can't be sent: %w", err)), "", deadline)
	}
	return report(ctx, deadline, func(ctx context.Context) error {
		_, err := c.API.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: token, Result: text(sealed)})
		return err
	})
}

func (c *Client) failTask(ctx context.Context, token *string, why error, stack string, deadline time.Time) error {
	p := c.payloads()
	reason, details := encodeError(why, stack, p.crypt != nil)
	sealed, err := p.seal(ctx, details)
	if err != nil {
		_, short := encodeError(Code(cut(why.Error(), 2000)), "", false)
		if sealed, err = p.seal(ctx, short); err != nil {
			sealed = ""
		}
	}
	return report(ctx, deadline, func(ctx context.Context) error {
		_, err := c.API.RespondActivityTaskFailed(ctx, &swf.RespondActivityTaskFailedInput{TaskToken: token, Reason: text(reason), Details: text(sealed)})
		return err
	})
}

// Complete answers for an activity that returned [Pending], by the token of its [ActivityInfo].
func (a Activity[In, Out]) Complete(ctx context.Context, c *Client, token string, out Out) error {
	said, err := c.payloads().codec.Encode(out)
	if err == nil {
		err = c.completeTask(ctx, &token, said, time.Time{})
	}
	if err != nil {
		return fmt.Errorf("complete activity %s@%s: %w", a.Name, a.Version, err)
	}
	return nil
}

// Fail answers likewise, with an error.
func (a Activity[In, Out]) Fail(ctx context.Context, c *Client, token string, why error) error {
	if err := c.failTask(ctx, &token, why, "", time.Time{}); err != nil {
		return fmt.Errorf("fail activity %s@%s: %w", a.Name, a.Version, err)
	}
	return nil
}
