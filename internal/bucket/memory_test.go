package bucket_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

func TestMemory(t *testing.T) {
	buckettest.Run(t, buckettest.Tested{PartBytes: 1000, Open: func(t *testing.T) (bucket.Store, func() bucket.Store) {
		m := &bucket.Memory{PartBytes: 1000, Now: func() time.Time { return time.Unix(1, 0) }}
		m.Make(buckettest.Things)
		return m, func() bucket.Store { return m }
	}})
}

// TestMemoryFails has each step fail.
func TestMemoryFails(t *testing.T) {
	broken := errors.New("broken")
	for _, step := range []bucket.Step{
		bucket.StepHead, bucket.StepGet, bucket.StepRead, bucket.StepCreate, bucket.StepPart, bucket.StepPut, bucket.StepPutHeard, bucket.StepAbort, bucket.StepList, bucket.StepDelete,
	} {
		m := &bucket.Memory{PartBytes: 10}
		m.Make(buckettest.Things)
		asked := 0
		m.Fail = func(s bucket.Step) error {
			if s == step {
				asked++
				return broken
			}
			return nil
		}
		_, put := m.Put(t.Context(), &bucket.Put{Bucket: buckettest.Things, Key: "k", Source: bucket.Bytes(strings.Repeat("x", 25)), Size: 25})
		_, head := m.Head(t.Context(), buckettest.Things, "k")
		_, r, get := m.Get(t.Context(), buckettest.Things, "k", bucket.Range{})
		if get == nil {
			_, get = r.Read(make([]byte, 1))
		}
		all := errors.Join(put, head, get, m.Abort(t.Context(), buckettest.Things, "k", nil),
			m.List(t.Context(), buckettest.Things, "", "", func(bucket.Object) bool { return true }), m.Delete(t.Context(), buckettest.Things, "k"))
		if !errors.Is(all, broken) || asked == 0 || m.Uploads() != 0 {
			t.Errorf("%s: asked %d times, %v; %d uploads are left", step, asked, all, m.Uploads())
		}
	}
}
