package swf

import (
	"context"
	"slices"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
	"heddle/internal/visibility"
)

// SearchSubject implements service.Searcher: that of a list with the same filters.
func (i inspector) SearchSubject(ctx context.Context, q *service.Search) (operation.Subject, error) {
	var of *wire.WorkflowTypeFilter
	var tag *wire.TagFilter
	if q.Type != "" {
		of = &wire.WorkflowTypeFilter{Name: q.Type}
		if q.Version != "" {
			of.Version = &q.Version
		}
	}
	if q.Tag != "" {
		tag = &wire.TagFilter{Tag: q.Tag}
	}
	need := permission.Call("ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{Domain: q.Within, TypeFilter: of, TagFilter: tag})
	if q.Closed {
		need = permission.Call("ListClosedWorkflowExecutions", &wire.ListClosedWorkflowExecutionsInput{Domain: q.Within, TypeFilter: of, TagFilter: tag})
	}
	return &subject{Need: need, actions: i.actions, world: worldOf(ctx)}, nil
}

// searchPlace is the range of the index that is looked through: of what is asked the one that
// fewest have, as far as is known without looking.
func searchPlace(w engine.World, q *service.Search) visibility.Place {
	p := visibility.Place{Kind: execution.Kind, World: w}
	filter, values := execution.FilterNone, []string(nil)
	switch {
	case q.ID != "":
		filter, values = execution.FilterWorkflowID, []string{q.ID}
	case q.Tag != "":
		filter, values = execution.FilterTag, []string{q.Tag}
	case q.Version != "":
		filter, values = execution.FilterTypeVersion, []string{q.Type, q.Version}
	case q.Type != "":
		filter, values = execution.FilterType, []string{q.Type}
	case q.CloseStatus != "":
		filter, values = execution.FilterCloseStatus, []string{q.CloseStatus}
	}
	order, from, to := execution.OpenByStart, q.StartedFrom, q.StartedTo
	switch {
	case q.Closed && q.ByClose:
		order, from, to = execution.ClosedByClose, q.ClosedFrom, q.ClosedTo
	case q.Closed:
		order = execution.ClosedByStart
	}
	p.Family, p.Value, p.From = order|filter, execution.IndexValue(q.Within, values...), from
	if to != 0 {
		p.To = &to
	}
	return p
}

// holds tells whether a run is what is looked for.
func holds(q *service.Search, r *engine.RunView, l *execution.Listing) bool {
	in := func(t, from, to engine.Time) bool { return t >= from && (to == 0 || t <= to) }
	return (q.ID == "" || l.WorkflowID == q.ID) && strings.HasPrefix(l.WorkflowID, q.IDPrefix) && strings.Contains(l.WorkflowID, q.IDPart) &&
		(q.Type == "" || l.Type.Name == q.Type) && (q.Version == "" || l.Type.Version == q.Version) && (q.Tag == "" || slices.Contains(l.Tags, q.Tag)) &&
		(q.CloseStatus == "" || l.CloseStatus == q.CloseStatus) && in(r.Started, q.StartedFrom, q.StartedTo) && in(r.Closed, q.ClosedFrom, q.ClosedTo)
}

// Search implements service.Searcher.
func (i inspector) Search(ctx context.Context, q *service.Search) (*service.Found, error) {
	w := worldOf(ctx)
	if _, err := i.domainByName(ctx, w, q.Within); err != nil {
		return nil, err
	}
	return search(ctx, i.Visibility, w, q)
}

// search looks through a place, from where the search before has ended.
func search(ctx context.Context, index *visibility.Reader, w engine.World, q *service.Search) (*service.Found, error) {
	return q.Through(ctx, index, searchPlace(w, q), func(r *engine.RunView) (e service.FoundExecution, is bool, err error) {
		listing, err := execution.DecodeListing(r.Listing)
		if err != nil || !holds(q, r, &listing) {
			return e, false, err
		}
		return foundOf(q.Within, r, &listing), true, nil
	})
}

func foundOf(domain string, r *engine.RunView, l *execution.Listing) service.FoundExecution {
	f := service.FoundExecution{
		Ref:  diagnose.Ref{Domain: domain, WorkflowID: l.WorkflowID, RunID: execution.FormatRun(r.Run)},
		Type: l.Type.Name + " " + l.Type.Version, Status: l.CloseStatus, Tags: l.Tags, Started: r.Started, Closed: r.Closed, CancelRequested: l.CancelRequested,
	}
	if f.Status == "" {
		f.Status = wire.ExecutionStatusOpen
	}
	return f
}
