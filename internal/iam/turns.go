package iam

import (
	"context"
	"sync"
)

// turns are the times at which simulations are evaluated, which take a processor for long:
// one for each principal, so that who asks for many waits for himself, an equal part for
// each account, and few for all, so that processors are left for other calls.
type turns struct {
	all  chan struct{} // has an element for each that is taken
	each int           // how many an account may have

	mu  sync.Mutex
	own map[string]*turn // of principals and accounts that have any or wait; guarded by mu
}

type turn struct {
	taken chan struct{} // has an element for each that is
	users int           // who have one or wait for it; guarded by mu of turns
}

func newTurns(most, accounts int) *turns {
	return &turns{all: make(chan struct{}, most), each: max(1, most/max(1, accounts)), own: map[string]*turn{}}
}

// take waits for a turn of a principal's of an account. It fails when ctx ends first.
func (t *turns) take(ctx context.Context, account, principal string) (leave func(), err error) {
	leaveOwn, err := t.enterOwn(ctx, principal, 1)
	if err != nil {
		return nil, err
	}
	leaveAccount, err := t.enterOwn(ctx, account, t.each)
	if err != nil {
		leaveOwn()
		return nil, err
	}
	if err := enter(ctx, t.all); err != nil {
		leaveAccount()
		leaveOwn()
		return nil, err
	}
	return func() {
		<-t.all
		leaveAccount()
		leaveOwn()
	}, nil
}

// enterOwn waits for one of the turns of a principal or an account.
func (t *turns) enterOwn(ctx context.Context, who string, most int) (leave func(), err error) {
	t.mu.Lock()
	own := t.own[who]
	if own == nil {
		own = &turn{taken: make(chan struct{}, most)}
		t.own[who] = own
	}
	own.users++
	t.mu.Unlock()
	if err := enter(ctx, own.taken); err != nil {
		t.forget(who, own)
		return nil, err
	}
	return func() {
		<-own.taken
		t.forget(who, own)
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

func (t *turns) forget(who string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.own, who)
	}
}
