package operator

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/aws/fault"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
)

const lossesOfAll = "What the store has lost is of all accounts, so it"

// listLosses serves ListLosses: the shards that are shut, for they lack steps which were acknowledged.
func (s *actions) listLosses(ctx context.Context, _ *wire.ListLossesInput) (*wire.ListLossesOutput, error) {
	if err := s.ofServer(ctx, lossesOfAll); err != nil {
		return nil, err
	}
	out := &wire.ListLossesOutput{Losses: []wire.Loss{}, ServerTimestamp: wire.Timestamp(s.Clock())}
	if s.Losses == nil {
		return out, nil
	}
	all, err := s.Losses.List(ctx)
	for _, l := range all {
		out.Losses = append(out.Losses, wire.Loss{Shard: int64(l.Shard), Has: int64(l.Has), Acknowledged: int64(l.Acknowledged)})
	}
	return out, err
}

// acceptLoss serves AcceptLoss: such shards are served again, as they are. The trail has what was accepted.
func (s *actions) acceptLoss(ctx context.Context, in *wire.AcceptLossInput) (*wire.AcceptLossOutput, error) {
	if err := s.ofServer(ctx, lossesOfAll); err != nil {
		return nil, err
	}
	unknown := func(text string) error {
		return &fault.Fault{Code: wire.CodeLossUnknownException, Message: text}
	}
	if s.Losses == nil {
		return nil, unknown("This server's store can't lose what was acknowledged.")
	}
	accepted := make([]service.Loss, len(in.Losses))
	for i, l := range in.Losses {
		if l.Has < 0 || l.Acknowledged < 0 {
			return nil, unknown(fmt.Sprintf("No shard has %d steps.", min(l.Has, l.Acknowledged)))
		}
		accepted[i] = service.Loss{Shard: uint16(l.Shard), Has: uint64(l.Has), Acknowledged: uint64(l.Acknowledged)}
	}
	err := s.Losses.Accept(ctx, accepted)
	if errors.Is(err, service.ErrLossUnknown) {
		return nil, unknown("Nothing was accepted: one of these is not as the store has it now. List the losses again.")
	}
	if err != nil {
		return nil, err
	}
	return &wire.AcceptLossOutput{ServerTimestamp: wire.Timestamp(s.Clock())}, nil
}
