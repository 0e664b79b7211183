package sealed

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzOpen opens any bytes at any place. Only what was sealed there opens, and
// gives what was sealed.
func FuzzOpen(f *testing.F) {
	key := newDataKey(3, [keyBytes]byte{1})
	keys := &keyring{}
	keys.keys.Store(&[]*dataKey{key})
	var r room
	value, place := []byte("value"), []byte("s\x00\x01key")
	sealed := r.seal(nil, key, 1<<40, place, value)
	f.Add(sealed, place)
	f.Add(sealed, []byte("s\x00\x01keys"))
	f.Add(append([]byte{valueFormat, 0x83, 0x00}, sealed[2:]...), place) // the number in more bytes than it takes
	f.Add([]byte{valueFormat, 3}, place)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, b, at []byte) {
		var r room
		before := bytes.Clone(b)
		opened, err := r.open([]byte("prefix"), keys, at, b)
		if !bytes.Equal(b, before) {
			t.Fatal("opening changed what was sealed")
		}
		if err != nil {
			if !errors.Is(err, ErrBroken) || string(opened) != "prefix" {
				t.Fatalf("%q, %v", opened, err)
			}
			return
		}
		// The numbers before the ciphertext have no seal of their own, so they may be
		// written longer than they need be; the rest may not be changed.
		if !bytes.Equal(at, place) || !bytes.HasSuffix(b, sealed[len(sealed)-len(value)-tagBytes:]) || string(opened) != "prefix"+string(value) {
			t.Fatalf("%x opens at %q as %q", b, at, opened)
		}
	})
}

// FuzzUnpackKeys reads any bytes as data keys.
func FuzzUnpackKeys(f *testing.F) {
	f.Add(packKeys([]*dataKey{newDataKey(1, [keyBytes]byte{1}), newDataKey(2, [keyBytes]byte{2})}))
	f.Add([]byte{keysFormat, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := unpackKeys(b)
		if err != nil || len(keys) == 0 {
			return
		}
		written := packKeys(keys)
		again, err := unpackKeys(written)
		if err != nil || !bytes.Equal(packKeys(again), written) {
			t.Fatalf("%x was written as %x: %v", b, written, err)
		}
	})
}
