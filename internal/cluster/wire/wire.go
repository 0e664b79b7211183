// Package wire writes values as bytes, for links between nodes of one release, and reads
// them back: structs, and what they are made of. What stands in an
// interface must be registered; which types there are only their services know. Nil and
// empty differ. An error is written as its text and what of its chain is registered, so that
// errors.Is and errors.As find that at the other end.
package wire

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"unsafe"
)

// Codec knows types by numbers, which are made of their names.
type Codec struct {
	types     map[uint32]reflect.Type
	sentinels []error
}

// New is a Codec that knows no types but the basic ones.
func New() *Codec {
	c := &Codec{types: map[uint32]reflect.Type{}}
	for _, v := range []any{false, "", int(0), int32(0), int64(0), uint64(0), float64(0), []byte(nil), []string(nil), []any(nil), map[string]any(nil)} {
		c.Register(v)
	}
	return c
}

// Register has values of these types, and pointers to them, be written where an interface
// is. It panics if a type can't be written.
func (c *Codec) Register(samples ...any) {
	for _, v := range samples {
		c.RegisterType(reflect.TypeOf(v))
	}
}

// RegisterType is Register of one type.
func (c *Codec) RegisterType(t reflect.Type) {
	n := numberOf(t)
	if other := c.types[n]; other != nil && other != t {
		panic(fmt.Sprintf("wire: %v and %v have one number", t, other))
	}
	c.types[n] = t
	if err := check(t, map[reflect.Type]bool{}); err != nil {
		panic(fmt.Sprintf("wire: register %v: %v", t, err))
	}
}

// Fingerprint is of all registered types and of what they are made of: nodes that have
// another one can't read each other. It is positive.
func (c *Codec) Fingerprint() int32 {
	h := fnv.New32a()
	seen := map[reflect.Type]bool{}
	for _, n := range slices.Sorted(maps.Keys(c.types)) {
		describe(h, c.types[n], seen)
	}
	fmt.Fprint(h, c.sentinels)
	return int32(h.Sum32()>>1) | 1
}

func describe(to io.Writer, t reflect.Type, seen map[reflect.Type]bool) {
	fmt.Fprintf(to, "%s %v %v;", t.PkgPath(), t, t.Kind())
	if seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		describe(to, t.Elem(), seen)
	case reflect.Map:
		describe(to, t.Key(), seen)
		describe(to, t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			fmt.Fprint(to, t.Field(i).Name, ":")
			describe(to, t.Field(i).Type, seen)
		}
	}
}

// Types are all that are registered.
func (c *Codec) Types() []reflect.Type { return slices.Collect(maps.Values(c.types)) }

// Sentinels are errors that are found by errors.Is at the other end. Their order is part of
// the format.
func (c *Codec) Sentinels(all ...error) { c.sentinels = append(c.sentinels, all...) }

func numberOf(t reflect.Type) uint32 {
	h := fnv.New32a()
	h.Write([]byte(t.PkgPath() + "|" + t.String()))
	return h.Sum32()
}

var (
	errorType       = reflect.TypeFor[error]()
	marshalerType   = reflect.TypeFor[encoding.BinaryMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

func marshals(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.Implements(marshalerType) && reflect.PointerTo(t).Implements(unmarshalerType)
}

// check tells what of a type can't be written.
func check(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || marshals(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Interface, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return check(t.Elem(), seen)
	case reflect.Map:
		return errors.Join(check(t.Key(), seen), check(t.Elem(), seen))
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if err := check(f.Type, seen); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%v can't be written", t)
}

// Encode writes a value, which is registered.
func (c *Codec) Encode(v any) (b []byte, err error) {
	defer caught(&err)
	return c.any(nil, reflect.ValueOf(v)), nil
}

// Decode reads it back.
func (c *Codec) Decode(b []byte) (v any, err error) {
	defer caught(&err)
	r := reader{Codec: c, b: b}
	v = r.any()
	if len(r.b) > 0 {
		return nil, fmt.Errorf("wire: %d bytes are left", len(r.b))
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

// Heads of what stands in an interface.
const (
	isNil byte = iota
	isValue
	isPointer
	isError
)

// any writes what stands in an interface.
func (c *Codec) any(b []byte, v reflect.Value) []byte {
	if !v.IsValid() {
		return append(b, isNil)
	}
	t, head := v.Type(), isValue
	if t.Kind() == reflect.Pointer {
		t, head = t.Elem(), isPointer
	}
	n := numberOf(t)
	if c.types[n] != t {
		if v.Type().Implements(errorType) {
			return c.error(b, v.Interface().(error))
		}
		fail("%v is not registered", v.Type())
	}
	if head == isPointer {
		if v.IsNil() {
			fail("a nil %v in an interface", v.Type())
		}
		v = v.Elem()
	}
	return c.value(binary.BigEndian.AppendUint32(append(b, head), n), v)
}

// error writes an error that is not registered itself.
func (c *Codec) error(b []byte, err error) []byte {
	b = text(append(b, isError), err.Error())
	var sentinels []uint64
	for i, s := range c.sentinels {
		if errors.Is(err, s) {
			sentinels = append(sentinels, uint64(i))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(sentinels)))
	for _, i := range sentinels {
		b = binary.AppendUvarint(b, i)
	}
	var known []error
	c.chain(err, &known)
	b = binary.AppendUvarint(b, uint64(len(known)))
	for _, e := range known {
		b = c.any(b, reflect.ValueOf(e))
	}
	return b
}

// chain finds what of an error's causes is registered.
func (c *Codec) chain(err error, known *[]error) {
	if err == nil {
		return
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if c.types[numberOf(t)] == t {
		*known = append(*known, err)
		return
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		c.chain(e.Unwrap(), known)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			c.chain(one, known)
		}
	}
}

// Error is an error of another node.
type Error struct {
	Text   string
	Causes []error
}

func (e *Error) Error() string   { return e.Text }
func (e *Error) Unwrap() []error { return e.Causes }

func text(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (c *Codec) value(b []byte, v reflect.Value) []byte {
	t := v.Type()
	switch t.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.String:
		return text(b, v.String())
	case reflect.Float32, reflect.Float64:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v.Float()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.Interface:
		return c.any(b, v.Elem())
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return c.value(append(b, 1), v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		if t.Elem().Kind() == reflect.Uint8 {
			return append(b, v.Bytes()...)
		}
		for i := range v.Len() {
			b = c.value(b, v.Index(i))
		}
		return b
	case reflect.Array:
		for i := range v.Len() {
			b = c.value(b, v.Index(i))
		}
		return b
	case reflect.Map:
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		for entries := v.MapRange(); entries.Next(); {
			b = c.value(c.value(b, entries.Key()), entries.Value())
		}
		return b
	case reflect.Struct:
		if marshals(t) {
			packed, err := v.Interface().(encoding.BinaryMarshaler).MarshalBinary()
			if err != nil {
				fail("%v: %w", t, err)
			}
			return text(b, string(packed))
		}
		if !v.CanAddr() {
			copied := reflect.New(t).Elem()
			copied.Set(v)
			v = copied
		}
		for i := range v.NumField() {
			b = c.value(b, field(v, i))
		}
		return b
	}
	fail("%v can't be written", t)
	return nil
}

// field is a field of a struct that has an address. Those that are not exported are written
// too: links are between nodes of one release.
func field(v reflect.Value, i int) reflect.Value {
	f := v.Field(i)
	if f.CanInterface() { // exported; asking the type for the field costs memory each time
		return f
	}
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
}

// reader takes a value from bytes.
type reader struct {
	*Codec
	b     []byte
	depth int // of the value that is read
}

// depthMax is how deep values may stand in each other: the stack must hold them.
const depthMax = 100_000

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		fail("cut off")
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		fail("cut off")
	}
	r.b = r.b[size:]
	return n
}

// length is of a slice or a map, plus one; each element has a byte at least, or is empty.
func (r *reader) length() int {
	n := r.uint()
	if n > uint64(len(r.b))+1 {
		fail("%d elements in %d bytes", n, len(r.b))
	}
	return int(n)
}

func (r *reader) any() any {
	head := r.take(1)[0]
	switch head {
	case isNil:
		return nil
	case isError:
		return r.error()
	case isValue, isPointer:
	default:
		fail("a value of kind %d", head)
	}
	n := binary.BigEndian.Uint32(r.take(4))
	t := r.types[n]
	if t == nil {
		fail("no type has the number %x", n)
	}
	v := reflect.New(t)
	r.value(v.Elem())
	if head == isPointer {
		return v.Interface()
	}
	return v.Elem().Interface()
}

func (r *reader) error() error {
	if r.depth++; r.depth > depthMax {
		fail("more than %d errors in each other", depthMax)
	}
	defer func() { r.depth-- }()
	e := &Error{Text: string(r.take(r.uint()))}
	for range r.length() {
		if i := r.uint(); i < uint64(len(r.sentinels)) {
			e.Causes = append(e.Causes, r.sentinels[i])
		}
	}
	for range r.length() {
		if cause, ok := r.any().(error); ok {
			e.Causes = append(e.Causes, cause)
		}
	}
	return e
}

func (r *reader) value(v reflect.Value) {
	if r.depth++; r.depth > depthMax {
		fail("more than %d values in each other", depthMax)
	}
	defer func() { r.depth-- }()
	t := v.Type()
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(r.take(1)[0] == 1)
	case reflect.String:
		v.SetString(string(r.take(r.uint())))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(binary.BigEndian.Uint64(r.take(8))))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(r.b)
		if size <= 0 {
			fail("cut off")
		}
		r.b = r.b[size:]
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.uint())
	case reflect.Interface:
		if a := r.any(); a != nil {
			av := reflect.ValueOf(a)
			if !av.Type().AssignableTo(t) {
				fail("%v is no %v", av.Type(), t)
			}
			v.Set(av)
		}
	case reflect.Pointer:
		if r.take(1)[0] == 1 {
			v.Set(reflect.New(t.Elem()))
			r.value(v.Elem())
		}
	case reflect.Slice:
		n := r.length()
		if n == 0 {
			return
		}
		n--
		v.Set(reflect.MakeSlice(t, n, n))
		if t.Elem().Kind() == reflect.Uint8 {
			copy(v.Bytes(), r.take(uint64(n)))
			return
		}
		for i := range n {
			r.value(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			r.value(v.Index(i))
		}
	case reflect.Map:
		n := r.length()
		if n == 0 {
			return
		}
		v.Set(reflect.MakeMap(t))
		for range n - 1 {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			r.value(key)
			r.value(value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		if marshals(t) {
			if err := v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(r.take(r.uint())); err != nil {
				fail("%v: %w", t, err)
			}
			return
		}
		for i := range v.NumField() {
			r.value(field(v, i))
		}
	default:
		fail("%v can't be read", t)
	}
}
