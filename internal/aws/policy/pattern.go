package policy

import (
	"fmt"
	"slices"
	"strings"
)

// pattern is text with wildcards and policy variables.
type pattern []element

type element struct {
	text     string  // of a literal; a variable's key
	fallback *string // a variable's default
	kind     elementKind
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
	return slices.Clone(p), nil
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
	e := element{kind: variable, text: name}
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
	e.fallback = &text
	return e, len(s) - len(after) + 1, nil
}
