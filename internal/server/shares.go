package server

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/matching"
)

// shares counts what clients have at a time, of which there may be so much in all
// and so much for each of them. So one client can't starve the others, whatever he
// does.
type shares struct {
	what      string // for the log
	max, each int
	log       *slog.Logger

	mu    sync.Mutex
	taken int
	by    map[netip.Prefix]int
	last  time.Time // when it complained
}

func newShares(what string, max, percent int, log *slog.Logger) *shares {
	return &shares{what: what, max: max, each: (max*percent + 99) / 100, log: log, by: map[netip.Prefix]int{}}
}

// take takes one for a client, if there is one for him.
func (s *shares) take(client netip.Prefix) bool {
	s.mu.Lock()
	ok := s.taken < s.max && s.by[client] < s.each
	if ok {
		s.put(client, 1)
	}
	s.mu.Unlock()
	if !ok {
		s.complain(client)
	}
	return ok
}

// has tells whether a client has not all of his share.
func (s *shares) has(client netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[client] < s.each
}

// add gives n to a client, or takes them back, whatever the bounds.
func (s *shares) add(client netip.Prefix, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(client, n)
}

func (s *shares) put(client netip.Prefix, n int) {
	s.taken += n
	if s.by[client] += n; s.by[client] == 0 {
		delete(s.by, client)
	}
}

// none tells whether nobody has any.
func (s *shares) none() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken == 0
}

// countedTasks bounds the polls that wait for a task. While they wait they are not
// counted as requests.
type countedTasks struct {
	*matching.Matcher
	polls, requests *shares
}

func (t *countedTasks) Poll(ctx context.Context, list string) (*matching.Claim, error) {
	client := clientIn(ctx)
	if !t.polls.take(client) {
		return nil, fault.Throttled()
	}
	defer t.asPoll(client)()
	return t.Matcher.Poll(ctx, list)
}

// Refuse has the poll wait on; it had its share when it came.
func (t *countedTasks) Refuse(ctx context.Context, c *matching.Claim) *matching.Claim {
	client := clientIn(ctx)
	t.polls.add(client, 1)
	defer t.asPoll(client)()
	return t.Matcher.Refuse(ctx, c)
}

// asPoll stops counting a request of a client, who has a poll, until the function
// is called that it returns.
func (t *countedTasks) asPoll(client netip.Prefix) (end func()) {
	t.requests.add(client, -1)
	return func() {
		t.requests.add(client, 1)
		t.polls.add(client, -1)
	}
}

// complainEvery keeps a flood out of the log.
const complainEvery = time.Minute

// complain logs that a client was refused.
func (s *shares) complain(client netip.Prefix) {
	now := time.Now()
	s.mu.Lock()
	due := now.Sub(s.last) >= complainEvery
	if due {
		s.last = now
	}
	taken, his := s.taken, s.by[client]
	s.mu.Unlock()
	if due {
		s.log.Warn("too many at a time; the client is refused", "what", s.what, "client", client, "has", his, "may_have", s.each, "all_have", taken, "of", s.max)
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

// clientIn is whose a request is, by its context.
func clientIn(ctx context.Context) netip.Prefix {
	if l := connectionIn(ctx); l != nil {
		return l.client
	}
	return netip.Prefix{}
}
