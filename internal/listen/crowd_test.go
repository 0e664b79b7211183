package listen

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// piped are connections without sockets, from addresses that a test gives.
type piped struct {
	net.Conn
	from net.Addr
}

func (p *piped) RemoteAddr() net.Addr { return p.from }

// script is a listener that gives what a test wants.
type script struct {
	net.Listener
	accept func() (net.Conn, error)
}

func (s script) Accept() (net.Conn, error) { return s.accept() }

func from(ip byte) *piped {
	conn, peer := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, peer) }()
	return &piped{conn, &net.TCPAddr{IP: net.IPv4(10, 0, 0, ip)}}
}

func (l *connections) openOf(ip byte) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if c.client.Addr().As4()[3] == ip {
			n++
		}
	}
	return n
}

// TestCrowdsGiveWay has all places taken by twenty clients whose connections let the
// server wait, over and over: others, with few, keep theirs, however long they are idle,
// and new ones are let in at once.
func TestCrowdsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		clock := Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, AfterFunc: time.AfterFunc}
		const places = 100
		var next byte
		l := newConnections(script{accept: func() (net.Conn, error) { return from(next), nil }}, time.Second, clock, shares("connections", places, 50))
		come := func(ip byte) {
			next = ip
			if _, err := l.Accept(); err != nil {
				t.Fatal(err)
			}
		}
		come(200)
		come(200) // idle ever after
		for i := range 2 * places {
			come(byte(i % 20))
			time.Sleep(50 * time.Millisecond)
		}
		for i := range 4 * places { // all at once
			before, conn := time.Now(), from(byte(i%20))
			if l.admit(conn) == nil {
				conn.Close()
			}
			if took := time.Since(before); took > 0 {
				t.Errorf("others wait %s behind a crowd", took)
			}
		}
		for i := range 30 {
			before := time.Now()
			come(byte(100 + i))
			if took := time.Since(before); took > 0 {
				t.Errorf("a client without a connection waited %s for a place", took)
			}
		}
		if n := l.openOf(200); n != 2 {
			t.Errorf("%d connections are left of a client with two", n)
		}
		for i := range byte(30) {
			if n := l.openOf(100 + i); n != 1 {
				t.Errorf("%d connections are left of a client with one", n)
			}
		}
		if len(l.open) > places {
			t.Errorf("%d connections for %d places", len(l.open), places)
		}
		for n := range l.open {
			_ = n.Conn.Close()
		}
	})
}

// TestTheTimeOfDayDoesNotMatter: which connection is slowest is told by what has elapsed,
// though the clock on the wall jumps meanwhile.
func TestTheTimeOfDayDoesNotMatter(t *testing.T) {
	for _, jump := range []time.Duration{-1000 * time.Hour, 1000 * time.Hour} {
		var elapsed time.Duration
		wall := time.Now().Round(0) // without what has elapsed
		clock := Clock{Now: func() time.Time { return wall }, Elapsed: func() time.Duration { return elapsed }, AfterFunc: time.AfterFunc}
		var all []*connection
		l := newConnections(script{accept: func() (net.Conn, error) { return from(1), nil }}, time.Second, clock, shares("connections", 2, 100))
		come := func() {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, conn.(*connection))
			t.Cleanup(func() { conn.Close() })
		}
		come()
		elapsed += time.Minute
		wall = wall.Add(jump)
		come()
		elapsed += time.Minute
		come()
		l.mu.Lock()
		for i, want := range []bool{false, true, true} {
			if _, open := l.open[all[i]]; open != want {
				t.Errorf("after a jump of %s: connection %d is open: %v", jump, i, open)
			}
		}
		l.mu.Unlock()
	}
}

// TestWhoBeginsToWaitGivesWay: when all are being served the next one waits, until one of them lets the server wait in its turn.
func TestWhoBeginsToWaitGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		clock := Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, AfterFunc: time.AfterFunc}
		ip := byte(0)
		l := newConnections(script{accept: func() (net.Conn, error) { ip++; return from(ip), nil }}, time.Second, clock, shares("connections", 1, 100))
		first, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first.(*connection).serve()
		accepted := make(chan net.Conn, 1)
		go func() {
			second, _ := l.Accept()
			accepted <- second
		}()
		time.Sleep(time.Hour)
		if len(accepted) > 0 {
			t.Error("one that is served had to give way")
		}
		first.(*connection).awaitPeer()
		time.Sleep(time.Second - 1)
		if synctest.Wait(); len(accepted) > 0 {
			t.Error("one that has just been answered had to give way")
		}
		time.Sleep(1 * time.Nanosecond)
		if synctest.Wait(); len(accepted) == 0 {
			t.Error("one that is idle did not give way")
		}
		first.Close()
		(<-accepted).Close()
	})
}

// TestAPlaceIsNotMissed has the time of the one that is to give way come before who wants its place waits for that.
func TestAPlaceIsNotMissed(t *testing.T) {
	var elapsed atomic.Int64
	clock := Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Duration(elapsed.Load()) }, AfterFunc: func(d time.Duration, do func()) *time.Timer {
		elapsed.Add(int64(d))
		go do()
		for range 1000 { // if it does not wait for who looks, it is through by then
			runtime.Gosched()
		}
		return time.NewTimer(time.Hour)
	}}
	ip := byte(0)
	l := newConnections(script{accept: func() (net.Conn, error) { ip++; return from(ip), nil }}, time.Second, clock, shares("connections", 1, 100))
	for range 2 {
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, _ := l.Accept()
			accepted <- conn
		}()
		select {
		case conn := <-accepted:
			defer conn.Close()
		case <-time.After(patience):
			t.Fatal("it waits for ever")
		}
	}
}

// TestNoDescriptorsLeft has a system that can open no further connection for a while: it is
// asked again, not all the time, and each time the slowest connection gives way.
func TestNoDescriptorsLeft(t *testing.T) {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			clock := Clock{Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, AfterFunc: time.AfterFunc}
			var log bytes.Buffer
			s := shares("connections", 100, 100)
			s.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
			var asked atomic.Int64
			var failing atomic.Bool
			l := newConnections(script{accept: func() (net.Conn, error) {
				if asked.Add(1); failing.Load() {
					return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", lack)}
				}
				return from(1), nil
			}}, time.Second, clock, s)
			for range 3 {
				if _, err := l.Accept(); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second)
			asked.Store(0)
			failing.Store(true)
			accepted := make(chan net.Conn)
			go func() {
				conn, _ := l.Accept()
				accepted <- conn
			}()
			time.Sleep(time.Second)
			synctest.Wait()
			if asked.Load() > 101 || l.openOf(1) != 0 || strings.Count(log.String(), "no further connection can be accepted") != 1 {
				t.Errorf("%v: asked %d times in a second, %d connections are left, logged %s", lack, asked.Load(), l.openOf(1), &log)
			}
			failing.Store(false)
			conn := <-accepted
			if conn == nil {
				t.Errorf("%v: it ended", lack)
			}
			conn.Close()
		})
	}
}

// TestOtherFailuresAreTold: what is wrong with the port itself ends serving, as before.
func TestOtherFailuresAreTold(t *testing.T) {
	l := newConnections(script{accept: func() (net.Conn, error) { return nil, net.ErrClosed }}, time.Second, clock, shares("connections", 1, 100))
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestBytesInFlight has clients who send as much as they can, and never the end. What is
// held of it stays within the bounds, and others get through.
func TestBytesInFlight(t *testing.T) {
	for name, head := range map[string]string{
		"heads, and few places": "POST / HTTP/1.1\r\nHost: x\r\nLong: ",
		"bodies":                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
		"chunks":                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
		"heads":                 "POST / HTTP/1.1\r\nHost: x\r\nLong: ",
	} {
		cfg := plain()
		cfg.ConnectionsMax, cfg.Timeouts.Spare = 1000, 20*time.Millisecond
		if strings.HasSuffix(name, "few places") {
			cfg.ConnectionsMax = 20
		}
		cfg.Requests = RoomConfig{Bytes: 1 << 20, Count: 50, ClientPercent: 40}
		var most int64
		var mu sync.Mutex
		s := startWith(t, cfg, func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				w.Header().Set("Connection", "close")
				http.Error(w, err.Error(), http.StatusTooManyRequests)
				return
			}
			_, _ = w.Write(b)
		})
		var crowd sync.WaitGroup
		var conns []net.Conn
		for i := range 60 {
			conn := dialFrom(t, []string{"127.0.0.5", "127.0.0.6", "127.0.0.7"}[i%3], s.Addr().String())
			conns = append(conns, conn)
			crowd.Go(func() {
				_, _ = io.WriteString(conn, head)
				for range 50 {
					if _, err := conn.Write([]byte(strings.Repeat("x", 1000))); err != nil {
						return
					}
					c := s.Counts()
					mu.Lock()
					most = max(most, c.RequestBytes)
					mu.Unlock()
					if c.Coming > 50 {
						t.Errorf("%s: %d requests are coming", name, c.Coming)
					}
				}
			})
		}
		for range 20 {
			a := s.asks(alice)
			a.says(post("hello"))
			if status, _, body := a.hears(); status != 200 || body != "hello" {
				t.Errorf("%s: %d %s", name, status, body)
			}
			a.Close()
		}
		crowd.Wait()
		if most > 1<<20 || most == 0 {
			t.Errorf("%s: %d bytes were held", name, most)
		}
		for _, conn := range conns {
			conn.Close()
		}
		waitFor(t, func() bool { return s.Counts() == Counts{} })
		if len(s.requests.guests) != 0 {
			t.Errorf("%s: afterwards there are %d guests", name, len(s.requests.guests))
		}
		s.stop()
	}
}

// TestALargeHeadEndsWithItsConnection: whenever a connection is closed while a large head comes, nothing of the head is held.
func TestALargeHeadEndsWithItsConnection(t *testing.T) {
	for _, closed := range []string{"before", "while it enters", "after"} {
		var c *connection
		closing := func(at string) {
			if at == closed {
				c.giveWay()
			}
		}
		l := newConnections(script{accept: func() (net.Conn, error) { return from(1), nil }}, time.Second, clock, shares("connections", 1, 100))
		l.requests = newRoom(RoomConfig{What: "requests", Bytes: 1 << 20, Count: 10, ClientPercent: 100}, time.Second, func() time.Duration {
			closing("while it enters")
			return 0
		}, slog.New(slog.DiscardHandler))
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c = conn.(*connection)
		closing("before")
		if err := c.hear(make([]byte, freeBytes+1)); (err != nil) != (closed == "while it enters") {
			t.Errorf("closed %s: %v", closed, err)
		}
		closing("after")
		if bytes, waiting := l.requests.taken(); bytes != 0 || waiting != 0 {
			t.Errorf("closed %s: %d bytes of %d heads are held", closed, bytes, waiting)
		}
	}
}

// TestStopsWithoutPeers: a door that closes does not wait for what has not come, and little
// for who does not read.
func TestStopsWithoutPeers(t *testing.T) {
	for _, secure := range []bool{false, true} {
		cfg := plain()
		if secure {
			cfg = secured(t)
		}
		cfg.Timeouts.Header, cfg.Timeouts.Body, cfg.Timeouts.Answer = time.Hour, time.Hour, time.Hour
		reading := make(chan struct{}, 10)
		s := startWith(t, cfg, func(w http.ResponseWriter, r *http.Request) {
			reading <- struct{}{}
			if _, err := io.ReadAll(r.Body); err != cfg.GaveWay {
				t.Errorf("the body: %v", err)
			}
			w.Header().Set("Connection", "close")
			http.Error(w, "it gave way", http.StatusTooManyRequests)
		})
		var peers []*asking
		for _, text := range []string{post("12345")[:50], "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1"} {
			a := s.asks(alice)
			a.says(text)
			<-reading
			peers = append(peers, a)
		}
		for _, text := range []string{"POST / HT", ""} {
			s.asks(alice).says(text)
		}
		waitFor(t, func() bool { return s.Counts().Coming == 3 })
		before := time.Now()
		s.stop()
		if took := time.Since(before); took > time.Minute {
			t.Errorf("TLS %t: it took %s", secure, took)
		}
		for _, a := range peers {
			if status, closes, _ := a.hears(); status != 429 || !closes {
				t.Errorf("TLS %t: %d, closes %t", secure, status, closes)
			}
		}
	}
}

// waitFor waits until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); !so(); <-ticks.C {
		if time.Now().After(deadline) {
			t.Fatal("not yet")
		}
	}
}
