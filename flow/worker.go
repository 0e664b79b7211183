package flow

import (
	"cmp"
	"container/list"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// WorkerConfig is how a worker works. Zero values are what stands beside.
type WorkerConfig struct {
	TaskList      string        // that it polls for decisions and activities
	RetentionDays int           // registers the domain; zero: it must be there
	Deciders      int           // decision tasks at once: 16
	Activities    int           // activity tasks at once: 100
	Cached        int           // runs that are kept at hand: 1000
	Sticky        time.Duration // how long a run's next task waits for this worker alone: 5 s; below zero: there is no list of its own
	StopTimeout   time.Duration // how long tasks under way may go on when Run ends: 60 s
	// BreakPolls has polls under way broken off when Run ends. With AWS a task may then be
	// held until it times out; Heddle loses nothing by it.
	BreakPolls bool
	// Check verifies that calls come from the right goroutine: for tests.
	Check bool
	Log   *slog.Logger // slog.Default()
	Hooks Hooks
}

// Worker runs workflow code and activities.
type Worker struct {
	c          *Client
	cfg        WorkerConfig
	workflows  map[typeName]*workflowCode
	activities map[typeName]*activityCode
	own        string // its own list; empty: none
	identity   string

	stopping             context.Context // ends when tasks must
	deciding, performing atomic.Int64    // tasks under way

	mu    sync.Mutex
	cache map[string]*list.Element // of *cached, by run id
	used  *list.List               // the one used last in front
}

type typeName struct{ name, version string }

// NewWorker makes a worker of code. It panics if two are of one type.
func NewWorker(c *Client, cfg WorkerConfig, code ...Implementation) *Worker {
	cfg.Deciders = cmp.Or(cfg.Deciders, 16)
	cfg.Activities = cmp.Or(cfg.Activities, 100)
	cfg.Cached = cmp.Or(cfg.Cached, 1000)
	cfg.Sticky = cmp.Or(cfg.Sticky, 5*time.Second)
	cfg.StopTimeout = cmp.Or(cfg.StopTimeout, time.Minute)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	w := &Worker{c: c, cfg: cfg, workflows: map[typeName]*workflowCode{}, activities: map[typeName]*activityCode{}, cache: map[string]*list.Element{}, used: list.New()}
	for _, i := range code {
		switch {
		case i.workflow != nil:
			t := typeName{i.workflow.name, i.workflow.version}
			if w.workflows[t] != nil {
				panic(fmt.Sprintf("flow: two codes for workflow %s@%s", t.name, t.version))
			}
			w.workflows[t] = i.workflow
		case i.activity != nil:
			t := typeName{i.activity.name, i.activity.version}
			if w.activities[t] != nil {
				panic(fmt.Sprintf("flow: two codes for activity %s@%s", t.name, t.version))
			}
			w.activities[t] = i.activity
		}
	}
	host, _ := os.Hostname()
	var b [6]byte
	_, _ = rand.Read(b[:])
	w.identity = cut(host, 100) + "." + hex.EncodeToString(b[:])
	if cfg.Sticky > 0 {
		w.own = cut(cfg.TaskList, 120) + "." + w.identity
	}
	return w
}

// Run registers what is missing, and works until ctx ends. Then it polls no more, finishes the
// tasks it has, and returns nil; activities that are not done after StopTimeout see their
// context end with [ErrStopping].
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Register(ctx); err != nil {
		return err
	}
	stopping, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	w.stopping = stopping
	polls := stopping
	if w.cfg.BreakPolls {
		polls = ctx
	}
	var pollers sync.WaitGroup
	poll := func(f func()) { pollers.Go(f) }
	if len(w.workflows) > 0 {
		slots := make(chan struct{}, w.cfg.Deciders)
		for _, on := range []string{w.cfg.TaskList, w.own} {
			if on != "" {
				poll((&poller{w: w, kind: "decision", most: w.cfg.Deciders, ctx: ctx, polls: polls, take: w.pollDecision(on, slots)}).run)
			}
		}
	}
	lists := map[string]bool{}
	for _, a := range w.activities {
		lists[cmp.Or(a.taskList, w.cfg.TaskList)] = true
	}
	slots := make(chan struct{}, w.cfg.Activities)
	for on := range lists {
		poll((&poller{w: w, kind: "activity", most: w.cfg.Activities, ctx: ctx, polls: polls, take: w.pollActivity(on, slots)}).run)
	}
	<-ctx.Done()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pollers.Wait()
	}()
	timer := time.NewTimer(w.cfg.StopTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		stop(ErrStopping)
		<-done
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.used.Len() > 0 {
		w.drop(w.used.Back())
	}
	return nil
}

// atRest is how many polls a list has when nothing comes.
const atRest = 2

// poller polls a list from goroutines that poll, do what came, and poll again: one more whenever a poll brings a task, at most as
// many as tasks may be done at once, and one less when a poll comes back empty.
type poller struct {
	w          *Worker
	kind       string
	most       int
	ctx, polls context.Context
	take       taker

	mu   sync.Mutex
	n    int // of goroutines
	open sync.WaitGroup
}

// taker polls once; task is nil if there was none. While it is done, it may give up its goroutine's place.
type taker func(polls context.Context) (task func(giveUp func()), err error)

func (p *poller) run() {
	for range atRest {
		p.more()
	}
	<-p.ctx.Done()
	p.open.Wait()
}

// more begins one more, if there may be.
func (p *poller) more() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n < p.most && p.ctx.Err() == nil {
		p.n++
		p.open.Add(1)
		go p.poll()
	}
}

// fewer tells whether one may end.
func (p *poller) fewer() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n <= atRest {
		return false
	}
	p.n--
	return true
}

// perform does a task. If it gives up its place, another goroutine has that, nobody waits for this one, and it ends with the task.
func (p *poller) perform(task func(giveUp func()), end func()) (lost bool) {
	var once sync.Once
	task(func() {
		once.Do(func() {
			p.mu.Lock()
			lost = true
			p.n--
			p.mu.Unlock()
			p.more()
			end()
		})
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	return lost
}

// How long a poll that failed waits before the next.
const (
	failedFirst = 100 * time.Millisecond
	failedMost  = 10 * time.Second
)

func (p *poller) poll() {
	end := sync.OnceFunc(p.open.Done)
	defer end()
	wait := failedFirst
	for p.ctx.Err() == nil {
		task, err := p.take(p.polls)
		if p.w.cfg.Hooks.Polled != nil && err == nil {
			p.w.cfg.Hooks.Polled(p.polls, p.kind, task != nil)
		}
		switch {
		case err == nil && task != nil:
			wait = failedFirst
			p.more()
			if lost := p.perform(task, end); lost {
				return
			}
		case err == nil:
			wait = failedFirst
			if p.fewer() {
				return
			}
		case p.ctx.Err() == nil:
			p.w.cfg.Log.Warn("flow: poll for a "+p.kind+" task", "err", err, "again in", wait)
			select {
			case <-time.After(wait):
			case <-p.ctx.Done():
			}
			wait = min(2*wait, failedMost)
		}
	}
}

// Register registers the worker's types, and its domain if RetentionDays says so, where they are
// missing. Run calls it.
func (w *Worker) Register(ctx context.Context) error {
	domain := aws.String(w.c.Domain)
	if w.cfg.TaskList == "" {
		return errors.New("flow: a worker needs WorkerConfig.TaskList")
	}
	if w.cfg.RetentionDays > 0 {
		_, err := w.c.API.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: domain, WorkflowExecutionRetentionPeriodInDays: aws.String(itoa(int64(w.cfg.RetentionDays)))})
		if _, there := errors.AsType[*types.DomainAlreadyExistsFault](err); err != nil && !there {
			return fmt.Errorf("register domain %q: %w", w.c.Domain, err)
		}
	}
	for t, code := range w.workflows {
		_, err := w.c.API.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{
			Domain: domain, Name: aws.String(t.name), Version: aws.String(t.version), DefaultChildPolicy: code.policy,
			DefaultTaskList:                     &types.TaskList{Name: aws.String(cmp.Or(code.taskList, w.cfg.TaskList))},
			DefaultExecutionStartToCloseTimeout: seconds(code.timeout, year), DefaultTaskStartToCloseTimeout: seconds(code.decision, decisionTimeout),
			DefaultLambdaRole: text(code.role),
		})
		if _, there := errors.AsType[*types.TypeAlreadyExistsFault](err); err != nil && !there {
			return fmt.Errorf("register workflow type %s@%s in domain %q: %w%s", t.name, t.version, w.c.Domain, err, unregistered(err))
		}
	}
	for t, code := range w.activities {
		_, err := w.c.API.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{
			Domain: domain, Name: aws.String(t.name), Version: aws.String(t.version), DefaultTaskList: &types.TaskList{Name: aws.String(cmp.Or(code.taskList, w.cfg.TaskList))},
			DefaultTaskStartToCloseTimeout: seconds(code.startToClose, Unlimited), DefaultTaskHeartbeatTimeout: seconds(code.heartbeat, Unlimited),
			DefaultTaskScheduleToStartTimeout: aws.String("NONE"), DefaultTaskScheduleToCloseTimeout: aws.String("NONE"),
		})
		if _, there := errors.AsType[*types.TypeAlreadyExistsFault](err); err != nil && !there {
			return fmt.Errorf("register activity type %s@%s in domain %q: %w%s", t.name, t.version, w.c.Domain, err, unregistered(err))
		}
	}
	return nil
}

// unregistered says what to do if it is the domain that is missing.
func unregistered(err error) string {
	if _, missing := errors.AsType[*types.UnknownResourceFault](err); missing {
		return "; WorkerConfig.RetentionDays has a worker register its domain"
	}
	return ""
}
