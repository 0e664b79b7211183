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
	busy     int
	waiters  int
	sleeping map[*expressRun]sleep
	skipped  chan struct{} // closed when time was
}

// sleep is what an execution waits for.
type sleep struct {
	wake, timer engine.Time
	calls       int  // under way
	waited      bool // by a request or a task that counts as one
	nested      bool // by a call of another one in memory
}

// count says how much the execution, and who waits for it, count while it sleeps.
func (s sleep) count() (busy, waiters int) {
	switch busy = s.calls; {
	case s.nested:
		busy--
	case s.waited:
		waiters = 1
	}
	return busy, waiters
}

func newAwaited() *awaited {
	return &awaited{sleeping: map[*expressRun]sleep{}, skipped: make(chan struct{})}
}

// Start implements lifecycle.Service.
func (*awaited) Start(context.Context) error { return nil }

// Stop implements lifecycle.Service: executions end with the calls that they are of.
func (*awaited) Stop(context.Context) error { return nil }

func (a *awaited) count(busy, waiters int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(busy, waiters)
}

func (a *awaited) add(busy, waiters int) { a.busy, a.waiters = a.busy+busy, a.waiters+waiters }

func (a *awaited) began() { a.count(1, 0) }
func (a *awaited) ended() { a.count(-1, 0) }

// sleeps says that an execution does nothing itself, nor does who waits for it.
func (a *awaited) sleeps(r *expressRun, s sleep) {
	busy, waiters := s.count()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(busy-1, waiters)
	a.sleeping[r] = s
}

func (a *awaited) rises(r *expressRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	busy, waiters := a.sleeping[r].count()
	a.add(1-busy, -waiters)
	delete(a.sleeping, r)
}

// untilSkipped is closed as soon as time was skipped.
func (a *awaited) untilSkipped() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.skipped
}

// Working implements service.Sleeper.
func (a *awaited) Working() (busy, waiters int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.busy, a.waiters
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
