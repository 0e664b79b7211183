package blob

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// TestNamesAreHashes puts blobs of all lengths around those of the rooms, read in pieces of any
// length: each has the name that it has by its bytes, and nothing goes on when a Put is over.
func TestNamesAreHashes(t *testing.T) {
	key := [32]byte{1}
	gone := errors.New("gone")
	for _, size := range []int{0, 1, copyBytes - 1, copyBytes, copyBytes + 1, 2 * copyBytes, roomsBeside*copyBytes + 1, 3*roomsBeside*copyBytes + 7} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(i ^ i>>8 ^ i>>16)
		}
		sum := hmac.New(sha256.New, key[:])
		sum.Write(b)
		for what, from := range map[string]func(io.Reader) io.Reader{
			"whole":       func(r io.Reader) io.Reader { return r },
			"in halves":   iotest.HalfReader,
			"end at once": iotest.DataErrReader,
		} {
			synctest.Test(t, func(t *testing.T) {
				l := New(Options{Shelf: new(Memory), Key: key, Now: func() time.Time { return time.Unix(1, 0) }})
				ref, err := l.Put(t.Context(), from(bytes.NewReader(b)))
				if err != nil || ref.ID != ID(sum.Sum(nil)) || ref.Size != int64(size) {
					t.Errorf("%d bytes, %s: %+v, %v", size, what, ref, err)
				}
				broken := io.MultiReader(from(bytes.NewReader(b)), iotest.ErrReader(gone))
				if _, err := l.Put(t.Context(), broken); !errors.Is(err, gone) {
					t.Errorf("%d bytes, %s, and then broken: %v", size, what, err)
				}
			})
		}
	}
}
