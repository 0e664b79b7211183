package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/swf/wire"
)

// protocols are the ways in which a server can be reached.
var protocols = []string{"HTTP/1.1", "HTTP/1.1 over TLS", "HTTP/2.0 over TLS"}

// startFor starts a server that a protocol reaches.
func startFor(t *testing.T, protocol string, cfg Config) *Server {
	t.Helper()
	cfg.Data = t.TempDir()
	cfg.TLS.SelfSigned = strings.HasSuffix(protocol, "TLS")
	return start(t, cfg)
}

// peer is a client of one protocol, whose connections can be stopped and cut.
type peer struct {
	http.Client
	t      *testing.T
	server *Server

	mu    sync.Mutex
	conns []*cuttable
}

func newPeer(t *testing.T, s *Server, protocol string) *peer {
	t.Helper()
	p := &peer{t: t, server: s}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 100,
		HTTP2:               &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			c := &cuttable{TCPConn: conn.(*net.TCPConn), closed: make(chan struct{})}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.conns = append(p.conns, c)
			return c, nil
		},
	}
	if s.cfg.TLS.SelfSigned {
		transport.TLSClientConfig = &tls.Config{RootCAs: trustOf(t, s)}
		transport.ForceAttemptHTTP2 = protocol == "HTTP/2.0 over TLS"
	}
	p.Transport = strict(transport)
	t.Cleanup(p.CloseIdleConnections)
	return p
}

// trustOf is what clients of a self-signed server trust.
func trustOf(t *testing.T, s *Server) *x509.CertPool {
	t.Helper()
	ca, err := os.ReadFile(CAFile(s.cfg.Data))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("no certificate in %s", ca)
	}
	return pool
}

// cuttable is a connection of which nothing more is read once it is stopped.
type cuttable struct {
	*net.TCPConn
	stopped atomic.Bool
	closed  chan struct{}
	once    sync.Once
}

func (c *cuttable) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if c.stopped.Load() {
		<-c.closed
	}
	return n, err
}

func (c *cuttable) SetReadDeadline(at time.Time) error {
	if c.stopped.Load() {
		return nil
	}
	return c.TCPConn.SetReadDeadline(at)
}

func (c *cuttable) Close() error {
	defer c.once.Do(func() { close(c.closed) }) // now, so that who reads can't say goodbye
	return c.TCPConn.Close()
}

// stop makes the peer read nothing more.
func (p *peer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.stopped.Store(true)
		if acknowledge != nil {
			acknowledge(p.t, c.TCPConn)
		}
		if err := c.TCPConn.SetReadDeadline(time.Unix(1, 0)); err != nil && !errors.Is(err, net.ErrClosed) {
			p.t.Error(err)
		}
	}
}

// die makes the peer end as a process does that is killed.
func (p *peer) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if err := c.SetLinger(0); err != nil {
			p.t.Error(err)
		}
		c.Close()
	}
}

// ask is call for a peer.
func (p *peer) ask(ctx context.Context, action, body string) (reply, *http.Response) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server.URL(), strings.NewReader(body))
	if err != nil {
		return reply{err: err}, nil
	}
	r.Header.Set("X-Amz-Target", wire.TargetPrefix+"."+action)
	w, err := p.Do(r)
	if err != nil {
		return reply{err: err}, nil
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	return reply{w.StatusCode, string(b), err}, w
}

func (p *peer) must(action, body string) string {
	p.t.Helper()
	a, _ := p.ask(p.t.Context(), action, body)
	if a.err != nil || a.status != http.StatusOK {
		p.t.Fatalf("%s: %d %s %v", action, a.status, a.body, a.err)
	}
	return a.body
}

// poll polls in the background.
func (p *peer) poll(ctx context.Context) <-chan reply {
	polled := make(chan reply, 1)
	before := p.server.tasks.polls.Taken()
	go func() {
		a, _ := p.ask(ctx, "PollForDecisionTask", pollDeciders)
		polled <- a
	}()
	waitUntil(p.t, "the poll waits", func() bool { return p.server.tasks.polls.Taken() > before })
	return polled
}

// register makes the domain and the type of orders.
func (p *peer) register() {
	p.t.Helper()
	p.must("RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	p.must("RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`)
}

// wantTask polls for a task that was given to somebody before.
func (p *peer) wantTask() {
	p.t.Helper()
	var task struct{ StartedEventID, PreviousStartedEventID int64 }
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	a, _ := p.ask(ctx, "PollForDecisionTask", pollDeciders)
	if err := json.Unmarshal([]byte(a.body), &task); err != nil || a.err != nil {
		p.t.Fatalf("poll: %+v", a)
	}
	if task.StartedEventID != 3 {
		p.t.Errorf("startedEventId %d, want 3", task.StartedEventID)
	}
}

// TestLostAnswers has pollers who do not get the answer that was written to them:
// the task is offered again.
func TestLostAnswers(t *testing.T) {
	for _, protocol := range protocols {
		for name, lose := range map[string]func(p *peer, hangUp func()){
			"while it waits": func(p *peer, hangUp func()) {
				hangUp()
				waitUntil(p.t, "the poll has gone", func() bool { return p.server.tasks.polls.Taken() == 0 })
				newPeer(p.t, p.server, protocol).must("StartWorkflowExecution", startOrder)
			},
			"by a reset": func(p *peer, _ func()) {
				p.stop()
				newPeer(p.t, p.server, protocol).must("StartWorkflowExecution", startOrder)
				waitUntil(p.t, "it was answered", func() bool { return p.server.door.Counts().Watched == 1 })
				p.die()
			},
			"by hanging up": func(p *peer, hangUp func()) {
				p.stop()
				newPeer(p.t, p.server, protocol).must("StartWorkflowExecution", startOrder)
				waitUntil(p.t, "it was answered", func() bool { return p.server.door.Counts().Watched == 1 })
				hangUp()
			},
		} {
			if name == "by hanging up" && protocol == "HTTP/2.0 over TLS" {
				continue // the stream has ended, and what the client does with it is told to nobody
			}
			t.Run(protocol+"/"+name, func(t *testing.T) {
				s := startFor(t, protocol, memory())
				p := newPeer(t, s, protocol)
				newPeer(t, s, protocol).register()
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				polled := p.poll(ctx)
				lose(p, hangUp)
				if a := <-polled; a.err == nil {
					t.Errorf("the poller got %+v", a)
				}
				newPeer(t, s, protocol).wantTask()
			})
		}
	}
}

// TestLostAnswersOfOneConnection resets a connection on which several polls were
// answered: all their tasks are offered again.
func TestLostAnswersOfOneConnection(t *testing.T) {
	const protocol = "HTTP/2.0 over TLS"
	s := startFor(t, protocol, memory())
	p, other := newPeer(t, s, protocol), newPeer(t, s, protocol)
	other.register()
	// The first opens the connection for all.
	var polls []<-chan reply
	for range 3 {
		polls = append(polls, p.poll(t.Context()))
	}
	if len(p.conns) != 1 {
		t.Fatalf("%d connections for three polls", len(p.conns))
	}
	p.stop()
	for _, id := range []string{`"a"`, `"b"`, `"c"`} {
		other.must("StartWorkflowExecution", strings.Replace(startOrder, `"a"`, id, 1))
	}
	waitUntil(t, "all were answered", func() bool { return s.door.Counts().Watched == 3 })
	p.die()
	for _, polled := range polls {
		if a := <-polled; a.err == nil {
			t.Errorf("a poller got %+v", a)
		}
	}
	for range polls {
		other.wantTask()
	}
}

// TestHangUpOfOneStream has a poller who hangs up while another waits on the same
// connection: that one gets the task.
func TestHangUpOfOneStream(t *testing.T) {
	const protocol = "HTTP/2.0 over TLS"
	s := startFor(t, protocol, memory())
	p := newPeer(t, s, protocol)
	p.register()
	ctx, hangUp := context.WithCancel(t.Context())
	first, second := p.poll(ctx), p.poll(t.Context())
	hangUp()
	if a := <-first; !errors.Is(a.err, context.Canceled) {
		t.Errorf("the poller who hung up got %+v", a)
	}
	waitUntil(t, "one poll is left", func() bool { return s.tasks.polls.Taken() == 1 })
	p.must("StartWorkflowExecution", startOrder)
	if a := <-second; !strings.Contains(a.body, "taskToken") {
		t.Errorf("the poller who waited got %+v", a)
	}
	if len(p.conns) != 1 {
		t.Errorf("%d connections, want 1", len(p.conns))
	}
}

// TestArrivedAnswers has pollers who read their answer and then leave: nobody else
// gets the task.
func TestArrivedAnswers(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := startFor(t, protocol, memory())
			p, other := newPeer(t, s, protocol), newPeer(t, s, protocol)
			other.register()
			polled := p.poll(t.Context())
			other.must("StartWorkflowExecution", startOrder)
			if a := <-polled; !strings.Contains(a.body, "taskToken") {
				t.Fatalf("the poller got %+v", a)
			}
			waitUntil(t, "the connections are closed", func() bool {
				other.CloseIdleConnections() // of HTTP/2 only those whose streams the client has done with, which may follow the answer
				p.CloseIdleConnections()
				return s.door.Counts().Connections == 0
			})
			// What a lost answer would have caused comes before this.
			if pending := other.must("CountPendingDecisionTasks", pollDeciders); pending != `{"count":0,"truncated":false}` {
				t.Errorf("%s tasks are offered", pending)
			}
			other.must("SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"s"}`)
			if n := s.matcher.Totals().Offers; n != 0 {
				t.Errorf("%d tasks are offered", n)
			}
		})
	}
}

// TestNextRequestProvesArrival cuts a connection after the request that follows an
// answer: the answer had arrived.
func TestNextRequestProvesArrival(t *testing.T) {
	for _, protocol := range protocols[:2] {
		t.Run(protocol, func(t *testing.T) {
			s := startFor(t, protocol, memory())
			p, other := newPeer(t, s, protocol), newPeer(t, s, protocol)
			other.register()
			polled := p.poll(t.Context())
			other.must("StartWorkflowExecution", startOrder)
			if a := <-polled; a.err != nil {
				t.Fatal(a.err)
			}
			waitUntil(t, "the answer is watched", func() bool { return s.door.Counts().Watched == 1 })
			p.must("ListDomains", `{"registrationStatus":"REGISTERED"}`)
			if n := s.door.Counts().Watched; n != 0 {
				t.Errorf("%d answers are watched after the next request", n)
			}
			if len(p.conns) != 1 {
				t.Errorf("%d connections, want 1", len(p.conns))
			}
		})
	}
}

// acknowledge has the host of a peer acknowledge at once what comes from now on; nil: there it
// can't be asked to.
var acknowledge func(*testing.T, *net.TCPConn)

// TestRequestsThatComeEarlyProveNothing has a poller who sends another request before its
// poll is answered, and dies without having read the answer: the task is offered again. If
// the request comes while the poll waits, no task is given at all. What its host acknowledges
// before it dies, as it does within 40 ms, is not read either.
func TestRequestsThatComeEarlyProveNothing(t *testing.T) {
	for _, protocol := range protocols[:2] {
		for _, with := range []bool{true, false} {
			if !with && protocol != protocols[0] {
				continue // under TLS it is seen when it is due, and then it comes with it
			}
			t.Run(protocol+fmt.Sprintf("/with it %t", with), func(t *testing.T) {
				s := startFor(t, protocol, memory())
				other := newPeer(t, s, protocol)
				other.register()
				tcp := dialFrom(t, alice, s.Addr()).(*net.TCPConn)
				var conn net.Conn = tcp
				if s.cfg.TLS.SelfSigned {
					conn = tls.Client(conn, &tls.Config{RootCAs: trustOf(t, s), ServerName: "localhost", NextProtos: []string{"http/1.1"}})
				}
				poll, next := wireRequest("PollForDecisionTask", pollDeciders, 0), wireRequest("ListDomains", listDomains, 0)
				if with {
					put(t, conn, poll+next)
					waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == 1 })
				} else {
					put(t, conn, poll)
					waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == 1 })
					put(t, conn, next)
					waitUntil(t, "the poll is given up", func() bool { return s.tasks.polls.Taken() == 0 })
				}
				if acknowledge != nil {
					acknowledge(t, tcp)
				}
				other.must("StartWorkflowExecution", startOrder)
				if with {
					waitUntil(t, "it was answered", func() bool { return s.door.Counts().Watched == 1 })
				}
				if err := tcp.SetLinger(0); err != nil {
					t.Fatal(err)
				}
				tcp.Close() // resets the connection
				other.wantTask()
			})
		}
	}
}
