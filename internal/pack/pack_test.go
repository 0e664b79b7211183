package pack

import (
	"bytes"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	var b []byte
	b = Uint(b, 300)
	b = Int(b, -300)
	b = Bool(b, true)
	b = Text(b, "héddle")
	b = Text(b, []byte{0, 1})
	r := Read(b)
	if got := r.Uint(); got != 300 {
		t.Errorf("Uint: got %d, want 300", got)
	}
	if got := r.Int(); got != -300 {
		t.Errorf("Int: got %d, want -300", got)
	}
	if !r.Bool() {
		t.Error("Bool: got false, want true")
	}
	if got := r.Text(); got != "héddle" {
		t.Errorf("Text: got %q", got)
	}
	if got := r.Bytes(); !bytes.Equal(got, []byte{0, 1}) {
		t.Errorf("Bytes: got %v", got)
	}
	if err := r.Done(); err != nil {
		t.Errorf("Done: %v", err)
	}
}

func TestShortInputIsAnError(t *testing.T) {
	full := Text(Int(Uint(nil, 1<<40), -5), "name")
	for n := range full {
		r := Read(full[:n])
		r.Uint()
		r.Int()
		r.Text()
		if r.Done() == nil {
			t.Errorf("the first %d of %d bytes read without an error", n, len(full))
		}
	}
	r := Read(append(full, 0))
	r.Uint()
	r.Int()
	r.Text()
	if r.Done() == nil {
		t.Error("a byte too many read without an error")
	}
}

func TestHugeLengthsAreErrors(t *testing.T) {
	for _, n := range []uint64{3, 1 << 31, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		b := append(Uint(nil, n), "ab"...)
		for what, read := range map[string]func(*Reader){
			"Bytes": func(r *Reader) { r.Bytes() },
			"Text":  func(r *Reader) { r.Text() },
			"Count": func(r *Reader) { r.Count() },
		} {
			r := Read(b)
			if read(r); r.Err() == nil {
				t.Errorf("%s of length %d read from two bytes without an error", what, n)
			}
		}
	}
}
