package operator

import (
	"context"
	"crypto/sha256"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
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
		Within: text(in.Domain) + text(in.StateMachineARN), Closed: in.Status == wire.SearchStatusClosed, CloseStatus: text(in.CloseStatus),
		ID: text(in.WorkflowID), IDPrefix: text(in.WorkflowIdPrefix), IDPart: text(in.WorkflowIdPart),
		Type: text(in.TypeName), Version: text(in.TypeVersion), Tag: text(in.Tag),
		StartedFrom: at(in.StartedFrom), StartedTo: at(in.StartedTo), ClosedFrom: at(in.ClosedFrom), ClosedTo: at(in.ClosedTo),
		ByClose: text(in.OrderBy) == wire.SearchOrderClosed, Oldest: in.OldestFirst != nil && *in.OldestFirst, Limit: pageSize(in.MaximumPageSize),
	}
}

// within is where executions are looked for: a domain, whose name has no colon, or the ARN of a
// state machine.
func within(domain, machine *string) (string, error) {
	if (domain == nil) == (machine == nil) {
		return "", fault.Invalid("Executions are those of a domain, or of the state machine that stateMachineArn names.")
	}
	return text(domain) + text(machine), nil
}

// searcher is that of the service whose executions are within something.
func (s *actions) searcher(within string) service.Searcher {
	ref := diagnose.Ref{Domain: within}
	if strings.HasPrefix(within, "arn:") {
		ref = diagnose.Ref{ARN: within}
	}
	return s.inspectorOf(ref).(service.Searcher)
}

func (s *actions) aboutSearch(ctx context.Context, in *wire.SearchExecutionsInput) (operation.Subject, error) {
	q := searchIn(in)
	_, err := within(in.Domain, in.StateMachineARN)
	switch {
	case err != nil:
		return nil, err
	case in.StateMachineARN != nil && (q.Type != "" || q.Version != "" || q.Tag != "" || q.ByClose):
		return nil, fault.Invalid("Executions of a state machine have neither types nor tags to look for, and are in the order of their starts.")
	case !q.Closed && (q.CloseStatus != "" || q.ByClose || q.ClosedFrom != 0 || q.ClosedTo != 0):
		return nil, fault.Invalid("An execution that is open has no close status and no time at which it closed.")
	case q.Version != "" && q.Type == "":
		return nil, fault.Invalid("A version is of a type: typeVersion wants typeName.")
	}
	return s.searcher(q.Within).SearchSubject(ctx, q)
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
	found, err := s.searcher(q.Within).Search(ctx, q)
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
