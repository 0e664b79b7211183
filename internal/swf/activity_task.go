package swf

import (
	"context"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
)

// activityTask answers PollForActivityTask.
type activityTask struct {
	tasks.Delivery
	task *wire.ActivityTask // nil: no task
}

// AppendJSON writes the answer. Without a task it has the number that a task has
// always, and no token: clients test for that.
func (t *activityTask) AppendJSON(b []byte) []byte {
	if t.task == nil {
		return append(b, `{"startedEventId":0}`...)
	}
	return t.task.AppendJSON(b)
}

// pollForActivityTask serves PollForActivityTask.
func (s *actions) pollForActivityTask(ctx context.Context, in *wire.PollForActivityTaskInput) (*activityTask, error) {
	w := worldOf(ctx)
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	reply, run, err := s.poll(ctx, execution.ActivityList(w, in.Domain, in.TaskList.Name), in.Identity, func(id int64) any {
		return &execution.StartActivity{ScheduledEventID: id, Identity: in.Identity}
	})
	if err != nil {
		return nil, err
	}
	if reply == nil {
		return &activityTask{}, nil
	}
	task := reply.(*execution.ActivityTask)
	t := &activityTask{
		Delivery: tasks.Delivery{Runs: s.Runs, Run: run, Scheduled: task.ScheduledEventID, Attempt: task.Attempt, Trace: task.Trace},
		task: &wire.ActivityTask{
			ActivityID: task.ActivityID, ActivityType: task.Type, StartedEventID: task.StartedEventID,
			WorkflowExecution: wire.WorkflowExecution{RunID: task.RunID, WorkflowID: task.WorkflowID},
		},
	}
	t.task.TaskToken, err = tasks.Token{
		Run: run, Owner: task.DomainNumber,
		Scheduled: task.ScheduledEventID, Started: task.StartedEventID, Attempt: uint32(task.Attempt),
	}.Seal(s.Tokens, familyActivityTask, w)
	if err != nil {
		return nil, taskFault(t.NotMade(err))
	}
	scheduled, err := s.event(ctx, run, task.ScheduledEventID)
	if err == nil && scheduled.ActivityTaskScheduledEventAttributes == nil {
		err = fmt.Errorf("event %d of run %s is %s", task.ScheduledEventID, run, scheduled.EventType)
	}
	if err != nil {
		return &activityTask{}, taskFault(t.NotMade(err))
	}
	t.task.Input = scheduled.ActivityTaskScheduledEventAttributes.Input
	return t, nil
}

// activityOf is the activity task that the call's token stands for.
func activityOf(ctx context.Context) (engine.RunID, execution.ActivityRef) {
	task := &subjectOf(ctx).task
	return task.Run, execution.ActivityRef{ScheduledEventID: task.Scheduled, StartedEventID: task.Started}
}

// recordActivityTaskHeartbeat serves RecordActivityTaskHeartbeat.
func (s *actions) recordActivityTaskHeartbeat(ctx context.Context, in *wire.RecordActivityTaskHeartbeatInput) (*wire.ActivityTaskStatus, error) {
	run, ref := activityOf(ctx)
	reply, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.Heartbeat{ActivityRef: ref, Details: in.Details}})
	if err != nil {
		return nil, taskFault(err)
	}
	return &wire.ActivityTaskStatus{CancelRequested: reply.(*execution.HeartbeatReply).CancelRequested}, nil
}

// respondActivityTaskCompleted serves RespondActivityTaskCompleted.
func (s *actions) respondActivityTaskCompleted(ctx context.Context, in *wire.RespondActivityTaskCompletedInput) error {
	run, ref := activityOf(ctx)
	return s.respond(ctx, run, &execution.CompleteActivity{ActivityRef: ref, Result: in.Result})
}

// respondActivityTaskFailed serves RespondActivityTaskFailed.
func (s *actions) respondActivityTaskFailed(ctx context.Context, in *wire.RespondActivityTaskFailedInput) error {
	run, ref := activityOf(ctx)
	return s.respond(ctx, run, &execution.FailActivity{ActivityRef: ref, Reason: in.Reason, Details: in.Details})
}

// respondActivityTaskCanceled serves RespondActivityTaskCanceled.
func (s *actions) respondActivityTaskCanceled(ctx context.Context, in *wire.RespondActivityTaskCanceledInput) error {
	run, ref := activityOf(ctx)
	return s.respond(ctx, run, &execution.CancelActivity{ActivityRef: ref, Details: in.Details})
}
