package jsonvalue

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DepthMax is how deep objects and lists may lie in each other in a text.
const DepthMax = 1000

// SyntaxError is what is wrong with a JSON text, in the words of Jackson, the parser that
// many services and their users know.
type SyntaxError struct {
	Message string // "Unexpected character ('x' (code 120)): was expecting a colon to separate field name and value"
	Offset  int    // of bytes from the text's begin
	Line    int    // from 1
	Column  int    // from 1, of characters
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s, at line %d, column %d", e.Message, e.Line, e.Column)
}

// DuplicateError is a name that an object has twice.
type DuplicateError struct{ SyntaxError }

// Parse reads a JSON text (RFC 8259). Of members of one name the last counts. An error is
// a *SyntaxError.
func Parse(text []byte) (any, error) { return parse(string(text), false) }

// ParseString is Parse of a string, whose texts the value then shares.
func ParseString(text string) (any, error) { return parse(text, false) }

// ParseStrict is Parse, but an object with two members of one name is an error, a
// *DuplicateError.
func ParseStrict(text []byte) (any, error) { return parse(string(text), true) }

func parse(text string, strict bool) (any, error) {
	p := parser{text: text, strict: strict}
	p.space()
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at < len(p.text) {
		return nil, p.unexpected("expected end of text")
	}
	return v, nil
}

type parser struct {
	text   string
	at     int
	depth  int
	strict bool
	few    []string          // names, so that one of many objects is one string
	names  map[string]string // all of them; nil while there are few
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) position(at int) (line, column int) {
	before := p.text[:at]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

func (p *parser) fail(at int, format string, args ...any) error {
	line, column := p.position(at)
	return &SyntaxError{Message: fmt.Sprintf(format, args...), Offset: at, Line: line, Column: column}
}

// unexpected is the error of the character that comes next.
func (p *parser) unexpected(expecting string) error {
	if p.at >= len(p.text) {
		return p.fail(p.at, "Unexpected end-of-input")
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return p.fail(p.at, "Unexpected character (%s): %s", describe(r), expecting)
}

func describe(r rune) string {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return fmt.Sprintf("CTRL-CHAR, code %d", r)
	}
	if r > 0xff {
		return fmt.Sprintf("'%c' (code %d / 0x%x)", r, r, r)
	}
	return fmt.Sprintf("'%c' (code %d)", r, r)
}

func (p *parser) value() (any, error) {
	if p.at >= len(p.text) {
		return nil, p.fail(p.at, "No content to map due to end-of-input")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object()
	case c == '[':
		return p.list()
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		end := p.at
		for end < len(p.text) && isWord(p.text[end]) {
			end++
		}
		word := p.text[p.at:end]
		var v any
		switch word {
		case "true":
			v = true
		case "false":
			v = false
		case "null":
		default:
			// As Jackson has it, the place is where the word ends.
			return nil, p.fail(end, "Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", word)
		}
		p.at = end
		return v, nil
	}
	return nil, p.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func (p *parser) enter() error {
	if p.depth++; p.depth > DepthMax {
		return p.fail(p.at, "Document nesting depth (%d) exceeds the maximum allowed (%d)", p.depth, DepthMax)
	}
	return nil
}

func (p *parser) unclosed(what string, start int) error {
	line, column := p.position(start)
	return p.fail(len(p.text), "Unexpected end-of-input: expected close marker for %s (start marker at line: %d, column: %d)", what, line, column)
}

func (p *parser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	start := p.at
	p.at++
	o := &Object{}
	for first := true; ; first = false {
		p.space()
		if p.at >= len(p.text) {
			return nil, p.unclosed("Object", start)
		}
		if c := p.text[p.at]; c == '}' && first {
			break
		} else if c != '"' {
			return nil, p.unexpected("was expecting double-quote to start field name")
		}
		named := p.at
		name, err := p.str()
		if err != nil {
			return nil, err
		}
		name = p.intern(name)
		p.space()
		if p.at >= len(p.text) {
			return nil, p.unclosed("Object", start)
		}
		if p.text[p.at] != ':' {
			return nil, p.unexpected("was expecting a colon to separate field name and value")
		}
		p.at++
		p.space()
		if p.at >= len(p.text) {
			return nil, p.unclosed("Object", start)
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		if p.strict && o.find(name) >= 0 {
			line, column := p.position(named)
			return nil, &DuplicateError{SyntaxError{Message: fmt.Sprintf("Duplicate field '%s'", name), Offset: named, Line: line, Column: column}}
		}
		o.Set(name, v)
		p.space()
		if p.at >= len(p.text) {
			return nil, p.unclosed("Object", start)
		}
		if p.text[p.at] == '}' {
			break
		}
		if p.text[p.at] != ',' {
			return nil, p.unexpected("was expecting comma to separate Object entries")
		}
		p.at++
	}
	p.at++
	p.depth--
	return o, nil
}

func (p *parser) list() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	start := p.at
	p.at++
	items := []any{}
	for first := true; ; first = false {
		p.space()
		if p.at >= len(p.text) {
			return nil, p.unclosed("Array", start)
		}
		if p.text[p.at] == ']' && first {
			break
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		p.space()
		if p.at >= len(p.text) {
			return nil, p.unclosed("Array", start)
		}
		if p.text[p.at] == ']' {
			break
		}
		if p.text[p.at] != ',' {
			return nil, p.unexpected("was expecting comma to separate Array entries")
		}
		p.at++
	}
	p.at++
	p.depth--
	return items, nil
}

// intern makes equal names one string.
func (p *parser) intern(name string) string {
	if known, ok := p.names[name]; ok {
		return known
	}
	if p.names == nil {
		for _, known := range p.few {
			if known == name {
				return known
			}
		}
		if p.few = append(p.few, name); len(p.few) < indexedFrom {
			return name
		}
		p.names = make(map[string]string, 2*indexedFrom)
		for _, known := range p.few {
			p.names[known] = known
		}
	}
	p.names[name] = name
	return name
}

// number reads a number. It is a float64 if that gives the same text back.
func (p *parser) number() (any, error) {
	start := p.at
	digits := func() int {
		from := p.at
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
		return p.at - from
	}
	if p.text[p.at] == '-' {
		p.at++
	}
	whole := p.at
	if digits() == 0 {
		return nil, p.unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
	}
	if p.text[whole] == '0' && p.at-whole > 1 {
		return nil, p.fail(whole, "Invalid numeric value: Leading zeroes not allowed")
	}
	short := p.at-start <= 15 // so few digits come back from a float64 as they are
	plain := true
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if digits() == 0 {
			return nil, p.unexpected("Decimal point not followed by a digit")
		}
		plain = false
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if digits() == 0 {
			return nil, p.unexpected("Exponent indicator not followed by a digit")
		}
		plain = false
	}
	if p.at < len(p.text) && isWord(p.text[p.at]) {
		return nil, p.unexpected("Expected space separating root-level values")
	}
	text := p.text[start:p.at]
	if plain && short && text != "-0" {
		n, _ := strconv.ParseInt(text, 10, 64) // its form was looked at
		return float64(n), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	var room [32]byte
	if err == nil && len(text) <= len(room) && string(appendFloat(room[:0], f)) == text {
		return f, nil
	}
	return Number(text), nil
}

func (p *parser) str() (string, error) {
	start := p.at
	p.at++
	from := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c == '"' {
			s := p.text[from:p.at]
			p.at++
			return strings.ToValidUTF8(s, "\ufffd"), nil
		}
		if c == '\\' || c < ' ' {
			return p.escaped(start)
		}
		p.at++
	}
	return "", p.openString(start)
}

func (p *parser) openString(start int) error {
	p.at = len(p.text)
	return p.fail(len(p.text), "Unexpected end-of-input in VALUE_STRING")
}

// escaped reads a string with escapes in it, from its begin.
func (p *parser) escaped(start int) (string, error) {
	b := append([]byte(nil), p.text[start+1:p.at]...)
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b), nil
		case c < ' ':
			return "", p.fail(p.at, "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		case c != '\\':
			r, size := utf8.DecodeRuneInString(p.text[p.at:])
			b = utf8.AppendRune(b, r)
			p.at += size
			continue
		}
		p.at++
		if p.at >= len(p.text) {
			return "", p.openString(start)
		}
		c = p.text[p.at]
		p.at++
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			u, err := p.hex4()
			if err != nil {
				return "", err
			}
			r := rune(u)
			if u >= 0xd800 && u < 0xdc00 && strings.HasPrefix(p.text[p.at:], `\u`) {
				before := p.at
				p.at += 2
				low, err := p.hex4()
				if err != nil {
					return "", err
				}
				if low >= 0xdc00 && low < 0xe000 {
					r = 0x10000 + (r-0xd800)<<10 + rune(low-0xdc00)
				} else {
					p.at = before
				}
			}
			if r >= 0xd800 && r < 0xe000 {
				b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
			} else {
				b = utf8.AppendRune(b, r)
			}
		default:
			p.at--
			r, _ := utf8.DecodeRuneInString(p.text[p.at:])
			return "", p.fail(p.at, "Unrecognized character escape %s", describe(r))
		}
	}
	return "", p.openString(start)
}

func (p *parser) hex4() (uint16, error) {
	var u uint16
	for range 4 {
		if p.at >= len(p.text) {
			return 0, p.fail(p.at, "Unexpected end-of-input in character escape sequence")
		}
		c := p.text[p.at]
		switch {
		case c >= '0' && c <= '9':
			u = u<<4 | uint16(c-'0')
		case c >= 'a' && c <= 'f':
			u = u<<4 | uint16(c-'a'+10)
		case c >= 'A' && c <= 'F':
			u = u<<4 | uint16(c-'A'+10)
		default:
			return 0, p.unexpected("expected a hex-digit for character escape sequence")
		}
		p.at++
	}
	return u, nil
}
