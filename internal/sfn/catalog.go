package sfn

import (
	"context"
	"sync"

	"heddle/internal/engine"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
)

// What actions must know of activities and state machines before they can make a command.
// Answers are remembered for a short time, so that starting an execution, or asking for a task, does not ask the
// registry each time. What this process changes is forgotten at once; that something is
// not there, also a version or an alias of what is, is never remembered. Other servers may have changed it a moment ago: who shows something, or changes it, asks.
const (
	catalogTTL      = engine.Time(1000)
	catalogBytesMax = 16 << 20
)

type catalog struct {
	mu      sync.RWMutex
	changes uint64 // counts what was forgotten: an answer from before is not kept
	known   map[engine.Name]catalogEntry
	bytes   int // of all that is known
}

// entryBytes is what an entry takes besides its thing and its key's text, rather too much
// than too little.
const entryBytes = 256

type catalogEntry struct {
	until engine.Time
	thing any // an *Activity or a *Machine
}

func (c *catalog) get(name engine.Name, now engine.Time) (thing any, changes uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.known[name]; now < e.until {
		thing = e.thing
	}
	return thing, c.changes
}

func (c *catalog) put(name engine.Name, e catalogEntry, weight int, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	weight += entryBytes + len(name.Key)
	// In the place of one that it was, it counts again: too much is no harm.
	if c.bytes += weight; c.bytes > catalogBytesMax || c.known == nil {
		c.known, c.bytes = map[engine.Name]catalogEntry{}, weight
	}
	c.known[name] = e
}

// forget comes after every change of a thing.
func (c *catalog) forget(name engine.Name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.known, name)
}

// weighed is what the registry replies.
type weighed interface{ Weight() int }

// find asks for a thing by its kind and name. Errors: engine.UnknownRunError.
func find[T weighed](ctx context.Context, s *actions, cmd engine.Command) (found T, err error) {
	reply, err := s.Runs.Do(ctx, cmd)
	if err != nil {
		return found, err
	}
	return reply.(T), nil
}

// remembered is find, or what it found a moment ago.
func remembered[T weighed](ctx context.Context, s *actions, cmd engine.Command) (found T, err error) {
	if known, _ := s.catalog.get(cmd.Name, s.Clock()); known != nil {
		return known.(T), nil
	}
	return learned[T](ctx, s, cmd)
}

// learned is find, and remembers what it finds.
func learned[T weighed](ctx context.Context, s *actions, cmd engine.Command) (found T, err error) {
	now := s.Clock()
	_, changes := s.catalog.get(cmd.Name, now)
	if found, err = find[T](ctx, s, cmd); err == nil {
		s.catalog.put(cmd.Name, catalogEntry{now + catalogTTL, found}, found.Weight(), changes)
	}
	return found, err
}

// change gives a command that changes something to its run. Whoever hangs up does not
// leave before the change is there: what is remembered would be of before.
func (s *actions) change(ctx context.Context, cmd engine.Command) (any, error) {
	defer s.catalog.forget(cmd.Name)
	return s.Runs.Do(context.WithoutCancel(ctx), cmd)
}

func describing(kind engine.Kind, w engine.World, base string) engine.Command {
	return registry.Command(w, kind, base, registry.Describe{})
}

func (s *actions) findActivity(ctx context.Context, w engine.World, base string) (*registry.Activity, error) {
	return find[*registry.Activity](ctx, s, describing(registry.KindActivity, w, base))
}

func (s *actions) rememberActivity(ctx context.Context, w engine.World, base string) (*registry.Activity, error) {
	return remembered[*registry.Activity](ctx, s, describing(registry.KindActivity, w, base))
}

func (s *actions) findMachine(ctx context.Context, w engine.World, base string) (*registry.Machine, error) {
	return find[*registry.Machine](ctx, s, describing(registry.KindMachine, w, base))
}

func (s *actions) rememberMachine(ctx context.Context, w engine.World, base string) (*registry.Machine, error) {
	return remembered[*registry.Machine](ctx, s, describing(registry.KindMachine, w, base))
}

func (s *actions) learnMachine(ctx context.Context, w engine.World, base string) (*registry.Machine, error) {
	return learned[*registry.Machine](ctx, s, describing(registry.KindMachine, w, base))
}

// activityOf gives the activity that an ARN names. Errors: InvalidArn,
// ActivityDoesNotExist.
func (s *actions) activityOf(ctx context.Context, arn string) (*registry.Activity, error) {
	return activityBy(ctx, arn, s.findActivity)
}

func activityBy(ctx context.Context, arn string, find func(context.Context, engine.World, string) (*registry.Activity, error)) (*registry.Activity, error) {
	w := worldOf(ctx)
	n, err := parse(arn, resource.Activity)
	if err != nil {
		return nil, err
	}
	if !n.In(w.Region, w.Account) {
		return nil, noActivity(arn)
	}
	a, err := find(ctx, w, n.Base)
	return a, faultOf(err, n, noActivity(arn))
}

// machineOf gives the state machine that an ARN names, also by a version or an alias,
// which may not be there. Errors: InvalidArn, StateMachineDoesNotExist.
func (s *actions) machineOf(ctx context.Context, arn string) (*registry.Machine, resource.Name, error) {
	return machineBy(ctx, worldOf(ctx), arn, s.findMachine)
}

// machineBy is machineOf for what is asked from a world, whoever does.
func machineBy(ctx context.Context, w engine.World, arn string, find func(context.Context, engine.World, string) (*registry.Machine, error)) (*registry.Machine, resource.Name, error) {
	n, err := parse(arn, resource.Machine)
	if err != nil {
		return nil, n, err
	}
	if n.In(w.Region, w.Account) {
		m, err := find(ctx, w, n.Base)
		return m, n, faultOf(err, n, noMachine(arn))
	}
	return nil, n, noMachine(arn)
}
