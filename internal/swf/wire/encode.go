package wire

import (
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

func appendStrings(b []byte, list []string) []byte {
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

// closeObject ends an object whose members, from start on, each begin with a
// comma.
func closeObject(b []byte, start int) []byte {
	if len(b) == start {
		return append(b, '{', '}')
	}
	b[start] = '{'
	return append(b, '}')
}
