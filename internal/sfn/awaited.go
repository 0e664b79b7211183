package sfn

import (
	"context"
	"sync"

	"heddle/internal/engine"
)

// awaited are the executions in memory that somebody waits for, as far as who skips time must
// know of them: how much they do, and when those wake that only wait. It is a lifecycle.Service
// and service.Sleeper.
type awaited struct {
	mu       sync.Mutex
	working  int
	sleeping map[*expressRun]sleep
	skipped  chan struct{} // closed when time was
}

// sleep is what an execution waits for.
type sleep struct {
	wake, timer engine.Time
	calls       int // under way
	callers     int // the request or the task that waits for it, if it counts as one
}

func newAwaited() *awaited {
	return &awaited{sleeping: map[*expressRun]sleep{}, skipped: make(chan struct{})}
}

// Start implements lifecycle.Service.
func (*awaited) Start(context.Context) error { return nil }

// Stop implements lifecycle.Service: executions end with the calls that they are of.
func (*awaited) Stop(context.Context) error { return nil }

func (a *awaited) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working += n
}

func (a *awaited) began() { a.count(1) }
func (a *awaited) ended() { a.count(-1) }

// sleeps says that an execution does nothing itself, nor does who waits for it.
func (a *awaited) sleeps(r *expressRun, s sleep) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working += s.calls - s.callers - 1
	a.sleeping[r] = s
}

func (a *awaited) rises(r *expressRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sleeping[r]
	a.working -= s.calls - s.callers - 1
	delete(a.sleeping, r)
}

// untilSkipped is closed as soon as time was skipped.
func (a *awaited) untilSkipped() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.skipped
}

// Working implements service.Sleeper.
func (a *awaited) Working() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.working
}

// Timer implements service.Sleeper.
func (a *awaited) Timer() engine.Time {
	return a.earliest(func(s sleep) engine.Time { return s.timer })
}

// Wake implements service.Sleeper.
func (a *awaited) Wake() engine.Time {
	return a.earliest(func(s sleep) engine.Time { return s.wake })
}

func (a *awaited) earliest(of func(sleep) engine.Time) (first engine.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sleeping {
		if at := of(s); at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// Skipped implements service.Sleeper.
func (a *awaited) Skipped() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.skipped)
	a.skipped = make(chan struct{})
}
