package homes

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"heddle/internal/store"
)

// Sequences are those of store.Members, each of the home that has the shard.
func (s *Store) Sequences() []uint64 {
	all := make([]uint64, s.shards)
	for home := range s.homes {
		if below := s.At(home); below != nil {
			own := below.Members().Sequences()
			for shard := home; shard < len(all); shard += len(s.homes) {
				all[shard] = own[shard]
			}
		}
	}
	return all
}

// Heard takes in what another node knows: each home of its own shards, since it has nothing of others.
func (s *Store) Heard(sequences []uint64) {
	for home := range s.homes {
		below := s.At(home)
		if below == nil {
			continue
		}
		own := make([]uint64, len(sequences))
		for shard := home; shard < len(own); shard += len(s.homes) {
			own[shard] = sequences[shard]
		}
		below.Members().Heard(own)
	}
}

// Losses are those of all homes that answer, by shard.
func (s *Store) Losses(ctx context.Context) (all []store.Loss, err error) {
	for _, h := range s.homes {
		below, err := h.reach()
		if err != nil {
			continue
		}
		own, err := below.Members().Losses(ctx)
		if err != nil {
			return nil, fmt.Errorf("home %q: %w", h.Name, err)
		}
		all = append(all, own...)
	}
	slices.SortFunc(all, func(a, b store.Loss) int { return cmp.Compare(a.Shard, b.Shard) })
	return all, nil
}

// AcceptLoss accepts some; those of one home together. None is, if a home does not answer, or has not what it is said
// to lack; unless another one accepts losses at the same moment.
func (s *Store) AcceptLoss(ctx context.Context, losses []store.Loss) error {
	of := s.split(len(losses), func(i int) int { return s.Home(losses[i].Shard) })
	ofHome, own := make([]store.Members, len(of)), make([][]store.Loss, len(of))
	for home, part := range of {
		if len(part) == 0 {
			continue
		}
		below, err := s.homes[home].reach()
		if err != nil {
			return err
		}
		ofHome[home] = below.Members()
		there, err := ofHome[home].Losses(ctx)
		if err != nil {
			return fmt.Errorf("home %q: %w", s.homes[home].Name, err)
		}
		for _, i := range part {
			if !slices.Contains(there, losses[i]) {
				return fmt.Errorf("home %q: shard %d: %w", s.homes[home].Name, losses[i].Shard, store.ErrConflict)
			}
			own[home] = append(own[home], losses[i])
		}
	}
	for home, part := range own {
		if len(part) == 0 {
			continue
		}
		if err := ofHome[home].AcceptLoss(ctx, part); err != nil {
			return fmt.Errorf("home %q: %w", s.homes[home].Name, err)
		}
	}
	return nil
}
