package swf

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/swf/registry"
)

// TestCatalogIsWeighed fills the catalog with the largest domains and types there may be,
// each another: it keeps no more than it may, as the heap sees it.
func TestCatalogIsWeighed(t *testing.T) {
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	long := func(n, size int) string { return fmt.Sprintf("%06d", n) + strings.Repeat("\U0001F600", size-6) }
	c := &catalog{known: map[catalogKey]catalogEntry{}}
	before, most, entries := heap(), 0, 0
	for n := range 12_000 {
		k := catalogKey{world: engine.World{Account: "1", Region: strings.Clone("us-east-1")}, domain: long(n, 256)}
		e := catalogEntry{}
		switch n % 3 {
		case 0:
			d := &registry.Domain{Name: k.domain, Description: long(n, 1024)}
			for i := range 50 {
				d.Tags = append(d.Tags, registry.Tag{Key: long(i, 128), Value: long(n, 256)})
			}
			e.domain = d
		default:
			k.id = registry.TypeID{Kind: registry.TypeKind(n % 3), Name: long(n, 256), Version: long(n, 64)}
			e.found = known(registry.Type{ID: k.id, Defaults: registry.Defaults{
				LambdaRole: long(n, 1600), TaskList: long(n, 256), ChildPolicy: strings.Clone("TERMINATE"), TaskPriority: strings.Clone("-2147483648"), TaskHeartbeatTimeout: strings.Clone("31536000"),
			}})
		}
		c.put(k, e, 0)
		if entries = max(entries, len(c.known)); c.bytes > catalogBytesMax {
			t.Fatalf("%d entries of %d bytes", len(c.known), c.bytes)
		}
		if n%600 == 0 {
			most = max(most, heap()-before)
		}
	}
	if most > catalogBytesMax+catalogBytesMax/4 {
		t.Errorf("the heap grew by %d bytes; the catalog may have %d", most, catalogBytesMax)
	}
	if entries < 100 {
		t.Errorf("at most %d entries were kept", entries)
	}
	c.invalidate()
	if c.bytes != 0 || len(c.known) != 0 {
		t.Error("something is left")
	}
	t.Logf("up to %d entries; the heap grew by %d bytes", entries, most)
}

// TestCatalogAsksOnce: of the calls in the second half of the time for which something is known one asks anew, and
// the others are told what is known; none waits. When the time is over each call asks, and what is from before a
// change is not kept.
func TestCatalogAsksOnce(t *testing.T) {
	c := &catalog{known: map[catalogKey]catalogEntry{}}
	k := catalogKey{domain: "d"}
	asked := 0
	find := func(now engine.Time, name string, meanwhile func(), fails error) string {
		e, err := c.find(k, now, func() (catalogEntry, error) {
			asked++
			if meanwhile != nil {
				meanwhile()
			}
			return catalogEntry{domain: &registry.Domain{Name: name}}, fails
		})
		if err != nil {
			return err.Error()
		}
		return e.domain.Name
	}
	want := func(what, got, name string, times int) {
		t.Helper()
		if got != name || asked != times {
			t.Errorf("%s: %q after %d questions, want %q and %d", what, got, asked, name, times)
		}
	}
	want("first", find(0, "one", nil, nil), "one", 1)
	want("known", find(499, "two", nil, nil), "one", 1)
	others := func() {
		for range 9 {
			want("beside one that asks", find(999, "three", nil, nil), "one", 2)
		}
	}
	want("anew", find(500, "two", others, nil), "two", 2)
	want("known anew", find(999, "three", nil, nil), "two", 2)
	want("no answer", find(1000, "three", nil, errors.New("none")), "two", 3)
	want("no answer, once", find(1499, "three", nil, nil), "two", 3)
	want("over, no answer", find(1500, "three", nil, errors.New("none")), "none", 4)
	want("over", find(1500, "four", c.invalidate, nil), "four", 5)
	want("of before a change", find(1501, "five", nil, nil), "five", 6)
}
