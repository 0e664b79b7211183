package matching

import (
	"bytes"
	"cmp"
	"container/heap"
	"container/list"

	"heddle/internal/engine"
)

// taskList is one task list. Its stripe's lock guards it. It exists while it
// has offers, polls or claims, and while it is remembered who polled it.
type taskList struct {
	stripe  *stripe
	name    string
	offers  map[task]*offer // waiting and claimed
	waiting offerHeap
	ages    ageHeap       // all offers
	counts  map[int32]int // of offers, by priority
	polls   list.List     // of *poll, by ticket
	claims  int           // claims that have not ended

	in, out rate // tasks offered, and accepted
	seen    *seen
	due     *list.Element // in stripe.unpolled; nil: no task waits, or somebody polls
	dueAt   engine.Time
}

// task names an offer.
type task struct {
	run engine.RunID
	id  int64
}

// offer is a task that waits for a poll or is claimed by one.
type offer struct {
	task
	at       engine.Time
	place    int // in the heap; nowhere if claimed or gone
	agePlace int
	priority int32
	gone     bool
}

func (o *offer) rank() Rank { return Rank{o.priority, o.at} }

// nowhere is the place of an offer that doesn't wait.
const nowhere = -1

// poll is a caller that waits. Tickets rise with the time of the first wait, so
// a poll that comes back after a refusal stands before all that came later.
type poll struct {
	ticket uint64
	place  *list.Element // nil once answered
	answer chan *Claim   // takes one answer without blocking; nil: no task
	who    Poller
	home   string      // where it is from
	passed int         // how often one that came later was served before it
	seen   *pollerSeen // what is remembered of who; nil: nothing
}

// put adds an offer, which it tells, or changes the one with the same name.
func (l *taskList) put(t task, priority int32, at engine.Time) (isNew bool) {
	o := l.offers[t]
	if o == nil {
		o = &offer{task: t, priority: priority, at: at}
		l.offers[t] = o
		l.counts[priority]++
		heap.Push(&l.waiting, o)
		heap.Push(&l.ages, o)
		return true
	}
	l.uncount(o.priority)
	l.counts[priority]++
	o.priority, o.at = priority, at
	heap.Fix(&l.ages, o.agePlace)
	if o.place != nowhere {
		heap.Fix(&l.waiting, o.place)
	}
	return false
}

// remove takes an offer away for good.
func (l *taskList) remove(o *offer) {
	if o.place != nowhere {
		heap.Remove(&l.waiting, o.place)
	}
	heap.Remove(&l.ages, o.agePlace)
	l.uncount(o.priority)
	delete(l.offers, o.task)
	o.gone = true
}

func (l *taskList) uncount(priority int32) {
	if l.counts[priority]--; l.counts[priority] == 0 {
		delete(l.counts, priority)
	}
}

// enter adds a poll at the place of its ticket. New tickets are the highest, and
// old ones come back to the front, so neither walk is long.
func (l *taskList) enter(ticket uint64) *poll {
	p := &poll{ticket: ticket, answer: make(chan *Claim, 1)}
	if last := l.polls.Back(); last == nil || last.Value.(*poll).ticket < ticket {
		p.place = l.polls.PushBack(p)
		return p
	}
	e := l.polls.Front()
	for e.Value.(*poll).ticket < ticket {
		e = e.Next()
	}
	p.place = l.polls.InsertBefore(p, e)
	return p
}

// leave takes a poll out of the line.
func (l *taskList) leave(p *poll, now engine.Time) {
	l.polls.Remove(p.place)
	p.place = nil
	l.pollEnded(p, now)
}

// first is the poll that is served next, or nil.
func (l *taskList) first() *poll {
	if e := l.polls.Front(); e != nil {
		return e.Value.(*poll)
	}
	return nil
}

// pair makes a claim if an offer and a poll wait. There can't be more than one to
// make: one of them has just come, and before that nobody waited on its side or on the
// other. It gives what is to be told of it.
func (l *taskList) pair(pollWaited bool, now engine.Time) (made Pairing, ok bool) {
	if len(l.waiting) == 0 || l.polls.Len() == 0 {
		return Pairing{}, false
	}
	o, p := l.waiting[0], l.first()
	switch {
	case l.stripe.near == nil:
	case pollWaited:
		p = l.nearPoll(p, o)
	default:
		o = l.nearOffer(o, p)
	}
	heap.Remove(&l.waiting, o.place)
	l.leave(p, now)
	l.claims++
	l.stripe.pairings++
	made = Pairing{Task{l.name, o.run, o.id, o.priority, o.at}, pollWaited}
	if p.seen != nil {
		p.seen.task, p.seen.taskAt = made.Task, now
	}
	claim := &Claim{Run: o.run, ID: o.id, list: l, offer: o, ticket: p.ticket, who: p.who, home: p.home}
	if len(l.waiting) > 0 {
		claim.Next = new(l.waiting[0].rank())
	}
	p.answer <- claim
	return made, true
}

// What is near goes before what came first, if
const (
	nearLooks  = 15               // it is one of the first so many,
	nearPasses = 8                // the first poll was not passed over so often, and
	nearAges   = engine.Time(100) // the first task is not so much older.
)

// nearPoll is the poll that gets a task, in place of the first one: a task that is here goes to a poll that is. One
// from elsewhere has passed those that are where it is.
func (l *taskList) nearPoll(first *poll, o *offer) *poll {
	if first.passed == nearPasses || !l.stripe.near(o.run, "") {
		return first
	}
	for e, n := l.polls.Front(), 0; e != nil && n < nearLooks; e, n = e.Next(), n+1 {
		if p := e.Value.(*poll); p.home == "" {
			if p != first {
				first.passed++
			}
			return p
		}
	}
	return first
}

// servedElsewhere counts a poll that has a task from elsewhere.
func (l *taskList) servedElsewhere(p *poll, s *Served, now engine.Time) {
	l.in.count(now)
	l.out.count(now)
	if p.seen != nil {
		p.seen.task, p.seen.taskAt = Task(*s), now
		p.seen.task.List = l.name
	}
}

// taken counts a poll that has a task of this list without having waited here.
func (l *taskList) taken(o *offer, who Poller, now engine.Time) Task {
	t := Task{l.name, o.run, o.id, o.priority, o.at}
	p := &poll{}
	l.polled(p, who, now)
	l.pollEnded(p, now)
	l.out.count(now)
	if p.seen != nil {
		p.seen.task, p.seen.taskAt = t, now
	}
	return t
}

// nearOffer is the task that a poll gets, in place of the first one. Those at the front of the heap are among the
// first, if not in order.
func (l *taskList) nearOffer(first *offer, p *poll) *offer {
	for _, o := range l.waiting[:min(nearLooks, len(l.waiting))] {
		if o.rank().IsHardlyAfter(first.rank()) && l.stripe.near(o.run, p.home) {
			return o
		}
	}
	return first
}

// empty tells whether a list holds nothing.
func (l *taskList) empty() bool { return len(l.offers) == 0 && l.polls.Len() == 0 && l.claims == 0 }

// dropIfEmpty forgets a list that holds nothing, unless it is remembered who polled it.
func (l *taskList) dropIfEmpty() {
	if len(l.offers) == 0 {
		l.unwatch()
	}
	if l.empty() && l.seen == nil && l.stripe.lists[l.name] == l {
		delete(l.stripe.lists, l.name)
		l.stripe.memory.name(l.name, false)
	}
}

// offerHeap orders the offers that wait; it is a container/heap.
type offerHeap []*offer

func (h offerHeap) Len() int { return len(h) }

func (h offerHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(
		-cmp.Compare(a.priority, b.priority),
		cmp.Compare(a.at, b.at),
		bytes.Compare(a.run[:], b.run[:]),
		cmp.Compare(a.id, b.id),
	) < 0
}

func (h offerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *offerHeap) Push(x any) {
	o := x.(*offer)
	o.place = len(*h)
	*h = append(*h, o)
}

func (h *offerHeap) Pop() any {
	last := len(*h) - 1
	o := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	o.place = nowhere
	return o
}

// ageHeap orders all offers of a list, the oldest first; it is a container/heap.
type ageHeap []*offer

func (h ageHeap) Len() int { return len(h) }

func (h ageHeap) Less(i, j int) bool { return older(h[i], h[j]) }

func older(a, b *offer) bool {
	return cmp.Or(cmp.Compare(a.at, b.at), bytes.Compare(a.run[:], b.run[:]), cmp.Compare(a.id, b.id)) < 0
}

func (h ageHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].agePlace, h[j].agePlace = i, j
}

func (h *ageHeap) Push(x any) {
	o := x.(*offer)
	o.agePlace = len(*h)
	*h = append(*h, o)
}

func (h *ageHeap) Pop() any {
	last := len(*h) - 1
	o := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return o
}

// oldest gives the n oldest offers, in order, without a look at the others: of a heap, what
// comes next is a child of what was taken.
func (h ageHeap) oldest(n int) []*offer {
	var taken []*offer
	next := make([]int, 0, n+1) // places, of which the oldest is taken next
	if len(h) > 0 {
		next = append(next, 0)
	}
	for len(next) > 0 && len(taken) < n {
		at := 0
		for i := range next {
			if older(h[next[i]], h[next[at]]) {
				at = i
			}
		}
		place := next[at]
		next[at] = next[len(next)-1]
		next = next[:len(next)-1]
		taken = append(taken, h[place])
		for child := 2*place + 1; child <= 2*place+2 && child < len(h); child++ {
			next = append(next, child)
		}
	}
	return taken
}
