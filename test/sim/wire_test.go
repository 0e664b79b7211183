package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	states "heddle/internal/sfn/wire"
	"heddle/internal/swf/wire"
	"heddle/internal/swf/wire/wiretest"
)

// request is one call as the server sees it, and its answer as the client does.
type request struct {
	harness *harness
	name    string
	gone    bool // the client has gone, and the server knows
	cut     bool // the answer can't be written
	lost    bool // the answer is written and does not arrive
	broken  bool // the client has no answer and will get none
	over    bool // the server has finished with it
	at      int  // the step in which it had

	disruptions int // of the world until its last command was submitted

	status int
	header http.Header
	answer bytes.Buffer
}

// requestContext is the context of a request: it ends when the server sees that
// the client has gone.
type requestContext struct {
	context.Context
	request *request
}

// Done is nil: nobody may wait for real.
func (requestContext) Done() <-chan struct{} { return nil }

func (c requestContext) Err() error {
	if c.request.gone {
		return context.Canceled
	}
	return nil
}

var errCut = errors.New("connection cut")

// Gone, Lost and Watch are what the server sees of the connection.
func (r *request) Gone() error {
	if r.gone {
		return errCut
	}
	return nil
}

func (r *request) Lost() error {
	if r.cut {
		return errCut
	}
	return nil
}

// Watch tells later, perhaps, that an answer was lost.
func (r *request) Watch(lost func(error)) {
	w := r.harness.w
	if !r.lost || !w.chance(2) {
		return
	}
	w.spawn("reset of "+r.name, func(t *thread) {
		w.sleep(t, engine.Time(w.random.IntN(10_000)))
		if !r.harness.disk.dead && !w.ending {
			lost(errCut)
		}
	})
}

// Header, WriteHeader, Write and FlushError are how the server answers.
func (r *request) Header() http.Header { return r.header }

func (r *request) WriteHeader(status int) { r.status = status }

func (r *request) Write(b []byte) (int, error) {
	if r.harness.disk.dead || r.cut {
		return 0, errCut
	}
	return r.answer.Write(b)
}

func (r *request) FlushError() error {
	w := r.harness.w
	for range w.random.IntN(2) {
		w.rest(w.running)
	}
	if w.strikes(slowAnswer) {
		w.sleep(w.running, engine.Time(w.fate.random.IntN(8000)))
	}
	if w.harness == r.harness && w.strikes(crashOnAnswer) {
		r.harness.disk.dead = true
	}
	if r.harness.disk.dead || r.cut {
		return errCut
	}
	return nil
}

var target = &url.URL{Path: "/"}

// post is a call by its name.
func (w *world) post(name string, body []byte) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: target, ContentLength: int64(len(body)),
		Header: http.Header{"X-Amz-Target": {w.dialect().target + "." + name}},
		Body:   io.NopCloser(bytes.NewReader(body)),
	}
}

// send starts a request in the server.
func (w *world) send(name string, what *http.Request) *request {
	r := &request{harness: w.harness, name: name, header: http.Header{}}
	switch {
	case w.harness == nil, w.strikes(lostRequest):
		r.broken, r.over = true, true
		return r
	case w.strikes(lostAnswer):
		r.lost = true
	case w.strikes(cutAnswer):
		r.cut = true
	}
	h := w.harness
	h.calls = append(h.calls, r)
	t := w.spawnIn(h, name, func(*thread) {
		in := what.WithContext(operation.WithConnection(requestContext{context.Background(), r}, r))
		h.handler.ServeHTTP(r, in)
		r.over, r.at = true, w.steps
		if h.disk.dead || r.cut || r.lost || r.gone {
			r.broken = true
		}
		for i, c := range h.calls {
			if c == r {
				h.calls = append(h.calls[:i], h.calls[i+1:]...)
				break
			}
		}
	})
	t.request, t.claims = r, polls(name)
	return r
}

// inFlight are the names of the calls in the server.
func (w *world) inFlight() []string {
	if w.harness == nil {
		return nil
	}
	names := make([]string, 0, len(w.harness.calls))
	for _, r := range w.harness.calls {
		if !r.over {
			names = append(names, r.name)
		}
	}
	return names
}

// fault gives the bare name of the answer's fault; "": it is a success.
func (r *request) fault() string {
	lines := map[string][]string(r.header) // the name is sent as it is
	name, _, _ := strings.Cut(lines["x-amzn-query-error"][0], ";")
	return name
}

type encoder interface{ AppendJSON([]byte) []byte }

type decoder interface{ Decode(*jx.Decoder) error }

// polls tells whether a call waits for a task.
func polls(name string) bool { return strings.HasPrefix(name, "Poll") || name == "GetActivityTask" }

// dialect is how clients speak with the server.
type dialect struct {
	target  string
	answers wiretest.Answers // every answer is held against the model
}

var (
	workflows     = dialect{wire.TargetPrefix, wiretest.Read("../../internal/swf/wire/model.json")}
	stateMachines = dialect{states.TargetPrefix, wiretest.Read("../../internal/sfn/wire/model.json")}
)

func (w *world) dialect() *dialect {
	if w.machines != nil {
		return &stateMachines
	}
	return &workflows
}

// outcome is what a client knows of a call.
type outcome struct {
	known  bool   // the client has an answer that says what was done
	fault  string // "": success
	copies int    // how often the call went out
	at     int    // the step in which the server had answered

	disruptions int // of the world until the server submitted its command
}

func (o outcome) ok() bool { return o.known && o.fault == "" }

// client calls the server.
type client struct {
	w *world
	t *thread
}

// ask sends a request once, and gives it with its answer; nil: there is none that the client
// knows of. A client may have less patience than the server.
func (c *client) ask(name string, what func() *http.Request) (*request, outcome) {
	w := c.w
	r := w.send(name, what())
	twin, copies := r, 1
	if w.strikes(repeatedCall) {
		twin, copies = w.send(name, what()), 2
	}
	until := w.now + 90_000
	if polls(name) && w.strikes(deadPoller) {
		r.lost, twin.lost = true, true
		until = w.now + 1
	} else if w.strikes(impatience) {
		until = w.now + engine.Time(w.fate.random.IntN(3000))
	}
	answered := func() bool {
		return r.over && !r.broken || twin.over && !twin.broken || r.broken && twin.broken
	}
	for !answered() && w.now < until && !w.ending {
		c.t.park(answered, until)
	}
	got := r
	if !r.over || r.broken {
		got = twin
	}
	if !got.over || got.broken || w.ending {
		if !r.lost {
			r.gone, twin.gone = true, true
		}
		w.note("%s < %s: no answer", c.t.name, name)
		return nil, outcome{copies: copies}
	}
	w.hashBytes(got.answer.Bytes())
	w.note("%s < %s %d %s", c.t.name, name, got.status, got.answer.Bytes())
	w.coverage.call(name)
	return got, outcome{known: got.status < 500, copies: copies, at: got.at, disruptions: got.disruptions}
}

// call asks once, in JSON.
func (c *client) call(name string, in encoder, out decoder) outcome {
	w := c.w
	body := in.AppendJSON(nil)
	w.note("%s > %s %s", c.t.name, name, body)
	got, o := c.ask(name, func() *http.Request { return w.post(name, body) })
	if got == nil {
		return o
	}
	if flaw := w.dialect().answers.Flaw(name, got.status, got.answer.Bytes()); flaw != nil {
		w.judge.fail("%s %d: %v", name, got.status, flaw)
	}
	if got.status == http.StatusOK {
		if out != nil {
			if err := out.Decode(jx.DecodeBytes(got.answer.Bytes())); err != nil {
				w.judge.fail("%s: answer %s: %v", name, got.answer.Bytes(), err)
			}
		}
		return o
	}
	o.fault = got.fault()
	w.coverage.refusal(name + " " + o.fault)
	over := name == "UpdateMapRun" && bytes.Contains(got.answer.Bytes(), []byte("CANNOT_UPDATE_COMPLETED_MAP_RUN"))
	if o.fault == "ValidationException" && !over || o.fault == "SerializationException" {
		w.judge.fail("%s: a sound request got %s", name, got.answer.Bytes())
	}
	return o
}

// write asks for something that leaves a mark, if there is one, and again if the outcome is not
// known, as SDKs do.
func (c *client) write(name string, in encoder, out decoder, mark string) outcome {
	w := c.w
	tries := 1 + w.random.IntN(3)
	for try := 1; ; try++ {
		if mark != "" {
			w.judge.sent(mark, 2) // the network may repeat it
		}
		o := c.call(name, in, out)
		switch {
		case mark == "":
		case o.ok():
			w.judge.acknowledged(name, mark)
		case o.known && try == 1 && o.copies == 1:
			w.judge.refused(name, mark)
		}
		if o.known || try == tries || w.ending {
			return o
		}
		w.sleep(c.t, engine.Time(50+w.random.IntN(500)))
	}
}
