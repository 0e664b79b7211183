package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/homes"
	"heddle/internal/store/memstore"
)

// TestWorldsOfHomes simulates nodes whose store has two homes or three, each of which has outages of its
// own, beside all that befalls nodes. In the end each home fails alone: what needs only the others goes on,
// also by a node that starts meanwhile, and all is served again when it is back.
func TestWorldsOfHomes(t *testing.T) {
	for i := range max(2, *seeds/4) {
		seed := *seed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, 2+int(seed%2)) })
		})
	}
}

// TestWorldsOfHomesThatLose simulates a home that fails over to a standby which is behind: shards of that home
// alone lose steps, and are shut until the loss is accepted.
func TestWorldsOfHomesThatLose(t *testing.T) {
	var lost atomic.Int64
	for i := range max(4, *seeds/4) {
		seed := *seed + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lost.Add(int64(lose(t, seed, 2))) })
		})
	}
	if lost.Load() == 0 {
		t.Error("nothing was ever lost")
	}
}

// below is a home as its store has it.
type below = homes.Below

// shardsOfAll is what is known of shards, of all homes.
type shardsOfAll interface {
	Sequences() []uint64
	Heard([]uint64)
	Losses(context.Context) ([]store.Loss, error)
	AcceptLoss(context.Context, []store.Loss) error
}

// whole is a store of all homes.
func (w *world) whole(of func(home int) below) (store.Store, shardsOfAll) {
	if len(w.disks) == 1 {
		return of(0), of(0).Members()
	}
	var all []homes.Home
	for i := range w.disks {
		all = append(all, homes.Home{Name: fmt.Sprint("home", i), Open: func(context.Context, string) (below, error) { return of(i), nil }})
	}
	s, err := homes.Open(w.t.Context(), all, homes.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return s, s
}

// all is the store as it is, for who is no node.
func (w *world) all() (store.Store, shardsOfAll) {
	return w.whole(func(home int) below { return &looked{w.disks[home].Share(w.elapsed), home} })
}

// looked is a home that is only looked at.
type looked struct {
	*memstore.Store
	home int
}

func (l *looked) ID() string    { return fmt.Sprint("disk", l.home) }
func (l *looked) Silent() error { return nil }

// ID is part of homes.Below.
func (r *reach) ID() string { return fmt.Sprint("disk", r.home) }

// Silent is part of homes.Below: a member that could not renew itself in time takes the home to be away.
func (r *reach) Silent() error { return r.Store.Current(0) }

// anyHome is one of those that the house reaches.
func (h *house) anyHome() *reach {
	if len(h.homes) == 1 {
		return h.homes[0]
	}
	return h.homes[h.random(len(h.homes))]
}

// homeAway has a home fail, for all nodes that live; back ends it, for those that began meanwhile too.
func (w *world) homeAway(home int, refuses bool) (back func()) {
	var away []*reach
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.houses {
		h.homes[home].cut, h.homes[home].refuses = true, refuses
		away = append(away, h.homes[home])
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range away {
			r.cut, r.refuses = false, false
		}
	}
}

// nodeNow is the membership that makes the house a node; empty: there is none.
func (h *house) nodeNow() (id string, leaving bool) {
	h.mu().Lock()
	defer h.mu().Unlock()
	if h.joined {
		id = h.member
	}
	return id, h.leaving
}

// keepHome is the membership in another home than the first, as the server has it.
func (h *house) keepHome(home int) {
	below := h.homes[home]
	members := below.Members()
	as, lost, renewed := "", false, time.Time{}
	for h.runs() && h.stay.Err() == nil {
		node, leaving := h.nodeNow()
		if as != "" && as != node {
			as = ""
			h.LostHome(home)
		}
		if as == "" && node != "" {
			if _, err := members.Join(h.life, store.Member{ID: node, Name: h.name}); err == nil {
				h.JoinedHome(home)
				as, lost, renewed = node, false, time.Now()
			}
		}
		if as != "" && (leaving || time.Since(renewed) >= time.Second) {
			switch _, err := members.Renew(h.life, store.Renewal{Leaving: leaving, Hears: h.Hears()}); {
			case errors.Is(err, store.ErrNotMember):
				as = ""
				h.LostHome(home)
				continue
			case err == nil:
				renewed, lost = time.Now(), false
			}
		}
		if as != "" && !lost && below.Current(0) != nil {
			lost = true
			h.LostHome(home)
		}
		if as != "" && !lost {
			if seen, err := members.Look(h.life); err == nil {
				seen.Home = home
				for i := range seen.Members {
					seen.Members[i].ID, _, _ = strings.Cut(seen.Members[i].ID, "/")
				}
				for i := range seen.Owners {
					seen.Owners[i].Member, _, _ = strings.Cut(seen.Owners[i].Member, "/")
				}
				if node, _ := h.nodeNow(); node == as {
					h.Looked(seen)
				}
			}
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-h.stay.Done():
		}
	}
}

// serves tells whether the house serves a shard of a home.
func (h *house) serves(home int) bool {
	h.Cluster.mu.Lock()
	defer h.Cluster.mu.Unlock()
	for id := home; id < len(h.shards); id += len(h.homes) {
		if h.shards[id].state == owned {
			return true
		}
	}
	return false
}

const (
	// apartJobs are as many jobs as begin while a home is away.
	apartJobs = 12
	// givenUpWithin is how long after a home has failed all nodes know so, and servedWithin how long
	// after it is back all its shards are served.
	givenUpWithin = 6 * time.Second
	servedWithin  = 10 * time.Second
)

// eachAway has each home fail alone while nothing else befalls anybody.
func (w *world) eachAway(ctx context.Context) {
	for home := range w.disks {
		w.t.Logf("%8.3f home %d fails", w.elapsed().Seconds(), home)
		back := w.homeAway(home, w.random(2) == 0)
		time.Sleep(givenUpWithin)
		for name, h := range w.houses {
			if h.serves(home) {
				w.t.Errorf("home %d is away, and node %s serves shards of it", home, name)
			}
			if home != 0 && !h.Settled(home) {
				w.t.Errorf("home %d is away, and node %s does not reach the shards of others", home, name)
			}
		}
		if home != 0 {
			w.workApart(ctx, home)
			// One dies, and starts without the home.
			h := w.any()
			h.takeLife()
			h.die()
			next := w.open(h.name)
			w.mu.Lock()
			next.homes[home].cut = true
			w.mu.Unlock()
			time.Sleep(givenUpWithin)
			w.workApart(ctx, home)
			both := back
			back = func() {
				both()
				w.mu.Lock()
				defer w.mu.Unlock()
				next.homes[home].cut = false
			}
		}
		back()
		end := time.Now().Add(servedWithin)
		for name, h := range w.houses {
			for !h.Settled() && time.Now().Before(end) {
				time.Sleep(50 * time.Millisecond)
			}
			if !h.Settled() {
				w.t.Errorf("home %d is back for %v, and node %s does not reach all its shards", home, servedWithin, name)
			}
		}
	}
}

// workApart begins jobs that need other homes only, and waits until they are done.
func (w *world) workApart(ctx context.Context, away int) {
	elsewhere := func(name engine.Name) bool {
		return int(runlog.Route(&w.hash, simShards, name))%len(w.disks) != away
	}
	first, tally := simJobs+simLate+100*w.apart, ""
	for n := 0; tally == "" || !elsewhere(nameOf(tallyKind, tally)); n++ {
		tally = fmt.Sprint("apart", first, "-", n)
	}
	within, cancel := context.WithTimeout(ctx, lateWithin)
	defer cancel()
	begun := 0
	for n := first; begun < apartJobs; n++ {
		if elsewhere(nameOf(jobKind, fmt.Sprint("job", n))) {
			w.beginFor(within, n, tally)
			begun++
		}
	}
	w.apart += begun
	told := 0
	for ; told != begun && within.Err() == nil; time.Sleep(100 * time.Millisecond) {
		told = w.readOne(within, tally)
	}
	if told != begun {
		w.t.Errorf("%d of %d jobs that don't need home %d are done within %v", told, begun, away, lateWithin)
		w.dump()
	}
}
