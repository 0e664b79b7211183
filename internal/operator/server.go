package operator

import (
	"context"

	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

// refusalsOf are those that were about a run: what was said and to whom, for callers who may
// see refusals.
func (s *actions) refusalsOf(ctx context.Context, run engine.RunID) (of []diagnose.Refusal) {
	told := may(ctx, &subject{action: "heddle:ListRefusals", resource: "*"})
	for _, r := range s.Overview.Refusals(operation.CallerOf(ctx).Account) {
		if run.IsZero() || r.Run != run {
			continue
		}
		shown := diagnose.Refusal{At: r.At, Action: r.Action, Code: r.Code, Throttled: r.Throttled}
		if told {
			shown.Text, shown.Principal = r.Message, r.Principal
		}
		of = append(of, shown)
	}
	return of
}

// listRefusals serves ListRefusals: those of the caller's account, the newest first.
func (s *actions) listRefusals(ctx context.Context, in *wire.ListRefusalsInput) (*wire.ListRefusalsOutput, error) {
	all := s.Overview.Refusals(operation.CallerOf(ctx).Account)
	out := &wire.ListRefusalsOutput{Refusals: []wire.Refusal{}}
	for _, r := range all[:min(len(all), pageSize(in.MaximumPageSize))] {
		out.Refusals = append(out.Refusals, s.refusalShown(ctx, &r))
	}
	return out, nil
}

func (s *actions) refusalShown(ctx context.Context, r *service.Refusal) wire.Refusal {
	shown := wire.Refusal{
		Timestamp: wire.Timestamp(r.At), Service: r.Service, Action: r.Action, RequestID: r.RequestID,
		Principal: present(r.Principal), AccessKeyID: present(r.AccessKey), Address: present(r.Address),
		Code: r.Code, Message: r.Message, Resource: present(r.Resource),
	}
	if !r.Run.IsZero() {
		for _, i := range s.Inspectors {
			if ref, ok := i.Execution(ctx, r.Run); ok {
				named := refOf(ref)
				shown.Execution = &named
			}
		}
	}
	return shown
}

// getServerStatus serves GetServerStatus. What the server does for all accounts is for the
// one that it is of.
func (s *actions) getServerStatus(ctx context.Context, _ *wire.GetServerStatusInput) (*wire.GetServerStatusOutput, error) {
	if err := s.ofServer(ctx, "How the server is"); err != nil {
		return nil, err
	}
	now := s.Overview.Status()
	t := now.Totals
	out := &wire.GetServerStatusOutput{
		Version: now.Version, Revision: present(now.Revision), StartTimestamp: wire.Timestamp(now.Began.UnixMilli()), ServerTimestamp: wire.Timestamp(s.Clock()),
		Store: now.Store, Shards: int64(now.Shards), TaskLists: int64(t.Lists), PollsWaiting: int64(t.Polls), TasksWaiting: int64(t.Offers),
		Claims: int64(t.Claims), TasksHandedOut: int64(t.Pairings), RequestsInFlight: int64(now.Requests),
		DiskRoom: now.DiskRoom, AuditFails: now.AuditFails, CommitP99Microseconds: present(now.CommitP99.Microseconds()),
		Node: present(now.Node),
	}
	for _, m := range now.Members {
		out.Members = append(out.Members, memberShown(&m))
	}
	if now.Node != "" {
		vacant := int64(now.Vacant)
		out.ShardsVacant = &vacant
	}
	for _, one := range now.Standbys {
		lag := one.Lag.Microseconds()
		out.Standbys = append(out.Standbys, wire.Standby{Name: one.Name, State: one.State, Sync: one.Sync, LagMicroseconds: &lag, LagBytes: &one.LagBytes})
	}
	for _, one := range now.Homes {
		out.Homes = append(out.Homes, wire.StoreHome{Name: one.Name, Database: present(one.Database), Shards: int64(one.Shards), Away: one.Away})
	}
	return out, nil
}

func memberShown(m *service.Member) wire.ClusterMember {
	shown := wire.ClusterMember{
		Name: m.Name, Address: m.Address, Self: m.Self, Linked: m.Linked, Leaving: m.Leaving, Shards: int64(m.Shards), Error: present(m.Error),
	}
	if s := m.Status; s != nil {
		began, requests, polls, offers, open := wire.Timestamp(s.Began.UnixMilli()), int64(s.Requests), int64(s.Totals.Polls), int64(s.Totals.Offers), int64(s.Open)
		shown.Version, shown.StartTimestamp, shown.CommitP99Microseconds = present(s.Version), &began, present(s.CommitP99.Microseconds())
		shown.RequestsInFlight, shown.PollsWaiting, shown.TasksWaiting, shown.OpenExecutions = &requests, &polls, &offers, &open
	}
	return shown
}
