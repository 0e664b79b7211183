package listen

import (
	"io"
	"net/http"
	"time"
)

// timed bounds how long a request may take to arrive, and its answer to be read.
// The time in between is ours; http.Server's ReadTimeout and WriteTimeout would count it.
func (d *Door) timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = d.onConnection(r)
		p := &pace{
			ResponseWriter: w, ResponseController: http.NewResponseController(w),
			answerTime: d.cfg.Timeouts.Answer, now: d.cfg.Clock.Now,
		}
		if r.ProtoMajor == 1 {
			p.connection = connectionIn(r.Context())
			_ = p.SetWriteDeadline(time.Time{}) // of the answer before
		}
		if r.ContentLength != 0 && p.SetReadDeadline(d.cfg.Clock.Now().Add(d.cfg.Timeouts.Body)) == nil {
			p.awaitPeer()
			if p.connection != nil {
				p.connection.sends.Store(true)
			}
			r.Body = &timedBody{r.Body, p}
		}
		next.ServeHTTP(p, r)
	})
}

// pace is the answer to one request, and holds the peer to the times it has. It is
// used by the goroutine of the request alone.
type pace struct {
	http.ResponseWriter
	*http.ResponseController
	connection *connection // nil: others may be served on it meanwhile
	answerTime time.Duration
	now        func() time.Time
	answering  bool // the answer has begun, and its time
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
	_ = p.SetWriteDeadline(p.now().Add(p.answerTime)) // fails on a connection that has ended, as the answer will
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
