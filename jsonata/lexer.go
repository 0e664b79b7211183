package jsonata

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A token's kinds are those of jsonata-js's syntax tree, where tokens become nodes.
type token struct {
	kind  string // name, variable, operator, string, number, value, regex; "" is the end
	text  string // of a name, variable, operator or string; the pattern of a regex
	value any    // of a number or value; of a regex its flags
	pos   int
}

// binding gives each operator the power with which it holds its left side (Pratt).
var binding = map[string]int{
	".": 75, "[": 80, "]": 0, "{": 70, "}": 0, "(": 80, ")": 0, ",": 0, "@": 80, "#": 80, ";": 80, ":": 80, "?": 20,
	"+": 50, "-": 50, "*": 60, "/": 60, "%": 60, "|": 20, "=": 40, "<": 40, ">": 40, "^": 40, "**": 60, "..": 20, ":=": 10,
	"!=": 40, "<=": 40, ">=": 40, "~>": 40, "?:": 40, "??": 40, "and": 30, "or": 25, "in": 40, "&": 50, "!": 0, "~": 0,
}

type lexer struct {
	src string
	at  int
	// wide turns byte offsets into UTF-16 ones when the source is not all ASCII.
	wide           bool
	lastAt, last16 int
}

func newLexer(src string) *lexer {
	l := &lexer{src: src}
	for i := 0; i < len(src); i++ {
		if src[i] >= utf8.RuneSelf {
			l.wide = true
			break
		}
	}
	return l
}

// position16 is a byte offset counted in UTF-16 code units.
func (l *lexer) position16(at int) int {
	if !l.wide {
		return at
	}
	if at < l.lastAt {
		l.lastAt, l.last16 = 0, 0
	}
	l.last16 += utf16Length(l.src[l.lastAt:at])
	l.lastAt = at
	return l.last16
}

func (l *lexer) make(kind, text string, value any) (token, error) {
	return token{kind, text, value, l.position16(l.at)}, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' }

// isOperator tells which single characters end a name.
var isOperator = func() (is [256]bool) {
	for op := range binding {
		if len(op) == 1 {
			is[op[0]] = true
		}
	}
	return is
}()

// next reads a token; infix says that an operand went before, so that / divides.
func (l *lexer) next(infix bool) (token, error) {
	for {
		for l.at < len(l.src) && isBlank(l.src[l.at]) {
			l.at++
		}
		if !strings.HasPrefix(l.src[l.at:], "/*") {
			break
		}
		end := strings.Index(l.src[l.at+2:], "*/")
		if end < 0 {
			return token{}, failAt("S0106", l.position16(l.at), "")
		}
		l.at += 2 + end + 2
	}
	if l.at >= len(l.src) {
		return token{pos: l.position16(l.at)}, nil
	}
	c := l.src[l.at]
	if c == '/' && !infix {
		return l.regex()
	}
	if l.at+1 < len(l.src) {
		if two := l.src[l.at : l.at+2]; two[0] != 'i' && two[0] != 'o' {
			if _, is := binding[two]; is {
				l.at += 2
				return l.make("operator", two, nil)
			}
		}
	}
	if isOperator[c] {
		l.at++
		return l.make("operator", l.src[l.at-1:l.at], nil)
	}
	switch {
	case c == '"' || c == '\'':
		return l.string(c)
	case '0' <= c && c <= '9':
		return l.number()
	case c == '`':
		end := strings.IndexByte(l.src[l.at+1:], '`')
		if end < 0 {
			l.at = len(l.src)
			return token{}, failAt("S0105", l.position16(l.at), "")
		}
		name := l.src[l.at+1 : l.at+1+end]
		l.at += end + 2
		return l.make("name", name, nil)
	}
	from := l.at
	for l.at < len(l.src) && !isBlank(l.src[l.at]) && !isOperator[l.src[l.at]] {
		l.at++
	}
	switch name := l.src[from:l.at]; name {
	case "or", "in", "and":
		return l.make("operator", name, nil)
	case "true", "false":
		return l.make("value", name, name == "true")
	case "null":
		return l.make("value", name, nil)
	default:
		if name[0] == '$' {
			return l.make("variable", name[1:], nil)
		}
		return l.make("name", name, nil)
	}
}

func (l *lexer) string(quote byte) (token, error) {
	l.at++
	from := l.at
	for i := from; i < len(l.src) && l.src[i] != '\\'; i++ {
		if l.src[i] == quote {
			l.at = i + 1
			return l.make("string", l.src[from:i], nil)
		}
	}
	var b []byte
	for l.at < len(l.src) {
		switch c := l.src[l.at]; c {
		case quote:
			l.at++
			return l.make("string", string(joinSurrogates(b)), nil)
		case '\\':
			l.at++
			if l.at >= len(l.src) {
				return token{}, failAt("S0103", l.position16(l.at), "")
			}
			c := l.src[l.at]
			if c == 'u' {
				code, ok := hex(l.src, l.at+1, 4)
				if !ok {
					return token{}, failAt("S0104", l.position16(l.at), "")
				}
				b = appendUTF16(b, code)
				l.at += 5
				continue
			}
			i := strings.IndexByte(`"\/bfnrt`, c)
			if i < 0 {
				_, size := utf8.DecodeRuneInString(l.src[l.at:])
				return token{}, failAt("S0103", l.position16(l.at), l.src[l.at:l.at+size])
			}
			b = append(b, "\"\\/\b\f\n\r\t"[i])
			l.at++
		default:
			b = append(b, c)
			l.at++
		}
	}
	return token{}, failAt("S0101", l.position16(l.at), "")
}

// hex reads n hexadecimal digits.
func hex(s string, at, n int) (rune, bool) {
	if at+n > len(s) {
		return 0, false
	}
	code := rune(0)
	for _, c := range []byte(s[at : at+n]) {
		digit := digitOf(c)
		if digit > 15 {
			return 0, false
		}
		code = code<<4 | rune(digit)
	}
	return code, true
}

// digitOf is what c stands for as a digit of a base up to 36, else 99.
func digitOf(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'Z':
		return int(c-'A') + 10
	}
	return 99
}

func (l *lexer) number() (token, error) {
	n := numberLength(l.src[l.at:])
	text := l.src[l.at : l.at+n]
	f, _ := strconv.ParseFloat(text, 64)
	if math.IsInf(f, 0) {
		return token{}, failAt("S0102", l.position16(l.at), text)
	}
	l.at += n
	return l.make("number", text, f)
}

// numberLength is how much of s is a JSON number, 0 if it does not begin with one.
func numberLength(s string) int {
	i := 0
	digits := func() int {
		from := i
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i - from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if digits() == 0 {
		return 0
	}
	end := i
	if i < len(s) && s[i] == '.' {
		i++
		if digits() > 0 {
			end = i
		}
	}
	i = end
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if digits() > 0 {
			end = i
		}
	}
	return end
}

// regex reads /pattern/flags. A / between brackets or behind a backslash is part of the pattern.
func (l *lexer) regex() (token, error) {
	l.at++
	from, depth, backslashes := l.at, 0, 0
	for ; l.at < len(l.src); l.at++ {
		switch c := l.src[l.at]; {
		case c == '\\':
			backslashes++
			continue
		case c == '/' && depth == 0 && backslashes%2 == 0:
			pattern := l.src[from:l.at]
			if pattern == "" {
				return token{}, failAt("S0301", l.position16(l.at), "")
			}
			l.at++
			flags := l.at
			for l.at < len(l.src) && (l.src[l.at] == 'i' || l.src[l.at] == 'm') {
				l.at++
			}
			return l.make("regex", pattern, l.src[flags:l.at])
		case backslashes > 0:
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		}
		backslashes = 0
	}
	return token{}, failAt("S0302", l.position16(l.at), "")
}
