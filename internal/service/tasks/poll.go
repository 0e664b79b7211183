// Package tasks is how services hand the tasks of their runs to workers: by polls that
// wait for one, answers that are known to have arrived or not, and tokens by which a
// worker names what it was given. A Performer is workers of the server's own. What a task is
// to its run is package engine/task.
package tasks

import (
	"context"
	"errors"
	"net/http"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/engine/task"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/tracing"
)

// Poll waits for a task of a list, for who calls himself by an identity, and starts it by the
// command that start makes of the event that scheduled it. The reply is nil when the hold time passed without a task.
//
// It is started only while the caller's connection is alive. From then on the task is the
// caller's until Delivered or Undelivered: a restart in between offers it again. So the
// answer has to embed a Delivery of it.
//
// Errors: matching.ErrTooManyPolls, why the caller is gone, and what the start returns,
// but that the task is over (engine.IsGone): then the poll waits on.
func Poll(ctx context.Context, k *service.Kernel, list string, identity *string, start func(scheduled int64) any) (reply any, run engine.RunID, err error) {
	hold, cancel := k.Hold(ctx)
	defer cancel()
	who := matching.Poller{}
	if identity != nil {
		who.Identity = *identity
	}
	claim, err := k.Tasks.Poll(hold, list, who)
	for err == nil && claim != nil {
		if gone := operation.Gone(ctx); gone != nil {
			claim.Return()
			return nil, run, gone
		}
		// The command's outcome must be known, whatever becomes of the caller.
		reply, err = k.Runs.Do(context.WithoutCancel(ctx), engine.Command{Run: claim.Run, Body: start(claim.ID)})
		switch {
		case err == nil:
			claim.Accept()
			return reply, claim.Run, nil
		case engine.IsGone(err):
			claim, err = k.Tasks.Refuse(hold, claim), nil
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

// Delivery tells a run what became of the answer that an attempt of a task is in. Answers
// to polls embed it; the zero value is that of an answer without a task.
type Delivery struct {
	Runs      service.Runs
	Run       engine.RunID
	Scheduled int64 // event id
	Attempt   int64
	Trace     string // header for who has the task now; "": it is of no trace
}

// AnswerHeader is what the answer says besides: of which trace the task is, in the words of
// W3C and of X-Ray.
func (d *Delivery) AnswerHeader() http.Header {
	c, ok := tracing.Read(d.Trace)
	if !ok {
		return nil
	}
	return http.Header{"Traceparent": {c.W3C(c.Parent)}, "X-Amzn-Trace-Id": {c.XRay(c.Parent)}}
}

// Delivered implements operation.Delivery.
func (d *Delivery) Delivered(err error) {
	if d.Runs == nil { // an empty answer
		return
	}
	var body any = &task.Delivered{ScheduledEventID: d.Scheduled, Attempt: d.Attempt}
	if err != nil {
		body = &task.Undelivered{ScheduledEventID: d.Scheduled, Attempt: d.Attempt}
	}
	// That all is well may wait: the worker's own answer often comes before, and
	// says as much.
	d.Runs.Cast(engine.Command{Run: d.Run, Body: body, Patient: err == nil})
}

// NotMade is for a started task of which no answer could be made, and why. It gives that
// back, or nil if the run was closed meanwhile and kept for no time: then there is no
// task, and no fault of anybody.
func (d *Delivery) NotMade(err error) error {
	if engine.IsGone(err) {
		return nil
	}
	d.Delivered(err)
	return err
}
