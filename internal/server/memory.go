package server

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How far the heap may grow between two collections.
const (
	garbageBytesMin = 96 << 20 // as much as this, while little is alive
	garbagePortion  = 50       // then this many percent of what is alive
	garbageMost     = 400
)

// PaceGarbage has the process collect garbage less often than Go does by itself
// while little is alive, and more often when much is: a server with a small heap
// and many requests would collect several times a second, one with a million
// open executions would grow to twice of what it needs. GOGC or GOMEMLIMIT in the
// environment say otherwise. It is for processes that are nothing but a server.
func PaceGarbage() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(garbagePercent(0))
	afterCollection(&sentinel{})
}

// garbagePercent is the GC percent for so many bytes alive.
func garbagePercent(alive uint64) int {
	return max(garbagePortion, int(min(garbageMost, garbageBytesMin*100/max(alive, 1))))
}

// sentinel dies with the next collection. It holds a pointer, since what holds
// none may share its memory with others, and live as long as they.
type sentinel struct{ _ *byte }

// afterCollection sets the pace anew after each collection.
func afterCollection(next *sentinel) {
	runtime.SetFinalizer(next, func(*sentinel) {
		alive := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(alive)
		debug.SetGCPercent(garbagePercent(alive[0].Value.Uint64()))
		afterCollection(&sentinel{})
	})
}
