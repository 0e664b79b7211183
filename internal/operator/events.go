package operator

import (
	"context"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/notify"
	"heddle/internal/operator/wire"
)

const (
	// deadShown is how many events that were given up are shown, and deadBytesMax how many
	// bytes of them.
	deadShown    = 100
	deadBytesMax = 4 << 20
)

// ofServer refuses what is for the server's own account alone.
func (s *actions) ofServer(ctx context.Context, what string) error {
	if own := s.Overview.Status().Account; operation.CallerOf(ctx).Account != own {
		return operation.Denied(ctx, what+" is for the server's own account, "+own+", alone.")
	}
	return nil
}

const toldOfAll = "What is told to targets of events is of all accounts, so it"

// listEventTargets serves ListEventTargets: those of the configuration, in its order.
func (s *actions) listEventTargets(ctx context.Context, _ *wire.ListEventTargetsInput) (*wire.ListEventTargetsOutput, error) {
	if err := s.ofServer(ctx, toldOfAll); err != nil {
		return nil, err
	}
	out := &wire.ListEventTargetsOutput{EventTargets: []wire.EventTarget{}, ServerTimestamp: wire.Timestamp(s.Clock())}
	if s.Events == nil {
		return out, nil
	}
	all, err := s.Events.Statuses(ctx)
	for i := range all {
		out.EventTargets = append(out.EventTargets, targetShown(&all[i]))
	}
	return out, err
}

func targetShown(t *notify.Status) wire.EventTarget {
	return wire.EventTarget{
		Name: t.Name, Kind: t.Kind, Backlog: int64(t.Backlog), BacklogBytes: int64(t.BacklogBytes), OldestTimestamp: moment(t.Oldest),
		Lost: int64(t.Lost), Sent: int64(t.Sent), SentTimestamp: moment(t.SentAt),
		Error: present(t.Error), ErrorTimestamp: moment(t.ErrorAt), FailingSinceTimestamp: moment(t.Since), Dead: t.Dead, SendingAgain: t.Again,
	}
}

var errNoTarget = &fault.Fault{Code: wire.CodeResourceNotFoundException, Message: "No target of events has this name."}

// describeEventTarget serves DescribeEventTarget: one, with the events that were given up
// first.
func (s *actions) describeEventTarget(ctx context.Context, in *wire.DescribeEventTargetInput) (*wire.DescribeEventTargetOutput, error) {
	if err := s.ofServer(ctx, toldOfAll); err != nil {
		return nil, err
	}
	if s.Events == nil {
		return nil, errNoTarget
	}
	t, ok, err := s.Events.Status(ctx, in.Name)
	if err == nil && !ok {
		err = errNoTarget
	}
	if err != nil {
		return nil, err
	}
	dead, err := s.Events.Dead(in.Name, deadShown, deadBytesMax)
	out := &wire.DescribeEventTargetOutput{EventTarget: targetShown(&t), DeadEvents: []wire.DeadEvent{}, ServerTimestamp: wire.Timestamp(s.Clock())}
	for i := range dead {
		at := engine.Time(dead[i].At.UnixMilli())
		out.DeadEvents = append(out.DeadEvents, wire.DeadEvent{Timestamp: wire.Timestamp(at), Error: dead[i].Error, Event: string(dead[i].Event)})
	}
	return out, err
}

// redeliverEvents serves RedeliverEvents: those of a target that were given up are sent again.
func (s *actions) redeliverEvents(ctx context.Context, in *wire.RedeliverEventsInput) (*wire.RedeliverEventsOutput, error) {
	if err := s.ofServer(ctx, toldOfAll); err != nil {
		return nil, err
	}
	if s.Events == nil {
		return nil, errNoTarget
	}
	n, ok := s.Events.Redeliver(in.Name)
	if !ok {
		return nil, errNoTarget
	}
	return &wire.RedeliverEventsOutput{Events: n}, nil
}
