package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Table gives types and their fields the numbers by which they are known on links. It is a
// text that only grows: a number once given stands for the same for ever, so that nodes of
// several releases understand each other.
//
// A line "levels 1 to 2" says which levels of the protocol this release speaks. Then each
// type has a line of number, name and shape, and if that is "fields", one for each of them
// under it, with a tab before it:
//
//	12 internal/engine.Command fields
//		1 Name #10
//		2 Run bytes
//		9 Zone text @2
//		10 Hint text @2?
//		-8 Old int
//
// "#10" is what has the number 10. "@2" says that it came with level 2; "@2?" that below it
// it is left out, where else a value that has it can't be written. A number with a "-" is of
// what is no more. Shapes are what other nodes must read; names may change.
type Table struct {
	From, To int
	types    []*typeRow
	byName   map[string]*typeRow
}

type row struct {
	number   uint64
	name     string
	shape    string
	since    int
	optional bool
	gone     bool
}

type typeRow struct {
	row
	fields []*row
}

const fieldsShape = "fields"

// numberMax keeps numbers in few bytes, and tables of them short.
const numberMax = 100_000

// ParseTable reads a table, and refuses one that gives a number or a name twice.
func ParseTable(text []byte) (*Table, error) {
	t := &Table{byName: map[string]*typeRow{}}
	var at *typeRow
	numbers := map[uint64]bool{}
	for i, line := range strings.Split(string(text), "\n") {
		var err error
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case t.To == 0:
			if n, scanned := fmt.Sscanf(line, "levels %d to %d", &t.From, &t.To); n != 2 || t.From < 1 || t.To < t.From {
				err = errors.Join(scanned, errors.New(`want "levels FROM to TO"`))
			}
		case strings.HasPrefix(line, "\t"):
			var r row
			if r, err = t.parseRow(line[1:]); err == nil && (at == nil || at.shape != fieldsShape) {
				err = errors.New("a field of no type")
			} else if err == nil {
				for _, other := range at.fields {
					if other.number == r.number || other.name == r.name && !r.gone && !other.gone {
						err = fmt.Errorf("%s has number %d or name %s twice", at.name, r.number, r.name)
					}
				}
				at.fields = append(at.fields, &r)
			}
		default:
			var r row
			if r, err = t.parseRow(line); err == nil {
				at = &typeRow{row: r}
				if numbers[r.number] || t.byName[r.name] != nil && !r.gone {
					err = fmt.Errorf("number %d or name %s is there twice", r.number, r.name)
				}
				numbers[r.number] = true
				t.add(at)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("table of types, line %d: %q: %w", i+1, line, err)
		}
	}
	if t.To == 0 {
		return nil, errors.New("table of types: it has no line of levels")
	}
	return t, nil
}

func (t *Table) add(r *typeRow) {
	t.types = append(t.types, r)
	if !r.gone {
		t.byName[r.name] = r
	}
}

func (t *Table) parseRow(line string) (r row, err error) {
	words := strings.Fields(line)
	if len(words) < 3 || len(words) > 4 {
		return r, errors.New("want number, name and shape")
	}
	text, gone := strings.CutPrefix(words[0], "-")
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || n > numberMax {
		return r, fmt.Errorf("want a number from 1 to %d", numberMax)
	}
	r = row{number: n, name: words[1], shape: words[2], since: 1, gone: gone}
	if len(words) == 4 {
		text, optional := strings.CutSuffix(strings.TrimPrefix(words[3], "@"), "?")
		r.optional = optional
		if r.since, err = strconv.Atoi(text); err != nil || r.since < 2 || r.since > t.To || words[3][0] != '@' {
			return r, fmt.Errorf("want @LEVEL, from 2 to %d", t.To)
		}
	}
	return r, nil
}

func (r *row) append(b []byte) []byte {
	if r.gone {
		b = append(b, '-')
	}
	b = fmt.Appendf(b, "%d %s %s", r.number, r.name, r.shape)
	if r.since > 1 {
		b = fmt.Appendf(b, " @%d", r.since)
		if r.optional {
			b = append(b, '?')
		}
	}
	return append(b, '\n')
}

// Text is the table as it is read, without what stands before its first line.
func (t *Table) Text() []byte {
	b := fmt.Appendf(nil, "levels %d to %d\n", t.From, t.To)
	for _, one := range t.types {
		b = one.append(b)
		for _, f := range one.fields {
			b = f.append(append(b, '\t'))
		}
	}
	return b
}

// UpTo is what other releases of a level know of the table: each number, with its shape. It
// never changes once a release of the level is out.
func (t *Table) UpTo(level int) []byte {
	var b bytes.Buffer
	for _, one := range t.types {
		if one.since > level {
			continue
		}
		fmt.Fprintf(&b, "%d %s\n", one.number, one.shape)
		for _, f := range one.fields {
			if f.since <= level {
				fmt.Fprintf(&b, "\t%d %s %v\n", f.number, f.shape, f.optional)
			}
		}
	}
	return b.Bytes()
}

// nameOf is what the table calls a type.
func nameOf(t reflect.Type) (string, error) {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name(), nil
		}
		return strings.TrimPrefix(t.PkgPath(), "heddle/") + "." + t.Name(), nil
	}
	switch t.Kind() {
	case reflect.Slice:
		of, prefix := t.Elem(), "[]"
		if of.Kind() == reflect.Pointer {
			of, prefix = of.Elem(), "[]*"
		}
		name, err := nameOf(of)
		return prefix + name, err
	case reflect.Map:
		key, err := nameOf(t.Key())
		elem, other := nameOf(t.Elem())
		return "map[" + key + "]" + elem, errors.Join(err, other)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return "any", nil
		}
	}
	return "", fmt.Errorf("%v has no name", t)
}

// shapeOf is what other nodes must read of a type, numbered by a table.
func (t *Table) shapeOf(of reflect.Type, isTop bool) (string, error) {
	elem := func(prefix string) (string, error) {
		shape, err := t.shapeOf(of.Elem(), false)
		return prefix + shape, err
	}
	switch of.Kind() {
	case reflect.Bool:
		return "bool", nil
	case reflect.String:
		return "text", nil
	case reflect.Float32, reflect.Float64:
		return "float", nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "int", nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "uint", nil
	case reflect.Interface:
		return "any", nil
	case reflect.Pointer:
		return elem("*")
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Uint8 {
			return "bytes", nil
		}
		return elem("[]")
	case reflect.Array:
		prefix := "[" + strconv.Itoa(of.Len()) + "]"
		if of.Elem().Kind() == reflect.Uint8 {
			return prefix + "bytes", nil
		}
		return elem(prefix)
	case reflect.Map:
		key, err := t.shapeOf(of.Key(), false)
		value, other := t.shapeOf(of.Elem(), false)
		return "map[" + key + "]" + value, errors.Join(err, other)
	case reflect.Struct:
		if marshals(of) {
			return "packed", nil
		}
		if isTop {
			return fieldsShape, nil
		}
		name, err := nameOf(of)
		if err != nil {
			return "", err
		}
		if one := t.byName[name]; one != nil {
			return "#" + strconv.FormatUint(one.number, 10), nil
		}
		return "", fmt.Errorf("%s has no number", name)
	}
	return "", fmt.Errorf("%v can't be written", of)
}

// Complete is the table with what it lacks of some types, at its highest level, and with what
// is no more of them marked as gone. Whatever has another shape than it had gets another number.
func (t *Table) Complete(types []reflect.Type) (*Table, error) {
	next, err := ParseTable(t.Text())
	if err != nil {
		return nil, err
	}
	all, err := reached(types)
	if err != nil {
		return nil, err
	}
	last := uint64(0)
	for _, one := range next.types {
		last = max(last, one.number)
	}
	there := map[string]bool{}
	for _, of := range all { // numbers first: fields refer to them
		name, err := nameOf(of)
		if err != nil {
			return nil, err
		}
		there[name] = true
		if next.byName[name] == nil {
			last++
			next.add(&typeRow{row: row{number: last, name: name, since: next.To}})
		}
	}
	for _, one := range next.types {
		if !there[one.name] {
			one.gone = true
			delete(next.byName, one.name)
		}
	}
	for _, of := range all {
		name, _ := nameOf(of)
		one := next.byName[name]
		shape, err := next.shapeOf(of, true)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if one.shape == "" {
			one.shape = shape
		}
		if one.shape != shape {
			return nil, fmt.Errorf("%s was %s and is %s: give it another name", name, one.shape, shape)
		}
		if shape == fieldsShape {
			if err := next.completeFields(one, of); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return next, nil
}

func (t *Table) completeFields(one *typeRow, of reflect.Type) error {
	last := uint64(0)
	there := map[string]string{}
	for _, f := range one.fields {
		last = max(last, f.number)
	}
	for f := range fieldsOf(of) {
		shape, err := t.shapeOf(f.Type, false)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		there[f.Name] = shape
	}
	known := map[string]bool{}
	for _, f := range one.fields {
		f.gone = f.gone || there[f.name] != f.shape
		known[f.name] = known[f.name] || !f.gone
	}
	for f := range fieldsOf(of) {
		if !known[f.Name] {
			last++
			one.fields = append(one.fields, &row{number: last, name: f.Name, shape: there[f.Name], since: max(t.To, one.since)})
		}
	}
	return nil
}

// fieldsOf are those of a struct, exported or not, but for those with a tag `wire:"-"`, which
// a process has for itself.
func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" && f.Tag.Get("wire") != "-" && !yield(f) {
				return
			}
		}
	}
}

// reached are types, and the structs that they are made of, each once, in a fixed order.
func reached(types []reflect.Type) (all []reflect.Type, err error) {
	seen := map[reflect.Type]bool{}
	var visit func(t reflect.Type, isTop bool) error
	visit = func(t reflect.Type, isTop bool) error {
		if isTop || t.Kind() == reflect.Struct && !marshals(t) {
			if seen[t] {
				return nil
			}
			seen[t] = true
			all = append(all, t)
		}
		switch t.Kind() {
		case reflect.Pointer:
			switch t.Elem().Kind() {
			case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
				return fmt.Errorf("%v: what may be nil can't stand behind a pointer", t)
			}
			return visit(t.Elem(), false)
		case reflect.Slice, reflect.Array:
			return visit(t.Elem(), false)
		case reflect.Map:
			return errors.Join(visit(t.Key(), false), visit(t.Elem(), false))
		case reflect.Struct:
			if marshals(t) {
				return nil
			}
			for f := range fieldsOf(t) {
				if err := visit(f.Type, false); err != nil {
					return err
				}
			}
		case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128, reflect.Uintptr:
			return fmt.Errorf("%v can't be written", t)
		}
		return nil
	}
	for _, t := range types {
		if err := visit(t, true); err != nil {
			return nil, err
		}
	}
	return all, nil
}
