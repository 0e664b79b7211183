// Package matching pairs polls that wait for work with tasks that were offered.
//
// All of it is soft: what is owed to workers stands in the records of the runs,
// and shards offer it again after a restart. A task list exists only while it
// has offers or polls.
//
// A pairing is a claim. It says that this poll may now try to start that task;
// only the run that owns the task can say whether it still may be started:
//
//	claim, err := matcher.Poll(ctx, list, who)
//	for claim != nil {
//		if !connectionLives() { claim.Return(); break }   // somebody else gets it
//		switch start(claim.Run, claim.ID) {
//		case started: claim.Accept(); return task
//		case refused: claim = m.Refuse(ctx, claim)        // waits on, first in line
//		}
//	}
//
// What holds, whatever the order of calls:
//   - An offer is held by at most one claim at a time, and a poll holds at most
//     one claim.
//   - An offer leaves by Accept, Refuse, Withdraw or Forget, and by nothing else.
//     Once withdrawn it does not come back, though a claim on it be returned
//     later; offered again, it is a new offer, which the old claim can't touch.
//   - On one list an offer and a poll never wait at the same time.
//   - Offers go by priority (high first), then age, then run and id. Polls go
//     in the order in which they came; a refused poll keeps its place.
//   - With a Config.Near, a poll from where a task is may be served before others, and a task that is where
//     the poll is from before others of its priority that are hardly older.
//   - A claimed poll is not emptied by its deadline: it holds its claim until
//     its caller knows whether the task was started.
//
// The package has no clock and no goroutine: deadlines come in by contexts, the present by
// Config.Now.
package matching

import (
	"container/list"
	"context"
	"errors"
	"hash/maphash"
	"sync"

	"heddle/internal/engine"
)

// ErrTooManyPolls says that a list has as many polls as it may have.
var ErrTooManyPolls = errors.New("too many polls on one task list")

// ErrCutOff says that this server does not reach the one that has a list, while others may.
var ErrCutOff = errors.New("this server is cut off from the one that has the task list; another one may be asked")

// Config sets the limits of a Matcher.
type Config struct {
	// PollsPerListMax bounds the polls of one list, waiting and claimed ones
	// together.
	PollsPerListMax int
	// Now is the present; nil: it is always 0, and nobody is forgotten for his age.
	Now func() engine.Time
	// Near tells whether the run of a task is where a poll is from, so that it costs less to start; "": whether it is
	// here. It is called with locks held, and calls nothing of the Matcher. Nil: all are the same.
	Near func(run engine.RunID, home string) bool
	// Listener may be nil, as may each of its functions.
	Listener *Listener
}

// stripeCount is how many locks share the lists. Polls and offers of different
// lists rarely meet on one.
const stripeCount = 64

// Matcher holds the task lists of a node. It may be used from any goroutine.
type Matcher struct {
	pollsPerListMax int
	seed            maphash.Seed
	memory          *memory
	stripes         [stripeCount]stripe
}

// stripe is a share of the lists under one lock.
type stripe struct {
	listener *Listener // set once; called without mu
	now      func() engine.Time
	near     func(engine.RunID, string) bool
	memory   *memory

	mu       sync.Mutex // guards the fields below, the lists, and their offers, polls and claims
	lists    map[string]*taskList
	tickets  uint64 // the last ticket given to a poll
	pairings uint64 // claims ever made
	drained  bool
	unpolled list.List // of *taskList with tasks that nobody polled for, by dueAt
}

// New makes a Matcher with no lists.
func New(c Config) *Matcher {
	if c.Listener == nil {
		c.Listener = new(Listener)
	}
	if c.Now == nil {
		c.Now = func() engine.Time { return 0 }
	}
	m := &Matcher{pollsPerListMax: c.PollsPerListMax, seed: maphash.MakeSeed(), memory: newMemory()}
	for i := range m.stripes {
		s := &m.stripes[i]
		s.lists, s.listener, s.now, s.near, s.memory = map[string]*taskList{}, c.Listener, c.Now, c.Near, m.memory
	}
	return m
}

func (m *Matcher) stripe(list string) *stripe {
	return &m.stripes[maphash.String(m.seed, list)%stripeCount]
}

// list finds a list, or makes an empty one. A list that stays empty must be
// dropped, by dropIfEmpty.
func (s *stripe) list(name string) *taskList {
	l := s.lists[name]
	if l == nil {
		l = &taskList{stripe: s, name: name, offers: map[task]*offer{}, counts: map[int32]int{}}
		s.lists[name] = l
		s.memory.name(name, true)
	}
	return l
}

// Offer puts a run's task on its list, or changes the task that is there. A
// task that is Held waits for nobody, so it is withdrawn.
func (m *Matcher) Offer(run engine.RunID, o engine.Offer) {
	if o.Held {
		m.Withdraw(o.List, run, o.ID)
		return
	}
	s := m.stripe(o.List)
	now := s.now()
	s.mu.Lock()
	l := s.list(o.List)
	isNew := l.put(task{run, o.ID}, o.Priority, o.At)
	if isNew {
		l.in.count(now)
	}
	p, paired := l.pair(true, now)
	l.watch(now)
	s.mu.Unlock()
	if isNew {
		s.listener.offered(Task{o.List, run, o.ID, o.Priority, o.At})
	}
	if paired {
		s.listener.paired(p)
	}
}

// Withdraw takes a task from its list, because it was started, closed, timed
// out or is offered elsewhere. Its claim, if there is one, goes on to be
// refused by the run.
func (m *Matcher) Withdraw(list string, run engine.RunID, id int64) {
	s := m.stripe(list)
	s.mu.Lock()
	gone := 0
	if l := s.lists[list]; l != nil {
		if o := l.offers[task{run, id}]; o != nil {
			l.remove(o)
			l.dropIfEmpty()
			gone = 1
		}
	}
	s.mu.Unlock()
	s.listener.withdrawn(list, gone)
}

// Taken is Withdraw of a task that a poll has elsewhere, which counts as if it had had it from here. If another one has claimed
// it, the run decides between them.
func (m *Matcher) Taken(list string, run engine.RunID, id int64, who Poller) {
	defer m.forget(who.Account)
	s := m.stripe(list)
	now := s.now()
	s.mu.Lock()
	l := s.lists[list]
	var o *offer
	if l != nil {
		o = l.offers[task{run, id}]
	}
	if o == nil || o.place == nowhere {
		s.mu.Unlock()
		m.Withdraw(list, run, id)
		return
	}
	t := l.taken(o, who, now)
	l.remove(o)
	l.watch(now)
	l.dropIfEmpty()
	s.mu.Unlock()
	s.listener.pollBegan(list)
	s.listener.paired(Pairing{t, false})
	tell(s.listener.Accepted, list, false)
}

// WithdrawLists takes away all offers of some lists, claimed ones too: they are elsewhere
// from now on.
func (m *Matcher) WithdrawLists(leaves func(list string) bool) {
	for i := range m.stripes {
		s := &m.stripes[i]
		gone := map[string]int{}
		s.mu.Lock()
		for _, l := range s.lists {
			if len(l.offers) == 0 || !leaves(l.name) {
				continue
			}
			for _, o := range l.offers {
				l.remove(o)
				gone[l.name]++
			}
			l.dropIfEmpty()
		}
		s.mu.Unlock()
		for list, tasks := range gone {
			s.listener.withdrawn(list, tasks)
		}
	}
}

// WithdrawShard takes away all offers of the runs of one shard, claimed ones too:
// the shard has a new owner, which offers anew what is owed.
func (m *Matcher) WithdrawShard(shard uint16) {
	for i := range m.stripes {
		s := &m.stripes[i]
		gone := map[string]int{}
		s.mu.Lock()
		for _, l := range s.lists {
			for t, o := range l.offers {
				if t.run.Shard() == shard {
					l.remove(o)
					gone[l.name]++
				}
			}
			l.dropIfEmpty()
		}
		s.mu.Unlock()
		for list, tasks := range gone {
			s.listener.withdrawn(list, tasks)
		}
	}
}

// Poll waits until a task of the list is claimed for it, or until ctx is done
// or the matcher is drained; then the claim is nil. A poll whose context was
// canceled (and did not merely reach its deadline) never holds a claim. Who polls is
// remembered, and counts for the list's limit, unless it is the zero Poller: the server itself, on lists that nobody else
// polls. Each of several servers does. If the context is canceled for a *Served, the poll counts as one that
// had that task. Errors: ErrTooManyPolls.
func (m *Matcher) Poll(ctx context.Context, list string, who Poller) (*Claim, error) {
	return m.PollFrom(ctx, "", list, who)
}

// PollFrom is Poll from somewhere else; see Config.Near.
func (m *Matcher) PollFrom(ctx context.Context, home, list string, who Poller) (*Claim, error) {
	defer m.forget(who.Account)
	s := m.stripe(list)
	s.mu.Lock()
	if l := s.lists[list]; l != nil && !s.drained && who != (Poller{}) && l.polls.Len()+l.claims >= m.pollsPerListMax {
		s.mu.Unlock()
		return nil, ErrTooManyPolls
	}
	s.tickets++
	return s.wait(ctx, list, s.tickets, who, home, nil), nil
}

// Refuse ends a claim, because the run would not start the task: it is no longer
// there. The poll waits on at its old place, as Poll does; the list's limit does
// not count for it.
func (m *Matcher) Refuse(ctx context.Context, c *Claim) *Claim {
	s := c.list.stripe
	s.mu.Lock()
	if c.ended {
		s.mu.Unlock()
		panic("matching: a claim was refused after its end")
	}
	gone := c.consume()
	var told func()
	if refused := s.listener.Refused; refused != nil {
		told = func() { refused(c.list.name, gone) }
	}
	return s.wait(ctx, c.list.name, c.ticket, c.who, c.home, told)
}

// wait enters a poll into its list and waits for its claim. It unlocks the stripe,
// which its caller has locked, and then calls a function that may be nil.
func (s *stripe) wait(ctx context.Context, list string, ticket uint64, who Poller, home string, unlocked func()) *Claim {
	if s.drained || ctx.Err() != nil {
		s.mu.Unlock()
		if unlocked != nil {
			unlocked()
		}
		return nil
	}
	l, now := s.list(list), s.now()
	p := l.enter(ticket)
	p.home = home
	l.polled(p, who, now)
	pairing, paired := l.pair(false, now)
	l.watch(now)
	s.mu.Unlock()
	if unlocked != nil {
		unlocked()
	}
	s.listener.pollBegan(list)
	if paired {
		s.listener.paired(pairing)
	}

	var c *Claim
	select {
	case c = <-p.answer:
	case <-ctx.Done():
		now := s.now()
		task, wasServed := errors.AsType[*Served](context.Cause(ctx))
		s.mu.Lock()
		if p.place != nil {
			l.leave(p, now)
			if wasServed {
				l.servedElsewhere(p, task, now)
			}
			l.dropIfEmpty()
			s.mu.Unlock()
			if wasServed {
				s.listener.served(list, task)
				return nil
			}
			why := PollOver
			if ctx.Err() == context.Canceled {
				why = PollGone
			}
			s.listener.pollEnded(list, 1, why)
			return nil
		}
		s.mu.Unlock()
		c = <-p.answer
	}
	if c != nil && ctx.Err() == context.Canceled {
		c.Return()
		return nil
	}
	return c
}

// Drain ends all waiting polls with no task, and every later one at once.
// Claims that were made go on.
func (m *Matcher) Drain() {
	for i := range m.stripes {
		s := &m.stripes[i]
		ended, now := map[string]int{}, s.now()
		s.mu.Lock()
		s.drained = true
		for _, l := range s.lists {
			for p := l.first(); p != nil; p = l.first() {
				l.leave(p, now)
				p.answer <- nil
				ended[l.name]++
			}
			l.dropIfEmpty()
		}
		s.mu.Unlock()
		for list, polls := range ended {
			s.listener.pollEnded(list, polls, PollsDrained)
		}
	}
}

// Backlog counts the tasks of a list that are not yet started: a claimed one
// counts until its claim is accepted or the run withdraws it.
func (m *Matcher) Backlog(list string) int {
	s := m.stripe(list)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lists[list]; l != nil {
		return len(l.offers)
	}
	return 0
}

// Totals counts what a Matcher holds.
type Totals struct {
	Lists  int // with tasks, polls or claims
	Polls  int // waiting
	Offers int // waiting
	Claims int // in progress
	// Pairings is how many claims were ever made. Two looks that find the same
	// number, and no claim, saw a matcher that did nothing in between.
	Pairings uint64
}

// Totals counts lists, polls, offers and claims.
func (m *Matcher) Totals() Totals {
	var t Totals
	for i := range m.stripes {
		s := &m.stripes[i]
		s.mu.Lock()
		t.Pairings += s.pairings
		for _, l := range s.lists {
			if !l.empty() {
				t.Lists++
			}
			t.Polls += l.polls.Len()
			t.Offers += len(l.waiting)
			t.Claims += l.claims
		}
		s.mu.Unlock()
	}
	return t
}
