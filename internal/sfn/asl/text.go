package asl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Texts as the libraries that the service is made of write them.

// sourceCharactersMax is how much of a text Jackson shows when it tells a location.
const sourceCharactersMax = 500

// jacksonLocation is a place in a text as Jackson's JsonLocation writes it.
func jacksonLocation(text string, line, column int) string {
	var b strings.Builder
	b.WriteString(`[Source: (String)"`)
	shown, rest := 0, 0
	for _, r := range text {
		if shown == sourceCharactersMax {
			rest++
			continue
		}
		shown++
		if unicode.IsControl(r) && r != '\r' && r != '\n' {
			fmt.Fprintf(&b, `\u%04X`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	if rest > 0 {
		fmt.Fprintf(&b, "[truncated %d chars]", rest)
	}
	fmt.Fprintf(&b, "; line: %d, column: %d]", line, column)
	return b.String()
}

// pythonText writes a string as Python's repr does: in single quotes, unless only such stand
// in it.
func pythonText(s string) string {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r >= 0x7f && r <= 0xa0 || r == 0xad:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == utf8.RuneError || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}
