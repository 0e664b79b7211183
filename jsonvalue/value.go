// Package jsonvalue holds JSON values that keep what their text said: the order of an
// object's members, and numbers to the last digit. It is what packages jsonpath and
// jsonata work on.
//
// A value is an any that holds one of these:
//
//	nil        null
//	bool       true, false
//	string     UTF-8; a lone surrogate of an escape stands as three bytes, as if it were a character
//	float64    a number that a float64 gives back as it was written
//	Number     any other number, by its text: 1.0, 1e3, -0, 12345678901234567890
//	[]any      a list
//	*Object    an object
//
// Values are shared and therefore never changed, but by who is making them.
package jsonvalue

import (
	"iter"
	"math"
	"strconv"
)

// Number is the text of a JSON number that a float64 would not give back as it was written.
type Number string

// Float is the nearest float64; infinite when n is beyond all.
func (n Number) Float() float64 {
	f, _ := strconv.ParseFloat(string(n), 64) // an infinity comes with an error
	return f
}

// Float gives a number as a float64, and false for what is no number.
func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case Number:
		return v.Float(), true
	}
	return 0, false
}

// TypeName is what messages call the type of a value: "null", "boolean", "string",
// "number", "array" or "object"; empty: v is no value.
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64, Number:
		return "number"
	case []any:
		return "array"
	case *Object:
		return "object"
	}
	return ""
}

// indexedFrom is the number of members from which an object finds them by a map.
const indexedFrom = 12

// Object is a JSON object; its members keep their order. The zero Object has none.
type Object struct {
	names  []string
	values []any
	index  map[string]int // of names; nil while there are few
}

// NewObject makes an object with room for n members.
func NewObject(n int) *Object {
	return &Object{names: make([]string, 0, n), values: make([]any, 0, n)}
}

// Len is the number of members.
func (o *Object) Len() int { return len(o.names) }

// At is the i-th member, from 0.
func (o *Object) At(i int) (name string, value any) { return o.names[i], o.values[i] }

func (o *Object) find(name string) int {
	if o.index != nil {
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	for i, n := range o.names {
		if n == name {
			return i
		}
	}
	return -1
}

// Get finds a member by its name.
func (o *Object) Get(name string) (value any, found bool) {
	if i := o.find(name); i >= 0 {
		return o.values[i], true
	}
	return nil, false
}

// Set gives a member a value: a new one comes last, another keeps its place.
func (o *Object) Set(name string, value any) {
	if i := o.find(name); i >= 0 {
		o.values[i] = value
		return
	}
	o.names, o.values = append(o.names, name), append(o.values, value)
	switch {
	case o.index != nil:
		o.index[name] = len(o.names) - 1
	case len(o.names) >= indexedFrom:
		o.index = make(map[string]int, 2*len(o.names))
		for i, n := range o.names {
			o.index[n] = i
		}
	}
}

// Delete takes a member away, if it is there.
func (o *Object) Delete(name string) {
	i := o.find(name)
	if i < 0 {
		return
	}
	o.names = append(o.names[:i], o.names[i+1:]...)
	o.values = append(o.values[:i], o.values[i+1:]...)
	if o.index != nil {
		delete(o.index, name)
		for j := i; j < len(o.names); j++ {
			o.index[o.names[j]] = j
		}
	}
}

// Clone is an object of its own with the same values.
func (o *Object) Clone() *Object {
	c := NewObject(len(o.names) + 1)
	for i, name := range o.names {
		c.Set(name, o.values[i])
	}
	return c
}

// All ranges over the members in their order.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i, name := range o.names {
			if !yield(name, o.values[i]) {
				return
			}
		}
	}
}

// Equal compares two values deeply: numbers by what they are worth, objects whatever the
// order of their members.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case string:
		b, ok := b.(string)
		return ok && a == b
	case float64, Number:
		return equalNumbers(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for name, v := range a.All() {
			if w, found := b.Get(name); !found || !Equal(v, w) {
				return false
			}
		}
		return true
	}
	return false
}

// equalNumbers compares by float64, and where texts are longer than one holds, by these.
func equalNumbers(a, b any) bool {
	x, _ := Float(a)
	y, ok := Float(b)
	if !ok || x != y {
		return false
	}
	m, ok1 := a.(Number)
	n, ok2 := b.(Number)
	return !ok1 || !ok2 || m == n || math.Abs(x) < 1<<53 || compareLong(string(m), string(n))
}

// compareLong tells whether two long numbers are the same digits.
func compareLong(a, b string) bool {
	da, ea := digits(a)
	db, eb := digits(b)
	return da == db && ea == eb && (a[0] == '-') == (b[0] == '-')
}

// digits gives the significant digits of a number's text, and the exponent of the last.
func digits(s string) (string, int) {
	var b []byte
	exp, fraction := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if fraction {
				exp--
			}
			if len(b) > 0 || c != '0' {
				b = append(b, c)
			}
		case c == '.':
			fraction = true
		case c == 'e' || c == 'E':
			e, _ := strconv.Atoi(s[i+1:]) // the parser bounds it
			exp += e
			i = len(s)
		}
	}
	for len(b) > 0 && b[len(b)-1] == '0' {
		b, exp = b[:len(b)-1], exp+1
	}
	return string(b), exp
}
