package bucket

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(10)
		var order []int64
		take := func(ctx context.Context, n int64) {
			go func() {
				if r.Take(ctx, n) == nil {
					order = append(order, n)
				}
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		take(t.Context(), 6)
		take(ctx, 5)         // waits
		take(t.Context(), 4) // waits behind it, though there is room
		take(t.Context(), 100)
		if len(order) != 1 {
			t.Fatalf("%d are in", order)
		}
		cancel()
		synctest.Wait()
		if len(order) != 2 || order[1] != 4 {
			t.Fatalf("%d are in", order)
		}
		if err := r.Take(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("took after its context had ended: %v", err)
		}
		r.Give(4)
		synctest.Wait()
		if len(order) != 2 {
			t.Fatalf("%d are in", order)
		}
		r.Give(6)
		synctest.Wait()
		if len(order) != 3 {
			t.Fatalf("%d are in; who wants more than all gets all", order)
		}
		r.Give(100)
		if r.held != 0 || len(r.line) != 0 {
			t.Errorf("%d held, %d wait", r.held, len(r.line))
		}
	})
}

func TestRoomTogether(t *testing.T) {
	r := NewRoom(1000)
	var held atomic.Int64
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(2) == 0 {
					go cancel()
				}
				n := 1 + random.Int64N(600)
				if r.Take(ctx, n) == nil {
					if now := held.Add(n); now > 1000 {
						t.Errorf("%d are held", now)
					}
					held.Add(-n)
					r.Give(n)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if r.held != 0 || len(r.line) != 0 {
		t.Errorf("%d held, %d wait", r.held, len(r.line))
	}
}

// TestRoomIsShared: accounts that keep all that they can get leave some to whoever comes next,
// as often as is said here, and what is given back goes to who waits longest.
func TestRoomIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const part = 8
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := NewRoom(64)
		var has [10]int
		fill := func(account int) {
			for range 100 {
				go func() {
					if r.For(string(rune('a'+account))).Take(ctx, part) == nil {
						has[account]++
					}
				}()
				synctest.Wait()
			}
		}
		for account := range 5 {
			fill(account)
		}
		if want := [10]int{4, 2, 1, 1}; has != want {
			t.Errorf("they have %v parts, want %v", has, want)
		}
		r.For("a").Give(part)
		synctest.Wait()
		if want := [10]int{4, 2, 1, 1, 1}; has != want { // what the first gave back it may not have again
			t.Errorf("then they had %v parts, want %v", has, want)
		}
		if r.held != 64 {
			t.Errorf("%d are held", r.held)
		}
	})
}
