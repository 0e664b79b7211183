package notify

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
)

// batch is what goes out at once.
type batch struct {
	events []event
	reach  []work // at is where the target will be when they have gone
	moved  bool   // the target has moved past what it does not want
	bytes  int
}

// gather reads what goes next. What nobody could read waits.
func (t *target) gather(ctx context.Context, runs Runs) (b batch, wait engine.Time) {
	all, wait := t.backlog.pending(t.Clock())
	for _, w := range all {
		if len(b.events) > 0 && (w.alone || len(b.events) >= t.most || b.bytes >= batchBytesMax) {
			continue
		}
		before, was := len(b.events), w.at
		if w.at.Lost > 0 {
			b.events = append(b.events, t.lost(&w))
			w.at.Lost, w.at.LostFrom, w.at.LostTo = 0, 0, 0
		} else if err := t.read(ctx, runs, &w, &b); err != nil {
			t.Log.Error("read notifications; tried again", "shard", w.shard, "cause", err)
			b.events = b.events[:before]
			t.backlog.change(w.shard, func(p *progress) { p.wait = t.Clock() + firstPause })
			b.moved = true // it has another time to wait for
			continue
		}
		if len(b.events) == before {
			if w.at != was { // past what it does not want
				t.backlog.reached(runs, w)
				b.moved = true
			}
			continue
		}
		if b.reach = append(b.reach, w); len(b.reach) == 1 {
			t.backlog.next = (w.shard + 1) % len(t.backlog.at)
		}
		if w.alone {
			break
		}
	}
	return b, wait
}

// read takes what fits into the batch.
func (t *target) read(ctx context.Context, runs Runs, w *work, b *batch) error {
	visits, most := 0, t.most
	if w.alone {
		most = 1
	}
	return runs.Notified(ctx, uint16(w.shard), w.at.Number, w.last.Number, func(n *engine.Notified) bool {
		if visits++; t.wants(n.Body) {
			if len(b.events) > 0 && b.bytes+len(n.Body) > batchBytesMax {
				return false
			}
			b.events = append(b.events, event{idOf(n), n.Run.String(), bytes.Clone(n.Body)})
			b.bytes += len(n.Body)
		}
		w.at.Number, w.at.Bytes = n.Number, n.Bytes
		return len(b.events) < most && visits < visitsMax
	})
}

// idOf is the id of what is told.
func idOf(n *engine.Notified) string {
	if id, _ := eventbridge.Head(n.Body); id != "" {
		return id
	}
	return eventbridge.ID(n.Run, n.Event)
}

// lost tells of what was given up.
func (t *target) lost(w *work) event {
	told := eventbridge.Event{
		ID: eventbridge.ID(lostOf(t.Name, w.shard), int64(w.at.Number)), Type: "Heddle Notifications Lost", Source: "heddle.events",
		Account: t.Account, At: int64(w.at.LostTo), Region: t.Region, Resource: t.Name,
	}
	return event{told.ID, told.ID, told.Append(nil, func(b []byte) []byte {
		b = append(b, `{"target":`...)
		b = shape.AppendString(b, t.Name)
		b = append(b, `,"count":`...)
		b = strconv.AppendUint(b, w.at.Lost, 10)
		b = append(b, `,"from":`...)
		b = strconv.AppendInt(b, int64(w.at.LostFrom), 10)
		b = append(b, `,"to":`...)
		b = strconv.AppendInt(b, int64(w.at.LostTo), 10)
		return append(b, '}')
	})}
}

// lostOf names what a target has not had of a shard, where runs are named else.
func lostOf(name string, shard int) (id [16]byte) {
	copy(id[:], fmt.Sprintf("%04x%s", shard, name))
	return id
}

// drop gives up what is too old, or of a shard's oldest what is too much, and tells whether
// there was any.
func (t *target) drop(ctx context.Context, runs Runs) bool {
	now := t.Clock()
	behind, stuck := t.backlog.behind()
	dropped := false
	if now >= t.agesAt {
		t.agesAt = now + agesEvery
		for i, w := range behind {
			if stuck[i] { // else it will be sent soon
				dropped = t.giveAway(ctx, runs, w, func(n *engine.Notified) bool { return n.At+t.AgeMax < now }) || dropped
			}
		}
	}
	var all uint64
	var most work
	for _, w := range behind {
		if all += w.bytes(); w.bytes() > most.bytes() {
			most = w
		}
	}
	if all > t.BytesMax && !dropped {
		upTo := most.at.Bytes + all - t.BytesMax + t.BytesMax/dropPart
		dropped = t.giveAway(ctx, runs, most, func(n *engine.Notified) bool { return n.Bytes <= upTo })
	}
	return dropped
}

// giveAway moves the target past notifications as long as they are to go.
func (t *target) giveAway(ctx context.Context, runs Runs, w work, goes func(*engine.Notified) bool) bool {
	before := w.at
	visits := 0
	err := runs.Notified(ctx, uint16(w.shard), w.at.Number, w.last.Number, func(n *engine.Notified) bool {
		if !goes(n) || visits == visitsMax {
			return false
		}
		visits++
		w.at.Number, w.at.Bytes = n.Number, n.Bytes
		if !t.wants(n.Body) {
			return true
		}
		if w.at.Lost == 0 {
			w.at.LostFrom = n.At
		}
		w.at.Lost, w.at.LostTo = w.at.Lost+1, n.At
		return true
	})
	if err != nil || w.at == before {
		return false
	}
	t.backlog.gaveUp(runs, w)
	if n := w.at.Lost - before.Lost; n > 0 {
		t.Told(t.Name, Dropped, int(n))
		t.Log.Error("events given up: their target did not take them in time", "target", t.Name, "shard", w.shard, "events", n, "not_told_yet", w.at.Lost)
	}
	return true
}
