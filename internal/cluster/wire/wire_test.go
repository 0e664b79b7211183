package wire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
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
	Small    int8
	Fixed    [3]uint16
	ID       [4]byte
	Map      map[string]*square
	NoMap    map[string]int
	Keys     map[square]bool
	Lists    [][]string
	Shape    shape
	Any      any
	Nothing  any
	Fraction float64
	Half     float32
	At       time.Time
	Inner    square
	Again    *all
	private  string
	Kept     func() `wire:"-"`
}

func typesOf(samples ...any) (types []reflect.Type) {
	for _, v := range samples {
		types = append(types, reflect.TypeOf(v))
	}
	return types
}

// draft is a table with the types of some values.
func draft(t testing.TB, text string, samples ...any) *Table {
	t.Helper()
	table, err := ParseTable([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if table, err = table.Complete(append(Basic(), typesOf(samples...)...)); err != nil {
		t.Fatal(err)
	}
	return table
}

func newTest(t testing.TB) *Codec {
	t.Helper()
	samples := []any{all{}, square{}, notFoundError{}}
	c, err := New(draft(t, "levels 1 to 1\n", samples...), typesOf(samples...))
	if err != nil {
		t.Fatal(err)
	}
	c.Sentinel(1, context.Canceled)
	c.Sentinel(2, errors.ErrUnsupported)
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
		Yes: true, Text: "text", Some: &empty, Bytes: []byte("bytes"), Empty: []byte{}, Numbers: []int64{1, -1 << 62}, Small: -128, Fixed: [3]uint16{1, 2, 65535},
		ID: [4]byte{1, 0, 0, 2}, Map: map[string]*square{"a": {2}, "none": nil, "zero": {}}, Keys: map[square]bool{{1}: true, {2}: false}, Lists: [][]string{nil, {}, {"", "x"}},
		Shape: &square{3}, Any: square{4}, Fraction: 1.5, Half: -2.5, At: time.Unix(1_700_000_000, 5).UTC(), Inner: square{5}, Again: &all{}, private: "own",
	}
	if back := roundTrip(t, newTest(t), v); !reflect.DeepEqual(back, v) {
		t.Fatalf("%+v came back as %+v", v, back)
	}
	for _, v := range []any{nil, int64(7), "text", *v, []any{1, "two", nil}, []byte(nil), []byte{}, map[string]any{}, all{}, &all{Numbers: []int64{}}} {
		if back := roundTrip(t, newTest(t), v); !reflect.DeepEqual(back, v) {
			t.Errorf("%#v came back as %#v", v, back)
		}
	}
}

// TestErrors: what of an error's chain is known is found at the other end.
func TestErrors(t *testing.T) {
	err := fmt.Errorf("call: %w", errors.Join(&notFoundError{"x"}, fmt.Errorf("wait: %w", context.Canceled)))
	back := roundTrip(t, newTest(t), err).(error)
	for range 2 { // and of that one again
		found, ok := errors.AsType[*notFoundError](back)
		if back.Error() != err.Error() || !errors.Is(back, context.Canceled) || errors.Is(back, errors.ErrUnsupported) || !ok || found.Name != "x" {
			t.Fatalf("%v came back as %v", err, back)
		}
		back = roundTrip(t, newTest(t), back).(error)
	}
	if back := roundTrip(t, newTest(t), &notFoundError{"y"}); !reflect.DeepEqual(back, &notFoundError{"y"}) {
		t.Fatalf("came back as %#v", back)
	}
}

func TestRefused(t *testing.T) {
	c := newTest(t)
	if _, err := c.Encode(&all{Any: struct{ X int }{1}}); err == nil || !strings.Contains(err.Error(), "not among what crosses") {
		t.Errorf("a type that nobody knows: %v", err)
	}
	if _, err := c.Encode([]any{(*square)(nil)}); err == nil {
		t.Error("a nil pointer in an interface was written: it would be an empty value there")
	}
	for what, sample := range map[string]any{
		"a function": struct{ F func() }{}, "a channel": struct{ C chan int }{}, "a pointer to a list": struct{ P *[]int }{}, "what has no name": struct{ P struct{ X int } }{},
	} {
		table, err := ParseTable([]byte("levels 1 to 1\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Complete(typesOf(sample)); err == nil {
			t.Errorf("%s has a number", what)
		}
	}
	for what, b := range map[string][]byte{
		"an unknown number":         {0xf0, 0xff, 0x03},
		"a list longer than it is":  {10<<4 | kindList, 0xff, 0x01, 0xff, 0xff, 0xff, 0x0f},
		"a number where a text is":  {2<<4 + kindNumber, 1},
		"a kind that can't be here": {kindList, 0},
	} {
		if v, err := c.Decode(b); err == nil {
			t.Errorf("%s was read: %#v", what, v)
		}
	}
}

// TestPartly: of what can't be read in whole there is what came before.
func TestPartly(t *testing.T) {
	c := newTest(t)
	b, err := c.Encode(&all{Text: "first", Fraction: 1})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Decode(b[:len(b)-3])
	if part, ok := v.(*all); err == nil || !ok || part.Text != "first" {
		t.Errorf("%+v, %v", v, err)
	}
}

func FuzzDecode(f *testing.F) {
	c := newTest(f)
	for _, v := range []any{&all{Any: []any{"x"}, Keys: map[square]bool{{1}: true}}, fmt.Errorf("x: %w", context.Canceled), map[string]any{"a": 1}} {
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
