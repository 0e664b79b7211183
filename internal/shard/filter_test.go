package shard

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
)

// TestFilterKnowsItsNames: it has what it was given, and little else until it is full.
func TestFilterKnowsItsNames(t *testing.T) {
	hash := keys.Hash{1}
	name := func(i int) nameHash { return hash.Sum(fmt.Sprint(i)) }
	var names []nameHash
	for i := range 5000 {
		names = append(names, name(i))
	}
	f := newFilter(names)
	n := len(names)
	for ; !f.full(); n++ {
		f.add(name(n))
	}
	if n < 2*len(names) {
		t.Errorf("it is full with %d names, and was made of %d", n, len(names))
	}
	for i := range n {
		if !f.has(name(i)) {
			t.Fatalf("name %d of %d is not in it", i, n)
		}
	}
	wrong := 0
	for i := range 100_000 {
		if f.has(name(n + i)) {
			wrong++
		}
	}
	if wrong > 1500 {
		t.Errorf("%d of 100,000 other names are in it", wrong)
	}
}

// TestFreeNameNeedsNoLook: once the names are known a new one is taken without a fetch, one
// that is kept is found, and those that were taken while the names were read are among them.
func TestFreeNameNeedsNoLook(t *testing.T) {
	h := newHarness(t, 1)
	of := func(key string) engine.Name { return nameOf(keptKind, key) }
	once := func(key string) *call { return h.begin(engine.Once, of(key), toyPut{"1"}) }
	end := func(key string) *call { return h.begin(engine.Never, of(key), toyClose{Forget: h.now + 1000}) }
	commit := func() {
		if b := h.Ready(0); b != nil {
			h.Done(0, b, h.commit(b))
		}
	}
	h.ok(once("before"))
	h.ok(end("before"))
	h.kill()

	during := h.begin(engine.Always, of("during"), toyPut{"1"})
	h.ok(during)
	h.now += 10 // runs of now are known to be new
	looked := once("looked")
	commit() // has its name looked up
	h.Fetch(context.Background(), 0)
	b := h.Ready(0) // has all names read, and takes one that the store does not show
	if h.Fetches() != 1 {
		t.Fatalf("%d fetches, want that of the names", h.Fetches())
	}
	h.Fetch(context.Background(), 0)
	h.Done(0, b, h.commit(b))
	h.ok(looked)
	for _, key := range []string{"during", "looked"} {
		h.ok(end(key))
	}
	for _, key := range []string{"before", "during", "looked"} {
		refused[*engine.NameKeptError](h, once(key))
	}
	looks := 0
	for i := range 3 * filterNamesMin { // it is made anew when it is full
		key := fmt.Sprint(i)
		c := once(key)
		commit()
		if !answered(c) {
			looks++
		}
		h.ok(c)
		h.ok(end(key))
		h.settle()
	}
	if looks > 3*filterNamesMin/50 {
		t.Errorf("%d of %d names were looked up", looks, 3*filterNamesMin)
	}
	for i := range 3 * filterNamesMin {
		refused[*engine.NameKeptError](h, once(fmt.Sprint(i)))
	}
	h.check()
	h.quiet()
}

// TestNamesThatCanNotBeReadAreLookedUp: without a filter each start looks for its own name.
func TestNamesThatCanNotBeReadAreLookedUp(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(keptKind, "a")
	h.failRead = func(kind byte) bool { return kind == keys.Name }
	if _, err := h.answer(h.begin(engine.Once, name, toyPut{"1"})); !errors.Is(err, engine.ErrUnread) {
		t.Errorf("got %v", err)
	}
	h.settle()
	h.failRead = nil
	h.ok(h.begin(engine.Once, name, toyPut{"1"}))
	h.ok(h.begin(engine.Never, name, toyClose{Forget: h.now + 1000}))
	refused[*engine.NameKeptError](h, h.begin(engine.Once, name, toyPut{"1"}))
	h.quiet()
}
