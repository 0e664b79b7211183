package flow

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"heddle/flow/internal/replay"
)

// Context is what workflow code has of its run. It is no context.Context: nothing that does I/O
// takes it.
type Context struct {
	run   *replay.Run
	scope *replay.Scope
	env   *environment
}

// environment is what all of a run's code shares.
type environment struct {
	info     RunInfo
	codec    Codec
	secret   bool // payloads are sealed
	log      *slog.Logger
	taskList string
	rand     *rand.Rand
	tags     []string
	effect   func(took time.Duration) // is told of each that is made; may be nil
}

// bug stops workflow code that can't go on: the run is parked.
func bug(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (c Context) encode(v any) string {
	var text string
	var err error
	c.run.Aside(func() { text, err = c.env.codec.Encode(v) })
	if err != nil {
		bug("flow: a %T can't be sent: %v", v, err)
	}
	return text
}

func decodeTo[T any](c Context, text string) (v T) {
	if err := c.env.codec.Decode(text, &v); err != nil {
		bug("flow: a payload can't be read as %T: %v", v, err)
	}
	return v
}

// Err is nil until the scope ends: then [ErrCanceled], [ErrTimeout], or what ended its group.
func (c Context) Err() error { return c.scope.Err() }

// Waitable is what [First] waits for: a *[Future], a *[Inbox], a *[Child].
type Waitable interface{ waitable() replay.Waitable }

// Future is something that will be known.
type Future[T any] struct {
	f     *replay.Future
	value func() (T, error)
}

func (f *Future[T]) waitable() replay.Waitable { return f.f }

// Get waits until it is known. What the end of a scope cancels is waited for: one learns
// whether the card was charged.
func (f *Future[T]) Get(ctx Context) (v T, err error) {
	if err := ctx.run.WaitFor(ctx.scope, f.f, "flow.Get"); err != nil {
		return v, err
	}
	ctx.run.Aside(func() { v, err = f.value() })
	return v, err
}

// Done tells whether it is known.
func (f *Future[T]) Done() bool { return f.f.Since() != 0 }

// First waits until one of them is ready, and returns it: the one that was ready first, as the
// history has it. It returns nil if the scope ended before.
//
//	switch flow.First(ctx, hold, now) {
//	case hold: …
//	case now: …
//	default: // canceled
//	}
func First(ctx Context, of ...Waitable) Waitable {
	list := make([]replay.Waitable, len(of))
	for i, w := range of {
		list[i] = w.waitable()
	}
	if i := ctx.run.First(ctx.scope, "flow.First", list); i >= 0 {
		return of[i]
	}
	return nil
}

// After is known when d has passed: a timer, in whole seconds, rounded up.
func After(ctx Context, d time.Duration) *Future[time.Time] {
	ctx.run.MustRun("flow.After")
	f := ctx.run.Timer(ctx.scope, "After", d)
	var at time.Time
	f.Then(func() { at = ctx.run.Now() })
	return &Future[time.Time]{f, func() (time.Time, error) {
		if f.Err != nil {
			return time.Time{}, activityError(f.Err)
		}
		return at, nil
	}}
}

// Sleep waits so long, or until the scope ends.
func Sleep(ctx Context, d time.Duration) error {
	_, err := After(ctx, d).Get(ctx)
	return err
}

// Await waits until cond holds. It is asked whenever all code is blocked; it must not wait itself.
func Await(ctx Context, cond func() bool) error {
	return ctx.run.Await(ctx.scope, "flow.Await", cond)
}

// Go runs f beside the code that calls: its own thread of the workflow.
func Go[T any](ctx Context, f func(ctx Context) (T, error)) *Future[T] {
	future, value := ctx.run.Go(ctx.scope, "flow.Go", func() (any, error) { return f(ctx) })
	return &Future[T]{future, func() (T, error) {
		v, _ := (*value).(T)
		return v, future.Err
	}}
}

// Group runs functions at the same time. The first error ends the scope of all.
type Group struct {
	ctx    Context
	open   []*replay.Future
	failed error
}

// NewGroup makes a group, and the context of its functions.
func NewGroup(ctx Context) (*Group, Context) {
	ctx.scope = ctx.run.NewScope(ctx.scope)
	return &Group{ctx: ctx}, ctx
}

// Go runs f in the group.
func (g *Group) Go(f func(ctx Context) error) {
	future, _ := g.ctx.run.Go(g.ctx.scope, "flow.Go", func() (any, error) {
		err := f(g.ctx)
		if err != nil && g.failed == nil {
			g.failed = err
			g.ctx.scope.Cancel(ErrCanceled)
		}
		return nil, err
	})
	g.open = append(g.open, future)
}

// Wait waits for all of them, and returns the first error.
func (g *Group) Wait() error {
	for i := 0; i < len(g.open); i++ {
		for g.open[i].Since() == 0 {
			// Each function sees the end of its scope by itself.
			_ = g.ctx.run.WaitFor(g.ctx.scope, g.open[i], "flow.Group.Wait")
		}
	}
	g.ctx.scope.Cancel(ErrCanceled) // what they left open ends with them
	return g.failed
}

// All waits for all of them, and returns what each gave, and the first error in their order.
func All[T any](ctx Context, of ...*Future[T]) ([]T, error) {
	all := make([]T, len(of))
	var failed error
	for i, f := range of {
		v, err := f.Get(ctx)
		if err != nil && failed == nil {
			failed = err
		}
		all[i] = v
	}
	return all, failed
}

// Map calls f for each item, at most limit at the same time. The first error ends the scope of all.
func Map[In, Out any](ctx Context, limit int, items []In, f func(ctx Context, item In) (Out, error)) ([]Out, error) {
	all := make([]Out, len(items))
	g, _ := NewGroup(ctx)
	next := 0
	for range min(max(limit, 1), len(items)) {
		g.Go(func(ctx Context) error {
			for next < len(items) && ctx.Err() == nil {
				i := next
				next++
				out, err := f(ctx, items[i])
				if err != nil {
					return err
				}
				all[i] = out
			}
			return ctx.Err()
		})
	}
	return all, g.Wait()
}

// WithCancel gives a scope that cancel ends.
func WithCancel(ctx Context) (scope Context, cancel func()) {
	ctx.scope = ctx.run.NewScope(ctx.scope)
	return ctx, func() { ctx.scope.Cancel(ErrCanceled) }
}

// WithTimeout gives a scope that ends with [ErrTimeout] after d, or when cancel is called.
func WithTimeout(ctx Context, d time.Duration) (scope Context, cancel func()) {
	ctx.run.MustRun("flow.WithTimeout")
	outer := ctx
	ctx.scope = ctx.run.NewScope(ctx.scope)
	timing := ctx.run.NewScope(outer.scope)
	timer := ctx.run.Timer(timing, "Timeout", d)
	timer.Then(func() {
		if timer.Err == nil {
			ctx.scope.Cancel(ErrTimeout)
		}
	})
	return ctx, func() {
		timing.Cancel(ErrCanceled)
		ctx.scope.Cancel(ErrCanceled)
	}
}

// WithoutCancel gives a scope that goes on when this one ends: to clean up.
func WithoutCancel(ctx Context) Context {
	ctx.scope = ctx.run.NewScope(nil)
	return ctx
}

// Now is the time of the present decision task.
func Now(ctx Context) time.Time { return ctx.run.Now() }

// Rand is chance that is the same whenever the run is replayed. It costs no event.
func Rand(ctx Context) *rand.Rand {
	ctx.run.MustRun("flow.Rand")
	if ctx.env.rand == nil {
		ctx.env.rand = rand.New(rand.NewChaCha8(sha256.Sum256([]byte("flow.Rand " + ctx.env.info.RunID))))
	}
	return ctx.env.rand
}

// UUID is a random one (version 4), the same whenever the run is replayed. It costs no event.
func UUID(ctx Context) string {
	r := Rand(ctx)
	hi, lo := r.Uint64()&^0xf000|0x4000, r.Uint64()&^(3<<62)|2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// Effect calls f once, and gives what it gave then whenever the code comes here again. It costs an
// event.
func Effect[T any](ctx Context, f func() T) T {
	value, err := ctx.run.Effect(func() (json.RawMessage, error) {
		began := time.Now()
		v := f()
		if told := ctx.env.effect; told != nil {
			told(time.Since(began))
		}
		var encoded json.RawMessage
		var err error
		ctx.run.Aside(func() { encoded, err = json.Marshal(v) })
		return encoded, err
	})
	var v T
	if err == nil {
		ctx.run.Aside(func() { err = json.Unmarshal(value, &v) })
	}
	if err != nil {
		bug("flow.Effect: a %T can't be recorded: %v", v, err)
	}
	return v
}

// Version guards a change of workflow code: it gives newest to runs that come here for the
// first time, and 0 to those that passed here before the change. The first answer for a change holds
// for the run. It costs an event.
//
//	if flow.Version(ctx, "fraud-check", 1) >= 1 {
func Version(ctx Context, change string, newest int) int { return ctx.run.Version(change, newest) }

// SetStatus says how far the run is, for [Run.Status] and DescribeWorkflowExecution.
func SetStatus(ctx Context, v any) {
	ctx.run.MustRun("flow.SetStatus")
	var b []byte
	var err error
	ctx.run.Aside(func() { b, err = json.Marshal(v) })
	if err != nil {
		bug("flow.SetStatus: a %T can't be sent: %v", v, err)
	}
	ctx.run.SetStatus(b)
}

// Info says which run it is.
func Info(ctx Context) RunInfo { return ctx.env.info }

// Tags are those that the run was started with.
func Tags(ctx Context) []string { return ctx.env.tags }

// manyEvents is when it is time to continue as new; SWF ends an execution with 25,000.
const manyEvents = 10_000

// ShouldContinueAsNew tells whether the history is long: it is time for [Workflow.ContinueAsNew].
func ShouldContinueAsNew(ctx Context) bool { return ctx.run.LastStarted() >= manyEvents }

// Log is for workflow code: it is silent while the run is replayed.
func Log(ctx Context) *slog.Logger {
	return slog.New(liveOnly{ctx.env.log.Handler(), ctx.run})
}

type liveOnly struct {
	slog.Handler
	run *replay.Run
}

func (h liveOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return h.run.Live() && h.Handler.Enabled(ctx, l)
}

func (h liveOnly) WithAttrs(a []slog.Attr) slog.Handler {
	return liveOnly{h.Handler.WithAttrs(a), h.run}
}
func (h liveOnly) WithGroup(name string) slog.Handler {
	return liveOnly{h.Handler.WithGroup(name), h.run}
}
