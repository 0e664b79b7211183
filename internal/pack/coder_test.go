package pack

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"testing"
)

type element struct {
	Name string
	N    uint32
}

func (e *element) code(c *Coder) {
	c.Text(&e.Name)
	Unsigned(c, &e.N)
}

// everything has a field for each thing that a Coder codes.
type everything struct {
	Byte     byte
	Bool     bool
	Int      int64
	Uint     uint64
	Signed   int32
	Text     string
	Bytes    []byte
	Fixed    [3]byte
	Optional *string
	Seconds  *int
	Texts    []string
	Maybe    []string
	List     []element
	Pointers []*element
}

func (e *everything) code(c *Coder) {
	c.Format(7)
	c.Byte(&e.Byte)
	c.Bool(&e.Bool)
	c.Int(&e.Int)
	c.Uint(&e.Uint)
	Signed(c, &e.Signed)
	c.Text(&e.Text)
	c.Bytes(&e.Bytes)
	c.Fixed(e.Fixed[:])
	c.Optional(&e.Optional)
	c.OptionalUint(&e.Seconds)
	c.Texts(&e.Texts)
	c.OptionalTexts(&e.Maybe)
	List(c, &e.List, (*element).code)
	Pointers(c, &e.Pointers, (*element).code)
}

func TestCoderReadsWhatItWrites(t *testing.T) {
	text, seconds := "there", 60
	for what, v := range map[string]*everything{
		"nothing": {},
		"empty":   {Maybe: []string{}},
		"all": {
			Byte: 1, Bool: true, Int: -300, Uint: 300, Signed: -3, Text: "héddle", Bytes: []byte{0, 1}, Fixed: [3]byte{1, 2, 3},
			Optional: &text, Seconds: &seconds, Texts: []string{"a", ""}, Maybe: []string{"b"},
			List: []element{{"x", 1}, {"y", 1 << 31}}, Pointers: []*element{{"z", 2}},
		},
	} {
		c := Writing([]byte("before"))
		v.code(c)
		b, found := bytes.CutPrefix(c.Written(), []byte("before"))
		if !found || c.Done() != nil {
			t.Errorf("%s: wrote %q, error %v", what, c.Written(), c.Done())
		}
		// What is read into may have been used.
		got := &everything{Bytes: []byte("old"), Optional: &text, Texts: []string{"old"}, Maybe: []string{"old"}, List: []element{{"old", 1}}}
		r := Reading(b)
		if got.code(r); r.Done() != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%s: read %+v, error %v, want %+v", what, got, r.Done(), v)
		}
		for n := range b {
			r := Reading(b[:n])
			if new(everything).code(r); r.Done() == nil {
				t.Errorf("%s: the first %d of %d bytes were read", what, n, len(b))
			}
		}
		r = Reading(append(bytes.Clone(b), 0))
		if new(everything).code(r); !errors.Is(r.Done(), ErrMalformed) {
			t.Errorf("%s: with a byte too many: %v", what, r.Done())
		}
	}
}

// TestWritingOnlyReads what is written: two may write one value, which the race detector watches.
func TestWritingOnlyReads(t *testing.T) {
	for _, v := range []*everything{{}, {Maybe: []string{}, List: []element{{}}, Pointers: []*element{{}}}} {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				v.code(Writing(nil))
				v.code(Weighing())
			})
		}
		both.Wait()
	}
}

func TestFirstErrorOfACoderCounts(t *testing.T) {
	c := Reading([]byte{8, 1})
	c.Format(7)
	c.Fail(errors.New("later"))
	if err := c.Done(); err == nil || err.Error() != "format 8, want 7" {
		t.Errorf("got %v", err)
	}
	v := "old"
	if c.Text(&v); v != "" || errors.Is(c.Err(), ErrMalformed) {
		t.Errorf("a failed coder reads %q, error %v", v, c.Err())
	}
	c = Reading([]byte{1, 2})
	c.Fail(errors.New("no"))
	if err := c.Done(); err == nil || err.Error() != "no" || err != c.Err() {
		t.Errorf("got %v", err)
	}
}

func TestCountsOfNothingTakeNoRoom(t *testing.T) {
	c := Reading(Uint(nil, 1<<40))
	var list []element
	if List(c, &list, (*element).code); c.Done() == nil || list != nil {
		t.Errorf("%d elements of no bytes, error %v", len(list), c.Done())
	}
}

type shape interface{ sides() int }

type (
	triangle struct{}
	square   struct{ a int }
	circle   struct{}
)

func (*triangle) sides() int { return 3 }
func (*square) sides() int   { return 4 }
func (*circle) sides() int   { return 0 }

func TestTypesHaveMarks(t *testing.T) {
	shapes := NewTypes(map[byte]shape{0: &triangle{}, 4: &square{1}})
	for mark, want := range map[byte]shape{0: &triangle{}, 4: &square{}} {
		got, ok := shapes.New(mark)
		if !ok || !reflect.DeepEqual(got, want) || shapes.Mark(got) != mark {
			t.Errorf("mark %d: got %#v, %v", mark, got, ok)
		}
	}
	if got, ok := shapes.New(1); ok || got != nil {
		t.Errorf("a mark of no type gives %#v", got)
	}
	for what, wrong := range map[string]func(){
		"a type without a mark": func() { shapes.Mark(&circle{}) },
		"two marks":             func() { NewTypes(map[byte]shape{1: &square{}, 2: &square{}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			wrong()
		}()
	}
}
