package replay

import (
	"bytes"
	"fmt"
	"iter"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// coroutine is a thread of workflow code. One at a time runs, until it blocks.
type coroutine struct {
	run     *Run
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	goid    atomic.Pointer[string] // the id of its goroutine
	queued  bool                   // in run.ready
	stopped bool
	done    bool
	cond    func() bool // the scheduler asks it when all is blocked
	aside   func()      // the scheduler calls it, and goes on with the coroutine
	broke   *broken     // what that panicked with
	call    string      // that waits; empty: it does not
	waited  string      // the call that waited last
	at      place       // and where
	decided *place      // what it decided since
}

// unwound is what a coroutine panics with when it is stopped.
type unwound struct{}

// name is the id of its goroutine; empty: it has not begun.
func (c *coroutine) name() string {
	if id := c.goid.Load(); id != nil {
		return *id
	}
	return ""
}

// start makes a coroutine of f and lets it run after those that are ready.
func (r *Run) start(f func()) {
	c := &coroutine{run: r}
	c.next, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		defer func() {
			c.done = true
			if why := recover(); why != nil {
				if _, ok := why.(unwound); !ok && r.failed == nil && !r.unwinding {
					r.failed = r.panicked(why)
				}
			}
		}()
		id := goroutine()
		c.goid.Store(&id)
		f()
	})
	r.coroutines = append(r.coroutines, c)
	r.wake(c)
}

func (r *Run) wake(c *coroutine) {
	if !c.queued && !c.done && !c.stopped {
		c.queued = true
		r.ready = append(r.ready, c)
	}
}

// settle runs coroutines in the order in which they were woken, until all are blocked and no
// condition that one of them waits for holds.
func (r *Run) settle() {
	for r.failed == nil {
		for len(r.ready) > 0 && r.failed == nil {
			c := r.ready[0]
			r.ready = r.ready[1:]
			c.queued = false
			if c.done || c.stopped {
				continue
			}
			r.current = c
			r.watched.Store(c)
			for c.next(); c.aside != nil; c.next() {
				c.runAside()
			}
			r.watched.Store(nil)
			r.current = nil
			if c.done {
				r.coroutines = slices.DeleteFunc(r.coroutines, func(o *coroutine) bool { return o == c })
			}
			if r.returned {
				r.unwind()
			}
		}
		if !r.ask() {
			return
		}
	}
}

// ask wakes the first coroutine whose condition holds.
func (r *Run) ask() (woke bool) {
	defer func() {
		if why := recover(); why != nil {
			r.failed = r.panicked(why)
		}
	}()
	for _, c := range r.coroutines {
		if c.cond != nil && !c.queued && c.cond() {
			r.wake(c)
			return true
		}
	}
	return false
}

// unwind ends all coroutines.
func (r *Run) unwind() {
	r.unwinding = true
	defer func() { r.unwinding = false }()
	for _, c := range r.coroutines {
		if c.done {
			continue
		}
		c.stopped = true
		was := r.current
		r.current = c
		c.stop()
		r.current = was
	}
	r.coroutines, r.ready = nil, nil
}

// MustRun panics unless it is workflow code of this run that calls.
func (r *Run) MustRun(call string) {
	c := r.current
	if c == nil {
		panic("flow: " + call + " called while no workflow code runs: from a goroutine that the workflow started with go? Use flow.Go")
	}
	if id := c.name(); r.cfg.Check && id != "" && id != goroutine() {
		panic("flow: " + call + " called from a goroutine that the workflow started with go; use flow.Go")
	}
	if c.stopped {
		panic(unwound{})
	}
}

// block lets others run until something wakes this coroutine.
func (r *Run) block(call string) {
	c := r.current
	c.call, c.waited, c.decided = call, call, nil
	c.at.n = runtime.Callers(3, c.at.callers[:])
	ok := c.yield(struct{}{})
	c.call = ""
	if !ok || c.stopped {
		c.stopped = true
		panic(unwound{})
	}
}

// Aside calls f on the stack of whoever advances the run. What needs much stack would leave its coroutine with a stack of twice
// the size for as long as that waits: encoding and decoding do. f must not wait.
func (r *Run) Aside(f func()) {
	c := r.current
	c.aside = f
	if !c.yield(struct{}{}) {
		c.stopped = true
		panic(unwound{})
	}
	if why := c.broke; why != nil {
		c.broke = nil
		panic(why)
	}
}

// broken is what a function panicked with that was called aside, and where.
type broken struct {
	value any
	stack string
}

func (b *broken) String() string { return fmt.Sprint(b.value) }

func (c *coroutine) runAside() {
	defer func() {
		if why := recover(); why != nil {
			c.broke = &broken{why, string(debug.Stack())}
		}
	}()
	f := c.aside
	c.aside = nil
	f()
}

// Stack is where the code is that runs now, for who asks from another goroutine; empty: none does.
func (r *Run) Stack() string {
	c := r.watched.Load()
	if c == nil {
		return ""
	}
	all := make([]byte, 64<<10)
	for n := runtime.Stack(all, true); ; n = runtime.Stack(all, true) {
		if n < len(all) || len(all) >= mostStacks {
			all = all[:n]
			break
		}
		all = make([]byte, 2*len(all))
	}
	for one := range strings.SplitSeq(string(all), "\n\n") {
		if r.watched.Load() == c && strings.HasPrefix(one, "goroutine "+c.name()+" ") {
			return one
		}
	}
	return ""
}

// mostStacks is how many bytes of a process's stacks are looked through.
const mostStacks = 16 << 20

// goroutine is the id of the goroutine that calls.
func goroutine() string {
	var b [64]byte
	s := b[:runtime.Stack(b[:], false)]
	s = bytes.TrimPrefix(s, []byte("goroutine "))
	id, _, _ := bytes.Cut(s, []byte(" "))
	return string(id)
}

// place is where a call came from.
type place struct {
	callers [12]uintptr
	n       int
}

// here is the place of the call that the caller is a part of.
func here() *place {
	p := &place{}
	p.n = runtime.Callers(3, p.callers[:])
	return p
}

// String names the line of workflow code among the callers; empty: there is none.
func (p *place) String() string {
	frames := runtime.CallersFrames(p.callers[:p.n])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "heddle/flow.") && !strings.HasPrefix(f.Function, "heddle/flow/internal/replay.") &&
			!strings.HasPrefix(f.Function, "iter.") && !strings.HasPrefix(f.Function, "runtime.") {
			return path.Base(f.File) + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return ""
		}
	}
}

// line is that of the code that decided a command, or began what it is about.
func (c *command) line() string {
	if at := c.at.String(); at != "" || c.began == nil {
		return at
	}
	return c.began.String()
}

// lastCall is the last call that waited or decided something: "order.go:41 flow.First".
func (c *coroutine) lastCall() string {
	if c.decided != nil {
		return c.decided.String()
	}
	if c.waited == "" {
		return ""
	}
	return strings.TrimSpace(c.at.String() + " " + c.waited)
}

// mostWaits is how many places are told.
const mostWaits = 20

// Waits are the places where code waits: "order.go:41 flow.First".
func (r *Run) Waits() (all []string) {
	for _, c := range r.coroutines {
		if c.call == "" {
			continue
		}
		if len(all) == mostWaits {
			return append(all, fmt.Sprintf("and %d more", len(r.coroutines)-mostWaits))
		}
		at := strings.TrimSpace(c.at.String() + " " + c.call)
		all = append(all, at)
	}
	return all
}
