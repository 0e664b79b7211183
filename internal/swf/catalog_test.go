package swf

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

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

// TestCatalogAsksOnce: of those who want to know the same at one time one asks, for all; if there is no answer, or it
// is from before a change, each of the others does. Who is gone waits for nobody.
func TestCatalogAsksOnce(t *testing.T) {
	const callers = 20
	failed := errors.New("no answer")
	for name, one := range map[string]struct {
		err     error
		changes bool
		want    int64
	}{
		"answered": {want: 1},
		"failed":   {err: failed, want: callers},
		"changed":  {changes: true, want: callers},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &catalog{known: map[catalogKey]catalogEntry{}, asked: map[catalogKey]chan struct{}{}}
			k := catalogKey{domain: "d"}
			d := &registry.Domain{Name: "d"}
			var asked, told atomic.Int64
			answer := make(chan struct{})
			find := func(ctx context.Context) {
				e, err := c.find(ctx, k, 1, func() (catalogEntry, error) {
					if asked.Add(1) == 1 {
						<-answer
						return catalogEntry{domain: d}, one.err
					}
					return catalogEntry{domain: d}, nil
				})
				if err == nil && e.domain == d {
					told.Add(1)
				}
			}
			for range callers {
				go find(t.Context())
			}
			gone, leave := context.WithCancel(t.Context())
			left := make(chan struct{})
			synctest.Wait()
			go func() {
				find(gone)
				close(left)
			}()
			synctest.Wait()
			leave()
			<-left
			if asked.Load() != 1 || told.Load() != 0 {
				t.Fatalf("%s: %d ask while one does, and %d are told", name, asked.Load(), told.Load())
			}
			if one.changes {
				c.invalidate()
			}
			close(answer)
			synctest.Wait()
			want := int64(callers)
			if one.err != nil {
				want-- // who had no answer
			}
			if told.Load() != want || asked.Load() > one.want || one.want == 1 && asked.Load() != 1 || one.want > 1 && asked.Load() < 2 {
				t.Errorf("%s: %d have asked, and %d were told", name, asked.Load(), told.Load())
			}
			if _, known := c.get(k, 1); known == one.changes && one.want == 1 || len(c.asked) != 0 {
				t.Errorf("%s: known afterwards: %v; %d are still asked for", name, known, len(c.asked))
			}
			if _, known := c.get(k, 1+catalogTTL); known {
				t.Errorf("%s: known for longer", name)
			}
		})
	}
}
