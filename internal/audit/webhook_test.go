package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// receiver is an HTTP server in memory, in the bubble of a test.
type receiver struct {
	t      *testing.T
	handle func(w http.ResponseWriter, r *http.Request, batch []record)

	mu      sync.Mutex
	batches [][]record
	tries   []time.Time
}

func (v *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		v.t.Error(err)
	}
	var body struct{ Records []record }
	if err := json.Unmarshal(b, &body); err != nil {
		v.t.Errorf("%v in %s", err, b)
	}
	v.mu.Lock()
	v.tries = append(v.tries, time.Now())
	v.mu.Unlock()
	v.handle(w, r, body.Records)
}

func (v *receiver) take(batch []record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.batches = append(v.batches, batch)
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// hooked is a trail that goes to a receiver.
func hooked(t *testing.T, handle func(v *receiver, w http.ResponseWriter, r *http.Request, batch []record)) (*house, *receiver) {
	v := &receiver{t: t}
	v.handle = func(w http.ResponseWriter, r *http.Request, batch []record) { handle(v, w, r, batch) }
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: v}
	go func() { _ = server.Serve(p) }()
	t.Cleanup(func() { _ = server.Close() })
	hook, err := newWebhook(Webhook{URL: "http://hook/path?key=sesame", Token: "bearer"})
	if err != nil {
		t.Fatal(err)
	}
	hook.client.Transport.(*http.Transport).DialContext = p.dial
	h := newHouse(t, Config{})
	h.toWebhook(Calls, hook)
	return h, v
}

func TestWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, v := hooked(t, func(v *receiver, w http.ResponseWriter, r *http.Request, batch []record) {
			if r.Method != "POST" || r.Header.Get("Authorization") != "Bearer bearer" || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/path" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
			time.Sleep(time.Second)
			v.take(batch)
		})
		for i := range 10 {
			h.record(&Call{Time: noon, RequestID: fmt.Sprint(i)})
			if i == 3 {
				time.Sleep(webhookGather + time.Millisecond)
			}
		}
		h.stop()
		if len(v.batches) != 2 || len(v.batches[0]) != 4 || len(v.batches[1]) != 6 {
			t.Errorf("batches %v", v.batches)
		}
	})
}

func TestWebhookThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 0
		h, v := hooked(t, func(v *receiver, w http.ResponseWriter, r *http.Request, batch []record) {
			switch failures++; failures {
			case 1:
				w.WriteHeader(503)
			case 2: // not followed: else a third call would come at once
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			case 3:
				panic(http.ErrAbortHandler)
			case 4: // no answer
				<-r.Context().Done()
			default:
				v.take(batch)
				w.WriteHeader(204)
			}
		})
		h.record(&Call{Time: noon, RequestID: "a"})
		time.Sleep(time.Hour)
		h.stop()
		if len(v.batches) != 1 || len(v.batches[0]) != 1 || v.batches[0][0].RequestID != "a" {
			t.Errorf("batches %v", v.batches)
		}
		var pauses []time.Duration
		for i := range v.tries[1:] {
			pauses = append(pauses, v.tries[i+1].Sub(v.tries[i]))
		}
		if got := fmt.Sprint(pauses); got != "[1s 2s 4s 18s]" {
			t.Errorf("pauses %s", got)
		}
		if c := h.Counts(); c.WebhookLost != 0 {
			t.Errorf("counts %+v", c)
		}
		if log := h.logged(); strings.Contains(log, "sesame") || strings.Contains(log, "bearer") {
			t.Errorf("a secret is in the log: %s", log)
		}
	})
}

func TestWebhookThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		h, v := hooked(t, func(v *receiver, w http.ResponseWriter, _ *http.Request, batch []record) {
			if down {
				w.WriteHeader(500)
				return
			}
			v.take(batch)
		})
		began := time.Now()
		for range 3 {
			h.record(&Call{Time: noon})
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("recording took %s", d)
		}
		time.Sleep(time.Hour)
		if c := h.Counts(); c.WebhookLost != 3 {
			t.Errorf("counts %+v", c)
		}
		if log := h.logged(); !strings.Contains(log, "given up") || !strings.Contains(log, "500") {
			t.Error(log)
		}
		down = false
		h.record(&Call{Time: noon, RequestID: "after"})
		h.stop()
		if len(v.batches) != 2 || v.batches[0][0].RequestID != "after" || v.batches[1][0].ServiceEventDetails.Records != 3 {
			t.Errorf("batches %v", v.batches)
		}
	})
}

func TestCloseCutsAHangingWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := hooked(t, func(_ *receiver, _ http.ResponseWriter, r *http.Request, _ []record) { <-r.Context().Done() })
		h.record(&Call{Time: noon})
		time.Sleep(2 * webhookGather)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := h.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("closing took %s", d)
		}
		if c := h.Counts(); c.WebhookLost != 1 {
			t.Errorf("counts %+v", c)
		}
	})
}

func TestWebhookURL(t *testing.T) {
	for _, bad := range []string{"host/path", "ftp://host", "http://", ":", "file:///etc"} {
		if _, err := Start(Config{Webhook: Webhook{URL: bad}}); err == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
