package wire

import (
	"bytes"
	"strings"
	"testing"
)

// BenchmarkEncode and BenchmarkDecode are what a value of the shape of a command costs.
func BenchmarkEncode(b *testing.B) {
	c, v := newTest(), sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	c := newTest()
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
	c := New()
	one, err := c.Encode([]any{nil})
	if err != nil {
		t.Fatal(err)
	}
	nested := func(n int) []byte {
		return append(bytes.Repeat(one[:len(one)-1], n), isNil) // lists of one element, which follows
	}
	if _, err := c.Decode(nested(1 << 20)); err == nil {
		t.Error("1,048,576 lists in each other were read")
	}
	if _, err := c.Decode(nested(10_000)); err != nil { // as deep as encoding/json reads
		t.Error(err)
	}
	cause := []byte{isError, 0, 0, 2} // an error without text, of one cause, which follows
	if _, err := c.Decode(bytes.Repeat(cause, 1<<20)); err == nil || !strings.Contains(err.Error(), "in each other") {
		t.Errorf("1,048,576 errors in each other: %v", err)
	}
}
