package notify

import (
	"context"

	"heddle/internal/engine"
)

// Status is how a target is.
type Status struct {
	Name, Kind string
	Types      string // as in Target
	// Backlog are the notifications that the target has not come past, also those that it does
	// not want, and what express executions tell; Oldest is when the first that a shard keeps came;
	// zero: there is none.
	Backlog      uint64
	BacklogBytes uint64
	Oldest       engine.Time
	// Lost were given up since they were too old or too many, and the target has not been told
	// of it yet.
	Lost uint64
	// Sent are the events that have arrived since the server's start, the last one at SentAt.
	Sent   uint64
	SentAt engine.Time
	// Error is what came of sending last; empty: it arrived. It fails since Since.
	Error          string
	ErrorAt, Since engine.Time
	// Dead were given up since the target said that it would never take them; Again are those
	// of them that are being sent again.
	Dead, Again int64
}

// Statuses tells how all targets are. Errors: those of reading notifications.
func (d *Deliverer) Statuses(ctx context.Context) ([]Status, error) {
	all := make([]Status, len(d.targets))
	for i, t := range d.targets {
		var err error
		if all[i], err = t.status(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Status tells how a target is; ok is false if there is none of that name.
func (d *Deliverer) Status(ctx context.Context, name string) (s Status, ok bool, err error) {
	t := d.named(name)
	if t == nil {
		return s, false, nil
	}
	s, err = t.status(ctx)
	return s, true, err
}

// Dead gives the events of a target that were given up, the first ones, as many as there is
// room for.
func (d *Deliverer) Dead(name string, n, bytesMax int) ([]DeadLetter, error) {
	if t := d.named(name); t != nil {
		return t.dead.oldest(n, bytesMax)
	}
	return nil, nil
}

// Redeliver has the events of a target that were given up sent again, beside those that come.
// What the target refuses again is given up again at once. It tells how many they are; ok is
// false if there is no target of that name.
func (d *Deliverer) Redeliver(name string) (n int64, ok bool) {
	t := d.named(name)
	if t == nil {
		return 0, false
	}
	n = t.dead.ask()
	t.signal()
	return n, true
}

func (d *Deliverer) named(name string) *target {
	for _, t := range d.targets {
		if t.Name == name {
			return t
		}
	}
	return nil
}

func (t *target) status(ctx context.Context) (Status, error) {
	s := Status{Name: t.Name, Kind: t.kind, Types: t.Types}
	t.mu.Lock()
	s.Sent, s.SentAt = t.sent, t.last
	if t.fail != nil {
		s.Error, s.ErrorAt, s.Since = t.fail.why, t.fail.at, t.fail.since
	}
	t.mu.Unlock()
	t.dead.mu.Lock()
	s.Dead, s.Again = t.dead.dead, t.dead.again
	t.dead.mu.Unlock()
	t.loose.mu.Lock()
	s.Backlog, s.BacklogBytes = uint64(len(t.loose.events)), uint64(t.loose.bytes)
	t.loose.mu.Unlock()
	t.shards.mu.Lock()
	runs := t.runs
	for i := range t.backlog.at {
		s.Lost += t.backlog.at[i].at.Lost
	}
	t.shards.mu.Unlock()
	behind, _ := t.backlog.behind()
	for _, w := range behind {
		s.Backlog += w.last.Number - w.at.Number
		s.BacklogBytes += w.bytes()
		if runs == nil {
			continue
		}
		if err := runs.Notified(ctx, uint16(w.shard), w.at.Number, w.last.Number, func(n *engine.Notified) bool {
			if s.Oldest == 0 || n.At < s.Oldest {
				s.Oldest = n.At
			}
			return false
		}); err != nil {
			return s, err
		}
	}
	return s, nil
}
