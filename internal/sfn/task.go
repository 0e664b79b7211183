package sfn

import (
	"context"
	"errors"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/service/tasks"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/wire"
	"heddle/jsonvalue"
)

// activityTask answers GetActivityTask.
type activityTask struct {
	tasks.Delivery
	wire.GetActivityTaskOutput // without a token: there is no task
}

// getActivityTask serves GetActivityTask.
func (s *actions) getActivityTask(ctx context.Context, in *wire.GetActivityTaskInput) (*activityTask, error) {
	activity, err := activityBy(ctx, in.ActivityARN, s.rememberActivity)
	if err != nil {
		return nil, err
	}
	reply, run, err := tasks.Poll(ctx, s.Kernel, execution.ActivityList(in.ActivityARN), in.WorkerName, func(id int64) any {
		return &execution.StartTask{ScheduledEventID: id, Worker: in.WorkerName}
	})
	if errors.Is(err, matching.ErrTooManyPolls) {
		return nil, refusal(wire.CodeActivityWorkerLimitExceeded, "Activity Worker Limit Exceeded: '"+in.ActivityARN+"'")
	}
	if err != nil || reply == nil {
		return &activityTask{}, err
	}
	task := reply.(*execution.Task)
	delivery := tasks.Delivery{Runs: s.Runs, Run: run, Scheduled: task.ScheduledEventID, Attempt: task.Attempt, Trace: task.Trace}
	if task.Input, err = s.opener(ctx, activity.Encryption, in.ActivityARN)(task.Input); err != nil {
		return nil, delivery.NotMade(err)
	}
	return &activityTask{Delivery: delivery, GetActivityTaskOutput: wire.GetActivityTaskOutput{TaskToken: &task.Token, Input: &task.Input}}, nil
}

// sendTask gives what a worker says of a task to its execution. Errors: InvalidToken,
// TaskTimedOut, TaskDoesNotExist.
func (s *actions) sendTask(ctx context.Context, token string, body func(execution.Ref) any) error {
	t, ok := execution.ParseToken(token)
	if !ok {
		return errInvalidToken
	}
	_, err := s.Runs.Do(ctx, engine.Command{Run: t.Run, Body: body(execution.Ref{Token: &t, World: worldOf(ctx)})})
	if _, wrong := errors.AsType[*execution.TokenError](err); wrong {
		return errInvalidToken
	}
	if isMissing(err) {
		return refusal(wire.CodeTaskDoesNotExist, "Task does not exist: 'Provided task does not exist'")
	}
	if engine.IsGone(err) {
		return refusal(wire.CodeTaskTimedOut, "Task Timed Out: 'Provided task does not exist anymore'")
	}
	return err
}

// sendTaskSuccess serves SendTaskSuccess.
func (s *actions) sendTaskSuccess(ctx context.Context, in *wire.SendTaskSuccessInput) (*wire.SendTaskSuccessOutput, error) {
	if _, err := jsonvalue.ParseString(in.Output); err != nil {
		if _, ok := execution.ParseToken(in.TaskToken); !ok { // it is looked at first
			return nil, errInvalidToken
		}
		return nil, refusal(wire.CodeInvalidOutput, "Invalid Output: '"+in.Output[:min(len(in.Output), 256)]+"'")
	}
	return &wire.SendTaskSuccessOutput{}, s.sendTask(ctx, in.TaskToken, func(ref execution.Ref) any {
		return &execution.Succeed{Ref: ref, Output: in.Output}
	})
}

// sendTaskFailure serves SendTaskFailure.
func (s *actions) sendTaskFailure(ctx context.Context, in *wire.SendTaskFailureInput) (*wire.SendTaskFailureOutput, error) {
	return &wire.SendTaskFailureOutput{}, s.sendTask(ctx, in.TaskToken, func(ref execution.Ref) any {
		return &execution.Fail{Ref: ref, Error: in.Error, Cause: in.Cause}
	})
}

// sendTaskHeartbeat serves SendTaskHeartbeat.
func (s *actions) sendTaskHeartbeat(ctx context.Context, in *wire.SendTaskHeartbeatInput) (*wire.SendTaskHeartbeatOutput, error) {
	return &wire.SendTaskHeartbeatOutput{}, s.sendTask(ctx, in.TaskToken, func(ref execution.Ref) any {
		return &execution.Heartbeat{Ref: ref}
	})
}
