package wire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

type shape interface{ area() int }

type square struct{ Side int }

func (s *square) area() int { return s.Side * s.Side }

type notFoundError struct{ Name string }

func (e *notFoundError) Error() string { return e.Name + " is not there" }

type all struct {
	Yes      bool
	Text     string
	Some     *string
	None     *string
	Bytes    []byte
	NoBytes  []byte
	Empty    []byte
	Numbers  []int64
	Fixed    [3]uint16
	Map      map[string]*square
	NoMap    map[string]int
	Shape    shape
	Any      any
	Nothing  any
	Fraction float64
	private  string
}

func newTest() *Codec {
	c := New()
	c.Register(all{}, square{}, notFoundError{})
	c.Sentinels(context.Canceled, errors.ErrUnsupported)
	return c
}

func roundTrip(t *testing.T, c *Codec, v any) any {
	t.Helper()
	b, err := c.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := c.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range b {
		if _, err := c.Decode(b[:cut]); err == nil {
			t.Fatalf("the first %d bytes of %d were read", cut, len(b))
		}
	}
	if _, err := c.Decode(append(b, 0)); err == nil {
		t.Fatal("a byte too many was read")
	}
	return back
}

func TestRoundTrip(t *testing.T) {
	empty := ""
	v := &all{
		Yes: true, Text: "text", Some: &empty, Bytes: []byte("bytes"), Empty: []byte{}, Numbers: []int64{1, -1 << 62}, Fixed: [3]uint16{1, 2, 65535},
		Map: map[string]*square{"a": {2}, "none": nil}, Shape: &square{3}, Any: square{4}, Fraction: 1.5, private: "own",
	}
	if back := roundTrip(t, newTest(), v); !reflect.DeepEqual(back, v) {
		t.Fatalf("%+v came back as %+v", v, back)
	}
	for _, v := range []any{nil, int64(7), "text", *v, []any{1, "two", nil}} {
		if back := roundTrip(t, newTest(), v); !reflect.DeepEqual(back, v) {
			t.Errorf("%#v came back as %#v", v, back)
		}
	}
}

// TestErrors: what of an error's chain is registered is found at the other end.
func TestErrors(t *testing.T) {
	err := fmt.Errorf("call: %w", errors.Join(&notFoundError{"x"}, fmt.Errorf("wait: %w", context.Canceled)))
	back := roundTrip(t, newTest(), err).(error)
	found, ok := errors.AsType[*notFoundError](back)
	if back.Error() != err.Error() || !errors.Is(back, context.Canceled) || errors.Is(back, errors.ErrUnsupported) || !ok || found.Name != "x" {
		t.Fatalf("%v came back as %v", err, back)
	}
	if back := roundTrip(t, newTest(), &notFoundError{"y"}); !reflect.DeepEqual(back, &notFoundError{"y"}) {
		t.Fatalf("came back as %#v", back)
	}
}

func TestRefused(t *testing.T) {
	c := newTest()
	if _, err := c.Encode(&all{Any: struct{ X int }{1}}); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("a type that nobody knows: %v", err)
	}
	b, err := New().Encode([]any{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode(b); err != nil {
		t.Error(err)
	}
	mustPanic := func(what string, do func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s was registered", what)
			}
		}()
		do()
	}
	mustPanic("a function", func() { c.Register(struct{ F func() }{}) })
	// A length that nobody has sent.
	if _, err := c.Decode([]byte{isValue, 0, 0, 0, 0, 255, 255, 255, 255, 15}); err == nil {
		t.Error("an unknown number was read")
	}
}

// TestFingerprint: nodes whose types differ in anything can tell.
func TestFingerprint(t *testing.T) {
	type point struct{ X, Y int }
	one, two := New(), New()
	one.Register(struct{ P point }{})
	two.Register(struct{ P struct{ X, Y int } }{})
	if one.Fingerprint() == two.Fingerprint() || one.Fingerprint() == New().Fingerprint() {
		t.Error("codecs that differ have one fingerprint")
	}
	if again := New(); again.Fingerprint() != New().Fingerprint() || again.Fingerprint() <= 0 {
		t.Error("codecs that do not differ have two, or it is not positive")
	}
}

func FuzzDecode(f *testing.F) {
	c := newTest()
	for _, v := range []any{&all{Any: []any{"x"}}, fmt.Errorf("x: %w", context.Canceled), map[string]any{"a": 1}} {
		b, err := c.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := c.Decode(b)
		if err != nil {
			return
		}
		if _, err := c.Encode(v); err != nil {
			t.Fatalf("%#v was read, and can't be written: %v", v, err)
		}
	})
}
