package eventbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Pattern chooses among events: an object of patterns, each for the member of its name, and
// in the end lists of values and comparisons of which one must hold. Of an array in an event
// one element must fit.
//
// It has of EventBridge's comparisons equals, prefix, suffix, equals-ignore-case,
// anything-but, numeric, exists and wildcard, and $or. Others are refused.
//
// Source: EventBridge User Guide, "Comparison operators for use in event patterns".
type Pattern struct {
	fields []field
	either [][]*Pattern // of each $or one must fit
}

type field struct {
	name   string
	object *Pattern  // nil: it is a leaf
	leaf   []compare // of which one must hold
	absent bool      // or it need not be there
}

// compare tells whether a value that is there holds: a string, a json.Number, a bool or nil.
type compare func(value any) bool

// patternBytesMax and patternDepthMax bound a pattern, and so what matching takes.
const (
	patternBytesMax = 4096 // as EventBridge does
	patternDepthMax = 32
)

// ParsePattern reads a pattern. Its errors say where in it something is wrong, and what.
func ParsePattern(text []byte) (*Pattern, error) {
	if len(text) > patternBytesMax {
		return nil, fmt.Errorf("it has %d bytes, and may have %d", len(text), patternBytesMax)
	}
	value, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	return parse(value, "", 1)
}

// decode reads a JSON text; numbers stay as they are written.
func decode(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&value); err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows its end")
		}
	}
	return value, err
}

// at names a place in a pattern, in errors.
func at(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func parse(value any, path string, depth int) (*Pattern, error) {
	object, ok := value.(map[string]any)
	what := path
	if path == "" {
		what = "the pattern"
	}
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: want an object, or a list of values and comparisons", what)
	case len(object) == 0:
		return nil, fmt.Errorf("%s: an empty object would choose nothing", what)
	case depth > patternDepthMax:
		return nil, fmt.Errorf("%s: it is deeper than %d", what, patternDepthMax)
	}
	p := &Pattern{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		where := at(path, name)
		list, isList := object[name].([]any)
		switch {
		case name == "$or":
			if len(list) < 2 {
				return nil, fmt.Errorf("%s: want a list of two patterns at least", where)
			}
			var either []*Pattern
			for i, one := range list {
				q, err := parse(one, fmt.Sprintf("%s[%d]", where, i), depth+1)
				if err != nil {
					return nil, err
				}
				either = append(either, q)
			}
			p.either = append(p.either, either)
		case isList:
			f, err := parseLeaf(list, where)
			if err != nil {
				return nil, err
			}
			f.name = name
			p.fields = append(p.fields, f)
		default:
			inner, err := parse(object[name], where, depth+1)
			if err != nil {
				return nil, err
			}
			p.fields = append(p.fields, field{name: name, object: inner})
		}
	}
	return p, nil
}

func parseLeaf(list []any, where string) (f field, err error) {
	if len(list) == 0 {
		return f, fmt.Errorf("%s: an empty list would choose nothing", where)
	}
	for _, one := range list {
		switch v := one.(type) {
		case map[string]any:
			if exists, ok := v["exists"]; ok && len(v) == 1 {
				there, ok := exists.(bool)
				if !ok {
					return f, fmt.Errorf("%s: exists: want true or false", where)
				}
				f.absent = f.absent || !there
				f.leaf = append(f.leaf, func(any) bool { return there })
				continue
			}
			holds, err := comparison(v)
			if err != nil {
				return f, fmt.Errorf("%s: %w", where, err)
			}
			f.leaf = append(f.leaf, holds)
		case []any:
			return f, fmt.Errorf("%s: a list in a list", where)
		default:
			f.leaf = append(f.leaf, func(value any) bool { return equal(v, value) })
		}
	}
	return f, nil
}

// equal compares values that are no objects and no arrays. Numbers are equal that are the
// same number.
func equal(a, b any) bool {
	x, ok := number(a)
	if y, too := number(b); ok && too {
		return x == y
	}
	return a == b
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	x, err := n.Float64()
	return x, err == nil
}

// comparison reads an object with one comparison.
func comparison(object map[string]any) (compare, error) {
	if len(object) != 1 {
		return nil, errors.New("want an object with one comparison")
	}
	for name, want := range object {
		switch name {
		case "anything-but":
			holds, err := anyOf(want)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return func(value any) bool { return !holds(value) }, nil
		case "numeric":
			return numeric(want)
		}
		holds, err := textual(name, want)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return holds, nil
	}
	return nil, nil
}

// anyOf reads what anything-but excludes: a value, a list of values of one type, or an
// object with one comparison of texts, which may be a list.
func anyOf(want any) (compare, error) {
	list, isList := want.([]any)
	if object, ok := want.(map[string]any); ok {
		if len(object) != 1 {
			return nil, errors.New("want an object with one comparison")
		}
		for name, inner := range object {
			all, many := inner.([]any)
			if !many {
				all = []any{inner}
			}
			return each(all, func(v any) (compare, error) {
				holds, err := textual(name, v)
				if err != nil {
					err = fmt.Errorf("%s: %w", name, err)
				}
				return holds, err
			})
		}
	}
	if !isList {
		list = []any{want}
	}
	return each(list, func(v any) (compare, error) {
		switch v.(type) {
		case string, json.Number:
			return func(value any) bool { return equal(v, value) }, nil
		}
		return nil, errors.New("want texts or numbers")
	})
}

// each holds if one of several does.
func each(list []any, read func(any) (compare, error)) (compare, error) {
	if len(list) == 0 {
		return nil, errors.New("want at least one value")
	}
	var all []compare
	for _, v := range list {
		holds, err := read(v)
		if err != nil {
			return nil, err
		}
		all = append(all, holds)
	}
	return func(value any) bool {
		return slices.ContainsFunc(all, func(holds compare) bool { return holds(value) })
	}, nil
}

// textual reads a comparison of texts.
func textual(name string, want any) (compare, error) {
	fold := false
	if object, ok := want.(map[string]any); ok && len(object) == 1 && (name == "prefix" || name == "suffix") {
		want, fold = object["equals-ignore-case"], true
	}
	text, ok := want.(string)
	holds := map[string]func(s string) bool{
		"equals-ignore-case": func(s string) bool { return strings.EqualFold(s, text) },
		"prefix": func(s string) bool {
			return strings.HasPrefix(s, text) || fold && len(s) >= len(text) && strings.EqualFold(s[:len(text)], text)
		},
		"suffix": func(s string) bool {
			return strings.HasSuffix(s, text) || fold && len(s) >= len(text) && strings.EqualFold(s[len(s)-len(text):], text)
		},
		"wildcard": nil,
	}
	test, known := holds[name]
	switch {
	case !known:
		return nil, errors.New("not one of the comparisons prefix, suffix, equals-ignore-case, anything-but, numeric, exists and wildcard")
	case !ok:
		return nil, errors.New("want a text")
	case name == "wildcard":
		parts, err := wildcardParts(text)
		if err != nil {
			return nil, err
		}
		test = func(s string) bool { return fits(s, parts) }
	}
	return func(value any) bool {
		s, ok := value.(string)
		return ok && test(s)
	}, nil
}

// wildcardParts splits a text at its asterisks; a backslash makes an asterisk or a backslash
// one of the text's own.
func wildcardParts(text string) (parts []string, err error) {
	part := ""
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '\\'):
			i++
			part += text[i : i+1]
		case c == '\\':
			return nil, errors.New("after a backslash want an asterisk or a backslash")
		case c == '*' && i > 0 && text[i-1] == '*' && len(parts) > 0 && part == "":
			return nil, errors.New("two asterisks follow each other")
		case c == '*':
			parts, part = append(parts, part), ""
		default:
			part += text[i : i+1]
		}
	}
	return append(parts, part), nil
}

// fits tells whether a text is the parts with anything between them.
func fits(s string, parts []string) bool {
	last := len(parts) - 1
	if last == 0 {
		return s == parts[0]
	}
	s, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return ok && strings.HasSuffix(s, parts[last])
}

// numeric reads a comparison of numbers: ["=", 5], or [">", 0, "<=", 5].
func numeric(want any) (compare, error) {
	list, _ := want.([]any)
	if len(list) != 2 && len(list) != 4 {
		return nil, errors.New(`numeric: want a list such as [">", 0, "<=", 5]`)
	}
	var tests []func(x float64) bool
	for i := 0; i < len(list); i += 2 {
		bound, ok := number(list[i+1])
		test := map[any]func(x float64) bool{
			"=":  func(x float64) bool { return x == bound },
			"<":  func(x float64) bool { return x < bound },
			"<=": func(x float64) bool { return x <= bound },
			">":  func(x float64) bool { return x > bound },
			">=": func(x float64) bool { return x >= bound },
		}
		sign, isText := list[i].(string)
		if !ok || !isText || test[sign] == nil || sign == "=" && len(list) > 2 {
			return nil, errors.New(`numeric: want a list such as [">", 0, "<=", 5]`)
		}
		tests = append(tests, test[sign])
	}
	return func(value any) bool {
		x, ok := number(value)
		for _, test := range tests {
			ok = ok && test(x)
		}
		return ok
	}, nil
}

// Read reads an event, for Matches.
func Read(event []byte) (any, error) { return decode(event) }

// Matches tells whether the pattern chooses an event that Read gave. Nil chooses all.
func (p *Pattern) Matches(event any) bool {
	if p == nil {
		return true
	}
	switch v := event.(type) {
	case []any:
		return slices.ContainsFunc(v, p.Matches)
	case map[string]any:
		return p.matches(v)
	}
	return p.matches(nil) // nothing is there
}

func (p *Pattern) matches(object map[string]any) bool {
	for i := range p.fields {
		f := &p.fields[i]
		value, there := object[f.name]
		if f.object != nil && !f.object.Matches(value) || f.object == nil && !f.holds(value, there) {
			return false
		}
	}
	for _, either := range p.either {
		if !slices.ContainsFunc(either, func(q *Pattern) bool { return q.matches(object) }) {
			return false
		}
	}
	return true
}

func (f *field) holds(value any, there bool) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0 && f.absent || slices.ContainsFunc(v, func(v any) bool { return f.holds(v, true) })
	case map[string]any:
		return false // it is no leaf
	}
	if !there {
		return f.absent
	}
	return slices.ContainsFunc(f.leaf, func(holds compare) bool { return holds(value) })
}
