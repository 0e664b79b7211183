package iam

import (
	"context"
	"sync"
)

// turns are the times at which simulations are evaluated, which take a processor for long:
// one for each principal, so that who asks for many waits for himself, and few for all, so
// that processors are left for other calls.
type turns struct {
	all chan struct{} // has an element for each that is taken

	mu  sync.Mutex
	own map[string]*turn // of principals who have one or wait for it; guarded by mu
}

type turn struct {
	taken chan struct{} // has an element if it is
	users int           // who have it or wait for it; guarded by mu of turns
}

func newTurns(most int) *turns {
	return &turns{all: make(chan struct{}, most), own: map[string]*turn{}}
}

// take waits for a turn of a principal's. It fails when ctx ends first.
func (t *turns) take(ctx context.Context, principal string) (leave func(), err error) {
	t.mu.Lock()
	own := t.own[principal]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		t.own[principal] = own
	}
	own.users++
	t.mu.Unlock()
	if err := enter(ctx, own.taken); err != nil {
		t.forget(principal, own)
		return nil, err
	}
	if err := enter(ctx, t.all); err != nil {
		<-own.taken
		t.forget(principal, own)
		return nil, err
	}
	return func() {
		<-t.all
		<-own.taken
		t.forget(principal, own)
	}, nil
}

func enter(ctx context.Context, room chan struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) forget(principal string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.own, principal)
	}
}
