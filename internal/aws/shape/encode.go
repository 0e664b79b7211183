package shape

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendString appends s as a JSON string, which is never longer than the one that it
// was read from. Bytes that are not UTF-8 become the replacement character.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	clean := 0 // start of what can be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[clean:i]...)
				b = append(b, "\ufffd"...)
				clean = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[clean:i]...)
		b = appendEscape(b, c)
		i++
		clean = i
	}
	b = append(b, s[clean:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// AppendTimestamp appends t as seconds with up to three decimals.
func AppendTimestamp(b []byte, t Timestamp) []byte {
	ms := int64(t)
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	rest := byte(ms % 1000 / 10)
	digits := [4]byte{'.', '0' + rest/10, '0' + rest%10, '0' + byte(ms%10)}
	n := len(digits)
	for n > 0 && (digits[n-1] == '0' || digits[n-1] == '.') {
		n--
	}
	return append(b, digits[:n]...)
}

// AppendTime appends t as a text in the format of ISO 8601, with milliseconds.
func AppendTime(b []byte, t Timestamp) []byte {
	b = append(b, '"')
	b = append(b, FormatTime(t)...)
	return append(b, '"')
}

// AppendInteger appends a whole number.
func AppendInteger(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// AppendFloat appends a number, or the text that names one which JSON cannot write.
func AppendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	form := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(b, f, form, -1, 64)
}

// AppendBlob appends bytes as base64.
func AppendBlob(b, blob []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, blob)
	return append(b, '"')
}

// AppendList appends a list by the writer of its elements.
func AppendList[T any](b []byte, list []T, element func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, v)
	}
	return append(b, ']')
}

// AppendMap appends a map by the writer of its values, in the order of its keys.
func AppendMap[T any](b []byte, m map[string]T, value func([]byte, T) []byte) []byte {
	b = append(b, '{')
	for i, k := range Keys(m) {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, k)
		b = append(b, ':')
		b = value(b, m[k])
	}
	return append(b, '}')
}

// AppendStrings appends a list of strings; [Null] is a null.
func AppendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if s == Null {
			b = append(b, "null"...)
		} else {
			b = AppendString(b, s)
		}
	}
	return append(b, ']')
}

// CloseObject ends an object whose members, from start on, each begin with a
// comma.
func CloseObject(b []byte, start int) []byte {
	if len(b) == start {
		return append(b, '{', '}')
	}
	b[start] = '{'
	return append(b, '}')
}
