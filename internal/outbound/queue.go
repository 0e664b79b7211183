package outbound

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"heddle/internal/engine"
	"heddle/internal/fair"
)

// Place is where a task belongs: to a target that runs of a group call. What a group is
// its Source says: what its users set up apart from each other.
type Place struct {
	World         engine.World
	Group, Target string
	// After is how long it is yet to wait before it stands in line, since it is one too many.
	After time.Duration
}

// owner names who a task of a source is of, at each level of the queue. Regions and sources have
// groups of their own.
func (p Place) owner(source Source) []string {
	return []string{p.World.Account, p.World.Region + "\x00" + source.List() + "\x00" + p.Group, p.Target}
}

// job is a task that waits.
type job struct {
	source Source
	run    engine.RunID
	id     int64 // of the event that scheduled it
	at     Place
	again  bool // it was started, and has another call to make
}

// newQueue makes a queue of calls, which are shared among accounts, groups and targets: all
// alone an account takes three quarters of all places, a group a half, a target a quarter, and
// each that comes later finds its part of the rest.
func newQueue(places int, run func(j job, done func())) *fair.Queue[job] {
	return fair.New(places, run, 3, 2, 1)
}

// schedule has the jobs whose next call has its time.
type schedule struct {
	mu   sync.Mutex // guards jobs
	jobs waiting
	wake chan struct{} // has room for one word that the first of the jobs is another
}

// waiting is a heap of jobs by when they are due, in steps of the schedule's clock.
type waiting []due

type due struct {
	job
	at time.Duration
}

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].at < w[j].at }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(d any)        { *w = append(*w, d.(due)) }
func (w *waiting) Pop() any {
	last := len(*w) - 1
	d := (*w)[last]
	(*w)[last] = due{}
	*w = (*w)[:last]
	return d
}

// after has a job queued again after a while.
func (p *Performer) after(j job, pause time.Duration) {
	at := p.Stopwatch() + pause
	p.later.mu.Lock()
	heap.Push(&p.later.jobs, due{j, at})
	first := p.later.jobs[0].at == at
	p.later.mu.Unlock()
	if first {
		select {
		case p.later.wake <- struct{}{}:
		default: // it has been told
		}
	}
}

// runLater queues each job when its time has come: one goroutine for all of them.
func (p *Performer) runLater() {
	for p.polls.Err() == nil {
		rest, cancel := p.polls, context.CancelFunc(func() {})
		if pause, some := p.queueDue(); some {
			rest, cancel = p.Within(p.polls, pause)
		}
		select {
		case <-rest.Done():
		case <-p.later.wake:
		}
		cancel()
	}
}

// queueDue queues the jobs whose time has come, and tells how long it is until the next one's.
func (p *Performer) queueDue() (pause time.Duration, some bool) {
	p.later.mu.Lock()
	defer p.later.mu.Unlock()
	if len(p.later.jobs) == 0 {
		return 0, false
	}
	now := p.Stopwatch()
	for len(p.later.jobs) > 0 {
		if next := p.later.jobs[0].at; next > now {
			return next - now, true
		}
		j := heap.Pop(&p.later.jobs).(due).job
		p.queue.Add(j, j.at.owner(j.source)...)
	}
	return 0, false
}
