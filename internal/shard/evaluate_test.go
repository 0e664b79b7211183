package shard

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
)

// TestEvaluatingReadsNothing: whatever a call lacks, a cold run, a closed one, the run that
// keeps a name, events, blobs, runs to forget, or all that the shard had in memory, is read
// by a fetch, and by no step in which the shard evaluates.
func TestEvaluatingReadsNothing(t *testing.T) {
	h := newHarness(t, 2)
	evaluating := ""
	reads := 0
	h.failRead = func(kind byte) bool {
		if reads++; evaluating != "" {
			t.Errorf("%s read a row of kind %q", evaluating, kind)
		}
		return false
	}
	// step is harness.step with an eye on what evaluates.
	step := func() {
		t.Helper()
		for _, s := range h.shards {
			evaluating = "a step"
			b := h.Ready(s.id)
			evaluating = ""
			if b != nil {
				err := h.commit(b)
				evaluating = "letting out what was committed"
				h.Done(s.id, b, err)
				evaluating = ""
			}
		}
		h.fetchAll()
	}
	var calls []*call
	settle := func() {
		t.Helper()
		for range 30 {
			step()
		}
		for _, c := range calls {
			if !answered(c) {
				t.Errorf("%T was never answered", c.cmd.Body)
			}
		}
		calls = nil
	}
	ask := func(c *call) { calls = append(calls, c) }

	blobID := h.putBlob("hello")
	for i := range 8 { // of two shards with two states in memory each
		name := fmt.Sprint("run ", i)
		for range 3 {
			ask(h.give(name, toyAdd{Text: strings.Repeat("x", 4000)}))
		}
		ask(h.give(name, toyTell{fmt.Sprint("run ", (i+1)%8)}))
		ask(h.give(name, toyWake{At: h.now + 10}))
	}
	settle()
	h.kill()
	for i := range 8 {
		ask(h.give(fmt.Sprint("run ", i), toyRead{}))
	}
	settle()
	for i := range 4 {
		name := toyName(fmt.Sprint("run ", i))
		ask(h.begin(engine.Never, name, toyWant{Events: []int64{1, 2, 3}}))
		ask(h.begin(engine.Never, name, toyClose{Forget: h.now + 100}))
		ask(h.begin(engine.Once, nameOf(keptKind, fmt.Sprint("kept ", i)), toyAdd{}))
		ask(h.begin(engine.Never, nameOf(keptKind, fmt.Sprint("kept ", i)), toyClose{Forget: h.now + 100}))
		ask(h.begin(engine.Once, nameOf(keptKind, fmt.Sprint("kept ", i)), toyAdd{}))
	}
	ask(h.give("with a blob", toyAdd{}))
	ask(h.begin(engine.Never, toyName("with a blob"), toyWant{Blobs: []blob.ID{blobID}}))
	settle()
	h.kill()
	h.now += 1000 // wakes are due, and runs are forgotten
	for i := range 4 {
		ask(h.begin(engine.Once, nameOf(keptKind, fmt.Sprint("kept ", i)), toyAdd{}))
	}
	settle()
	// A shard that has lost its memory.
	ask(h.give("run 7", toyAdd{}))
	var b *Batch
	for range 10 {
		h.fetchAll()
		evaluating = "a step"
		if b = h.Ready(0); b == nil {
			b = h.Ready(1)
		}
		evaluating = ""
		if b != nil {
			break
		}
	}
	if b == nil {
		t.Fatal("no batch")
	}
	h.Done(b.Section.Shard, b, fmt.Errorf("the commit failed: %w", context.DeadlineExceeded))
	settle()
	if reads < 30 {
		t.Errorf("only %d reads: it has tried little", reads)
	}
	h.check()
	h.quiet()
}
