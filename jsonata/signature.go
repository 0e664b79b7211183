package jsonata

import (
	"strings"

	"heddle/jsonvalue"
)

// A signature says what arguments a function takes: <s-n?:b> is a string, which the
// context stands in for if absent, and perhaps a number; the result's type is for readers.
type signature struct {
	params []param
	plain  bool // each parameter takes exactly one argument if that is there
}

type param struct {
	types    uint16 // set of kinds that it takes
	list     bool   // 'a': what is not a list becomes one
	subtype  string // of the items
	context  bool   // may be absent: then it is the context
	optional bool
	repeated bool
}

// The kinds of arguments, as bits.
const (
	isString = 1 << iota
	isNumber
	isBoolean
	isNull
	isObject
	isArray
	isFunc
	isMissing
)

var kinds = map[byte]uint16{
	's': isString, 'n': isNumber, 'b': isBoolean, 'l': isNull, 'o': isObject, 'a': isArray, 'f': isFunc, 'm': isMissing,
}

const (
	anyData  = isString | isNumber | isBoolean | isNull | isObject | isArray | isMissing
	anyValue = anyData | isFunc
)

var listNames = map[string]string{
	"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings",
}

func kindOf(v any) uint16 {
	switch v.(type) {
	case string:
		return isString
	case float64, jsonvalue.Number:
		return isNumber
	case bool:
		return isBoolean
	case nil:
		return isNull
	case *jsonvalue.Object:
		return isObject
	case []any, *array:
		return isArray
	case callable:
		return isFunc
	}
	return isMissing
}

func mustSignature(text string) *signature {
	s, err := parseSignature(text)
	if err != nil {
		panic(err)
	}
	return s
}

// parseSignature reads a signature; the position of an error is within it.
func parseSignature(text string) (*signature, *Error) {
	s := &signature{}
	var prev *param
	prevType := ""
	add := func(p param, kind string) {
		s.params = append(s.params, p)
		prev, prevType = &s.params[len(s.params)-1], kind
	}
	for i := 1; i < len(text) && text[i] != ':'; i++ {
		switch c := text[i]; c {
		case 's', 'n', 'b', 'l', 'o':
			add(param{types: kinds[c] | isMissing}, string(c))
		case 'a':
			add(param{types: anyValue, list: true}, "a")
		case 'f':
			add(param{types: isFunc}, "f")
		case 'j':
			add(param{types: anyData}, "j")
		case 'x':
			add(param{types: anyValue}, "x")
		case '-':
			if prev != nil {
				prev.context, prev.optional = true, true
			}
		case '?':
			if prev != nil {
				prev.optional = true
			}
		case '+':
			if prev != nil {
				prev.repeated = true
			}
		case '(':
			end := closing(text, i, '(', ')')
			choice := text[i+1 : end]
			if strings.Contains(choice, "<") {
				err := failValue("S0402", choice)
				err.Position = i
				return nil, err
			}
			types := uint16(isMissing)
			for _, c := range []byte(choice) {
				types |= kinds[c]
			}
			add(param{types: types}, "("+choice+")")
			i = end
		case '<':
			if prevType != "a" && prevType != "f" {
				err := failValue("S0401", prevType)
				err.Position = i
				return nil, err
			}
			end := closing(text, i, '<', '>')
			prev.subtype = text[i+1 : end]
			i = end
		}
	}
	s.plain = true
	for _, p := range s.params {
		if p.repeated {
			s.plain = false
		}
	}
	return s, nil
}

// closing finds the bracket that closes the one at i, or the last character.
func closing(text string, i int, open, shut byte) int {
	depth := 0
	for ; i < len(text)-1; i++ {
		switch text[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// check gives a function the arguments that its signature says, or tells what is wrong.
func (s *signature) check(args []any, input any) ([]any, error) {
	var room [8]int
	counts := room[:0]
	if len(s.params) > len(room) {
		counts = make([]int, 0, len(s.params))
	}
	if s.plain && len(args) == len(s.params) {
		for i := range s.params {
			if kindOf(args[i])&s.params[i].types == 0 {
				break
			}
			counts = append(counts, 1)
		}
	}
	if len(counts) < len(s.params) || len(args) > len(s.params) {
		var ok bool
		if counts, ok = s.match(args, 0, counts[:0], true); !ok {
			return nil, s.fault(args)
		}
	}
	// Mostly the arguments stay as they are.
	same := len(args) == len(s.params)
	for i := 0; same && i < len(counts); i++ {
		p := &s.params[i]
		same = counts[i] == 1 && (!p.list || isList(args[i]) && p.subtype == "")
	}
	if same {
		return args, nil
	}
	out := make([]any, 0, max(len(s.params), len(args)))
	at := 0
	for i := range s.params {
		p := &s.params[i]
		if counts[i] == 0 {
			if p.context {
				v := contextOf(input)
				if kindOf(v)&p.types == 0 {
					return nil, failArgument("T0411", at+1, v)
				}
				out = append(out, v)
				continue
			}
			if at < len(args) {
				out = append(out, args[at])
				at++
			} else {
				out = append(out, Undefined)
			}
			continue
		}
		for range counts[i] {
			v := Undefined // as in jsonata-js, when an optional one before took this one's place
			if at < len(args) {
				v = args[at]
			}
			if p.list && !isUndefined(v) {
				items, is := list(v)
				if p.subtype != "" && !p.fits(v, items, is, counts[i]) {
					err := failArgument("T0412", at+1, v)
					err.extra = listNames[p.subtype]
					return nil, err
				}
				if !is {
					v = []any{v}
				}
			}
			out = append(out, v)
			at++
		}
	}
	return out, nil
}

// fits tells whether a list's items, or a single value, are of the subtype.
func (p *param) fits(v any, items []any, is bool, count int) bool {
	want := kinds[p.subtype[0]]
	if !is {
		return count == 1 && len(p.subtype) == 1 && kindOf(v) == want
	}
	for _, item := range items {
		if kindOf(item) != want {
			return false
		}
	}
	return true
}

// match finds how many arguments each parameter takes, as greedily as a regular
// expression over their types would.
func (s *signature) match(args []any, from int, counts []int, whole bool) ([]int, bool) {
	i := len(counts)
	if i == len(s.params) {
		return counts, !whole || from == len(args)
	}
	p := &s.params[i]
	most := 0
	for from+most < len(args) && kindOf(args[from+most])&p.types != 0 {
		most++
		if !p.repeated {
			break
		}
	}
	least := 1
	if p.optional {
		least = 0
	}
	for n := most; n >= least; n-- {
		if out, ok := s.match(args, from+n, append(counts, n), whole); ok {
			return out, true
		}
	}
	return counts, false
}

// fault finds the first argument that does not match.
func (s *signature) fault(args []any) error {
	good := 0
	for n := range s.params {
		part := signature{params: s.params[:n+1]}
		counts, ok := part.match(args, 0, nil, false)
		if !ok {
			break
		}
		good = 0
		for _, c := range counts {
			good += c
		}
	}
	var v any = Undefined
	if good < len(args) {
		v = args[good]
	}
	return failArgument("T0410", good+1, v)
}
