package swf

import (
	"context"
	"fmt"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/wire"
	"heddle/internal/visibility"
)

// executionQuery is what the four actions that list and count executions ask.
type executionQuery struct {
	domain      string
	startTime   *wire.ExecutionTimeFilter
	closeTime   *wire.ExecutionTimeFilter
	execution   *wire.WorkflowExecutionFilter
	workflow    *wire.WorkflowTypeFilter
	tag         *wire.TagFilter
	closeStatus *wire.CloseStatusFilter
	closed      bool
}

// place turns a query into a range of the index. At most one filter beside the
// times may be given, and of closed executions just one of the two times.
func (q *executionQuery) place(w engine.World) (visibility.Place, error) {
	p := visibility.Place{Kind: execution.Kind, World: w}
	filter, equal, filters := execution.FilterNone, execution.IndexValue(q.domain), 0
	if q.execution != nil {
		filter, equal = execution.FilterWorkflowID, execution.IndexValue(q.domain, q.execution.WorkflowID)
		filters++
	}
	if q.workflow != nil {
		filter, equal = execution.FilterType, execution.IndexValue(q.domain, q.workflow.Name)
		if version := text(q.workflow.Version); version != "" {
			filter, equal = execution.FilterTypeVersion, execution.IndexValue(q.domain, q.workflow.Name, version)
		}
		filters++
	}
	if q.tag != nil {
		filter, equal = execution.FilterTag, execution.IndexValue(q.domain, q.tag.Tag)
		filters++
	}
	if q.closeStatus != nil {
		filter, equal = execution.FilterCloseStatus, execution.IndexValue(q.domain, q.closeStatus.Status)
		filters++
	}
	if filters > 1 {
		return p, fault.Invalid("Cannot specify more than one exclusive filters in the same query: executionFilter, typeFilter, tagFilter and closeStatusFilter exclude each other")
	}
	order, times := execution.OpenByStart, q.startTime
	if q.closed {
		switch {
		case q.startTime != nil && q.closeTime != nil:
			return p, fault.Invalid("Cannot specify more than one time range filters in the same query: startTimeFilter and closeTimeFilter exclude each other")
		case q.closeTime != nil:
			order, times = execution.ClosedByClose, q.closeTime
		case q.startTime != nil:
			order = execution.ClosedByStart
		default:
			return p, fault.Invalid("Must specify time range filter: startTimeFilter or closeTimeFilter")
		}
	}
	p.Family, p.Value = order|filter, equal
	p.From = engine.Time(times.OldestDate)
	if times.LatestDate != nil {
		latest := engine.Time(*times.LatestDate)
		p.To = &latest
		if latest < p.From {
			return p, fault.Invalid("latestDate is before oldestDate")
		}
	}
	return p, nil
}

func latestOf(p visibility.Place) string {
	if p.To == nil {
		return ""
	}
	return fmt.Sprint(*p.To)
}

// list serves ListOpenWorkflowExecutions and ListClosedWorkflowExecutions.
func (s *actions) list(ctx context.Context, q executionQuery, next *string, reverse *bool, size *int64) (*wire.WorkflowExecutionInfos, error) {
	w := worldOf(ctx)
	p, err := q.place(w)
	if err != nil {
		return nil, err
	}
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	newest := reverse == nil || !*reverse // the service lists the latest first
	query := queryHash("executions", fmt.Sprint(p.Family, p.From, latestOf(p), newest), p.Value)
	var after *visibility.Position
	if text(next) != "" {
		b, err := s.Tokens.OpenPage(familyListPage, w, query, *next)
		if err != nil {
			return nil, errInvalidToken
		}
		if after, err = visibility.ReadPosition(b); err != nil {
			return nil, errInvalidToken
		}
	}
	status := engine.Open
	if q.closed {
		status = engine.Closed
	}
	page, err := s.Visibility.List(ctx, p, status, newest, after, pageSize(size), pageBytesMax)
	if err != nil {
		return nil, err
	}
	infos, err := fitting(page.Runs, func(r **engine.RunView) (wire.WorkflowExecutionInfo, error) { return infoOf(*r) })
	if err != nil {
		return nil, err
	}
	page.Cut(len(infos))
	out := &wire.WorkflowExecutionInfos{ExecutionInfos: infos}
	if page.Next != nil {
		out.NextPageToken, err = s.nextPage(familyListPage, w, query, page.Next.Append(nil))
	}
	return out, err
}

// infoOf is what a list shows of a run.
func infoOf(r *engine.RunView) (wire.WorkflowExecutionInfo, error) {
	listing, err := execution.DecodeListing(r.Listing)
	if err != nil {
		return wire.WorkflowExecutionInfo{}, fmt.Errorf("list executions: run %s: %w", r.Run, err)
	}
	return listing.Info(execution.FormatRun(r.Run), wire.Timestamp(r.Started), wire.Timestamp(r.Closed)), nil
}

// count serves CountOpenWorkflowExecutions and CountClosedWorkflowExecutions.
func (s *actions) count(ctx context.Context, q executionQuery) (*wire.WorkflowExecutionCount, error) {
	w := worldOf(ctx)
	p, err := q.place(w)
	if err != nil {
		return nil, err
	}
	if _, err := domainOf(ctx); err != nil {
		return nil, err
	}
	n, truncated, err := s.Visibility.Count(ctx, p, s.options.CountMax)
	if err != nil {
		return nil, err
	}
	return &wire.WorkflowExecutionCount{Count: int64(n), Truncated: &truncated}, nil
}

// listOpenWorkflowExecutions serves ListOpenWorkflowExecutions.
func (s *actions) listOpenWorkflowExecutions(ctx context.Context, in *wire.ListOpenWorkflowExecutionsInput) (*wire.WorkflowExecutionInfos, error) {
	return s.list(ctx, executionQuery{
		domain: in.Domain, startTime: &in.StartTimeFilter,
		execution: in.ExecutionFilter, workflow: in.TypeFilter, tag: in.TagFilter,
	}, in.NextPageToken, in.ReverseOrder, in.MaximumPageSize)
}

// listClosedWorkflowExecutions serves ListClosedWorkflowExecutions.
func (s *actions) listClosedWorkflowExecutions(ctx context.Context, in *wire.ListClosedWorkflowExecutionsInput) (*wire.WorkflowExecutionInfos, error) {
	return s.list(ctx, executionQuery{
		domain: in.Domain, startTime: in.StartTimeFilter, closeTime: in.CloseTimeFilter, closed: true,
		execution: in.ExecutionFilter, workflow: in.TypeFilter, tag: in.TagFilter, closeStatus: in.CloseStatusFilter,
	}, in.NextPageToken, in.ReverseOrder, in.MaximumPageSize)
}

// countOpenWorkflowExecutions serves CountOpenWorkflowExecutions.
func (s *actions) countOpenWorkflowExecutions(ctx context.Context, in *wire.CountOpenWorkflowExecutionsInput) (*wire.WorkflowExecutionCount, error) {
	return s.count(ctx, executionQuery{
		domain: in.Domain, startTime: &in.StartTimeFilter,
		execution: in.ExecutionFilter, workflow: in.TypeFilter, tag: in.TagFilter,
	})
}

// countClosedWorkflowExecutions serves CountClosedWorkflowExecutions.
func (s *actions) countClosedWorkflowExecutions(ctx context.Context, in *wire.CountClosedWorkflowExecutionsInput) (*wire.WorkflowExecutionCount, error) {
	return s.count(ctx, executionQuery{
		domain: in.Domain, startTime: in.StartTimeFilter, closeTime: in.CloseTimeFilter, closed: true,
		execution: in.ExecutionFilter, workflow: in.TypeFilter, tag: in.TagFilter, closeStatus: in.CloseStatusFilter,
	})
}
