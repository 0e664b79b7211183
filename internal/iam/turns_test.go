package iam

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns: whoever asks for many waits for himself; others wait for one of his at most.
func TestTurns(t *testing.T) {
	const long = time.Second
	for _, most := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("%d at a time", most), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := newTurns(most, 1)
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() {
						leave, err := turns.take(t.Context(), "account", "greedy")
						if err != nil {
							t.Error(err)
							return
						}
						time.Sleep(long)
						leave()
					})
				}
				time.Sleep(long / 2)
				began := time.Now()
				leave, err := turns.take(t.Context(), "account", "other")
				if waited := time.Since(began); err != nil || waited > long/2 || most > 1 && waited > 0 {
					t.Errorf("waited for %s: %v", waited, err)
				}
				leave()

				gone, cancel := context.WithTimeout(t.Context(), long/4)
				defer cancel()
				if _, err := turns.take(gone, "account", "greedy"); err == nil {
					t.Error("there was a second turn for one who has the first")
				}
				began = time.Now()
				all.Wait()
				if took := time.Since(began); took < 98*long {
					t.Errorf("100 turns of one took %s", took)
				}
				if len(turns.own) > 0 || len(turns.all) > 0 {
					t.Errorf("%d principals and %d turns are left", len(turns.own), len(turns.all))
				}
			})
		})
	}
}

// TestTurnsOfAccounts: however many principals of one account ask, another account waits for
// one of their turns at most.
func TestTurnsOfAccounts(t *testing.T) {
	const long = time.Second
	for _, most := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			turns := newTurns(most, 2)
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					leave, err := turns.take(t.Context(), "crowd", fmt.Sprint("principal", i))
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(long)
					leave()
				})
			}
			time.Sleep(long / 2)
			began := time.Now()
			leave, err := turns.take(t.Context(), "other", "somebody")
			if waited := time.Since(began); err != nil || waited > long/2 || most > 1 && waited > 0 {
				t.Errorf("%d at a time: waited for %s: %v", most, waited, err)
			}
			leave()
			all.Wait()
			if len(turns.own) > 0 || len(turns.all) > 0 {
				t.Errorf("%d principals and %d turns are left", len(turns.own), len(turns.all))
			}
		})
	}
}
