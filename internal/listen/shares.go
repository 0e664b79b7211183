package listen

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ShareConfig says how much there may be of something at a time.
type ShareConfig struct {
	What          string // for the log
	Max           int
	ClientPercent int // the part of it that one client may have
	Now           func() time.Time
	Log           *slog.Logger
}

// Shares counts what clients have at a time, of which there may be so much in all. A client
// that is alone may have ClientPercent of it, and one that comes later that part of what the
// others leave to it: with 50 the first may have a half, two a third each, and three a
// quarter. Who has none gets one as long as there is any. So neither one client nor a few
// can starve the others, whatever they do.
type Shares struct {
	cfg ShareConfig

	mu    sync.Mutex           // guards what follows
	taken int                  // the sum of by
	by    map[netip.Prefix]int // of clients that have any
	last  time.Time            // when it complained
}

// NewShares has them all free.
func NewShares(cfg ShareConfig) *Shares {
	return &Shares{cfg: cfg, by: map[netip.Prefix]int{}}
}

// Take takes one for a client, if there is one for it.
func (s *Shares) Take(client netip.Prefix) bool {
	s.mu.Lock()
	ok := s.by[client] < s.mayHave(client)
	if ok {
		s.put(client, 1)
	}
	s.mu.Unlock()
	if !ok {
		s.complain(client)
	}
	return ok
}

// mayHave is how many a client may have while the others have what they have; mu is held.
func (s *Shares) mayHave(client netip.Prefix) int {
	return s.part(s.cfg.Max - (s.taken - s.by[client]))
}

// part is the part that a client may have of so many, rounded up.
func (s *Shares) part(of int) int { return (max(0, of)*s.cfg.ClientPercent + 99) / 100 }

// has tells whether a client that is alone would not have all of its share.
func (s *Shares) has(client netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[client] < s.part(s.cfg.Max)
}

// Add gives n to a client, or takes them back, whatever the bounds.
func (s *Shares) Add(client netip.Prefix, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(client, n)
}

// put counts; mu is held.
func (s *Shares) put(client netip.Prefix, n int) {
	s.taken += n
	if s.by[client] += n; s.by[client] == 0 {
		delete(s.by, client)
	}
}

// Taken is how many all clients have.
func (s *Shares) Taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// complainEvery keeps a flood out of the log.
const complainEvery = time.Minute

// complain logs that a client was refused.
func (s *Shares) complain(client netip.Prefix) {
	now := s.cfg.Now()
	s.mu.Lock()
	due := now.Sub(s.last) >= complainEvery
	if due {
		s.last = now
	}
	taken, has, may := s.taken, s.by[client], s.mayHave(client)
	s.mu.Unlock()
	if due {
		s.cfg.Log.Warn("too many at a time; the client is refused", "what", s.cfg.What, "client", client, "has", has, "may_have", may, "all_have", taken, "of", s.cfg.Max)
	}
}

// clientOf is who counts as one client: an IPv4 address, or an IPv6 network as
// providers give them to one customer.
func clientOf(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	client, _ := ip.Prefix(bits) // fails for the zero address only: nobody in particular
	return client
}

// ClientIn is whose a request is, by its context.
func ClientIn(ctx context.Context) netip.Prefix {
	if l := connectionIn(ctx); l != nil {
		return l.client
	}
	return netip.Prefix{}
}
