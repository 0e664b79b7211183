package awsjson

import (
	"context"
	"errors"

	"heddle/internal/aws/operation"

	"github.com/go-faster/jx"
)

// Input is what an operation takes.
type Input[In any] interface {
	*In
	Decode(*jx.Decoder) error
	Validate() error
}

// Output is what an operation answers with.
type Output[Out any] interface {
	*Out
	AppendJSON([]byte) []byte
}

var errNoOutput = errors.New("the handler returned neither output nor error")

// Operation is the row of an operation with an output. Subject tells what a call is
// about; a row without it does not compile.
func Operation[In, Out any, I Input[In], O Output[Out]](
	name string,
	handler func(context.Context, *In) (*Out, error),
	subject func(context.Context, *In) (operation.Subject, error),
	options ...operation.Option,
) operation.Operation {
	op := row[In, I](name, subject, options)
	op.Handle = func(ctx context.Context, in any) (any, error) {
		out, err := handler(ctx, in.(*In))
		if err == nil && out == nil {
			err = errNoOutput
		}
		if err != nil {
			return nil, err
		}
		return O(out), nil
	}
	op.Encode = func(out any, a *operation.Answer) { a.Body = O(out.(*Out)).AppendJSON(a.Body) }
	return op
}

// WithoutOutput is the row of an operation whose answer has no body.
func WithoutOutput[In any, I Input[In]](
	name string,
	handler func(context.Context, *In) error,
	subject func(context.Context, *In) (operation.Subject, error),
	options ...operation.Option,
) operation.Operation {
	op := row[In, I](name, subject, options)
	op.Handle = func(ctx context.Context, in any) (any, error) { return nil, handler(ctx, in.(*In)) }
	return op
}

func row[In any, I Input[In]](name string, subject func(context.Context, *In) (operation.Subject, error), options []operation.Option) operation.Operation {
	return operation.Operation{
		Name: name, Protocol: Name, Options: operation.Apply(options),
		Decode:  decode[In, I],
		Subject: func(ctx context.Context, in any) (operation.Subject, error) { return subject(ctx, in.(*In)) },
	}
}
