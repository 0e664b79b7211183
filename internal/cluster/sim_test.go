package cluster

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	tasks "heddle/internal/engine/task"
	"heddle/internal/matching"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

var (
	seeds = flag.Int("seeds", 3, "how many worlds are simulated")
	seed  = flag.Uint64("seed", 1, "the first of them")
)

const simShards = 8

// world is three houses on one store, in a time of its own: memberships and links are as in
// the server, but for the network.
type world struct {
	t      *testing.T
	began  time.Time
	disk   *memstore.Store
	hash   keys.Hash
	log    *slog.Logger
	random func(n int) int

	mu     sync.Mutex
	houses map[string]*house // by name: those that live
	joined map[string]*house // by member
	links  map[[2]string]*session
}

// house is one life of a node.
type house struct {
	*world
	name    string
	store   *memstore.Store
	node    *shard.Node
	matcher *matching.Matcher
	*Cluster
	life context.Context
	kill context.CancelFunc
	over sync.WaitGroup

	paused  chan struct{} // closed: it is not; under the world's mu
	leaving bool          // likewise
	member  string        // likewise
}

// session is a link while it lives.
type session struct {
	ends  [2]string
	ended chan struct{}
	down  sync.WaitGroup
}

func newWorld(t *testing.T, seed uint64) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	w := &world{
		t: t, began: time.Now(), disk: memstore.New(simShards), houses: map[string]*house{}, joined: map[string]*house{}, links: map[[2]string]*session{},
		log: slog.New(slog.DiscardHandler),
		random: func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return random.IntN(n)
		},
	}
	return w
}

func (w *world) elapsed() time.Duration { return time.Since(w.began) }
func (w *world) Now() engine.Time       { return engine.Time(time.Now().UnixMilli()) }
func (w *world) Confirmed() engine.Time { return w.Now() }

// open begins a life of a node.
func (w *world) open(name string) *house {
	h := &house{world: w, name: name, store: w.disk.Share(w.elapsed), matcher: matching.New(matching.Config{PollsPerListMax: 1000}), paused: make(chan struct{})}
	close(h.paused)
	h.life, h.kill = context.WithCancel(w.t.Context())
	h.Cluster = New(Config{
		Name: name, Shards: simShards, Matcher: h.matcher, Within: context.WithTimeout, Log: w.log,
		ListOf:      func(list string) uint16 { return w.hash.Shard(simShards, "list", list) },
		Undelivered: func(id int64) any { return &tasks.Undelivered{ScheduledEventID: id} },
	})
	var err error
	h.node, err = shard.OpenNode(w.t.Context(), shard.Config{
		Store: h.store, Shards: simShards, Hash: &w.hash, Offers: h.Cluster, Far: h.Cluster, Log: w.log, CachedStates: 100,
		Rules: map[engine.Kind]engine.Rules{jobKind: rules{jobKind}, tallyKind: rules{tallyKind}}, ReadersMax: 4, Committers: 1,
	}, w)
	if err != nil {
		w.t.Fatal(err)
	}
	h.SetNode(h.node)
	w.mu.Lock()
	w.houses[name] = h
	w.mu.Unlock()
	h.over.Go(h.keep)
	h.over.Go(h.alarm)
	return h
}

func (h *house) alarm() {
	for h.life.Err() == nil {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-h.node.WakeMoved():
		case <-h.life.Done():
		}
		h.node.Advance()
	}
}

// keep is the membership, as the server has it.
func (h *house) keep() {
	members := h.store.Members()
	joined, lost, renewed := false, false, time.Time{}
	for h.life.Err() == nil {
		h.mu().Lock()
		paused, leaving := h.paused, h.leaving
		h.mu().Unlock()
		<-paused
		if !joined {
			id, err := members.Join(h.life, store.Member{Name: h.name})
			if err == nil {
				joined, lost, renewed = true, false, time.Now()
				h.mu().Lock()
				h.member = id
				h.world.joined[id] = h
				h.mu().Unlock()
				h.Joined(id, network{h, id})
			}
		}
		if joined && (leaving || time.Since(renewed) >= time.Second) {
			switch err := members.Renew(h.life, leaving); {
			case errors.Is(err, store.ErrNotMember):
				joined = false
				h.Lost()
				h.unlink(true)
				continue
			case err == nil:
				renewed = time.Now()
				lost = false
			}
		}
		if joined && !lost && h.store.Current() != nil {
			lost = true
			h.Lost()
		}
		if joined && !lost {
			if seen, err := members.Look(h.life); err == nil {
				h.Looked(seen)
			}
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-h.life.Done():
		}
	}
}

func (h *house) mu() *sync.Mutex { return &h.world.mu }

// unlink ends the links of a member, and waits until it has heard so.
func (h *house) unlink(wait bool) {
	h.mu().Lock()
	member := h.member
	delete(h.world.joined, member)
	var ended []*session
	for _, s := range h.world.links {
		if slices.Contains(s.ends[:], member) {
			ended = append(ended, s)
			h.world.end(s)
		}
	}
	h.mu().Unlock()
	for _, s := range ended {
		if wait {
			s.down.Wait()
		}
	}
}

// end ends a session. The world's mutex is held.
func (w *world) end(s *session) {
	if w.links[s.ends] == s {
		delete(w.links, s.ends)
		close(s.ended)
	}
}

// network is the Links of a member.
type network struct {
	*house
	member string
}

var lines sync.Map // *session and direction -> *line

type line struct {
	mu    sync.Mutex
	queue []any
	came  chan struct{}
}

type lineKey struct {
	*session
	to string
}

func pair(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

func (n network) Send(to string, frame any) error {
	n.world.mu.Lock()
	s := n.world.links[pair(n.member, to)]
	n.world.mu.Unlock()
	if s == nil {
		return nil
	}
	found, _ := lines.Load(lineKey{s, to})
	l := found.(*line)
	l.mu.Lock()
	l.queue = append(l.queue, frame)
	l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
	return nil
}

func (n network) Peers(members []store.Member) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	for _, m := range members {
		other := n.world.joined[m.ID]
		ends := pair(n.member, m.ID)
		if other == nil || n.world.links[ends] != nil || n.world.joined[n.member] != n.house {
			continue
		}
		s := &session{ends: ends, ended: make(chan struct{})}
		n.world.links[ends] = s
		for _, end := range []struct {
			at   *house
			from string
			to   string
		}{{n.house, m.ID, n.member}, {other, n.member, m.ID}} {
			l := &line{came: make(chan struct{}, 1)}
			lines.Store(lineKey{s, end.to}, l)
			s.down.Add(1)
			go end.at.hear(s, l, end.from, end.to)
		}
	}
}

// hear has a house hear what comes over a link.
func (h *house) hear(s *session, l *line, from, to string) {
	defer lines.Delete(lineKey{s, to})
	defer s.down.Done()
	pause := func() { time.Sleep(time.Duration(h.random(3000)) * time.Microsecond) }
	pause()
	h.Up(from)
	defer h.Down(from)
	for {
		select {
		case <-l.came:
		case <-s.ended:
			pause()
			return
		}
		pause()
		h.mu().Lock()
		paused := h.paused
		h.mu().Unlock()
		select {
		case <-paused:
		case <-s.ended:
			return
		}
		l.mu.Lock()
		queue := l.queue
		l.queue = nil
		l.mu.Unlock()
		for _, f := range queue {
			h.Frame(from, f)
		}
	}
}

// die ends a life as kill -9 does: what it had not committed is lost, and nobody is told.
func (h *house) die() {
	h.mu().Lock()
	delete(h.houses, h.name)
	h.mu().Unlock()
	_ = h.store.Close()
	h.kill()
	h.unlink(false)
	h.over.Wait()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.node.Stop(gone)
	h.Stop()
}

// leave ends a life as SIGTERM does.
func (h *house) leave() {
	h.mu().Lock()
	delete(h.houses, h.name)
	h.leaving = true
	h.mu().Unlock()
	h.Leave()
	for end := time.Now().Add(10 * time.Second); !h.Left() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if !h.Left() {
		h.t.Errorf("node %s still has shards after 10 s", h.name)
	}
	h.Drain()
	h.kill()
	h.over.Wait()
	h.Lost()
	h.unlink(true)
	h.Stop()
	_ = h.store.Members().Leave(context.Background())
	_ = h.node.Stop(context.Background())
	_ = h.store.Close()
}

// any gives a house that lives; nil: there is none.
func (w *world) any() *house {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for name := range w.houses {
		all = append(all, name)
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return w.houses[all[w.random(len(all))]]
}

// do gives a command to some house, until one answers.
func (w *world) do(ctx context.Context, cmd engine.Command) (any, error) {
	for ctx.Err() == nil {
		if h := w.any(); h != nil {
			within, cancel := context.WithTimeout(ctx, 8*time.Second)
			reply, err := h.Do(within, cmd)
			over := within.Err() != nil
			cancel()
			failed := over || h.life.Err() != nil || errors.Is(err, engine.ErrUnavailable) || errors.Is(err, errNobody) || errors.Is(err, context.Canceled) || errors.Is(err, store.ErrClosed)
			if !failed {
				return reply, err
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, ctx.Err()
}

// TestWorlds simulates nodes that are killed, paused, stopped and cut off from each other,
// while jobs begin and workers take their tasks by any node. In the end every job is done,
// each tally was told of each of its jobs once, and no task waited for a timeout, since there
// are none.
func TestWorlds(t *testing.T) {
	for i := range *seeds {
		seed := *seed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

const (
	simJobs    = 400
	simLists   = 3
	simTallies = 5
)

func simulate(t *testing.T, seed uint64) {
	w := newWorld(t, seed)
	for _, name := range []string{"a", "b", "c"} {
		w.open(name)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers, starters, events sync.WaitGroup
	for range 9 {
		workers.Go(func() { w.work(ctx) })
	}
	for s := range 4 {
		starters.Go(func() {
			for n := s; n < simJobs; n += 4 {
				name := nameOf(jobKind, fmt.Sprint("job", n))
				cmd := engine.Command{
					Name: name, Begin: engine.Always, Seed: engine.NameSeed(name),
					Body: &beginJob{List: fmt.Sprint("list", n%simLists), Tally: fmt.Sprint("tally", n%simTallies)},
				}
				_, err := w.do(ctx, cmd)
				if _, exists := errors.AsType[*engine.AlreadyOpenError](err); exists {
					err = nil
				}
				if _, exists := errors.AsType[*engine.RunExistsError](err); exists { // and is done
					err = nil
				}
				if err != nil {
					t.Errorf("begin job %d: %v", n, err)
				}
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
	deadline, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	told := -1
	for told != simJobs && deadline.Err() == nil {
		time.Sleep(time.Second)
		told = 0
		for n := range simTallies {
			reply, err := w.do(deadline, engine.Command{Name: nameOf(tallyKind, fmt.Sprint("tally", n)), Body: readTally{}})
			if _, absent := errors.AsType[*engine.UnknownRunError](err); absent {
				continue
			}
			if err != nil {
				t.Error(err)
				break
			}
			told += reply.(int)
		}
	}
	if told != simJobs {
		t.Errorf("%d of %d jobs are done", told, simJobs)
	}
	stop()
	workers.Wait()
	for _, name := range []string{"a", "b", "c"} {
		if h := w.houses[name]; h != nil {
			h.die()
		}
	}
	time.Sleep(time.Minute) // what hears that links have ended
}

// work takes tasks of a list from any node, and does them.
func (w *world) work(ctx context.Context) {
	for ctx.Err() == nil {
		h := w.any()
		if h == nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		hold, cancel := context.WithTimeout(ctx, 5*time.Second)
		stopHold := context.AfterFunc(h.life, cancel)
		claim, err := h.Poll(hold, fmt.Sprint("list", w.random(simLists)), matching.Poller{})
		for err == nil && claim != nil {
			var attempt any
			attempt, err = h.Do(h.life, engine.Command{Run: claim.Run, Body: &startTask{claim.ID}})
			if err == nil && h.life.Err() == nil {
				claim.Accept()
				h.Cast(engine.Command{Run: claim.Run, Body: &tasks.Delivered{ScheduledEventID: claim.ID, Attempt: attempt.(int64)}, Patient: true})
				_, err := w.do(ctx, engine.Command{Run: claim.Run, Body: &completeJob{}})
				if err != nil && !engine.IsGone(err) && ctx.Err() == nil {
					w.t.Errorf("complete job %s: %v", claim.Run, err)
				}
				break
			}
			if engine.IsGone(err) {
				claim, err = h.Refuse(hold, claim), nil
				continue
			}
			claim.Return()
		}
		stopHold()
		cancel()
		if err != nil {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// befall has things befall the houses, until all jobs have begun.
func (w *world) befall(begun chan struct{}) {
	for {
		select {
		case <-begun:
			return
		case <-time.After(time.Duration(1000+w.random(4000)) * time.Millisecond):
		}
		h := w.any()
		switch w.random(4) {
		case 0:
			h.die()
			time.Sleep(time.Duration(w.random(6000)) * time.Millisecond)
			w.open(h.name)
		case 1:
			h.leave()
			time.Sleep(time.Duration(w.random(2000)) * time.Millisecond)
			w.open(h.name)
		case 2: // paused, as far as others hear of it: what it still does is fenced
			resume := make(chan struct{})
			w.mu.Lock()
			h.paused = resume
			for _, s := range w.links {
				if slices.Contains(s.ends[:], h.member) {
					w.end(s)
				}
			}
			w.mu.Unlock()
			time.Sleep(time.Duration(500+w.random(7000)) * time.Millisecond)
			close(resume)
		case 3: // a link breaks
			w.mu.Lock()
			for _, s := range w.links {
				if slices.Contains(s.ends[:], h.member) {
					w.end(s)
					break
				}
			}
			w.mu.Unlock()
		}
	}
}
