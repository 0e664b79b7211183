package operator

import (
	"context"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// anybody makes the subject of CreateConsoleLink: whoever may call anything may look at it in
// the console, where he may no more than by calls.
func anybody(context.Context, *wire.CreateConsoleLinkInput) (operation.Subject, error) {
	return operation.Free{}, nil
}

var errNoConsole = &fault.Fault{Code: wire.CodeConsoleOffException, Message: "The console of this server is off; --console on turns it on."}

// createConsoleLink serves CreateConsoleLink.
func (s *actions) createConsoleLink(ctx context.Context, _ *wire.CreateConsoleLinkInput) (*wire.CreateConsoleLinkOutput, error) {
	if s.ConsoleLink == nil {
		return nil, errNoConsole
	}
	path, until, err := s.ConsoleLink(operation.CallerOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &wire.CreateConsoleLinkOutput{ConsoleURL: operation.BaseOf(ctx) + path}
	if !until.IsZero() {
		out.ExpirationTimestamp = moment(engine.Time(until.UnixMilli()))
	}
	return out, nil
}
