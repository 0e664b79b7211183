package swf

import (
	"context"
	"errors"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/wire"
)

// poll is tasks.Poll with the service's fault for a list that has too many.
func (s *actions) poll(ctx context.Context, list string, identity *string, start func(scheduled int64) any) (reply any, run engine.RunID, err error) {
	reply, run, err = tasks.Poll(ctx, s.Kernel, list, identity, start)
	if errors.Is(err, matching.ErrTooManyPolls) {
		err = refusal(wire.CodeLimitExceededFault, "Limit on maximum concurrent poll requests per task list reached")
	}
	return reply, run, err
}
