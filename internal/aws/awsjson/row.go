package awsjson

import (
	"context"
	"net/http"

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

// headed is an Output with headers besides.
type headed interface{ AnswerHeader() http.Header }

// Operation is the row of an operation with an output. Subject tells what a call is
// about; a row without it does not compile.
func Operation[In, Out any, I Input[In], O Output[Out]](
	name string,
	handler func(context.Context, *In) (*Out, error),
	subject func(context.Context, *In) (operation.Subject, error),
	options ...operation.Option,
) operation.Operation {
	op := row[In, I](name, subject, options)
	op.Handle = operation.Handles(handler)
	op.Encode = func(out any, a *operation.Answer) {
		a.Body = O(out.(*Out)).AppendJSON(a.Body)
		if h, ok := out.(headed); ok {
			a.Header = h.AnswerHeader()
		}
	}
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
	op.Handle = operation.HandlesSilently(handler)
	return op
}

func row[In any, I Input[In]](name string, subject func(context.Context, *In) (operation.Subject, error), options []operation.Option) operation.Operation {
	return operation.Operation{
		Name: name, Protocol: Name, Options: operation.Apply(options),
		Decode:  decode[In, I],
		Subject: operation.IsAbout(subject),
	}
}
