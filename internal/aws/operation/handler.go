package operation

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"heddle/internal/aws/fault"
)

// Config is what a Handler is given.
type Config struct {
	Authenticator Authenticator
	Gate          Gate // nil: all are let in
	Log           *slog.Logger
	Random        func() [16]byte  // a source of request ids
	Now           func() time.Time // the real time
	// Keep takes room for the record of a call that is about to change something, of which
	// Audit is told then: who asks, and what it touches. Its error goes to the caller, and the
	// call is not done. Nil: no record needs room.
	Keep func(*Caller, Resource) error
	// Audit hears of a call before its answer is written; nil: nobody does. It keeps
	// nothing of what it is given. An error means that the call may not be answered as
	// if all were well, since it left no record.
	Audit func(*Answered) error
	// Observe hears of a call after its answer was written, and how long it took; nil:
	// nobody does. It keeps nothing of what it is given.
	Observe func(a *Answered, took time.Duration)
}

// Gate lets calls in whose sender is verified, before anything is done for them. So none
// of its places are taken by strangers, or by requests that have not come. The contexts
// are those of the requests, with values of their connections.
type Gate interface {
	// Enter tells whether there is a place for a call. Leave gives it back.
	Enter(ctx context.Context) bool
	Leave(ctx context.Context)
	// Turn waits until a call may read what may make a large answer, and gives the turn to the
	// next when the function is called that it returns.
	Turn(ctx context.Context) (end func())
	// Answer tells, before it is written, whether there is room for an answer of so many
	// bytes; until the request ends.
	Answer(ctx context.Context, bytes int) bool
}

// Handler serves the operations that were mounted on it.
type Handler struct {
	Config
	protocols []Protocol
	mounted   map[action]*Mounted
}

// action names an operation.
type action struct{ service, name string }

// New is a handler that serves nothing yet. A request goes to the first protocol that
// claims it, and to the very first if none does.
func New(c Config, protocols ...Protocol) *Handler {
	return &Handler{Config: c, protocols: protocols, mounted: map[action]*Mounted{}}
}

// Mount serves the operations of a service. It comes before serving.
func (h *Handler) Mount(api *API) {
	for i := range api.Operations {
		m := &Mounted{Operation: api.Operations[i], API: api}
		m.changes = api.Changes != nil && api.Changes(m.Name)
		if api.Model.Faults != nil {
			declared, known := api.Model.Faults[m.Name]
			if !known {
				panic(fmt.Sprintf("operation: %s has no operation %q", api.Service, m.Name))
			}
			m.faults = declared
		}
		if slices.Contains(m.faults, api.Model.NotPermitted) {
			m.notPermitted = api.Model.NotPermitted
		}
		h.protocol(m.Protocol).Mount(m)
		h.mounted[action{api.Service, m.Name}] = m
	}
}

func (h *Handler) protocol(name string) Protocol {
	for _, p := range h.protocols {
		if p.Name() == name {
			return p
		}
	}
	panic(fmt.Sprintf("operation: no protocol %q", name))
}

// protocolOf is the protocol of a request.
func (h *Handler) protocolOf(r *http.Request) Protocol {
	for _, p := range h.protocols {
		if p.Claims(r) {
			return p
		}
	}
	return h.protocols[0]
}

// RequestID is the id of a request, made of random bytes.
func RequestID(random [16]byte) string {
	random[6] = random[6]&0x0f | 0x40 // version 4: random
	random[8] = random[8]&0x3f | 0x80
	var id [36]byte
	hex.Encode(id[0:8], random[0:4])
	hex.Encode(id[9:13], random[4:6])
	hex.Encode(id[14:18], random[6:8])
	hex.Encode(id[19:23], random[8:10])
	hex.Encode(id[24:36], random[10:16])
	id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
	return string(id[:])
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, &Call{Context: r.Context(), Request: r, RequestID: RequestID(h.Random()), ask: h.Authenticator, at: h.Now()})
}

// ServeFor answers a request that the server itself makes for a caller. It takes no place of
// those of clients: whoever makes such requests bounds them. What waits for long, or streams,
// is refused.
func (h *Handler) ServeFor(caller Caller, w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, &Call{Context: r.Context(), Request: r, RequestID: RequestID(h.Random()), sender: Believe(caller), at: h.Now(), inside: true})
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, c *Call) {
	p := h.protocolOf(r)
	defer c.leave(h.Gate)
	in, err := h.receive(w, c, p)
	answer := answers.Get().(*Answer)
	defer answer.release()
	out, told, f := h.answer(c, p, in, err, answer)
	// A caller that has gone needs no answer.
	if f != nil {
		_ = p.WriteFault(w, c, f)
	} else if delivery, awaited := out.(Delivery); awaited {
		deliver(w, c, p, answer, delivery)
	} else {
		_ = p.WriteAnswer(w, c, answer)
	}
	h.observe(c, told)
}

// answer does a call whose input was received, unless that has failed, and has it recorded.
// A fault: it was refused, or its record is not known to be kept.
func (h *Handler) answer(c *Call, p Protocol, in any, err error, answer *Answer) (out any, told *Answered, f *fault.Fault) {
	if err == nil {
		if !c.Operation.Waits {
			c.Context = context.WithoutCancel(c.Context)
		}
		out, err = h.handle(c, in, answer)
		defer c.endTurn() // not before its answer has its room, or was refused
		// A change that was done is answered whatever room there is: a refusal would not be true,
		// neither to its caller nor on record.
		if err == nil && c.entered && !c.inside && !h.Gate.Answer(c, len(answer.Body)) && !c.Operation.changes {
			err = fault.Throttled()
			if delivery, awaited := out.(Delivery); awaited {
				delivery.Delivered(err)
			}
		}
	}
	if err != nil {
		f = h.faultOf(c, p, err)
		told, _ = h.tell(c, in, nil, nil, f) // no worse than it is
		return nil, told, f
	}
	if told, err = h.tell(c, in, out, answer, nil); err == nil {
		return out, told, nil
	}
	// It was done, but its record is not known to be kept.
	if delivery, awaited := out.(Delivery); awaited {
		delivery.Delivered(err)
	}
	if answer.Stream != nil {
		_ = answer.Stream.Close() // it was not read
	}
	told.Fault = h.faultOf(c, p, fmt.Errorf("it was done, and its record is not known to be kept: %w", err))
	return nil, told, told.Fault
}

// leave gives back what the gate has given.
func (c *Call) leave(g Gate) {
	c.endTurn()
	if c.entered {
		g.Leave(c)
	}
}

// Turn waits until a call may read what may make a large answer, such as a page: so many at
// a time do. The turn is the call's until its answer has room, or is refused; asked for again
// it is there. A context that is no handler's has no need of one.
func Turn(ctx context.Context) {
	if c, ok := ctx.Value(callKey{}).(*Call); ok && c.entered && c.turn == nil {
		c.turn = c.gate.Turn(c)
	}
}

func (c *Call) endTurn() {
	if c.turn != nil {
		c.turn()
		c.turn = nil
	}
}

// tell has a call recorded, and gives what it told.
func (h *Handler) tell(c *Call, in, out any, answer *Answer, f *fault.Fault) (told *Answered, err error) {
	if c.Operation == nil || h.Audit == nil && h.Observe == nil {
		return nil, nil
	}
	told = c.answered(in, out, answer, f)
	if h.Audit != nil {
		err = h.Audit(told)
	}
	return told, err
}

func (h *Handler) observe(c *Call, told *Answered) {
	if told != nil && h.Observe != nil {
		h.Observe(told, h.Now().Sub(c.at))
	}
}

// receive finds the operation, recognises the sender, reads the body, verifies whose it
// is, and decodes. The body is not kept while the operation is handled.
func (h *Handler) receive(w http.ResponseWriter, c *Call, p Protocol) (in any, err error) {
	defer c.releaseBody()
	c.Operation, err = p.Find(c)
	if err == nil {
		c.Model = &c.Operation.API.Model
		if c.inside && (c.Operation.Waits && !c.Operation.FromInside || c.Operation.Streams) {
			err = fault.Of(fault.AccessDenied, c.Operation.Name+" is not called from inside the server: it needs a connection of its own.")
		}
	}
	if err == nil {
		err = c.readOrStream()
	}
	if err == nil {
		err = c.recognise()
	}
	if err == nil {
		c.caller, err = c.sender.Verify(c.Operation.API.SigningNames, c)
	}
	if err != nil {
		if r := c.Request; r.ProtoMajor == 1 && r.ContentLength != 0 && !c.whole {
			// What is left of the body is not worth reading.
			w.Header()["Connection"] = []string{"close"}
		}
		return nil, err
	}
	if !c.inside {
		err = h.enter(c)
	}
	if err != nil {
		return nil, err
	}
	return c.Operation.Decode(c)
}

// enter takes a place for a call.
func (h *Handler) enter(c *Call) error {
	if h.Gate == nil {
		return nil
	}
	c.gate = h.Gate
	if c.entered = h.Gate.Enter(c); !c.entered {
		return fault.Throttled()
	}
	return nil
}

// recognise refuses what is nobody's, unless that was done.
func (c *Call) recognise() (err error) {
	if c.sender != nil || c.ask == nil {
		return nil
	}
	var services []string
	if c.Operation != nil {
		services = c.Operation.API.SigningNames
	}
	c.sender, err = c.ask.Recognise(c.Request, services)
	return err
}

func (c *Call) readOrStream() error {
	if c.Operation.Streams {
		return c.openStream(c.Operation.BodyMax)
	}
	return c.ReadBody(c.Operation.BodyMax)
}

// handle resolves what the call is about and does it, if the caller may, and encodes
// the output. A panic becomes an error.
func (h *Handler) handle(c *Call, in any, answer *Answer) (out any, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err = &panicError{value: p, stack: debug.Stack()}
		if delivery, awaited := out.(Delivery); awaited {
			delivery.Delivered(err)
		}
	}()
	op := c.Operation
	if c.subject, err = op.Subject(c, in); err != nil {
		return nil, err
	}
	if err = c.permit(); err != nil {
		return nil, err
	}
	if refuse := op.API.Refuse; refuse != nil {
		if f := refuse(op.Name); f != nil {
			return nil, f
		}
	}
	if t := op.API.Throttle; t != nil {
		rate := op.Name
		if rated, ok := c.subject.(Rated); ok {
			rate = cmp.Or(rated.Rate(c), rate)
		}
		if !t(c.caller.Account, c.caller.Region, rate) {
			return nil, fault.Throttled()
		}
	}
	if h.Keep != nil && op.changes {
		if err = h.Keep(&c.caller, c.subject.Resource(c)); err != nil {
			return nil, err
		}
		c.kept = true
	}
	if out, err = op.Handle(c, in); err != nil {
		return nil, err
	}
	if op.Encode == nil {
		answer.NoOutput = true
	} else {
		op.Encode(out, answer)
	}
	return out, nil
}

// deliver writes an answer down to the connection and tells what became of it.
func deliver(w http.ResponseWriter, c *Call, p Protocol, a *Answer, delivery Delivery) {
	if err := written(w, c, p, a); err != nil {
		delivery.Delivered(err)
		return
	}
	delivery.Delivered(nil)
	if conn := connectionOf(c); conn != nil {
		conn.Watch(delivery.Delivered)
	}
}

// written writes an answer. The error is nil only if all of it was taken and the
// caller is not known to have gone.
func written(w http.ResponseWriter, c *Call, p Protocol, a *Answer) error {
	if err := c.Err(); err != nil {
		return err
	}
	if err := p.WriteAnswer(w, c, a); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	if conn := connectionOf(c); conn != nil {
		return conn.Lost() // the context ends also when the caller has read and hung up
	}
	return c.Err()
}

// faultOf is the fault that err is, or an internal failure, which is logged.
func (h *Handler) faultOf(c *Call, p Protocol, err error) *fault.Fault {
	f, ok := errors.AsType[*fault.Fault](err)
	op := c.Operation
	switch {
	case !ok:
		f = fault.Of(fault.Internal, "")
		// That the caller has gone is no news.
		if Gone(c) == nil {
			h.logFailure(c, "request failed", err)
		}
	case op != nil && f.Kind == 0 && op.API.Model.Faults != nil && !slices.Contains(op.faults, f.Code):
		h.logFailure(c, "fault is not declared for the operation", err)
	}
	return spelled(p, f)
}

// spelled is a fault in the words of a protocol. Faults may be shared, so f stays as it
// is.
func spelled(p Protocol, f *fault.Fault) *fault.Fault {
	if f.Kind == 0 {
		return f
	}
	own := *f
	p.Spell(&own)
	return &own
}

func (h *Handler) logFailure(c *Call, what string, err error) {
	attributes := []slog.Attr{slog.String("request", c.RequestID), slog.String("error", err.Error())}
	if c.Operation != nil {
		attributes = append(attributes, slog.String("operation", c.Operation.Name))
	}
	if c.subject != nil {
		if touched := c.subject.Resource(c); touched.Kind != "" {
			attributes = append(attributes, slog.String(touched.Kind, touched.Name))
		}
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	h.Log.LogAttrs(c, slog.LevelError, what, attributes...)
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
