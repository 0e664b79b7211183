package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// toldFrom is from where on a step is told by itself, for whoever reads the logs beside it.
const toldFrom = 4 * time.Second

// clock is the time as logs tell it.
func clock() string { return time.Now().UTC().Format("15:04:05.000") }

// waits knows since when each task could have been given to a worker, by what was acknowledged: so how
// long workers wait for tasks that there are counts as a step, though polls are long.
type waits struct {
	mu      sync.Mutex
	flows   map[string]*flow // by workflow id; nil: it has ended
	idle    [2]int           // pollers without a task, of each kind
	longest time.Duration    // wait for a task that was given since the last look
	tells   atomic.Bool      // of each long one
}

// Kinds of tasks.
const (
	decision = iota
	activity
)

// What a decider hears of.
const (
	flowStarted = iota
	activityDone
	childDone
	news // how many
)

// flow is what is known of an open workflow. Times are zero while it is not known that there is something.
type flow struct {
	acked    [news]time.Time // when it was acknowledged that something happened
	seen     [news]bool      // a decider has seen it
	held     int             // decision tasks that deciders have
	released time.Time       // when the last one was completed
	activity time.Time       // when its activity task could have been given first
	given    bool            // a worker has had it
}

// decides is since when a decision task could have been given.
func (f *flow) decides() (since time.Time) {
	if f.held > 0 {
		return since
	}
	for i, at := range f.acked {
		if !at.IsZero() && !f.seen[i] && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	if !since.IsZero() && since.Before(f.released) {
		since = f.released
	}
	return since
}

// acts is since when its activity task could have been given.
func (f *flow) acts() time.Time {
	if f.given {
		return time.Time{}
	}
	return f.activity
}

func newWaits() *waits { return &waits{flows: map[string]*flow{}} }

// with does something with what is known of a workflow, unless it has ended.
func (w *waits) with(id string, do func(*flow)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, known := w.flows[id]
	if !known {
		f = &flow{}
		w.flows[id] = f
	}
	if f != nil {
		do(f)
	}
}

// happened says that something was acknowledged now that a workflow's decider is to hear of.
func (w *waits) happened(id string, what int) {
	w.with(id, func(f *flow) {
		if f.acked[what].IsZero() {
			f.acked[what] = time.Now()
		}
	})
}

// decided says that a decision task was completed now, which scheduled an activity and began a child.
func (w *waits) decided(id string, schedules bool) {
	w.with(id, func(f *flow) {
		f.held--
		f.released = time.Now()
		if schedules && f.activity.IsZero() {
			f.activity = f.released
		}
	})
	if schedules {
		w.happened(id+"-c", flowStarted)
	}
}

// ended says that a workflow ended now.
func (w *waits) ended(id string) {
	if parent, is := strings.CutSuffix(id, "-c"); is {
		w.happened(parent, childDone)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flows[id] = nil
}

// poller waits for a task, however many polls it takes.
type poller struct {
	*waits
	kind  int
	since time.Time
}

func (w *waits) poller(kind int) poller {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle[kind]++
	return poller{w, kind, time.Now()}
}

// got ends the waiting with a task of a workflow. A decider tells what it sees in the history.
func (p poller) got(id string, sees [news]bool) {
	p.with(id, func(f *flow) {
		since := f.acts()
		if p.kind == decision {
			since = f.decides()
			f.held++
			for i, seen := range sees {
				f.seen[i] = f.seen[i] || seen
			}
		} else {
			f.given = true
		}
		if !since.IsZero() { // else the answer that told of it is on its way
			wait := time.Since(p.waited(since, p.since))
			p.longest = max(p.longest, wait)
			if wait > toldFrom && p.tells.Load() {
				fmt.Printf("  %s %s of %s waited %.2f s\n", clock(), [...]string{"a decision", "the activity"}[p.kind], id, wait.Seconds())
			}
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle[p.kind]--
}

// waited is since when a task has waited for the server: not while all workers had others. Whoever
// got it is counted among the idle.
func (p poller) waited(since, polls time.Time) time.Time {
	if p.idle[p.kind] <= 1 && since.Before(polls) {
		return polls
	}
	return since
}

// look gives the longest wait since the last look, also of tasks that wait still.
func (w *waits) look() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	longest := w.longest
	w.longest = 0
	for _, f := range w.flows {
		if f == nil {
			continue
		}
		for kind, since := range [2]time.Time{f.decides(), f.acts()} {
			if !since.IsZero() && w.idle[kind] > 0 {
				longest = max(longest, time.Since(since))
			}
		}
	}
	return longest
}
