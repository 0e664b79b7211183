package pebblestore

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/store"
)

// benchOwner commits sections like those of one turn: a record written again, a
// history row, an index entry in and one out. Together about 900 bytes.
type benchOwner struct {
	section store.Section
}

func newBenchOwner(b *testing.B, s store.Store, shard uint16) *benchOwner {
	h, err := s.Acquire(b.Context(), shard)
	if err != nil {
		b.Fatal(err)
	}
	return &benchOwner{store.Section{Shard: shard, Epoch: h.Epoch(), Seq: h.Seq(), Ops: []store.Op{
		{Key: make([]byte, 20), Value: make([]byte, 200)},
		{Key: make([]byte, 28), Value: make([]byte, 600)},
		{Space: store.IndexSpace, Key: make([]byte, 41)},
		{Kind: store.Delete, Space: store.IndexSpace, Key: make([]byte, 41)},
	}}}
}

// next is the section after the last.
func (o *benchOwner) next() store.Section {
	o.section.Seq++
	ops := o.section.Ops
	binary.BigEndian.PutUint64(ops[0].Key, o.section.Seq%1000)
	binary.BigEndian.PutUint64(ops[1].Key, o.section.Seq)
	for i, seq := range []uint64{o.section.Seq, o.section.Seq - 1} {
		binary.BigEndian.PutUint16(ops[2+i].Key, o.section.Shard)
		binary.BigEndian.PutUint64(ops[2+i].Key[2:], seq)
	}
	return o.section
}

// BenchmarkCommit is one goroutine that commits sections of many shards at once.
func BenchmarkCommit(b *testing.B) {
	for _, sections := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("sections=%d", sections), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir(), Logger: quiet(b)})
			owners := make([]*benchOwner, sections)
			for i := range owners {
				owners[i] = newBenchOwner(b, s, uint16(i))
			}
			batch := make([]store.Section, sections)
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					batch[i] = owners[i].next()
				}
				for _, err := range s.Commit(b.Context(), batch) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*sections)/b.Elapsed().Seconds(), "sections/s")
		})
	}
}

// BenchmarkCommitters is many goroutines, each with one section of its own
// shard: their syncs are shared.
func BenchmarkCommitters(b *testing.B) {
	for _, committers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("committers=%d", committers), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir(), Logger: quiet(b)})
			var all sync.WaitGroup
			var done atomic.Int64
			b.ReportAllocs()
			for i := range committers {
				o := newBenchOwner(b, s, uint16(i))
				all.Go(func() {
					for done.Add(1) <= int64(b.N) {
						if err := s.Commit(b.Context(), []store.Section{o.next()})[0]; err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sections/s")
		})
	}
}

// BenchmarkGet reads rows that lie together, as the records of runs that began
// together do: some in tables, some in memory.
func BenchmarkGet(b *testing.B) {
	const total, shard = 100_000, 3
	s := mustOpen(b, Options{Dir: b.TempDir(), Logger: quiet(b)})
	h, err := s.Acquire(b.Context(), shard)
	if err != nil {
		b.Fatal(err)
	}
	all := make([]store.Place, total)
	section := store.Section{Shard: shard, Epoch: h.Epoch()}
	for i := range all {
		all[i] = store.Place{Shard: shard, Key: append(binary.BigEndian.AppendUint64([]byte{'o'}, uint64(i)), make([]byte, 8)...)}
		section.Ops = append(section.Ops, store.Op{Key: all[i].Key, Value: make([]byte, 200)})
		if len(section.Ops) < total/4 {
			continue
		}
		section.Seq++
		if err := s.Commit(b.Context(), []store.Section{section})[0]; err != nil {
			b.Fatal(err)
		}
		section.Ops = section.Ops[:0]
		if section.Seq == 3 {
			if err := s.db.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, n := range []int{1, 2, 8, 100} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				from := i * 7919 % (total - n)
				values, err := s.Get(b.Context(), all[from:from+n])
				if err != nil || values[n-1] == nil {
					b.Fatal(values, err)
				}
			}
		})
	}
}

// BenchmarkOpen is a start on an empty directory.
func BenchmarkOpen(b *testing.B) {
	var opening time.Duration
	for b.Loop() {
		began := time.Now()
		s, err := Open(Options{Dir: b.TempDir(), Logger: quiet(b)})
		opening += time.Since(began)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(opening.Milliseconds())/float64(b.N), "ms/open")
}
