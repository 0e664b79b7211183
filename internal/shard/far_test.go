package shard

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store"
)

// others is the rest of a cluster: it hears what a node says.
type others struct {
	owned     chan uint64 // epochs
	gone      chan bool   // released
	delivered []FarMessage
	acks      []FarAck
}

func (o *others) Epoch(uint16) uint64  { return 0 }
func (o *others) Deliver(m FarMessage) { o.delivered = append(o.delivered, m) }
func (o *others) Acknowledge(a FarAck) { o.acks = append(o.acks, a) }
func (o *others) Owned(_ uint16, epoch uint64) {
	select {
	case o.owned <- epoch:
	default: // it is taken over again and again, and nobody counts
	}
}
func (o *others) Gone(_ uint16, released bool) { o.gone <- released }
func (o *others) OpenElsewhere(string) int     { return 0 }

// sharing is a store that others have, too.
type sharing struct {
	store.Store
	current   error
	acquiring func() error
	releasing func() error
}

func (s *sharing) Current(uint16) error { return s.current }

func (s *sharing) Acquire(ctx context.Context, shard uint16) (store.Handle, error) {
	if err := s.acquiring(); err != nil {
		return nil, err
	}
	h, err := s.Store.Acquire(ctx, shard)
	return &sharedHandle{h, s}, err
}

type sharedHandle struct {
	store.Handle
	*sharing
}

func (h *sharedHandle) Release(ctx context.Context) error {
	if err := h.releasing(); err != nil {
		return err
	}
	return h.Handle.Release(ctx)
}

// openShared opens a node of one shard, that is nobody's.
func openShared(t *testing.T, change ...func(*Config)) (*Node, *others, *sharing) {
	t.Helper()
	h := newHarness(t, 1)
	o := &others{owned: make(chan uint64, 10), gone: make(chan bool, 10)}
	s := &sharing{Store: h.store, acquiring: func() error { return nil }, releasing: func() error { return nil }}
	n, _ := h.openNode(func(c *Config) {
		c.Far, c.Store = o, s
		for _, f := range change {
			f(c)
		}
	})
	t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n, o, s
}

var errStoreAway = errors.New("the store does not answer")

// TestReleasedBeforeItIsGone: others hear that they may take a shard when the store says so,
// and never when it could not be released.
func TestReleasedBeforeItIsGone(t *testing.T) {
	n, o, s := openShared(t)
	for _, fails := range []error{errStoreAway, nil} {
		n.Own(0)
		<-o.owned
		s.releasing = func() error {
			if len(o.gone) > 0 {
				t.Error("the shard is said to be gone, and is not released yet")
			}
			return fails
		}
		n.Disown(0, false)
		if released := <-o.gone; released != (fails == nil) {
			t.Errorf("released: %v, though the store said %v", released, fails)
		}
	}
	// One that is lost is not the node's to be released.
	n.Own(0)
	<-o.owned
	s.releasing = func() error { t.Error("a lost shard was released"); return nil }
	n.Disown(0, true)
	if <-o.gone {
		t.Error("a lost shard is said to be released")
	}
}

// TestNothingIsAnsweredWithoutALease: what is answered from memory alone is answered only if
// nobody else can have written meanwhile.
func TestNothingIsAnsweredWithoutALease(t *testing.T) {
	n, o, s := openShared(t)
	n.Own(0)
	<-o.owned
	name := toyName("counter")
	if _, err := n.Do(t.Context(), engine.Command{Name: name, Begin: engine.Always, Seed: engine.NameSeed(name), Body: toyBegin{}}); err != nil {
		t.Fatal(err)
	}
	read := engine.Command{Name: name, Body: toyRead{}}
	if _, err := n.Do(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	s.current = store.ErrNotMember
	if reply, err := n.Do(t.Context(), read); !errors.Is(err, store.ErrNotMember) {
		t.Errorf("answered %v, %v by who may own nothing any more", reply, err)
	}
}

// TestShardThatIsTakenInVain: what is for a shard that this node is to take, and does not have, goes
// to who has it. That another node was quicker is no news: it is so whenever several start.
func TestShardThatIsTakenInVain(t *testing.T) {
	var logged bytes.Buffer
	n, o, s := openShared(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
	asked, answer := make(chan bool, 100), make(chan bool)
	refuse := sync.OnceFunc(func() { close(answer) })
	defer refuse()
	s.acquiring = func() error {
		asked <- true
		<-answer
		return store.ErrHeld
	}
	n.Own(0)
	<-asked
	n.acknowledge(0, ack{by: 0, number: 7})
	if len(o.acks) != 1 || o.acks[0].Number != 7 {
		t.Errorf("the others heard of %+v", o.acks)
	}
	n.deliver(FarMessage{To: 0, Number: 8})
	if len(o.delivered) != 1 || o.delivered[0].Number != 8 {
		t.Errorf("the others were given %+v", o.delivered)
	}
	refuse()
	if <-o.gone {
		t.Error("a shard that was never here is said to be released")
	}
	if logged.Len() > 0 {
		t.Errorf("it was logged: %s", logged.String())
	}
}

// TestGivenShardHearsOut: a shard that is given up takes in first which tasks have reached their workers, so that
// whoever takes it over offers none of these again; and it goes all the same if nobody tells.
func TestGivenShardHearsOut(t *testing.T) {
	for name, c := range map[string]struct {
		before, during bool // when it is told that the task has arrived
		again          bool // it is offered again
	}{
		"told just before": {before: true},
		"told meanwhile":   {during: true},
		"not told":         {again: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, 1)
			o := &others{owned: make(chan uint64, 10), gone: make(chan bool, 10)}
			offered := &counted{}
			n, clock := h.openNode(func(c *Config) { c.Far, c.Offers = o, offered })
			defer func() {
				if err := n.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			n.Own(0)
			<-o.owned
			who := toyName("counter")
			do := func(begin engine.Begin, body any) any {
				t.Helper()
				reply, err := n.Do(t.Context(), engine.Command{Name: who, Begin: begin, Seed: engine.NameSeed(who), Body: body})
				if err != nil {
					t.Fatal(err)
				}
				return reply
			}
			do(engine.Always, toyBegin{})
			id := do(engine.Never, toyOffer{}).(int64)
			do(engine.Never, toyStart{Task: id})
			told := func() { n.Cast(engine.Command{Name: who, Body: toyReach{Task: id}, Patient: true}) }
			if c.before {
				told()
			}
			n.Disown(0, false)
			if c.during {
				told()
			}
			released := false
			for gone := false; !gone; {
				select {
				case released = <-o.gone:
					gone = true
				default:
					if c.again {
						clock.now.Add(int64(heldFor))
						n.Advance()
					}
					runtime.Gosched()
				}
			}
			if !released {
				t.Fatal("it was not released")
			}
			before := offered.n.Load()
			n.Own(0)
			<-o.owned
			do(engine.Never, toyRead{})
			if again := offered.n.Load() > before; again != c.again {
				t.Errorf("the task is offered again: %v, want %v", again, c.again)
			}
		})
	}
}

// counted counts offers.
type counted struct {
	silent
	n atomic.Int64
}

func (c *counted) Offer(engine.RunID, engine.Offer) { c.n.Add(1) }
