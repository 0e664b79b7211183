package awsquery

import (
	"slices"
	"strconv"
	"strings"
)

// depthMax is how deep structures may stand in each other; what is deeper is not there.
const depthMax = 32

// Structure gives the parameters of a structure, and whether it has any.
func (p Params) Structure(name string) (Params, bool) {
	if p.depth++; p.depth > depthMax {
		return Params{}, false
	}
	p.prefix += name + "."
	i, _ := slices.BinarySearch(p.names, p.prefix)
	return p, i < len(p.names) && strings.HasPrefix(p.names[i], p.prefix)
}

// Elements gives the names of a list's elements up to the first that is not there:
// name+between+".1" and so on. A list of none is there if its name has an empty value.
func (p Params) Elements(name, between string) (names []string, ok bool) {
	for {
		element := name + between + "." + strconv.Itoa(len(names)+1)
		if !p.has(element) {
			break
		}
		names = append(names, element)
	}
	if names == nil {
		v, empty := p.Lookup(name)
		return nil, empty && v == ""
	}
	return names, true
}

// Entry is an entry of a map: its key, and the name of its value.
type Entry struct{ Key, Value string }

// Entries gives the entries of a map up to the first that is not there. Key and value are
// what theirs are called. A map of none is there if its name has an empty value.
func (p Params) Entries(name, between, key, value string) (entries []Entry, ok bool) {
	names, ok := p.Elements(name, between)
	for _, n := range names {
		entries = append(entries, Entry{p.Get(n + "." + key), n + "." + value})
	}
	return entries, ok
}

// has tells whether a value is there, be it one text or of many parts.
func (p Params) has(name string) bool {
	if _, ok := p.Lookup(name); ok {
		return true
	}
	_, ok := p.Structure(name)
	return ok
}
