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

const (
	// lookedMax is how many records a search looks at.
	lookedMax = 10_000
	// lookedAtOnce is how many it reads at a time.
	lookedAtOnce = 500
	// readsMax is how often it reads: of what closes meanwhile nothing is looked at.
	readsMax = 2 * lookedMax / lookedAtOnce
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
	status, p := engine.Open, searchPlace(w, q)
	if q.Closed {
		status = engine.Closed
	}
	var after *visibility.Position
	if q.After != nil {
		var err error
		if after, err = visibility.ReadPosition(q.After); err != nil {
			return nil, errInvalidToken
		}
	}
	found := &service.Found{}
	bytes := pageBytesMax
	for reads := 1; ; reads++ {
		page, err := index.List(ctx, p, status, !q.Oldest, after, min(lookedAtOnce, lookedMax-found.Looked), pageBytesMax)
		if err != nil {
			return nil, err
		}
		for n, r := range page.Runs {
			listing, err := execution.DecodeListing(r.Listing)
			if err != nil {
				return nil, err
			}
			found.Looked++
			found.UpTo = r.Started
			if q.ByClose {
				found.UpTo = r.Closed
			}
			if !holds(q, r, &listing) {
				continue
			}
			found.Executions = append(found.Executions, foundOf(q.Within, r, &listing))
			bytes -= len(r.Listing)
			if len(found.Executions) == q.Limit || bytes <= 0 {
				page.Cut(n + 1)
				break
			}
		}
		if after = page.Next; after == nil {
			return found, nil
		}
		if len(found.Executions) == q.Limit || bytes <= 0 || found.Looked >= lookedMax || reads == readsMax {
			found.Next = after.Append(nil)
			return found, nil
		}
	}
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
