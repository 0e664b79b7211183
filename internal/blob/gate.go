package blob

import (
	"sync"
	"time"
)

// gate keeps those apart who change one blob, and has the blobs that a Sweeper
// found unreferenced. Whoever puts a blob passes it, and strikes the blob out.
type gate struct {
	mu      sync.Mutex
	passing map[ID]*passage
	// doomed has the moment of the sweep that first found a blob unreferenced.
	doomed map[ID]time.Time
}

// passage is for one blob, and there while somebody is in it or waits.
type passage struct {
	sync.Mutex
	users int
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

// doom notes that a blob was found unreferenced, unless there are so many already.
func (g *gate) doom(id ID, at time.Time, max int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.doomed) >= max {
		return false
	}
	if g.doomed == nil {
		g.doomed = map[ID]time.Time{}
	}
	g.doomed[id] = at
	return true
}

// spare forgets that a blob was found unreferenced.
func (g *gate) spare(id ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.doomed, id)
}

// doomedSince tells when a blob was first found unreferenced.
func (g *gate) doomedSince(id ID) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.doomed[id]
	return at, ok
}
