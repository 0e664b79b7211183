package listen

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestLateResets: a reset tells that an answer was not read only for a while.
func TestLateResets(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Duration
		want  int
	}{"in time": {time.Hour, 1}, "late": {-time.Second, 0}} {
		conn, _ := net.Pipe()
		lost := 0
		l := &connection{now: time.Now, Conn: conn, watches: []watch{{lost: func(error) { lost++ }, until: time.Now().Add(c.until)}}}
		l.end(syscall.ECONNRESET)
		if lost != c.want {
			t.Errorf("%s: the answer was lost %d times, want %d", name, lost, c.want)
		}
	}
}

// TestWhatHoldsAnAnswer: when an answer is watched, it has been written to the
// connection with HTTP/1.1, and is still to be with HTTP/2.
func TestWhatHoldsAnAnswer(t *testing.T) {
	conn, peer := net.Pipe()
	defer conn.Close()
	go func() { _, _ = io.Copy(io.Discard, peer) }()
	l := &connection{now: time.Now, Conn: conn}
	write := func(text string) {
		t.Helper()
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	lost := func(err error) { t.Error(err) }
	write("first")
	l.Watch(lost)
	(&stream{l, t.Context()}).Watch(lost)
	write("second")
	write("third")
	if first, second := l.watches[0].end, l.watches[1].end; first != 5 || second != 11 {
		t.Errorf("answers are in the first %d and %d bytes, want 5 and 11", first, second)
	}
}

// TestWhatProvesArrival: bytes that had come when an answer was written prove nothing, even
// if they are read later; those that come afterwards do.
func TestWhatProvesArrival(t *testing.T) {
	conn, peer := net.Pipe()
	defer conn.Close()
	defer peer.Close()
	l := &connection{now: time.Now, Conn: conn}
	l.Watch(func(err error) { t.Error(err) })
	l.early = 10 // as the kernel has told
	for _, c := range []struct {
		come string
		want int
	}{{"12345", 1}, {"67890", 1}, {"x", 0}} {
		if err := l.hear([]byte(c.come)); err != nil || !l.turn() || len(l.watches) != c.want {
			t.Errorf("after %q: %d answers are watched, %v", c.come, len(l.watches), err)
		}
		if c.want == 1 && l.watches[0].alone {
			t.Error("nothing else is said to come before the next request")
		}
	}
}
