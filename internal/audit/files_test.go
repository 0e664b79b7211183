package audit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func line(size int) []byte {
	return append(bytes.Repeat([]byte{'x'}, size-1), '\n')
}

func TestRotation(t *testing.T) {
	h := &house{t: t, now: noon}
	dir := filepath.Join(t.TempDir(), "audit")
	f, err := openFiles(Files{Dir: dir, BytesMax: 100, AgeMax: time.Hour, Keep: 3}, Calls, h.clock, quiet)
	if err != nil {
		t.Fatal(err)
	}
	write := func(size int) {
		t.Helper()
		if n, err := f.write(t.Context(), line(size)); n != size || err != nil {
			t.Fatal(n, err)
		}
	}
	holds := func(want ...int64) {
		t.Helper()
		var got []int64
		for _, name := range filesOf(t, dir) {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("%s has mode %o", name, mode)
			}
			got = append(got, info.Size())
		}
		if len(got) != len(want) {
			t.Fatalf("files of %v bytes, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("files of %v bytes, want %v", got, want)
			}
		}
	}
	write(60)
	write(40)
	holds(100)
	write(10) // full; in the same millisecond
	holds(100, 10)
	h.advance(time.Hour + time.Millisecond)
	write(20) // too old
	holds(100, 10, 20)
	h.advance(-2 * time.Hour) // set back: names stay in order
	write(90)
	holds(10, 20, 90) // the oldest goes
	write(300)        // more than a file should have
	holds(20, 90, 300)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}

	// A restart goes on in the newest file, without the half line that a crash left.
	last := filesOf(t, dir)[2]
	if err := os.WriteFile(last, []byte("whole\nhal"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err = openFiles(f.Files, Calls, h.clock, quiet); err != nil {
		t.Fatal(err)
	}
	write(5)
	b, err := os.ReadFile(last)
	if err != nil || string(b) != "whole\nxxxx\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"notes.txt", "audit-.jsonl", "audit-2026.jsonl", "audit-20260301T120000.000Z.jsonl.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := newHouse(t, Config{Files: Files{Dir: dir, BytesMax: 1, AgeMax: time.Hour, Keep: 1}})
	for range 5 {
		h.record(&Call{Time: noon})
	}
	h.stop()
	if n := len(filesOf(t, dir)); n != 4+kinds {
		t.Errorf("%d files", n)
	}
}

func TestNoFolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Config{Files: Files{Dir: name}, Now: time.Now}); err == nil {
		t.Error("a file was taken for the folder")
	}
}

// gate is a sink that takes nothing until it is opened.
type gate struct {
	opened chan struct{}
	taken  bytes.Buffer
}

func (g *gate) write(_ context.Context, lines []byte) (int, error) {
	<-g.opened
	return g.taken.Write(lines)
}

func (g *gate) close() error { return nil }

// behind gives a trail whose files are a sink of the test.
func behind(t *testing.T, s sink) *house {
	h := newHouse(t, Config{})
	for kind := range Kind(kinds) {
		h.toFiles(kind, s)
	}
	return h
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{opened: make(chan struct{})}
		h := behind(t, g)
		big := &Call{Time: noon, Request: Shown(`"` + strings.Repeat("x", 90<<10) + `"`)}
		h.record(big)
		time.Sleep(2 * filesGather) // the sink has it
		took := func() time.Duration {
			began := time.Now()
			h.record(big)
			return time.Since(began)
		}
		n := 1
		for ; took() == 0; n++ {
		}
		if lost := h.Counts().FilesLost; lost != 1 {
			t.Errorf("%d lost", lost)
		}
		for range 3 { // nobody else waits
			if d := took(); d != 0 {
				t.Errorf("a call waited for %s", d)
			}
		}
		if lost := h.Counts().FilesLost; lost != 4 || n < 80 {
			t.Errorf("%d lost after %d", lost, n)
		}
		if n := strings.Count(h.logged(), "audit records are being lost"); n != 1 {
			t.Errorf("said %d times in %s", n, h.logged())
		}
		close(g.opened)
		time.Sleep(2 * filesGather)
		h.record(&Call{Time: noon, RequestID: "after"})
		h.stop()
		lines := strings.SplitAfter(g.taken.String(), "\n")
		if r := recordOf(t, lines[n]); r.EventName != "AuditRecordsLost" || r.ServiceEventDetails.Records != 4 {
			t.Errorf("the gap is %+v", r)
		}
		if r := recordOf(t, lines[n+1]); r.RequestID != "after" {
			t.Errorf("after the gap comes %+v", r)
		}
		if c := h.Counts(); c.FilesLost != 4 || c.Recorded != int64(n+5) {
			t.Errorf("counts %+v", c)
		}
	})
}

func TestRoomInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{opened: make(chan struct{})}
		h := behind(t, g)
		h.record(&Call{Time: noon})
		time.Sleep(2 * filesGather)
		for h.files[Calls].queue.put(line(1<<20)) == queued && len(h.files[Calls].queue.lines) < queueMax[Calls] {
		}
		go func() {
			time.Sleep(filesWait / 2)
			close(g.opened)
		}()
		began := time.Now()
		h.record(&Call{Time: noon})
		if d := time.Since(began); d != filesWait/2+filesGather {
			t.Errorf("waited for %s", d)
		}
		h.stop()
		if c := h.Counts(); c.FilesLost != 0 {
			t.Errorf("counts %+v", c)
		}
	})
}

// tight is a disk that is full after so many bytes, until it is given more.
type tight struct {
	mu    sync.Mutex
	room  int
	taken bytes.Buffer
}

var errFull = errors.New("no space left on device")

func (d *tight) write(_ context.Context, lines []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(lines), d.room)
	d.room -= n
	d.taken.Write(lines[:n])
	if n < len(lines) {
		return n, errFull
	}
	return n, nil
}

func (d *tight) close() error { return nil }

func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &tight{room: 100}
		h := behind(t, d)
		for range 3 {
			h.record(&Call{Time: noon})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		d.mu.Lock()
		d.room = 1 << 20
		d.mu.Unlock()
		time.Sleep(time.Minute)
		h.stop()
		lines := strings.Split(strings.TrimSuffix(d.taken.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			recordOf(t, line)
		}
		if log := h.logged(); !strings.Contains(log, "tried again") || !strings.Contains(log, "written again") {
			t.Error(log)
		}
	})
}

func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := behind(t, &tight{})
		h.record(&Call{Time: noon})
		time.Sleep(2 * filesGather) // it is being tried
		h.record(&Call{Time: noon})
		began := time.Now()
		h.stop()
		if d := time.Since(began); d != 0 {
			t.Errorf("closing took %s", d)
		}
		if c := h.Counts(); c.FilesLost != 2 {
			t.Errorf("counts %+v", c)
		}
		h.record(&Call{Time: noon}) // too late
		if c := h.Counts(); c.FilesLost != 3 {
			t.Errorf("counts %+v", c)
		}
	})
}
