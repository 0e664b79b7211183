package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
)

// Bounds of delivery.
const (
	batchBytesMax = 1 << 20 // of a batch that has more than one event
	visitsMax     = 1000    // notifications that are read at a time
	sendTimeout   = 10 * time.Second
	firstPause    = engine.Time(1000) // before what failed is tried again; it doubles
	lastPause     = engine.Time(5 * 60 * 1000)
	refusalsMax   = 10 // answers of "never" that it takes to give an event up

	ageMaxDefault   = engine.Time(72 * 60 * 60 * 1000)
	bytesMaxDefault = 1 << 30
	agesEvery       = engine.Time(60 * 1000)
	// dropPart: when there is too much, so much of what there may be is given up at a time.
	dropPart = 16
)

// Runs is the part of the shards that is needed here; see shard.Node.
type Runs interface {
	Notified(ctx context.Context, shard uint16, after, last uint64, visit func(*engine.Notified) bool) error
	Had(shard uint16, generation uint64, target int, p engine.Position)
}

// Config says whom to tell, and by what.
type Config struct {
	Targets []*Target // as Load gives them
	Shards  uint16
	// Dir is the folder of events that were given up, TARGET.dead.jsonl; empty: they are in the
	// log alone.
	Dir string
	// Account and Region are those of the events that Deliverers make themselves.
	Account, Region string

	Clock  func() engine.Time
	Now    func() time.Time // the real time
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Log    *slog.Logger
	// Told hears what became of events: they were Sent, Retried, GivenUp or Dropped; nil: nobody
	// does.
	Told func(target, outcome string, events int)

	// A backlog is at most so old and so large, for each target; 0: as the constants say.
	AgeMax   engine.Time
	BytesMax uint64
}

// What becomes of events on their way: a target has taken them; it did not, and they go out
// again; it never takes them, and they were set aside; or they waited for too long, or were too many.
const (
	Sent    = "sent"
	Retried = "retried"
	GivenUp = "given_up"
	Dropped = "dropped"
)

// Deliverer delivers. It hears of notifications as an engine.Notices, from the moment that it
// is made.
type Deliverer struct {
	Config
	targets []*target
	names   []string
	most    engine.Notify
	plain   bool // there is a target that wants whatever there is

	mu     sync.Mutex // guards what follows, and the progress of targets
	shards []shardState
}

var _ engine.Notices = (*Deliverer)(nil)

// shardState is what is known of a shard.
type shardState struct {
	open       bool
	generation uint64
	last       engine.Position
}

// event is an event on its way.
type event struct {
	id, run string // of a run the events go out in order
	body    []byte
}

// sink takes events, all or none as far as is known. A *refusedError says that it would never
// take them.
type sink interface {
	send(ctx context.Context, events []event) error
	close() error
}

type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// target is a Target at work.
type target struct {
	*Target
	*Deliverer
	number int
	sink   sink
	most   int   // events of a batch
	dead   lines // for what is given up
	wake   chan struct{}

	at      []progress  // by shard
	next    int         // shard that is looked at first
	agesAt  engine.Time // when it is looked again whether something is too old
	failing bool        // the log says so
}

// progress is how far a target has come with a shard.
type progress struct {
	at      engine.Position
	untold  bool        // the shard does not know of at
	wait    engine.Time // nothing before; zero: at once
	tries   uint        // that failed one after the other
	refused int         // of them, how often the first event by itself was refused
	alone   bool        // the first event goes by itself
}

// New makes a Deliverer. Run has it deliver.
func New(c Config) *Deliverer {
	d := &Deliverer{Config: c, most: engine.NotifyPublic, shards: make([]shardState, c.Shards)}
	if d.AgeMax == 0 {
		d.AgeMax = ageMaxDefault
	}
	if d.BytesMax == 0 {
		d.BytesMax = bytesMaxDefault
	}
	if d.Told == nil {
		d.Told = func(string, string, int) {}
	}
	for i, one := range c.Targets {
		t := &target{Target: one, Deliverer: d, number: i, most: eventsMax, wake: make(chan struct{}, 1), at: make([]progress, c.Shards)}
		t.dead.File = File{Path: filepath.Join(c.Dir, one.Name+".dead.jsonl"), Megabytes: 100, Files: 10}
		switch {
		case one.File != nil:
			t.sink = &fileSink{lines: lines{File: *one.File}}
		case one.Webhook != nil:
			t.sink, t.most = newWebhook(one.Webhook, c.Now), one.Webhook.Events
		case one.EventBridge != nil:
			t.sink, t.most = newEventBridge(one.EventBridge), putMax
		case one.SQS != nil:
			t.sink, t.most = newSQS(one.SQS), putMax
		case one.SNS != nil:
			t.sink, t.most = newSNS(one.SNS), putMax
		}
		if one.Types == "all" {
			d.most = engine.NotifyAll
		}
		d.targets, d.names = append(d.targets, t), append(d.names, one.Name)
	}
	for _, t := range d.targets {
		d.plain = d.plain || t.wantsWhatever()
	}
	return d
}

// Targets implements engine.Notices.
func (d *Deliverer) Targets() []string { return d.names }

// Notify implements engine.Notices.
func (d *Deliverer) Notify() engine.Notify { return d.most }

// Wants implements engine.Notices.
func (d *Deliverer) Wants(n *engine.Notification) bool {
	if d.plain {
		return true
	}
	event, err := eventbridge.Read(n.Body)
	if err != nil {
		return true // whoever reads it finds the fault
	}
	for _, t := range d.targets {
		if t.chooses(event) {
			return true
		}
	}
	return false
}

// wantsWhatever tells whether the target wants all that there may be.
func (t *target) wantsWhatever() bool {
	return t.pattern == nil && (t.Types == "all" || t.Deliverer.most != engine.NotifyAll)
}

// chooses tells whether it wants an event, as eventbridge.Read gives it.
func (t *target) chooses(event any) bool {
	return (t.Types == "all" || !others.Matches(event)) && t.pattern.Matches(event)
}

// others chooses what services do not tell by themselves.
var others = func() *eventbridge.Pattern {
	p, err := eventbridge.ParsePattern([]byte(`{"source":[{"prefix":"heddle."}]}`))
	if err != nil {
		panic(err)
	}
	return p
}()

func (t *target) wants(body []byte) bool {
	if t.wantsWhatever() {
		return true
	}
	event, err := eventbridge.Read(body)
	return err != nil || t.chooses(event)
}

// Opened implements engine.Notices.
func (d *Deliverer) Opened(shard uint16, generation uint64, positions []engine.Position, last engine.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.shards[shard].generation != 0
	d.shards[shard] = shardState{true, generation, last}
	for i, t := range d.targets {
		p := &t.at[shard]
		p.untold = known && p.at.Number >= positions[i].Number // it has had what the store does not know of
		if !p.untold {
			p.at = positions[i]
		}
		t.signal()
	}
}

// Came implements engine.Notices.
func (d *Deliverer) Came(shard uint16, last engine.Position) {
	d.mu.Lock()
	d.shards[shard].last = last
	d.mu.Unlock()
	for _, t := range d.targets {
		t.signal()
	}
}

// Lost implements engine.Notices.
func (d *Deliverer) Lost(shard uint16) {
	d.mu.Lock()
	d.shards[shard].open = false
	d.mu.Unlock()
}

// signal has the target look whether there is something to do.
func (t *target) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run delivers until the context ends.
func (d *Deliverer) Run(ctx context.Context, runs Runs) {
	var group sync.WaitGroup
	for _, t := range d.targets {
		group.Go(func() { t.run(ctx, runs) })
	}
	group.Wait()
}

func (t *target) run(ctx context.Context, runs Runs) {
	for ctx.Err() == nil {
		t.catchUp(runs)
		if t.drop(ctx, runs) {
			continue
		}
		b, wait := t.gather(ctx, runs)
		switch {
		case len(b.events) > 0:
			t.deliver(ctx, runs, b)
		case !b.moved:
			t.rest(ctx, wait)
		}
	}
	if err := errors.Join(t.sink.close(), t.dead.close()); err != nil {
		t.Log.Error("close target of events", "target", t.Name, "cause", err)
	}
}

// rest waits until there may be something to do.
func (t *target) rest(ctx context.Context, wait engine.Time) {
	if wait != 0 {
		var end context.CancelFunc
		ctx, end = t.Within(ctx, time.Duration(max(1, wait-t.Clock()))*time.Millisecond)
		defer end()
	}
	select {
	case <-ctx.Done():
	case <-t.wake:
	}
}

// catchUp tells shards that were opened anew how far the target has come.
func (t *target) catchUp(runs Runs) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for shard := range t.at {
		if p := &t.at[shard]; p.untold {
			p.untold = false
			runs.Had(uint16(shard), t.shards[shard].generation, t.number, p.at)
		}
	}
}

// work is what is to be done for a shard: notifications behind at, up to last.
type work struct {
	shard      int
	generation uint64
	at, last   engine.Position
	alone      bool
}

// pending gives the shards that have something for the target, the next one first, and when
// the first of those will that wait; zero: none does.
func (t *target) pending() (all []work, wait engine.Time) {
	now := t.Clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.at {
		shard := (t.next + i) % len(t.at)
		s, p := &t.shards[shard], &t.at[shard]
		switch {
		case !s.open || p.at.Number >= s.last.Number && p.at.Lost == 0:
		case p.wait > now:
			if wait == 0 || p.wait < wait {
				wait = p.wait
			}
		default:
			all = append(all, work{shard, s.generation, p.at, s.last, p.alone})
		}
	}
	return all, wait
}

// batch is what goes out at once.
type batch struct {
	events []event
	reach  []work // at is where the target will be when they have gone
	moved  bool   // the target has moved past what it does not want
	bytes  int
}

// gather reads what goes next. What nobody could read waits.
func (t *target) gather(ctx context.Context, runs Runs) (b batch, wait engine.Time) {
	all, wait := t.pending()
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
			t.put(w.shard, func(p *progress) { p.wait = t.Clock() + firstPause })
			b.moved = true // it has another time to wait for
			continue
		}
		if len(b.events) == before {
			if w.at != was { // past what it does not want
				t.reached(runs, w)
				b.moved = true
			}
			continue
		}
		if b.reach = append(b.reach, w); len(b.reach) == 1 {
			t.next = (w.shard + 1) % len(t.at)
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
			b.events = append(b.events, event{eventbridge.ID(n.Run, n.Event), n.Run.String(), bytes.Clone(n.Body)})
			b.bytes += len(n.Body)
		}
		w.at.Number, w.at.Bytes = n.Number, n.Bytes
		return len(b.events) < most && visits < visitsMax
	})
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

// put changes the progress with a shard.
func (t *target) put(shard int, change func(*progress)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.at[shard])
}

// reached notes how far the target has come.
func (t *target) reached(runs Runs, w work) {
	t.put(w.shard, func(p *progress) { *p = progress{at: w.at, untold: p.untold} })
	runs.Had(uint16(w.shard), w.generation, t.number, w.at)
}

// deliver sends a batch, and notes what came of it.
func (t *target) deliver(ctx context.Context, runs Runs, b batch) {
	sending, end := t.Within(ctx, sendTimeout)
	err := t.sink.send(sending, b.events)
	end()
	refused, never := errors.AsType[*refusedError](err)
	switch {
	case err == nil:
		t.Told(t.Name, Sent, len(b.events))
		if t.failing {
			t.failing = false
			t.Log.Info("events go out again", "target", t.Name)
		}
	case ctx.Err() != nil:
		return // what became of it is not known, and it comes again
	case never && len(b.events) > 1: // one of them may be at fault
		for _, w := range b.reach {
			t.put(w.shard, func(p *progress) { p.alone = true })
		}
		return
	case never && t.refusedOnce(b.reach[0].shard) && t.giveUp(b.events[0], refused):
		t.Told(t.Name, GivenUp, 1)
	default:
		t.Told(t.Name, Retried, len(b.events))
		if !t.failing {
			t.failing = true
			t.Log.Warn("events can't be sent; they wait and are sent again", "target", t.Name, "cause", err)
		}
		for _, w := range b.reach {
			t.put(w.shard, func(p *progress) {
				p.wait = t.Clock() + min(lastPause, firstPause<<min(p.tries, 10))
				p.tries++
			})
		}
		return
	}
	for _, w := range b.reach {
		t.reached(runs, w)
	}
}

// refusedOnce counts an answer of "never", and tells whether it was the last.
func (t *target) refusedOnce(shard int) (last bool) {
	t.put(shard, func(p *progress) {
		p.refused++
		p.alone = true
		last = p.refused >= refusalsMax
	})
	return last
}

// giveUp sets an event aside, and tells whether that was done.
func (t *target) giveUp(e event, why *refusedError) bool {
	line := append([]byte(`{"time":"`), t.Now().UTC().Format(time.RFC3339)...)
	line = append(line, `","error":`...)
	line = shape.AppendString(line, why.why)
	line = append(line, `,"event":`...)
	line = append(line, e.body...)
	line = append(line, '}', '\n')
	if t.Dir != "" {
		if err := t.dead.write(line); err != nil {
			t.Log.Error("an event that its target never takes can't be set aside; it waits", "target", t.Name, "event", e.id, "cause", err)
			return false
		}
	}
	t.Log.Error("event given up: its target never takes it", "target", t.Name, "event", e.id, "cause", why, "kept_in", t.dead.Path)
	return true
}

// drop gives up what is too old, or of a shard's oldest what is too much, and tells whether
// there was any.
func (t *target) drop(ctx context.Context, runs Runs) bool {
	now := t.Clock()
	backlog, most := uint64(0), work{shard: -1}
	var stuck []work
	t.mu.Lock()
	for shard := range t.at {
		s, p := &t.shards[shard], &t.at[shard]
		if !s.open || p.at.Number >= s.last.Number {
			continue
		}
		w := work{shard, s.generation, p.at, s.last, false}
		if p.tries > 0 { // else it will be sent soon
			stuck = append(stuck, w)
		}
		n := s.last.Bytes - p.at.Bytes
		if backlog += n; most.shard < 0 || n > most.last.Bytes-most.at.Bytes {
			most = w
		}
	}
	t.mu.Unlock()
	dropped := false
	if now < t.agesAt {
		stuck = nil
	} else {
		t.agesAt = now + agesEvery
	}
	for _, w := range stuck {
		dropped = t.giveAway(ctx, runs, w, func(n *engine.Notified) bool { return n.At+t.AgeMax < now }) || dropped
	}
	if backlog > t.BytesMax && !dropped {
		upTo := most.at.Bytes + backlog - t.BytesMax + t.BytesMax/dropPart
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
	t.put(w.shard, func(p *progress) { p.at, p.refused = w.at, 0 })
	runs.Had(uint16(w.shard), w.generation, t.number, w.at)
	if n := w.at.Lost - before.Lost; n > 0 {
		t.Told(t.Name, Dropped, int(n))
		t.Log.Error("events given up: their target did not take them in time", "target", t.Name, "shard", w.shard, "events", n, "not_told_yet", w.at.Lost)
	}
	return true
}

// Oldest tells of each target when the oldest notification was made that it has not had; zero:
// it has had all. One that it does not want counts until the target is past it. What can't be
// read now is left out.
func (d *Deliverer) Oldest(ctx context.Context, runs Runs) map[string]engine.Time {
	oldest := map[string]engine.Time{}
	for _, t := range d.targets {
		var behind []work
		d.mu.Lock()
		for shard := range t.at {
			if s, p := &d.shards[shard], &t.at[shard]; s.open && p.at.Number < s.last.Number {
				behind = append(behind, work{shard: shard, at: p.at, last: s.last})
			}
		}
		d.mu.Unlock()
		first := engine.Time(0)
		for _, w := range behind {
			_ = runs.Notified(ctx, uint16(w.shard), w.at.Number, w.last.Number, func(n *engine.Notified) bool {
				if first == 0 || n.At < first {
					first = n.At
				}
				return false
			})
		}
		oldest[t.Name] = first
	}
	return oldest
}
