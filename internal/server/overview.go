package server

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/operator"
	"heddle/internal/service"
	"heddle/internal/store/pebblestore"
)

// overview is what the server knows of its own doings: a service.Overview.
type overview struct{ *Server }

// TaskLists implements service.Overview.
func (o overview) TaskLists(prefix, after string, n int) ([]matching.Listed, bool) {
	if o.cluster != nil {
		return o.allLists(prefix, after, n)
	}
	return o.matcher.Lists(prefix, after, n)
}

// TaskList implements service.Overview.
func (o overview) TaskList(full string, tasks int) matching.View {
	if o.cluster != nil {
		return o.listWhereItIs(full, tasks)
	}
	return o.matcher.Look(full, tasks)
}

// IdentitySeen implements service.Overview.
func (o overview) IdentitySeen(account, identity string) (engine.Time, bool) {
	if o.cluster != nil {
		return o.seenAnywhere(account, identity)
	}
	return o.matcher.IdentitySeen(account, identity)
}

// Refusals implements service.Overview.
func (o overview) Refusals(account string) []service.Refusal {
	if o.cluster != nil {
		return o.allRefusals(account)
	}
	return o.refused.of(account)
}

// rooms of a disk, as operators read them.
var roomNames = map[pebblestore.Room]string{pebblestore.Enough: "enough", pebblestore.Low: "low", pebblestore.Full: "full"}

// Up implements service.Overview.
func (o overview) Up() engine.Time { return o.up }

// Status implements service.Overview.
func (o overview) Status() service.Status {
	status := o.own()
	if o.cluster != nil {
		o.members(&status)
	}
	if o.postgres != nil {
		status.Standbys, status.Homes = o.standbys(), o.database.homesShown()
	}
	return status
}

// own is how this server is, without its cluster.
func (o overview) own() service.Status {
	totals := o.matcher.Totals()
	totals.Polls = o.tasks.polls.Taken() // without the server's own
	build := o.cfg.build()
	return service.Status{
		Version: build["version"], Revision: strings.TrimPrefix(build["revision"], "unknown"),
		Account: o.cfg.Account, Began: o.began, Store: o.cfg.Store, Shards: int(o.shards), Totals: totals,
		Requests: o.requests.Taken(), DiskRoom: roomNames[o.room()], CommitP99: o.commits.p99(), AuditFails: o.auditor != nil && o.auditor.fails(), Open: o.openExecutions(),
	}
}

// commits remembers how long the last commits took that wrote something.
type commits struct {
	mu   sync.Mutex
	last [1000]time.Duration
	n    int
}

func (c *commits) done(b *engine.BatchDone) {
	if b.Ops == 0 {
		return
	}
	c.mu.Lock()
	c.last[c.n%len(c.last)] = b.Commit
	c.n++
	c.mu.Unlock()
}

// count is how many batches have become durable.
func (c *commits) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// p99 is what one in a hundred exceeds; zero: there were none.
func (c *commits) p99() time.Duration {
	c.mu.Lock()
	all := slices.Clone(c.last[:min(c.n, len(c.last))])
	c.mu.Unlock()
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)*99+99)/100-1]
}

const (
	// starvedEvery is how often it is looked for lists that nobody polls.
	starvedEvery = 5 * time.Second
	// starvedQuiet is how long a list is not told again. In that time at most starvedMax are
	// told; the rest is counted.
	starvedQuiet = engine.Time(60 * 60 * 1000)
	starvedMax   = 100
)

// runStarved tells the operator of lists on which tasks wait and that nobody polls.
func (s *Server) runStarved(ctx context.Context) {
	ticker := time.NewTicker(starvedEvery)
	defer ticker.Stop()
	var told starved
	for {
		select {
		case <-ticker.C:
			s.matcher.ForgetOld()
			told.look(s)
		case <-ctx.Done():
			return
		}
	}
}

// starved are lists of which it was told that nobody polls them.
type starved struct {
	told   map[string]engine.Time // when, by full name
	others int                    // that were not told, since the last line about them
	since  engine.Time
}

func (t *starved) look(s *Server) {
	now := s.clock.Now()
	for name, at := range t.told {
		if now >= at+starvedQuiet {
			delete(t.told, name)
		}
	}
	if t.others > 0 && now >= t.since+starvedQuiet {
		s.cfg.Log.Warn("tasks wait on further task lists that nobody polls; heddle lists shows them", "times", t.others)
		t.others, t.since = 0, now
	}
	for _, l := range s.matcher.Starved(starvedMax) {
		if _, was := t.told[l.List]; was {
			continue
		}
		if len(t.told) >= starvedMax {
			if t.others == 0 && t.since == 0 {
				t.since = now
			}
			t.others++
			continue
		}
		for _, by := range s.inspectors {
			if of, ok := by.ListOf(l.List); ok {
				if t.told == nil {
					t.told = map[string]engine.Time{}
				}
				t.told[l.List] = now
				text, args := operator.Starved(overview{s}, by, of, &l, now)
				s.cfg.Log.Warn(text, args...)
			}
		}
	}
}
