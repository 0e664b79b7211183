package pebblestore

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"heddle/internal/store"
)

// TestLogsTakeWhatTheyHold: a log on the disk is a few MB larger than what was written to it,
// and not as large as a log may become.
func TestLogsTakeWhatTheyHold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	h, err := s.Acquire(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	// The first memtables are small, so that one log follows another.
	value, written := make([]byte, 256<<10), int64(0)
	for i := range 40 {
		errs := s.Commit(t.Context(), []store.Section{{Epoch: h.Epoch(), Seq: h.Seq() + uint64(i) + 1, Ops: []store.Op{{Key: fmt.Appendf(nil, "%d", i), Value: value}}}})
		if errs[0] != nil {
			t.Fatal(errs[0])
		}
		written += int64(len(value))
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) < 2 {
		t.Fatalf("%d logs, %v; want some", len(logs), err)
	}
	var taken int64
	for _, path := range logs {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		taken += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	if most := written + int64(len(logs))*(allocatedAhead+1<<20); taken > most || taken < written/2 {
		t.Errorf("%d logs take %d bytes for %d that were written; want %d at most", len(logs), taken, written, most)
	}
	if found, ok := s.Logs(); !ok || found.Live+found.Kept != int64(len(logs)) || found.LiveBytes == 0 {
		t.Errorf("it tells %+v of %d logs", found, len(logs))
	}
}
