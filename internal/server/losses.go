package server

import (
	"context"
	"errors"
	"fmt"

	"heddle/internal/service"
	"heddle/internal/store"
)

// shardsOfAll is what store.Members knows of shards, of all homes.
type shardsOfAll interface {
	Sequences() []uint64
	Heard(sequences []uint64)
	Losses(ctx context.Context) ([]store.Loss, error)
	AcceptLoss(ctx context.Context, losses []store.Loss) error
}

// losses are those of a store in PostgreSQL.
type losses struct {
	*Server
}

// lossesOf are for services.
func (s *Server) lossesOf() service.Losses {
	if s.postgres == nil {
		return nil
	}
	return losses{s}
}

// List implements service.Losses.
func (l losses) List(ctx context.Context) (all []service.Loss, err error) {
	found, err := l.shardsOfAll.Losses(ctx)
	for _, one := range found {
		all = append(all, service.Loss(one))
	}
	return all, err
}

// Accept implements service.Losses.
func (l losses) Accept(ctx context.Context, accepted []service.Loss) error {
	all := make([]store.Loss, len(accepted))
	for i, one := range accepted {
		all[i] = store.Loss(one)
	}
	err := l.shardsOfAll.AcceptLoss(ctx, all)
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: %w", service.ErrLossUnknown, err)
	}
	if err != nil {
		return err
	}
	for _, one := range all {
		l.cfg.Log.Warn("an operator has accepted that acknowledged steps are lost; the shard is served again", "shard", one.Shard, "has", one.Has, "acknowledged", one.Acknowledged)
	}
	return nil
}
