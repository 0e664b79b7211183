package swf

import (
	"context"
	"errors"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// poll waits for a task of a list and starts it by the command that start makes
// of a claim. The reply is nil when the hold time passed without a task.
//
// Started is written only while the caller's connection is alive. From then on
// the task is the caller's until Delivered or Undelivered: a restart in between offers it
// again.
func (s *actions) poll(ctx context.Context, list string, start func(id int64) any) (reply any, run engine.RunID, err error) {
	hold, cancel := s.Within(ctx, s.PollHold)
	defer cancel()
	claim, err := s.Tasks.Poll(hold, list)
	if errors.Is(err, matching.ErrTooManyPolls) {
		return nil, run, refusal(wire.CodeLimitExceededFault, "Limit on maximum concurrent poll requests per task list reached")
	}
	for err == nil && claim != nil {
		if gone := operation.Gone(ctx); gone != nil {
			claim.Return()
			return nil, run, gone
		}
		// The command's outcome must be known, whatever becomes of the caller.
		reply, err = s.Runs.Do(context.WithoutCancel(ctx), engine.Command{Run: claim.Run, Body: start(claim.ID)})
		switch {
		case err == nil:
			claim.Accept()
			return reply, claim.Run, nil
		case execution.IsGone(err):
			claim, err = s.Tasks.Refuse(hold, claim), nil
		case errors.Is(err, engine.ErrUnusable):
			// Offered again, its task would stand before all others of the list, for
			// every poll.
			claim.Accept()
		default:
			claim.Return()
		}
	}
	return nil, run, err
}

// notMade is for a started task of which no answer could be made. It is nil if
// the execution was closed meanwhile and kept for no time: then there is no task,
// and no fault of anybody.
func (d *delivery) notMade(err error) error {
	if execution.IsGone(err) {
		return nil
	}
	d.Delivered(err)
	return taskFault(err)
}

// delivery tells a run what became of the answer to a poll.
type delivery struct {
	runs      service.Runs
	run       engine.RunID
	scheduled int64
	attempt   int64
}

// Delivered implements operation.Delivery.
func (d *delivery) Delivered(err error) {
	if d.runs == nil { // an empty answer
		return
	}
	var body any = &execution.Delivered{ScheduledEventID: d.scheduled, Attempt: d.attempt}
	if err != nil {
		body = &execution.Undelivered{ScheduledEventID: d.scheduled, Attempt: d.attempt}
	}
	// That all is well may wait: the worker's own answer often comes before, and
	// says as much.
	d.runs.Cast(engine.Command{Run: d.run, Body: body, Patient: err == nil})
}
