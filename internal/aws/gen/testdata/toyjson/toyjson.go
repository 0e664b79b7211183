// Package toyjson is the toy model in the JSON protocol, for the generator's tests.
package toyjson

import (
	"strings"

	"heddle/internal/aws/shape"
)

func checkPart(c *shape.Violations, at shape.Place, p *Part) {
	if p.Name == "bomb" {
		c.Refuse(at.Member("name"), p.Name, "must not be dangerous")
	}
}

func checkText(c *shape.Violations, at shape.Place, s string) {
	if s == "bad" {
		c.Refuse(at, s, "must not be bad")
	}
}

func checkPath(c *shape.Violations, at shape.Place, s string) {
	if !strings.HasPrefix(s, "/") {
		c.Refuse(at, s, "must begin with a slash")
	}
}

func (v *BreakToyInput) beforeAll() string {
	if v.Path == "everything" {
		return "Not everything"
	}
	return ""
}

func (v *BreakToyInput) first() string {
	if v.Path == "all" {
		return "Not all"
	}
	return ""
}
