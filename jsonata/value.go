package jsonata

import (
	"math"
	"strconv"
	"unicode/utf8"

	"heddle/jsonvalue"
)

type undefined struct{}

// Undefined is the result of an expression that gives nothing, which is not null: an
// absent member, an empty sequence, no input.
var Undefined any = undefined{}

func isUndefined(v any) bool { _, is := v.(undefined); return is }

// jsonNull prints as null where nil would mean that there is nothing to print.
type jsonNull struct{}

// array is a list with the marks that JSONata gives lists as it makes them. A list from
// outside has none, and is a []any.
type array struct {
	items    []any
	sequence bool // the values that a path or a function selected: one alone is just itself
	keep     bool // ... or not, as [] was said
	cons     bool // made by an array constructor in a path: not flattened
	outer    bool // holds the whole input, which is itself a list
}

func sequence(items []any) *array { return &array{items: items, sequence: true} }

// unwrap is what a sequence is once evaluated.
func (a *array) unwrap() any {
	switch len(a.items) {
	case 0:
		return Undefined
	case 1:
		if !a.keep {
			return a.items[0]
		}
	}
	return a
}

// list gives the items of any array.
func list(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case *array:
		return v.items, true
	}
	return nil, false
}

func isList(v any) bool {
	switch v.(type) {
	case []any, *array:
		return true
	}
	return false
}

func isSequence(v any) bool {
	a, is := v.(*array)
	return is && a.sequence
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case jsonvalue.Number:
		return v.Float(), true
	}
	return 0, false
}

// finite is number, but what is infinite is an error (D1001), and NaN no number.
func finite(v any) (float64, bool, error) {
	f, is := number(v)
	if is && math.IsNaN(f) {
		return 0, false, nil
	}
	if is && math.IsInf(f, 0) {
		return 0, false, failValue("D1001", v)
	}
	return f, is, nil
}

// small holds the numbers that come up most, so that making them costs nothing.
var small = func() (s [1024]any) {
	for i := range s {
		s[i] = float64(i)
	}
	return s
}()

func box(f float64) any {
	if f >= 0 && f < float64(len(small)) {
		if i := int(f); float64(i) == f && (i > 0 || !math.Signbit(f)) {
			return small[i]
		}
	}
	return f
}

func boxInt(i int) any {
	if uint(i) < uint(len(small)) {
		return small[i]
	}
	return float64(i)
}

// truth is $boolean of a value; of nothing it is false.
func truth(v any) bool {
	for {
		switch t := v.(type) {
		case bool:
			return t
		case string:
			return t != ""
		case float64:
			return t != 0 && !math.IsNaN(t)
		case jsonvalue.Number:
			return t.Float() != 0
		case *jsonvalue.Object:
			return t.Len() > 0
		}
		items, is := list(v)
		if !is {
			return false
		}
		if len(items) != 1 {
			for _, item := range items {
				if truth(item) {
					return true
				}
			}
			return false
		}
		v = items[0]
	}
}

// truth is $boolean of a value, and an error (D1001) if that is an infinite number.
func (e *evaluation) truth(v any) (bool, error) {
	if f, is := v.(float64); is && math.IsInf(f, 0) {
		return false, failValue("D1001", v)
	}
	if a, is := list(v); is && len(a) == 1 {
		return e.truth(a[0])
	}
	return truth(v), nil
}

// equal compares deeply; each value looked at costs a step.
func (e *evaluation) equal(a, b any) (bool, error) {
	switch a := a.(type) {
	case string:
		s, is := b.(string)
		return is && a == s, nil
	case float64:
		f, is := number(b)
		return is && a == f, nil
	case bool:
		t, is := b.(bool)
		return is && a == t, nil
	case nil:
		return b == nil, nil
	case jsonvalue.Number:
		if n, is := b.(jsonvalue.Number); is {
			return jsonvalue.Equal(a, n), nil
		}
		f, is := number(b)
		return is && a.Float() == f, nil
	case undefined:
		return isUndefined(b), nil
	case *jsonvalue.Object:
		o, is := b.(*jsonvalue.Object)
		if !is || a.Len() != o.Len() {
			return false, nil
		}
		if a == o {
			return true, nil
		}
		if err := e.enter(); err != nil {
			return false, err
		}
		defer e.leave()
		for name, v := range a.All() {
			if err := e.step(); err != nil {
				return false, err
			}
			w, found := o.Get(name)
			if !found {
				return false, nil
			}
			if same, err := e.equal(v, w); !same {
				return false, err
			}
		}
		return true, nil
	}
	if items, is := list(a); is {
		others, is := list(b)
		if !is || len(items) != len(others) {
			return false, nil
		}
		if len(items) > 0 && &items[0] == &others[0] {
			return true, nil
		}
		if err := e.enter(); err != nil {
			return false, err
		}
		defer e.leave()
		for i := range items {
			if err := e.step(); err != nil {
				return false, err
			}
			if same, err := e.equal(items[i], others[i]); !same {
				return false, err
			}
		}
		return true, nil
	}
	return a == b, nil // functions
}

// less compares as JavaScript does, by UTF-16 code units.
func less(a, b string) bool {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	if i == n {
		return len(a) < len(b)
	}
	// Only above U+D7FF does the order differ from that of the bytes: there a character
	// of four bytes comes before U+E000 to U+FFFF.
	if a[i] >= 0xee && b[i] >= 0xee && (a[i] >= 0xf0) != (b[i] >= 0xf0) {
		return a[i] >= 0xf0
	}
	return a[i] < b[i]
}

func utf16Length(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0xf0:
			n += 2
		case c < 0x80 || c >= 0xc0:
			n++
		}
	}
	return n
}

// offset16 is the byte offset of the n-th UTF-16 code unit of s, at most its length.
func offset16(s string, n int) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 && c < 0xc0 {
			continue
		}
		if n <= 0 {
			return i
		}
		n--
		if c >= 0xf0 {
			n--
		}
	}
	return len(s)
}

// characters counts code points; a lone surrogate is one.
func characters(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < 0x80 || s[i] >= 0xc0 {
			n++
		}
	}
	return n
}

// offset is the byte offset of the n-th character of s, at most its length.
func offset(s string, n int) int {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x80 || s[i] >= 0xc0 {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return len(s)
}

// nextCharacter is the length in bytes of the character that s begins with.
func nextCharacter(s string) int {
	n := 1
	for n < len(s) && s[n] >= 0x80 && s[n] < 0xc0 {
		n++
	}
	return n
}

// decodeCharacter is utf8.DecodeRuneInString that also knows lone surrogates.
func decodeCharacter(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 {
		return rune(s[0]&0xf)<<12 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return utf8.DecodeRuneInString(s)
}

// appendUTF16 appends a code unit; a surrogate stands as three bytes.
func appendUTF16(b []byte, unit rune) []byte {
	if unit >= 0xd800 && unit < 0xe000 {
		return append(b, byte(0xe0|unit>>12), byte(0x80|unit>>6&0x3f), byte(0x80|unit&0x3f))
	}
	return utf8.AppendRune(b, unit)
}

// joinSurrogates makes characters of the pairs among surrogates of three bytes each.
func joinSurrogates(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		if i+5 < len(b) && b[i] == 0xed && b[i+1] >= 0xa0 && b[i+1] < 0xb0 && b[i+3] == 0xed && b[i+4] >= 0xb0 {
			high := rune(b[i+1]&0xf)<<6 | rune(b[i+2]&0x3f)
			low := rune(b[i+4]&0xf)<<6 | rune(b[i+5]&0x3f)
			out = utf8.AppendRune(out, 0x10000+high<<10+low)
			i += 5
			continue
		}
		out = append(out, b[i])
	}
	return out
}

// concat joins two strings, which may make a character of two halves.
func concat(a, b string) string {
	s := a + b
	if len(a) >= 3 && len(b) >= 3 && a[len(a)-3] == 0xed && b[0] == 0xed {
		return string(joinSurrogates([]byte(s)))
	}
	return s
}

// text casts a value to a string as $string does.
func (e *evaluation) text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case undefined:
		return "", nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		return "null", nil
	case callable:
		return "", nil
	}
	if f, is := number(v); is {
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return "", failValue("D3001", v)
		}
		return formatNumber15(f), nil
	}
	return e.json(v, 0)
}

// formatNumber15 writes a number as JavaScript does, a fraction rounded to 15 digits.
func formatNumber15(f float64) string {
	if f == math.Trunc(f) {
		if math.Abs(f) < 1e15 {
			return strconv.FormatInt(int64(f), 10)
		}
		return jsonvalue.FormatNumber(f)
	}
	f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'e', 14, 64), 64)
	return jsonvalue.FormatNumber(f)
}

func (e *evaluation) json(v any, indent int) (string, error) {
	if a, is := v.(*array); is && a.outer {
		v = a.items[0]
	}
	w := &jsonWriter{left: e.bytes, indent: indent, e: e}
	if err := w.value(v, 0); err != nil {
		return "", err
	}
	if err := e.charge(len(w.b)); err != nil {
		return "", err
	}
	return string(w.b), nil
}

// jsonWriter writes JSON as JavaScript's JSON.stringify does, with fractions rounded to 15
// digits, and stops with an error when it has no bytes left.
type jsonWriter struct {
	b      []byte
	left   int
	indent int
	e      *evaluation
}

func (w *jsonWriter) line(depth int) {
	if w.indent > 0 {
		w.b = append(w.b, '\n')
		for range depth * w.indent {
			w.b = append(w.b, ' ')
		}
	}
}

func (w *jsonWriter) value(v any, depth int) error {
	if len(w.b) > w.left {
		return fail("U1002")
	}
	if depth > nestingMax*10 {
		return fail("U1003")
	}
	switch v := v.(type) {
	case string:
		w.b = jsonvalue.AppendString(w.b, v)
	case *jsonvalue.Object:
		w.b = append(w.b, '{')
		first := true
		for name, member := range v.All() {
			if isUndefined(member) {
				continue
			}
			if !first {
				w.b = append(w.b, ',')
			}
			first = false
			w.line(depth + 1)
			w.b = append(jsonvalue.AppendString(w.b, name), ':')
			if w.indent > 0 {
				w.b = append(w.b, ' ')
			}
			if err := w.value(member, depth+1); err != nil {
				return err
			}
		}
		if !first {
			w.line(depth)
		}
		w.b = append(w.b, '}')
	case callable:
		w.b = append(w.b, `""`...)
	case undefined, nil, jsonNull:
		w.b = append(w.b, "null"...)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	default:
		if f, is := number(v); is {
			if math.IsInf(f, 0) || math.IsNaN(f) {
				return failValue("D1001", v)
			}
			w.b = append(w.b, formatNumber15(f)...)
			return nil
		}
		items, is := list(v)
		if !is {
			w.b = append(w.b, "null"...)
			return nil
		}
		w.b = append(w.b, '[')
		for i, item := range items {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.line(depth + 1)
			if err := w.value(item, depth+1); err != nil {
				return err
			}
		}
		if len(items) > 0 {
			w.line(depth)
		}
		w.b = append(w.b, ']')
	}
	return nil
}

// plain makes a result of what was evaluated: lists without marks, null for nothing
// within a list. It counts the bytes of the result against left, since a value may hold
// another many times over.
func (e *evaluation) plain(v any, left *int, depth int) (any, error) {
	*left -= 8
	if depth > nestingMax*10 {
		return nil, fail("U1003")
	}
	if *left < 0 {
		return nil, fail("U1002")
	}
	switch t := v.(type) {
	case string:
		*left -= len(t)
	case []any:
		return e.plainItems(t, left, depth)
	case *array:
		return e.plainItems(t.items, left, depth)
	case *jsonvalue.Object:
		var out *jsonvalue.Object
		for i := range t.Len() {
			name, member := t.At(i)
			*left -= len(name)
			p, err := e.plain(member, left, depth+1)
			if err != nil {
				return nil, err
			}
			if out == nil && !sameValue(p, member) {
				out = t.Clone()
			}
			if out != nil {
				out.Set(name, p)
			}
		}
		if out != nil {
			return out, nil
		}
	case *Function:
	case callable:
		return &Function{t}, nil
	}
	return v, nil
}

func (e *evaluation) plainItems(items []any, left *int, depth int) (any, error) {
	out := items
	shared := true
	for i, item := range items {
		p, err := e.plain(item, left, depth+1)
		if err != nil {
			return nil, err
		}
		if isUndefined(p) {
			p = nil
		}
		if shared && !sameValue(p, item) {
			out, shared = append([]any(nil), items...), false
		}
		if !shared {
			out[i] = p
		}
	}
	if out == nil {
		out = []any{}
	}
	return out, nil
}

// sameValue tells whether plain left a value as it was.
func sameValue(p, v any) bool {
	switch v := v.(type) {
	case *Function:
	case *array, undefined, callable:
		return false
	case []any:
		q := p.([]any)
		return len(v) == 0 || &q[0] == &v[0]
	case *jsonvalue.Object:
		return p == any(v)
	}
	return true
}

// Function is a function as a value: among the results of an evaluation, and of what a
// function of the host is given. Only Call.Apply calls it, within the same evaluation.
type Function struct{ callable }

// ofList makes the list that an aggregate works on: one value is a list of one.
func ofList(v any) []any {
	if items, is := list(v); is {
		return items
	}
	return []any{v}
}

// appendTo is $append: both as lists, one after the other, unless one of them is nothing.
func (e *evaluation) appendTo(a, b any) (any, error) {
	if isUndefined(a) {
		return b, nil
	}
	if isUndefined(b) {
		return a, nil
	}
	x, y := ofList(a), ofList(b)
	if err := e.charge(16 * (len(x) + len(y))); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(x)+len(y))
	return append(append(out, x...), y...), nil
}

// lookup is $lookup, and what a name in a path does.
func (e *evaluation) lookup(v any, name string) (any, error) {
	switch t := v.(type) {
	case *jsonvalue.Object:
		if m, found := t.Get(name); found {
			return m, nil
		}
		return Undefined, nil
	case []any:
		return e.lookupAll(t, name)
	case *array:
		return e.lookupAll(t.items, name)
	}
	return Undefined, nil
}

func (e *evaluation) lookupAll(items []any, name string) (any, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	var out []any
	for _, item := range items {
		if err := e.step(); err != nil {
			return nil, err
		}
		v, err := e.lookup(item, name)
		if err != nil {
			return nil, err
		}
		if isUndefined(v) {
			continue
		}
		if all, is := list(v); is {
			out = append(out, all...)
			if err := e.charge(16 * len(all)); err != nil {
				return nil, err
			}
		} else {
			out = append(out, v)
		}
	}
	if err := e.charge(16 * len(out)); err != nil {
		return nil, err
	}
	return sequence(out), nil
}

// typeName is what $type says.
func typeName(v any) string {
	switch v.(type) {
	case callable:
		return "function"
	case *array:
		return "array"
	}
	if name := jsonvalue.TypeName(v); name != "" {
		return name
	}
	return "undefined"
}
