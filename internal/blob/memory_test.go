package blob_test

import (
	"bytes"
	"errors"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
)

func TestMemory(t *testing.T) {
	blobtest.Run(t, blobtest.Tested{Open: func(*testing.T, *blobtest.Clock) blob.Shelf { return new(blob.Memory) }})
}

var errInjected = errors.New("injected")

// TestMemoryFails fails each step, and wants the error to come out.
func TestMemoryFails(t *testing.T) {
	for step := range blob.Steps {
		t.Run(step.String(), func(t *testing.T) {
			memory := new(blob.Memory)
			l := library(memory, blobtest.NewClock())
			b := []byte("some bytes")
			ref, err := l.Put(t.Context(), bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			memory.Fail(func(s blob.Step) error {
				if s == step {
					failed++
					return errInjected
				}
				return nil
			})
			var errs []error
			_, err = l.Put(t.Context(), bytes.NewReader(b))
			errs = append(errs, err)
			_, err = blob.ReadAll(t.Context(), l, ref.ID, 100)
			errs = append(errs, err, l.List(t.Context(), blob.ID{}, func(blob.Info) bool { return true }), l.Delete(t.Context(), ref.ID))
			_, err = memory.Stat(t.Context(), ref.ID)
			if !errors.Is(err, blob.ErrNotFound) {
				errs = append(errs, err)
			}
			if err := errors.Join(errs...); !errors.Is(err, errInjected) || failed == 0 {
				t.Errorf("%d failures, and %v", failed, err)
			}
		})
	}
	memory := new(blob.Memory)
	memory.FailNext(2, errInjected)
	for i := range 3 {
		if _, err := library(memory, blobtest.NewClock()).Put(t.Context(), bytes.NewReader(nil)); (err != nil) != (i < 2) {
			t.Errorf("put %d: %v", i, err)
		}
	}
}

func library(shelf blob.Shelf, clock *blobtest.Clock) *blob.Library {
	return blob.New(blob.Options{Shelf: shelf, Key: blobtest.Key, Now: clock.Now})
}
