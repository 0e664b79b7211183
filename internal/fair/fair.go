// Package fair gives out places to tasks that wait for one, so that nobody keeps all of
// them: neither by the number of his tasks, nor by tasks that never end.
//
// What a task does can't be taken back, and may hang for as long as it may. So places are
// given out with those in mind who are yet to come:
//
//   - Whoever has the fewest tasks under way is next. Who has none goes by when they came.
//   - Whoever has some gets another place as long as they have fewer than so many times what
//     is free: their part. With a part of three somebody who is alone takes three quarters of
//     all places, with one a half; whoever comes later finds their part of the rest.
//
// A task may belong to somebody within somebody else, such as a function of an account:
// then both hold at each level.
package fair

import (
	"container/list"
	"sync"
)

// Queue keeps tasks until there is a place for them.
type Queue[T any] struct {
	run   func(task T, done func())
	parts []int // of each level

	mu    sync.Mutex // guards all below
	free  int
	ended bool
	root  share[T]
}

// share is somebody at one level who has tasks that wait or are under way.
type share[T any] struct {
	parent   *share[T]
	key      string
	depth    int // the root's is 0
	children map[string]*share[T]
	running  int
	waiting  int // tasks, of all below

	tasks []T // at the last level, oldest first

	idle list.List   // children that have tasks and none under way, by when that began
	busy []*share[T] // children that have both
	held *list.Element
}

// New makes a queue with so many places, and as many levels as parts are given, the first of
// the outermost. Run performs a task that got a place, and calls done when it has ended; it
// is called with the queue locked, and returns at once.
func New[T any](places int, run func(task T, done func()), parts ...int) *Queue[T] {
	return &Queue[T]{run: run, free: places, parts: parts}
}

// Add puts a task behind those of its owner, who is named at each level.
func (q *Queue[T]) Add(task T, owner ...string) {
	if len(owner) != len(q.parts) {
		panic("fair: an owner is named at each level")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.root
	for _, key := range owner {
		s = s.child(key)
	}
	s.tasks = append(s.tasks, task)
	s.count(0, 1)
	q.give()
}

// done gives the place of a task back that has ended.
func (q *Queue[T]) done(of *share[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free++
	of.count(-1, 0)
	q.give()
}

// End gives no more places. What is under way goes on.
func (q *Queue[T]) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
}

// give gives out the places that may be given out. The queue is locked.
func (q *Queue[T]) give() {
	for !q.ended && q.free > 0 {
		s := q.next(&q.root, q.free)
		if s == nil {
			return
		}
		task, none := s.tasks[0], *new(T)
		s.tasks[0] = none
		if s.tasks = s.tasks[1:]; len(s.tasks) == 0 {
			s.tasks = nil
		}
		q.free--
		s.count(1, -1)
		q.run(task, func() { q.done(s) })
	}
}

func (s *share[T]) child(key string) *share[T] {
	c := s.children[key]
	if c == nil {
		if s.children == nil {
			s.children = map[string]*share[T]{}
		}
		c = &share[T]{parent: s, key: key, depth: s.depth + 1}
		s.children[key] = c
	}
	return c
}

// count changes how many tasks of a share are under way and wait, and of all above it.
func (s *share[T]) count(running, waiting int) {
	for ; s != nil; s = s.parent {
		wasIdle, wasBusy := s.isIdle(), s.isBusy()
		s.running += running
		s.waiting += waiting
		if s.parent != nil {
			s.sort(wasIdle, wasBusy)
		}
	}
}

func (s *share[T]) isIdle() bool { return s.waiting > 0 && s.running == 0 }
func (s *share[T]) isBusy() bool { return s.waiting > 0 && s.running > 0 }

// sort puts a share where its parent looks for it; it forgets one that has nothing.
func (s *share[T]) sort(wasIdle, wasBusy bool) {
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
func without[T any](all []*share[T], s *share[T]) []*share[T] {
	for i := range all {
		if all[i] == s {
			copy(all[i:], all[i+1:])
			all[len(all)-1] = nil
			return all[:len(all)-1]
		}
	}
	return all
}

// next gives the share at the last level whose task is next, if s may begin so many more;
// nil: none may begin one.
func (q *Queue[T]) next(s *share[T], more int) *share[T] {
	if s.depth == len(q.parts) {
		return s
	}
	if first := s.idle.Front(); first != nil {
		c := first.Value.(*share[T])
		return q.next(c, q.more(c, more)) // who has none under way may begin one
	}
	var best, leaf *share[T]
	for _, c := range s.busy {
		if best != nil && c.running >= best.running {
			continue
		}
		if room := q.more(c, more); room > 0 {
			if found := q.next(c, room); found != nil {
				best, leaf = c, found
			}
		}
	}
	return leaf
}

// more tells how many tasks a share may begin, if all of its parent may begin so many. Each
// that it begins leaves one less to the others.
func (q *Queue[T]) more(s *share[T], ofParent int) int {
	part := q.parts[s.depth-1]
	if left := part*ofParent - s.running; left > 0 {
		return (left + part) / (part + 1)
	}
	return 0
}
