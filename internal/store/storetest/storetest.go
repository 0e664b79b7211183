// Package storetest is the meaning of store.Store: a suite that every backend
// runs. What it does not test is not promised.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"heddle/internal/store"
)

// Shards is how many shards the stores under test must have.
const Shards = 8

// Backend is a store under test and what may befall it.
type Backend struct {
	Store store.Store
	// Reopen opens the data of the closed store again.
	Reopen func(t *testing.T) store.Store
	// Crash ends the store without closing it, as a power cut would, and opens
	// what survived.
	Crash func(t *testing.T) store.Store
}

// Shared is an opening of a store that others have open too.
type Shared interface {
	store.Store
	Members() store.Members
}

// RunShared runs the suite of stores that are open more than once. Open gives two openings
// of a new, empty store, and what lets the time of memberships pass.
func RunShared(t *testing.T, open func(t *testing.T) (one, two Shared, pass func(time.Duration))) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, one, two Shared, pass func(time.Duration))
	}{
		{"each has its own shards", ownShards},
		{"what a member releases is anybody's", releasedShard},
		{"a member that is late is declared dead", lateMember},
		{"a member joins again", joinAgain},
		{"names are of one member", memberNames},
		{"a shard that lost sections is refused to who heard of them", heardSequences},
		{"a loss stands until it is accepted", acceptedLosses},
	} {
		t.Run(test.name, func(t *testing.T) {
			one, two, pass := open(t)
			test.run(t, one, two, pass)
		})
	}
}

// Run runs the suite. Open gives a new, empty store each time, and sees to it
// that whatever was opened is closed when the test ends.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b Backend)
	}{
		{"order", order},
		{"ranges", ranges},
		{"empty values", emptyValues},
		{"operations apply in order", operationsInOrder},
		{"delete range keeps to its range", deleteRange},
		{"scan stops when told", scanStops},
		{"scan obeys its context", scanObeysContext},
		{"scan keeps one view", scanKeepsOneView},
		{"scan of an empty range", scanEmptyRange},
		{"values are copies", copies},
		{"get of many rows", getMany},
		{"reads without owning", unownedReads},
		{"limits of scans", limits},
		{"reads of an unknown shard", unknownShardReads},
		{"reads with a cancelled context", cancelledReads},
		{"visitors may call the store", visitorsMayCall},
		{"reads of one moment", oneMoment},
		{"snapshots", snapshots},
		{"a snapshot is closed", snapshotClosed},
		{"a snapshot is left open", snapshotLeftOpen},
		{"a snapshot is outlived", snapshotOutlived},
		{"index is shared", indexIsShared},
		{"fencing by epoch", fencingByEpoch},
		{"fencing by sequence", fencingBySequence},
		{"a fenced section fails alone", fencedAlone},
		{"an unknown shard", unknownShard},
		{"a section too large fails alone", tooLargeAlone},
		{"a commit with a cancelled context", cancelledCommit},
		{"acquire again", acquireAgain},
		{"stamps", stamps},
		{"release", release},
		{"meta compare and set", metaCompareAndSet},
		{"meta list", metaList},
		{"concurrent commits", concurrentCommits},
		{"an owner replaced while he commits", replacedOwner},
		{"closed", closed},
		{"reopen", reopen},
		{"crash", crash},
		{"random operations", randomOperations},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// owner holds one shard and counts its sections.
type owner struct {
	t      *testing.T
	tested store.Store
	handle store.Handle
	seq    uint64
}

func acquire(t *testing.T, tested store.Store, shard uint16) *owner {
	t.Helper()
	handle, err := tested.Acquire(t.Context(), shard)
	if err != nil {
		t.Fatal(err)
	}
	if handle.Shard() != shard {
		t.Fatalf("acquired shard %d, got shard %d", shard, handle.Shard())
	}
	return &owner{t: t, tested: tested, handle: handle, seq: handle.Seq()}
}

// section is the owner's next one.
func (o *owner) section(ops ...store.Op) store.Section {
	return store.Section{Shard: o.handle.Shard(), Epoch: o.handle.Epoch(), Seq: o.seq + 1, Ops: ops}
}

func (o *owner) commit(ops ...store.Op) {
	o.t.Helper()
	wantCommit(o.t, o.tested, []store.Section{o.section(ops...)}, nil)
	o.seq++
}

// wantCommit commits and wants just these errors, by section.
func wantCommit(t *testing.T, tested store.Store, sections []store.Section, want ...error) {
	t.Helper()
	got := tested.Commit(t.Context(), sections)
	if len(got) != len(sections) {
		t.Fatalf("commit of %d sections gave %d errors", len(sections), len(got))
	}
	for i := range got {
		if !errors.Is(got[i], want[i]) {
			t.Fatalf("commit, section %d: %v, want %v", i, got[i], want[i])
		}
	}
}

// get reads one row of the owner's shard; nil is none.
func (o *owner) get(key string) []byte {
	o.t.Helper()
	return get(o.t, o.tested, inShard(o.handle.Shard(), key))[0]
}

// scan reads the owner's shard.
func (o *owner) scan(ctx context.Context, r store.Range, visit store.Visit) error {
	return o.tested.Scan(ctx, o.handle.Shard(), r, visit)
}

func (o *owner) want(key, value string) {
	o.t.Helper()
	if got := o.get(key); got == nil || string(got) != value {
		o.t.Fatalf("shard %d, key %q: %q, want %q", o.handle.Shard(), key, got, value)
	}
}

func (o *owner) wantNone(key string) {
	o.t.Helper()
	if got := o.get(key); got != nil {
		o.t.Fatalf("shard %d, key %q: %q, want none", o.handle.Shard(), key, got)
	}
}

// get reads rows, which must succeed.
func get(t *testing.T, v store.View, places ...store.Place) [][]byte {
	t.Helper()
	values, err := v.Get(t.Context(), places)
	if err != nil || len(values) != len(places) {
		t.Fatalf("get of %d places: %d values, %v", len(places), len(values), err)
	}
	return values
}

func inShard(shard uint16, key string) store.Place {
	return store.Place{Shard: shard, Key: []byte(key)}
}

func inIndex(key string) store.Place {
	return store.Place{Space: store.IndexSpace, Key: []byte(key)}
}

// scanner scans one key space: a shard's, or the index.
type scanner func(ctx context.Context, r store.Range, visit store.Visit) error

// scanOf scans a shard of a view.
func scanOf(v store.View, shard uint16) scanner {
	return func(ctx context.Context, r store.Range, visit store.Visit) error { return v.Scan(ctx, shard, r, visit) }
}

// rows is what a scan visits, each as "key=value".
func rows(t *testing.T, s scanner, r store.Range) []string {
	t.Helper()
	found := []string{}
	err := s(t.Context(), r, func(key, value []byte) bool {
		found = append(found, fmt.Sprintf("%s=%s", key, value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantRows(t *testing.T, s scanner, r store.Range, want ...string) {
	t.Helper()
	if got := rows(t, s, r); !slices.Equal(got, want) {
		t.Fatalf("scan from %q to %q, reverse %v: %q, want %q", r.Start, r.End, r.Reverse, got, want)
	}
}

func put(key, value string) store.Op {
	return store.Op{Kind: store.Put, Key: []byte(key), Value: []byte(value)}
}

func del(key string) store.Op {
	return store.Op{Kind: store.Delete, Key: []byte(key)}
}

func delRange(start, end string) store.Op {
	return store.Op{Kind: store.DeleteRange, Key: []byte(start), Value: []byte(end)}
}

func indexed(op store.Op) store.Op {
	op.Space = store.IndexSpace
	return op
}

func span(start, end string) store.Range {
	return store.Range{Start: []byte(start), End: []byte(end)}
}

func backwards(r store.Range) store.Range {
	r.Reverse = true
	return r
}
