package server

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	for alive, want := range map[uint64]int{
		0: 400, 1 << 20: 400, 24 << 20: 400, 48 << 20: 200, 96 << 20: 100, 192 << 20: 50, 1 << 30: 50,
	} {
		if got := garbagePercent(alive); got != want {
			t.Errorf("%d bytes alive: %d percent, want %d", alive, got, want)
		}
	}
}

// TestPaceGarbage grows the heap; each collection sets the pace anew.
func TestPaceGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	PaceGarbage()
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	if p := percent(); p != garbageMost {
		t.Fatalf("begins at %d percent", p)
	}
	ballast := make([]byte, 300<<20)
	ballast[0] = 1
	for end := time.Now().Add(deadline); percent() != garbagePortion; {
		if time.Now().After(end) {
			t.Fatalf("%d percent with %d MB alive", percent(), len(ballast)>>20)
		}
		runtime.GC()
	}
	runtime.KeepAlive(ballast)
}
