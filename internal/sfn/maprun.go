package sfn

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/maprun"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
	"heddle/internal/visibility"
)

func (s *actions) mapRunRows() []operation.Operation {
	return []operation.Operation{
		row(s, "DescribeMapRun", s.describeMapRun),
		row(s, "ListMapRuns", s.listMapRuns),
		row(s, "UpdateMapRun", s.updateMapRun),
	}
}

// namedMapRun is a map run with its name.
type namedMapRun struct {
	*maprun.Description
	Name engine.Name
}

// mapRunNamed reads the ARN of a map run. Errors: InvalidArn, ResourceNotFound.
func mapRunNamed(ctx context.Context, arn string) (engine.Name, error) {
	n, err := parse(arn, resource.MapRun)
	if err != nil {
		return engine.Name{}, err
	}
	w := worldOf(ctx)
	if !n.In(w.Region, w.Account) {
		return engine.Name{}, noResource(arn)
	}
	return execution.MapRunName(w, n.Labelled(), n.Qualifier), nil
}

// mapRun asks a map run what it is. Errors: InvalidArn, ResourceNotFound.
func (s *actions) mapRun(ctx context.Context, arn string) (*namedMapRun, error) {
	name, err := mapRunNamed(ctx, arn)
	if err != nil {
		return nil, err
	}
	reply, err := s.Runs.Do(ctx, engine.Command{Name: name, Body: &maprun.Describe{}})
	if isMissing(err) {
		return nil, noResource(arn)
	}
	if err != nil {
		return nil, err
	}
	return &namedMapRun{reply.(*maprun.Description), name}, nil
}

// describeMapRun serves DescribeMapRun.
func (s *actions) describeMapRun(ctx context.Context, in *wire.DescribeMapRunInput) (*wire.DescribeMapRunOutput, error) {
	d, err := s.mapRun(ctx, in.MapRunARN)
	if err != nil {
		return nil, err
	}
	return &wire.DescribeMapRunOutput{
		MapRunARN: execution.MapRunARN(d.Name), ExecutionARN: d.Order.ARN, Status: d.Status,
		StartDate: timestamp(d.Started), StopDate: moment(d.Closed), MaxConcurrency: d.Order.Concurrency,
		ToleratedFailureCount: value(d.Order.Tolerance.Count), ToleratedFailurePercentage: value(d.Order.Tolerance.Percent),
		ItemCounts: wire.MapRunItemCounts(counts(d.Items)), ExecutionCounts: counts(d.Executions),
		RedriveCount: &d.Redrives, RedriveDate: moment(d.Redriven),
	}, nil
}

func counts(n maprun.Counts) wire.MapRunExecutionCounts {
	never := int64(0)
	return wire.MapRunExecutionCounts{
		Pending: n.Pending, Running: n.Running, Succeeded: n.Succeeded, Failed: n.Failed, TimedOut: n.TimedOut, Aborted: n.Aborted,
		Total: n.Total, ResultsWritten: n.Written, PendingRedrive: &n.PendingRedrive, FailuresNotRedrivable: &never,
	}
}

// listMapRuns serves ListMapRuns: those of an execution, the newest first.
func (s *actions) listMapRuns(ctx context.Context, in *wire.ListMapRunsInput) (*wire.ListMapRunsOutput, error) {
	d, err := s.description(ctx, in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	pages := s.pages(ctx, "map runs", d.ARN)
	last, err := pages.after(in.NextToken)
	if err != nil {
		return nil, err
	}
	var after *visibility.Position
	if last != "" {
		if after, err = visibility.ReadPosition([]byte(last)); err != nil {
			return nil, errInvalidToken
		}
	}
	w := worldOf(ctx)
	p := visibility.Place{Kind: maprun.Kind, World: w, Family: maprun.ByExecution, Value: d.ARN}
	page, err := s.Visibility.List(ctx, p, visibility.Any, true, after, pageSize(in.MaxResults), pageBytesMax)
	if err != nil {
		return nil, err
	}
	out := &wire.ListMapRunsOutput{MapRuns: []wire.MapRunListItem{}}
	for _, r := range page.Runs {
		l, err := maprun.DecodeListing(r.Listing)
		if err != nil {
			return nil, fmt.Errorf("list map runs: run %s: %w", r.Run, err)
		}
		machine, _ := execution.Split(r.Name.Key)
		out.MapRuns = append(out.MapRuns, wire.MapRunListItem{
			ExecutionARN: l.Execution, MapRunARN: execution.MapRunARN(r.Name), StateMachineARN: execution.MachineARN(w, machine),
			StartDate: timestamp(r.Started), StopDate: moment(r.Closed),
		})
	}
	if page.Next != nil {
		out.NextToken, err = pages.next(string(page.Next.Append(nil)), true)
	}
	return out, err
}

// updateMapRun serves UpdateMapRun.
func (s *actions) updateMapRun(ctx context.Context, in *wire.UpdateMapRunInput) (*wire.UpdateMapRunOutput, error) {
	name, err := mapRunNamed(ctx, in.MapRunARN)
	if err != nil {
		return nil, err
	}
	_, err = s.Runs.Do(ctx, engine.Command{Name: name, Body: &maprun.Update{
		Concurrency: in.MaxConcurrency, Count: in.ToleratedFailureCount, Percent: in.ToleratedFailurePercentage,
	}})
	if _, closed := errors.AsType[*maprun.ClosedError](err); closed {
		return nil, &fault.Fault{
			Code: wire.CodeValidationException, Message: "Map Run '" + in.MapRunARN + "' has completed and can't be updated.", // ours
			Members: fault.Members{{Name: "reason", Value: wire.ValidationExceptionReasonCannotUpdateCompletedMapRun}},
		}
	}
	if isMissing(err) {
		return nil, noResource(in.MapRunARN)
	}
	return &wire.UpdateMapRunOutput{}, err
}
