package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/listen"
	"heddle/internal/matching"
	"heddle/internal/metrics"
	"heddle/internal/swf/wire"
)

// wireRequest is a request as it goes over the wire, with a part of its body missing.
func wireRequest(action, body string, missing int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: %s.%s\r\nContent-Length: %d\r\n\r\n%s",
		wire.TargetPrefix, action, len(body), body[:len(body)-missing])
}

const listDomains = `{"registrationStatus":"REGISTERED"}`

// put writes to a connection.
func put(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// answerOn reads an answer from a connection.
func answerOn(t *testing.T, conn net.Conn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	w, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", w.StatusCode, body)
}

const (
	servedWell = `200 {"domainInfos":[]}`
	throttled  = `400 {"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}`
	halfRead   = `400 {"__type":"com.amazon.coral.service#SerializationException","message":"The body could not be read"}`
)

// wantCut waits until the server has closed a connection.
func wantCut(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
}

// impatient is a server whose peers have the times that a test gives.
func impatient(change func(*listen.Timeouts)) Config {
	cfg := memory()
	cfg.Timeouts = defaults.Timeouts
	change(&cfg.Timeouts)
	return cfg
}

const alice, bob = "127.0.0.2", "127.0.0.3"

// dialFrom connects from an address of the loopback.
func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func prefixOf(address string) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(address), 32) }

// dialNarrow is dialFrom for a connection of which sockets hold little: neither what
// nobody reads, nor what nobody has acknowledged.
func dialNarrow(t *testing.T, from, to string) net.Conn {
	t.Helper()
	narrow := func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536)
		})
	}
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Control: narrow}).DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

const soon = 50 * time.Millisecond

// TestSlowHead has clients that never finish the head of a request, or the
// handshake.
func TestSlowHead(t *testing.T) {
	for _, protocol := range protocols[:2] {
		s := startFor(t, protocol, impatient(func(c *listen.Timeouts) { c.Header = soon }))
		for _, head := range []string{"", "POST / HTTP/1.1\r\nX-Amz-", "\x16\x03\x01"} {
			conn := dialFrom(t, alice, s.Addr())
			put(t, conn, head)
			wantCut(t, conn)
		}
	}
}

// TestIdle has a client that keeps its connection and asks nothing more.
func TestIdle(t *testing.T) {
	s := start(t, impatient(func(c *listen.Timeouts) { c.Idle = soon }))
	conn := dialFrom(t, alice, s.Addr())
	put(t, conn, wireRequest("ListDomains", listDomains, 0))
	if got := answerOn(t, conn); got != servedWell {
		t.Error(got)
	}
	wantCut(t, conn)
}

// TestHalfBody has clients that send the half of a body: they are told so.
func TestHalfBody(t *testing.T) {
	cfg := impatient(func(c *listen.Timeouts) { c.Body = soon })
	s := start(t, cfg)
	conn := dialFrom(t, alice, s.Addr())
	put(t, conn, wireRequest("ListDomains", listDomains, 10))
	if got := answerOn(t, conn); got != halfRead {
		t.Error(got)
	}
	wantCut(t, conn)

	s = startFor(t, protocols[2], cfg)
	body, half := io.Pipe()
	defer half.Close()
	go io.WriteString(half, listDomains[:10])
	r, err := http.NewRequest(http.MethodPost, s.URL(), body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", wire.TargetPrefix+".ListDomains")
	w, err := newPeer(t, s, protocols[2]).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if got, err := io.ReadAll(w.Body); err != nil || !strings.HasSuffix(halfRead, string(got)) {
		t.Errorf("%s %v", got, err)
	}
}

// largeHistory makes an execution whose history has at least so many bytes, and
// says how to ask for it.
func largeHistory(p *peer, size int) (request string) {
	p.register()
	run := p.must("StartWorkflowExecution", startOrder)
	run = strings.TrimSuffix(strings.TrimPrefix(run, "{"), "}")
	text := strings.Repeat("x", 32_000)
	for n := 0; n < size; n += len(text) {
		p.must("SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"s","input":"`+text+`"}`)
	}
	return `{"domain":"shop","execution":{"workflowId":"a",` + run + `}}`
}

// TestAnswersThatNobodyReads has clients that ask and read nothing.
func TestAnswersThatNobodyReads(t *testing.T) {
	const size = 2 << 20 // more than a stream takes in advance
	// begin is a server that is impatient once it has a large history.
	begin := func(t *testing.T, protocol string) (s *Server, request string) {
		cfg := onDisk(t)
		cfg.TLS.SelfSigned = strings.HasSuffix(protocol, "TLS")
		s = start(t, cfg)
		request = largeHistory(newPeer(t, s, protocol), size)
		closeServer(t, s)
		cfg.Timeouts = impatient(func(c *listen.Timeouts) { c.Answer = 10 * soon }).Timeouts
		return start(t, cfg), request
	}
	for _, protocol := range protocols[:2] {
		t.Run(protocol, func(t *testing.T) {
			s, request := begin(t, protocol)
			request = wireRequest("GetWorkflowExecutionHistory", request, 0)
			answered := s.hours.requests.Load()
			conn := dialNarrow(t, alice, s.Addr())
			if s.cfg.TLS.SelfSigned {
				conn = tls.Client(conn, &tls.Config{RootCAs: trustOf(t, s), ServerName: "localhost"})
			}
			began := time.Now()
			put(t, conn, request) // whose answer no socket holds
			waitUntil(t, "its answer was given up", func() bool { return s.hours.requests.Load() != answered })
			waitUntil(t, "it is cut", func() bool { return s.door.Counts().Connections == 0 })
			if took, want := time.Since(began), s.cfg.Timeouts.Answer; took < want {
				t.Errorf("it was cut after %s, want %s", took, want)
			}
			waitUntil(t, "the request has ended", func() bool { return s.requests.Taken() == 0 })
		})
	}
	t.Run(protocols[2], func(t *testing.T) {
		s, request := begin(t, protocols[2])
		r, err := http.NewRequest(http.MethodPost, s.URL(), strings.NewReader(request))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", wire.TargetPrefix+".GetWorkflowExecutionHistory")
		w, err := newPeer(t, s, protocols[2]).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		waitUntil(t, "the request has ended", func() bool { return s.requests.Taken() == 0 })
		if got, err := io.ReadAll(w.Body); err == nil {
			t.Errorf("all %d bytes came", len(got))
		}
	})
}

// TestIdleConnectionsGiveWay fills all places with connections of one client that
// ask nothing, ask half, or have asked: another client is served.
func TestIdleConnectionsGiveWay(t *testing.T) {
	for name, text := range map[string]string{
		"new": "", "half a head": "POST / HT", "half a body": wireRequest("ListDomains", listDomains, 10), "idle": wireRequest("ListDomains", listDomains, 0),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := impatient(func(c *listen.Timeouts) { c.Spare = soon })
			cfg.ConnectionsMax, cfg.ClientPercent = 4, 100
			s := start(t, cfg)
			for range cfg.ConnectionsMax {
				conn := dialFrom(t, alice, s.Addr())
				put(t, conn, text)
				if name == "idle" {
					answerOn(t, conn)
				}
			}
			conn := dialFrom(t, bob, s.Addr())
			put(t, conn, wireRequest("ListDomains", listDomains, 0))
			if got := answerOn(t, conn); got != servedWell {
				t.Error(got)
			}
		})
	}
}

// TestPollsDoNotGiveWay fills all places with polls that wait, and one that does
// not: only that gives way.
func TestPollsDoNotGiveWay(t *testing.T) {
	cfg := impatient(func(c *listen.Timeouts) { c.Spare = soon })
	cfg.ConnectionsMax, cfg.ClientPercent = 3, 100
	s := start(t, cfg)
	register(t, s)
	http.DefaultClient.CloseIdleConnections()
	var polls []net.Conn
	for range 2 { // one after the other: the first gets the task
		conn := dialFrom(t, alice, s.Addr())
		put(t, conn, wireRequest("PollForDecisionTask", pollDeciders, 0))
		polls = append(polls, conn)
		waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == len(polls) })
	}
	idle := dialFrom(t, alice, s.Addr())
	conn := dialFrom(t, bob, s.Addr())
	put(t, conn, wireRequest("StartWorkflowExecution", startOrder, 0))
	answerOn(t, conn)
	wantCut(t, idle)
	if got := answerOn(t, polls[0]); !strings.Contains(got, "taskToken") {
		t.Errorf("the poll got %s", got)
	}
}

// TestRequestsAtATime has a client whose requests take all that it may have.
func TestRequestsAtATime(t *testing.T) {
	var log bytes.Buffer
	cfg := memory()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	cfg.RequestsMax, cfg.ClientPercent = 2, 50
	s := start(t, cfg)
	quick, other := dialFrom(t, alice, s.Addr()), dialFrom(t, bob, s.Addr())
	s.requests.Add(prefixOf(alice), 1) // one that is being handled
	for _, c := range []struct {
		conn net.Conn
		want string
	}{{quick, throttled}, {quick, throttled}, {other, servedWell}} {
		put(t, c.conn, wireRequest("ListDomains", listDomains, 0))
		if got := answerOn(t, c.conn); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	s.requests.Add(prefixOf(alice), -1)
	waitUntil(t, "all requests have ended", func() bool { return s.requests.Taken() == 0 })
	put(t, quick, wireRequest("ListDomains", listDomains, 0))
	if got := answerOn(t, quick); got != servedWell {
		t.Errorf("the request after it: %s", got)
	}
	closeServer(t, s)
	if n := strings.Count(log.String(), "too many at a time"); n != 1 {
		t.Errorf("it was logged %d times, want once a minute:\n%s", n, &log)
	}
}

// TestQueryRequestsAtATime has a caller of the query protocol who comes too much.
func TestQueryRequestsAtATime(t *testing.T) {
	cfg := memory()
	cfg.RequestsMax = 1
	s := start(t, cfg)
	quick := dialFrom(t, alice, s.Addr())
	s.requests.Add(prefixOf(alice), 1)
	const form = "Action=GetUser&Version=2010-05-08"
	put(t, quick, fmt.Sprintf("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form))
	if got := answerOn(t, quick); !strings.HasPrefix(got, "400 <ErrorResponse") || !strings.Contains(got, "<Code>Throttling</Code><Message>Rate exceeded</Message>") {
		t.Error(got)
	}
}

// TestPollsAtATime has a client that polls as much as it may. Polls that wait do
// not count as requests.
func TestPollsAtATime(t *testing.T) {
	cfg := memory()
	cfg.PollsMax, cfg.RequestsMax, cfg.ClientPercent = 2, 2, 50
	s := start(t, cfg)
	register(t, s)
	first, second, other := dialFrom(t, alice, s.Addr()), dialFrom(t, alice, s.Addr()), dialFrom(t, bob, s.Addr())
	for i, conn := range []net.Conn{first, other} {
		put(t, conn, wireRequest("PollForDecisionTask", pollDeciders, 0))
		waitUntil(t, "the poll waits", func() bool { return s.tasks.polls.Taken() == i+1 })
	}
	waitUntil(t, "no request is under way", func() bool { return s.requests.Taken() == 0 })
	put(t, second, wireRequest("PollForDecisionTask", pollDeciders, 0))
	if got := answerOn(t, second); got != throttled {
		t.Errorf("the poll too many: %s", got)
	}
	put(t, second, wireRequest("StartWorkflowExecution", startOrder, 0))
	if got := answerOn(t, second); !strings.HasPrefix(got, "200 ") {
		t.Errorf("another request: %s", got)
	}
	if got := answerOn(t, first); !strings.Contains(got, "taskToken") {
		t.Errorf("the poll that waited: %s", got)
	}
}

// TestRefusedLimits starts servers that could serve nobody.
func TestRefusedLimits(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"config: --limit-connections -1: want 1 to 1000000000": func(c *Config) { c.ConnectionsMax = -1 },
		"config: --limit-client-percent 101: want 1 to 100":    func(c *Config) { c.ClientPercent = 101 },
	} {
		cfg := memory()
		change(&cfg)
		s, err := Start(t.Context(), cfg)
		if err == nil {
			closeServer(t, s)
		}
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// TestPollsGiveWhatTheyTook: while a poll waits, for its first task or after one
// that it could not start, it counts as a poll and not as a request; afterwards,
// however it ends, it is as before.
func TestPollsGiveWhatTheyTook(t *testing.T) {
	for name, end := range map[string]func(m *matching.Matcher, hangUp func()){
		"the caller has gone": func(_ *matching.Matcher, hangUp func()) { hangUp() },
		"a task":              func(m *matching.Matcher, _ func()) { m.Offer(engine.RunID{1}, engine.Offer{List: "list", ID: 2}) },
		"no more tasks":       func(m *matching.Matcher, _ func()) { m.Drain() },
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := listen.ShareConfig{Max: 2, ClientPercent: 100}
			polls, requests := listen.NewShares(cfg), listen.NewShares(cfg)
			tasks := &countedTasks{matching.New(matching.Config{PollsPerListMax: 2}), metrics.New(metrics.Config{Now: time.Now}), polls, requests, newAccountParts(2, nil), newAccountParts(2, nil)}
			wantTaken := func(when string, wantPolls, wantRequests int) {
				t.Helper()
				if polls.Taken() != wantPolls || requests.Taken() != wantRequests {
					t.Errorf("%s, %s: %d polls and %d requests, want %d and %d", name, when, polls.Taken(), requests.Taken(), wantPolls, wantRequests)
				}
			}
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			requests.Add(netip.Prefix{}, 1)
			var claim *matching.Claim
			go func() { claim, _ = tasks.Poll(ctx, "list", matching.Poller{}) }()
			synctest.Wait()
			wantTaken("while it waits", 1, 0)
			tasks.lists.(*matching.Matcher).Offer(engine.RunID{1}, engine.Offer{List: "list", ID: 1})
			synctest.Wait()
			wantTaken("with a task", 0, 1)
			go tasks.Refuse(ctx, claim)
			synctest.Wait()
			wantTaken("while it waits on", 1, 0)
			end(tasks.lists.(*matching.Matcher), hangUp)
			synctest.Wait()
			wantTaken("afterwards", 0, 1)
		})
	}
}
