package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"heddle/internal/aws/operation"
)

// ackTimeout is how long a caller's host may leave what was written to it without
// an acknowledgement before the connection counts as broken.
const ackTimeout = 10 * time.Second

// keepAlive finds the peers that vanished while they wait in a poll.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// lines accepts connections as lines, as many at a time as leave file descriptors
// for the store. Others wait until one is closed.
type lines struct {
	net.Listener
	places chan struct{}
}

func newLines(l net.Listener) lines {
	return lines{l, make(chan struct{}, connectionsMax())}
}

func (l lines) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	boundAcks(conn, ackTimeout)
	return &line{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.leave()
	return l.Conn.Close()
}

// line is a connection that notices whether the last answer arrived. The proof
// that it did is the next request, or a hang-up by a peer whose host had
// acknowledged all; the proof that it did not is a reset, or no acknowledgement.
type line struct {
	net.Conn
	leave func() // gives its place to another connection

	mu    sync.Mutex
	lost  func(error) // to be told if the last answer did not arrive
	until time.Time   // when a reset tells no more of that answer
	ended error       // how reading ended
}

// watchTime is how long after an answer a reset means that it was not read. Later
// ones come from proxies and sleeping laptops; by then the answer was taken.
const watchTime = 2 * ackTimeout

var errHungUp = errors.New("the caller has hung up")

// withLine gives the requests of a connection their line.
func withLine(ctx context.Context, conn net.Conn) context.Context {
	if l, ok := conn.(*line); ok {
		return operation.WithLine(ctx, l)
	}
	return ctx
}

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	switch {
	case n > 0:
		l.mu.Lock()
		l.lost = nil
		l.mu.Unlock()
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		l.end(err)
	}
	return n, err
}

// end takes in how reading ended.
func (l *line) end(err error) {
	l.mu.Lock()
	lost := l.lost
	late := time.Now().After(l.until)
	l.lost, l.ended = nil, err
	l.mu.Unlock()
	if lost == nil || late {
		return
	}
	if err == io.EOF {
		err = l.Lost()
	}
	if err != nil {
		lost(err)
	}
}

// Gone implements operation.Line.
func (l *line) Gone() error {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if ended != nil {
		return ended
	}
	if s := look(l.Conn); s != unknown && s != open {
		return errHungUp
	}
	return nil
}

// Lost implements operation.Line.
func (l *line) Lost() error {
	if s := look(l.Conn); s == broken {
		return errHungUp
	}
	return nil
}

// Watch implements operation.Line.
func (l *line) Watch(lost func(error)) {
	l.mu.Lock()
	ended := l.ended
	if ended == nil {
		l.lost, l.until = lost, time.Now().Add(watchTime)
	}
	l.mu.Unlock()
	if ended != nil && l.Lost() != nil {
		lost(ended)
	}
}

// lineState is what the kernel knows of a connection.
type lineState uint8

const (
	unknown lineState = iota
	open              // both sides may send
	hungUp            // the peer sends no more, and had received all that was written
	broken            // what was written may not have arrived
)
