package awsquery

import (
	"bytes"
	"context"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// Input is what an operation takes.
type Input[In any] interface {
	*In
	DecodeQuery(Params) error
	Validate() error
}

// Output is what an operation answers with: the elements of its result.
type Output[Out any] interface {
	*Out
	AppendXML(*XML)
}

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
		x := XML{b: *bytes.NewBuffer(a.Body)}
		O(out.(*Out)).AppendXML(&x)
		a.Body = x.b.Bytes()
	}
	return op
}

// WithoutOutput is the row of an operation whose answer has no result.
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
	op := operation.Operation{
		Name: name, Protocol: Name, Options: limits(options),
		Subject: operation.IsAbout(subject),
	}
	op.Decode = func(c *operation.Call) (any, error) {
		in := new(In)
		if err := I(in).DecodeQuery(c.Found.(Params)); err != nil {
			return nil, fault.Of(fault.Serialization, err.Error())
		}
		if err := I(in).Validate(); err != nil {
			return nil, fault.Invalid(err.Error())
		}
		return in, nil
	}
	return op
}

func limits(options []operation.Option) operation.Options {
	return operation.Apply(append([]operation.Option{operation.WithBodyMax(BodyMax)}, options...))
}
