// Package listen is the door of a server: a port, with TLS or without, the
// connections that come through it, and the pace of the requests on them. It knows
// no service: who serves gives it a handler.
//
// It promises three things. No peer keeps what others wait for: connections have a
// bound, one client has a part of it, and of the client that has most whoever lets the
// server wait longest gives way (connections.go); heads, bodies and answers have their
// times (pace.go), and their room in memory (room.go). A
// handler can learn whether the caller is still there, and whether the answer
// arrived (Connection). And nothing goes over the wire in the clear where others may
// listen in, unless the operator wants that (tls.go).
package listen

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Config says how a server is reached.
type Config struct {
	Address string // host:port
	// Embedded has no port: requests come by ServeHTTP alone, from the process that it is in.
	Embedded bool
	Allowed  func(net.Addr) error // may refuse the address that is listened on; nil: any is good

	TLS TLS

	ConnectionsMax int
	ClientPercent  int // the part of them that one client may have
	Timeouts       Timeouts

	// Requests bounds what comes, and what of it is held until it was handled; Answers
	// what was not yet taken.
	Requests, Answers RoomConfig
	// GaveWay is what reading a body gives that had to give way to others.
	GaveWay error

	// Attach gives requests the connection on which they come.
	Attach func(context.Context, Connection) context.Context

	Clock Clock
	Log   *slog.Logger
}

// Clock is the real time, to which peers are held. Which of them are slow is told by what
// has elapsed, whatever happens to the time of day.
type Clock struct {
	Now       func() time.Time
	Elapsed   func() time.Duration // since any moment
	AfterFunc func(time.Duration, func()) *time.Timer
}

// Timeouts are how long peers may let the server wait. The defaults are for clients that
// have slow lines.
type Timeouts struct {
	Header time.Duration `default:"10s" min:"1ms" max:"24h"` // for the head of a request, or the handshake of TLS
	Body   time.Duration `default:"30s" min:"1ms" max:"24h"` // for its body
	Answer time.Duration `default:"30s" min:"1ms" max:"24h"` // for the reading of an answer
	Idle   time.Duration `default:"10m" min:"1ms" max:"24h"` // for another request
	Spare  time.Duration `default:"1s" min:"1ms" max:"24h"`  // for any of these, when others wait for a connection
}

// Bounds of a connection.
const (
	headerBytesMax  = 64 << 10
	streamsMax      = 250 // of a connection with HTTP/2, as what follows
	frameBytesMax   = 16 << 10
	receiveBytesMax = 128 << 10
)

// descriptorsMost are more than anybody needs.
const descriptorsMost = 100_000

// Door is an open port.
type Door struct {
	cfg          Config
	connections  *connections
	requests     *room
	answers      *room
	certificates *certificates // nil: no TLS
	http         *http.Server  // its handler is set by Handle
}

// Open opens the port. Requests wait until Serve.
func Open(ctx context.Context, cfg Config) (*Door, error) {
	listener, err := cfg.listener(ctx)
	if err != nil {
		return nil, err
	}
	d := &Door{
		cfg:      cfg,
		requests: newRoom(cfg.Requests, cfg.Timeouts.Spare, cfg.Clock.Elapsed, cfg.Log),
		answers:  newRoom(cfg.Answers, cfg.Timeouts.Spare, cfg.Clock.Elapsed, cfg.Log),
	}
	d.connections = newConnections(listener, cfg.Timeouts.Spare, cfg.Clock, NewShares(ShareConfig{
		What: "connections", Max: cfg.ConnectionsMax, ClientPercent: cfg.ClientPercent, Now: cfg.Clock.Now, Log: cfg.Log,
	}))
	d.connections.secure, d.connections.requests = cfg.TLS.On(), d.requests
	if err = d.secure(listener.Addr()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	d.http = d.newHTTP()
	return d, nil
}

func (c *Config) listener(ctx context.Context) (net.Listener, error) {
	if c.Embedded {
		return &nowhere{closed: make(chan struct{})}, nil
	}
	l, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", c.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %q: %w", c.Address, inUse(c.Address, err))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", c.Address, err)
	}
	return l, nil
}

// inUse says who has a port, and what to do.
func inUse(address string, cause error) error {
	_, text, _ := net.SplitHostPort(address)
	who := "another process"
	if port, err := strconv.Atoi(text); err == nil {
		who = cmp.Or(holder(port), who)
	}
	return fmt.Errorf("%s has the port; end it, or give another by --listen, 0 for any that is free: %w", who, cause)
}

// secure refuses an address that is not protected as it must be, and reads or makes
// the certificates.
func (d *Door) secure(addr net.Addr) (err error) {
	cfg := &d.cfg
	if !cfg.TLS.On() && !cfg.TLS.Insecure {
		err = requirePrivate(cfg.Address, addr)
	}
	if err == nil && cfg.Allowed != nil {
		err = cfg.Allowed(addr)
	}
	if err == nil && cfg.TLS.On() {
		d.certificates, err = newCertificates(cfg.TLS, cfg.Address, cfg.Clock.Now, cfg.Log)
	}
	return err
}

// Named tells whether a host is a name of the certificate; without TLS none is.
func (d *Door) Named(host string) bool {
	return d.certificates != nil && d.certificates.current().Certificates[0].Leaf.VerifyHostname(host) == nil
}

func (d *Door) newHTTP() *http.Server {
	var secure *tls.Config
	if d.certificates != nil {
		secure = d.certificates.listening()
	}
	return &http.Server{
		TLSConfig:         secure,
		ReadHeaderTimeout: d.cfg.Timeouts.Header,
		IdleTimeout:       d.cfg.Timeouts.Idle,
		MaxHeaderBytes:    headerBytesMax - 4<<10, // net/http takes so much more
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streamsMax, WriteByteTimeout: d.cfg.Timeouts.Answer,
			// What a peer only announces, or sends before it is read, costs no more.
			MaxReadFrameSize: frameBytesMax, MaxReceiveBufferPerConnection: receiveBytesMax, MaxReceiveBufferPerStream: receiveBytesMax,
		},
		ConnContext: d.withConnection,
		ConnState:   note,
		ErrorLog:    newPeerLog(d.cfg.Log, d.cfg.Clock.Now),
	}
}

// Handle says what answers requests. It is called once, before Serve.
func (d *Door) Handle(h http.Handler) { d.http.Handler = d.timed(h) }

// ServeHTTP answers a request that came on no connection of the port.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.http.Handler.ServeHTTP(w, r) }

// Serve serves until Shutdown or Close: http.ErrServerClosed.
func (d *Door) Serve() error {
	if d.certificates == nil {
		return d.http.Serve(d.connections)
	}
	return d.http.ServeTLS(d.connections, "", "")
}

// Shutdown closes the port, and waits until what is in flight has been answered.
// When ctx ends first, the connections that are left are cut.
func (d *Door) Shutdown(ctx context.Context) error {
	err := d.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain: %w", err), d.http.Close())
	}
	return err
}

// partingAnswers is how long a server that stops waits for those who read its answers.
const partingAnswers = 5 * time.Second

// Drain is for a server that stops: it need not wait for peers. The connections on which no
// request has come yet are closed; clients keep such spares. The requests of which only a
// part has come are cut; nothing was done of them. Those who read answers have some
// seconds.
func (d *Door) Drain() {
	d.connections.closeUnused()
	d.requests.close()
	d.cfg.Clock.AfterFunc(partingAnswers, func() {
		d.answers.close()
		d.connections.closeSlow()
	})
}

// Counts are how much there is at a moment.
type Counts struct {
	Connections  int // open ones
	Watched      int // answers of which it is not known whether they arrived
	Coming       int // requests of which a part has come; of heads, large ones
	RequestBytes int64
	AnswerBytes  int64
}

// Counts counts.
func (d *Door) Counts() Counts {
	c := d.connections.counts()
	c.RequestBytes, c.Coming = d.requests.taken()
	c.AnswerBytes, _ = d.answers.taken()
	return c
}

// Close closes the port, unless Shutdown has done so.
func (d *Door) Close() error {
	if err := d.connections.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Addr is the address that is listened on.
func (d *Door) Addr() net.Addr { return d.connections.Addr() }

// URL is how clients on this machine reach the port.
func (d *Door) URL() string {
	scheme := "http://"
	if d.certificates != nil {
		scheme = "https://"
	}
	addr := d.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("%s127.0.0.1:%d", scheme, addr.Port)
	}
	return scheme + addr.String()
}
