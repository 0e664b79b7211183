package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"heddle/internal/store"
)

// member is a membership.
type member struct {
	store.Member
	expires time.Duration
}

// Share opens the disk of an open store once more, beside it: each opening is a member once
// it has joined. The clock is the store's own; it counts for all openings.
func (s *Store) Share(clock func() time.Duration) *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.clock = clock
	return open(s.disk)
}

// Members is of an opening that shares its disk; see Share.
func (s *Store) Members() store.Members { return members{s} }

type members struct{ *Store }

// now is the disk's time. The mutex is held, as in what follows.
func (d *disk) now() time.Duration {
	if d.clock == nil {
		return 0
	}
	return d.clock()
}

// epochNow is what epochs are at least: so a disk that is put back to the past gives none a
// second time.
func (d *disk) epochNow() uint64 { return uint64(d.now().Milliseconds()) }

// isMember tells whether a membership was not declared dead.
func (d *disk) isMember(id string) bool { return d.members[id] != nil }

// bury declares dead who is late.
func (d *disk) bury() {
	for id, m := range d.members {
		if m.expires < d.now() {
			delete(d.members, id)
		}
	}
}

// mayTake tells whether the store may have a shard.
func (s *Store) mayTake(sh *shard) error {
	switch {
	case s.member == "":
		return nil
	case !s.disk.isMember(s.member):
		return fmt.Errorf("%w: this membership is over", store.ErrHeld)
	case sh.member != s.member && s.disk.isMember(sh.member):
		return store.ErrHeld
	}
	return nil
}

// Current is part of store.Store.
func (s *Store) Current() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.member != "" && s.disk.now() > s.lease {
		return store.ErrNotMember
	}
	return nil
}

// Join is part of store.Members.
func (m members) Join(ctx context.Context, who store.Member) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return "", fmt.Errorf("join: %w", store.ErrClosed)
	}
	d := m.disk
	d.bury()
	delete(d.members, m.member)
	for _, other := range d.members {
		if other.Name == who.Name {
			return "", fmt.Errorf("join: %w: another member is called %q", store.ErrHeld, who.Name)
		}
	}
	d.joined++
	who.ID = fmt.Sprintf("%s.%d", who.Name, d.joined)
	if d.members == nil {
		d.members = map[string]*member{}
	}
	d.members[who.ID] = &member{who, d.now() + store.MemberTTL}
	m.member = who.ID
	clear(m.owners)
	m.extend()
	return who.ID, nil
}

func (m members) extend() { m.Store.lease = m.disk.now() + store.MemberTTL - store.MemberMargin }

// Renew is part of store.Members. The store's clock begins with the epoch.
func (m members) Renew(ctx context.Context, r store.Renewal) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return time.Time{}, fmt.Errorf("renew membership: %w", store.ErrClosed)
	}
	me := m.disk.members[m.member]
	if me == nil || me.expires < m.disk.now() {
		return time.Time{}, fmt.Errorf("renew membership: %w", store.ErrNotMember)
	}
	me.expires, me.Renewal = m.disk.now()+store.MemberTTL, r
	m.extend()
	return time.Unix(0, int64(m.disk.now())), nil
}

// Look is part of store.Members.
func (m members) Look(ctx context.Context) (seen store.Sight, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return seen, fmt.Errorf("look at the members: %w", store.ErrClosed)
	}
	m.disk.bury()
	for _, one := range m.disk.members {
		seen.Members = append(seen.Members, one.Member)
	}
	slices.SortFunc(seen.Members, func(a, b store.Member) int { return cmp.Compare(a.Name, b.Name) })
	for i := range m.disk.shards {
		sh := &m.disk.shards[i]
		if known := m.told[i]; sh.seq < known {
			sh.lost = max(sh.lost, known)
		}
		owner := store.Owner{Epoch: sh.epoch}
		if m.disk.isMember(sh.member) {
			owner.Member = sh.member
		}
		seen.Owners = append(seen.Owners, owner)
	}
	return seen, nil
}

// Leave is part of store.Members.
func (m members) Leave(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.disk.members, m.member)
	m.member = ""
	return nil
}

// Sequences is part of store.Members.
func (m members) Sequences() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.told)
}

// Heard is part of store.Members.
func (m members) Heard(sequences []uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for shard, seq := range sequences[:min(len(sequences), len(m.told))] {
		m.told[shard] = max(m.told[shard], seq)
	}
}

// Losses is part of store.Members.
func (m members) Losses(ctx context.Context) (all []store.Loss, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("look for losses: %w", store.ErrClosed)
	}
	for i := range m.disk.shards {
		if sh := &m.disk.shards[i]; sh.lost > sh.seq {
			all = append(all, store.Loss{Shard: uint16(i), Has: sh.seq, Acknowledged: sh.lost})
		}
	}
	return all, nil
}

// AcceptLoss is part of store.Members.
func (m members) AcceptLoss(ctx context.Context, losses []store.Loss) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("accept losses: %w", store.ErrClosed)
	}
	for _, l := range losses {
		if int(l.Shard) >= len(m.disk.shards) || m.disk.shards[l.Shard].seq != l.Has || m.disk.shards[l.Shard].lost != l.Acknowledged || l.Acknowledged <= l.Has {
			return fmt.Errorf("accept the loss of shard %d: %w", l.Shard, store.ErrConflict)
		}
	}
	for _, l := range losses {
		sh := &m.disk.shards[l.Shard]
		sh.seq, sh.member = l.Acknowledged, ""
		sh.epoch++
	}
	return nil
}

// LastStamp is part of store.Members.
func (m members) LastStamp(ctx context.Context) (last uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.disk.shards {
		last = max(last, m.disk.shards[i].stamp)
	}
	return last, nil
}
