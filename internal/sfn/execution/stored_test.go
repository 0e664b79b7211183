package execution

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/test/golden"
)

// TestStoredBytesStay compares events, states, listings, notes, messages and tokens with the
// bytes that stores have of them. The file may grow; what is in it changes with what the
// rules decide, never with how they write it.
func TestStoredBytesStay(t *testing.T) {
	var told strings.Builder
	sum := sha256.New()
	for _, r := range lived(t) {
		for _, e := range r.run.events {
			sum.Write(e.Public)
			sum.Write(e.Private)
		}
		fmt.Fprintf(&told, "seed %d\n  state %x\n  listing %x\n", r.seed, r.rules.EncodeState(r.run.state), r.run.record.Listing)
		for _, key := range slices.SortedFunc(maps.Keys(r.run.notes), func(a, b noteKey) int {
			return int((a.subject-b.subject)*256 + int64(a.kind) - int64(b.kind))
		}) {
			fmt.Fprintf(&told, "  note %d %d %x\n", key.subject, key.kind, r.run.notes[key])
		}
		for _, e := range r.run.events {
			fmt.Fprintf(&told, "  event %d %s %x\n", e.ID, e.Body.(*Body).Type, e.Private)
		}
	}
	fmt.Fprintf(&told, "all events %x\n", sum.Sum(nil))
	why, run := "why", engine.NewRunID(7, engine.Seed{2})
	for _, m := range []message{
		&ChildClosed{5, "arn", "name", "machine", "version", "alias", Failed, "{}", "", &why, nil, 6, 7, 1}, &ChildClosed{},
		&StopChild{run, 5}, &ChildBegun{5, run, run, Name(testWorld, "m", "c"), 6}, &ActivityFound{Thread: 2, Entered: 7, ARN: "arn", There: true},
	} {
		fmt.Fprintf(&told, "%T %x\n", m, encodeMessage(m))
	}
	changes := []change{{kind: changeRetry, thread: 1, at: 70, retries: []int64{1, 0}, failed: 9}, {kind: changeKnown, arn: "a", at: 5}}
	fmt.Fprintf(&told, "changes %x\n", changesNote(9, changes).Value)
	fmt.Fprintf(&told, "token %s\n", Token{Run: run, Scheduled: 700, Proof: [16]byte{1, 2}})
	golden.Compare(t, "testdata/stored.hex", told.String())
}
