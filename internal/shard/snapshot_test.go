package shard

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// rowsOf counts the rows of a kind that a run has, and their bytes.
func (h *harness) rowsOf(kind byte, run engine.RunID) (rows, bytes int) {
	h.t.Helper()
	prefix := keys.AppendRun(nil, kind, run)
	err := h.store.Scan(context.Background(), run.Shard(), store.Range{Start: prefix, End: keys.End(prefix)}, func(key, value []byte) bool {
		rows++
		bytes += len(key) + len(value)
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows, bytes
}

// head gives the stored head of a run.
func (h *harness) head(run engine.RunID) *runlog.Head {
	h.t.Helper()
	head, err := h.Head(context.Background(), run)
	if err != nil || head == nil {
		h.t.Fatalf("head of %s: %v, %v", run, head, err)
	}
	return head
}

// TestLargeSnapshotIsWrittenInParts, by several batches, and the process is killed
// before or after each of their commits: the state is always right, the check finds
// nothing, and in the end the old parts are gone.
func TestLargeSnapshotIsWrittenInParts(t *testing.T) {
	if racing {
		t.Skip("it copies gigabytes in one goroutine, in which there is no race to be found")
	}
	const size = 5 << 19 // three parts
	const first, last = 400 << 10, 300 << 10
	for _, kind := range []engine.Kind{toyKind, cutKind} {
		for _, written := range []bool{false, true} {
			for killAt := 0; ; killAt++ {
				h := newHarness(t, 1)
				name := nameOf(kind, "a")
				put := func(text string) *call { return h.begin(engine.IfAbsent, name, toyPut{text}) }
				h.ok(put("1"))
				run := h.names(name)
				h.ok(h.begin(engine.Never, name, toyPile{Size: first}))
				for range 5 {
					h.ok(h.begin(engine.Never, name, toyAdd{Text: strings.Repeat("x", 60<<10)}))
				}
				old := h.head(run)
				if old.SnapshotAt == 0 || old.SnapshotLen < first {
					t.Fatalf("there is no first snapshot: %+v", old)
				}
				h.ok(h.begin(engine.Never, name, toyPile{Size: size}))
				for range 36 {
					h.give("other", toyAdd{Text: strings.Repeat("x", 60<<10)}) // fills batches
					h.begin(engine.Never, name, toyAdd{Text: strings.Repeat("y", 60<<10)})
				}
				tokens := []string{"1"}
				batches, between := 0, 0
				killed := false
				for n := 0; n < 40 && !killed; n++ {
					if b := h.Ready(0); b != nil {
						now := batches == killAt
						if batches++; now && !written {
							h.kill()
							killed = true
							break
						}
						err := h.commit(b)
						if now {
							h.kill()
							killed = true
							break
						}
						h.Done(0, b, err)
						if len(h.shards[0].snapshots) > 0 {
							between++
							tokens = append(tokens, fmt.Sprint("while it is written ", n))
							put(tokens[len(tokens)-1]) // the run goes on
						}
						h.check()
					}
					h.fetchAll()
				}
				if !killed && between < 1 {
					t.Fatalf("the snapshot was written in one batch")
				}
				h.check()
				h.settle()
				s := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState)
				// A put that was evaluated and not written has gone with its caller.
				if got := len(s.Tokens); got > len(tokens) || got < len(tokens)-1 || !killed && got != len(tokens) {
					t.Errorf("%s, killed at %d: %d tokens, want %d", kind, killAt, got, len(tokens))
				}
				if n := len(s.Pile); n != size && n != first {
					t.Errorf("%s, killed at %d: a pile of %d", kind, killAt, n)
				}
				// The run goes on until a snapshot is whole.
				h.ok(h.begin(engine.Never, name, toyPile{Size: last}))
				for n := 0; h.head(run).SnapshotLen < last || h.head(run).SnapshotLen >= first; n++ {
					if n > 400 {
						t.Fatal("no snapshot is made")
					}
					h.ok(h.begin(engine.Never, name, toyAdd{Text: strings.Repeat("z", 60<<10)}))
				}
				h.settle()
				h.check()
				head := h.head(run)
				if rows, _ := h.rowsOf(keys.Snapshot, run); rows != runlog.SnapshotParts(head.SnapshotLen) {
					t.Errorf("%s, killed at %d: %d parts, want %d", kind, killAt, rows, runlog.SnapshotParts(head.SnapshotLen))
				}
				h.kill()
				if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); len(got.Pile) != last || len(got.Tokens) != len(s.Tokens) {
					t.Errorf("%s, killed at %d: a pile of %d and %q", kind, killAt, len(got.Pile), got.Tokens)
				}
				if killAt == 1 { // and all of it is forgotten
					h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 1}))
					h.must("other", toyClose{Forget: h.now + 1})
					h.now++
					h.settle()
					if n := h.rows(); n != 0 {
						t.Errorf("%d rows are left", n)
					}
				}
				h.quiet()
				if t.Failed() || !killed {
					break
				}
			}
		}
	}
}

// TestRunClosesWhileItsSnapshotIsWritten: the parts go, those of before a kill with the
// run.
func TestRunClosesWhileItsSnapshotIsWritten(t *testing.T) {
	for _, kill := range []bool{false, true} {
		h := newHarness(t, 1)
		h.must("a", toyPile{Size: 11 << 20})
		run := h.names(toyName("a"))
		for range 5 {
			h.give("a", toyAdd{Text: strings.Repeat("x", 60<<10)})
		}
		h.one(nil) // it has become due, and does not fit
		if rows, _ := h.rowsOf(keys.Snapshot, run); rows == 0 || len(h.shards[0].snapshots) == 0 {
			t.Fatalf("%d parts are written, %d snapshots under way", rows, len(h.shards[0].snapshots))
		}
		if kill {
			h.kill()
		}
		h.must("a", toyClose{Forget: h.now + 10})
		h.check()
		if rows, _ := h.rowsOf(keys.Snapshot, run); rows != 0 && !kill {
			t.Errorf("%d parts are left", rows)
		}
		h.ok(h.to(run, toyReopen{}))
		if got := h.read("a"); len(got.Pile) != 11<<20 {
			t.Errorf("a pile of %d", len(got.Pile))
		}
		h.must("a", toyClose{Forget: h.now + 10})
		h.now += 10
		h.settle()
		if n := h.rows(); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		h.quiet()
	}
}

// TestCutLogStaysShort over thousands of changes.
func TestCutLogStaysShort(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(cutKind, "a")
	most := func(rows, bytes int) bool { return rows <= 900 && bytes <= 3*snapshotLenMin }
	worst, worstBytes := 0, 0
	for i := range 8000 {
		c := h.begin(engine.IfAbsent, name, toyAdd{})
		if i%7 == 0 {
			h.ok(c)
		}
		if i%400 == 0 {
			h.kill()
			h.check()
		}
		if i%40 == 0 && i > 0 {
			run := h.ok(h.begin(engine.Never, name, engine.Peek{})).(*engine.RunView).Run
			rows, bytes := h.rowsOf(keys.History, run)
			parts, more := h.rowsOf(keys.Snapshot, run)
			worst, worstBytes = max(worst, rows+parts), max(worstBytes, bytes+more)
		}
	}
	if !most(worst, worstBytes) {
		t.Errorf("the run had %d rows of %d bytes", worst, worstBytes)
	}
	s := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState)
	if s.Added < 7000 || int64(s.Added) != s.Last-1 {
		t.Errorf("%d changes, and the last event is %d", s.Added, s.Last)
	}
	h.check()
	h.quiet()
}

// TestHeadNamesTheSnapshotThatItsBatchHas, also when the run was settled before the
// snapshot was taken, or the batch has nothing else of the run than a note.
func TestHeadNamesTheSnapshotThatItsBatchHas(t *testing.T) {
	for _, kind := range []engine.Kind{toyKind, cutKind} {
		for _, note := range []bool{false, true} {
			h := newHarness(t, 1)
			name := nameOf(kind, "a")
			h.ok(h.begin(engine.IfAbsent, name, toyOffer{}))
			run := h.names(name)
			for n := 1; n <= 2; n++ {
				text := strings.Repeat("x", n*(largeLen+1))
				h.ok(h.begin(engine.Never, name, toyPut{"1"})) // each state has another length
				if note {
					h.submit(engine.Command{Name: name, Body: toyAdd{Text: text}, Patient: true})
					h.ok(h.give("other", toyAdd{}))
					h.ok(h.to(run, toyReach{2}))
				} else {
					add := h.begin(engine.Never, name, toyAdd{Text: text})
					h.ok(h.to(run, engine.Peek{}))
					h.ok(add)
				}
				if at := h.head(run).SnapshotAt; at == 0 {
					t.Errorf("%s, note %v: the head knows no snapshot", kind, note)
				}
				h.check()
				h.kill()
				if got := h.ok(h.begin(engine.Never, name, toyRead{})).(toyState); got.Added != n || len(got.Tokens) != n {
					t.Errorf("%s, note %v: after a kill %d events and %q", kind, note, got.Added, got.Tokens)
				}
			}
			h.quiet()
		}
	}
}

// TestSnapshotsInMemoryAreBounded when many large runs grow at a time.
func TestSnapshotsInMemoryAreBounded(t *testing.T) {
	h := newHarness(t, 1)
	const runs, size = 48, 1 << 20
	var calls []*call
	for i := range runs {
		calls = append(calls, h.give(fmt.Sprint(i), toyPile{Size: size}), h.give(fmt.Sprint(i), toyAdd{Text: strings.Repeat("x", largeLen)}))
	}
	held := 0
	for len(h.Kicked()) > 0 || !answered(calls[len(calls)-1]) {
		h.step(h.shards[0])
		n := 0
		for _, s := range h.shards[0].snapshots {
			n += len(s.state)
		}
		if told := h.shards[0].snapshotBytes.Load(); int(told) != n {
			t.Fatalf("%d bytes of snapshots are in memory, %d are told", n, told)
		}
		held = max(held, n)
	}
	if held > snapshotsBytesMax+2*size {
		t.Errorf("%d bytes of snapshots were in memory", held)
	}
	h.settle()
	h.check()
	h.kill()
	for i := range runs {
		if s := h.read(fmt.Sprint(i)); s.Added != 1 || len(s.Pile) != size {
			t.Errorf("run %d has %d events and a pile of %d", i, s.Added, len(s.Pile))
		}
		if i%8 == 0 { // a run whose snapshot had to wait has it taken with its next event
			h.must(fmt.Sprint(i), toyAdd{Text: strings.Repeat("x", largeLen)})
		}
	}
	h.settle()
	if n := len(h.shards[0].snapshots) + len(h.shards[0].due); n > 0 {
		t.Errorf("%d snapshots are not yet written", n)
	}
	h.check()
}
