package notify

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
)

// whyMax is how much an event has of why something fails, in bytes.
const whyMax = 1024

// looseBytesMax is how much a target may have of what is of no shard.
const looseBytesMax = 8 << 20

// loose is what a target has not had of what no shard keeps: what executions tell that are in
// memory alone, and the server itself. It is lost with the process; what there is no room for is dropped.
type loose struct {
	mu      sync.Mutex // guards what follows
	events  []event
	bytes   int
	dropped int // since there was room last

	// What follows is of the target's goroutine alone.
	wait  engine.Time // nothing before
	tries uint
}

// Offer takes notifications of what no shard keeps, for whoever wants them. It waits for
// nobody: what a target has no room for is dropped, counted and logged.
func (d *Deliverer) Offer(all []engine.Notification) {
	for i := range all {
		body := all[i].Body
		id, _ := eventbridge.Head(body)
		for _, t := range d.targets {
			if t.wants(body) {
				t.offer(event{id, id, body})
				t.signal()
			}
		}
	}
}

// TellArchive tells those who want all there is that the archive can't be written since a time,
// and why; or, without a why, that it can again. Like Offer it waits for nobody, and is not kept.
func (d *Deliverer) TellArchive(place string, since engine.Time, why error) {
	told := eventbridge.Event{
		Type: "Heddle Archive Failing", Source: "heddle.archive", Account: d.Account, At: int64(d.Clock()), Region: d.Region, Resource: place,
	}
	if why == nil {
		told.Type = "Heddle Archive Written Again"
	}
	told.ID = eventbridge.ID(eventbridge.Sum(told.Type+"\x00"+place), int64(since))
	body := told.Append(nil, func(b []byte) []byte {
		b = append(b, `{"archive":`...)
		b = shape.AppendString(b, place)
		b = append(b, `,"failingSince":`...)
		b = strconv.AppendInt(b, int64(since), 10)
		b = append(b, `,"error":`...)
		if why == nil {
			return append(b, `null}`...)
		}
		text := why.Error()
		return append(shape.AppendString(b, strings.ToValidUTF8(text[:min(len(text), whyMax)], "")), '}')
	})
	read, err := eventbridge.Read(body)
	for _, t := range d.targets {
		if t.takes("") && err == nil && t.chooses(read) {
			t.offer(event{told.ID, told.ID, body})
			t.signal()
		}
	}
}

func (t *target) offer(e event) {
	l := &t.loose
	l.mu.Lock()
	fits := l.bytes+len(e.body) <= looseBytesMax
	was := l.dropped
	if fits {
		l.events, l.bytes = append(l.events, e), l.bytes+len(e.body)
		l.dropped = 0
	} else {
		l.dropped++
	}
	l.mu.Unlock()
	switch {
	case !fits:
		t.Told(t.Name, Dropped, 1)
		if was == 0 {
			t.Log.Error("what express executions tell is dropped: their target does not take it fast enough", "target", t.Name)
		}
	case was > 0:
		t.Log.Error("there is room again for what express executions tell", "target", t.Name, "dropped", was)
	}
}

// take gives what goes next, which stays until it is done.
func (l *loose) take(most int) []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, bytes := 0, 0
	for n < len(l.events) && n < most && (n == 0 || bytes+len(l.events[n].body) <= batchBytesMax) {
		bytes += len(l.events[n].body)
		n++
	}
	return l.events[:n:n]
}

// done takes the first n away.
func (l *loose) done(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		l.bytes -= len(l.events[i].body)
		l.events[i] = event{}
	}
	if l.events = l.events[n:]; len(l.events) == 0 {
		l.events = nil
	}
}

// sendRest sends what there is of no shard, as no later process has it. It takes no longer than
// one batch may, and gives up at the first that fails.
func (t *target) sendRest(ctx context.Context) {
	ctx, end := t.Within(ctx, sendTimeout)
	defer end()
	t.loose.wait = 0
	for ctx.Err() == nil {
		if did, _ := t.deliverLoose(ctx); !did {
			break
		}
	}
	l := &t.loose
	l.mu.Lock()
	left := len(l.events)
	l.mu.Unlock()
	if left > 0 {
		t.Told(t.Name, Dropped, left)
		t.Log.Error("what express executions told last is lost: their target did not take it before the end", "target", t.Name, "events", left)
	}
}

// deliverLoose sends a batch of what is of no shard. It tells whether it did something, or when
// it will; zero: nothing is to be done.
func (t *target) deliverLoose(ctx context.Context) (did bool, wait engine.Time) {
	l := &t.loose
	now := t.Clock()
	if l.wait > now {
		return false, l.wait
	}
	events := l.take(t.most)
	if len(events) == 0 {
		return false, 0
	}
	_, err := t.send(ctx, events)
	if _, never := errors.AsType[*refusedError](err); never && len(events) > 1 {
		events = events[:1] // one of them is at fault
		_, err = t.send(ctx, events)
	}
	refused, never := errors.AsType[*refusedError](err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return false, 0
	case never && t.giveUp(events[0], refused):
		t.Told(t.Name, GivenUp, 1)
	default:
		t.Told(t.Name, Retried, len(events))
		t.failed(err)
		l.wait = now + pause(l.tries)
		l.tries++
		return false, l.wait
	}
	l.wait, l.tries = 0, 0
	l.done(len(events))
	return true, 0
}
