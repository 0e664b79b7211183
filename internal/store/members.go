package store

import (
	"context"
	"errors"
	"time"
)

// ErrNotMember: this opening is no member, or was declared dead. Others may have its
// shards.
var ErrNotMember = errors.New("not a member")

// ErrRegressed: the store has lost sections that were acknowledged, as a standby does that was
// promoted and had not been waited for.
var ErrRegressed = errors.New("the store has lost what was acknowledged")

// Members are those who have a store open together, each with a part of its shards. An
// opening acquires shards once it has joined, and is refused those of other members
// (ErrHeld). Its membership lasts for MemberTTL from each renewal, by the store's own
// clock; whoever looks declares dead those that are late, and from then on their shards
// are anybody's. Declaring dead and renewing meet at one place, so whoever was declared
// dead can't think otherwise.
type Members interface {
	// Join begins a membership, under an id of its own; an earlier one of this opening
	// ends. The name stays from one membership to the next. Errors: ErrHeld if another
	// member has the name.
	Join(ctx context.Context, m Member) (id string, err error)
	// Renew keeps the membership, says what others should know of it, and gives the time by
	// the store's own clock. Errors: ErrNotMember.
	Renew(ctx context.Context, r Renewal) (now time.Time, err error)
	// Look tells who there is, and whose the shards are, once it has declared dead who is late. It
	// finds losses, too.
	Look(ctx context.Context) (Sight, error)
	// Leave ends the membership.
	Leave(ctx context.Context) error
	// Sequences are, by shard, those of the last sections that are known to be acknowledged: here, or
	// elsewhere, as was heard. Whoever acquires a shard that has less is refused it: ErrRegressed.
	Sequences() []uint64
	// Heard takes in what another member knows.
	Heard(sequences []uint64)
	// Losses are those that somebody has found, by a look or when he was refused a shard, in the
	// order of the shards' numbers. They stand in the store, so they outlive those who know of them.
	Losses(ctx context.Context) ([]Loss, error)
	// AcceptLoss opens such shards again, without what they lost: they go on above what was
	// acknowledged, so nobody who knows of that refuses them any more. Errors: ErrConflict if a
	// loss is not as the store has it; then none is accepted.
	AcceptLoss(ctx context.Context, losses []Loss) error
	// LastStamp is the largest stamp of all shards; 0 if nothing was written.
	LastStamp(ctx context.Context) (uint64, error)
}

// Times of memberships.
const (
	MemberTTL = 3 * time.Second
	// MemberMargin is what two clocks may differ by over MemberTTL: a member takes itself for
	// one for that much less, from before it has asked.
	MemberMargin = 500 * time.Millisecond
)

// Member is one of those who have a store open.
type Member struct {
	ID      string // of one membership
	Name    string // of who has it
	Address string // where other members reach it
	Level   int    // what it can read and write
	Renewal        // what it said last
}

// Renewal is what a member says of itself.
type Renewal struct {
	Leaving bool   // it takes no shards
	Hears   string // whom of the others it hears, as its readers have it
}

// Sight is what a look has seen: members in the order of their names, and of each shard
// its owner.
type Sight struct {
	Members []Member
	Owners  []Owner
}

// Loss is what a shard lacks of what was acknowledged, in sections.
type Loss struct {
	Shard             uint16
	Has, Acknowledged uint64 // the sequences of the last one that is there, and of the last one that was acknowledged
}

// Owner says whose a shard is; no Member: nobody's.
type Owner struct {
	Epoch  uint64
	Member string
}
