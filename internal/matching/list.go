package matching

import (
	"bytes"
	"cmp"
	"container/heap"
	"container/list"

	"heddle/internal/engine"
)

// taskList is one task list. Its stripe's lock guards it. It exists while it
// has offers, polls or claims.
type taskList struct {
	stripe  *stripe
	name    string
	offers  map[task]*offer // waiting and claimed
	waiting offerHeap
	polls   list.List // of *poll, by ticket
	claims  int       // claims that have not ended
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
	priority int32
	gone     bool
}

// nowhere is the place of an offer that doesn't wait.
const nowhere = -1

// poll is a caller that waits. Tickets rise with the time of the first wait, so
// a poll that comes back after a refusal stands before all that came later.
type poll struct {
	ticket uint64
	place  *list.Element // nil once answered
	answer chan *Claim   // takes one answer without blocking; nil: no task
}

// put adds an offer, which it tells, or changes the one with the same name.
func (l *taskList) put(t task, priority int32, at engine.Time) (isNew bool) {
	o := l.offers[t]
	if o == nil {
		o = &offer{task: t, priority: priority, at: at}
		l.offers[t] = o
		heap.Push(&l.waiting, o)
		return true
	}
	o.priority, o.at = priority, at
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
	delete(l.offers, o.task)
	o.gone = true
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
func (l *taskList) leave(p *poll) {
	l.polls.Remove(p.place)
	p.place = nil
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
func (l *taskList) pair(pollWaited bool) (made Pairing, ok bool) {
	if len(l.waiting) == 0 || l.polls.Len() == 0 {
		return Pairing{}, false
	}
	o := heap.Pop(&l.waiting).(*offer)
	p := l.first()
	l.leave(p)
	l.claims++
	l.stripe.pairings++
	p.answer <- &Claim{Run: o.run, ID: o.id, list: l, offer: o, ticket: p.ticket}
	return Pairing{Task{l.name, o.run, o.id, o.priority, o.at}, pollWaited}, true
}

// dropIfEmpty forgets a list that holds nothing.
func (l *taskList) dropIfEmpty() {
	if len(l.offers) == 0 && l.polls.Len() == 0 && l.claims == 0 {
		delete(l.stripe.lists, l.name)
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
