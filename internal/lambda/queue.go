package lambda

import (
	"container/list"
	"sync"

	"heddle/internal/engine"
)

// queue keeps tasks until there is a place for their calls. Calls may hang for as long
// as their tasks may, and cannot be taken back, so places are given out with those in
// mind who are yet to come:
//
//   - Whoever has the fewest calls under way is next; among worlds, then among the
//     groups of that world, then among the functions of that group. Who has none goes
//     by when they came.
//   - A function gets a place as long as it has fewer calls than the group could still
//     begin, a group as long as it has fewer than twice what the world could, a world as
//     long as it has fewer than three times what is free. So all alone a world takes
//     three quarters of all places, a group a half, a function a quarter; and each that
//     comes later finds its part of the rest.
type queue struct {
	run func(job) // calls; it is given a goroutine of its own

	mu    sync.Mutex // guards all below
	free  int
	ended bool
	root  share
}

// Parts, as the queue has them: of worlds, groups and functions.
var parts = [...]int{3, 2, 1}

// Place is where a task belongs: to a function that runs of a group call. What a group is
// its Source says: what its users set up apart from each other.
type Place struct {
	World           engine.World
	Group, Function string
}

// job is a task that waits.
type job struct {
	source Source
	run    engine.RunID
	id     int64 // of the event that scheduled it
	from   *share
}

// share is a world, a group or a function that has calls or tasks, or all of them.
type share struct {
	parent   *share
	key      string
	depth    int // the root's is 0
	children map[string]*share
	running  int
	waiting  int // tasks, of all below

	jobs []job // of a function, oldest first

	idle list.List // children that have tasks and no calls, by when that began
	busy []*share  // children that have both
	held *list.Element
}

func newQueue(places int, run func(job)) *queue { return &queue{run: run, free: places} }

// add puts a task behind those of its place. Sources have groups of their own.
func (q *queue) add(p Place, source Source, run engine.RunID, id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.root
	for _, key := range [...]string{p.World.Account + "\x00" + p.World.Region, source.List() + "\x00" + p.Group, p.Function} {
		s = s.child(key)
	}
	s.jobs = append(s.jobs, job{source, run, id, s})
	s.count(0, 1)
	q.give()
}

// done gives the place of a job back, whose call has ended.
func (q *queue) done(j job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free++
	j.from.count(-1, 0)
	q.give()
}

// end gives no more places.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
}

// give gives out the places that may be given out. The queue is locked.
func (q *queue) give() {
	for !q.ended && q.free > 0 {
		s := q.root.next(q.free)
		if s == nil {
			return
		}
		j := s.jobs[0]
		s.jobs[0] = job{}
		if s.jobs = s.jobs[1:]; len(s.jobs) == 0 {
			s.jobs = nil
		}
		q.free--
		s.count(1, -1)
		q.run(j)
	}
}

func (s *share) child(key string) *share {
	c := s.children[key]
	if c == nil {
		if s.children == nil {
			s.children = map[string]*share{}
		}
		c = &share{parent: s, key: key, depth: s.depth + 1}
		s.children[key] = c
	}
	return c
}

// count changes how many calls and tasks a share has, and all above it.
func (s *share) count(calls, tasks int) {
	for ; s != nil; s = s.parent {
		wasIdle, wasBusy := s.isIdle(), s.isBusy()
		s.running += calls
		s.waiting += tasks
		if s.parent != nil {
			s.sort(wasIdle, wasBusy)
		}
	}
}

func (s *share) isIdle() bool { return s.waiting > 0 && s.running == 0 }
func (s *share) isBusy() bool { return s.waiting > 0 && s.running > 0 }

// sort puts a share where its parent looks for it; it forgets one that has nothing.
func (s *share) sort(wasIdle, wasBusy bool) {
	p := s.parent
	if idle := s.isIdle(); idle != wasIdle {
		if idle {
			s.held = p.idle.PushBack(s)
		} else {
			p.idle.Remove(s.held)
			s.held = nil
		}
	}
	if busy := s.isBusy(); busy != wasBusy {
		if busy {
			p.busy = append(p.busy, s)
		} else {
			p.busy = without(p.busy, s)
		}
	}
	if s.waiting == 0 && s.running == 0 {
		delete(p.children, s.key)
	}
}

// without takes a share out, and keeps the order of the others.
func without(all []*share, s *share) []*share {
	for i := range all {
		if all[i] == s {
			copy(all[i:], all[i+1:])
			all[len(all)-1] = nil
			return all[:len(all)-1]
		}
	}
	return all
}

// next gives the function whose task is next, if s may begin so many more calls; nil:
// none may begin one.
func (s *share) next(more int) *share {
	if s.depth == len(parts) {
		return s
	}
	if first := s.idle.Front(); first != nil {
		c := first.Value.(*share)
		return c.next(c.more(more)) // who has no call may begin one
	}
	var best, leaf *share
	for _, c := range s.busy {
		if best != nil && c.running >= best.running {
			continue
		}
		if room := c.more(more); room > 0 {
			if found := c.next(room); found != nil {
				best, leaf = c, found
			}
		}
	}
	return leaf
}

// more tells how many calls a share may begin, if all of its parent may begin so many.
// Each call that it begins leaves one less to the others.
func (s *share) more(ofParent int) int {
	part := parts[s.depth-1]
	if left := part*ofParent - s.running; left > 0 {
		return (left + part) / (part + 1)
	}
	return 0
}
