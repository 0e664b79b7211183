package blob

import (
	"maps"
	"sync"
	"time"
)

// gate keeps those apart who change one blob, and remembers which blobs a sweep
// found unreferenced. Every Put passes it, and strikes the blob out.
type gate struct {
	mu      sync.Mutex // guards the fields below, and users of each passage
	passing map[ID]*passage
	doomed  map[ID]doom
	sweep   uint64 // number of the last one
}

// passage is for one blob, and there while somebody is in it or waits.
type passage struct {
	sync.Mutex // held by the call that is in it
	users      int
}

// doom is of a blob that was found unreferenced.
type doom struct {
	since time.Time // moment of the first sweep that found it so
	sweep uint64    // the last one that came by
}

// enter waits until nobody else is at the blob. The caller leaves by what it gets.
func (g *gate) enter(id ID) (leave func()) {
	g.mu.Lock()
	if g.passing == nil {
		g.passing = map[ID]*passage{}
	}
	p := g.passing[id]
	if p == nil {
		p = new(passage)
		g.passing[id] = p
	}
	p.users++
	g.mu.Unlock()
	p.Lock()
	return func() {
		p.Unlock()
		g.mu.Lock()
		defer g.mu.Unlock()
		if p.users--; p.users == 0 {
			delete(g.passing, id)
		}
	}
}

func (g *gate) beginSweep() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep++
}

// endSweep forgets blobs that a whole sweep did not come by: they are gone.
func (g *gate) endSweep() {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.doomed, func(_ ID, d doom) bool { return d.sweep != g.sweep })
}

// doom notes that the sweep found a blob unreferenced, unless there are so many.
func (g *gate) doom(id ID, since time.Time, max int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.doomed) >= max {
		return
	}
	if g.doomed == nil {
		g.doomed = map[ID]doom{}
	}
	g.doomed[id] = doom{since, g.sweep}
}

// doomedSince tells the sweep, which came by, when a blob was first found unreferenced.
func (g *gate) doomedSince(id ID) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d, doomed := g.doomed[id]
	if doomed {
		g.doomed[id] = doom{d.since, g.sweep}
	}
	return d.since, doomed
}

// spare forgets that a blob was found unreferenced.
func (g *gate) spare(id ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.doomed, id)
}
