package swf

import (
	"context"
	"errors"
	"sync"
	"unsafe"

	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// What actions must know of domains and types before they can make a command.
// Answers are remembered for a short time, so that starting an execution does
// not ask the registry twice. What this process changes is forgotten at once;
// that something is unknown is never remembered.
const (
	catalogTTL      = engine.Time(1000)
	catalogBytesMax = 16 << 20
)

type catalog struct {
	mu      sync.RWMutex
	changes uint64 // counts what was forgotten: an answer from before is not kept
	known   map[catalogKey]catalogEntry
	bytes   int // of all that is known
}

// catalogKey names a domain by name or number, or a type.
type catalogKey struct {
	world  engine.World
	domain string
	number uint32
	id     registry.TypeID
}

type catalogEntry struct {
	until  engine.Time
	asked  bool // by one call, anew
	domain *registry.Domain
	found  *knownType
}

// knownType is a type as commands for executions carry it.
type knownType struct {
	status   execution.TypeStatus
	workflow *wire.WorkflowTypeConfiguration
	activity *wire.ActivityTypeConfiguration
}

// find gives what is known, or what ask finds out. In the second half of the time for which something is known one
// call asks anew: so of many calls each second not all do when it is over. None waits for another.
func (c *catalog) find(k catalogKey, now engine.Time, ask func() (catalogEntry, error)) (catalogEntry, error) {
	c.mu.RLock()
	changes := c.changes
	c.mu.RUnlock()
	known, is := c.get(k, now)
	if is && !c.asks(k, known, now) {
		return known, nil
	}
	e, err := ask()
	switch {
	case err == nil:
		e.until = now + catalogTTL
		c.put(k, e, changes)
	case is:
		return known, nil
	}
	return e, err
}

// asks tells whether the caller, and nobody after it, should ask anew for what is known still.
func (c *catalog) asks(k catalogKey, e catalogEntry, now engine.Time) bool {
	if e.asked || now < e.until-catalogTTL/2 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, is := c.known[k]
	if !is || e.asked {
		return false
	}
	e.asked = true
	c.known[k] = e
	return true
}

func (c *catalog) get(k catalogKey, now engine.Time) (e catalogEntry, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok = c.known[k]
	return e, ok && now < e.until
}

func (c *catalog) put(k catalogKey, e catalogEntry, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	// In the place of one that it was, it counts again: too much is no harm.
	if c.bytes += bytesOf(k, e); c.bytes > catalogBytesMax {
		clear(c.known)
		c.bytes = bytesOf(k, e)
	}
	c.known[k] = e
}

// bytesOf is what an entry takes at most: its own fields twice, since a table has room for
// more than it holds, and the texts that only it may still have.
func bytesOf(k catalogKey, e catalogEntry) int {
	n := 2 * int(unsafe.Sizeof(k)+unsafe.Sizeof(e))
	text := func(s *string) {
		if s != nil {
			n += len(*s) + 32
		}
	}
	for _, s := range []*string{&k.world.Account, &k.world.Region, &k.domain, &k.id.Name, &k.id.Version} {
		text(s)
	}
	if d := e.domain; d != nil {
		n += int(unsafe.Sizeof(*d)) + cap(d.Tags)*int(unsafe.Sizeof(registry.Tag{}))
		text(&d.Name)
		text(&d.Description)
		for i := range d.Tags {
			text(&d.Tags[i].Key)
			text(&d.Tags[i].Value)
		}
	}
	if e.found != nil {
		n += int(unsafe.Sizeof(*e.found))
		if w := e.found.workflow; w != nil {
			n += int(unsafe.Sizeof(*w))
			for _, s := range []*string{w.DefaultChildPolicy, w.DefaultExecutionStartToCloseTimeout, w.DefaultLambdaRole, w.DefaultTaskPriority, w.DefaultTaskStartToCloseTimeout} {
				text(s)
			}
			if w.DefaultTaskList != nil {
				text(&w.DefaultTaskList.Name)
			}
		}
		if a := e.found.activity; a != nil {
			n += int(unsafe.Sizeof(*a))
			for _, s := range []*string{a.DefaultTaskHeartbeatTimeout, a.DefaultTaskPriority, a.DefaultTaskScheduleToCloseTimeout, a.DefaultTaskScheduleToStartTimeout, a.DefaultTaskStartToCloseTimeout} {
				text(s)
			}
			if a.DefaultTaskList != nil {
				text(&a.DefaultTaskList.Name)
			}
		}
	}
	return n
}

// invalidate comes after every change of the registry.
func (c *catalog) invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.bytes = 0
	clear(c.known)
}

// domainByName gives a domain. Errors: UnknownResourceFault.
func (s *actions) domainByName(ctx context.Context, w engine.World, name string) (*registry.Domain, error) {
	return s.cachedDomain(catalogKey{world: w, domain: name}, func() (*registry.Domain, error) {
		return s.readDomain(ctx, w, name)
	})
}

// domainByNumber gives the domain of a task token. Errors: UnknownResourceFault.
func (s *actions) domainByNumber(ctx context.Context, w engine.World, number uint32) (*registry.Domain, error) {
	return s.cachedDomain(catalogKey{world: w, number: number}, func() (*registry.Domain, error) {
		return s.askDomain(ctx, w, "", registry.FindDomain{Number: number})
	})
}

func (s *actions) cachedDomain(k catalogKey, read func() (*registry.Domain, error)) (*registry.Domain, error) {
	e, err := s.catalog.find(k, s.Clock(), func() (catalogEntry, error) {
		d, err := read()
		return catalogEntry{domain: d}, err
	})
	return e.domain, err
}

// readDomain asks the registry itself, as changes of types must.
func (s *actions) readDomain(ctx context.Context, w engine.World, name string) (*registry.Domain, error) {
	return s.askDomain(ctx, w, name, registry.DescribeDomain{Name: name})
}

// askDomain gives a command to the world's domains and returns the domain that
// it is about.
func (s *actions) askDomain(ctx context.Context, w engine.World, name string, body any) (*registry.Domain, error) {
	reply, err := s.Runs.Do(ctx, registry.DomainsCommand(w, body))
	if err != nil {
		return nil, domainFault(err, name)
	}
	d := reply.(registry.Domain)
	return &d, nil
}

// workflowType gives what is known of a workflow type; its status may be
// TypeUnknown.
func (s *actions) workflowType(ctx context.Context, w engine.World, d *registry.Domain, t wire.WorkflowType) (*knownType, error) {
	return s.cachedType(ctx, w, d, registry.TypeID{Kind: registry.WorkflowType, Name: t.Name, Version: t.Version})
}

// activityType gives what is known of an activity type; its status may be
// TypeUnknown.
func (s *actions) activityType(ctx context.Context, w engine.World, d *registry.Domain, t wire.ActivityType) (*knownType, error) {
	return s.cachedType(ctx, w, d, registry.TypeID{Kind: registry.ActivityType, Name: t.Name, Version: t.Version})
}

func (s *actions) cachedType(ctx context.Context, w engine.World, d *registry.Domain, id registry.TypeID) (*knownType, error) {
	k := catalogKey{world: w, domain: d.Name, id: id}
	e, err := s.catalog.find(k, s.Clock(), func() (catalogEntry, error) {
		reply, err := s.Runs.Do(ctx, registry.TypesCommand(w, d.Name, registry.DescribeType{Sweep: d.Sweep, ID: id}))
		if err != nil {
			return catalogEntry{}, err
		}
		return catalogEntry{found: known(reply.(registry.Type))}, nil
	})
	var noRun *engine.UnknownRunError
	var noType *registry.UnknownTypeError
	if errors.As(err, &noRun) || errors.As(err, &noType) {
		return &knownType{status: execution.TypeUnknown}, nil
	}
	return e.found, err
}

func known(t registry.Type) *knownType {
	k := &knownType{status: execution.TypeRegistered}
	if t.DeprecatedAt != 0 {
		k.status = execution.TypeDeprecated
	}
	if t.ID.Kind == registry.WorkflowType {
		k.workflow = workflowConfiguration(&t.Defaults)
	} else {
		k.activity = activityConfiguration(&t.Defaults)
	}
	return k
}

func workflowConfiguration(d *registry.Defaults) *wire.WorkflowTypeConfiguration {
	return &wire.WorkflowTypeConfiguration{
		DefaultChildPolicy:                  present(d.ChildPolicy),
		DefaultExecutionStartToCloseTimeout: present(d.ExecutionStartToCloseTimeout),
		DefaultLambdaRole:                   present(d.LambdaRole),
		DefaultTaskList:                     taskList(d.TaskList),
		DefaultTaskPriority:                 present(d.TaskPriority),
		DefaultTaskStartToCloseTimeout:      present(d.TaskStartToCloseTimeout),
	}
}

func activityConfiguration(d *registry.Defaults) *wire.ActivityTypeConfiguration {
	return &wire.ActivityTypeConfiguration{
		DefaultTaskHeartbeatTimeout:       present(d.TaskHeartbeatTimeout),
		DefaultTaskList:                   taskList(d.TaskList),
		DefaultTaskPriority:               present(d.TaskPriority),
		DefaultTaskScheduleToCloseTimeout: present(d.TaskScheduleToCloseTimeout),
		DefaultTaskScheduleToStartTimeout: present(d.TaskScheduleToStartTimeout),
		DefaultTaskStartToCloseTimeout:    present(d.TaskStartToCloseTimeout),
	}
}

func taskList(name string) *wire.TaskList {
	if name == "" {
		return nil
	}
	return &wire.TaskList{Name: name}
}

func listName(l *wire.TaskList) string {
	if l == nil {
		return ""
	}
	return l.Name
}
