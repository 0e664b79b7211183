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
