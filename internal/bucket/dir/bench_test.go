package dir

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

// BenchmarkSmall puts small objects, several at a time.
func BenchmarkSmall(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, buckettest.Things), 0o700); err != nil {
		b.Fatal(err)
	}
	s, err := Open(Options{Dir: dir, Now: clock()})
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := fmt.Sprintf("2026/data-%d.csv", n.Add(1))
			if _, err := s.Put(b.Context(), &bucket.Put{Bucket: buckettest.Things, Key: key, Source: bucket.Bytes("text"), Size: 4}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
