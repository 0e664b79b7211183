package operation

import (
	"context"
	"fmt"

	"heddle/internal/aws/fault"
)

// Call does a call that comes from inside the server, such as from a page of the console:
// it takes the road of all requests, from the gate to the record, with an input that is
// typed, and gives the typed output. The caller's request says where it comes from.
// Context is that of the request which it is for. Errors: *fault.Fault, spelled as clients
// of the action read it.
func (h *Handler) Call(ctx context.Context, caller *Caller, service, name string, in any) (any, error) {
	c, err := h.inside(ctx, caller, service, name)
	if err != nil {
		return nil, err
	}
	if c.Operation.Streams {
		return nil, fmt.Errorf("call %s:%s from inside: it needs a connection", service, name)
	}
	defer c.leave(h.Gate)
	answer := answers.Get().(*Answer)
	defer answer.release()
	if err = h.enter(c); err == nil {
		err = c.validate(in)
	}
	if err != nil {
		in = nil
	}
	out, told, f := h.answer(c, h.protocol(c.Operation.Protocol), in, err, answer)
	h.observe(c, told)
	if f != nil {
		return nil, f
	}
	if delivery, awaited := out.(Delivery); awaited {
		err := fmt.Errorf("call %s:%s from inside: it needs a connection", service, name)
		delivery.Delivered(err)
		return nil, err
	}
	return out, nil
}

// Permits tells, without calling it, whether a caller may call an action with an input; nil:
// it may. A page shows by it what its reader can't do. Errors: as of Call.
func (h *Handler) Permits(ctx context.Context, caller *Caller, service, name string, in any) error {
	c, err := h.inside(ctx, caller, service, name)
	if err != nil {
		return err
	}
	if c.subject, err = c.Operation.Subject(c, in); err == nil {
		err = c.permit()
	}
	if err != nil {
		return h.faultOf(c, h.protocol(c.Operation.Protocol), err)
	}
	return nil
}

// inside is a call that no protocol has read.
func (h *Handler) inside(ctx context.Context, caller *Caller, service, name string) (*Call, error) {
	m := h.mounted[action{service, name}]
	if m == nil {
		return nil, fmt.Errorf("call from inside: there is no action %s:%s", service, name)
	}
	return &Call{
		Context: ctx, Request: caller.Request, RequestID: RequestID(h.Random()), Operation: m, Model: &m.API.Model, caller: *caller, at: h.Now(), inside: true,
	}, nil
}

// validate checks an input as decoding does.
func (c *Call) validate(in any) error {
	v, ok := in.(interface{ Validate() error })
	if !ok {
		return fmt.Errorf("call %s from inside: a %T can't be validated", c.Operation.Name, in)
	}
	if err := v.Validate(); err != nil {
		c.Invalid = in
		return fault.Invalid(err.Error())
	}
	return nil
}
