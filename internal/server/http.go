package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"heddle/internal/aws/fault"
)

// Bounds of a connection.
const (
	headerBytesMax = 64 << 10
	streamsMax     = 250 // of a connection with HTTP/2
)

func (s *Server) newHTTP(api http.Handler) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /ready", s.readiness)
	mux.Handle("/", s.admitted(api))
	var secure *tls.Config
	if s.certificates != nil {
		secure = s.certificates.listening()
	}
	return &http.Server{
		Handler:           s.timed(mux),
		TLSConfig:         secure,
		ReadHeaderTimeout: s.cfg.Timeouts.Header,
		IdleTimeout:       s.cfg.Timeouts.Idle,
		MaxHeaderBytes:    headerBytesMax,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsMax, WriteByteTimeout: s.cfg.Timeouts.Answer},
		ConnContext:       withConnection,
		ConnState:         note,
		ErrorLog:          newPeerLog(s.cfg.Log),
	}
}

// front answers requests.
type front struct {
	server *Server
	serves sync.WaitGroup
}

// Start implements lifecycle.Service.
func (f *front) Start(context.Context) error {
	s := f.server
	s.http = s.newHTTP(s.handler())
	f.serves.Go(func() {
		if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("serve", "cause", err)
		}
	})
	return nil
}

// Stop implements lifecycle.Service.
func (f *front) Stop(ctx context.Context) error {
	err := f.server.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain: %w", err), f.server.http.Close())
	}
	f.serves.Wait()
	return err
}

// serve serves until the server is closed.
func (s *Server) serve() error {
	if s.certificates == nil {
		return s.http.Serve(s.connections)
	}
	return s.http.ServeTLS(s.connections, "", "")
}

// admitted handles as many requests at a time as may be. Polls that wait for a
// task do not count; see countedTasks.
func (s *Server) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := clientIn(r.Context())
		if s.requests.take(client) {
			defer s.requests.add(client, -1)
			next.ServeHTTP(w, r)
			return
		}
		s.actions.Refuse(w, r, fault.Throttled())
	})
}

// timed bounds how long a request may take to arrive, and its answer to be read.
// The time in between is ours; Server.ReadTimeout and WriteTimeout would count it.
func (s *Server) timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = onConnection(r)
		p := &pace{ResponseWriter: w, ResponseController: http.NewResponseController(w), answerTime: s.cfg.Timeouts.Answer}
		if r.ProtoMajor == 1 {
			p.connection = connectionIn(r.Context())
			_ = p.SetWriteDeadline(time.Time{}) // of the answer before
		}
		if r.ContentLength != 0 && p.SetReadDeadline(time.Now().Add(s.cfg.Timeouts.Body)) == nil {
			p.awaitPeer()
			if p.connection != nil {
				p.connection.sends.Store(true)
			}
			r.Body = &timedBody{r.Body, p}
		}
		next.ServeHTTP(p, r)
	})
}

// pace is the answer to one request, and holds the peer to the times he has.
type pace struct {
	http.ResponseWriter
	*http.ResponseController
	connection *connection // nil: others may be served on it meanwhile
	answerTime time.Duration
	answering  bool
}

// Unwrap is for http.ResponseController.
func (p *pace) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (p *pace) WriteHeader(status int) {
	p.answer()
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *pace) Write(b []byte) (int, error) {
	p.answer()
	return p.ResponseWriter.Write(b)
}

func (p *pace) answer() {
	if p.answering {
		return
	}
	p.answering = true
	_ = p.SetWriteDeadline(time.Now().Add(p.answerTime)) // fails on a connection that has ended, as the answer will
	p.awaitPeer()
}

func (p *pace) awaitPeer() {
	if p.connection != nil {
		p.connection.awaitPeer()
	}
}

// timedBody lifts the deadline once the body was read.
type timedBody struct {
	io.ReadCloser
	pace *pace
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		if b.pace.connection != nil {
			b.pace.connection.sends.Store(false)
			b.pace.connection.serve()
		}
		if failed := b.pace.SetReadDeadline(time.Time{}); failed != nil {
			return n, failed
		}
	}
	return n, err
}

// health says that the process lives.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "ok")
}

// readiness says whether the server takes requests: not while it drains.
func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) {
	if s.ready.Load() {
		answer(w, http.StatusOK, "ready")
		return
	}
	answer(w, http.StatusServiceUnavailable, "draining")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A caller who has gone needs no answer.
	_, _ = io.WriteString(w, text+"\n")
}
