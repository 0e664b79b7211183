// Package wire writes values as bytes, for links between nodes, and reads them back: structs,
// and what they are made of. Types and fields go by the numbers of a Table, so that nodes of
// several releases understand each other: fields that a release does not know are skipped, and
// what came with a level is not sent below it. Nil and empty differ. An error is written as
// its text and what of its chain has a number, so that errors.Is and errors.As find that at the
// other end.
//
// A value is a head and what follows. The head is number<<3 | kind, as a uvarint; the number
// is that of a field in a struct, twice that of a type in an interface (and one more for a
// pointer to it), and else 0. Fields that are zero are not written.
package wire

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
)

// The kinds of what follows a head.
const (
	kindNumber byte = iota // a uvarint; zigzag, if it may be negative
	kindFloat              // 8 bytes
	kindBytes              // their count, and they
	kindFields             // values with heads, until a head that is 0
	kindList               // a count, and values
	kindMap                // a count, and a key and a value for each
	kindTyped              // a value, whose number is that of its type
	kindNil
)

// Codec knows types by their numbers.
type Codec struct {
	table     *Table
	byNumber  []*known                // nil: there is none
	byType    map[reflect.Type]*known // and pointers to them
	coders    map[reflect.Type]coder
	errors    *known
	sentinels []sentinel
	level     atomic.Int64 // nothing that is newer is written
}

// known is a type with a number.
type known struct {
	t     reflect.Type
	head  uint64 // in an interface, without kind
	since int
	coder coder
	name  string
}

// Basic are types that every codec knows.
func Basic() (all []reflect.Type) {
	for _, v := range []any{
		false, "", int(0), int32(0), int64(0), uint64(0), float64(0), []byte(nil), []string(nil), []any(nil), map[string]any(nil), errorText{},
	} {
		all = append(all, reflect.TypeOf(v))
	}
	return all
}

// New is a Codec of the basic types and some more, all of which the table must have as they
// are. It writes what the lowest level of the table has.
func New(table *Table, types []reflect.Type) (*Codec, error) {
	c := &Codec{table: table, byType: map[reflect.Type]*known{}, coders: map[reflect.Type]coder{}}
	c.SetLevel(table.From)
	all, err := reached(append(Basic(), types...))
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		name, err := nameOf(t)
		if err != nil {
			return nil, err
		}
		r := table.byName[name]
		if r == nil {
			return nil, fmt.Errorf("%s is not in the table of types", name)
		}
		shape, err := table.shapeOf(t, true)
		if err != nil {
			return nil, err
		}
		if r.shape != shape {
			return nil, fmt.Errorf("%s is %s, and %s in the table of types", name, shape, r.shape)
		}
		k := &known{t: t, head: r.number << 4, since: r.since, name: name}
		for uint64(len(c.byNumber)) <= r.number {
			c.byNumber = append(c.byNumber, nil)
		}
		c.byNumber[r.number], c.byType[t], c.byType[reflect.PointerTo(t)] = k, k, k
	}
	for _, t := range all {
		k := c.byType[t]
		if k.coder, err = c.coderOf(k.t); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	c.errors = c.byType[reflect.TypeFor[errorText]()]
	return c, nil
}

// Types are all that have numbers here.
func (c *Codec) Types() (all []reflect.Type) {
	for _, k := range c.byNumber {
		if k != nil {
			all = append(all, k.t)
		}
	}
	return all
}

// Sentinel gives a number to an error that errors.Is finds at the other end. The number stands
// for it for ever.
func (c *Codec) Sentinel(number uint64, err error) {
	if other := c.sentinel(number); other != nil {
		panic(fmt.Sprintf("wire: %v and %v have one number", other, err))
	}
	c.sentinels = append(c.sentinels, sentinel{number, err})
}

type sentinel struct {
	number uint64
	err    error
}

func (c *Codec) sentinel(number uint64) error {
	for _, s := range c.sentinels {
		if s.number == number {
			return s.err
		}
	}
	return nil
}

// SetLevel says what all nodes can read: nothing that is newer is written.
func (c *Codec) SetLevel(level int) { c.level.Store(int64(level)) }

// Level is what all nodes can read.
func (c *Codec) Level() int { return int(c.level.Load()) }

// Encode writes a value whose type has a number.
func (c *Codec) Encode(v any) (b []byte, err error) {
	defer caught(&err)
	w := writer{Codec: c, b: make([]byte, 0, 128), level: int(c.level.Load())}
	w.typed(v)
	return w.b, nil
}

// Decode reads it back. With an error it gives what was read of a pointer to a struct before
// it; nil: nothing.
func (c *Codec) Decode(b []byte) (v any, err error) {
	defer caught(&err)
	r := reader{Codec: c, b: b, room: roomOf(len(b))}
	r.typed(&v)
	if len(r.b) > 0 {
		return v, fmt.Errorf("wire: %d bytes are left", len(r.b))
	}
	return v, nil
}

// fault is how what can't be written or read ends encoding.
type fault struct{ error }

func fail(format string, args ...any) { panic(fault{fmt.Errorf("wire: "+format, args...)}) }

func caught(err *error) {
	switch p := recover().(type) {
	case nil:
	case fault:
		*err = p.error
	default:
		panic(p)
	}
}

var (
	marshalerType   = reflect.TypeFor[encoding.BinaryMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

func marshals(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.Implements(marshalerType) && reflect.PointerTo(t).Implements(unmarshalerType)
}

// errorText is how an error goes that has no number itself.
type errorText struct {
	Text      string
	Sentinels []uint64
	Known     []error // what of its chain has a number
}

// Error is an error of another node.
type Error struct {
	Text   string
	Causes []error
}

func (e *Error) Error() string   { return e.Text }
func (e *Error) Unwrap() []error { return e.Causes }

// textOf is an error that has no number.
func (c *Codec) textOf(err error) *errorText {
	e := &errorText{Text: err.Error()}
	for _, s := range c.sentinels {
		if errors.Is(err, s.err) {
			e.Sentinels = append(e.Sentinels, s.number)
		}
	}
	c.chain(err, &e.Known)
	return e
}

// chain finds what of an error's causes has a number.
func (c *Codec) chain(err error, found *[]error) {
	if err == nil {
		return
	}
	if c.byType[reflect.TypeOf(err)] != nil {
		*found = append(*found, err)
		return
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		c.chain(e.Unwrap(), found)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			c.chain(one, found)
		}
	}
}

// read is the error that was written.
func (c *Codec) read(e *errorText) error {
	back := &Error{Text: e.Text}
	for _, n := range e.Sentinels {
		if s := c.sentinel(n); s != nil {
			back.Causes = append(back.Causes, s)
		}
	}
	for _, one := range e.Known {
		if one != nil {
			back.Causes = append(back.Causes, one)
		}
	}
	return back
}

// Levels are the lowest and the highest that the table has.
func (c *Codec) Levels() (from, to int) { return c.table.From, c.table.To }
