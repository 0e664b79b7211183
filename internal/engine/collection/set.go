package collection

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unsafe"

	"heddle/internal/pack"
)

// Key is what things are sorted by.
type Key[K any] interface{ Compare(other K) int }

// Item is a thing in a Set, a pointer.
type Item[K any] interface{ SortKey() K }

// Name is a key that is a text.
type Name string

// Compare orders names by their bytes.
func (n Name) Compare(other Name) int { return cmp.Compare(n, other) }

// Folded is a name as a key for which case does not count.
type Folded string

// Fold gives the key of a name.
func Fold(name string) Folded { return Folded(strings.ToLower(name)) }

// Compare orders folded names by their bytes.
func (n Folded) Compare(other Folded) int { return cmp.Compare(n, other) }

// Set is things in order of their keys. A state has few changes and up to some ten
// thousand things, so it is a slice: a change moves what is behind it.
type Set[K Key[K], E Item[K]] []E

// place tells where a key belongs, and whether it is there.
func (s Set[K, E]) place(key K) (i int, there bool) {
	for end := len(s); i < end; {
		middle := int(uint(i+end) / 2)
		switch order := s[middle].SortKey().Compare(key); {
		case order < 0:
			i = middle + 1
		case order > 0:
			end = middle
		default:
			return middle, true
		}
	}
	return i, false
}

// Has tells whether a key is there.
func (s Set[K, E]) Has(key K) bool {
	_, ok := s.place(key)
	return ok
}

// Find gives what has a key.
func (s Set[K, E]) Find(key K) (e E, ok bool) {
	if i, ok := s.place(key); ok {
		return s[i], true
	}
	return e, false
}

// Add adds e, unless its key is there.
func (s *Set[K, E]) Add(e E) (added bool) {
	i, there := s.place(e.SortKey())
	if !there {
		*s = slices.Insert(*s, i, e)
	}
	return !there
}

// Put adds e, or puts it in the place of what has its key.
func (s *Set[K, E]) Put(e E) {
	i, there := s.place(e.SortKey())
	if there {
		(*s)[i] = e
	} else {
		*s = slices.Insert(*s, i, e)
	}
}

// Remove takes out what has a key, if it is there.
func (s *Set[K, E]) Remove(key K) {
	if i, there := s.place(key); there {
		*s = slices.Delete(*s, i, i+1)
	}
}

// After gives what comes after a key, which need not be there any more. Pages that begin
// after the last key of the one before show all that stays in the set, once, whatever
// comes and goes meanwhile. In reverse it is what stands before the key.
func (s Set[K, E]) After(key K, reverse bool) Set[K, E] {
	i, there := s.place(key)
	if reverse {
		return s[:i]
	}
	if there {
		i++
	}
	return s[i:]
}

// Range gives what is neither before nor behind: where tells of a key on which side it
// is, -1, 0 or 1.
func (s Set[K, E]) Range(where func(K) int) Set[K, E] {
	first, _ := slices.BinarySearchFunc(s, 0, func(e E, _ int) int { return where(e.SortKey()) })
	end, _ := slices.BinarySearchFunc(s[first:], 1, func(e E, _ int) int { return cmp.Compare(where(e.SortKey()), 1) })
	return s[first : first+end]
}

// Page takes up to limit things from the front, or in reverse from the back, and tells
// whether there are more. show says what a reader sees of a thing, and whether they do.
func Page[E, V any](things []E, reverse bool, limit int, show func(E) (V, bool)) (shown []V, more bool) {
	for n := range things {
		if reverse {
			n = len(things) - 1 - n
		}
		v, ok := show(things[n])
		if !ok {
			continue
		}
		if len(shown) == limit {
			return shown, true
		}
		shown = append(shown, v)
	}
	return shown, false
}

var errOrder = errors.New("things are not in order")

// Code codes a set, of whose things code says the fields.
func Code[K Key[K], T any, E interface {
	*T
	Item[K]
}](c *pack.Coder, s *Set[K, E], code func(E, *pack.Coder)) {
	n := c.Count(len(*s))
	if !c.Reads() {
		c.Weigh(cap(*s) * int(unsafe.Sizeof(uintptr(0))))
		for _, e := range *s {
			c.Weigh(int(unsafe.Sizeof(*e)))
			code(e, c)
		}
		return
	}
	if *s = nil; n > 0 {
		*s = make(Set[K, E], 0, n)
	}
	for range n {
		e := E(new(T))
		if code(e, c); c.Err() != nil {
			return
		}
		if last := len(*s) - 1; last >= 0 && (*s)[last].SortKey().Compare(e.SortKey()) >= 0 {
			c.Fail(errOrder)
		}
		*s = append(*s, e)
	}
}
