package listen

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// timed bounds how long a request may take to arrive, and its answer to be read, and
// counts what of both is held. The time in between is ours; http.Server's ReadTimeout and
// WriteTimeout would count it.
func (d *Door) timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &pace{ResponseWriter: w, ResponseController: http.NewResponseController(w), door: d}
		r = d.onConnection(r, p)
		defer p.end()
		if r.ProtoMajor == 1 {
			_ = p.SetWriteDeadline(time.Time{}) // of the answer before
		}
		if r.ContentLength != 0 && p.awaitBody() {
			r.Body = &timedBody{r.Body, p}
		} else {
			p.whole()
		}
		next.ServeHTTP(p, r)
	})
}

// pace is the answer to one request, and holds the peer to the times and the room that it
// has. It is used by the goroutine of the request alone.
type pace struct {
	http.ResponseWriter
	*http.ResponseController
	door       *Door
	connection *connection // nil: others may be served on it meanwhile
	client     netip.Prefix
	head       int64 // bytes of the head, beyond what every connection has room for
	came, goes parcel
	waits      parcel // the head, while the request waits
	refused    bool   // there was no room for the request
	answering  bool   // the answer has begun, and its time
	streams    bool   // see Streams
	read       int    // bytes of a body that streams, since its time was renewed
	written    int    // the same of an answer
}

// streamPiece is what of a body or an answer that streams must come or go in the time that
// others have as a whole.
const streamPiece = 64 << 10

// Unwrap is for http.ResponseController.
func (p *pace) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// awaitBody begins the time and the room that a body has.
func (p *pace) awaitBody() bool {
	d := p.door
	if p.timeBody() != nil {
		return false
	}
	p.awaitPeer()
	if p.connection != nil {
		p.connection.sends.Store(true)
	}
	p.refused = !d.requests.enter(&p.came, p.client, p.head, func() { _ = p.SetReadDeadline(past) }) // the next Read tells
	return true
}

// timeBody begins the time that a body has, or the next piece of one that streams.
func (p *pace) timeBody() error {
	d := p.door
	most := d.cfg.Timeouts.Body
	if d.requests.isClosed() {
		most = min(most, d.cfg.Timeouts.Spare)
	}
	return p.SetReadDeadline(d.cfg.Clock.Now().Add(most))
}

// timeAnswer begins the time that an answer has, or the next piece of one that streams. It
// fails on a connection that has ended, as the answer will.
func (p *pace) timeAnswer() {
	_ = p.SetWriteDeadline(p.door.cfg.Clock.Now().Add(p.door.cfg.Timeouts.Answer))
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// whole says that the request has come.
func (p *pace) whole() {
	if p.connection != nil {
		p.connection.sends.Store(false)
		p.connection.serve()
		p.connection.unanswered.Store(!p.connection.secure)
	}
}

// end gives back what the request and its answer had.
func (p *pace) end() {
	p.came.leave()
	p.waits.leave()
	p.goes.leave()
	if p.connection == nil {
		return
	}
	p.connection.pace = nil
	if p.connection.sends.Load() {
		_ = p.SetReadDeadline(past) // net/http would wait for the rest; see lingerTime
	}
}

// WriteHeader implements http.ResponseWriter.
func (p *pace) WriteHeader(status int) {
	p.answer()
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *pace) Write(b []byte) (int, error) {
	p.answer()
	if p.streams {
		if p.written += len(b); p.written >= streamPiece {
			p.written = 0
			p.timeAnswer()
		}
	}
	return p.ResponseWriter.Write(b)
}

func (p *pace) answer() {
	if p.answering {
		return
	}
	p.answering = true
	p.timeAnswer()
	p.awaitPeer()
	if p.connection == nil {
		return
	}
	p.connection.answering.Store(true)
	// Of a body that nobody has read net/http reads the rest by itself, beside the deadline that
	// end sets: whatever came on the connection after it would be taken for given up.
	if p.connection.outOfTurn.Load() || p.connection.sends.Load() {
		p.Header()["Connection"] = []string{"close"}
	}
}

func (p *pace) awaitPeer() {
	if p.connection != nil {
		p.connection.awaitPeer()
	}
}

// timedBody counts a body, and lifts the deadline once it was read.
type timedBody struct {
	io.ReadCloser
	pace *pace
}

func (b *timedBody) Read(to []byte) (int, error) {
	p := b.pace
	if p.refused {
		return 0, p.door.cfg.GaveWay
	}
	n, err := b.ReadCloser.Read(to)
	count := p.came.grow
	if p.streams {
		count = p.came.pass
		if p.read += n; p.read >= streamPiece && err == nil {
			p.read = 0
			err = p.timeBody()
		}
	}
	if !count(int64(n)) || err == io.EOF && !p.came.settle() {
		p.refused = true
		return 0, p.door.cfg.GaveWay
	}
	if err == io.EOF {
		p.whole()
		if failed := p.SetReadDeadline(time.Time{}); failed != nil {
			return n, failed
		}
	}
	return n, err
}

type paceKey struct{}

// paceIn is the pace of a request, by its context; nil: it came on no connection of ours.
func paceIn(ctx context.Context) *pace {
	if p, ok := ctx.Value(paceKey{}).(*pace); ok {
		return p
	}
	if c := connectionIn(ctx); c != nil {
		return c.pace
	}
	return nil
}

// MayAnswer tells, before a request is handled, whether its client has room for another
// answer.
func MayAnswer(ctx context.Context) bool {
	p := paceIn(ctx)
	return p == nil || p.door.answers.mayTake(p.client)
}

// Answers gives an answer of so many bytes room until it was read. False: its client has
// none; an answer that is not large has always.
func Answers(ctx context.Context, bytes int) bool {
	p := paceIn(ctx)
	if p == nil || bytes <= freeBytes {
		return true
	}
	in := p.door.answers.enter(&p.goes, p.client, int64(bytes), func() { _ = p.SetWriteDeadline(past) })
	return in || bytes <= AnswerBytesFree
}

// Streams says, before the body of a request is read, that body and answer are long and
// handed on as they come: nothing of them is held here, and each piece of 64 KiB has the
// time that others have as a whole.
func Streams(ctx context.Context) {
	if p := paceIn(ctx); p != nil {
		p.streams = true
	}
}

// AnswerBytesFree is what an answer has that is written whatever else waits to be read:
// that of what was done.
const AnswerBytesFree = 64 << 10

// Waits says that a request waits, and holds nothing of its body meanwhile. Its head it
// does hold, and if that is large it may have to give way.
func Waits(ctx context.Context) {
	p := paceIn(ctx)
	if p == nil {
		return
	}
	p.came.leave()
	if p.connection == nil || p.head == 0 || p.waits.room != nil {
		return
	}
	if !p.door.requests.enter(&p.waits, p.client, p.head, p.connection.giveWay) {
		p.connection.giveWay()
	}
}
