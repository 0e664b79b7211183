package operator

import (
	"context"
	"crypto/sha256"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

// searchIn is what a request looks for, without where it goes on.
func searchIn(in *wire.SearchExecutionsInput) *service.Search {
	at := func(t *wire.Timestamp) engine.Time {
		if t == nil {
			return 0
		}
		return engine.Time(*t)
	}
	return &service.Search{
		Within: in.Domain, Closed: in.Status == wire.SearchStatusClosed, CloseStatus: text(in.CloseStatus),
		ID: text(in.WorkflowID), IDPrefix: text(in.WorkflowIdPrefix), IDPart: text(in.WorkflowIdPart),
		Type: text(in.TypeName), Version: text(in.TypeVersion), Tag: text(in.Tag),
		StartedFrom: at(in.StartedFrom), StartedTo: at(in.StartedTo), ClosedFrom: at(in.ClosedFrom), ClosedTo: at(in.ClosedTo),
		ByClose: text(in.OrderBy) == wire.SearchOrderClosed, Oldest: in.OldestFirst != nil && *in.OldestFirst, Limit: pageSize(in.MaximumPageSize),
	}
}

// searcher is that of a service whose executions are in domains.
func (s *actions) searcher() service.Searcher {
	for _, i := range s.Inspectors {
		if searcher, searches := i.(service.Searcher); searches {
			return searcher
		}
	}
	return nil
}

func (s *actions) aboutSearch(ctx context.Context, in *wire.SearchExecutionsInput) (operation.Subject, error) {
	q := searchIn(in)
	switch {
	case !q.Closed && (q.CloseStatus != "" || q.ByClose || q.ClosedFrom != 0 || q.ClosedTo != 0):
		return nil, fault.Invalid("An execution that is open has no close status and no time at which it closed.")
	case q.Version != "" && q.Type == "":
		return nil, fault.Invalid("A version is of a type: typeVersion wants typeName.")
	}
	return s.searcher().SearchSubject(ctx, q)
}

// searchExecutions serves SearchExecutions: a part of what there may be is looked at, and it
// is told how far.
func (s *actions) searchExecutions(ctx context.Context, in *wire.SearchExecutionsInput) (*wire.SearchExecutionsOutput, error) {
	w, q := worldOf(ctx), searchIn(in)
	asked := *in
	asked.NextPageToken, asked.MaximumPageSize = nil, nil
	sum := sha256.Sum256(asked.AppendJSON([]byte("search\x00")))
	query := [16]byte(sum[:16])
	if text(in.NextPageToken) != "" {
		var err error
		if q.After, err = s.Tokens.OpenPage(familyPage, w, query, *in.NextPageToken); err != nil {
			return nil, fault.Invalid("The page token is not one of this search.")
		}
	}
	found, err := s.searcher().Search(ctx, q)
	if f, ours := err.(*fault.Fault); ours && f.Kind == 0 {
		return nil, &fault.Fault{Code: wire.CodeResourceNotFoundException, Message: f.Message}
	}
	if err != nil {
		return nil, err
	}
	out := &wire.SearchExecutionsOutput{
		Executions: []wire.FoundExecution{}, LookedAt: int64(found.Looked), UpTo: moment(found.UpTo), ServerTimestamp: wire.Timestamp(s.Clock()),
	}
	for i := range found.Executions {
		e := &found.Executions[i]
		out.Executions = append(out.Executions, wire.FoundExecution{
			Execution: refOf(e.Ref), Type: e.Type, Status: e.Status, TagList: e.Tags, StartTimestamp: wire.Timestamp(e.Started),
			CloseTimestamp: moment(e.Closed), CancelRequested: present(e.CancelRequested),
		})
	}
	if found.Next != nil {
		token, err := s.Tokens.SealPage(familyPage, w, query, found.Next)
		out.NextPageToken = &token
		return out, err
	}
	return out, nil
}
