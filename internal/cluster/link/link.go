// Package link has one connection with each other member of a cluster, over which frames
// go both ways, in order. Both sides show certificates of the cluster's own authority, made for
// their membership. A connection that is silent for a while ends; what was on its way is lost
// then, and both sides hear of it. Of two members the one with the lesser id connects.
package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// Peer is another member.
type Peer struct {
	Member  string // id of one membership
	Name    string
	Address string
	// LevelFrom and Level are the lowest and the highest level that it speaks.
	LevelFrom, Level int
}

// Events are told by goroutines of the links, in order for each member: Up, then frames, then
// Down. They may call Send and Peers, and not Close. A frame is lent for the call; an error of
// it ends the link.
type Events struct {
	Up    func(Peer)
	Down  func(member string)
	Frame func(member string, frame []byte) error
}

// Config is what links are opened with.
type Config struct {
	Self   Peer
	Listen string
	CA     *Authority
	Now    func() time.Time
	// Within is context.WithTimeout.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Log    *slog.Logger
}

// Times and bounds.
const (
	pingEvery = 300 * time.Millisecond
	// gatherFor is how long after a write the next one begins at the earliest: what is sent meanwhile goes with it.
	gatherFor = time.Millisecond
	// laterMost is how long what can wait does.
	laterMost     = 20 * time.Millisecond
	silentMost    = 1500 * time.Millisecond
	connectWithin = time.Second
	connectAgain  = 100 * time.Millisecond
	partMost      = 250 * time.Millisecond // how long the last that was sent may take
	queueBytesMax = 64 << 20               // a link with more to send ends
	frameBytesMax = 64 << 20
	readBytes     = 64 << 10
	writeBytes    = 256 << 10 // each has silentMost to go out
)

// Links are those of one membership.
type Links struct {
	cfg      Config
	events   Events
	listener net.Listener
	tls      *tls.Config
	life     context.Context
	end      context.CancelFunc
	work     sync.WaitGroup
	strange  strangers

	mu     sync.Mutex // guards the fields below
	peers  map[string]Peer
	dials  map[string]context.CancelFunc // of those that this side connects with
	conns  map[string]*conn
	closed bool
}

// Open listens, and has links with those that Peers says.
func Open(cfg Config, events Events) (*Links, error) {
	l, err := newLinks(cfg, events)
	if err != nil {
		return nil, err
	}
	if l.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listen for other nodes on %s: %w", cfg.Listen, err)
	}
	l.work.Go(l.accept)
	return l, nil
}

func newLinks(cfg Config, events Events) (*Links, error) {
	certificate, err := cfg.CA.issue(cfg.Self.Member, cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("make a certificate for links: %w", err)
	}
	l := &Links{
		cfg: cfg, events: events,
		peers: map[string]Peer{}, dials: map[string]context.CancelFunc{}, conns: map[string]*conn{},
		tls: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: cfg.CA.pool, RootCAs: cfg.CA.pool,
			NextProtos: []string{protocol}, SessionTicketsDisabled: true, Time: cfg.Now,
			DynamicRecordSizingDisabled: true, // a record is a system call
		},
	}
	l.life, l.end = context.WithCancel(context.Background())
	return l, nil
}

// Addr is where it listens.
func (l *Links) Addr() net.Addr { return l.listener.Addr() }

// Close ends all links, and returns when Events have heard so. What was sent goes out first, and who takes it has
// it within partMost.
func (l *Links) Close() {
	l.mu.Lock()
	l.closed = true
	conns := slices.Collect(maps.Values(l.conns))
	l.mu.Unlock()
	within, cancel := l.cfg.Within(l.life, partMost)
	defer cancel()
	for _, c := range conns {
		c.part()
	}
	for _, c := range conns {
		select {
		case <-c.over:
		case <-within.Done():
		}
	}
	l.end()
	l.listener.Close()
	l.work.Wait()
}

// Peers says with whom to have links; those with others end, whoever began them.
func (l *Links) Peers(all []Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	wanted := map[string]Peer{}
	for _, p := range all {
		wanted[p.Member] = p
	}
	for member, p := range l.peers {
		next, stays := wanted[member]
		if stays && (next.Address == p.Address || l.dials[member] == nil) {
			continue
		}
		if stop := l.dials[member]; stop != nil {
			stop()
			delete(l.dials, member)
		}
		if c := l.conns[member]; c != nil && stays {
			c.close(fmt.Errorf("it is at %s now", next.Address))
		}
	}
	for member, c := range l.conns { // also of those who came by themselves
		if _, is := wanted[member]; !is {
			c.close(errors.New("it is no member"))
		}
	}
	l.peers = wanted
	for _, p := range all {
		if p.Member > l.cfg.Self.Member && l.dials[p.Member] == nil {
			life, stop := context.WithCancel(l.life)
			l.dials[p.Member] = stop
			l.work.Go(func() { l.dial(life, p) })
		}
	}
}

// Send sends a frame, which its caller does not change any more. It never waits. An error:
// there are no such frames.
func (l *Links) Send(member string, frame []byte) error { return l.send(member, frame, false) }

// SendLater is Send for a frame that can wait a while for others, with which it shares a write. Frames stay in order.
func (l *Links) SendLater(member string, frame []byte) error { return l.send(member, frame, true) }

func (l *Links) send(member string, frame []byte, canWait bool) error {
	if len(frame) > frameBytesMax {
		return fmt.Errorf("it has %d bytes, and at most %d go over a link at a time", len(frame), frameBytesMax)
	}
	l.mu.Lock()
	c := l.conns[member]
	l.mu.Unlock()
	if c != nil {
		c.send(frame, canWait)
	}
	return nil
}

// dial has a connection with a peer, again and again.
func (l *Links) dial(life context.Context, p Peer) {
	told := false
	for life.Err() == nil {
		err := l.connect(life, p)
		if err != nil && !told && life.Err() == nil {
			told = true
			l.cfg.Log.Warn("connect with another node; it is tried again", "node", p.Name, "address", p.Address, "cause", err)
		}
		if err == nil {
			told = false
		}
		pause, cancel := l.cfg.Within(life, connectAgain)
		<-pause.Done()
		cancel()
	}
}

func (l *Links) connect(life context.Context, p Peer) error {
	within, cancel := l.cfg.Within(life, connectWithin)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(within, "tcp", p.Address)
	if err != nil {
		return err
	}
	config := l.tls.Clone()
	config.ServerName = p.Member
	secured := tls.Client(raw, config)
	if err := secured.HandshakeContext(within); err != nil {
		return errors.Join(err, raw.Close())
	}
	// TLS 1.3: the other side's verdict on our certificate comes with its first bytes.
	return l.serve(secured, p.Member)
}

func (l *Links) accept() {
	for {
		raw, err := l.listener.Accept()
		if err != nil {
			if l.life.Err() != nil {
				return
			}
			pause, cancel := l.cfg.Within(l.life, connectAgain)
			<-pause.Done()
			cancel()
			continue
		}
		known := l.strange.greet(raw)
		l.work.Go(func() {
			secured, member, err := l.identify(known)
			l.strange.goodbye(known)
			if err != nil {
				raw.Close()
				return
			}
			known.known()
			_ = l.serve(secured, member) // what it refuses the other side tells
		})
	}
}

// identify finds out which member has connected.
func (l *Links) identify(raw net.Conn) (*tls.Conn, string, error) {
	within, cancel := l.cfg.Within(l.life, connectWithin)
	defer cancel()
	secured := tls.Server(raw, l.tls)
	if err := secured.HandshakeContext(within); err != nil {
		return nil, "", err
	}
	names := secured.ConnectionState().PeerCertificates[0].DNSNames
	if len(names) != 1 || names[0] == l.cfg.Self.Member {
		return nil, "", fmt.Errorf("its certificate is for %q", names)
	}
	return secured, names[0], nil
}

// serve has a connection until it ends. An error: no link came of it.
func (l *Links) serve(secured *tls.Conn, member string) error {
	c := &conn{Conn: secured, member: member, kicked: make(chan struct{}, 1), ended: make(chan struct{}), over: make(chan struct{})}
	defer close(c.over)
	defer c.close(net.ErrClosed)
	defer context.AfterFunc(l.life, func() { c.close(net.ErrClosed) })()
	c.send(l.cfg.Self.hello(), false)
	l.work.Go(func() { l.write(c) })
	from := newReader(c, l.cfg.Now)
	said, err := from.frame()
	if err != nil {
		return err
	}
	other, err := l.cfg.Self.meet(said)
	if err != nil {
		return err
	}
	log := l.cfg.Log.With("node", other.Name, "member", member)
	for {
		l.mu.Lock()
		before := l.conns[member]
		if before == nil && !l.closed {
			l.conns[member] = c
		}
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return net.ErrClosed
		}
		if before == nil {
			break
		}
		before.close(errors.New("the other side has connected anew"))
		<-before.over
	}
	log.Info("a link with another node begins")
	l.events.Up(Peer{Member: member, Name: other.Name, LevelFrom: other.From, Level: other.To})
	c.close(l.read(c, from))
	l.mu.Lock()
	delete(l.conns, member)
	l.mu.Unlock()
	log.Info("a link with another node has ended", "cause", c.why())
	l.events.Down(member)
	return nil
}

func (l *Links) read(c *conn, from *reader) error {
	for {
		frame, err := from.frame()
		if err == nil && len(frame) > 0 {
			err = l.events.Frame(c.member, frame)
		}
		if err != nil {
			return err
		}
	}
}

// reader takes frames from a connection.
type reader struct {
	c   *conn
	now func() time.Time
	b   []byte
	at  int // of what was read and not taken
	n   int
}

func newReader(c *conn, now func() time.Time) *reader {
	return &reader{c: c, now: now, b: make([]byte, readBytes)}
}

// frame is the next one, which is lent until the next call; empty: a ping.
func (r *reader) frame() ([]byte, error) {
	var head [4]byte
	if err := r.full(head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > frameBytesMax {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	if r.n-r.at >= int(n) {
		r.at += int(n)
		return r.b[r.at-int(n) : r.at], nil
	}
	frame := make([]byte, n)
	return frame, r.full(frame)
}

func (r *reader) full(to []byte) error {
	for len(to) > 0 {
		if r.at == r.n {
			if err := r.c.SetReadDeadline(r.now().Add(silentMost)); err != nil {
				return err
			}
			n, err := r.c.Read(r.b)
			if n == 0 {
				if err == nil {
					err = io.ErrNoProgress
				}
				return err
			}
			r.at, r.n = 0, n
		}
		n := copy(to, r.b[r.at:r.n])
		r.at += n
		to = to[n:]
	}
	return nil
}

// write writes what is sent: at once after a while of silence, and else with what is sent within gatherFor.
func (l *Links) write(c *conn) {
	var b []byte
	wrote, later := time.Time{}, time.Time{}
	alarm := l.alarm(c)
	defer alarm.stop()
	for {
		what, ended := c.waiting()
		if ended || l.life.Err() != nil {
			return
		}
		due, now := wrote.Add(gatherFor), l.cfg.Now()
		switch what {
		case last:
			due = now
		case nothing:
			due, later = wrote.Add(pingEvery), time.Time{}
		case patient:
			if later.IsZero() {
				later = now
			}
			due = later.Add(laterMost)
		}
		if due.After(now) {
			alarm.wait(due, now)
			continue
		}
		b, later = b[:0], time.Time{}
		queue := c.take()
		for _, frame := range queue {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(frame))), frame...)
		}
		if len(queue) == 0 {
			b = append(b, 0, 0, 0, 0)
		}
		for part := range slices.Chunk(b, writeBytes) {
			err := c.SetWriteDeadline(l.cfg.Now().Add(silentMost))
			if err == nil {
				_, err = c.Write(part)
			}
			if err != nil {
				c.close(err)
				return
			}
		}
		if what == last {
			_ = c.CloseWrite() // the other side ends it, or this one after a while
			return
		}
		wrote = now
		if cap(b) > 1<<20 {
			b = nil
		}
	}
}

// alarm wakes a writer.
type alarm struct {
	links  *Links
	c      *conn
	at     time.Time
	rings  <-chan struct{}
	cancel context.CancelFunc
}

func (l *Links) alarm(c *conn) *alarm { return &alarm{links: l, c: c, cancel: func() {}} }

func (a *alarm) stop() { a.cancel() }

// wait returns when it is time, or before that: when the connection has more to write, or ends, or an earlier
// time has come that was waited for.
func (a *alarm) wait(due, now time.Time) {
	if !a.at.After(now) || a.at.After(due) {
		a.cancel()
		var ctx context.Context
		ctx, a.cancel = a.links.cfg.Within(a.links.life, due.Sub(now))
		a.at, a.rings = due, ctx.Done()
	}
	select {
	case <-a.c.kicked:
	case <-a.c.ended:
	case <-a.rings:
		a.at = time.Time{}
	}
}

// conn is a connection.
type conn struct {
	*tls.Conn
	member string
	kicked chan struct{} // has an element when something is to be written
	ended  chan struct{} // closed when it is closed
	over   chan struct{} // closed when Events have heard of its end

	mu     sync.Mutex // guards the fields below
	queue  [][]byte
	urgent bool // some of the queue can't wait
	bytes  int
	parts  bool // nothing comes after the queue
	done   bool
	cause  error // of its end
}

// waiting is what waits to be written.
type waiting uint8

const (
	nothing waiting = iota
	patient         // can wait for others
	urgent
	last // nothing is written after it
)

func (c *conn) send(frame []byte, canWait bool) {
	c.mu.Lock()
	full := c.bytes+len(frame) > queueBytesMax
	kick := len(c.queue) == 0 || !canWait && !c.urgent
	if !c.done && !c.parts && !full {
		c.queue = append(c.queue, frame)
		c.urgent = c.urgent || !canWait
		c.bytes += len(frame)
	}
	c.mu.Unlock()
	if full {
		c.close(fmt.Errorf("more than %d bytes wait to be sent", queueBytesMax))
		return
	}
	if kick {
		c.kick()
	}
}

// part has the other side end the connection, when it has all that was sent.
func (c *conn) part() {
	c.mu.Lock()
	c.parts = true
	c.mu.Unlock()
	c.kick()
}

// kick wakes the writer.
func (c *conn) kick() {
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}

func (c *conn) waiting() (w waiting, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.parts:
		w = last
	case c.urgent:
		w = urgent
	case len(c.queue) > 0:
		w = patient
	}
	return w, c.done
}

// take gives what is to be written now.
func (c *conn) take() (queue [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	queue, c.queue, c.bytes, c.urgent = c.queue, nil, 0, false
	return queue
}

func (c *conn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// close has the connection end, for the first cause given; its reader finds out.
func (c *conn) close(cause error) {
	c.mu.Lock()
	done := c.done
	if !done {
		c.done, c.cause = true, cause
	}
	c.mu.Unlock()
	if !done {
		close(c.ended)
		c.NetConn().Close()
	}
}

// Authority makes the certificates of a cluster's members.
type Authority struct {
	pool        *x509.CertPool
	certificate *x509.Certificate
	key         any
}
