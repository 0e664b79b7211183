package pack

import (
	"fmt"
	"reflect"
)

// Types is a table of types that are stored with a byte before them, their mark.
type Types[T any] struct {
	types map[byte]reflect.Type
	marks map[reflect.Type]byte
}

// NewTypes makes a table: each mark stands for the type of its example, a pointer. Marks
// are stored, so that none may ever get another type.
func NewTypes[T any](examples map[byte]T) *Types[T] {
	t := &Types[T]{map[byte]reflect.Type{}, map[reflect.Type]byte{}}
	for mark, example := range examples {
		of := reflect.TypeOf(example)
		if other, twice := t.marks[of]; twice {
			panic(fmt.Sprintf("pack: %s has the marks %d and %d", of, other, mark))
		}
		t.types[mark], t.marks[of] = of.Elem(), mark
	}
	return t
}

// New gives an empty value of a mark's type.
func (t *Types[T]) New(mark byte) (v T, ok bool) {
	of, ok := t.types[mark]
	if !ok {
		return v, false
	}
	return reflect.New(of).Interface().(T), true
}

// Mark gives the mark of a value's type.
func (t *Types[T]) Mark(v T) byte {
	mark, ok := t.marks[reflect.TypeOf(v)]
	if !ok {
		panic(fmt.Sprintf("pack: %T has no mark", v))
	}
	return mark
}
