package listen

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"
)

// clock is the real one.
var clock = Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, AfterFunc: time.AfterFunc}

var began = time.Now()

func shares(what string, max, percent int) *Shares {
	return NewShares(ShareConfig{What: what, Max: max, ClientPercent: percent, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

// TestSharesForgetClients keeps nothing of clients who have gone.
func TestSharesForgetClients(t *testing.T) {
	s := shares("requests", 2, 100)
	for i := range 100 {
		client := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)
		for n, want := range []bool{true, true, false} {
			if s.Take(client) != want {
				t.Fatalf("%s took %d, of 2", client, n)
			}
		}
		s.Add(client, -2)
	}
	if len(s.by) != 0 || s.Taken() != 0 {
		t.Errorf("%d clients, %d taken", len(s.by), s.taken)
	}
}

// TestSharesLeaveSomeForTheNext: however many clients take all that they may have, and whatever
// the part of one, there is some of what is left for the next.
func TestSharesLeaveSomeForTheNext(t *testing.T) {
	for _, percent := range []int{1, 33, 50, 90} {
		const most = 1000
		s := shares("requests", most, percent)
		taken, clients := 0, 0
		for ; taken < most; clients++ {
			client := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(clients >> 8), byte(clients)}), 32)
			has, may := 0, ((most-taken)*percent+99)/100
			for s.Take(client) {
				has++
			}
			if has != may {
				t.Fatalf("%d %%: client %d took %d of the %d that are free, want %d", percent, clients, has, most-taken, may)
			}
			taken += has
		}
		if clients < 3 {
			t.Errorf("%d %%: %d clients took all", percent, clients)
		}
	}
}
