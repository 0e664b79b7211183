package operation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"

	"heddle/internal/aws/awsjson"

	"github.com/go-faster/jx"
)

// Config is what a Handler is given.
type Config struct {
	Authenticator Authenticator
	Log           *slog.Logger
	Random        func() [16]byte // a source of request ids
	Auditor       Auditor         // may be nil
	// Throttle tells whether a caller may call an action now; nil: always.
	Throttle func(c *Caller, action string) bool
}

// Handler serves the operations that were mounted on it.
type Handler struct {
	Config
	mounted map[target]*mounted
}

type target struct{ service, operation string }

type mounted struct {
	target
	action
	limits
	faults       []string // codes that the model declares
	notPermitted string   // code of the fault for who may not do it
}

// New is a handler that serves nothing yet.
func New(c Config) *Handler {
	return &Handler{Config: c, mounted: map[target]*mounted{}}
}

// Model is what the model of a service says of all its operations.
type Model struct {
	Prefix string              // of targets
	Faults map[string][]string // codes that each operation declares
	// NotPermitted is the service's own code for who may not do something. The
	// operations that don't declare it answer with the common one.
	NotPermitted string
}

// Mount serves the rows of a service. It comes before serving.
func Mount[S any](h *Handler, m Model, s S, rows []Operation[S]) {
	for _, row := range rows {
		declared, known := m.Faults[row.Name]
		if !known {
			panic(fmt.Sprintf("operation: %s has no operation %q", m.Prefix, row.Name))
		}
		key := target{m.Prefix, row.Name}
		if h.mounted[key] != nil {
			panic(fmt.Sprintf("operation: two rows for %q", row.Name))
		}
		op := &mounted{target: key, action: row.bind(s), limits: row.limits, faults: declared, notPermitted: awsjson.CodeAccessDenied}
		if slices.Contains(declared, m.NotPermitted) {
			op.notPermitted = m.NotPermitted
		}
		h.mounted[key] = op
	}
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := &call{Context: r.Context(), id: awsjson.RequestID(h.Random())}
	service, name, err := awsjson.Target(r)
	if err != nil {
		h.refuse(w, r, ctx, nil, nil, err)
		return
	}
	op := h.mounted[target{service, name}]
	if op == nil {
		h.refuse(w, r, ctx, nil, nil, awsjson.UnknownOperation(service+"."+name))
		return
	}
	in, err := h.receive(w, r, ctx, op)
	if err != nil {
		h.refuse(w, r, ctx, op, nil, err)
		return
	}
	if !op.waits {
		ctx.Context = context.WithoutCancel(r.Context())
	}
	out, answer, err := h.handle(ctx, op, in)
	if err != nil {
		h.refuse(w, r, ctx, op, in, err)
		return
	}
	defer answer.release(answers)
	h.answered(r, ctx, op, in, answer.bytes, nil)
	if delivery, awaited := out.(Delivery); awaited {
		deliver(w, r, ctx, answer.bytes, delivery)
		return
	}
	// A caller who has gone needs no answer.
	_ = awsjson.Write(w, r, ctx.id, answer.bytes)
}

// receive reads the body, authenticates and decodes. The body is not kept while
// the operation is handled: a poll may wait for a minute.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, ctx *call, op *mounted) (in any, err error) {
	body := bodies.Get().(*buffer)
	defer body.release(bodies)
	if err := body.read(r, op.bodyMax); err != nil {
		// What is left of the body is not worth reading.
		w.Header()["Connection"] = []string{"close"}
		return nil, err
	}
	if ctx.caller, err = h.Authenticator.Authenticate(r, body.bytes); err != nil {
		return nil, err
	}
	h.asked(ctx, op, body.bytes)
	if h.Throttle != nil && !h.Throttle(&ctx.caller, op.operation) {
		return nil, awsjson.Throttling()
	}
	d := decoders.Get().(*jx.Decoder)
	defer decoders.Put(d)
	d.ResetBytes(body.bytes)
	return op.decode(d)
}

// permit asks whether the caller may do what he asks.
func permit(ctx *call, op *mounted, in any) error {
	if ctx.caller.Policies == nil {
		return nil
	}
	requests, err := op.ask(in).Requests(ctx)
	if err != nil {
		return fmt.Errorf("authorise: %w", err)
	}
	for i := range requests {
		if d := ctx.caller.May(&requests[i]); !d.Allowed {
			return &awsjson.Fault{Code: op.notPermitted, Message: d.Explain(&requests[i])}
		}
	}
	return nil
}

// handle runs the action, if the caller may, and encodes its output. A panic
// becomes an error.
func (h *Handler) handle(ctx *call, op *mounted, in any) (out output, answer *buffer, err error) {
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
	if err = permit(ctx, op, in); err != nil {
		return nil, nil, err
	}
	if out, err = op.handle(ctx, in); err != nil {
		return nil, nil, err
	}
	answer = answers.Get().(*buffer)
	if out != nil {
		answer.bytes = out.AppendJSON(answer.bytes)
	}
	return out, answer, nil
}

// deliver writes an answer down to the connection and tells what became of it.
func deliver(w http.ResponseWriter, r *http.Request, ctx *call, answer []byte, delivery Delivery) {
	if err := written(w, r, ctx, answer); err != nil {
		delivery.Delivered(err)
		return
	}
	delivery.Delivered(nil)
	if c := connectionOf(ctx); c != nil {
		c.Watch(delivery.Delivered)
	}
}

// written writes an answer. The error is nil only if all of it was taken and the
// caller is not known to have gone.
func written(w http.ResponseWriter, r *http.Request, ctx *call, answer []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := awsjson.Write(w, r, ctx.id, answer); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	if c := connectionOf(ctx); c != nil {
		return c.Lost() // the context ends also when he has read and hung up
	}
	return ctx.Err()
}

// refuse answers with the fault that err is, or with an internal failure.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, ctx *call, op *mounted, in any, err error) {
	var fault *awsjson.Fault
	switch {
	case !errors.As(err, &fault):
		fault = awsjson.InternalFailure()
		// That the caller has gone is no news.
		if Gone(ctx) == nil {
			h.logFailure(ctx, op, in, "request failed", err)
		}
	case op != nil && !fault.Common() && !slices.Contains(op.faults, fault.Code):
		h.logFailure(ctx, op, in, "fault is not declared for the operation", err)
	}
	h.answered(r, ctx, op, in, nil, fault)
	_ = awsjson.WriteFault(w, r, ctx.id, fault)
}

func (h *Handler) logFailure(ctx *call, op *mounted, in any, what string, err error) {
	attributes := []slog.Attr{slog.String("request", ctx.id), slog.String("error", err.Error())}
	if op != nil {
		attributes = append(attributes, slog.String("operation", op.operation))
		if in != nil {
			if touched := op.ask(in).Touches(ctx); touched.Kind != "" {
				attributes = append(attributes, slog.String(touched.Kind, touched.Name))
			}
		}
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	h.Log.LogAttrs(ctx, slog.LevelError, what, attributes...)
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
