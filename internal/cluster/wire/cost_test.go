package wire

import (
	"bytes"
	"strings"
	"testing"
)

// BenchmarkEncode and BenchmarkDecode are what a value of the shape of a command costs.
func BenchmarkEncode(b *testing.B) {
	c, v := newTest(b), sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	c := newTest(b)
	encoded, err := c.Encode(sample())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func sample() *all {
	some := "some"
	return &all{
		Yes: true, Text: "text", Some: &some, Bytes: []byte("bytes"), Empty: []byte{}, Numbers: []int64{1, -1 << 62},
		Map: map[string]*square{"a": {2}}, Shape: &square{3}, Any: square{4}, Fraction: 1.5, private: "own",
	}
}

// TestDepth: what stands in itself without end is an error, not the end of the process.
func TestDepth(t *testing.T) {
	c := newTest(t)
	one, err := c.Encode([]any{nil})
	if err != nil {
		t.Fatal(err)
	}
	inner := append(one[:len(one)-1:len(one)-1], kindTyped) // a list of one element, which follows
	nested := func(n int) []byte {
		return append(bytes.Repeat(inner, n), kindNil)
	}
	if _, err := c.Decode(nested(1 << 20)); err == nil || !strings.Contains(err.Error(), "in each other") {
		t.Errorf("1,048,576 lists in each other: %v", err)
	}
	if _, err := c.Decode(nested(10_000)); err != nil { // as deep as encoding/json reads
		t.Error(err)
	}
	list := bytes.Repeat([]byte{kindList, 1}, 1<<20)
	r := reader{Codec: c, b: append(list, kindNil)}
	func() {
		defer caught(&err)
		_, kind := r.head()
		r.skip(kind)
	}()
	if err == nil || !strings.Contains(err.Error(), "in each other") {
		t.Errorf("1,048,576 lists in each other, skipped: %v", err)
	}
}

// TestRoom: the memory that a frame takes is bounded, though a few bytes may say that they
// are large values.
func TestRoom(t *testing.T) {
	type large struct {
		A, B, C, D [1 << 16]uint64
	}
	type many struct{ All []large }
	c, err := New(draft(t, "levels 1 to 1\n", many{}), typesOf(many{}))
	if err != nil {
		t.Fatal(err)
	}
	encode := func(n int) []byte {
		b, err := c.Encode(&many{make([]large, n)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if _, err := c.Decode(encode(2)); err != nil {
		t.Error(err)
	}
	// As many as there are bytes, each of 2 MB and written as nothing.
	one, err := c.Encode(&many{[]large{}})
	if err != nil {
		t.Fatal(err)
	}
	one = append(one[:len(one)-2], 0xff, 0x7f) // 16,383 of them
	for range 16_383 {
		one = append(one, kindFields, 0)
	}
	if _, err := c.Decode(append(one, 0)); err == nil || !strings.Contains(err.Error(), "values of") {
		t.Errorf("33 GB were read from %d bytes: %v", len(one), err)
	}
}
