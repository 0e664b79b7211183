package policy

import (
	"slices"
	"strings"

	"heddle/internal/aws/arn"
)

// resourcePattern is a pattern of ARNs. Each of the six parts is matched by
// itself, so a wildcard never reaches over the colon that ends its part; in the
// last part, which may hold colons, it takes them as any other character. A
// pattern with fewer parts ends with *, and that takes whatever follows.
type resourcePattern struct {
	parts []pattern // none: * fits everything
}

// parseResource reads a pattern; ok is false if it cannot be one of ARNs.
func (x syntax) parseResource(s string) (p resourcePattern, ok bool, err error) {
	whole, err := x.parse(s)
	if err != nil {
		return p, false, err
	}
	if len(whole) == 1 && whole[0].kind == many {
		return p, true, nil
	}
	p.parts = whole.cut(6)
	if len(p.parts) == 1 && len(whole) > 0 && whole[0].kind == variable {
		return p, true, nil // its value is the whole ARN
	}
	if name, is := p.parts[0].literal(); !is || name != "arn" {
		return p, false, nil
	}
	last := p.parts[len(p.parts)-1]
	if len(last) == 0 || len(p.parts) < 6 && last[len(last)-1].kind != many {
		return p, false, nil
	}
	return p, true, nil
}

// cut splits a pattern at the first colons outside variables, into at most max
// parts.
func (p pattern) cut(max int) []pattern {
	parts := []pattern{nil}
	add := func(e element) {
		last := len(parts) - 1
		parts[last] = append(parts[last], e)
	}
	for _, e := range p {
		if e.kind != literal {
			add(e)
			continue
		}
		for i, text := range strings.SplitN(e.text, ":", max-len(parts)+1) {
			if i > 0 {
				parts = append(parts, nil)
			}
			if text != "" {
				add(element{kind: literal, text: text})
			}
		}
	}
	for i := range parts {
		parts[i] = slices.Clone(parts[i])
	}
	return slices.Clone(parts)
}

// literal gives the text of a pattern that has nothing special in it.
func (p pattern) literal() (string, bool) {
	switch {
	case len(p) == 0:
		return "", true
	case len(p) == 1 && p[0].kind == literal:
		return p[0].text, true
	}
	return "", false
}

// name is an ARN in its parts, or something else.
type name struct {
	text  string
	parts [6]string
	isARN bool
}

func nameOf(s string) name {
	n := name{text: s}
	n.parts, n.isARN = arn.Cut(s)
	return n
}

// from gives the name from its part i to the end.
func (n *name) from(i int) string {
	start := 0
	for _, part := range n.parts[:i] {
		start += len(part) + 1
	}
	return n.text[start:]
}

// match tells whether the pattern fits a name.
func (p *resourcePattern) match(n *name, q *query) bool {
	q.steps++
	if len(p.parts) == 0 {
		return true
	}
	if !n.isARN {
		return false
	}
	last := len(p.parts) - 1
	for i, part := range p.parts[:last] {
		if !part.match(n.parts[i], q, false) {
			return false
		}
	}
	return p.parts[last].match(n.from(last), q, false)
}
