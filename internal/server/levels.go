package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"heddle/internal/cluster/wire"
	"heddle/internal/store"
)

// The level of a store is what all servers that write it can read: frames between them, and
// what stands in it. Nothing newer is sent or written before the store has that level, and
// who can less does not join. It rises, and never falls, when all that are members can more:
// so servers are upgraded one after the other, and the last one raises it.
//
// A server that joins reads the level, joins, reads it again and looks at the members. One
// that raises it has looked at the members, raises it, and looks again before it uses it. So if
// the two cross, one of them sees the other: a new member that can less is not spoken to beyond
// its level, finds the level that it can't read at its next look, and leaves.

// levelName is the row of the level.
const levelName = "store/level"

// levels are what a release can, and what the servers of a store have come to.
type levels struct {
	from, to int
	now      int // what is used; it never falls
}

// refuses tells why a release can't have to do with a store of a level; 0: it has none yet.
func (l *levels) refuses(level int) error {
	switch {
	case level > l.to:
		return fmt.Errorf("%w %d, and this release reads up to %d; use the newer release", errLevel, level, l.to)
	case level != 0 && level < l.from:
		return fmt.Errorf("%w %d, and this release reads from %d on; upgrade all servers to a release between them first", errLevel, level, l.from)
	}
	return nil
}

// speaks tells why a release can't be among some members.
func (l *levels) speaks(members []store.Member) error {
	for _, m := range members {
		if m.Level < l.from {
			return fmt.Errorf("node %s, at %s, reads up to level %d, and this release writes from %d on; upgrade it first", m.Name, m.Address, m.Level, l.from)
		}
	}
	return nil
}

var errLevel = errors.New("the database has level")

// asks tells whether the level must be read before a look, by what was seen last: it may
// rise, or has done so without this server.
func (l *levels) asks(members []store.Member) bool {
	ask := l.now < l.to
	for _, m := range members {
		ask = ask || m.Level > l.to
	}
	return ask
}

// looked takes in a look at the members and the level that was read before it; 0: it was not.
// It gives the level to which the store's may rise; 0: to none.
func (l *levels) looked(level int, members []store.Member) (rises int) {
	lowest := l.to
	for _, m := range members {
		lowest = min(lowest, m.Level)
	}
	if level > l.now && level <= lowest {
		l.now = level
	}
	if level != 0 && lowest > level {
		return lowest
	}
	return 0
}

// openLevel refuses a database that this release can't read. A server that has it alone
// raises its level; several do so when all can.
func (s *Server) openLevel(ctx context.Context) error {
	table, err := wire.ParseTable(crossingText)
	if err != nil {
		return err
	}
	l := levels{from: table.From, to: table.To}
	level, err := l.admit(ctx, s.store.Meta())
	if err == nil && !s.cfg.Cluster.on() && level < l.to {
		err = raiseLevel(ctx, s.store.Meta(), level, l.to)
	}
	return err
}

// level reads that of a store; 0: it has none yet.
func readLevel(ctx context.Context, meta store.Meta) (level int, err error) {
	kept, err := meta.Get(ctx, levelName)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err == nil {
		level, err = strconv.Atoi(string(kept))
	}
	if err != nil {
		return 0, fmt.Errorf("read the level of the database: %w", err)
	}
	return level, nil
}

// raiseLevel raises that of a store, unless somebody else has done so.
func raiseLevel(ctx context.Context, meta store.Meta, from, to int) error {
	var kept []byte
	if from != 0 {
		kept = []byte(strconv.Itoa(from))
	}
	err := meta.CompareAndSet(ctx, levelName, kept, []byte(strconv.Itoa(to)))
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("raise the level of the database to %d: %w", to, err)
	}
	return nil
}

// admit has this release come to a store: it gives the store's level, which a new store gets.
func (l *levels) admit(ctx context.Context, meta store.Meta) (level int, err error) {
	for {
		level, err = readLevel(ctx, meta)
		if err == nil {
			err = l.refuses(level)
		}
		if err != nil || level != 0 {
			return level, err
		}
		if err := raiseLevel(ctx, meta, 0, l.to); err != nil {
			return 0, err
		}
	}
}
