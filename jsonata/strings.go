package jsonata

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"heddle/jsonvalue"
)

// textual wraps a function of one string.
func textual(do func(e *evaluation, s string) (any, error)) func(e *evaluation, a []any) (any, error) {
	return func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		if err := e.spend(len(s) / 64); err != nil {
			return nil, err
		}
		v, err := do(e, s)
		if err != nil {
			return nil, err
		}
		if t, is := v.(string); is {
			return v, e.charge(len(t))
		}
		return v, nil
	}
}

func defineStrings() {
	define("string", "<x-b?:s>", 1, 2, func(e *evaluation, a []any) (any, error) {
		if isUndefined(a[0]) {
			return Undefined, nil
		}
		if pretty, _ := a[1].(bool); pretty {
			if items, is := list(a[0]); is || typeName(a[0]) == "object" {
				_ = items
				return e.json(a[0], 2)
			}
		}
		return e.text(a[0])
	})
	define("length", "<s-:n>", 1, 1, textual(func(e *evaluation, s string) (any, error) { return boxInt(characters(s)), nil }))
	define("lowercase", "<s-:s>", 1, 1, textual(func(e *evaluation, s string) (any, error) { return lower(s), nil }))
	define("uppercase", "<s-:s>", 1, 1, textual(func(e *evaluation, s string) (any, error) { return upper(s), nil }))
	define("trim", "<s-:s>", 1, 1, textual(func(e *evaluation, s string) (any, error) {
		blank := func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }
		return strings.Join(strings.FieldsFunc(s, blank), " "), nil
	}))
	define("substring", "<s-nn?:s>", 3, 3, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		if err := e.spend(len(s) / 64); err != nil {
			return nil, err
		}
		start, _ := number(a[1])
		n := characters(s)
		if float64(n)+start < 0 {
			start = 0
		}
		from, to := start, float64(n)
		if length, is := number(a[2]); is {
			if length <= 0 {
				return "", nil
			}
			if _, is := number(a[1]); !is {
				return "", nil
			}
			if to = start + length; start < 0 {
				to += float64(n)
			}
		}
		i, j := slicing(from, n), slicing(to, n)
		if i >= j {
			return "", nil
		}
		if n == len(s) {
			return s[i:j], nil
		}
		at := offset(s, i)
		return s[at : at+offset(s[at:], j-i)], nil
	})
	define("substringBefore", "<s-s:s>", 2, 2, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		chars, is := a[1].(string)
		if !is {
			return s, nil
		}
		before, _, _ := strings.Cut(s, chars)
		return before, e.spend(len(s) / 16)
	})
	define("substringAfter", "<s-s:s>", 2, 2, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		chars, is := a[1].(string)
		if !is {
			return s, nil
		}
		if _, after, found := strings.Cut(s, chars); found {
			return after, e.spend(len(s) / 16)
		}
		return s, e.spend(len(s) / 16)
	})
	define("pad", "<s-ns?:s>", 3, 3, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		width, _ := number(a[1])
		char, _ := a[2].(string)
		if char == "" {
			char = " "
		}
		n := math.Abs(width) - float64(characters(s))
		if !(n > 0) {
			return s, nil
		}
		size := n * float64(len(char))
		if size > math.MaxInt32 {
			return nil, fail("U1002")
		}
		if err := e.charge(int(size) + len(s)); err != nil {
			return nil, err
		}
		times := int(n)
		k := characters(char)
		padding := strings.Repeat(char, times/k) + char[:offset(char, times%k)]
		if width > 0 {
			return s + padding, nil
		}
		return padding + s, nil
	})
	define("contains", "<s-(sf):b>", 2, 2, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		if t, is := a[1].(string); is {
			return strings.Contains(s, t), e.spend(len(s) / 16)
		}
		if isUndefined(a[1]) {
			return Undefined, nil
		}
		m, err := e.firstMatch(a[1], s, "contains")
		if err != nil {
			return nil, err
		}
		return m != nil, nil
	})
	define("match", "<s-f<s:o>n?:a<o>>", 3, 3, matchAll)
	define("split", "<s-(sf)n?:a<s>>", 3, 3, split)
	define("replace", "<s-(sf)(sf)n?:s>", 4, 4, replace)
	define("join", "<a<s>s?:s>", 2, 2, func(e *evaluation, a []any) (any, error) {
		items, is := list(a[0])
		if !is {
			return Undefined, nil
		}
		sep, _ := a[1].(string)
		size := 0
		for _, item := range items {
			s, _ := item.(string)
			size += len(s) + len(sep)
			if size > e.bytes {
				break
			}
		}
		if err := e.charge(size); err != nil {
			return nil, err
		}
		var b strings.Builder
		b.Grow(size)
		for i, item := range items {
			if i > 0 {
				b.WriteString(sep)
			}
			s, _ := item.(string)
			b.WriteString(s)
		}
		return b.String(), nil
	})
	define("base64encode", "<s-:s>", 1, 1, textual(func(e *evaluation, s string) (any, error) {
		latin := make([]byte, 0, len(s))
		for rest := s; rest != ""; {
			r, n := decodeCharacter(rest)
			rest = rest[n:]
			if r >= 0x10000 {
				latin = append(latin, byte((r-0x10000)>>10))
			}
			latin = append(latin, byte(r))
		}
		return base64.StdEncoding.EncodeToString(latin), nil
	}))
	define("base64decode", "<s-:s>", 1, 1, textual(func(e *evaluation, s string) (any, error) {
		out := make([]byte, 0, len(s))
		for _, c := range decodeBase64(s) {
			out = utf8.AppendRune(out, rune(c))
		}
		return string(out), nil
	}))
	const component = "-_.!~*'()"
	define("encodeUrlComponent", "<s-:s>", 1, 1, urlEncode("encodeUrlComponent", component))
	define("encodeUrl", "<s-:s>", 1, 1, urlEncode("encodeUrl", component+";/?:@&=+$,#"))
	define("decodeUrlComponent", "<s-:s>", 1, 1, urlDecode("decodeUrlComponent", ""))
	define("decodeUrl", "<s-:s>", 1, 1, urlDecode("decodeUrl", ";/?:@&=+$,#"))
}

// slicing makes an index of a number as JavaScript's slice does.
func slicing(f float64, n int) int {
	f = math.Trunc(f)
	if f < 0 {
		f += float64(n)
	}
	return int(min(max(f, 0), float64(n)))
}

// cased applies a mapping of Unicode text but leaves lone surrogates alone.
func cased(s string, do func(string) string) string {
	if utf8.ValidString(s) {
		return do(s)
	}
	var b strings.Builder
	for s != "" {
		r, n := decodeCharacter(s)
		if r >= 0xd800 && r < 0xe000 {
			b.WriteString(s[:n])
		} else {
			b.WriteString(do(s[:n]))
		}
		s = s[n:]
	}
	return b.String()
}

func lower(s string) string {
	return cased(s, func(s string) string {
		if strings.ContainsRune(s, 'İ') {
			s = strings.ReplaceAll(s, "İ", "i̇")
		}
		return strings.ToLower(s)
	})
}

// special are letters that become several in upper case.
var special = strings.NewReplacer("ß", "SS", "ŉ", "ʼN", "ǰ", "J̌", "ﬀ", "FF", "ﬁ", "FI", "ﬂ", "FL", "ﬃ", "FFI", "ﬄ", "FFL", "ﬅ", "ST", "ﬆ", "ST")

func upper(s string) string {
	return cased(s, func(s string) string { return strings.ToUpper(special.Replace(s)) })
}

// decodeBase64 reads what there is to read, as Node's Buffer does.
func decodeBase64(s string) []byte {
	clean := make([]byte, 0, len(s))
	for _, c := range []byte(s) {
		switch {
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		case c == '=':
			goto done
		case digitOf(c) > 35 && c != '+' && c != '/':
			continue
		}
		clean = append(clean, c)
	}
done:
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out, _ := base64.RawStdEncoding.DecodeString(string(clean))
	return out
}

func urlError(function, s string) error {
	err := failValue("D3140", s)
	err.Function = function
	return err
}

func urlEncode(function, keep string) func(e *evaluation, a []any) (any, error) {
	return textual(func(e *evaluation, s string) (any, error) {
		if !utf8.ValidString(s) {
			return nil, urlError(function, s)
		}
		b := make([]byte, 0, len(s))
		for _, c := range []byte(s) {
			if digitOf(c) < 36 || strings.IndexByte(keep, c) >= 0 {
				b = append(b, c)
			} else {
				b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
			}
		}
		return string(b), nil
	})
}

func urlDecode(function, keep string) func(e *evaluation, a []any) (any, error) {
	return textual(func(e *evaluation, s string) (any, error) {
		b := make([]byte, 0, len(s))
		for i := 0; i < len(s); {
			if s[i] != '%' {
				b = append(b, s[i])
				i++
				continue
			}
			from := i
			var char []byte
			for n := 1; n > 0; n-- {
				c, ok := hex(s, i+1, 2)
				if !ok || s[i] != '%' {
					return nil, urlError(function, s)
				}
				if len(char) == 0 {
					switch {
					case c >= 0xf0:
						n = 4
					case c >= 0xe0:
						n = 3
					case c >= 0xc0:
						n = 2
					}
				}
				char = append(char, byte(c))
				if i += 3; n > 1 && i >= len(s) {
					return nil, urlError(function, s)
				}
			}
			if !utf8.Valid(char) {
				return nil, urlError(function, s)
			}
			if len(char) == 1 && strings.IndexByte(keep, char[0]) >= 0 {
				char = []byte(s[from:i])
			}
			b = append(b, char...)
		}
		return string(b), nil
	})
}

// A match is what a matcher found in a text, by byte offsets.
type match struct {
	start, end int
	text       string
	groups     []any // strings, or Undefined
	next       func() (*match, error)
	object     any // as the matcher gave it, if it is the user's
}

// regexFunction is a regular expression as a function: of a text it gives the first
// match, with start, end, groups and a function that gives the next.
type regexFunction struct {
	re  *regex
	pos int
}

func (*regexFunction) arity() int { return 2 }

func (f *regexFunction) call(e *evaluation, args []any, _ any, _ *frame) (any, error) {
	s := ""
	if len(args) > 0 {
		s, _ = args[0].(string)
	}
	from := 0
	if len(args) > 1 {
		n, _ := number(args[1])
		from = offset16(s, int(n))
	}
	m, err := f.find(e, s, from)
	if err != nil || m == nil {
		return Undefined, err
	}
	e.nested = true
	return f.object(e, s, m)
}

func (f *regexFunction) object(e *evaluation, s string, m *match) (any, error) {
	o := jsonvalue.NewObject(5)
	if err := e.charge(256); err != nil {
		return nil, err
	}
	start := utf16Length(s[:m.start])
	o.Set("match", m.text)
	o.Set("start", boxInt(start))
	o.Set("end", boxInt(start+utf16Length(m.text)))
	o.Set("groups", m.groups)
	o.Set("next", &native{name: "next", do: func(e *evaluation, _ []any) (any, error) {
		next, err := m.next()
		if err != nil || next == nil {
			return Undefined, err
		}
		return f.object(e, s, next)
	}})
	return o, nil
}

func (f *regexFunction) find(e *evaluation, s string, from int) (*match, error) {
	regs, err := f.re.find(e, s, from)
	if err != nil || regs == nil {
		return nil, err
	}
	m := &match{start: regs[0], end: regs[1], text: s[regs[0]:regs[1]], groups: []any{}}
	if f.re.groups > 0 {
		if err := e.charge(32 * f.re.groups); err != nil {
			return nil, err
		}
		m.groups = make([]any, f.re.groups)
		for i := range m.groups {
			m.groups[i] = Undefined
			if a, b := regs[2*i+2], regs[2*i+3]; a >= 0 && b >= 0 {
				m.groups[i] = s[a:b]
			}
		}
	}
	m.next = func() (*match, error) {
		if m.end >= len(s) {
			return nil, nil
		}
		next, err := f.find(e, s, m.end)
		if next != nil && next.text == "" {
			// It would be found again and again.
			err := failAt("D1004", f.pos, "")
			err.Value = f.re.source
			return nil, err
		}
		return next, err
	}
	return m, nil
}

// firstMatch applies a matcher, a regular expression or a function of the user's, to s.
func (e *evaluation) firstMatch(f any, s, function string) (*match, error) {
	if re, is := f.(*regexFunction); is {
		return re.find(e, s, 0)
	}
	return e.userMatch(f, s, function, s)
}

func (e *evaluation) userMatch(f any, s, function string, args ...any) (*match, error) {
	if err := e.step(); err != nil {
		return nil, err
	}
	v, err := e.apply(f, args, nil, nil)
	if err != nil || !truthy(v) {
		return nil, err
	}
	o, is := v.(*jsonvalue.Object)
	if !is {
		return nil, failAt("T1010", -1, function)
	}
	get := func(name string) any {
		v, found := o.Get(name)
		if !found {
			return Undefined
		}
		return v
	}
	start, isStart := number(get("start"))
	end, isEnd := number(get("end"))
	groups, isGroups := list(get("groups"))
	next := get("next")
	if !isStart && !isEnd && !isGroups && !isFunction(next) {
		return nil, failAt("T1010", -1, function)
	}
	m := &match{groups: groups, object: v}
	m.text, _ = get("match").(string)
	m.start = offset16(s, int(start))
	m.end = offset16(s, int(end))
	m.next = func() (*match, error) {
		if !isFunction(next) {
			return nil, fail("T1006")
		}
		return e.userMatch(next, s, function)
	}
	return m, nil
}

// truthy is what JavaScript takes for true.
func truthy(v any) bool {
	switch v := v.(type) {
	case undefined, nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	}
	f, is := number(v)
	return !is || f != 0 && !math.IsNaN(f)
}

// limit reads how often at most something is to be done.
func limit(v any, code string, index int) (float64, error) {
	n, is := number(v)
	if !is {
		return math.Inf(1), nil
	}
	if n < 0 {
		return 0, failArgument(code, index, v)
	}
	return n, nil
}

func matchAll(e *evaluation, a []any) (any, error) {
	s, is := a[0].(string)
	if !is {
		return Undefined, nil
	}
	most, err := limit(a[2], "D3040", 3)
	if err != nil {
		return nil, err
	}
	var out []any
	if most > 0 {
		m, err := e.firstMatch(a[1], s, "match")
		at, at16 := 0, 0
		for n := 0.0; err == nil && m != nil && n < most; n++ {
			o := jsonvalue.NewObject(3)
			o.Set("match", m.text)
			if m.start < at {
				at, at16 = 0, 0
			}
			at16 += utf16Length(s[at:m.start])
			at = m.start
			o.Set("index", boxInt(at16))
			o.Set("groups", m.groups)
			out = append(out, o)
			if err := e.charge(160); err != nil {
				return nil, err
			}
			m, err = m.next()
		}
		if err != nil {
			return nil, err
		}
	}
	return sequence(out), nil
}

func split(e *evaluation, a []any) (any, error) {
	s, is := a[0].(string)
	if !is {
		return Undefined, nil
	}
	most, err := limit(a[2], "D3020", 3)
	if err != nil {
		return nil, err
	}
	out := []any{}
	add := func(piece string) error {
		out = append(out, piece)
		return e.charge(32)
	}
	if most <= 0 {
		return out, nil
	}
	if sep, is := a[1].(string); is {
		most = math.Floor(most)
		for n := 0.0; n < most; n++ {
			piece, rest, found := "", "", false
			if sep == "" {
				if s == "" {
					break
				}
				size := nextCharacter(s)
				piece, rest, found = s[:size], s[size:], len(s) > size
			} else {
				piece, rest, found = strings.Cut(s, sep)
			}
			if err := add(piece); err != nil {
				return nil, err
			}
			if err := e.spend(1 + len(piece)/16); err != nil {
				return nil, err
			}
			if !found {
				break
			}
			s = rest
		}
		return out, nil
	}
	m, err := e.firstMatch(a[1], s, "split")
	if err != nil {
		return nil, err
	}
	if m == nil {
		return []any{s}, nil
	}
	start, n := 0, 0.0
	for ; m != nil && n < most; n++ {
		if err := add(s[start:max(m.start, start)]); err != nil {
			return nil, err
		}
		start = m.end
		if m, err = m.next(); err != nil {
			return nil, err
		}
	}
	if n < most {
		if err := add(s[start:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func replace(e *evaluation, a []any) (any, error) {
	s, is := a[0].(string)
	if !is {
		return Undefined, nil
	}
	pattern, isText := a[1].(string)
	if isText && pattern == "" {
		return nil, failArgument("D3010", 2, a[1])
	}
	most, err := limit(a[3], "D3011", 4)
	if err != nil {
		return nil, err
	}
	if most <= 0 {
		return s, nil
	}
	with, withText := a[2].(string)
	var b strings.Builder
	write := func(t string) error {
		b.WriteString(t)
		return e.charge(len(t))
	}
	if isText {
		for n := 0.0; n < most; n++ {
			before, after, found := strings.Cut(s, pattern)
			if !found {
				break
			}
			if !withText {
				return nil, failValue("D3012", a[2])
			}
			if err := write(before); err != nil {
				return nil, err
			}
			if err := write(with); err != nil {
				return nil, err
			}
			if err := e.spend(1 + len(before)/16); err != nil {
				return nil, err
			}
			s = after
		}
		return b.String() + s, write(s)
	}
	m, err := e.firstMatch(a[1], s, "replace")
	if err != nil {
		return nil, err
	}
	if m == nil {
		return s, nil
	}
	at := 0
	for n := 0.0; m != nil && n < most; n++ {
		if err := write(s[at:max(m.start, at)]); err != nil {
			return nil, err
		}
		if withText {
			if err := write(expand(with, m)); err != nil {
				return nil, err
			}
		} else {
			object := m.object
			if object == nil {
				if object, err = a[1].(*regexFunction).object(e, s, m); err != nil {
					return nil, err
				}
			}
			v, err := e.apply(a[2], []any{object}, nil, nil)
			if err != nil {
				return nil, err
			}
			text, is := v.(string)
			if !is {
				return nil, failValue("D3012", v)
			}
			if err := write(text); err != nil {
				return nil, err
			}
		}
		at = min(m.start+len(m.text), len(s))
		if m, err = m.next(); err != nil {
			return nil, err
		}
	}
	if err := write(s[at:]); err != nil {
		return nil, err
	}
	return b.String(), nil
}

// expand fills $0, $1 … of a replacement with what was matched.
func expand(with string, m *match) string {
	if strings.IndexByte(with, '$') < 0 {
		return with
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(with, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		with = rest
		switch {
		case strings.HasPrefix(with, "$"):
			b.WriteByte('$')
			with = with[1:]
			continue
		case strings.HasPrefix(with, "0"):
			b.WriteString(m.text)
			with = with[1:]
			continue
		}
		digits := 1
		for n := len(m.groups); n >= 10; n /= 10 {
			digits++
		}
		index, ok := leadingInt(with, digits)
		if digits > 1 && ok && index > len(m.groups) {
			index, ok = leadingInt(with, digits-1)
		}
		if !ok {
			b.WriteByte('$')
			continue
		}
		if index >= 1 && index <= len(m.groups) {
			text, _ := m.groups[index-1].(string)
			b.WriteString(text)
		}
		with = with[len(strconv.Itoa(index)):]
	}
}

// leadingInt is the number at the begin of the first n characters of s.
func leadingInt(s string, n int) (int, bool) {
	i := 0
	for i < len(s) && i < n && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	v, err := strconv.Atoi(s[:i])
	return v, err == nil
}
