package listen

import (
	"net"
	"testing"
	"time"
)

// accepting is a listener with its connections, and dials to it.
type accepting struct {
	*connections
	t *testing.T
}

func accept(t *testing.T, max, percent int, grace time.Duration) *accepting {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return &accepting{newConnections(listener, grace, clock, shares("connections", max, percent)), t}
}

// dial connects from an address of the loopback.
func (a *accepting) dial(from string) net.Conn {
	a.t.Helper()
	return dialFrom(a.t, from, a.Addr().String())
}

func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// next is the connection that is accepted next.
func (a *accepting) next() *connection {
	a.t.Helper()
	conn, err := a.Accept()
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { conn.Close() })
	return conn.(*connection)
}

// later is a connection that is accepted when it can be.
func (a *accepting) later() <-chan *connection {
	accepted := make(chan *connection, 1)
	go func() {
		if conn, err := a.Accept(); err == nil {
			accepted <- conn.(*connection)
		}
		close(accepted)
	}()
	return accepted
}

const alice, bob = "127.0.0.2", "127.0.0.3"

// TestConnectionsWaitForAPlace has two connections where one has room, of which
// the first is being served: the second is accepted once that is closed, however
// often it is closed.
func TestConnectionsWaitForAPlace(t *testing.T) {
	a := accept(t, 1, 100, 0)
	a.dial(alice)
	a.dial(bob)
	first := a.next()
	first.serve()
	second := a.later()
	select {
	case <-second:
		t.Fatal("two connections were accepted where one has room")
	default:
	}
	for range 2 {
		first.Close()
	}
	(<-second).Close()
	if len(a.open) != 0 || a.shares.Taken() != 0 {
		t.Errorf("%d connections are open after both were closed", len(a.open))
	}
}

// TestSlowConnectionsGiveWay has no place left: the connection that has let the
// server wait longest is closed, not the one that is being served.
func TestSlowConnectionsGiveWay(t *testing.T) {
	a := accept(t, 3, 100, 0)
	var peers []net.Conn
	var served []*connection
	for range 3 {
		peers = append(peers, a.dial(alice))
		served = append(served, a.next())
	}
	served[0].serve()
	served[1].serve()
	served[1].awaitPeer() // younger than the third
	a.dial(bob)
	a.next()
	if _, err := peers[2].Read(make([]byte, 1)); err == nil {
		t.Error("the slowest was not closed")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, want := range []bool{true, true, false} {
		if _, open := a.open[served[i]]; open != want {
			t.Errorf("connection %d is open: %v", i, open)
		}
	}
}

// TestSlowConnectionsHaveAGrace closes no connection that has just come.
func TestSlowConnectionsHaveAGrace(t *testing.T) {
	const grace = 100 * time.Millisecond
	a := accept(t, 1, 100, grace)
	began := time.Now()
	a.dial(alice)
	a.next()
	a.dial(bob)
	a.next()
	if took := time.Since(began); took < grace {
		t.Errorf("the first had to give way after %s", took)
	}
}

// TestOneClientLeavesPlacesToOthers has a client who takes what it can get.
func TestOneClientLeavesPlacesToOthers(t *testing.T) {
	a := accept(t, 4, 50, time.Hour)
	for range 2 {
		a.dial(alice)
		a.next().serve()
	}
	greedy := a.dial(alice)
	a.dial(bob)
	if l := a.next(); l.client.Addr().String() != bob {
		t.Errorf("%s was accepted next", l.client)
	}
	if _, err := greedy.Read(make([]byte, 1)); err == nil {
		t.Error("the client has more than its share")
	}
}

func TestClients(t *testing.T) {
	for addr, want := range map[string]string{
		"10.1.2.3:80":            "10.1.2.3/32",
		"[::ffff:10.1.2.3]:80":   "10.1.2.3/32",
		"[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"[fe80::1%lo]:80":        "fe80::/64",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := clientOf(tcp).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}
