package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parse reads a path. Text that begins with neither $ nor @ is taken as if $. stood
// before it. An error is an *Error of kind Syntax.
func Parse(text string) (*Path, error) { return parse(text, 0) }

func parse(text string, nesting int) (*Path, error) {
	s := strings.Trim(text, " \t\r\n")
	if s == "" {
		return nil, fail("json can not be null or empty")
	}
	if s[0] != '$' && s[0] != '@' {
		s = "$." + s
	}
	if strings.HasSuffix(s, ".") {
		return nil, fail("Path must not end with a '.' or '..'")
	}
	if nesting > nestingMax {
		return nil, fail("Path is nested too deeply")
	}
	p := &parser{text: s, nesting: nesting, path: &Path{text: text, root: s[0]}}
	if err := p.steps(); err != nil {
		return nil, err
	}
	return p.finish(), nil
}

func fail(format string, args ...any) error { return &Error{Syntax, fmt.Sprintf(format, args...)} }

type parser struct {
	text    string
	at      int
	nesting int
	path    *Path
}

func (p *parser) steps() error {
	p.at = 1
	if p.at < len(p.text) && p.text[p.at] != '.' && p.text[p.at] != '[' {
		return fail("Illegal character at position %d expected '.' or '['", p.at)
	}
	for p.at < len(p.text) {
		if len(p.path.steps) >= stepsMax {
			return fail("Path has more than %d steps", stepsMax)
		}
		if err := p.step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) add(s step) { p.path.steps = append(p.path.steps, s) }

// step reads the next step, and a dot before it.
func (p *parser) step() error {
	if p.text[p.at] == '.' {
		p.at++
		if p.peek() == '.' {
			p.add(step{kind: scan})
			p.at++
		}
		if p.peek() == '.' {
			return fail("Character '.' on position %d is not valid.", p.at)
		}
	}
	switch p.peek() {
	case '[':
		return p.bracket()
	case '*':
		p.at++
		p.add(step{kind: wildcard})
		return nil
	}
	return p.property()
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// blanks skips spaces from i.
func (p *parser) blanks(i int) int {
	for i < len(p.text) && p.text[i] == ' ' {
		i++
	}
	return i
}

func (p *parser) property() error {
	begin := p.at
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ':
			if p.at == begin {
				return fail("Could not parse token starting at position %d", begin)
			}
			return fail("Use bracket notion ['my prop'] if your property contains blank characters. position: %d", begin)
		case '(':
			if p.at == begin {
				goto named
			}
			return p.function(p.text[begin:p.at])
		case '.', '[':
			goto named
		}
		p.at++
	}
named:
	if p.at == begin {
		return fail("Could not parse token starting at position %d", begin)
	}
	p.add(step{kind: child, quote: '\'', names: []string{p.text[begin:p.at]}})
	return nil
}

func (p *parser) bracket() error {
	next := p.blanks(p.at + 1)
	c := byte(0)
	if next < len(p.text) {
		c = p.text[next]
	}
	switch {
	case c == '\'' || c == '"':
		return p.names(c)
	case c >= '0' && c <= '9' || c == '-' || c == ':':
		return p.indexes()
	case c == '*':
		end := p.blanks(next + 1)
		if end >= len(p.text) || p.text[end] != ']' {
			return fail("Expected wildcard token to end with ']' on position %d", next+1)
		}
		p.at = end + 1
		p.add(step{kind: wildcard})
		return nil
	case c == '?':
		open := p.blanks(next + 1)
		if open < len(p.text) && p.text[open] == '(' {
			return p.filter(open)
		}
		if open < len(p.text) && (p.text[open] == ']' || p.text[open] == ',') {
			return fail("Not enough predicates supplied for filter [?] at position %d", p.at)
		}
	}
	return fail("Could not parse token starting at position %d. Expected ?, ', 0-9, * ", p.at)
}

// names reads ['a','b'].
func (p *parser) names(quote byte) error {
	s := step{kind: child, quote: quote}
	for i := p.at + 1; ; {
		i = p.blanks(i)
		if i >= len(p.text) || p.text[i] != quote {
			if i < len(p.text) && (p.text[i] == ',' || p.text[i] == ']') {
				return fail("Found empty property at index %d", i)
			}
			return fail("Property has not been closed - missing closing ]")
		}
		name, end := quoted(p.text, i)
		if end < 0 {
			return fail("Property has not been closed - missing closing %c", quote)
		}
		s.names = append(s.names, name)
		i = p.blanks(end)
		switch {
		case i >= len(p.text):
			return fail("Property has not been closed - missing closing ]")
		case p.text[i] == ']':
			p.at = i + 1
			p.add(s)
			return nil
		case p.text[i] != ',':
			return fail("Property must be separated by comma or Property must be terminated close square bracket at index %d", end-1)
		}
		i++
	}
}

// quoted reads the text in quotes at text[i], and gives where it ends; -1 if nowhere.
func quoted(text string, i int) (string, int) {
	quote := text[i]
	i++
	end := strings.IndexByte(text[i:], quote)
	if end >= 0 && strings.IndexByte(text[i:i+end], '\\') < 0 {
		return text[i : i+end], i + end + 1
	}
	var b []byte
	for i < len(text) {
		c := text[i]
		i++
		switch {
		case c == quote:
			return string(b), i
		case c != '\\':
			b = append(b, c)
			continue
		case i == len(text):
			return "", -1
		}
		c = text[i]
		i++
		switch c {
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
			r, ok := hex4(text, i)
			if !ok {
				return "", -1
			}
			i += 4
			if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(text[i:], `\u`) {
				if low, ok := hex4(text, i+2); ok && low >= 0xdc00 && low < 0xe000 {
					r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
					i += 6
				}
			}
			if r >= 0xd800 && r < 0xe000 { // half a character alone stands as jsonvalue has it
				b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
			} else {
				b = utf8.AppendRune(b, r)
			}
		default:
			b = append(b, c)
		}
	}
	return "", -1
}

func hex4(text string, i int) (rune, bool) {
	if i+4 > len(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(text[i:i+4], 16, 16)
	return rune(n), err == nil
}

// indexes reads [0], [0,2] and [1:3].
func (p *parser) indexes() error {
	n := strings.IndexByte(p.text[p.at:], ']')
	if n < 0 {
		return fail("Could not parse token starting at position %d. Expected ?, ', 0-9, * ", p.at)
	}
	text := strings.Trim(p.text[p.at+1:p.at+n], " ")
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && c != ',' && c != '-' && c != ':' && c != ' ' {
			return fail("Could not parse token starting at position %d. Expected ?, ', 0-9, * ", p.at)
		}
	}
	p.at += n + 1
	if strings.IndexByte(text, ':') >= 0 {
		return p.slice(text)
	}
	s := step{kind: index}
	for item := range strings.SplitSeq(strings.TrimRight(text, ", "), ",") {
		i, err := strconv.ParseInt(strings.Trim(item, " "), 10, 32)
		if err != nil {
			return fail("Failed to parse token in ArrayIndexOperation: %s", item)
		}
		s.indexes = append(s.indexes, int(i))
	}
	p.add(s)
	return nil
}

func (p *parser) slice(text string) error {
	s := step{kind: slice}
	parts := strings.Split(text, ":") // a third part is not looked at
	for i, end := range []**int{&s.from, &s.to} {
		if parts[i] == "" {
			continue
		}
		n, err := strconv.ParseInt(parts[i], 10, 32)
		if err != nil {
			return fail("Failed to parse SliceOperation: %s", text)
		}
		*end = new(int)
		**end = int(n)
	}
	if s.from == nil && s.to == nil {
		return fail("Failed to parse SliceOperation: %s", text)
	}
	p.add(s)
	return nil
}

// finish works out what is asked of a path again and again.
func (p *parser) finish() *Path {
	path := p.path
	path.definite, path.single = true, true
	for i := range path.steps {
		s := &path.steps[i]
		switch s.kind {
		case child:
			s.definite = len(s.names) == 1 || i == len(path.steps)-1
			path.single = path.single && len(s.names) == 1
			path.overlap = path.overlap || len(s.names) > 1
		case index:
			s.definite = len(s.indexes) == 1
			path.single = path.single && s.definite && s.indexes[0] >= 0
			path.overlap = path.overlap || !s.definite
		case function:
			s.definite = true
			path.functions, path.single = true, false
			path.overlap = path.overlap || len(s.call.args) > 0
		case scan:
			path.overlap = true
			fallthrough
		default:
			path.single = false
			if s.kind == filter && s.accept.hasFunctions() {
				path.functions = true
			}
			if s.kind == slice && s.from != nil && *s.from < 0 && s.to != nil {
				path.overlap = true
			}
		}
		path.definite = path.definite && s.definite
	}
	path.invert()
	return path
}

// invert makes a function behind a scan one of all that is found: $..a.length() is
// the number of values, not the length of each.
func (p *Path) invert() {
	last := len(p.steps) - 1
	if last < 0 || p.steps[last].kind != function {
		return
	}
	for i := range p.steps {
		if p.steps[i].kind == scan {
			found := &Path{root: p.root, steps: p.steps[:last:last], text: p.text, overlap: true}
			p.steps[last].call.of = found
			p.steps = p.steps[last:]
			p.definite = true
			return
		}
	}
}
