package pack

import (
	"fmt"
	"unsafe"
)

// Coder writes fields or reads them back: a type says its fields once, for both ways, so
// that they can't differ. Like a Reader it remembers its first error.
type Coder struct {
	b       []byte // what was written
	r       Reader
	reading bool
	weighs  bool
	weight  int
}

// Writing begins to append to b.
func Writing(b []byte) *Coder { return &Coder{b: b} }

// Reading begins to read b.
func Reading(b []byte) *Coder { return &Coder{r: Reader{rest: b}, reading: true} }

// Weighing begins to add up the memory that fields take, beside what has them. It is an
// estimate, rather too much than too little.
func Weighing() *Coder { return &Coder{weighs: true} }

// Weight is what all fields since Weighing take.
func (c *Coder) Weight() int { return c.weight }

// Weigh adds n bytes that are allocated apart, and what the allocator may round them up by.
func (c *Coder) Weigh(n int) {
	if c.weighs && n > 0 {
		c.weight += n + n/8 + 16
	}
}

// Reads tells whether fields are read.
func (c *Coder) Reads() bool { return c.reading }

// Written is what Writing began with, and all that was written since.
func (c *Coder) Written() []byte { return c.b }

// Err is the first error; writing has none.
func (c *Coder) Err() error { return c.r.err }

// Done is the first error; what is left unread is one too.
func (c *Coder) Done() error { return c.r.Done() }

// Fail ends reading: what was read can't be. The first error counts.
func (c *Coder) Fail(why error) { c.r.failWith(why) }

// Format codes a format's number, the first byte of what is stored.
func (c *Coder) Format(want byte) {
	got := want
	if c.Byte(&got); got != want {
		c.Fail(fmt.Errorf("format %d, want %d", got, want))
	}
}

// Tail tells whether what follows, which a format got at its end later, is coded: it is
// written if it says something, and read if bytes are left.
func (c *Coder) Tail(says bool) bool {
	if c.reading {
		return c.r.err == nil && c.r.Len() > 0
	}
	return says
}

// Byte codes one byte.
func (c *Coder) Byte(v *byte) {
	if c.reading {
		*v = c.r.Byte()
	} else if !c.weighs {
		c.b = append(c.b, *v)
	}
}

// Bool codes a truth value.
func (c *Coder) Bool(v *bool) {
	if c.reading {
		*v = c.r.Bool()
	} else if !c.weighs {
		c.b = Bool(c.b, *v)
	}
}

// Int codes a number that may be negative.
func (c *Coder) Int(v *int64) {
	if n := c.signed(*v); c.reading {
		*v = n
	}
}

// Uint codes a number.
func (c *Coder) Uint(v *uint64) {
	if n := c.unsigned(*v); c.reading {
		*v = n
	}
}

// Signed codes a number of any type as one that may be negative.
func Signed[T ~int | ~int32 | ~int64 | ~uint32](c *Coder, v *T) {
	if n := c.signed(int64(*v)); c.reading {
		*v = T(n)
	}
}

// Unsigned codes a number of any type that is not negative.
func Unsigned[T ~int | ~uint32 | ~uint64](c *Coder, v *T) {
	if n := c.unsigned(uint64(*v)); c.reading {
		*v = T(n)
	}
}

func (c *Coder) signed(n int64) int64 {
	if c.reading {
		return c.r.Int()
	}
	if !c.weighs {
		c.b = Int(c.b, n)
	}
	return n
}

func (c *Coder) unsigned(n uint64) uint64 {
	if c.reading {
		return c.r.Uint()
	}
	if !c.weighs {
		c.b = Uint(c.b, n)
	}
	return n
}

// Text codes a string.
func (c *Coder) Text(v *string) {
	switch {
	case c.reading:
		*v = c.r.Text()
	case c.weighs:
		c.Weigh(len(*v))
	default:
		c.b = Text(c.b, *v)
	}
}

// Bytes codes bytes with their length before them; what is read is a copy, or nil.
func (c *Coder) Bytes(v *[]byte) {
	if c.reading {
		*v = append([]byte(nil), c.r.Bytes()...)
	} else if c.Weigh(cap(*v)); !c.weighs {
		c.b = Text(c.b, *v)
	}
}

// Fixed codes bytes whose number is known.
func (c *Coder) Fixed(v []byte) {
	if c.reading {
		c.r.Fill(v)
	} else if !c.weighs {
		c.b = append(c.b, v...)
	}
}

// Optional codes a string that may be absent.
func (c *Coder) Optional(v **string) {
	if present(c, v) {
		c.Text(*v)
	}
}

// OptionalUint codes a number that may be absent.
func (c *Coder) OptionalUint(v **int) {
	if present(c, v) {
		Unsigned(c, *v)
	}
}

// present codes whether there is a value, and makes room for one that is to be read.
func present[T any](c *Coder, v **T) bool {
	has := *v != nil
	c.Bool(&has)
	switch {
	case c.weighs:
		if has {
			c.Weigh(int(unsafe.Sizeof(**v)))
		}
	case !c.reading: // others may read what is written
	case has:
		*v = new(T)
	default:
		*v = nil
	}
	return has
}

// Count codes the length of a list; each element must take a byte or more.
func (c *Coder) Count(n int) int {
	if c.reading {
		return c.r.Count()
	}
	if !c.weighs {
		c.b = Uint(c.b, uint64(n))
	}
	return n
}

// List codes a list. One without elements is read as nil.
func List[S ~[]T, T any](c *Coder, list *S, element func(*T, *Coder)) {
	if n := c.Count(len(*list)); c.reading {
		*list = nil
		if n > 0 {
			*list = make(S, n)
		}
	}
	var one T
	c.Weigh(cap(*list) * int(unsafe.Sizeof(one)))
	for i := range *list {
		element(&(*list)[i], c)
	}
}

// Pointers is List for a list of pointers.
func Pointers[S ~[]*T, T any](c *Coder, list *S, element func(*T, *Coder)) {
	List(c, list, func(v **T, c *Coder) {
		if c.reading {
			*v = new(T)
		}
		c.Weigh(int(unsafe.Sizeof(**v)))
		element(*v, c)
	})
}

// Texts codes a list of strings.
func (c *Coder) Texts(v *[]string) {
	List(c, v, func(s *string, c *Coder) { c.Text(s) })
}

// OptionalTexts codes a list that keeps nil and empty apart.
func (c *Coder) OptionalTexts(v *[]string) {
	has := *v != nil
	if c.Bool(&has); has {
		c.Texts(v)
	}
	switch {
	case !c.reading: // others may read what is written
	case !has:
		*v = nil
	case *v == nil:
		*v = []string{}
	}
}
