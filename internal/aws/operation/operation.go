// Package operation is one row per API action, and the one path that each
// request takes: find the operation, read the bounded body, authenticate,
// decode, validate, authorise, handle, encode. A handler starts with a valid,
// permitted, typed input and returns a typed output or an error.
//
// A fault goes to the caller as it is. Any other error, and a panic, becomes an
// internal failure with a request id, and a line in the log under that id.
package operation

import (
	"context"
	"errors"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/policy"

	"github.com/go-faster/jx"
)

// Ask is what a request asks permission for.
type Ask interface {
	// Touches is what the request is about. The context is a handler's.
	Touches(ctx context.Context) Resource
	// Requests are the questions to the caller's policies: all must be allowed. It
	// is not called for those who may do anything.
	Requests(ctx context.Context) ([]policy.Request, error)
}

// Resource is what a request touches, in the words of its service.
type Resource struct {
	Kind string // "domain"; empty when the request touches nothing by name
	Name string
}

// Delivery may be implemented by an output. Delivered is called once the answer
// was written and flushed, with what went wrong on the way, or with nil. After
// nil it is called once more, with an error, if it turns out that the answer did
// not arrive.
type Delivery interface {
	Delivered(err error)
}

// BodyMax is how many bytes a request has at most, unless its row says otherwise.
const BodyMax = 64 << 10

// Option changes a row.
type Option func(*limits)

type limits struct {
	bodyMax int64
	waits   bool
}

// WithBodyMax bounds the body to n bytes.
func WithBodyMax(n int64) Option {
	return func(l *limits) { l.bodyMax = n }
}

// Waits marks an action that waits for something to happen: it ends when its
// caller hangs up. All others go on to their end.
func Waits(l *limits) { l.waits = true }

// Operation is the row of one action of the service S.
type Operation[S any] struct {
	Name string
	limits
	bind func(S) action
}

// action is a row whose service is given. What decode returns is what ask and
// handle take.
type action struct {
	decode func(d *jx.Decoder) (in any, err error)
	ask    func(in any) Ask
	handle func(ctx context.Context, in any) (output, error)
}

// output is what handle gives; nil when the operation has none.
type output interface{ AppendJSON([]byte) []byte }

type input[In any] interface {
	*In
	Decode(*jx.Decoder) error
	Validate() error
}

type encoded[Out any] interface {
	*Out
	output
}

// JSON is the row of an operation with an output. The third argument says what a
// request asks permission for, given the operation's name; a row without it does
// not compile.
func JSON[S, In, Out any, I input[In], O encoded[Out]](
	name string,
	handler func(S, context.Context, *In) (*Out, error),
	ask func(S, string, *In) Ask,
	options ...Option,
) Operation[S] {
	return row[S, In, I](name, ask, options, func(s S, ctx context.Context, in *In) (output, error) {
		out, err := handler(s, ctx, in)
		if err != nil {
			return nil, err
		}
		if out == nil {
			return nil, errNoOutput
		}
		return O(out), nil
	})
}

// JSONWithoutOutput is the row of an operation whose answer has no body.
func JSONWithoutOutput[S, In any, I input[In]](
	name string,
	handler func(S, context.Context, *In) error,
	ask func(S, string, *In) Ask,
	options ...Option,
) Operation[S] {
	return row[S, In, I](name, ask, options, func(s S, ctx context.Context, in *In) (output, error) {
		return nil, handler(s, ctx, in)
	})
}

var errNoOutput = errors.New("the handler returned neither output nor error")

func row[S, In any, I input[In]](
	name string,
	ask func(S, string, *In) Ask,
	options []Option,
	handle func(S, context.Context, *In) (output, error),
) Operation[S] {
	op := Operation[S]{Name: name, limits: limits{bodyMax: BodyMax}}
	for _, o := range options {
		o(&op.limits)
	}
	op.bind = func(s S) action {
		return action{
			decode: decode[In, I],
			ask:    func(in any) Ask { return ask(s, name, in.(*In)) },
			handle: func(ctx context.Context, in any) (output, error) { return handle(s, ctx, in.(*In)) },
		}
	}
	return op
}

// decode reads and validates a whole body.
func decode[In any, I input[In]](d *jx.Decoder) (any, error) {
	in := new(In)
	if err := I(in).Decode(d); err != nil {
		return nil, awsjson.Serialization(innermost(err).Error())
	}
	if err := atEnd(d); err != nil {
		return nil, err
	}
	if err := I(in).Validate(); err != nil {
		return nil, awsjson.Validation(err.Error())
	}
	return in, nil
}
