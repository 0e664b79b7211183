package operator

import (
	"context"

	"heddle/internal/aws/fault"
	"heddle/internal/operator/wire"
)

// resetServer serves ResetServer: a server whose store is memory stops and starts anew, at the
// same address. The answer comes before it does, and tells when the server began that goes.
func (s *actions) resetServer(ctx context.Context, _ *wire.ResetServerInput) (*wire.ResetServerOutput, error) {
	if err := s.ofServer(ctx, "What a reset forgets"); err != nil {
		return nil, err
	}
	if s.Reset == nil {
		return nil, &fault.Fault{Code: wire.CodeResetUnavailableException, Message: "Only a server whose store is memory forgets what it has. Stop this one, and give it another folder."}
	}
	s.Reset()
	return &wire.ResetServerOutput{StartTimestamp: stamp(s.Overview.Status().Began)}, nil
}
