package sealed

import (
	"fmt"
	"testing"

	"heddle/internal/store"
	"heddle/internal/store/memstore"
	"heddle/internal/store/storetest"
)

// BenchmarkSeal and BenchmarkOpen are one value, as in a commit and in a scan.
func BenchmarkSeal(b *testing.B) {
	bench(b, func(b *testing.B, r *room, keys *keyring, key *dataKey, value []byte) {
		place := make([]byte, 28)
		var room []byte
		for i := uint64(0); b.Loop(); i++ {
			room = r.seal(room[:0], key, i, r.shardPlace(59, place), value)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	bench(b, func(b *testing.B, r *room, keys *keyring, key *dataKey, value []byte) {
		place := make([]byte, 28)
		sealed := r.seal(nil, key, 1<<30, r.shardPlace(59, place), value)
		var room []byte
		var err error
		for b.Loop() {
			if room, err = r.open(room[:0], keys, r.shardPlace(59, place), sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bench(b *testing.B, run func(b *testing.B, r *room, keys *keyring, key *dataKey, value []byte)) {
	s := mustOpen(b, memstore.New(storetest.Shards), newRoot(b))
	key, _, err := s.keys.reserve(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{0, 200, 2 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			run(b, new(room), s.keys, key, make([]byte, size))
		})
	}
}

// BenchmarkGet reads rows of 200 bytes through the seal, of a store in memory.
func BenchmarkGet(b *testing.B) {
	s := mustOpen(b, memstore.New(storetest.Shards), newRoot(b))
	w := acquire(b, s, 3)
	places := make([]store.Place, 100)
	for i := range places {
		key := fmt.Sprintf("key %013d", i)
		w.put(key, make([]byte, 200))
		places[i] = w.place(key)
	}
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Get(b.Context(), places[:n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
