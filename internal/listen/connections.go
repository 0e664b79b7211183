package listen

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
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
	wanting  atomic.Bool   // who accepts waits for left, or is about to

	mu        sync.Mutex
	left      sync.Cond                // a place may have become free, or may be made so; its lock is mu
	open      map[*connection]struct{} // guarded by mu
	closing   bool                     // guarded by mu; none is admitted any more
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
	if w := l.waiters(anybody); w.first != nil && now-w.since >= l.grace {
		l.shed(w.first)
	}
	for !passed {
		l.left.Wait()
	}
}

// admit finds a place for a connection; nil: there is none.
func (l *connections) admit(conn net.Conn) *connection {
	n := &connection{Conn: conn, connections: l, now: l.clock.Now, client: clientOf(conn.RemoteAddr()), secure: l.secure}
	n.heads.Store(true)
	n.awaitPeer()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil
	}
	if !l.shares.has(n.client) && !l.makeRoomOf(n.client) {
		l.shares.complain(n.client)
		return nil
	}
	for len(l.open) >= l.shares.cfg.Max {
		if !l.makeRoom(n.client) {
			l.shares.complain(n.client)
			return nil
		}
	}
	l.open[n] = struct{}{}
	l.shares.Add(n.client, 1)
	return n
}

// makeRoomOf closes a connection of a client who has all of its share, if one lets us wait.
func (l *connections) makeRoomOf(client netip.Prefix) bool {
	w := l.waiters(func(n *connection) bool { return n.client == client })
	if w.first == nil || l.clock.Elapsed()-w.since < l.grace {
		return false
	}
	l.shed(w.first)
	return true
}

// makeRoom closes the connection that gives way to one of a client, or waits until there
// may be a place. It unlocks mu meanwhile. False: the client has as many as anybody, all
// are young, and others should not have to wait behind it.
func (l *connections) makeRoom(client netip.Prefix) bool {
	l.wanting.Store(true) // before it is seen who lets us wait: who begins to later sees it
	defer l.wanting.Store(false)
	w := l.waiters(anybody)
	if w.first == nil {
		l.left.Wait()
		return true
	}
	rest, has := l.grace-(l.clock.Elapsed()-w.since), w.count[client]
	switch {
	case rest <= 0 || w.count[w.first.client] > has+1:
		l.shed(w.first)
	case has > 0 && len(w.count) > 1:
		return false
	default:
		timer := l.clock.AfterFunc(rest, l.lookAgain)
		defer timer.Stop()
		l.left.Wait()
	}
	return true
}

// shed closes a connection. It unlocks mu meanwhile.
func (l *connections) shed(n *connection) {
	l.remove(n)
	l.mu.Unlock()
	defer l.mu.Lock()
	n.giveWay()
}

// lookAgain has who waits for a place look for one again. It takes mu, for who has looked and does not wait yet hears no signal.
func (l *connections) lookAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left.Signal()
}

func anybody(*connection) bool { return true }

// waiters are the connections that let us wait.
type waiters struct {
	count map[netip.Prefix]int // of each client that has any
	first *connection          // the one that has waited longest, of the client with the most; nil: there is none
	since time.Duration
}

// waiters finds those that are asked for; mu is held.
func (l *connections) waiters(of func(*connection) bool) waiters {
	type oldest struct {
		*connection
		since int64
	}
	w, firsts := waiters{count: map[netip.Prefix]int{}}, map[netip.Prefix]oldest{}
	for n := range l.open {
		since := n.waits.Load()
		if since == 0 || !of(n) {
			continue
		}
		w.count[n.client]++
		if o, any := firsts[n.client]; !any || since < o.since {
			firsts[n.client] = oldest{n, since}
		}
	}
	for client, o := range firsts {
		since := time.Duration(o.since - 1)
		if w.first == nil || w.count[client] > w.count[w.first.client] || w.count[client] == w.count[w.first.client] && since < w.since {
			w.first, w.since = o.connection, since
		}
	}
	return w
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

// closeUnused closes the connections on which no request has come yet, and those that come
// later.
func (l *connections) closeUnused() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
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
