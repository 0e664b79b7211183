package listen

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const patience = time.Minute

// asking is a peer who speaks HTTP by hand.
type asking struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (s *serving) asks(from string) *asking {
	conn := dialFrom(s.t, from, s.Addr().String())
	if s.cfg.TLS.SelfSigned {
		conn = tls.Client(conn, &tls.Config{RootCAs: s.trust(), ServerName: "localhost", NextProtos: []string{"http/1.1"}})
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return &asking{conn, s.t, bufio.NewReader(conn)}
}

func (a *asking) says(text string) {
	a.t.Helper()
	if _, err := io.WriteString(a, text); err != nil {
		a.t.Fatal(err)
	}
}

// hears is the next answer.
func (a *asking) hears() (status int, close bool, body string) {
	a.t.Helper()
	w, err := http.ReadResponse(a.in, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return w.StatusCode, w.Close, string(b)
}

// wantEnd wants the connection to end without another byte.
func (a *asking) wantEnd() {
	a.t.Helper()
	if c, ok := a.Conn.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
	if rest, _ := io.ReadAll(a.in); len(rest) > 0 {
		a.t.Errorf("then comes %q", rest)
	}
}

func post(body string) string {
	const length = "0123456789"
	return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length[len(body):len(body)+1] + "\r\n\r\n" + body
}

// TestOutOfTurn: a request that comes before the one before it was answered is not handled,
// and nothing is said to it: it may be of another process, which shares the connection
// and would take the one answer for the other.
func TestOutOfTurn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for name, send := range map[string]func(a *asking, entered <-chan struct{}){
			"with it": func(a *asking, _ <-chan struct{}) { a.says(post("one") + post("two")) },
			"meanwhile": func(a *asking, entered <-chan struct{}) {
				a.says(post("one"))
				<-entered
				a.says(post("two"))
			},
		} {
			if secure && name != "with it" {
				continue // what TLS has taken apart is not seen before it is due
			}
			cfg := plain()
			if secure {
				cfg = secured(t)
			}
			var handled atomic.Int64
			entered, leave, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
			s := startWith(t, cfg, func(w http.ResponseWriter, r *http.Request) {
				if handled.Add(1) == 1 {
					b, _ := io.ReadAll(r.Body)
					close(entered)
					<-leave
					if name == "meanwhile" {
						<-r.Context().Done() // who waits, need not
						if paceIn(r.Context()).connection.Gone() == nil {
							t.Error("the caller is taken for one who can be answered")
						}
						close(gone)
					}
					_, _ = w.Write(b)
				}
			})
			a := s.asks(alice)
			go func() {
				if <-entered; name != "meanwhile" {
					close(leave)
				}
			}()
			send(a, entered)
			if name == "meanwhile" {
				close(leave)
				<-gone
			}
			if status, closes, body := a.hears(); status != 200 || body != "one" || closes != (name == "meanwhile") {
				t.Errorf("%s, TLS %t: %d %q, closes %t", name, secure, status, body, closes)
			}
			a.wantEnd()
			if n := handled.Load(); n != 1 {
				t.Errorf("%s, TLS %t: %d were handled", name, secure, n)
			}
			s.stop()
		}
	}
}

// TestInTurn: what comes when it may is no request out of turn: one after the other, slow
// ones in parts, and an empty line behind a body, which old clients send.
func TestInTurn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		cfg := plain()
		if secure {
			cfg = secured(t)
		}
		large := strings.Repeat("x", 100<<10)
		waiting := make(chan struct{}, 1)
		release := make(chan struct{})
		s := startWith(t, cfg, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if string(b) == "wait" {
				waiting <- struct{}{}
				select {
				case <-release:
				case <-r.Context().Done():
					t.Error("it was given up")
				}
			}
			_, _ = w.Write(append(b, large...))
			if string(b) == "flush" {
				_ = http.NewResponseController(w).Flush()
			}
		})
		a := s.asks(alice)
		for range 3 {
			for _, body := range []string{"one", "flush", ""} {
				a.says(post(body))
				if status, closes, got := a.hears(); status != 200 || closes || got != body+large {
					t.Fatalf("%d %.20q, closes %t", status, got, closes)
				}
			}
			for _, part := range []string{"POST / HTTP/1.1\r\n", "Host: x\r\nContent-Length: 4\r\n", "\r\n", "wa", "it"} {
				a.says(part)
			}
			<-waiting
			if !secure {
				a.says("\r\n")
			}
			release <- struct{}{}
			if status, closes, _ := a.hears(); status != 200 || closes {
				t.Fatalf("%d, closes %t", status, closes)
			}
		}
	}
}
