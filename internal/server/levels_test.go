package server

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
)

// release is a server of some release, as its membership steps.
type release struct {
	levels
	member, acts bool // it is among the members, and has read the level since
	seen         []store.Member
	reads        int // what it read before its look
	looks        bool
	rises        int // to what it is about to raise the level
}

// TestLevelsCross: whatever the order in which servers of several releases join, look, raise
// the level and leave, nobody uses a level that a member who acts can't read; and the level
// comes to what all can.
func TestLevelsCross(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 17))
		s := memstore.New(1)
		ctx, meta := t.Context(), s.Meta()
		all := make([]*release, 4)
		replace := func(i, to int) { all[i] = &release{levels: levels{from: max(1, to-1), to: to, now: max(1, to-1)}} }
		for i := range all {
			replace(i, 1+r.IntN(2))
		}
		members := func() (seen []store.Member) {
			for i, one := range all {
				if one.member {
					seen = append(seen, store.Member{Name: string(rune('a' + i)), Level: one.to})
				}
			}
			return seen
		}
		// step does the next thing that a server does with what others see or change.
		step := func(i int) {
			one := all[i]
			switch {
			case !one.acts:
				if _, err := one.admit(ctx, meta); err != nil {
					if !errors.Is(err, errLevel) {
						t.Fatal(err)
					}
					level, _ := readLevel(ctx, meta)
					replace(i, level) // its operator has understood
					return
				}
				if !one.member || one.speaks(members()) != nil {
					one.member = !one.member
					return
				}
				one.acts = true
			case one.rises == 0 && !one.looks:
				one.reads, one.looks = 0, true
				if one.asks(one.seen) {
					level, err := readLevel(ctx, meta)
					if err != nil {
						t.Fatal(err)
					}
					one.reads = level
					if one.refuses(one.reads) != nil {
						replace(i, one.to)
					}
				}
			case one.rises != 0: // what it has seen may be of the past by now
				if err := raiseLevel(ctx, meta, one.reads, one.rises); err != nil {
					t.Fatal(err)
				}
				one.rises = 0
			default:
				one.seen, one.looks = members(), false
				one.rises = one.looked(one.reads, one.seen)
			}
		}
		highest := 0
		judge := func() {
			kept, err := readLevel(ctx, meta)
			if err != nil {
				t.Fatal(err)
			}
			if kept < highest {
				t.Fatalf("seed %d: the level fell from %d to %d", seed, highest, kept)
			}
			highest = kept
			for _, one := range all {
				for _, other := range all {
					if one.acts && other.acts && one.now > other.to {
						t.Fatalf("seed %d: level %d is used, and a member reads up to %d", seed, one.now, other.to)
					}
				}
				if one.acts && one.now > kept && one.now > one.from {
					t.Fatalf("seed %d: level %d is used, and the store has %d", seed, one.now, kept)
				}
			}
		}
		for range 60 {
			i := r.IntN(len(all))
			if all[i].member && r.IntN(10) == 0 {
				replace(i, min(3, all[i].to+r.IntN(2))) // stopped, and perhaps upgraded
			} else {
				step(i)
			}
			judge()
		}
		for range 300 { // upgraded one after the other, until all are of the last release
			i := r.IntN(len(all))
			if kept, _ := readLevel(ctx, meta); all[i].to < min(3, kept+1) {
				replace(i, min(3, kept+1))
			}
			step(i)
			judge()
		}
		for i, one := range all {
			if kept, _ := readLevel(context.Background(), meta); kept != 3 || one.now != 3 {
				t.Fatalf("seed %d: in the end the store has level %d, and server %d uses %d", seed, kept, i, one.now)
			}
		}
	}
}
