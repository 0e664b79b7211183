package pebblestore

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzLastSections has Pebble join pieces of the row of last sections in any
// grouping. The result is the same as of all at once; what is no row is an error.
func FuzzLastSections(f *testing.F) {
	f.Add(appendLast(appendLast(nil, 3, lastSection{7, 8}), 0, lastSection{1, 1}), appendLast(nil, 3, lastSection{9, 2}), appendLast(nil, 3, lastSection{8, 5}))
	f.Add([]byte{}, appendLast(nil, 65535, lastSection{1 << 63, 1<<64 - 1}), []byte{0x80})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 1}, []byte{1, 0, 5}, []byte{})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		join := func(first []byte, rest ...[]byte) ([]byte, error) {
			m, err := merger.Merge(nil, first)
			for i, piece := range rest {
				if err != nil {
					return nil, err
				}
				if i%2 == 0 {
					err = m.MergeNewer(piece)
				} else {
					err = m.MergeOlder(piece)
				}
			}
			if err != nil {
				return nil, err
			}
			row, closer, err := m.Finish(true)
			if closer != nil {
				err = errors.Join(err, closer.Close())
			}
			return row, err
		}
		whole, err := join(a, b, c)
		left, leftErr := join(a, b)
		if leftErr == nil {
			left, leftErr = join(left, c)
		}
		right, rightErr := join(b, c)
		if rightErr == nil {
			right, rightErr = join(a, right)
		}
		if (err != nil) != (leftErr != nil) || (err != nil) != (rightErr != nil) {
			t.Fatalf("%v; from the left: %v; from the right: %v", err, leftErr, rightErr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(whole, left) || !bytes.Equal(whole, right) {
			t.Fatalf("%x; from the left: %x; from the right: %x", whole, left, right)
		}
		if again, err := join(whole, whole); err != nil || !bytes.Equal(again, whole) {
			t.Fatalf("%x joined to itself is %x, %v", whole, again, err)
		}
	})
}
