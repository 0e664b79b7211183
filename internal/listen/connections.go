package listen

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// connections accepts them. When all places are taken, one gives way to the next: of the
// client with the most that let us wait, the one that has done so longest. Idle ones do,
// and those whose peers send a request or read an answer too slowly. Those that are being
// served never do; then others wait to be accepted.
type connections struct {
	net.Listener
	clock    Clock
	grace    time.Duration // a shorter wait is nobody's fault
	shares   *Shares       // has a lock of its own, which is taken under mu
	secure   bool          // TLS is above them
	requests *room         // for large heads

	mu        sync.Mutex
	left      sync.Cond                // a place may have become free; its lock is mu
	open      map[*connection]struct{} // guarded by mu
	complains time.Duration            // from when on; of the one goroutine that accepts
}

func newConnections(listener net.Listener, grace time.Duration, clock Clock, s *Shares) *connections {
	l := &connections{Listener: listener, clock: clock, grace: grace, shares: s, open: map[*connection]struct{}{}}
	l.left.L = &l.mu
	return l
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if short(err) {
			l.starve(err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if admitted := l.admit(conn); admitted != nil {
			boundAcks(conn, ackTimeout)
			return admitted, nil
		}
		_ = conn.Close() // no request has come that could be answered
	}
}

// short tells whether the system has nothing left for another connection.
func short(err error) bool {
	for _, lack := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// starvedFor is how long nothing is accepted when the system is short.
const starvedFor = 10 * time.Millisecond

// starve closes what lets us wait, for what the system is short of, and waits a little.
func (l *connections) starve(err error) {
	now := l.clock.Elapsed()
	if now >= l.complains {
		l.complains = now + complainEvery
		l.shares.cfg.Log.Warn("no further connection can be accepted; the slowest gives way", "cause", err, "connections", l.shares.Taken())
	}
	passed := false
	timer := l.clock.AfterFunc(starvedFor, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		passed = true
		l.left.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	if slowest, since := l.slowest(anybody); slowest != nil && now-since >= l.grace {
		l.shed(slowest)
	}
	for !passed {
		l.left.Wait()
	}
}

// admit finds a place for a connection; nil: its client has all of its share.
func (l *connections) admit(conn net.Conn) *connection {
	n := &connection{Conn: conn, connections: l, now: l.clock.Now, client: clientOf(conn.RemoteAddr()), secure: l.secure}
	n.heads.Store(true)
	n.awaitPeer()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.shares.has(n.client) && !l.makeRoomOf(n.client) {
		l.shares.complain(n.client)
		return nil
	}
	for len(l.open) >= l.shares.cfg.Max {
		l.makeRoom()
	}
	l.open[n] = struct{}{}
	l.shares.Add(n.client, 1)
	return n
}

// makeRoomOf closes a connection of a client who has all of its share, if one lets us wait.
func (l *connections) makeRoomOf(client netip.Prefix) bool {
	slowest, since := l.slowest(func(n *connection) bool { return n.client == client })
	if slowest == nil || l.clock.Elapsed()-since < l.grace {
		return false
	}
	l.shed(slowest)
	return true
}

// makeRoom closes the connection that gives way, or waits until there may be a place. It
// unlocks mu meanwhile.
func (l *connections) makeRoom() {
	slowest, since := l.slowest(anybody)
	if slowest == nil {
		l.left.Wait()
		return
	}
	if rest := l.grace - (l.clock.Elapsed() - since); rest > 0 {
		timer := l.clock.AfterFunc(rest, l.left.Signal)
		defer timer.Stop()
		l.left.Wait()
		return
	}
	l.shed(slowest)
}

// shed closes a connection. It unlocks mu meanwhile.
func (l *connections) shed(n *connection) {
	l.remove(n)
	l.mu.Unlock()
	defer l.mu.Lock()
	n.giveWay()
}

func anybody(*connection) bool { return true }

// slowest is what lets us wait longest of the client with the most that do, of those that
// are asked for; nil: none does. Since is when that began.
func (l *connections) slowest(of func(*connection) bool) (slowest *connection, since time.Duration) {
	type slow struct {
		count int
		first *connection
		since int64
	}
	all := map[netip.Prefix]slow{}
	for n := range l.open {
		w := n.waits.Load()
		if w == 0 || !of(n) {
			continue
		}
		s := all[n.client]
		if s.count++; s.first == nil || w < s.since {
			s.first, s.since = n, w
		}
		all[n.client] = s
	}
	var most slow
	for _, s := range all {
		if s.count > most.count || s.count == most.count && s.since < most.since {
			most = s
		}
	}
	return most.first, time.Duration(most.since - 1)
}

// leave gives the place of a connection to others. It may be called again.
func (l *connections) leave(n *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(n)
}

// remove is leave; mu is held.
func (l *connections) remove(n *connection) {
	if _, here := l.open[n]; here {
		delete(l.open, n)
		l.shares.Add(n.client, -1)
		l.left.Signal()
	}
}

// note follows what net/http does with a connection.
func note(conn net.Conn, state http.ConnState) {
	n := connectionOf(conn)
	if n == nil {
		return
	}
	switch state {
	case http.StateActive:
		n.used.Store(true)
		n.headEnds()
		n.serve()
	case http.StateIdle:
		n.sends.Store(false)
		n.unanswered.Store(false)
		n.head.Store(0)
		n.heads.Store(true)
		n.awaitPeer()
	}
}

// closeUnused closes the connections on which no request has come yet.
func (l *connections) closeUnused() {
	l.closeAll(func(n *connection) bool { return !n.used.Load() })
}

// closeSlow closes those that let us wait.
func (l *connections) closeSlow() {
	l.closeAll(func(n *connection) bool { return n.waits.Load() != 0 })
}

func (l *connections) closeAll(of func(*connection) bool) {
	l.mu.Lock()
	var all []*connection
	for n := range l.open {
		if of(n) {
			all = append(all, n)
		}
	}
	l.mu.Unlock()
	for _, n := range all {
		n.giveWay() // of no use to anybody
	}
}

func (l *connections) counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Counts{Connections: len(l.open)}
	for n := range l.open {
		n.mu.Lock()
		c.Watched += len(n.watches)
		n.mu.Unlock()
	}
	return c
}
