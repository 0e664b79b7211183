package service

import (
	"context"
	"errors"
)

// Loss is what a shard lacks of what was acknowledged, in sections: it has those up to one number, and
// up to another one they were acknowledged.
type Loss struct {
	Shard             uint16
	Has, Acknowledged uint64
}

// Losses are what the store has lost. Shards that have lost something are served again when
// that was accepted.
type Losses interface {
	List(ctx context.Context) ([]Loss, error)
	// Accept accepts all of some losses, or none. Errors: ErrLossUnknown.
	Accept(ctx context.Context, losses []Loss) error
}

// ErrLossUnknown: a loss is not as the store has it.
var ErrLossUnknown = errors.New("the store has no such loss")
