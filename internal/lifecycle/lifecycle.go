// Package lifecycle starts what a process is made of, one service after the other,
// and stops it in reverse. It knows nothing of what the services are.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Service has a life: it is started once, and then stopped.
type Service interface {
	// Start returns when others can use the service. Its context bounds the start, not
	// the life. After an error nothing of it is left.
	Start(ctx context.Context) error
	// Stop ends the service: what it has begun is finished, and it takes nothing more.
	// When ctx ends first, what is left is cut off, and the error says so. Who asks it
	// for something afterwards is answered. A second Stop does nothing.
	Stop(ctx context.Context) error
}

// List is services in the order in which they start: each may use those before it.
// Its zero value is empty. It is a Service too.
type List struct {
	mu      sync.Mutex // held while services start or stop
	entries []entry
	up      int // so many of them were started, and not yet stopped
	begun   bool
	ended   bool
	err     error // of the first Stop
}

type entry struct {
	name string
	Service
}

func (e entry) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start %s: %w", e.name, err)
	}
	return e.Start(ctx)
}

var _ Service = (*List)(nil)

// Add puts a service at the end of a list that was not started yet. The name stands
// in errors.
func (l *List) Add(name string, s Service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun {
		panic(fmt.Sprintf("lifecycle: %q was added to a list that was started", name))
	}
	l.entries = append(l.entries, entry{name, s})
}

// Start starts the services. If one fails, or ctx ends, those that were started are
// stopped, with the same context. The error of a service is given as it is: it says
// what was being done, and to what.
func (l *List) Start(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun || l.ended {
		return errors.New("start: it was started or stopped before")
	}
	l.begun = true
	for _, e := range l.entries {
		err := e.start(ctx)
		if err != nil {
			if stopped := l.stop(ctx); stopped != nil {
				err = errors.Join(err, stopped)
			}
			return err
		}
		l.up++
	}
	return nil
}

// Stop stops the services that were started, the last one first: each of them, even
// if one before failed or ctx has ended. Who calls it a second time waits for the
// first, and gets the same error.
func (l *List) Stop(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.err = l.stop(ctx)
	}
	return l.err
}

func (l *List) stop(ctx context.Context) error {
	l.ended = true
	var errs []error
	for ; l.up > 0; l.up-- {
		e := l.entries[l.up-1]
		if err := e.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", e.name, err))
		}
	}
	return errors.Join(errs...)
}

// Hooks is a Service of two functions, of which each may be nil. The functions keep
// the promises of a Service, but OnStop needs not be safe to call twice.
type Hooks struct {
	OnStart, OnStop func(ctx context.Context) error
}

// NewHooks makes a Service of two functions.
func NewHooks(h Hooks) Service { return &hooks{Hooks: h} }

type hooks struct {
	Hooks
	once sync.Once
}

func (h *hooks) Start(ctx context.Context) error {
	if h.OnStart == nil {
		return nil
	}
	return h.OnStart(ctx)
}

func (h *hooks) Stop(ctx context.Context) (err error) {
	h.once.Do(func() {
		if h.OnStop != nil {
			err = h.OnStop(ctx)
		}
	})
	return err
}

// NewLoop makes a Service of a function that runs until its context ends, and then
// returns soon: Stop waits for it in any case, so that nothing which stops later is
// used any more.
func NewLoop(run func(ctx context.Context)) Service { return &loop{run: run} }

type loop struct {
	run  func(context.Context)
	end  context.CancelFunc
	done chan struct{}
}

func (l *loop) Start(ctx context.Context) error {
	var life context.Context
	life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		l.run(life)
	}()
	return nil
}

func (l *loop) Stop(context.Context) error {
	l.end()
	<-l.done
	return nil
}
