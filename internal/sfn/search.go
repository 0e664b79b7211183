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

const (
	// lookedMax is how many records a search looks at, and lookedAtOnce how many it reads at a time.
	lookedMax    = 10_000
	lookedAtOnce = 500
	// readsMax is how often it reads: of what closes meanwhile nothing is looked at.
	readsMax = 2 * lookedMax / lookedAtOnce
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
	status, wanted := q.CloseStatus, engine.Closed
	if !q.Closed {
		status, wanted = execution.Running, engine.Open
	}
	p := visibility.Place{Kind: execution.Kind, World: worldOf(ctx), Family: family, Value: execution.IndexValue(arn, status), From: q.StartedFrom}
	if status != "" {
		p.Family++
	}
	if q.StartedTo != 0 {
		p.To = &q.StartedTo
	}
	var after *visibility.Position
	if q.After != nil {
		if after, err = visibility.ReadPosition(q.After); err != nil {
			return nil, errInvalidToken
		}
	}
	found := &service.Found{}
	for reads := 1; ; reads++ {
		page, err := i.Visibility.List(ctx, p, wanted, !q.Oldest, after, min(lookedAtOnce, lookedMax-found.Looked), pageBytesMax)
		if err != nil {
			return nil, err
		}
		for n, r := range page.Runs {
			l, err := execution.DecodeListing(r.Listing)
			if err != nil {
				return nil, err
			}
			found.Looked++
			found.UpTo = r.Started
			if machine, name := execution.Split(r.Name.Key); searchHolds(q, r, name) && (status == "" || l.Status == status) {
				found.Executions = append(found.Executions, service.FoundExecution{
					Ref: diagnose.Ref{ARN: execution.ARNOf(r.Name)}, Type: machine, Status: l.Status, Started: r.Started, Closed: r.Closed,
				})
			}
			if len(found.Executions) == q.Limit {
				page.Cut(n + 1)
				break
			}
		}
		if after = page.Next; after == nil {
			return found, nil
		}
		if len(found.Executions) == q.Limit || found.Looked >= lookedMax || reads == readsMax {
			found.Next = after.Append(nil)
			return found, nil
		}
	}
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
