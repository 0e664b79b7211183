package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is text with wildcards and policy variables.
type pattern []element

type element struct {
	kind       elementKind
	text       string // of a literal; a variable's default
	key        string // of a variable
	hasDefault bool
}

type elementKind uint8

const (
	literal  elementKind = iota
	one                  // ?
	many                 // *
	variable             // ${key} or ${key, 'default'}
)

// syntax says what is special in a pattern.
type syntax struct{ wildcards, variables bool }

// parse reads a pattern. The escapes ${*}, ${?} and ${$} are part of the syntax
// of variables.
func (x syntax) parse(s string) (pattern, error) {
	var p pattern
	plain := func(text string) {
		if last := len(p) - 1; last >= 0 && p[last].kind == literal {
			p[last].text += text
		} else if text != "" {
			p = append(p, element{kind: literal, text: text})
		}
	}
	for s != "" {
		i := strings.IndexAny(s, "*?$")
		if i < 0 {
			plain(s)
			break
		}
		plain(s[:i])
		s = s[i:]
		switch {
		case x.wildcards && s[0] == '*':
			if last := len(p) - 1; last < 0 || p[last].kind != many {
				p = append(p, element{kind: many})
			}
		case x.wildcards && s[0] == '?':
			p = append(p, element{kind: one})
		case x.variables && strings.HasPrefix(s, "${"):
			e, n, err := parseVariable(s)
			if err != nil {
				return nil, err
			}
			if e.kind == literal {
				plain(e.text)
			} else {
				p = append(p, e)
			}
			s = s[n:]
			continue
		default:
			plain(s[:1])
		}
		s = s[1:]
	}
	return p, nil
}

// parseVariable reads the variable at the start of s and tells how long it is.
func parseVariable(s string) (element, int, error) {
	flaw := func(why string) (element, int, error) {
		return element{}, 0, fmt.Errorf("policy variable %.80q %s", s, why)
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return flaw("has no closing brace")
	}
	name, rest, hasDefault := strings.Cut(s[2:end], ",")
	if !hasDefault {
		switch name {
		case "*", "?", "$":
			return element{kind: literal, text: name}, end + 1, nil
		}
	}
	if !strings.Contains(name, ":") || strings.ContainsAny(name, "*?${'") || strings.TrimSpace(name) != name {
		return flaw("does not name a condition key")
	}
	e := element{kind: variable, key: name, hasDefault: hasDefault}
	if !hasDefault {
		return e, end + 1, nil
	}
	// The default may hold any character but the quote, the brace as well.
	quoted := strings.TrimLeft(s[end-len(rest):], " ")
	if !strings.HasPrefix(quoted, "'") {
		return flaw("has a default without quotes")
	}
	text, after, closed := strings.Cut(quoted[1:], "'")
	after = strings.TrimLeft(after, " ")
	if !closed || !strings.HasPrefix(after, "}") {
		return flaw("has a default that does not end with a quote and a brace")
	}
	e.text = text
	return e, len(s) - len(after) + 1, nil
}

// match tells whether all of s fits. With fold, case does not matter.
func (p pattern) match(s string, c Context, fold bool) bool {
	if len(p) == 1 && p[0].kind == literal && !fold { // most patterns
		return s == p[0].text
	}
	var buffer [8]element
	p, ok := p.filled(buffer[:0], c)
	if !ok {
		return false
	}
	var (
		at, next = 0, 0 // in s and in p
		star     = -1   // the last * passed,
		from     = 0    // and where what follows it was tried
	)
	for {
		switch {
		case next == len(p):
			if at == len(s) {
				return true
			}
		case p[next].kind == many:
			if next == len(p)-1 {
				return true
			}
			star, from = next, at
			next++
			continue
		default:
			if n, ok := p[next].take(s[at:], fold); ok {
				at += n
				next++
				continue
			}
		}
		// Later stars can make up for whatever an earlier one takes, so only the
		// last one has to be tried again.
		if star < 0 || from >= len(s) {
			return false
		}
		_, width := utf8.DecodeRuneInString(s[from:])
		from += width
		at, next = from, star+1
	}
}

// filled is the pattern with its variables' values in their places; buffer is for
// it. A pattern with a variable that has no value fits nothing, not even the empty
// string: then ok is false.
func (p pattern) filled(buffer pattern, c Context) (_ pattern, ok bool) {
	if !slices.ContainsFunc(p, func(e element) bool { return e.kind == variable }) {
		return p, true
	}
	for _, e := range p {
		if e.kind == variable {
			value, known := c.single(e.key)
			if !known && !e.hasDefault {
				return nil, false
			}
			if known {
				e.text = value
			}
			e.kind = literal
		}
		buffer = append(buffer, e)
	}
	return buffer, true
}

// take tells how much of the start of s the element takes.
func (e *element) take(s string, fold bool) (int, bool) {
	if e.kind == one {
		_, width := utf8.DecodeRuneInString(s)
		return width, width > 0
	}
	if fold {
		return foldPrefix(s, e.text)
	}
	return len(e.text), strings.HasPrefix(s, e.text)
}

// foldPrefix gives the length of the start of s that equals text but for case.
func foldPrefix(s, text string) (int, bool) {
	if strings.HasPrefix(s, text) {
		return len(text), true
	}
	n := 0
	for i := 0; i < len(text); {
		if n == len(s) {
			return 0, false
		}
		if a, b := s[n], text[i]; a < utf8.RuneSelf && b < utf8.RuneSelf && lower(a) == lower(b) {
			n++
			i++
			continue
		}
		got, gotWidth := utf8.DecodeRuneInString(s[n:])
		want, wantWidth := utf8.DecodeRuneInString(text[i:])
		if !sameFold(got, want) {
			return 0, false
		}
		n += gotWidth
		i += wantWidth
	}
	return n, true
}

// sameFold tells whether two characters differ at most in case.
func sameFold(a, b rune) bool {
	if a == b {
		return true
	}
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return lower(byte(a)) == lower(byte(b))
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}
