package server

import (
	"net/netip"
	"testing"
	"testing/synctest"
)

// TestTurnsAreShared: as many have a turn as may; one client leaves some for the next, who comes
// before those that the first has waiting.
func TestTurnsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(8)
		crowd, other := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32")
		ends := make(chan func(), 100)
		for range 100 {
			go func() { ends <- turns.wait(crowd) }()
		}
		synctest.Wait()
		if len(ends) != 6 {
			t.Errorf("a client that is alone has %d of 8 turns at a time, want three quarters", len(ends))
		}
		turns.wait(other)()
		for range 100 {
			(<-ends)()
			synctest.Wait()
			turns.wait(other)()
		}
	})
}
