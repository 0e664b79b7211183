package listen

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"

	"heddle/internal/options"
)

// plain is a port without TLS.
func plain() Config {
	return Config{
		Address: "127.0.0.1:0", ConnectionsMax: 100, ClientPercent: 100, Timeouts: options.Defaults[Timeouts](),
		Requests: RoomConfig{Bytes: 1 << 20, Count: 10, ClientPercent: 100}, Answers: RoomConfig{Bytes: 1 << 20, ClientPercent: 100},
		GaveWay: errors.New("it had to give way"),
		Clock:   clock, Log: slog.New(slog.DiscardHandler),
	}
}

// secured is a port with a self-signed certificate.
func secured(t *testing.T) Config {
	cfg := plain()
	cfg.TLS = TLS{SelfSigned: true, CADir: t.TempDir()}
	return cfg
}

// serving is a door with something behind it.
type serving struct {
	*Door
	t      *testing.T
	served chan error
	once   sync.Once
}

func start(t *testing.T, cfg Config) *serving {
	t.Helper()
	return startWith(t, cfg, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })
}

func startWith(t *testing.T, cfg Config, handler http.HandlerFunc) *serving {
	t.Helper()
	d, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{Door: d, t: t, served: make(chan error, 1)}
	d.Handle(handler)
	go func() { s.served <- d.Serve() }()
	t.Cleanup(s.stop)
	return s
}

// stop ends it. It may be called again.
func (s *serving) stop() {
	s.once.Do(func() {
		s.Drain()
		err := errors.Join(s.Shutdown(context.Background()), s.Close())
		if served := <-s.served; err != nil || !errors.Is(served, http.ErrServerClosed) {
			s.t.Errorf("stop: %v, %v", err, served)
		}
	})
}

// trust is what clients of a self-signed door trust.
func (s *serving) trust() *x509.CertPool {
	s.t.Helper()
	ca, err := os.ReadFile(CAFile(s.cfg.TLS.CADir))
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		s.t.Fatalf("no certificate in %s", ca)
	}
	return pool
}

// TestServes answers a request that has a body, says on which connection it came,
// and ends.
func TestServes(t *testing.T) {
	cfg := plain()
	type key struct{}
	cfg.Attach = func(ctx context.Context, c Connection) context.Context { return context.WithValue(ctx, key{}, c) }
	d, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.Handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(key{}).(Connection)
		if c == nil || c.Gone() != nil || c.Lost() != nil || ClientIn(r.Context()).Addr().String() != "127.0.0.1" {
			t.Errorf("the connection is %v, of %s", c, ClientIn(r.Context()))
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(b)
	}))
	served := make(chan error)
	go func() { served <- d.Serve() }()
	client := http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	text := "some text"
	w, err := client.Post(d.URL(), "text/plain", io.LimitReader(&repeated{text}, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(w.Body)
	w.Body.Close()
	if err != nil || len(got) != 1<<20 {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if n := d.Counts().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := d.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closed after it was shut down: %v", err)
	}
	if n := d.Counts().Connections; n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// repeated gives a text again and again.
type repeated struct{ text string }

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], r.text)
	}
	return n, nil
}
