package replay

import (
	"cmp"
	"maps"
	"slices"
)

// Waitable is what code may wait for.
type Waitable interface {
	// Since is a number that tells when it was ready; zero: it is not. The lower, the earlier.
	Since() uint64
	waiting() *[]*coroutine
}

// Future is something that will be known.
type Future struct {
	run   *Run
	scope *Scope
	since uint64
	list  []*coroutine
	then  func()

	Text string // the payload
	Err  error
}

// Since implements Waitable.
func (f *Future) Since() uint64          { return f.since }
func (f *Future) waiting() *[]*coroutine { return &f.list }

// NewFuture is one of a scope; Settle settles it.
func (r *Run) NewFuture(s *Scope) *Future { return &Future{run: r, scope: s} }

// Settle makes it known, once.
func (f *Future) Settle(text string, err error) {
	if f.since != 0 {
		return
	}
	f.Text, f.Err, f.since = text, err, f.run.tick()
	f.run.wakeAll(&f.list)
	if f.then != nil {
		f.then()
	}
}

// Then has do called when it is known.
func (f *Future) Then(do func()) {
	if f.since != 0 {
		do()
		return
	}
	f.then = do
}

// tick numbers what happens in a run.
func (r *Run) tick() uint64 { r.moments++; return r.moments }

func (r *Run) wakeAll(list *[]*coroutine) {
	for _, c := range *list {
		r.wake(c)
	}
	*list = nil
}

// WaitFor blocks until f is known. If s ends, and f's own scope does not, it returns what ended s.
func (r *Run) WaitFor(s *Scope, f *Future, call string) error {
	r.MustRun(call)
	for f.since == 0 {
		if s.since != 0 && (f.scope == nil || f.scope.since == 0) {
			return s.err
		}
		if f.scope != nil && f.scope.since != 0 || f.scope == s {
			r.blockOn(call, f)
		} else {
			r.blockOn(call, f, s)
		}
	}
	return nil
}

// blockOn blocks until one of them may be ready.
func (r *Run) blockOn(call string, on ...Waitable) {
	c := r.current
	for _, w := range on {
		list := w.waiting()
		*list = append(*list, c)
	}
	r.block(call)
	for _, w := range on {
		list := w.waiting()
		if i := slices.Index(*list, c); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	}
}

// First blocks until one of them is ready, or the scope ends: then it returns -1. If several are,
// it is the one that was ready first.
func (r *Run) First(s *Scope, call string, of []Waitable) int {
	r.MustRun(call)
	for {
		best, since := -2, uint64(0)
		if s.since != 0 {
			best, since = -1, s.since
		}
		for i, w := range of {
			if n := w.Since(); n != 0 && (since == 0 || n < since) {
				best, since = i, n
			}
		}
		if best != -2 {
			if best >= 0 {
				if b, ok := of[best].(*Inbox); ok {
					b.seen = true
				}
			}
			return best
		}
		r.blockOn(call, append(slices.Clone(of), s)...)
	}
}

// Await blocks until cond holds; the scheduler asks it when all is blocked. If the scope ends, it
// returns what ended it.
func (r *Run) Await(s *Scope, call string, cond func() bool) error {
	r.MustRun(call)
	for !cond() {
		if s.since != 0 {
			return s.err
		}
		c := r.current
		c.cond = cond
		r.blockOn(call, s)
		c.cond = nil
	}
	return nil
}

// Scope is what ends together.
type Scope struct {
	run      *Run
	parent   *Scope
	children map[*Scope]uint64
	ops      map[*op]uint64
	since    uint64
	err      error
	list     []*coroutine
}

// Since implements Waitable.
func (s *Scope) Since() uint64          { return s.since }
func (s *Scope) waiting() *[]*coroutine { return &s.list }

// Err is what ended it.
func (s *Scope) Err() error { return s.err }

// NewScope makes one within another. Without a parent nothing ends it but Cancel.
func (r *Run) NewScope(parent *Scope) *Scope {
	s := &Scope{run: r, parent: parent}
	if parent != nil {
		if parent.since != 0 {
			s.since, s.err = parent.since, parent.err
			return s
		}
		if parent.children == nil {
			parent.children = map[*Scope]uint64{}
		}
		parent.children[s] = r.tick()
	}
	return s
}

// Cancel ends a scope and those within, because of err. Whoever waits for any of several hears of
// it before anything that it ends.
func (s *Scope) Cancel(err error) {
	if s.since != 0 {
		return
	}
	if s.parent != nil {
		delete(s.parent.children, s)
	}
	var all []*Scope
	var mark func(s *Scope)
	mark = func(s *Scope) {
		s.since, s.err = s.run.tick(), err
		all = append(all, s)
		for _, child := range ordered(s.children) {
			if child.since == 0 {
				mark(child)
			}
		}
		s.children = nil
	}
	mark(s)
	for _, ended := range all {
		s.run.wakeAll(&ended.list)
	}
	for _, ended := range all {
		for _, o := range ordered(ended.ops) {
			o.cancel(err)
		}
	}
}

// ordered are the keys of a map in the order in which they were made.
func ordered[T comparable](m map[T]uint64) []T {
	return slices.SortedFunc(maps.Keys(m), func(a, b T) int { return cmp.Compare(m[a], m[b]) })
}
