package sfn

import (
	"context"
	"errors"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
	"heddle/internal/visibility"
)

// SearchSubject implements service.Searcher: that of ListExecutions.
func (i inspector) SearchSubject(ctx context.Context, q *service.Search) (operation.Subject, error) {
	w := worldOf(ctx)
	return &subject{permission.Call("ListExecutions", &wire.ListExecutionsInput{StateMachineARN: &q.Within}, w.Region, w.Account), i.actions, w}, nil
}

// Search implements service.Searcher: executions of a state machine by their status, name and
// start.
func (i inspector) Search(ctx context.Context, q *service.Search) (*service.Found, error) {
	family, arn, err := i.listed(ctx, &wire.ListExecutionsInput{StateMachineARN: &q.Within})
	if err != nil {
		return nil, err
	}
	status := q.CloseStatus
	if !q.Closed {
		status = execution.Running
	}
	p := visibility.Place{Kind: execution.Kind, World: worldOf(ctx), Family: family, Value: execution.IndexValue(arn, status), From: q.StartedFrom}
	if status != "" {
		p.Family++
	}
	if q.StartedTo != 0 {
		p.To = &q.StartedTo
	}
	return q.Through(ctx, i.Visibility, p, func(r *engine.RunView) (e service.FoundExecution, is bool, err error) {
		l, err := execution.DecodeListing(r.Listing)
		machine, name := execution.Split(r.Name.Key)
		if err != nil || !searchHolds(q, r, name) || status != "" && l.Status != status {
			return e, false, err
		}
		return service.FoundExecution{Ref: diagnose.Ref{ARN: execution.ARNOf(r.Name)}, Type: machine, Status: l.Status, Started: r.Started, Closed: r.Closed}, true, nil
	})
}

// searchHolds tells whether an execution of a name is what is looked for, but for its status.
func searchHolds(q *service.Search, r *engine.RunView, name string) bool {
	return (q.ID == "" || name == q.ID) && strings.HasPrefix(name, q.IDPrefix) && strings.Contains(name, q.IDPart) &&
		r.Started >= q.StartedFrom && (q.StartedTo == 0 || r.Started <= q.StartedTo) && r.Closed >= q.ClosedFrom && (q.ClosedTo == 0 || r.Closed <= q.ClosedTo)
}

// call makes the call of a deed. Errors: faults.
func (inspector) call(d *service.Deed, arn string) (in interface{ Validate() error }, err error) {
	if d.Reason != nil || d.Details != nil || d.ChildPolicy != nil || d.Signal != nil || d.Input != nil {
		return nil, fault.Invalid("Who stops executions of a state machine says an error and a cause, and who has them go on says nothing besides.")
	}
	switch d.Action {
	case "StopExecution":
		in = &wire.StopExecutionInput{ExecutionARN: arn, Error: d.Error, Cause: d.Cause}
	case "RedriveExecution":
		if d.Error != nil || d.Cause != nil {
			return nil, fault.Invalid("Who has executions go on says nothing besides: error and cause are of StopExecution.")
		}
		in = &wire.RedriveExecutionInput{ExecutionARN: arn}
	default:
		return nil, fault.Invalid("There are no batches of " + d.Action + " for executions of a state machine.")
	}
	if err := in.Validate(); err != nil {
		return nil, fault.Invalid(err.Error())
	}
	return in, nil
}

// Call implements service.Batcher.
func (i inspector) Call(d *service.Deed, of diagnose.Ref) (string, any, error) {
	in, err := i.call(d, of.ARN)
	return resource.Service, in, err
}

// DeedSubject implements service.Batcher. Who begins a batch must be allowed to do it to
// executions of all names.
func (i inspector) DeedSubject(ctx context.Context, d *service.Deed, within string) (operation.Subject, error) {
	n, err := resource.ParseAs(within, resource.Machine)
	if err != nil {
		return nil, fault.Invalid("It is not the ARN of a state machine: " + within)
	}
	w := worldOf(ctx)
	in, err := i.call(d, execution.ARN(w, n.Base, "*"))
	if err != nil {
		return nil, err
	}
	return &subject{permission.Call(d.Action, in, w.Region, w.Account), i.actions, w}, nil
}

// IsGone implements service.Batcher: it is there no more, or runs again or did not fail.
func (inspector) IsGone(err error) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && (f.Code == wire.CodeExecutionDoesNotExist || f.Code == wire.CodeExecutionNotRedrivable)
}
