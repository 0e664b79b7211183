package operator

import (
	"context"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

func (s *actions) aboutAwaited(ctx context.Context, in *wire.AwaitExecutionInput) (operation.Subject, error) {
	return s.aboutExecution(ctx, &wire.InspectExecutionInput{Domain: in.Domain, WorkflowID: in.WorkflowID, RunID: in.RunID, ExecutionARN: in.ExecutionARN})
}

// awaitExecution serves AwaitExecution: it waits, as a poll does, while an open execution has
// just as many events as its caller has seen.
func (s *actions) awaitExecution(ctx context.Context, in *wire.AwaitExecutionInput) (*wire.AwaitExecutionOutput, error) {
	ref := refIn(&wire.InspectExecutionInput{Domain: in.Domain, WorkflowID: in.WorkflowID, RunID: in.RunID, ExecutionARN: in.ExecutionARN})
	i := s.inspectorOf(ref)
	at, err := i.Look(ctx, ref)
	if err == nil && at.LastEvent == in.Events && at.Status == engine.Open {
		var end func()
		if end, err = s.AsPoll(ctx); err != nil {
			return nil, err
		}
		defer end()
		hold, stop := s.Hold(ctx)
		defer stop()
		if in.WaitTimeSeconds != nil {
			hold, stop = s.Within(hold, time.Duration(*in.WaitTimeSeconds)*time.Second)
			defer stop()
		}
		w := s.Live.Watch(at.Run)
		defer w.End()
		if at, err = i.Look(ctx, ref); err == nil && at.LastEvent == in.Events { // not between the two
			w.Wait(hold)
			if ctx.Err() == nil { // somebody is there still
				at, err = i.Look(ctx, ref)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return &wire.AwaitExecutionOutput{Events: at.LastEvent, ServerTimestamp: wire.Timestamp(s.Clock())}, nil
}
