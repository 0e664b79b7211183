package listen

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// connections accepts them. When all places are taken, the connection that has
// let us wait longest gives way: idle ones, and those whose peers send a
// request or read an answer too slowly. Those that are being served never do; then
// others wait to be accepted.
type connections struct {
	net.Listener
	clock  Clock
	grace  time.Duration // a shorter wait is nobody's fault
	shares *Shares       // has a lock of its own, which is taken under mu

	mu   sync.Mutex
	left sync.Cond                // a place may have become free; its lock is mu
	open map[*connection]struct{} // guarded by mu
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

// admit finds a place for a connection; nil: its client has all of its share.
func (l *connections) admit(conn net.Conn) *connection {
	n := &connection{Conn: conn, connections: l, now: l.clock.Now, client: clientOf(conn.RemoteAddr())}
	n.awaitPeer()
	if !l.shares.has(n.client) {
		l.shares.complain(n.client)
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.open) >= l.shares.cfg.Max {
		l.makeRoom()
	}
	l.open[n] = struct{}{}
	l.shares.Add(n.client, 1)
	return n
}

// makeRoom closes the connection that has let us wait longest, or waits until there may
// be a place. It unlocks mu meanwhile.
func (l *connections) makeRoom() {
	var slowest *connection
	var since int64
	for n := range l.open {
		if w := n.waits.Load(); w != 0 && (slowest == nil || w < since) {
			slowest, since = n, w
		}
	}
	if slowest == nil {
		l.left.Wait()
		return
	}
	if rest := l.grace - l.clock.Now().Sub(time.Unix(0, since)); rest > 0 {
		timer := l.clock.AfterFunc(rest, l.left.Signal)
		defer timer.Stop()
		l.left.Wait()
		return
	}
	l.remove(slowest)
	slowest.sends.Store(false) // nobody waits for it any more
	l.mu.Unlock()
	defer l.mu.Lock()
	_ = slowest.Close() // how it ends does not matter
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
		n.serve()
	case http.StateIdle:
		n.sends.Store(false)
		n.awaitPeer()
	}
}

// closeUnused closes the connections on which no request has come yet. Clients
// keep such spares; a server that stops need not wait for them.
func (l *connections) closeUnused() {
	l.mu.Lock()
	var unused []*connection
	for n := range l.open {
		if !n.used.Load() {
			unused = append(unused, n)
		}
	}
	l.mu.Unlock()
	for _, n := range unused {
		_ = n.Close() // of no use to anybody; how it ends does not matter
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
