package flow

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow/internal/replay"
)

// Implementation is code bound to a type, for a worker: what By gives.
type Implementation struct {
	workflow *workflowCode
	activity *activityCode
}

type workflowCode struct {
	name, version string
	taskList      string
	timeout       time.Duration
	decision      time.Duration
	policy        types.ChildPolicy
	role          string
	line          string // where its code begins
	run           func(ctx Context, input string) (result string, err error)
}

type activityCode struct {
	name, version           string
	taskList                string
	startToClose, heartbeat time.Duration
	manual                  bool
	run                     func(ctx context.Context, a *activityTask, input string) (result string, err error)
}

// year is the longest that SWF lets an execution be open.
const year = 365 * 24 * time.Hour

// Unlimited is a timeout that there is not: NONE.
const Unlimited time.Duration = -1

// seconds are a timeout on the wire; zero is what it is instead.
func seconds(d, instead time.Duration) *string {
	if d == 0 {
		d = instead
	}
	if d < 0 {
		return aws.String("NONE")
	}
	return aws.String(replay.Seconds(d))
}

// Workflow is a workflow type: In goes in, Out comes out.
type Workflow[In, Out any] struct {
	Name, Version   string
	TaskList        string        // of its deciders; empty: the one that its worker registered
	Timeout         time.Duration // of an execution; zero: a year, the longest
	DecisionTimeout time.Duration // of a decision task; zero: 15 s
	ChildPolicy     types.ChildPolicy
	Tags            []string // at most 5
	Priority        int32
	LambdaRole      string       // the ARN of a role, if it calls functions
	Cancel          CancelPolicy // of a child, when the scope ends that started it
}

func (w Workflow[In, Out]) policy() types.ChildPolicy {
	if w.ChildPolicy == "" {
		return types.ChildPolicyTerminate
	}
	return w.ChildPolicy
}

// check stops code that would start what SWF refuses.
func (w Workflow[In, Out]) check() {
	if len(w.Tags) > maxTags {
		bug("flow: workflow %s has %d tags, want at most %d", w.Name, len(w.Tags), maxTags)
	}
}

func (w Workflow[In, Out]) typ() *types.WorkflowType {
	return &types.WorkflowType{Name: aws.String(w.Name), Version: aws.String(w.Version)}
}

// By binds code to the type.
func (w Workflow[In, Out]) By(f func(ctx Context, in In) (Out, error)) Implementation {
	return Implementation{workflow: &workflowCode{
		name: w.Name, version: w.Version, taskList: w.TaskList, timeout: w.Timeout, decision: w.DecisionTimeout, policy: w.policy(), role: w.LambdaRole, line: lineOf(f),
		run: func(ctx Context, input string) (string, error) {
			var in In
			var err error
			ctx.run.Aside(func() { err = ctx.env.codec.Decode(input, &in) })
			if err != nil {
				return "", errors.Join(ErrBadInput, err)
			}
			out, err := f(ctx, in)
			if err != nil {
				return "", err
			}
			return ctx.encode(out), nil
		},
	}}
}

// lineOf is where a function begins: order.go:33.
func lineOf(f any) string {
	begins := runtime.FuncForPC(reflect.ValueOf(f).Pointer())
	if begins == nil {
		return ""
	}
	file, line := begins.FileLine(begins.Entry())
	return filepath.Base(file) + ":" + strconv.Itoa(line)
}

// Child is a workflow execution that this one has started.
type Child[Out any] struct {
	id    string
	began *replay.Future
	end   *Future[Out]
}

func (c *Child[Out]) waitable() replay.Waitable { return c.end.f }

// Started waits until it runs, and gives its run id.
func (c *Child[Out]) Started(ctx Context) (runID string, err error) {
	if err := ctx.run.WaitFor(ctx.scope, c.began, "flow.Child.Started"); err != nil {
		return "", err
	}
	return c.began.Text, childError(c.id, c.began.Err)
}

// Get waits until it has ended.
func (c *Child[Out]) Get(ctx Context) (Out, error) { return c.end.Get(ctx) }

// Go starts a child, with the workflow id that others reach it by.
func (w Workflow[In, Out]) Go(ctx Context, id string, in In) *Child[Out] {
	ctx.run.MustRun("flow.Workflow.Go")
	w.check()
	d := types.StartChildWorkflowExecutionDecisionAttributes{
		WorkflowId: aws.String(id), WorkflowType: w.typ(), Input: text(ctx.encode(in)), ChildPolicy: w.policy(), TagList: w.Tags,
		ExecutionStartToCloseTimeout: seconds(w.Timeout, year), TaskStartToCloseTimeout: seconds(w.DecisionTimeout, decisionTimeout),
		TaskPriority: priority(w.Priority), LambdaRole: text(w.LambdaRole),
	}
	if w.TaskList != "" {
		d.TaskList = &types.TaskList{Name: aws.String(w.TaskList)}
	}
	began, ended := ctx.run.Child(ctx.scope, d, w.Cancel == Abandon)
	return &Child[Out]{id, began, &Future[Out]{ended, func() (out Out, err error) {
		if ended.Err != nil {
			return out, childError(id, ended.Err)
		}
		return decodeTo[Out](ctx, ended.Text), nil
	}}}
}

// Call starts a child and waits until it has ended.
func (w Workflow[In, Out]) Call(ctx Context, id string, in In) (Out, error) {
	return w.Go(ctx, id, in).Get(ctx)
}

const decisionTimeout = 15 * time.Second

type continueAsNew struct {
	d     types.ContinueAsNewWorkflowExecutionDecisionAttributes
	input string
}

func (*continueAsNew) Error() string { return "continue as new" }

// ContinueAsNew is an error for workflow code to return: the execution goes on as a run with this
// input and an empty history. Signals that nobody has read go along. SWF lets it have another version, not
// another name.
func (w Workflow[In, Out]) ContinueAsNew(ctx Context, in In) error {
	ctx.run.MustRun("flow.ContinueAsNew")
	w.check()
	if w.Name != ctx.env.info.Workflow {
		bug("flow.ContinueAsNew: a run of workflow %s can't go on as %s: SWF changes the version, not the name", ctx.env.info.Workflow, w.Name)
	}
	c := &continueAsNew{input: ctx.encode(in), d: types.ContinueAsNewWorkflowExecutionDecisionAttributes{
		ChildPolicy: w.policy(), TagList: w.Tags, WorkflowTypeVersion: aws.String(w.Version), LambdaRole: text(w.LambdaRole),
		ExecutionStartToCloseTimeout: seconds(w.Timeout, year), TaskStartToCloseTimeout: seconds(w.DecisionTimeout, decisionTimeout), TaskPriority: priority(w.Priority),
	}}
	if list := w.TaskList; list != "" {
		c.d.TaskList = &types.TaskList{Name: aws.String(list)}
	} else if ctx.env.taskList != "" {
		c.d.TaskList = &types.TaskList{Name: aws.String(ctx.env.taskList)}
	}
	return c
}

// text is nil if there is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func priority(p int32) *string {
	if p == 0 {
		return nil
	}
	return aws.String(itoa(int64(p)))
}

// Retry says when an activity that failed or timed out is scheduled again. The zero value: never.
type Retry struct {
	Attempts int           // in all, the first included; below zero: without end
	First    time.Duration // before the second attempt
	Factor   float64       // by which it grows; zero: 2
	Most     time.Duration // zero: no bound
	Except   []Code        // errors that another attempt won't better
}

// wait tells whether and when another attempt follows.
func (r Retry) wait(err error, attempt int) (time.Duration, bool) {
	if r.Attempts == 0 || r.Attempts > 0 && attempt >= r.Attempts {
		return 0, false
	}
	if e, ok := errors.AsType[*RemoteError](err); ok && e.Permanent {
		return 0, false
	}
	if slices.ContainsFunc(r.Except, func(c Code) bool { return errors.Is(err, c) }) {
		return 0, false
	}
	factor := r.Factor
	if factor == 0 {
		factor = 2
	}
	wait := float64(r.First) * math.Pow(factor, float64(attempt-1))
	if r.Most > 0 {
		wait = min(wait, float64(r.Most))
	}
	return time.Duration(min(wait, float64(year))), true
}

// CancelPolicy says what the end of a scope does with what is under way.
type CancelPolicy int

const (
	// Wait requests that it be canceled, and waits for how it ends.
	Wait CancelPolicy = iota
	// Abandon leaves it alone, and waits no longer.
	Abandon
)

// Activity is an activity type: In goes in, Out comes out. StartToClose or Heartbeat must be set:
// a worker that dies would hold a task for ever. If that is meant, StartToClose is [Unlimited].
type Activity[In, Out any] struct {
	Name, Version   string
	TaskList        string        // of its workers; empty: that of the run's deciders
	StartToClose    time.Duration // how long one attempt may take; the context of its code ends by that of the type that was bound, since a task does not say
	ScheduleToStart time.Duration // zero: no bound
	ScheduleToClose time.Duration // zero: no bound
	Heartbeat       time.Duration // how long a worker may be silent; it is not, as long as it runs, by the type that was bound
	ManualHeartbeat bool          // heartbeats go only with [Progress]
	Retry           Retry
	Priority        int32
	Cancel          CancelPolicy
}

func (a Activity[In, Out]) check() {
	if a.StartToClose == 0 && a.Heartbeat == 0 {
		panic("flow: activity " + a.Name + " has neither StartToClose nor Heartbeat: a worker that dies would hold its task for ever; if that is meant, StartToClose: flow.Unlimited")
	}
}

// By binds code to the type.
func (a Activity[In, Out]) By(f func(ctx context.Context, in In) (Out, error)) Implementation {
	a.check()
	return Implementation{activity: &activityCode{
		name: a.Name, version: a.Version, taskList: a.TaskList, startToClose: a.StartToClose, heartbeat: a.Heartbeat, manual: a.ManualHeartbeat,
		run: func(ctx context.Context, t *activityTask, input string) (string, error) {
			var in In
			if err := t.codec.Decode(input, &in); err != nil {
				return "", Permanent(errors.Join(ErrBadInput, err))
			}
			out, err := f(ctx, in)
			if err != nil {
				return "", err
			}
			return t.codec.Encode(out)
		},
	}}
}

// Go schedules the activity.
func (a Activity[In, Out]) Go(ctx Context, in In) *Future[Out] {
	ctx.run.MustRun("flow.Activity.Go")
	a.check()
	list := a.TaskList
	if list == "" {
		list = ctx.env.taskList
	}
	d := types.ScheduleActivityTaskDecisionAttributes{
		ActivityType: &types.ActivityType{Name: aws.String(a.Name), Version: aws.String(a.Version)}, Input: text(ctx.encode(in)),
		StartToCloseTimeout: seconds(a.StartToClose, Unlimited), ScheduleToStartTimeout: seconds(a.ScheduleToStart, Unlimited),
		ScheduleToCloseTimeout: seconds(a.ScheduleToClose, Unlimited), HeartbeatTimeout: seconds(a.Heartbeat, Unlimited),
		TaskList: &types.TaskList{Name: aws.String(list)}, TaskPriority: priority(a.Priority),
	}
	var again func(f *replay.Failure, attempt int) (time.Duration, bool)
	if a.Retry.Attempts != 0 {
		again = func(f *replay.Failure, attempt int) (time.Duration, bool) {
			return a.Retry.wait(activityError(f), attempt)
		}
	}
	f := ctx.run.Activity(ctx.scope, a.Name, d, a.Cancel == Abandon, again)
	return &Future[Out]{f, func() (out Out, err error) {
		if f.Err != nil {
			return out, activityError(f.Err)
		}
		return decodeTo[Out](ctx, f.Text), nil
	}}
}

// Call schedules the activity and waits for what it gives.
func (a Activity[In, Out]) Call(ctx Context, in In) (Out, error) { return a.Go(ctx, in).Get(ctx) }

// Lambda is a function of AWS Lambda. The workflow needs a LambdaRole.
type Lambda[In, Out any] struct {
	Name         string
	StartToClose time.Duration // zero: 5 min, the longest
}

// Go calls the function.
func (l Lambda[In, Out]) Go(ctx Context, in In) *Future[Out] {
	ctx.run.MustRun("flow.Lambda.Go")
	f := ctx.run.Lambda(ctx.scope, types.ScheduleLambdaFunctionDecisionAttributes{
		Name: aws.String(l.Name), Input: text(ctx.encode(in)), StartToCloseTimeout: seconds(l.StartToClose, 5*time.Minute),
	})
	return &Future[Out]{f, func() (out Out, err error) {
		if f.Err != nil {
			return out, activityError(f.Err)
		}
		return decodeTo[Out](ctx, f.Text), nil
	}}
}

// Call calls the function and waits for what it gives.
func (l Lambda[In, Out]) Call(ctx Context, in In) (Out, error) { return l.Go(ctx, in).Get(ctx) }

// Signal is a signal that carries a T.
type Signal[T any] struct{ Name string }

// Inbox has the signals of a name that nobody has read, in the order of their arrival.
type Inbox[T any] struct{ b *replay.Inbox }

func (b *Inbox[T]) waitable() replay.Waitable { return b.b }

// Inbox is that of the signal. Each of a run's inboxes of one name reads the same signals.
func (s Signal[T]) Inbox(ctx Context) *Inbox[T] {
	if strings.HasPrefix(s.Name, replay.Reserved) {
		bug("flow: signal %s is this package's own: names that begin with %s are", s.Name, replay.Reserved)
	}
	return &Inbox[T]{ctx.run.Inbox(s.Name)}
}

// Receive takes the next signal; it waits for one until the scope ends.
func (b *Inbox[T]) Receive(ctx Context) (v T, err error) {
	said, err := b.b.Receive(ctx.scope, "flow.Receive")
	if err == nil {
		ctx.run.Aside(func() { v = decodeTo[T](ctx, said) })
	}
	return v, err
}

// Len is how many signals nobody has read.
func (b *Inbox[T]) Len() int { return b.b.Len() }

// Receive takes the next signal; it waits for one until the scope ends.
func (s Signal[T]) Receive(ctx Context) (T, error) { return s.Inbox(ctx).Receive(ctx) }

// Go sends the signal to the execution of a workflow id.
func (s Signal[T]) Go(ctx Context, id string, v T) *Future[None] {
	ctx.run.MustRun("flow.Signal.Go")
	f := ctx.run.Signal(ctx.scope, s.Name, types.SignalExternalWorkflowExecutionDecisionAttributes{
		WorkflowId: aws.String(id), SignalName: aws.String(s.Name), Input: text(ctx.encode(v)),
	})
	return &Future[None]{f, func() (None, error) { return None{}, childError(id, f.Err) }}
}

// Call sends the signal, and waits until SWF has taken it.
func (s Signal[T]) Call(ctx Context, id string, v T) error {
	_, err := s.Go(ctx, id, v).Get(ctx)
	return err
}
