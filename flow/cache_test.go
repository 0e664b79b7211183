package flow

import (
	"testing"
)

// A run at hand serves the task after the one that it handled last, and no other.
func TestTakeGivesWhatFits(t *testing.T) {
	w := NewWorker(&Client{}, WorkerConfig{TaskList: "list"})
	info := RunInfo{RunID: "run"}
	for _, c := range []struct {
		previous func(handled int64) int64
		fits     bool
	}{
		{func(handled int64) int64 { return handled }, true},
		{func(handled int64) int64 { return handled + 6 }, false}, // another worker has had a task since
		{func(handled int64) int64 { return handled - 1 }, false}, // its answer was lost
		{func(int64) int64 { return 0 }, false},
	} {
		s := newTeller("call", "1")
		s.task("", false, func() {})
		w.keep("run", s.c)
		if got := w.take(info, c.previous(s.prev)) != nil; got != c.fits {
			t.Errorf("a run that handled %d is given for a task after %d: %v", s.prev, c.previous(s.prev), got)
		}
		if w.take(info, s.prev) != nil {
			t.Error("it is at hand still")
		}
		s.c.run.End()
	}
}
