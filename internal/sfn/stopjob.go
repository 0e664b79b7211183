package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/sdk"
	"heddle/internal/engine"
	"heddle/internal/outbound"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/integration"
	"heddle/jsonvalue"
)

// A job is asked to stop as often, and after so long again, while its service does not answer
// or has no time.
const (
	stopsMax  = 3
	stopPause = askFirst
)

// stopping is the call that stops the job of a task which is over, since its execution was
// stopped or has failed elsewhere, or the task's time was over. Nil: there is nothing to stop.
// The execution does not wait for it and does not hear of it: that it could not be stopped is
// for the operator.
func (s *calls) stopping(ctx context.Context, run engine.RunID, scheduled int64) (*outbound.Call, error) {
	task, answer, err := s.left(ctx, run, scheduled)
	if f, theirs := errors.AsType[*fault.Fault](keyFault(err)); theirs {
		s.Log.Warn("stop the job of a task that is over; it goes on", "run", run, "scheduledEventId", scheduled, "cause", f)
		return nil, nil
	}
	if task == nil || err != nil {
		return nil, err
	}
	return &outbound.Call{
		Do:  func(ctx context.Context) outbound.Ended { return s.stopJob(ctx, task, answer) },
		Max: callMax, TooLong: func() any { return nil }, Over: true,
		About: []any{"executionArn", task.Execution, "service", task.Service, "action", task.Resource},
	}, nil
}

// left finds, in the history, a task that is over and whose job may go on, and what was
// answered when that began. Nil: there is none, or the task was told its outcome.
func (s *calls) left(ctx context.Context, run engine.RunID, scheduled int64) (*execution.Task, *jsonvalue.Object, error) {
	reply, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: engine.Peek{}})
	if err != nil {
		return nil, nil, err
	}
	view := reply.(*engine.RunView)
	submitted, err := s.leftBy(ctx, run, scheduled, view.LastEvent)
	if err != nil || submitted == 0 {
		return nil, nil, err
	}
	if reply, err = s.Runs.Do(ctx, engine.Command{Run: run, Body: &execution.Describe{}}); err != nil {
		return nil, nil, err
	}
	d := reply.(*execution.Description)
	machine, _, _ := strings.Cut(d.Machine, "/") // without a label
	task := &execution.Task{
		ScheduledEventID: scheduled, Submitted: submitted, Role: d.Settings.Role, MachineRole: d.Settings.Role, Machine: machine,
		Execution: d.ARN, Name: view.Name, Started: d.Started, Trace: d.Settings.Trace,
	}
	var event struct {
		Details struct {
			Resource    string `json:"resource"`
			Service     string `json:"resourceType"`
			Parameters  string `json:"parameters"`
			Credentials struct {
				Role string `json:"roleArn"`
			} `json:"taskCredentials"`
		} `json:"taskScheduledEventDetails"`
	}
	if err := s.event(ctx, run, task, scheduled, &event); err != nil {
		return nil, nil, err
	}
	task.Resource, task.Service, task.Input = event.Details.Resource, event.Details.Service, event.Details.Parameters
	if role := event.Details.Credentials.Role; role != "" {
		task.Role, task.Credentials = role, true
	}
	answer, err := s.begun(ctx, run, task)
	return task, answer, err
}

// leftBy finds the TaskSubmitted event of a task that was scheduled and is over; zero: there
// is none, or the task was told its outcome, by whoever has its token.
func (s *calls) leftBy(ctx context.Context, run engine.RunID, scheduled, last int64) (submitted int64, err error) {
	var started int64
	for first := scheduled + 1; first <= last; {
		page, n, err := s.Runs.AppendPage(ctx, nil, run, first, last, false, pageBytesMax)
		if err != nil {
			return 0, err
		}
		var events []struct {
			ID       int64          `json:"id"`
			Type     execution.Type `json:"type"`
			Previous int64          `json:"previousEventId"`
		}
		if err := json.Unmarshal(append(append([]byte{'['}, page...), ']'), &events); err != nil {
			return 0, fmt.Errorf("read the events from %d on: %w", first, err)
		}
		for _, e := range events {
			switch {
			case e.Type == execution.TaskStarted && e.Previous == scheduled:
				started = e.ID
			case e.Type == execution.TaskSubmitted && e.Previous == started:
				submitted = e.ID
			case submitted == 0 || e.Previous != submitted:
			case e.Type == execution.TaskSucceeded || e.Type == execution.TaskFailed:
				return 0, nil
			case e.Type == execution.TaskTimedOut:
				return submitted, nil
			}
		}
		first += n
	}
	return submitted, nil
}

// stopJob stops the job of a task, with the task's role.
func (s *calls) stopJob(ctx context.Context, task *execution.Task, answer *jsonvalue.Object) outbound.Ended {
	err := s.stop(ctx, task, answer)
	for range stopsMax - 1 {
		if f, refused := errors.AsType[*sdk.Fault](err); err == nil || ctx.Err() != nil || refused && !integration.Passing(f) {
			break
		}
		rest, cancel := s.Within(ctx, stopPause)
		<-rest.Done()
		cancel()
		err = s.stop(ctx, task, answer)
	}
	if err != nil {
		return outbound.Ended{Unanswered: true, Cause: fmt.Errorf("stop the job of a task that is over; it goes on: %w", err)}
	}
	return outbound.Ended{}
}

func (s *calls) stop(ctx context.Context, task *execution.Task, answer *jsonvalue.Object) error {
	of, _ := integration.Of(task.Service, task.Resource)
	job := integration.JobOf(task.Service, task.Resource)
	if job == nil || job.Stop == "" {
		return nil
	}
	v, err := jsonvalue.ParseString(task.Input)
	began, ok := v.(*jsonvalue.Object)
	if err != nil || !ok {
		return fmt.Errorf("its parameters are no object")
	}
	parameters, ok := job.StopParameters(began, answer)
	if !ok {
		return fmt.Errorf("the answer does not say what has begun")
	}
	model, err := s.models.Service(of.Service)
	if err != nil {
		return err
	}
	operation := model.Operation(job.Stop)
	if operation == nil {
		return fmt.Errorf("the model of %s has no operation %s (--models)", of.Service, job.Stop)
	}
	c, refused, err := s.reach(ctx, &prepared{task: task, of: of, model: model, client: s.client}, operation, parameters)
	if err != nil {
		return err
	}
	if refused != nil {
		return fmt.Errorf("%s: %s", *refused.Error, *refused.Cause)
	}
	if _, err = c.client.Do(ctx, &c.call); err != nil {
		return fmt.Errorf("call %s:%s: %w", of.Service, job.Stop, err)
	}
	return nil
}
