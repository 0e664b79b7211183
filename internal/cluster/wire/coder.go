package wire

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

// coder writes and reads values of one type, which stand at an address.
type coder interface {
	// put writes a value with its head, of which it is given all but the kind. If it is zero,
	// it is written only if always.
	put(w *writer, head uint64, p unsafe.Pointer, always bool)
	// get reads what follows a head of a kind into a zero value.
	get(r *reader, kind byte, p unsafe.Pointer)
}

type writer struct {
	*Codec
	b     []byte
	level int
}

func (w *writer) head(head uint64, kind byte) { w.b = binary.AppendUvarint(w.b, head|uint64(kind)) }

func (w *writer) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

// reader takes a value from bytes.
type reader struct {
	*Codec
	b     []byte
	depth int // of the value that is read
	room  int // bytes that may still be allocated
}

// depthMax is how deep values may stand in each other: the stack must hold them.
const depthMax = 100_000

// roomOf is how much memory a frame of some bytes may take: sent by a node it takes
// little more than the bytes, and what nobody has sent must not take all there is.
func roomOf(n int) int { return 64<<20 + 4*n }

func (r *reader) alloc(count int, size uintptr) {
	if size > 0 && count > r.room/int(size) {
		fail("%d bytes would be %d values of %d bytes", len(r.b), count, size)
	}
	r.room -= count * int(size)
}

func (r *reader) enter() {
	if r.depth++; r.depth > depthMax {
		fail("more than %d values in each other", depthMax)
	}
}

func (r *reader) leave() { r.depth-- }

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		fail("cut off")
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) uint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		n := r.b[0]
		r.b = r.b[1:]
		return uint64(n)
	}
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		fail("cut off")
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) head() (number uint64, kind byte) {
	n := r.uint()
	return n >> 3, byte(n & 7)
}

// count is of elements, each of which has a byte at least.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		fail("%d elements in %d bytes", n, len(r.b))
	}
	return int(n)
}

func want(kind, wanted byte) {
	if kind != wanted {
		fail("a value of kind %d where one of kind %d should be", kind, wanted)
	}
}

// skip passes over what follows a head.
func (r *reader) skip(kind byte) {
	r.enter()
	defer r.leave()
	switch kind {
	case kindNumber:
		r.uint()
	case kindFloat:
		r.take(8)
	case kindBytes:
		r.take(r.uint())
	case kindFields:
		for {
			number, kind := r.head()
			if number == 0 {
				want(kind, kindNumber)
				return
			}
			r.skip(kind)
		}
	case kindList, kindMap:
		n := r.count()
		if kind == kindMap {
			n *= 2
		}
		for range n {
			_, kind := r.head()
			r.skip(kind)
		}
	case kindTyped:
		_, kind := r.head()
		r.skip(kind)
	}
}

// coderOf makes the coder of a type, once.
func (c *Codec) coderOf(t reflect.Type) (coder, error) {
	if done := c.coders[t]; done != nil {
		return done, nil
	}
	var made coder
	switch t.Kind() {
	case reflect.Bool:
		made = boolCoder{}
	case reflect.String:
		made = textCoder{}
	case reflect.Float32, reflect.Float64:
		made = floatCoder{t.Size() == 4}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		made = intCoder{t.Size()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		made = uintCoder{t.Size()}
	case reflect.Interface:
		made = anyCoder{t}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			made = bytesCoder{}
			break
		}
		s := &sliceCoder{t: t, size: t.Elem().Size()}
		c.coders[t] = s // it may stand in itself
		elem, err := c.coderOf(t.Elem())
		s.elem = elem
		return s, err
	case reflect.Pointer:
		p := &pointerCoder{elem: t.Elem()}
		c.coders[t] = p
		to, err := c.coderOf(t.Elem())
		p.to = to
		return p, err
	case reflect.Array:
		elem, err := c.coderOf(t.Elem())
		if err != nil {
			return nil, err
		}
		made = arrayCoder{t.Len(), t.Elem().Size(), elem}
		if t.Elem().Kind() == reflect.Uint8 {
			made = fixedCoder{t.Len()}
		}
	case reflect.Map:
		m := &mapCoder{t: t}
		c.coders[t] = m
		var err error
		if m.key, err = c.coderOf(t.Key()); err == nil {
			m.value, err = c.coderOf(t.Elem())
		}
		return m, err
	case reflect.Struct:
		if marshals(t) {
			made = packedCoder{t}
			break
		}
		return c.structCoder(t)
	default:
		return nil, fmt.Errorf("%v can't be written", t)
	}
	c.coders[t] = made
	return made, nil
}

func (c *Codec) structCoder(t reflect.Type) (coder, error) {
	name, err := nameOf(t)
	if err != nil {
		return nil, err
	}
	r := c.table.byName[name]
	if r == nil {
		return nil, fmt.Errorf("%s is not in the table of types", name)
	}
	s := &structCoder{name: name}
	c.coders[t] = s
	rows := map[string]*row{}
	for _, f := range r.fields {
		if !f.gone {
			rows[f.name] = f
		}
	}
	there := 0
	for f := range fieldsOf(t) {
		shape, err := c.table.shapeOf(f.Type, false)
		if err != nil {
			return nil, err
		}
		one := rows[f.Name]
		if one == nil || one.shape != shape {
			return nil, fmt.Errorf("field %s of %s is not in the table of types, or has another shape there", f.Name, shape)
		}
		there++
		to, err := c.coderOf(f.Type)
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, fieldCoder{to, one.number << 3, f.Offset, one.since, one.optional, f.Name})
		for uint64(len(s.byNumber)) <= one.number {
			s.byNumber = append(s.byNumber, -1)
		}
		s.byNumber[one.number] = int32(len(s.fields) - 1)
	}
	if there != len(rows) {
		return nil, fmt.Errorf("the table of types has %d fields, and there are %d", len(rows), there)
	}
	return s, nil
}

type boolCoder struct{}

func (boolCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	if v := *(*bool)(p); v || always {
		w.head(head, kindNumber)
		n := byte(0)
		if v {
			n = 1
		}
		w.b = append(w.b, n)
	}
}

func (boolCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindNumber)
	*(*bool)(p) = r.uint() != 0
}

type textCoder struct{}

func (textCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	if v := *(*string)(p); v != "" || always {
		w.head(head, kindBytes)
		w.uint(uint64(len(v)))
		w.b = append(w.b, v...)
	}
}

func (textCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindBytes)
	*(*string)(p) = string(r.take(r.uint()))
}

type bytesCoder struct{}

func (bytesCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	switch v := *(*[]byte)(p); {
	case v != nil:
		w.head(head, kindBytes)
		w.uint(uint64(len(v)))
		w.b = append(w.b, v...)
	case always:
		w.head(head, kindNil)
	}
}

func (bytesCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	if kind != kindNil {
		want(kind, kindBytes)
		*(*[]byte)(p) = append([]byte{}, r.take(r.uint())...)
	}
}

// fixedCoder is of an array of bytes.
type fixedCoder struct{ n int }

func (c fixedCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	v := unsafe.Slice((*byte)(p), c.n)
	if !always {
		zero := true
		for _, b := range v {
			zero = zero && b == 0
		}
		if zero {
			return
		}
	}
	w.head(head, kindBytes)
	w.uint(uint64(c.n))
	w.b = append(w.b, v...)
}

func (c fixedCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindBytes)
	if n := r.uint(); n != uint64(c.n) {
		fail("%d bytes where %d should be", n, c.n)
	}
	copy(unsafe.Slice((*byte)(p), c.n), r.take(uint64(c.n)))
}

type floatCoder struct{ half bool }

func (c floatCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	var bits uint64
	if c.half {
		bits = math.Float64bits(float64(*(*float32)(p)))
	} else {
		bits = math.Float64bits(*(*float64)(p))
	}
	if bits != 0 || always {
		w.head(head, kindFloat)
		w.b = binary.BigEndian.AppendUint64(w.b, bits)
	}
}

func (c floatCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindFloat)
	v := math.Float64frombits(binary.BigEndian.Uint64(r.take(8)))
	if c.half {
		*(*float32)(p) = float32(v)
	} else {
		*(*float64)(p) = v
	}
}

type intCoder struct{ size uintptr }

func (c intCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	var v int64
	switch c.size {
	case 1:
		v = int64(*(*int8)(p))
	case 2:
		v = int64(*(*int16)(p))
	case 4:
		v = int64(*(*int32)(p))
	default:
		v = *(*int64)(p)
	}
	if v != 0 || always {
		w.head(head, kindNumber)
		w.b = binary.AppendVarint(w.b, v)
	}
}

func (c intCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindNumber)
	u := r.uint()
	v := int64(u>>1) ^ -int64(u&1)
	fits := true
	switch c.size {
	case 1:
		*(*int8)(p), fits = int8(v), v == int64(int8(v))
	case 2:
		*(*int16)(p), fits = int16(v), v == int64(int16(v))
	case 4:
		*(*int32)(p), fits = int32(v), v == int64(int32(v))
	default:
		*(*int64)(p) = v
	}
	if !fits {
		fail("%d in %d bytes", v, c.size)
	}
}

type uintCoder struct{ size uintptr }

func (c uintCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	var v uint64
	switch c.size {
	case 1:
		v = uint64(*(*uint8)(p))
	case 2:
		v = uint64(*(*uint16)(p))
	case 4:
		v = uint64(*(*uint32)(p))
	default:
		v = *(*uint64)(p)
	}
	if v != 0 || always {
		w.head(head, kindNumber)
		w.uint(v)
	}
}

func (c uintCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindNumber)
	v := r.uint()
	fits := true
	switch c.size {
	case 1:
		*(*uint8)(p), fits = uint8(v), v == uint64(uint8(v))
	case 2:
		*(*uint16)(p), fits = uint16(v), v == uint64(uint16(v))
	case 4:
		*(*uint32)(p), fits = uint32(v), v == uint64(uint32(v))
	default:
		*(*uint64)(p) = v
	}
	if !fits {
		fail("%d in %d bytes", v, c.size)
	}
}

// packedCoder is of a type that writes itself.
type packedCoder struct{ t reflect.Type }

func (c packedCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	v := reflect.NewAt(c.t, p).Elem()
	if !always && v.IsZero() {
		return
	}
	packed, err := v.Interface().(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		fail("%v: %w", c.t, err)
	}
	w.head(head, kindBytes)
	w.uint(uint64(len(packed)))
	w.b = append(w.b, packed...)
}

func (c packedCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindBytes)
	if err := reflect.NewAt(c.t, p).Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(r.take(r.uint())); err != nil {
		fail("%v: %w", c.t, err)
	}
}

type pointerCoder struct {
	elem reflect.Type
	to   coder
}

func (c *pointerCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	if to := *(*unsafe.Pointer)(p); to != nil {
		c.to.put(w, head, to, true)
	} else if always {
		w.head(head, kindNil)
	}
}

func (c *pointerCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	if kind == kindNil {
		return
	}
	r.alloc(1, c.elem.Size())
	v := reflect.New(c.elem)
	*(*unsafe.Pointer)(p) = v.UnsafePointer()
	c.to.get(r, kind, v.UnsafePointer())
}

// sliceOf is how a slice of any type stands in memory.
type sliceOf struct {
	data     unsafe.Pointer
	len, cap int
}

type sliceCoder struct {
	t    reflect.Type
	size uintptr
	elem coder
}

func (c *sliceCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	s := (*sliceOf)(p)
	if s.data == nil {
		if always {
			w.head(head, kindNil)
		}
		return
	}
	w.head(head, kindList)
	w.uint(uint64(s.len))
	for i := range s.len {
		c.elem.put(w, 0, unsafe.Add(s.data, uintptr(i)*c.size), true)
	}
}

func (c *sliceCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	if kind == kindNil {
		return
	}
	want(kind, kindList)
	r.enter()
	defer r.leave()
	n := r.count()
	r.alloc(n, c.size)
	reflect.NewAt(c.t, p).Elem().Set(reflect.MakeSlice(c.t, n, n))
	data := (*sliceOf)(p).data
	for i := range n {
		_, kind := r.head()
		c.elem.get(r, kind, unsafe.Add(data, uintptr(i)*c.size))
	}
}

type arrayCoder struct {
	n    int
	size uintptr
	elem coder
}

func (c arrayCoder) put(w *writer, head uint64, p unsafe.Pointer, _ bool) {
	w.head(head, kindList)
	w.uint(uint64(c.n))
	for i := range c.n {
		c.elem.put(w, 0, unsafe.Add(p, uintptr(i)*c.size), true)
	}
}

func (c arrayCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindList)
	if n := r.count(); n != c.n {
		fail("%d elements where %d should be", n, c.n)
	}
	for i := range c.n {
		_, kind := r.head()
		c.elem.get(r, kind, unsafe.Add(p, uintptr(i)*c.size))
	}
}

type mapCoder struct {
	t          reflect.Type
	key, value coder
}

func (c *mapCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	m := reflect.NewAt(c.t, p).Elem()
	if m.IsNil() {
		if always {
			w.head(head, kindNil)
		}
		return
	}
	w.head(head, kindMap)
	w.uint(uint64(m.Len()))
	if m.Len() == 0 {
		return
	}
	key, value := reflect.New(c.t.Key()), reflect.New(c.t.Elem())
	for entries := m.MapRange(); entries.Next(); {
		key.Elem().SetIterKey(entries)
		value.Elem().SetIterValue(entries)
		c.key.put(w, 0, key.UnsafePointer(), true)
		c.value.put(w, 0, value.UnsafePointer(), true)
	}
}

func (c *mapCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	if kind == kindNil {
		return
	}
	want(kind, kindMap)
	r.enter()
	defer r.leave()
	n := r.count()
	r.alloc(n, c.t.Key().Size()+c.t.Elem().Size()+16)
	m := reflect.MakeMap(c.t)
	reflect.NewAt(c.t, p).Elem().Set(m)
	key, value := reflect.New(c.t.Key()), reflect.New(c.t.Elem())
	for range n {
		key.Elem().SetZero()
		value.Elem().SetZero()
		_, kind := r.head()
		c.key.get(r, kind, key.UnsafePointer())
		_, kind = r.head()
		c.value.get(r, kind, value.UnsafePointer())
		if !key.Elem().Comparable() {
			fail("a key of %v that is none", c.t)
		}
		m.SetMapIndex(key.Elem(), value.Elem())
	}
}

type structCoder struct {
	name     string
	fields   []fieldCoder
	byNumber []int32 // -1: there is no such field
}

type fieldCoder struct {
	coder
	head     uint64
	offset   uintptr
	since    int
	optional bool
	name     string
}

func (c *structCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	begin := len(w.b)
	w.head(head, kindFields)
	first := len(w.b)
	for i := range c.fields {
		f := &c.fields[i]
		if f.since > w.level {
			c.newer(w, f, unsafe.Add(p, f.offset))
			continue
		}
		f.put(w, f.head, unsafe.Add(p, f.offset), false)
	}
	if len(w.b) == first && !always {
		w.b = w.b[:begin]
		return
	}
	w.b = append(w.b, 0)
}

// newer is for a field that not all nodes can read.
func (c *structCoder) newer(w *writer, f *fieldCoder, p unsafe.Pointer) {
	if f.optional {
		return
	}
	before := len(w.b)
	f.put(w, f.head, p, false)
	if len(w.b) > before {
		fail("field %s of %s wants level %d, and not all servers have more than %d", f.name, c.name, f.since, w.level)
	}
}

func (c *structCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	want(kind, kindFields)
	r.enter()
	defer r.leave()
	for {
		number, kind := r.head()
		if number == 0 {
			want(kind, kindNumber)
			return
		}
		if number < uint64(len(c.byNumber)) && c.byNumber[number] >= 0 {
			f := &c.fields[c.byNumber[number]]
			f.get(r, kind, unsafe.Add(p, f.offset))
		} else {
			r.skip(kind)
		}
	}
}

// anyCoder is of an interface.
type anyCoder struct{ t reflect.Type }

func (c anyCoder) put(w *writer, head uint64, p unsafe.Pointer, always bool) {
	var v any
	if c.t.NumMethod() == 0 {
		v = *(*any)(p)
	} else {
		v = reflect.NewAt(c.t, p).Elem().Interface()
	}
	if v == nil {
		if always {
			w.head(head, kindNil)
		}
		return
	}
	w.head(head, kindTyped)
	w.typed(v)
}

func (c anyCoder) get(r *reader, kind byte, p unsafe.Pointer) {
	if kind == kindNil {
		return
	}
	want(kind, kindTyped)
	var v any
	if c.t.NumMethod() == 0 {
		r.typed((*any)(p))
		return
	}
	r.typed(&v)
	if v == nil {
		return
	}
	if !reflect.TypeOf(v).AssignableTo(c.t) {
		fail("%T is no %v", v, c.t)
	}
	reflect.NewAt(c.t, p).Elem().Set(reflect.ValueOf(v))
}

// typed writes what stands in an interface.
func (w *writer) typed(v any) {
	if v == nil {
		w.head(0, kindNil)
		return
	}
	t := reflect.TypeOf(v)
	k := w.byType[t]
	if k == nil {
		err, isError := v.(error)
		if !isError || t.Kind() == reflect.Pointer && reflect.ValueOf(v).IsNil() {
			fail("%v is not among what crosses between servers", t)
		}
		w.errors.coder.put(w, w.errors.head|8, unsafe.Pointer(w.textOf(err)), true)
		return
	}
	if k.since > w.level {
		fail("%s wants level %d, and not all servers have more than %d", k.name, k.since, w.level)
	}
	if t != k.t { // a pointer
		p := reflect.ValueOf(v).UnsafePointer()
		if p == nil {
			fail("a nil %v in an interface", t)
		}
		k.coder.put(w, k.head|8, p, true)
		return
	}
	at := reflect.New(t)
	at.Elem().Set(reflect.ValueOf(v))
	k.coder.put(w, k.head, at.UnsafePointer(), true)
}

// typed reads it. Of a pointer v has what was read before a fault.
func (r *reader) typed(v *any) {
	r.enter()
	defer r.leave()
	number, kind := r.head()
	if number == 0 {
		want(kind, kindNil)
		return
	}
	var k *known
	if number>>1 < uint64(len(r.byNumber)) {
		k = r.byNumber[number>>1]
	}
	if k == nil {
		fail("no type has the number %d", number>>1)
	}
	r.alloc(1, k.t.Size())
	at := reflect.New(k.t)
	if number&1 == 1 {
		if k == r.errors {
			k.coder.get(r, kind, at.UnsafePointer())
			*v = r.read(at.Interface().(*errorText))
			return
		}
		*v = at.Interface()
		k.coder.get(r, kind, at.UnsafePointer())
		return
	}
	k.coder.get(r, kind, at.UnsafePointer())
	*v = at.Elem().Interface()
}
