package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"heddle/internal/aws/eventbridge"
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
	// Dir is the folder of events that were given up, TARGET.dead, sealed by Key; empty: they are
	// in the log alone.
	Dir string
	Key [32]byte
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
	plain   map[string]bool // sorts of which a target wants whatever there is
	shards  *shards

	runs Runs // once it delivers; shards guards it
}

var _ engine.Notices = (*Deliverer)(nil)

// New makes a Deliverer. Run has it deliver.
func New(c Config) *Deliverer {
	d := &Deliverer{Config: c, plain: map[string]bool{}, shards: &shards{all: make([]shardState, c.Shards)}}
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
		t := newTarget(d, one, i)
		d.most |= map[string]engine.Notify{
			"": engine.NotifyPublic, typesAll: engine.NotifyAll, typesLogs: engine.NotifyLogs, typesSpans: engine.NotifySpans,
		}[one.Types]
		d.targets, d.names = append(d.targets, t), append(d.names, one.Name)
	}
	for _, t := range d.targets {
		for _, sort := range []string{"", typesLogs, typesSpans} {
			d.plain[sort] = d.plain[sort] || t.takes(sort) && t.wantsWhatever()
		}
	}
	return d
}

// Targets implements engine.Notices.
func (d *Deliverer) Targets() []string { return d.names }

// Notify implements engine.Notices.
func (d *Deliverer) Notify() engine.Notify { return d.most }

// Wants implements engine.Notices.
func (d *Deliverer) Wants(n *engine.Notification) bool {
	sort := sortOf(n.Body)
	if d.plain[sort] {
		return true
	}
	var event any
	for _, t := range d.targets {
		if !t.takes(sort) {
			continue
		}
		if event == nil {
			var err error
			if event, err = eventbridge.Read(n.Body); err != nil {
				return true // whoever reads it finds the fault
			}
		}
		if t.chooses(event) {
			return true
		}
	}
	return false
}

// Opened implements engine.Notices.
func (d *Deliverer) Opened(shard uint16, generation uint64, positions []engine.Position, last engine.Position) {
	d.shards.mu.Lock()
	defer d.shards.mu.Unlock()
	again := d.shards.all[shard].generation != 0
	d.shards.all[shard] = shardState{true, generation, last}
	for i, t := range d.targets {
		t.backlog.opened(shard, positions[i], again)
		t.signal()
	}
}

// Came implements engine.Notices.
func (d *Deliverer) Came(shard uint16, last engine.Position) {
	d.shards.mu.Lock()
	d.shards.all[shard].last = last
	d.shards.mu.Unlock()
	for _, t := range d.targets {
		t.signal()
	}
}

// Lost implements engine.Notices.
func (d *Deliverer) Lost(shard uint16) {
	d.shards.mu.Lock()
	d.shards.all[shard].open = false
	d.shards.mu.Unlock()
}

// Run delivers until the context ends.
func (d *Deliverer) Run(ctx context.Context, runs Runs) {
	d.shards.mu.Lock()
	d.runs = runs
	d.shards.mu.Unlock()
	var group sync.WaitGroup
	for _, t := range d.targets {
		group.Go(func() { t.run(ctx, runs) })
	}
	group.Wait()
}
