package cluster

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// befall has things befall the houses, one after the other or at the same time, until all jobs
// have begun, and returns when all of it is over.
func (w *world) befall(begun chan struct{}) {
	var all sync.WaitGroup
	var active, kept atomic.Int64
	for {
		select {
		case <-begun:
			all.Wait()
			w.net.mu.Lock()
			clear(w.net.fatal)
			w.net.mu.Unlock()
			w.mu.Lock()
			for _, h := range w.houses {
				h.unknown = 0
			}
			w.mu.Unlock()
			return
		case <-time.After(time.Duration(w.random(4000)) * time.Millisecond):
		}
		h := w.any()
		if h == nil {
			continue
		}
		fault := faults[w.random(len(faults))]
		w.mu.Lock()
		w.faults = append(w.faults, fmt.Sprintf("%8.3f %s %s", w.elapsed().Seconds(), fault.name, h.name))
		w.mu.Unlock()
		active.Add(1)
		kept.Add(1)
		quiet := func() bool { return active.Load() == 1 && kept.Load() == 1 }
		if active.Load() == 1 {
			kept.Store(1)
		}
		all.Go(func() {
			fault.befalls(h, quiet)
			active.Add(-1)
		})
	}
}

// faults are what may befall a house. Each returns when it is over; quiet tells whether nothing
// else befell anybody meanwhile.
var faults = []struct {
	name    string
	befalls func(h *house, quiet func() bool)
}{
	{"kill", func(h *house, _ func() bool) {
		if !h.takeLife() {
			return
		}
		h.die()
		h.rest(6000)
		h.open(h.name)
	}},
	{"stop", func(h *house, quiet func() bool) {
		if !h.takeLife() {
			return
		}
		h.leave(quiet)
		h.rest(2000)
		h.open(h.name)
	}},
	{"pause", func(h *house, _ func() bool) {
		resume := make(chan struct{})
		h.mu().Lock()
		h.resumed = resume
		h.mu().Unlock()
		d := time.Duration(h.random(7500)) * time.Millisecond
		if d > silentFor {
			h.net.mu.Lock()
			for _, e := range h.net.ends {
				if e.fromName == h.name {
					e.hangUp(silentFor)
				}
			}
			h.net.mu.Unlock()
		}
		time.Sleep(d)
		close(resume)
	}},
	{"break a link of", func(h *house, _ func() bool) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		for _, key := range sortedWays(h.net.ends) {
			if e := h.net.ends[key]; e.house == h {
				e.hangUp(0)
				return
			}
		}
	}},
	{"cut one way from", func(h *house, _ func() bool) { h.net.cutOff(h.name, h.another(), h.brief(5000)) }},
	{"cut both ways from", func(h *house, _ func() bool) {
		other, d := h.another(), h.brief(5000)
		var both sync.WaitGroup
		both.Go(func() { h.net.cutOff(h.name, other, d) })
		both.Go(func() { h.net.cutOff(other, h.name, d) })
		both.Wait()
	}},
	{"slow link from", func(h *house, _ func() bool) {
		way := [2]string{h.name, h.another()}
		set := func(ms int) {
			h.net.mu.Lock()
			defer h.net.mu.Unlock()
			h.net.slow[way] = ms
		}
		set(1 + h.random(300))
		h.rest(6000)
		set(0)
	}},
	{"news lost from", func(h *house, _ func() bool) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		h.net.fatal[[2]string{h.name, h.another()}] = 1 + h.random(5)
	}},
	{"store cut off from", func(h *house, _ func() bool) {
		r := h.anyHome()
		set := func(cut bool) {
			h.mu().Lock()
			defer h.mu().Unlock()
			r.cut = cut
		}
		set(true)
		h.rest(7000)
		set(false)
	}},
	{"store down for all, not only", func(h *house, _ func() bool) {
		back := h.homeAway(h.anyHome().home, h.random(2) == 0)
		h.rest(6000)
		back()
	}},
	{"slow store for", func(h *house, _ func() bool) {
		r := h.anyHome()
		set := func(ms int) {
			h.mu().Lock()
			defer h.mu().Unlock()
			r.slow = ms
		}
		set(1 + h.random(400))
		h.rest(5000)
		set(0)
	}},
	{"unknown commits of", func(h *house, _ func() bool) {
		for range 1 + h.random(3) {
			h.mu().Lock()
			h.unknown = outcome(1 + h.random(3))
			h.mu().Unlock()
			h.rest(500)
		}
	}},
}

// takeLife takes a house out of those that live; one fault alone may end it.
func (h *house) takeLife() bool {
	h.mu().Lock()
	defer h.mu().Unlock()
	lives := h.houses[h.name] == h
	if lives {
		delete(h.houses, h.name)
	}
	return lives
}

func (h *house) brief(most int) time.Duration {
	return time.Duration(h.random(most)) * time.Millisecond
}

func (h *house) rest(most int) { time.Sleep(h.brief(most)) }

// another gives the name of another node.
func (h *house) another() string {
	names := []string{"x", "y", "z"}
	for {
		if name := names[h.random(len(names))]; name != h.name {
			return name
		}
	}
}
