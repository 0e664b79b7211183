package cluster

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	tasks "heddle/internal/engine/task"
	"heddle/internal/matching"
	"heddle/internal/runlog"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

var (
	seeds = flag.Int("seeds", 20, "how many worlds are simulated")
	seed  = flag.Uint64("seed", 1, "the first of them")
	tell  = flag.Bool("tell", false, "print what the nodes log")
)

const simShards = 10

// world is three houses on one store, which has a home or several, in a time of its own: memberships
// and links are as in the server, but for the network.
type world struct {
	t      *testing.T
	began  time.Time
	disks  []*memstore.Store // of the homes
	hash   keys.Hash
	log    *slog.Logger
	random func(n int) int
	net    *network

	mu     sync.Mutex        // guards the fields below
	houses map[string]*house // by name: those that live
	joined map[string]*house // by member
	told   map[string]int    // by tally: the most that anybody was answered
	faults []string          // what has befallen whom, and when
	doing  [simWorkers]string
	apart  int // jobs that were begun while a home was away
}

// house is one life of a node.
type house struct {
	*world
	name    string
	homes   []*reach    // of the store
	store   store.Store // all of them
	node    *shard.Node
	matcher *matching.Matcher
	*Cluster
	life  context.Context // until it is killed
	kill  context.CancelFunc
	stay  context.Context // until it leaves
	quit  context.CancelFunc
	over  sync.WaitGroup
	calls sync.WaitGroup // of clients

	// Under the world's mu.
	resumed chan struct{} // closed: it is not paused
	leaving bool
	member  string
	joined  bool // as that member
	unknown outcome
}

func newWorld(t *testing.T, seed uint64, homes int) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	w := &world{
		t: t, began: time.Now(), houses: map[string]*house{}, joined: map[string]*house{}, told: map[string]int{},
		log: slog.New(slog.DiscardHandler),
		random: func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return random.IntN(n)
		},
	}
	if *tell {
		w.log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for range homes {
		w.disks = append(w.disks, memstore.New(simShards))
	}
	w.net = newNetwork(w)
	return w
}

func (w *world) elapsed() time.Duration { return time.Since(w.began) }
func (w *world) Now() engine.Time       { return engine.Time(time.Now().UnixMilli()) }
func (w *world) Confirmed() engine.Time { return w.Now() }

func simRules() map[engine.Kind]engine.Rules {
	return map[engine.Kind]engine.Rules{jobKind: rules{jobKind}, tallyKind: rules{tallyKind}}
}

// open begins a life of a node.
func (w *world) open(name string) *house {
	log := w.log.With("node", name)
	h := &house{world: w, name: name, resumed: make(chan struct{})}
	h.matcher = matching.New(matching.Config{PollsPerListMax: 1000, Near: func(run engine.RunID, member string) bool { return h.Near(run, member) }})
	close(h.resumed)
	for i, disk := range w.disks {
		h.homes = append(h.homes, &reach{Store: disk.Share(w.elapsed), house: h, home: i})
	}
	var shards shardsOfAll
	h.store, shards = w.whole(func(home int) below { return h.homes[home] })
	h.life, h.kill = context.WithCancel(w.t.Context())
	h.stay, h.quit = context.WithCancel(h.life)
	h.Cluster = New(Config{
		Name: name, Shards: simShards, Homes: len(w.disks), Matcher: h.matcher, Within: context.WithTimeout, Log: log,
		ListOf:      func(list string) uint16 { return runlog.InFirst(w.hash.Shard(simShards, "list", list), len(w.disks)) },
		Undelivered: func(id int64) any { return &tasks.Undelivered{ScheduledEventID: id} },
		Sequences:   shards.Sequences, Heard: shards.Heard,
	})
	var err error
	h.node, err = shard.OpenNode(w.t.Context(), shard.Config{
		Store: h.store, Shards: simShards, Homes: len(w.disks), Hash: &w.hash, Offers: h.Cluster, Far: h.Cluster, Log: log, CachedStates: 100,
		Rules: simRules(), ReadersMax: 4, Committers: 1,
	}, w)
	if err != nil {
		w.t.Fatal(err)
	}
	h.SetNode(h.node)
	w.mu.Lock()
	w.houses[name] = h
	w.mu.Unlock()
	h.over.Go(h.keep)
	for home := 1; home < len(h.homes); home++ {
		h.over.Go(func() { h.keepHome(home) })
	}
	h.over.Go(h.alarm)
	return h
}

func (h *house) alarm() {
	for h.stay.Err() == nil {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-h.node.WakeMoved():
		case <-h.stay.Done():
		}
		h.runs()
		h.node.Advance()
	}
}

// runs waits while the house is paused, and tells whether it still lives.
func (h *house) runs() bool {
	for h.life.Err() == nil {
		h.mu().Lock()
		resumed := h.resumed
		h.mu().Unlock()
		select {
		case <-resumed:
			return h.life.Err() == nil
		default:
		}
		select {
		case <-resumed:
		case <-h.life.Done():
		}
	}
	return false
}

// keep is the membership, as the server has it.
func (h *house) keep() {
	members := h.homes[0].Members()
	joined, lost, renewed, said := false, false, time.Time{}, ""
	for h.runs() && h.stay.Err() == nil {
		h.mu().Lock()
		leaving, tells := h.leaving, false
		h.mu().Unlock()
		if !joined {
			id, err := members.Join(h.life, store.Member{Name: h.name})
			if err == nil {
				joined, lost, renewed = true, false, time.Now()
				h.mu().Lock()
				h.member, h.joined = id, true
				h.world.joined[id] = h
				h.mu().Unlock()
				h.Joined(id, links{h.net, h, id})
			}
		}
		if hears := h.Hears(); joined && (leaving || time.Since(renewed) >= time.Second || said != hears) {
			switch _, err := members.Renew(h.life, store.Renewal{Leaving: leaving, Hears: hears}); {
			case errors.Is(err, store.ErrNotMember):
				joined = false
				h.mu().Lock()
				h.joined = false
				h.mu().Unlock()
				h.Lost()
				h.unlink(true)
				continue
			case err == nil:
				renewed, said = time.Now(), hears
				lost = false
				h.Say()
			}
		}
		if joined && !lost && h.homes[0].Current(0) != nil {
			lost = true
			h.LostHome(0)
		}
		if joined && !lost {
			if seen, err := members.Look(h.life); err == nil {
				h.Looked(seen)
				tells = said != h.Hears()
			}
		}
		wait := 500 * time.Millisecond
		if tells {
			wait = 50 * time.Millisecond
		}
		select {
		case <-time.After(wait):
		case <-h.stay.Done():
		}
	}
}

func (h *house) mu() *sync.Mutex { return &h.world.mu }

// unlink ends the links of a member, and waits until it has heard so, and others for a while what it has sent.
func (h *house) unlink(wait bool) {
	h.mu().Lock()
	member := h.member
	delete(h.world.joined, member)
	h.mu().Unlock()
	if wait {
		h.net.part(member)
	}
	h.net.hangUpAll(member)
	for wait && h.life.Err() == nil {
		h.net.mu.Lock()
		var some *end
		for key, e := range h.net.ends {
			if key[0] == member {
				some = e
				e.hangUp(0)
			}
		}
		h.net.mu.Unlock()
		if some == nil {
			return
		}
		<-some.heard
	}
}

// die ends a life as kill -9 does: what it had not committed is lost, and nobody is told.
func (h *house) die() {
	_ = h.store.Close()
	h.kill()
	h.unlink(false)
	h.over.Wait()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.node.Stop(gone)
	h.Stop()
}

// leave ends a life as SIGTERM does. It may take only so long if nothing else befalls anybody.
func (h *house) leave(quiet func() bool) {
	h.mu().Lock()
	h.leaving = true
	h.mu().Unlock()
	h.Leave()
	for end := time.Now().Add(10 * time.Second); !h.Left() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if !h.Left() && quiet() {
		h.t.Errorf("node %s still has shards after 10 s", h.name)
	}
	h.Drain()
	h.quit()
	h.over.Wait()
	h.Lost()
	h.unlink(true)
	h.Stop()
	for _, home := range h.homes {
		_ = home.Members().Leave(context.Background())
	}
	_ = h.node.Stop(context.Background())
	_ = h.store.Close()
	h.kill()
}

// any gives a house that lives; nil: there is none.
func (w *world) any() *house {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Sorted(maps.Keys(w.houses))
	if len(all) == 0 {
		return nil
	}
	return w.houses[all[w.random(len(all))]]
}

// do gives a command to some house, until one answers.
func (w *world) do(ctx context.Context, cmd engine.Command) (any, error) {
	for ctx.Err() == nil {
		if h := w.any(); h != nil {
			if reply, err, answered := h.answer(ctx, cmd); answered {
				return reply, err
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, ctx.Err()
}

// answer gives a command to a house. It is not answered if the house is paused or killed
// meanwhile, or fails.
func (h *house) answer(ctx context.Context, cmd engine.Command) (reply any, err error, answered bool) {
	within, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	type answer struct {
		reply any
		err   error
	}
	came := make(chan answer, 1)
	h.calls.Go(func() {
		h.runs()
		reply, err := h.Do(within, cmd)
		h.runs()
		came <- answer{reply, err}
	})
	select {
	case a := <-came:
		err := a.err
		return a.reply, err, h.life.Err() == nil && within.Err() == nil && !errors.Is(err, engine.ErrUnavailable) && !errors.Is(err, engine.ErrUnread) && !errors.Is(err, engine.ErrUnserved) &&
			!errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrClosed) && !errors.Is(err, store.ErrAway)
	case <-within.Done():
	case <-h.life.Done():
	}
	return nil, nil, false
}

// TestWorlds simulates nodes that are killed, paused, stopped, cut off from each other and from
// the store, and stores whose answers are lost, while jobs begin and workers take their tasks
// by any node. After the last fault every job is done soon, those that begin then too; each
// tally was told of each of its jobs once; nobody was ever answered less than somebody before;
// and what the store has is in order.
func TestWorlds(t *testing.T) {
	for i := range *seeds {
		seed := *seed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, 1) })
		})
	}
}

const (
	simJobs    = 400
	simLate    = 30 // more, after the last fault
	simLists   = 3
	simTallies = 5
	simWorkers = 9
	// doneWithin is how long after the last fault all jobs are done, and lateWithin how long
	// one takes that begins then: whoever polled in vain may hold a poll for five seconds.
	doneWithin = 25 * time.Second
	lateWithin = 7 * time.Second
)

func simulate(t *testing.T, seed uint64, homes int) {
	w := newWorld(t, seed, homes)
	defer func() {
		if t.Failed() {
			t.Logf("what befell them:\n%s", strings.Join(w.faults, "\n"))
		}
	}()
	for _, name := range []string{"x", "y", "z"} {
		w.open(name)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers, starters, events sync.WaitGroup
	for i := range simWorkers {
		workers.Go(func() { w.work(ctx, i) })
	}
	for range 3 {
		workers.Go(func() { w.read(ctx) })
	}
	for s := range 4 {
		starters.Go(func() {
			for n := s; n < simJobs; n += 4 {
				w.begin(ctx, n)
				time.Sleep(time.Duration(w.random(300)) * time.Millisecond)
			}
		})
	}
	begun := make(chan struct{})
	events.Go(func() { w.befall(begun) })
	starters.Wait()
	close(begun)
	events.Wait()

	// From here on nothing befalls anybody.
	w.await(ctx, simJobs, doneWithin)
	if homes > 1 {
		w.eachAway(ctx)
	}
	for n := range simLate {
		w.begin(ctx, simJobs+n)
	}
	w.await(ctx, simJobs+simLate, lateWithin)
	stop()
	workers.Wait()
	time.Sleep(10 * time.Second) // what is deleted late
	w.judge()
	for _, h := range w.houses {
		h.die()
	}
	time.Sleep(time.Minute) // what hears that links have ended
}

// begin begins a job, by any node.
func (w *world) begin(ctx context.Context, n int) {
	w.beginFor(ctx, n, fmt.Sprint("tally", n%simTallies))
}

// beginFor begins a job that tells a tally.
func (w *world) beginFor(ctx context.Context, n int, tally string) {
	name := nameOf(jobKind, fmt.Sprint("job", n))
	_, err := w.do(ctx, engine.Command{
		Name: name, Begin: engine.Always, Seed: engine.NameSeed(name),
		Body: &beginJob{List: fmt.Sprint("list", n%simLists), Tally: tally},
	})
	_, open := errors.AsType[*engine.AlreadyOpenError](err)
	_, done := errors.AsType[*engine.RunExistsError](err)
	if err != nil && !open && !done && ctx.Err() == nil {
		w.t.Errorf("begin job %d: %v", n, err)
	}
}

// await waits until all jobs are done.
func (w *world) await(ctx context.Context, jobs int, within time.Duration) {
	deadline, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	told := -1
	for told != jobs && deadline.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		sum := 0
		for n := range simTallies {
			sum += w.readTally(deadline, n)
		}
		if deadline.Err() == nil {
			told = sum
		}
	}
	if told != jobs {
		w.t.Errorf("%d of %d jobs are done %v after the last fault", told, jobs, within)
		w.dump()
	}
}

// dump logs what the nodes know.
func (w *world) dump() {
	w.mu.Lock()
	w.t.Log(w.elapsed(), w.doing)
	w.mu.Unlock()
	w.dumpStore()
	for _, h := range w.houses {
		h.Cluster.mu.Lock()
		w.t.Logf("node %s (%s, linked with %v): %+v, polls elsewhere %d, serves %d, lists %v; shards %+v", h.name, h.me, h.linked, h.matcher.Totals(), len(h.polls), len(h.served), h.lists(), h.shards)
		for l, o := range h.own {
			for t := range o {
				w.t.Logf("  offers %v (shard %d) of run of shard %d on list %s of shard %d", t.run, t.run.Shard(), t.id, t.list, l)
			}
		}
		h.Cluster.mu.Unlock()
	}
}

// dumpStore logs what is open in the store, and on its way.
func (w *world) dumpStore() {
	all, _ := w.all()
	snapshot, err := all.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := runlog.Check(w.t.Context(), snapshot, runlog.Checking{Shards: simShards, Hash: &w.hash, Rules: simRules()})
	w.t.Logf("the store: %+v, %v", found, err)
	for shard := range uint16(simShards) {
		_ = runlog.ScanKind(w.t.Context(), snapshot, shard, keys.Outgoing, func(key, value []byte) error {
			w.t.Logf("shard %d sends %x", shard, key)
			return nil
		})
		_ = runlog.ScanKind(w.t.Context(), snapshot, shard, keys.OpenRun, func(key, value []byte) error {
			if rec, err := runlog.ReadHead(engine.RunID(keys.Run(key)), value); err != nil || rec.Name.Kind == jobKind {
				w.t.Logf("shard %d open %+v %v", shard, rec, err)
			}
			return nil
		})
	}
}

func (h *house) lists() (all []string) {
	for n := range simLists {
		all = append(all, fmt.Sprint(h.ListOf(fmt.Sprint("list", n)), " has ", h.matcher.Backlog(fmt.Sprint("list", n))))
	}
	return all
}

// readTally reads how many jobs a tally was told of, by any node. It is never less than
// anybody was answered before the call.
func (w *world) readTally(ctx context.Context, n int) int {
	return w.readOne(ctx, fmt.Sprint("tally", n))
}

func (w *world) readOne(ctx context.Context, name string) int {
	w.mu.Lock()
	floor := w.told[name]
	w.mu.Unlock()
	reply, err := w.do(ctx, engine.Command{Name: nameOf(tallyKind, name), Body: readTally{}})
	if ctx.Err() != nil {
		return 0
	}
	told, ok := reply.(int)
	if _, absent := errors.AsType[*engine.UnknownRunError](err); err != nil && !absent {
		w.t.Errorf("read %s: %v", name, err)
		return 0
	} else if err == nil && !ok {
		w.t.Error(reply)
	}
	if told < floor {
		w.t.Errorf("%s was told of %d jobs, after somebody was answered %d", name, told, floor)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[name] = max(w.told[name], told)
	return told
}

// read reads tallies.
func (w *world) read(ctx context.Context) {
	for ctx.Err() == nil {
		w.readTally(ctx, w.random(simTallies))
		time.Sleep(time.Duration(w.random(100)) * time.Millisecond)
	}
}

// judge looks at what is left when all is done.
func (w *world) judge() {
	for _, h := range w.houses {
		if !h.Settled() {
			w.t.Errorf("node %s does not reach every shard", h.name)
		}
		for n := range simLists {
			if left := h.Backlog(fmt.Sprint("list", n)); left != 0 {
				w.t.Errorf("list %d has %d tasks when all jobs are done, says node %s", n, left, h.name)
			}
		}
		if left := h.matcher.Totals().Offers; left != 0 {
			w.t.Errorf("node %s has %d tasks when all jobs are done", h.name, left)
		}
	}
	all, _ := w.all()
	snapshot, err := all.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := runlog.Check(w.t.Context(), snapshot, runlog.Checking{Shards: simShards, Hash: &w.hash, Rules: simRules()})
	if err != nil || len(found.Wrong) > 0 || found.Messages > 0 || found.Closed != simJobs+simLate+w.apart {
		w.t.Errorf("the store: %+v, %v", found, err)
		w.dumpStore()
	}
	_ = snapshot.Close()
}

// work takes tasks of a list from any node, and does them.
func (w *world) work(ctx context.Context, i int) {
	for ctx.Err() == nil {
		h := w.any()
		if h == nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		list := i % simLists // each is always polled
		w.note(i, "polls list", list, "at", h.name)
		t := h.poll(ctx, fmt.Sprint("list", list))
		if t == nil {
			time.Sleep(time.Duration(w.random(20)) * time.Millisecond)
			continue
		}
		w.note(i, "has", t.run, "shard", t.run.Shard())
		_, err := w.do(ctx, engine.Command{Run: t.run, Body: &completeJob{}})
		if err != nil && !engine.IsGone(err) && ctx.Err() == nil {
			w.t.Errorf("complete job %s: %v", t.run, err)
		}
	}
}

// note says what a worker does, for a dump.
func (w *world) note(i int, what ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doing[i] = fmt.Sprint(w.elapsed(), " ", fmt.Sprintln(what...))
}

// given is a task that somebody has.
type given struct {
	run         engine.RunID
	attempt, id int64
}

// client is the connection of who polls: it takes a task, or is gone.
type client struct {
	mu   sync.Mutex
	gone bool
	has  *given
	came chan struct{}
}

// take gives the client a task, and tells whether it was still there.
func (c *client) take(g given) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		c.has = &g
		close(c.came)
	}
	return !c.gone
}

func (c *client) isGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// poll gives a task of a list; nil: there was none, or the node was not heard of again.
func (h *house) poll(ctx context.Context, list string) *given {
	patience, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	c := &client{came: make(chan struct{})}
	ended := make(chan struct{})
	h.calls.Go(func() {
		defer close(ended)
		h.pollFor(c, patience, list)
	})
	select {
	case <-c.came:
	case <-ended:
	case <-patience.Done():
	case <-h.life.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	return c.has
}

// pollFor is a poll as the server does it.
func (h *house) pollFor(c *client, ctx context.Context, list string) {
	if !h.runs() {
		return
	}
	hold, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	defer context.AfterFunc(h.life, cancel)()
	claim, err := h.Poll(hold, list, matching.Poller{})
	for err == nil && claim != nil && h.runs() {
		if c.isGone() {
			claim.Return()
			return
		}
		reply, err := h.Do(h.life, engine.Command{Run: claim.Run, Body: &startTask{claim.ID}})
		if !h.runs() {
			return
		}
		if engine.IsGone(err) {
			claim = h.Refuse(hold, claim)
			continue
		}
		if err != nil {
			claim.Return()
			return
		}
		claim.Accept()
		attempt := reply.(int64)
		if c.take(given{claim.Run, attempt, claim.ID}) {
			h.Cast(engine.Command{Run: claim.Run, Body: &tasks.Delivered{ScheduledEventID: claim.ID, Attempt: attempt}, Patient: true})
		} else {
			h.Cast(engine.Command{Run: claim.Run, Body: &tasks.Undelivered{ScheduledEventID: claim.ID, Attempt: attempt}})
		}
		return
	}
}
