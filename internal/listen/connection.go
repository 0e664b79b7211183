package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ackTimeout is how long a caller's host may leave what was written to it without
// an acknowledgement before the connection counts as broken.
const ackTimeout = 10 * time.Second

// keepAlive finds the peers that vanished while they wait in a poll. Linux gives a peer up
// that has not answered the last probe, if nothing has come from it for ackTimeout. So
// five are sent by then: the probes of thousands who came together go out together, and
// where more come at a time than a queue of the system has room for, those of the same ones may be lost
// several times.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 5}

// Connection is what a caller waits on for its answer.
type Connection interface {
	// Gone tells why the caller can't be answered any more; nil: it is there.
	Gone() error
	// Lost tells why what was written will not arrive; nil: it has arrived, or is
	// on its way.
	Lost() error
	// Watch calls lost, at most once, if it turns out before the next request that
	// what was written did not arrive.
	Watch(lost func(error))
}

// connection is a connection that notices whether the last answers arrived. It lies
// below TLS, where resets are seen.
//
// The proof that an answer arrived is the next request, if it came after the answer had
// been acknowledged, or a hang-up by a peer whose host had acknowledged all; the proof
// that it did not is a reset, or no acknowledgement. A request that came before proves
// nothing, nor does any with HTTP/2, so there answers are watched until it is too late.
//
// With HTTP/1.1 nothing may come between a request and its answer. No client of ours
// sends so on purpose; processes that share a connection do, since they were forked, and
// read each other's answers. So a request that comes out of turn ends the connection:
// what waits is given up, what is being done is answered, and then no more is.
type connection struct {
	net.Conn
	connections *connections
	client      netip.Prefix
	secure      bool // TLS is above it
	now         func() time.Time

	used  atomic.Bool  // a request has come
	sends atomic.Bool  // the peer may still be sending a request that we have answered
	waits atomic.Int64 // since when the peer lets us wait, by connections.elapsed; 0: it does not

	heads      atomic.Bool  // a head is coming, or the handshake
	head       atomic.Int64 // bytes of it
	unanswered atomic.Bool  // a request has come, and nothing of its answer has gone
	answering  atomic.Bool  // what is written is an answer
	outOfTurn  atomic.Bool  // more came meanwhile
	pace       *pace        // of the request that is served; of the goroutine that serves it

	writing sync.Mutex // held while something is written

	mu      sync.Mutex // guards what follows; nothing is read or written under it
	coming  *parcel    // the head, if it is large
	read    uint64     // bytes
	written uint64
	answer  uint64  // how much had been read when the last answer was written
	early   uint64  // how much had come when the last answer that is watched had been written
	watches []watch // oldest first; with HTTP/1.1 more than one if requests came early
	heard   bool    // something has come since the last answer that is watched
	proven  bool    // what can only have been sent after that had come
	ahead   []byte  // what came, and nobody has read yet
	ended   error   // how reading ended, or that we hung up
}

// watch is an answer of which it is not known whether it arrived.
type watch struct {
	lost  func(error) // to be told if it did not
	until time.Time   // when a reset tells no more of it
	end   uint64      // how much had been written with it; unwritten: it is still to be
	alone bool        // nothing else is on the connection until the next request
}

const unwritten = math.MaxUint64

// watchTime is how long after an answer a reset means that it was not read. Later
// ones come from proxies and sleeping laptops; by then the answer was taken.
const watchTime = 2 * ackTimeout

var (
	errHungUp = errors.New("the caller has hung up")
	// net/http takes these for failures of the network, and answers nothing.
	errOutOfTurn = &net.OpError{Op: "read", Err: errors.New("a request came before the one before it was answered")}
	errTooMuch   = &net.OpError{Op: "read", Err: errors.New("too many large heads at a time")}
)

// connectionOf is ours below one of net/http's; nil: there is none.
func connectionOf(conn net.Conn) *connection {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

type connectionKey struct{}

// withConnection gives requests the connection on which they come.
func (d *Door) withConnection(ctx context.Context, conn net.Conn) context.Context {
	c := connectionOf(conn)
	if c == nil {
		return ctx
	}
	return d.attach(context.WithValue(ctx, connectionKey{}, c), c)
}

// onConnection tells the connection of a request that it has come. With HTTP/2 it
// gives the request a stream of it.
func (d *Door) onConnection(r *http.Request, p *pace) *http.Request {
	c := connectionIn(r.Context())
	if c == nil {
		return r
	}
	p.client = c.client
	if r.ProtoMajor >= 2 {
		ctx := d.attach(r.Context(), &stream{c, r.Context()})
		return r.WithContext(context.WithValue(ctx, paceKey{}, p))
	}
	p.connection, c.pace = c, p
	p.head = max(0, c.head.Swap(0)-freeBytes)
	if !c.turn() {
		panic(http.ErrAbortHandler) // closes the connection
	}
	return r
}

// turn tells whether a request came when it was due. If it is certain, the last answer has
// arrived, and is forgotten.
func (c *connection) turn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answering.Swap(false) && c.read == c.answer { // not a byte has come since
		c.outOfTurn.Store(true)
		return false
	}
	if c.proven {
		c.watches = c.watches[:0]
	}
	for i := range c.watches {
		c.watches[i].alone = false
	}
	return true
}

// attach has the context of a request hold its connection.
func (d *Door) attach(ctx context.Context, c Connection) context.Context {
	if d.cfg.Attach == nil {
		return ctx
	}
	return d.cfg.Attach(ctx, c)
}

func connectionIn(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// awaitPeer begins the time that the peer lets us wait, unless it has begun.
func (c *connection) awaitPeer() { c.waits.CompareAndSwap(0, int64(c.connections.clock.Elapsed())+1) }

// serve ends it: now the peer waits for us.
func (c *connection) serve() { c.waits.Store(0) }

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	c.mu.Lock()
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	c.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	n, err := c.Conn.Read(p)
	switch {
	case n > 0:
		if err := c.hear(p[:n]); err != nil {
			return 0, err
		}
	case err == io.EOF:
		c.writing.Lock() // a Write may have been told of a reset in our stead
		c.writing.Unlock()
		c.end(err)
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		c.end(err)
	}
	return n, err
}

// hear takes in what has come. An error: it should not have. Old clients send an empty
// line behind a body.
func (c *connection) hear(b []byte) error {
	if c.unanswered.Load() && len(bytes.Trim(b, "\r\n")) > 0 {
		c.outOfTurn.Store(true)
	}
	if c.outOfTurn.Load() {
		return errOutOfTurn
	}
	n := len(b)
	c.mu.Lock()
	c.read += uint64(n)
	c.heard = true
	look := len(c.watches) > 0 && !c.proven && c.read > c.early
	c.mu.Unlock()
	if look {
		c.prove()
	}
	if !c.heads.Load() {
		return nil
	}
	if all := c.head.Add(int64(n)); all > freeBytes {
		return c.growHead(int64(n))
	}
	return nil
}

// prove finds out whether what has come was sent by a peer whose host had the last answer.
func (c *connection) prove() {
	got, known := acknowledged(c.Conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.watches); n > 0 {
		c.proven = !known || got >= c.watches[n-1].end
	}
}

// growHead gives a large head room for more of it. The connection may be closed meanwhile: who does so has what is in the
// room leave it, and so what comes there later leaves by itself.
func (c *connection) growHead(more int64) error {
	c.mu.Lock()
	coming := c.coming
	c.mu.Unlock()
	if coming != nil {
		if !coming.grow(more) {
			return errTooMuch
		}
		return nil
	}
	coming = new(parcel)
	if !c.connections.requests.enter(coming, c.client, more, c.headGivesWay) {
		return errTooMuch
	}
	c.mu.Lock()
	in := c.heads.Load()
	if in {
		c.coming = coming
	}
	c.mu.Unlock()
	if !in {
		coming.leave()
		return errTooMuch
	}
	return nil
}

// headEnds is for when a head has come, or will not.
func (c *connection) headEnds() {
	c.heads.Store(false)
	c.mu.Lock()
	coming := c.coming
	c.coming = nil
	c.mu.Unlock()
	if coming != nil {
		coming.leave()
	}
}

// headGivesWay is for a large head that had to leave its room.
func (c *connection) headGivesWay() {
	c.mu.Lock()
	c.coming = nil
	c.mu.Unlock()
	c.giveWay()
}

// giveWay closes the connection. Nobody waits for its peer any more.
func (c *connection) giveWay() {
	c.sends.Store(false)
	_ = c.Close() // how it ends does not matter
}

// Write implements net.Conn.
func (c *connection) Write(p []byte) (int, error) {
	c.unanswered.Store(false)
	c.writing.Lock()
	defer c.writing.Unlock()
	c.hearOut()
	c.mu.Lock()
	if c.answering.Load() {
		c.answer = c.read
	}
	c.written += uint64(len(p)) // if not all is taken, the connection ends
	for i := len(c.watches) - 1; i >= 0 && c.watches[i].end == unwritten; i-- {
		c.watches[i].end = c.written
	}
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.ECONNRESET) { // it is told once; the next Read finds an end
		c.end(err)
	}
	return n, err
}

// partingTime is how long a connection that ends stays, to learn whether the last
// answer arrived.
const partingTime = time.Second

// lingerTime is how long it stays for a peer who is still sending a request that was
// refused early, as one with a body too large is. What is not read when a connection
// is closed makes the kernel send a reset, at which the peer's writing fails, and the
// answer that waits for it is thrown away (RFC 9112, section 9.6). So what it sends is
// read and dropped until it is through. net/http would do so in part, but not with our
// own Body and ResponseWriter, behind which it does not see that something is unread.
const lingerTime = 5 * time.Second

// hearOut waits for a peer who has closed TLS to hang up, before it is told the
// same: a reset after that may mean that it did not read this, and not the answer.
// With HTTP/1.1 nothing else is written between an answer and the next request.
func (c *connection) hearOut() {
	c.mu.Lock()
	closing := c.heard && c.ended == nil && len(c.watches) > 0 && c.watches[0].alone && c.now().Before(c.watches[0].until)
	c.mu.Unlock()
	if !closing || c.Conn.SetReadDeadline(c.now().Add(partingTime)) != nil {
		return
	}
	var more [1]byte
	n, err := c.Conn.Read(more[:])
	switch {
	case n > 0:
		c.mu.Lock()
		c.read++
		c.ahead = more[:]
		c.mu.Unlock()
	case !errors.Is(err, os.ErrDeadlineExceeded):
		c.end(err)
	}
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.headEnds()
	c.mu.Lock()
	first := c.ended == nil
	if first {
		c.ended = net.ErrClosed
	}
	watching := first && len(c.watches) > 0 && c.now().Before(c.watches[len(c.watches)-1].until)
	c.mu.Unlock()
	switch {
	case watching && c.outOfTurn.Load():
		go c.part(watchTime)
		return nil
	case first && (c.sends.Load() || c.outOfTurn.Load()):
		go c.part(lingerTime)
		return nil
	case watching:
		go c.part(partingTime)
		return nil
	}
	defer c.connections.leave(c)
	return c.Conn.Close()
}

// part hangs up and waits for the peer to do so too.
func (c *connection) part(most time.Duration) {
	defer c.connections.leave(c)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // that it can't be is what reading will show
	}
	err := c.Conn.SetReadDeadline(c.now().Add(most))
	for rest := make([]byte, 4096); err == nil; {
		_, err = c.Conn.Read(rest)
	}
	c.mu.Lock()
	if n := len(c.watches); n > 0 && c.written > c.watches[n-1].end && !c.outOfTurn.Load() {
		// If it was a reset, what we wrote last may have caused it: the end of TLS, which a peer who
		// has read the answer need not read. That such a peer sent requests ahead is less likely than
		// that it read nothing.
		err = io.EOF
	}
	c.mu.Unlock()
	c.end(err)
	_ = c.Conn.Close() // nobody is left to hear of it
}

// end takes in how reading ended.
func (c *connection) end(err error) {
	c.mu.Lock()
	watches := c.watches
	c.watches = nil
	if c.ended == nil {
		c.ended = err
	}
	c.mu.Unlock()
	if len(watches) == 0 {
		return
	}
	now := c.now()
	reset := err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed)
	got, known := acknowledged(c.Conn)
	for _, w := range watches {
		if now.Before(w.until) && (reset || known && got < w.end) {
			w.lost(errHungUp)
		}
	}
}

// Gone implements Connection.
func (c *connection) Gone() error {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if ended != nil {
		return ended
	}
	if c.outOfTurn.Load() {
		return errOutOfTurn
	}
	if s := look(c.Conn); s != unknown && s != open {
		return errHungUp
	}
	return nil
}

// Lost implements Connection. It is asked when an answer has been written: what has come
// by then proves nothing.
func (c *connection) Lost() error {
	s, received := lookAt(c.Conn)
	c.mu.Lock()
	c.early = max(received, c.read)
	c.mu.Unlock()
	if s == broken {
		return errHungUp
	}
	return nil
}

// Watch implements Connection.
func (c *connection) Watch(lost func(error)) { c.watch(lost, true) }

func (c *connection) watch(lost func(error), alone bool) {
	now := c.now()
	c.mu.Lock()
	ended := c.ended
	c.heard, c.proven = false, false
	if ended == nil {
		for len(c.watches) > 0 && now.After(c.watches[0].until) {
			c.watches = c.watches[1:]
		}
		end := uint64(unwritten)
		if alone {
			end = c.written
		}
		c.watches = append(c.watches, watch{lost, now.Add(watchTime), end, alone})
	}
	c.mu.Unlock()
	if ended != nil && c.Lost() != nil {
		lost(ended)
	}
}

// stream is the part of one request in a connection that others share.
type stream struct {
	*connection
	ctx context.Context // of the request; ends when the caller resets the stream
}

// Lost implements Connection. A caller who resets the stream may have read
// the answer; that it gets the task again does less harm than that nobody does.
func (s *stream) Lost() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.connection.Lost()
}

// Watch implements Connection. The flush of a stream does not wait for the
// connection; what is written to that next holds the answer, if nothing before did.
func (s *stream) Watch(lost func(error)) { s.watch(lost, false) }

// connectionState is what the kernel knows of a connection.
type connectionState uint8

const (
	unknown connectionState = iota
	open                    // both sides may send
	hungUp                  // the peer sends no more, and had received all that was written
	broken                  // what was written may not have arrived
)
