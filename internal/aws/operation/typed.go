package operation

import (
	"context"
	"errors"
)

// What rows of all protocols do alike with inputs and outputs of their own types.

var errNoOutput = errors.New("the handler returned neither output nor error")

// Handles makes Operation.Handle of a handler with an output.
func Handles[In, Out any](handler func(context.Context, *In) (*Out, error)) func(context.Context, any) (any, error) {
	return func(ctx context.Context, in any) (any, error) {
		out, err := handler(ctx, in.(*In))
		if err == nil && out == nil {
			err = errNoOutput
		}
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// HandlesSilently makes Operation.Handle of a handler without one.
func HandlesSilently[In any](handler func(context.Context, *In) error) func(context.Context, any) (any, error) {
	return func(ctx context.Context, in any) (any, error) { return nil, handler(ctx, in.(*In)) }
}

// IsAbout makes Operation.Subject.
func IsAbout[In any](subject func(context.Context, *In) (Subject, error)) func(context.Context, any) (Subject, error) {
	return func(ctx context.Context, in any) (Subject, error) { return subject(ctx, in.(*In)) }
}

// Innermost is the cause at the end of a chain of errors: what was wrong, without the
// decoder's way to it.
func Innermost(err error) error {
	for {
		cause := errors.Unwrap(err)
		if cause == nil {
			return err
		}
		err = cause
	}
}
