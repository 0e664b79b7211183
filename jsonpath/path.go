// Package jsonpath finds and sets parts of JSON values by JSONPath, in the dialect of
// Jayway JsonPath (com.jayway.jsonpath), which AWS Step Functions speaks: the same
// results, and the same words when a path is wrong or finds nothing.
//
//	$.store.book[0].title      children by name, items by index; [-1] is the last
//	$['a b']["c"]              names in quotes, with the escapes of JSON and \'
//	$['a','b']  $.list[0,2]    several at once
//	$.list[1:3] [2:] [:-1]     slices
//	$.*  $.list[*]             all members, all items
//	$..price                   at any depth
//	$.list[?(@.price < 10 && @.kind in ['a','b'])]    those that a filter accepts
//	$.list.length()            functions
//
// A path is definite if it can find one value at most. A definite path gives this value,
// and an error of kind NotFound if there is none. Any other path gives a list of what it
// finds: an empty one if there is nothing, or no way there.
//
// Filters compare with == != === !== < <= > >= =~ in nin subsetof anyof noneof all
// contains size empty type, and join with && || ! and parentheses; a path alone asks
// whether there is such a value. Both sides may be paths: @ begins at the item that is
// looked at, $ at the whole value. Literals are 'text' or "text", numbers, true, false,
// null, ['lists'], {"objects":1} and, for =~, /patterns/ with the flags i, s, m and x.
// Patterns are those of package regexp, which takes time in proportion to the text,
// and must match the whole text.
//
// Functions are min, max, avg, stddev, sum, length, size, keys, concat, append, first,
// last and index; their arguments are literals and paths.
//
// What is on purpose not as in Jayway: a path is refused when it is parsed, and with it
// its patterns; patterns know no look-around and no back references; an item behind a
// scan is that item, $..[0].a; last() of one item is this item; size, empty and type work
// on objects, too, where type compares with 'array', 'object', 'string', 'number',
// 'boolean' and 'null'; and a path that is not definite finds nothing where Jayway says
// that there is no way, as Step Functions has it.
//
// Values are those of package jsonvalue: numbers keep their text, nothing is changed,
// and what is found is shared with what it was found in.
//
// Every evaluation has a Budget, so that no path on no value takes longer or more room
// than its caller allows.
package jsonpath

import (
	"strconv"
	"strings"

	"heddle/jsonvalue"
)

// Bounds of the text of a path.
const (
	stepsMax   = 1000 // of one path
	nestingMax = 50   // of filters, parentheses and arguments in each other
)

// Kind says what went wrong.
type Kind uint8

const (
	Syntax    Kind = iota // the text is no path
	NotFound              // a definite path finds nothing
	Unfit                 // a filter or a function cannot be applied to what is there
	TooCostly             // the budget is used up, or values lie too deep in each other
)

// Error is what is wrong with a path, or with a path on a value. The message is Jayway's.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return e.Message }

// IsNotFound tells whether err says that a definite path found nothing.
func IsNotFound(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Kind == NotFound
}

// Budget is what evaluations may still cost. Each takes its cost from it.
type Budget struct {
	Steps int // values looked at
	Bytes int // of JSON that results come to, where values may be found more than once
}

// DefaultBudget is what Get allows: some seconds at most.
func DefaultBudget() Budget { return Budget{Steps: 10_000_000, Bytes: 64 << 20} }

func (b *Budget) step(n int) error {
	if b.Steps -= n; b.Steps < 0 {
		return &Error{TooCostly, "The path takes too many steps"}
	}
	return nil
}

// Take takes bytes from the budget.
func (b *Budget) Take(bytes int) error {
	if b.Bytes -= bytes; b.Bytes < 0 {
		return &Error{TooCostly, "The result is too large"}
	}
	return nil
}

type stepKind uint8

const (
	child    stepKind = iota // names
	index                    // indexes
	slice                    // from, to
	wildcard                 //
	scan                     // ..
	filter                   // accept
	function                 // call
)

// A step of a path leads from a value to others.
type step struct {
	kind     stepKind
	definite bool // it leads to one value at most
	quote    byte // of names, as they were written
	names    []string
	indexes  []int
	from, to *int
	accept   *condition
	call     *call
}

// Path is a parsed path. It may be used by many goroutines at once.
type Path struct {
	text      string
	root      byte // $ or @
	steps     []step
	definite  bool
	single    bool // only names and indexes, one at a time
	functions bool
	overlap   bool // the same value may be found more than once
}

// Definite tells whether the path finds one value at most.
func (p *Path) Definite() bool { return p.definite }

// HasFunctions tells whether the path calls a function, be it in a filter.
func (p *Path) HasFunctions() bool { return p.functions }

// IsReference tells whether the path was written with its $ and has only names and
// indexes, one at a time: a Reference Path of the Amazon States Language, which Set takes.
func (p *Path) IsReference() bool { return p.single && strings.HasPrefix(p.text, "$") }

// Text is the path as it was written.
func (p *Path) Text() string { return p.text }

// String is the path in brackets, as messages show it: $['a'][0].
func (p *Path) String() string { return string(p.root) + stepsText(p.steps) }

func stepsText(steps []step) string {
	var b strings.Builder
	for i := range steps {
		steps[i].write(&b)
	}
	return b.String()
}

func (s *step) write(b *strings.Builder) {
	switch s.kind {
	case child:
		b.WriteByte('[')
		for i, name := range s.names {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte(s.quote)
			b.WriteString(nameEscapes.Replace(name))
			b.WriteByte(s.quote)
		}
		b.WriteByte(']')
	case index:
		for i, n := range s.indexes {
			b.WriteByte("[,"[min(i, 1)])
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteByte(']')
	case slice:
		b.WriteByte('[')
		if s.from != nil {
			b.WriteString(strconv.Itoa(*s.from))
		}
		b.WriteByte(':')
		if s.to != nil {
			b.WriteString(strconv.Itoa(*s.to))
		}
		b.WriteByte(']')
	case wildcard:
		b.WriteString("[*]")
	case scan:
		b.WriteString("..")
	case filter:
		b.WriteString("[?]")
	case function:
		b.WriteString("." + s.call.name + "(")
		if len(s.call.args) > 0 {
			b.WriteString("...")
		}
		b.WriteByte(')')
	}
}

var nameEscapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// Set gives a new value that is root with value at the path, which must be a reference
// path. Missing members are made, with objects to hold them; an item must be there
// already. What the path does not lead through is shared with root. The error says that
// root has something else where the path needs an object or an item, or that the new
// value would be deeper than jsonvalue.Parse reads.
func (p *Path) Set(root, value any) (any, error) {
	if !p.IsReference() {
		return nil, &Error{Syntax, "Path " + p.text + " is not a reference path"}
	}
	if tooDeep(value, jsonvalue.DepthMax-len(p.steps)) {
		return nil, &Error{TooCostly, "Values lie too deep in each other"}
	}
	result, ok := set(p.steps, root, true, value)
	if !ok {
		return nil, &Error{Unfit, "Unable to apply ReferencePath " + p.text + " to input " + jsonvalue.Text(root)}
	}
	return result, nil
}

// Lacks gives the name of the first member on the way of a reference path that is not there.
// Ok is false if all are, if the way ends at an index, or if the path is no reference path.
func (p *Path) Lacks(root any) (name string, ok bool) {
	if !p.IsReference() {
		return "", false
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.kind == index {
			list, ok := root.([]any)
			if !ok || s.indexes[0] >= len(list) {
				return "", false
			}
			root = list[s.indexes[0]]
			continue
		}
		object, ok := root.(*jsonvalue.Object)
		if !ok {
			return s.names[0], true
		}
		if root, ok = object.Get(s.names[0]); !ok {
			return s.names[0], true
		}
	}
	return "", false
}

func set(steps []step, at any, exists bool, value any) (any, bool) {
	if len(steps) == 0 {
		return value, true
	}
	s := &steps[0]
	if s.kind == index {
		list, ok := at.([]any)
		i := s.indexes[0]
		if !ok || i >= len(list) {
			return nil, false
		}
		item, ok := set(steps[1:], list[i], true, value)
		if !ok {
			return nil, false
		}
		list = append(make([]any, 0, len(list)), list...)
		list[i] = item
		return list, true
	}
	object, ok := at.(*jsonvalue.Object)
	if !ok {
		if exists {
			return nil, false
		}
		object = new(jsonvalue.Object)
	}
	old, found := object.Get(s.names[0])
	member, ok := set(steps[1:], old, found, value)
	if !ok {
		return nil, false
	}
	object = object.Clone()
	object.Set(s.names[0], member)
	return object, true
}

// tooDeep tells whether more than so many lists and objects lie in each other in v.
func tooDeep(v any, most int) bool {
	switch v := v.(type) {
	case []any:
		if most <= 0 {
			return true
		}
		for _, item := range v {
			if tooDeep(item, most-1) {
				return true
			}
		}
	case *jsonvalue.Object:
		if most <= 0 {
			return true
		}
		for _, member := range v.All() {
			if tooDeep(member, most-1) {
				return true
			}
		}
	}
	return false
}

// JavaText is how messages of Jayway, and Step Functions' States.Format, show a value:
// text as it is, lists and objects as Java's collections write themselves: [1, a], {b=2}.
func JavaText(v any) string { return string(AppendJavaText(nil, v)) }

// AppendJavaText appends JavaText of v.
func AppendJavaText(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = AppendJavaText(b, item)
		}
		return append(b, ']')
	case *jsonvalue.Object:
		b = append(b, '{')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ", "...)
			}
			name, value := v.At(i)
			b = append(append(b, name...), '=')
			b = AppendJavaText(b, value)
		}
		return append(b, '}')
	}
	return jsonvalue.Append(b, v)
}

// javaClass is the class of v in Java, as messages name it.
func javaClass(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "java.lang.Boolean"
	case string:
		return "java.lang.String"
	case []any:
		return "java.util.ArrayList"
	case *jsonvalue.Object:
		return "java.util.LinkedHashMap"
	default:
		text := jsonvalue.Text(v)
		if strings.ContainsAny(text, ".eE") {
			return "java.lang.Double"
		}
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
			return "java.math.BigInteger"
		case n == int64(int32(n)):
			return "java.lang.Integer"
		}
		return "java.lang.Long"
	}
}
