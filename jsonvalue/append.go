package jsonvalue

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// Text is the compact JSON text of v.
func Text(v any) string { return string(Append(nil, v)) }

// Append appends the compact JSON text of v: no blanks, members in their order, numbers
// as JavaScript writes them or as they were written, no escapes but those that JSON needs.
// What JSON has no number for (an infinity, NaN) becomes null.
func Append(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return AppendString(b, v)
	case float64:
		return AppendNumber(b, v)
	case Number:
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = Append(b, item)
		}
		return append(b, ']')
	case *Object:
		b = append(b, '{')
		for i, name := range v.names {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendString(b, name)
			b = append(b, ':')
			b = Append(b, v.values[i])
		}
		return append(b, '}')
	}
	panic("jsonvalue: not a JSON value")
}

// Spaced is the JSON text of v with a blank after each comma and colon, as people read it.
func Spaced(v any) string { return string(appendSpaced(nil, v)) }

func appendSpaced(b []byte, v any) []byte {
	switch v := v.(type) {
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendSpaced(b, item)
		}
		return append(b, ']')
	case *Object:
		b = append(b, '{')
		for i, name := range v.names {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(AppendString(b, name), ": "...)
			b = appendSpaced(b, v.values[i])
		}
		return append(b, '}')
	}
	return Append(b, v)
}

const hex = "0123456789abcdef"

// plain tells of ASCII bytes whether they stand in a JSON text as they are.
var plain = func() (t [utf8.RuneSelf]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends s as a JSON text.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			}
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError || size > 1 {
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		if u, ok := surrogate(s[i:]); ok {
			b = append(b, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
			i += 3
		} else {
			b = append(b, "\ufffd"...)
			i++
		}
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// surrogate reads a lone surrogate that stands as three bytes.
func surrogate(s string) (uint16, bool) {
	if len(s) < 3 || s[0] != 0xed || s[1] < 0xa0 || s[1] > 0xbf || s[2] < 0x80 || s[2] > 0xbf {
		return 0, false
	}
	return 0xd000 | uint16(s[1]&0x3f)<<6 | uint16(s[2]&0x3f), true
}

// FormatNumber writes a number as JavaScript's Number.prototype.toString does.
func FormatNumber(f float64) string { return string(appendFloat(nil, f)) }

// AppendNumber appends a number as a JSON text; null for an infinity and for NaN.
func AppendNumber(b []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(b, "null"...)
	}
	return appendFloat(b, f)
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case f == 0:
		return append(b, '0') // -0, too
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case math.IsNaN(f):
		return append(b, "NaN"...)
	}
	if i := int64(f); f >= -1<<53 && f <= 1<<53 && float64(i) == f {
		return strconv.AppendInt(b, i, 10)
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	from := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	// Go has two digits of an exponent at least, JavaScript one.
	if n := len(b); n-from >= 4 && b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// Size is the length of what Append appends.
func Size(v any) int {
	switch v := v.(type) {
	case nil:
		return 4
	case bool:
		if v {
			return 4
		}
		return 5
	case string:
		return sizeString(v)
	case float64:
		var room [32]byte
		return len(AppendNumber(room[:0], v))
	case Number:
		return len(v)
	case []any:
		n := 2 + max(0, len(v)-1)
		for _, item := range v {
			n += Size(item)
		}
		return n
	case *Object:
		n := 2 + max(0, 2*len(v.names)-1)
		for i, name := range v.names {
			n += sizeString(name) + Size(v.values[i])
		}
		return n
	}
	panic("jsonvalue: not a JSON value")
}

func sizeString(s string) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || !plain[c] {
			return len(AppendString(nil, s))
		}
	}
	return len(s) + 2
}
