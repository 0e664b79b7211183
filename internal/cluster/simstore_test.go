package cluster

import (
	"context"
	"fmt"
	"time"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
)

// reach is a home of the store as a house reaches it: by a network that takes its time and may be cut,
// while the house runs or is paused.
type reach struct {
	*memstore.Store
	house *house
	home  int

	// Under the world's mu.
	cut     bool // it is out of reach
	refuses bool // so, and whoever connects hears so at once
	slow    int  // how long an answer takes at most, in ms
}

var _ store.Store = (*reach)(nil)

// withinStore is how long a read or a renewal is tried.
const withinStore = time.Second

// way waits until the store is reached.
func (r *reach) way(ctx context.Context) error {
	h := r.house
	time.Sleep(time.Duration(h.random(2000)) * time.Microsecond)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		h.runs()
		h.mu().Lock()
		cut, refuses, slow := r.cut, r.refuses, r.slow
		h.mu().Unlock()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case h.life.Err() != nil:
			return store.ErrClosed
		case cut && (refuses || time.Since(began) > withinStore):
			return fmt.Errorf("connect: it does not answer")
		case !cut:
			time.Sleep(time.Duration(h.random(slow+1)) * time.Millisecond)
			h.runs()
			return nil
		}
	}
}

func (r *reach) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	if err := r.way(ctx); err != nil {
		return nil, err
	}
	return r.Store.Get(ctx, places)
}

func (r *reach) Scan(ctx context.Context, shard uint16, in store.Range, visit store.Visit) error {
	if err := r.way(ctx); err != nil {
		return err
	}
	return r.Store.Scan(ctx, shard, in, visit)
}

func (r *reach) Acquire(ctx context.Context, shard uint16) (store.Handle, error) {
	if err := r.way(ctx); err != nil {
		return nil, err
	}
	h, err := r.Store.Acquire(ctx, shard)
	if err != nil {
		return nil, err
	}
	if err := r.way(ctx); err != nil { // the answer may be lost, too
		return nil, err
	}
	return &reachedHandle{h, r}, nil
}

type reachedHandle struct {
	store.Handle
	reach *reach
}

func (h *reachedHandle) Release(ctx context.Context) error {
	if err := h.reach.way(ctx); err != nil {
		return err
	}
	return h.Handle.Release(ctx)
}

// Current is part of store.Store. The house may be paused before it, or after it.
func (r *reach) Current(shard uint16) error {
	r.house.runs()
	return r.Store.Current(shard)
}

// Commit is part of store.Store. One whose outcome is unknown was written, or was not, or is
// written later than anybody thinks.
func (r *reach) Commit(ctx context.Context, sections []store.Section) []error {
	h := r.house
	for {
		err := r.way(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil || h.life.Err() != nil || r.Store.Current(0) != nil {
			return all(len(sections), fmt.Errorf("%w: nothing was sent", err))
		}
	}
	h.mu().Lock()
	unknown := h.unknown
	h.unknown = 0
	h.mu().Unlock()
	switch unknown {
	case unwritten:
		return all(len(sections), store.ErrUnknown)
	case writtenLate:
		late := make([]store.Section, len(sections))
		for i, s := range sections { // the slices are the caller's again once this returns
			late[i] = s
			late[i].Ops = nil
			for _, op := range s.Ops {
				op.Key, op.Value = append([]byte(nil), op.Key...), append([]byte{}, op.Value...)
				late[i].Ops = append(late[i].Ops, op)
			}
		}
		d := time.Duration(h.random(2000)) * time.Millisecond
		go func() {
			time.Sleep(d)
			r.Store.Commit(context.Background(), late)
		}()
		time.Sleep(time.Duration(h.random(1000)) * time.Millisecond)
		return all(len(sections), store.ErrUnknown)
	}
	errs := r.Store.Commit(ctx, sections)
	if unknown == written {
		return all(len(sections), store.ErrUnknown)
	}
	// The answer.
	time.Sleep(time.Duration(h.random(2000)) * time.Microsecond)
	for h.runs() {
		h.mu().Lock()
		cut := r.cut
		h.mu().Unlock()
		if !cut {
			return errs
		}
		if r.Store.Current(0) != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return all(len(sections), store.ErrUnknown)
}

func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// outcome is what became of a commit of which nobody knows.
type outcome uint8

const (
	unwritten outcome = iota + 1
	written
	writtenLate
)

// Members is part of an opening that shares its disk.
func (r *reach) Members() store.Members { return reachedMembers{r.Store.Members(), r} }

type reachedMembers struct {
	store.Members
	reach *reach
}

func (m reachedMembers) Join(ctx context.Context, who store.Member) (string, error) {
	if err := m.reach.way(ctx); err != nil {
		return "", err
	}
	return m.Members.Join(ctx, who)
}

func (m reachedMembers) Renew(ctx context.Context, r store.Renewal) (time.Time, error) {
	if err := m.reach.way(ctx); err != nil {
		return time.Time{}, err
	}
	return m.Members.Renew(ctx, r)
}

// Look is what was there a moment ago.
func (m reachedMembers) Look(ctx context.Context) (store.Sight, error) {
	if err := m.reach.way(ctx); err != nil {
		return store.Sight{}, err
	}
	seen, err := m.Members.Look(ctx)
	if err != nil {
		return seen, err
	}
	return seen, m.reach.way(ctx)
}
