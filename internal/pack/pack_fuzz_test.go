package pack

import (
	"bytes"
	"testing"
)

// FuzzRead reads bytes by a script, one letter for each read. Whatever they are,
// nothing panics and nothing is made that is longer than the bytes; and what was
// read, written again, is read as the same.
func FuzzRead(f *testing.F) {
	f.Add("uitkbf", Text(Uint(Text(Int(Uint(nil, 300), -5), "name"), 0), "x"))
	f.Add("uc", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0xff, 0xff, 0xff, 0x7f, 1})
	f.Add("tk", []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02})
	f.Fuzz(func(t *testing.T, script string, b []byte) {
		written, ok := replay(t, script, b)
		if !ok {
			return
		}
		again, ok := replay(t, script, written)
		if !ok || !bytes.Equal(again, written) {
			t.Fatalf("%q was written as %x, which reads as %x, %v", script, written, again, ok)
		}
	})
}

// replay reads by a script and writes what it read.
func replay(t *testing.T, script string, b []byte) (written []byte, ok bool) {
	r := Read(b)
	for _, what := range script {
		before := r.Len()
		switch what {
		case 'u':
			written = Uint(written, r.Uint())
		case 'i':
			written = Int(written, r.Int())
		case 'b':
			written = Bool(written, r.Bool())
		case 't':
			written = Text(written, r.Text())
		case 'k':
			written = Text(written, r.Bytes())
		case 'c':
			n := r.Count()
			if n < 0 || n > before {
				t.Fatalf("%d elements in %d bytes", n, before)
			}
			// The elements, so that the written count is as good as the read one.
			written = Uint(written, uint64(n))
			for range n {
				written = append(written, r.Byte())
			}
		case 'f':
			var room [5]byte
			r.Fill(room[:])
			written = append(written, room[:]...)
		default:
			continue
		}
		if r.Len() > before {
			t.Fatalf("%d bytes are left of %d", r.Len(), before)
		}
	}
	if r.Err() != nil && r.Len() != 0 {
		t.Fatal("a failed reader goes on")
	}
	return written, r.Err() == nil
}
