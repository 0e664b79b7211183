package sim

import (
	"iter"

	"heddle/internal/engine"
)

// thread is a coroutine: a client, a worker, a request inside the server. It runs
// only while the scheduler resumes it.
type thread struct {
	name  string
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	until func() bool // it waits for this; nil: it may run
	at    engine.Time // it may run from this moment on, whatever it waits for; zero: never
	over  bool

	request *request // what it serves; nil: no call
	harness *harness // the process that it is of; nil: none
	claims  bool     // it may end claims of matching
}

// spawn starts a thread; it first runs when the scheduler picks it.
func (w *world) spawn(name string, body func(t *thread)) *thread {
	t := &thread{name: name}
	t.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		body(t)
	})
	w.threads = append(w.threads, t)
	return t
}

// spawnIn starts a thread of a process.
func (w *world) spawnIn(h *harness, name string, body func(t *thread)) *thread {
	t := w.spawn(name, body)
	t.harness = h
	return t
}

// park suspends the running thread until a condition holds or, if at is not zero,
// until that moment. When the simulation ends every thread is resumed without
// its condition, so callers look again.
func (t *thread) park(until func() bool, at engine.Time) {
	t.until, t.at = until, at
	t.yield(struct{}{})
	t.until, t.at = nil, 0
}

func never() bool { return false }

// rest lets others run.
func (w *world) rest(t *thread) { t.park(nil, 0) }

// sleep suspends a thread for a while.
func (w *world) sleep(t *thread, d engine.Time) { t.park(never, w.now+max(1, d)) }

func (t *thread) runnable(now engine.Time) bool {
	return t.until == nil || t.at != 0 && t.at <= now || t.until()
}

// resume runs a thread until it parks.
func (w *world) resume(t *thread) {
	before := w.running
	w.running = t
	_, more := t.next()
	if t.claims && w.harness != nil {
		w.harness.touched = true
	}
	w.running = before
	t.over = !more
}

// end resumes every thread until it is over.
func (w *world) end() {
	w.ending = true
	for round := 0; len(w.threads) > 0; round++ {
		if round > 1000 {
			panic("sim: a thread does not end: " + w.threads[0].name)
		}
		for _, t := range w.threads {
			w.resume(t)
		}
		w.bury()
	}
}

// bury forgets the threads that are over.
func (w *world) bury() {
	left := w.threads[:0]
	for _, t := range w.threads {
		if !t.over {
			left = append(left, t)
		}
	}
	clear(w.threads[len(left):])
	w.threads = left
}
