package matching

import (
	"cmp"
	"slices"
	"strings"

	"heddle/internal/engine"
)

// Listed is what people see of one list.
type Listed struct {
	List    string
	Polls   int // waiting
	Claims  int // in progress
	Backlog int // as Backlog counts it
	// Oldest is when the oldest task of the backlog was scheduled; zero: none.
	Oldest engine.Time
	// Polled is when a poll last began or ended, of pollers that are remembered; zero:
	// nobody knows of one.
	Polled engine.Time
	// In and Out are how many tasks were offered and started in the last minute.
	In, Out int
}

// View is a list in detail.
type View struct {
	Listed
	Priorities []Priority // high first, at most prioritiesShown
	Pollers    []Polled   // waiting ones first, then those seen last
	Oldest     []Task     // of the backlog
}

// Priority is how much of a backlog has a priority.
type Priority struct {
	Priority int32
	Tasks    int
}

// Polled is who polls a list, or did.
type Polled struct {
	Poller
	Waiting int         // polls
	Last    engine.Time // when one last began or ended
	// Task is the last one that it was given; TaskAt is when, zero: it was given none.
	Task   Task
	TaskAt engine.Time
}

// prioritiesShown is how many priorities of a list a View has: users may give each task
// its own.
const prioritiesShown = 20

// Lists shows lists in order of name, at most n: those that begin with a prefix and come
// after a name. More tells whether there are others behind them. No task is looked at but
// the oldest of each.
func (m *Matcher) Lists(prefix, after string, n int) (page []Listed, more bool) {
	for {
		names := m.memory.page(prefix, after, n+1-len(page))
		if len(names) == 0 {
			return page, false
		}
		for _, name := range names {
			after = name
			s := m.stripe(name)
			now := s.now()
			s.mu.Lock()
			if l := s.lists[name]; l != nil && !l.forgotten(now) {
				page = append(page, l.listed(now))
			}
			s.mu.Unlock()
		}
		if len(page) > n {
			return page[:n], true
		}
	}
}

// Oldest shows at most n lists: those with the oldest tasks, and if there are fewer those that
// were polled last. It looks at all lists, and so is for who asks now and then.
func (m *Matcher) Oldest(n int) []Listed {
	var found []Listed
	for i := range m.stripes {
		s := &m.stripes[i]
		now := s.now()
		s.mu.Lock()
		for _, l := range s.lists {
			if !l.forgotten(now) {
				found = append(found, l.listed(now))
			}
		}
		s.mu.Unlock()
		if len(found) > 2*n {
			found = firstOf(found, n)
		}
	}
	return firstOf(found, n)
}

// firstOf are at most n of some lists, as Oldest chooses them.
func firstOf(lists []Listed, n int) []Listed {
	slices.SortFunc(lists, func(a, b Listed) int {
		switch {
		case a.Oldest != 0 && b.Oldest != 0:
			return cmp.Or(cmp.Compare(a.Oldest, b.Oldest), cmp.Compare(a.List, b.List))
		case a.Oldest != b.Oldest:
			return cmp.Compare(b.Oldest, a.Oldest)
		}
		return cmp.Or(cmp.Compare(b.Polled, a.Polled), cmp.Compare(a.List, b.List))
	})
	return lists[:min(n, len(lists))]
}

// page gives names that begin with a prefix and come after one, at most n.
func (m *memory) page(prefix, after string, n int) (names []string) {
	m.namesMu.RLock()
	defer m.namesMu.RUnlock()
	m.names.Ascend(max(prefix, after), func(name string) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if after == "" || name != after {
			names = append(names, name)
		}
		return len(names) < n
	})
	return names
}

// forgotten tells whether a list is there only until somebody tidies up.
func (l *taskList) forgotten(now engine.Time) bool {
	return l.empty() && (l.seen == nil || l.seen.old(now))
}

func (l *taskList) listed(now engine.Time) Listed {
	shown := Listed{
		List: l.name, Polls: l.polls.Len(), Claims: l.claims, Backlog: len(l.offers),
		In: l.in.lately(now), Out: l.out.lately(now),
	}
	if len(l.ages) > 0 {
		shown.Oldest = l.ages[0].at
	}
	if l.seen != nil {
		shown.Polled = l.seen.last
	}
	return shown
}

// Look shows a list with its pollers and its oldest tasks; of a list that is not there, that
// it is empty.
func (m *Matcher) Look(list string, tasks int) View {
	s := m.stripe(list)
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[list]
	if l == nil || l.forgotten(now) {
		return View{Listed: Listed{List: list}}
	}
	v := View{Listed: l.listed(now)}
	for priority, n := range l.counts {
		v.Priorities = append(v.Priorities, Priority{priority, n})
	}
	slices.SortFunc(v.Priorities, func(a, b Priority) int { return cmp.Compare(b.Priority, a.Priority) })
	v.Priorities = v.Priorities[:min(len(v.Priorities), prioritiesShown)]
	for _, o := range l.ages.oldest(tasks) {
		v.Oldest = append(v.Oldest, Task{l.name, o.run, o.id, o.priority, o.at})
	}
	if l.seen == nil {
		return v
	}
	for _, p := range l.seen.pollers {
		v.Pollers = append(v.Pollers, Polled{p.who, p.waiting, p.last, p.task, p.taskAt})
	}
	slices.SortFunc(v.Pollers, func(a, b Polled) int {
		return cmp.Or(cmp.Compare(min(b.Waiting, 1), min(a.Waiting, 1)), cmp.Compare(b.Last, a.Last),
			cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Address, b.Address))
	})
	return v
}

// Ahead tells how many tasks of a backlog are before one of them at most: those of higher
// priorities, and those of its own, unless it is the oldest of all.
func (v *View) Ahead(priority int32, at engine.Time) int {
	n, others := 0, v.Backlog
	for _, p := range v.Priorities {
		others -= p.Tasks
		switch {
		case p.Priority > priority:
			n += p.Tasks
		case p.Priority == priority && at > v.Listed.Oldest:
			return n + p.Tasks - 1
		case p.Priority <= priority:
			return n
		}
	}
	return max(0, n+others-1) // its own is not shown
}

// IdentitySeen tells when somebody of an account who goes by a name last polled any list:
// now, if polls of his wait. Zero: nobody knows.
func (m *Matcher) IdentitySeen(of, name string) (last engine.Time, waits bool) {
	a := m.memory.of(of)
	a.mu.Lock()
	defer a.mu.Unlock()
	if id := a.identities[name]; id != nil {
		return id.last, id.waiting > 0
	}
	return 0, false
}

// starvedAfter is how long tasks wait on a list that nobody polls before it is told.
const starvedAfter = engine.Time(60 * 1000)

// watch makes sure that a list is looked at which has tasks and no polls.
func (l *taskList) watch(now engine.Time) {
	if l.due == nil && len(l.waiting) > 0 && l.polls.Len() == 0 {
		l.dueAt = now + starvedAfter
		l.due = l.stripe.unpolled.PushBack(l)
	}
}

func (l *taskList) unwatch() {
	if l.due != nil {
		l.stripe.unpolled.Remove(l.due)
		l.due = nil
	}
}

// Starved tells of lists on which tasks wait that nobody polls, and did for a minute; of
// each once a minute, and of at most n.
func (m *Matcher) Starved(n int) (starved []Listed) {
	for i := range m.stripes {
		s := &m.stripes[i]
		now := s.now()
		s.mu.Lock()
		for e := s.unpolled.Front(); e != nil && len(starved) < n; e = s.unpolled.Front() {
			l := e.Value.(*taskList)
			if l.dueAt > now {
				break
			}
			l.unwatch()
			if len(l.waiting) == 0 {
				continue // its tasks are claimed, and are watched if they come back
			}
			starved = append(starved, l.listed(now))
			l.watch(now)
		}
		s.mu.Unlock()
	}
	return starved
}

// rate counts what happens, by the minute.
type rate struct {
	minute       engine.Time // the present one
	this, before int         // counts of it and of the one before
}

const minute = engine.Time(60 * 1000)

func (r *rate) count(now engine.Time) {
	r.advance(now)
	r.this++
}

func (r *rate) advance(now engine.Time) {
	switch m := now / minute; {
	case m <= r.minute:
	case m == r.minute+1:
		r.minute, r.before, r.this = m, r.this, 0
	default:
		r.minute, r.before, r.this = m, 0, 0
	}
}

// lately is how often it was in the last 60 s, if it was as often in all parts of the
// minute before.
func (r *rate) lately(now engine.Time) int {
	r.advance(now)
	left := int64(minute - now%minute)
	return r.this + int((int64(r.before)*left+int64(minute)/2)/int64(minute))
}
