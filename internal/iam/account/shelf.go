package account

import (
	"cmp"
	"slices"
	"strings"
)

// shelf holds things in order of their names; names that differ by case only are
// the same place.
type shelf[E interface{ shelved() string }] []E

func (s shelf[E]) place(name string) (int, bool) {
	return slices.BinarySearchFunc(s, strings.ToLower(name), func(e E, folded string) int {
		return cmp.Compare(strings.ToLower(e.shelved()), folded)
	})
}

// taken tells whether a name can't be given to another.
func (s shelf[E]) taken(name string) bool {
	_, ok := s.place(name)
	return ok
}

// find finds by the exact name.
func (s shelf[E]) find(name string) (e E, ok bool) {
	if i, there := s.place(name); there && s[i].shelved() == name {
		return s[i], true
	}
	return e, false
}

// put adds e or replaces what has its name.
func (s *shelf[E]) put(e E) {
	i, there := s.place(e.shelved())
	if there {
		(*s)[i] = e
		return
	}
	*s = slices.Insert(*s, i, e)
}

func (s *shelf[E]) remove(name string) {
	if i, there := s.place(name); there {
		*s = slices.Delete(*s, i, i+1)
	}
}
