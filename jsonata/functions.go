package jsonata

import (
	"math"
	"strconv"
	"strings"

	"heddle/jsonvalue"
)

// standard are the functions of JSONata, by name.
var standard = map[string]*native{}

// define adds a function to the library. wants is how many arguments a callback of it
// takes: as many as its parameters without those that have a default.
func define(name, sig string, wants, params int, do func(e *evaluation, a []any) (any, error)) {
	f := &native{name: name, wants: wants, params: params, do: do}
	if sig != "" {
		f.sig = mustSignature(sig)
	}
	standard[name] = f
}

func init() {
	defineNumbers()
	defineStrings()
	defineLists()
	defineObjects()
	defineTimes()
	define("boolean", "<x-:b>", 1, 1, func(e *evaluation, a []any) (any, error) {
		if isUndefined(a[0]) {
			return Undefined, nil
		}
		yes, err := e.truth(a[0])
		return yes, err
	})
	define("not", "<x-:b>", 1, 1, func(e *evaluation, a []any) (any, error) {
		if isUndefined(a[0]) {
			return Undefined, nil
		}
		yes, err := e.truth(a[0])
		return !yes, err
	})
	define("exists", "<x:b>", 1, 1, func(e *evaluation, a []any) (any, error) { return !isUndefined(a[0]), nil })
	define("type", "<x:s>", 1, 1, func(e *evaluation, a []any) (any, error) {
		if isUndefined(a[0]) {
			return Undefined, nil
		}
		return typeName(a[0]), nil
	})
	define("error", "<s?:x>", 1, 1, func(e *evaluation, a []any) (any, error) {
		return nil, said("D3137", a[0], "$error() function evaluated")
	})
	define("assert", "<bs?:x>", 2, 2, func(e *evaluation, a []any) (any, error) {
		if truth(a[0]) {
			return Undefined, nil
		}
		return nil, said("D3141", a[1], "$assert() statement failed")
	})
	define("clone", "<(oa)-:o>", 1, 1, func(e *evaluation, a []any) (any, error) { return e.copyOf(a[0]) })
	define("eval", "<sx?:x>", 2, 2, func(e *evaluation, a []any) (any, error) {
		source, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		input := a[1]
		if isUndefined(input) {
			input = e.evalInput()
		}
		return e.evaluateText(source, input)
	})
	standardLibrary = NewLibrary()
}

// said is an error with a text of the user's.
func said(code string, v any, otherwise string) error {
	text, _ := v.(string)
	if text == "" {
		text = otherwise
	}
	err := fail(code)
	err.Message = text
	return err
}

func (e *evaluation) random() (float64, error) {
	if e.o.Random == nil {
		return 0, fail("U1007")
	}
	return e.o.Random(), nil
}

// numeric wraps a function of one number.
func numeric(do func(f float64) (float64, *Error)) func(e *evaluation, a []any) (any, error) {
	return func(e *evaluation, a []any) (any, error) {
		f, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		f, err := do(f)
		if err != nil {
			return nil, err
		}
		return box(f), nil
	}
}

func plainly(do func(float64) float64) func(e *evaluation, a []any) (any, error) {
	return numeric(func(f float64) (float64, *Error) { return do(f), nil })
}

func defineNumbers() {
	aggregate := func(name string, empty bool, do func(items []any) float64) {
		define(name, "<a<n>:n>", 1, 1, func(e *evaluation, a []any) (any, error) {
			items, is := list(a[0])
			if !is || len(items) == 0 && !empty {
				return Undefined, nil
			}
			return box(do(items)), e.spend(len(items) / 16)
		})
	}
	fold := func(start float64, do func(a, b float64) float64) func([]any) float64 {
		return func(items []any) float64 {
			total := start
			for _, item := range items {
				f, _ := number(item)
				total = do(total, f)
			}
			return total
		}
	}
	sum := fold(0, func(a, b float64) float64 { return a + b })
	aggregate("sum", true, sum)
	aggregate("max", false, fold(math.Inf(-1), math.Max))
	aggregate("min", false, fold(math.Inf(1), math.Min))
	aggregate("average", false, func(items []any) float64 { return sum(items) / float64(len(items)) })
	define("floor", "<n-:n>", 1, 1, plainly(math.Floor))
	define("ceil", "<n-:n>", 1, 1, plainly(math.Ceil))
	define("abs", "<n-:n>", 1, 1, plainly(math.Abs))
	define("round", "<n-n?:n>", 2, 2, func(e *evaluation, a []any) (any, error) {
		f, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		digits, _ := number(a[1])
		return box(round(f, digits)), nil
	})
	define("sqrt", "<n-:n>", 1, 1, numeric(func(f float64) (float64, *Error) {
		if f < 0 {
			return 0, failArgument("D3060", 1, f)
		}
		return math.Sqrt(f), nil
	}))
	define("power", "<n-n:n>", 2, 2, func(e *evaluation, a []any) (any, error) {
		f, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		g, is := number(a[1])
		r := math.Pow(f, g)
		if !is || math.IsInf(r, 0) || math.IsNaN(r) || math.Abs(f) == 1 && math.IsInf(g, 0) {
			err := failArgument("D3061", 1, f)
			err.Value2 = a[1]
			return nil, err
		}
		return box(r), nil
	})
	define("random", "<:n>", 0, 0, func(e *evaluation, a []any) (any, error) {
		f, err := e.random()
		return f, err
	})
	define("number", "<(nsb)-:n>", 1, 1, func(e *evaluation, a []any) (any, error) {
		switch v := a[0].(type) {
		case undefined, float64, jsonvalue.Number:
			return v, nil
		case bool:
			if v {
				return small[1], nil
			}
			return small[0], nil
		case string:
			if f, ok := toNumber(v); ok {
				return f, nil
			}
		}
		return nil, failArgument("D3030", 1, a[0])
	})
	define("formatBase", "<n-n?:s>", 2, 2, func(e *evaluation, a []any) (any, error) {
		f, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		radix := 10.0
		if r, is := number(a[1]); is {
			radix = round(r, 0)
		}
		if radix < 2 || radix > 36 {
			return nil, failValue("D3100", radix)
		}
		return formatBase(round(f, 0), int(radix)), nil
	})
	define("formatNumber", "<n-so?:s>", 3, 3, func(e *evaluation, a []any) (any, error) {
		f, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		picture, _ := a[1].(string)
		options, _ := a[2].(*jsonvalue.Object)
		s, err := formatNumber(e, f, picture, options)
		if err != nil {
			return nil, err
		}
		return s, e.charge(len(s))
	})
	define("formatInteger", "<n-s:s>", 2, 2, func(e *evaluation, a []any) (any, error) {
		f, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		picture, _ := a[1].(string)
		format, err := parseIntegerPicture(picture)
		if err != nil {
			return nil, err
		}
		s, err := format.write(e, math.Floor(f))
		if err != nil {
			return nil, err
		}
		return s, e.charge(len(s))
	})
	define("parseInteger", "<s-s:n>", 2, 2, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		picture, _ := a[1].(string)
		format, err := parseIntegerPicture(picture)
		if err != nil {
			return nil, err
		}
		return format.read(e, s)
	})
}

// round rounds half to even at so many decimal digits.
func round(f, digits float64) float64 {
	shift := func(f, by float64) float64 {
		m, e, found := strings.Cut(jsonvalue.FormatNumber(f), "e")
		if found {
			n, _ := strconv.ParseFloat(e, 64)
			by += n
		}
		f, err := strconv.ParseFloat(m+"e"+strconv.FormatFloat(by, 'f', -1, 64), 64)
		if err != nil && f == 0 {
			return math.NaN()
		}
		return f
	}
	if digits != 0 && !math.IsNaN(digits) {
		f = shift(f, digits)
	}
	r := math.Floor(f + 0.5)
	if math.Floor(f) == f {
		r = f
	}
	if math.Abs(r-f) == 0.5 && math.Abs(math.Mod(r, 2)) == 1 {
		r--
	}
	if digits != 0 && !math.IsNaN(digits) {
		r = shift(r, -digits)
	}
	if r == 0 {
		return 0
	}
	return r
}

// toNumber reads a JSON number, or a whole one with 0x, 0o or 0b.
func toNumber(s string) (any, bool) {
	if s != "" && numberLength(s) == len(s) {
		f, _ := strconv.ParseFloat(s, 64)
		if math.IsInf(f, 0) {
			return nil, false
		}
		return box(f), true
	}
	if len(s) < 3 || s[0] != '0' {
		return nil, false
	}
	base := 0
	switch s[1] {
	case 'x', 'X':
		base = 16
	case 'o', 'O':
		base = 8
	case 'b', 'B':
		base = 2
	default:
		return nil, false
	}
	f := 0.0
	for _, c := range []byte(s[2:]) {
		d := digitOf(c)
		if d >= base {
			return nil, false
		}
		f = f*float64(base) + float64(d)
	}
	return box(f), true
}

func formatBase(f float64, radix int) string {
	if radix == 10 {
		return jsonvalue.FormatNumber(f)
	}
	if math.Abs(f) < 1<<53 {
		return strconv.FormatInt(int64(f), radix)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return jsonvalue.FormatNumber(f)
	}
	// A whole number beyond 2^53 in a base: digit by digit of its exact value.
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	return sign + bigBase(f, radix)
}

func defineObjects() {
	define("keys", "<x-:a<s>>", 1, 1, func(e *evaluation, a []any) (any, error) {
		keys, err := e.keys(a[0])
		if err != nil {
			return nil, err
		}
		out := make([]any, len(keys))
		for i, k := range keys {
			out[i] = k
		}
		return sequence(out), nil
	})
	define("lookup", "<x-s:x>", 2, 2, func(e *evaluation, a []any) (any, error) {
		name, _ := a[1].(string)
		return e.lookup(a[0], name)
	})
	define("spread", "<x-:a<o>>", 1, 1, func(e *evaluation, a []any) (any, error) { return e.spreadOf(a[0]) })
	define("merge", "<a<o>:o>", 1, 1, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is {
			return Undefined, nil
		}
		out := &jsonvalue.Object{}
		for _, item := range items {
			if o, is := item.(*jsonvalue.Object); is {
				if err := e.charge(48 + 32*o.Len()); err != nil {
					return nil, err
				}
				for name, v := range o.All() {
					out.Set(name, v)
				}
			}
		}
		return out, nil
	})
	define("each", "<o-f:a>", 2, 2, func(e *evaluation, a []any) (any, error) {
		o, is := a[0].(*jsonvalue.Object)
		if !is {
			return Undefined, nil
		}
		var out []any
		for name, v := range o.All() {
			r, err := e.callback(a[1], v, name, o)
			if err != nil {
				return nil, err
			}
			if !isUndefined(r) {
				out = append(out, r)
				if err := e.charge(16); err != nil {
					return nil, err
				}
			}
		}
		return sequence(out), nil
	})
	define("sift", "<o-f?:o>", 2, 2, func(e *evaluation, a []any) (any, error) {
		o, is := a[0].(*jsonvalue.Object)
		if !is {
			return Undefined, nil
		}
		out := &jsonvalue.Object{}
		for name, v := range o.All() {
			r, err := e.callback(a[1], v, name, o)
			if err != nil {
				return nil, err
			}
			yes, err := e.truth(r)
			if err != nil {
				return nil, err
			}
			if yes {
				out.Set(name, v)
				if err := e.charge(32); err != nil {
					return nil, err
				}
			}
		}
		if out.Len() == 0 {
			return Undefined, nil
		}
		return out, nil
	})
}

// keys are the names of an object's members, or of all the objects in a list.
func (e *evaluation) keys(v any) ([]string, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	if o, is := v.(*jsonvalue.Object); is {
		out := make([]string, 0, o.Len())
		for name := range o.All() {
			out = append(out, name)
		}
		return out, e.charge(32 * len(out))
	}
	items, is := list(v)
	if !is {
		return nil, nil
	}
	var out []string
	seen := map[string]bool{}
	for _, item := range items {
		if err := e.step(); err != nil {
			return nil, err
		}
		keys, err := e.keys(item)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	return out, e.charge(64 * len(out))
}

func (e *evaluation) spreadOf(v any) (any, error) {
	if o, is := v.(*jsonvalue.Object); is {
		if err := e.charge(96 * o.Len()); err != nil {
			return nil, err
		}
		out := make([]any, 0, o.Len())
		for name, m := range o.All() {
			one := jsonvalue.NewObject(1)
			one.Set(name, m)
			out = append(out, one)
		}
		return sequence(out), nil
	}
	items, is := list(v)
	if !is {
		return v, nil
	}
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	out := []any{}
	for _, item := range items {
		if err := e.step(); err != nil {
			return nil, err
		}
		r, err := e.spreadOf(item)
		if err != nil {
			return nil, err
		}
		if !isUndefined(r) {
			more := ofList(r)
			if err := e.charge(16 * len(more)); err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
	}
	if len(items) == 0 {
		return sequence(nil), nil
	}
	return out, nil
}

// evalInput is the context in which $eval was called.
func (e *evaluation) evalInput() any { return e.callInput }
