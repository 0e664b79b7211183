package wire

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// place is where in a request a value stands. Places form a list on the stack;
// nothing is written unless there is something to complain about.
type place struct {
	parent *place
	member string
	index  int // from 1 for an element of a list, else 0
}

func (p *place) append(b []byte) []byte {
	if p.parent != nil {
		b = p.parent.append(b)
		b = append(b, '.')
	}
	b = append(b, p.member...)
	if p.index > 0 {
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(p.index), 10)
		b = append(b, ".member"...)
	}
	return b
}

// violations collects what is wrong with one request: all broken constraints of
// the model, and the first broken rule of the service.
type violations struct {
	count       int
	constraints []byte
	rule        string
}

// err is the error for the caller. The service looks at its own rules only when
// the constraints hold, and there at first before any other; but before all it
// looks at what it says even of a request that breaks constraints.
func (c *violations) err(beforeAll, first string) error {
	switch {
	case beforeAll != "":
		return errors.New(beforeAll)
	case c.count == 1:
		return errors.New("1 validation error detected: " + string(c.constraints))
	case c.count > 1:
		return errors.New(strconv.Itoa(c.count) + " validation errors detected: " + string(c.constraints))
	case first != "":
		return errors.New(first)
	case c.rule != "":
		return errors.New(c.rule)
	}
	return nil
}

// listedMax is how many violations a message lists; it counts all.
const listedMax = 100

func (c *violations) add(at place, value, constraint string) {
	c.count++
	if c.count > listedMax {
		return
	}
	if c.count > 1 {
		c.constraints = append(c.constraints, "; "...)
	}
	c.constraints = append(c.constraints, "Value "...)
	c.constraints = append(c.constraints, value...)
	c.constraints = append(c.constraints, " at '"...)
	c.constraints = at.append(c.constraints)
	c.constraints = append(c.constraints, "' failed to satisfy constraint: Member must "...)
	c.constraints = append(c.constraints, constraint...)
}

func (c *violations) null(at place) { c.add(at, "null", "not be null") }

// length counts characters, not bytes.
func (c *violations) length(at place, s string, lowest, highest int) {
	switch {
	case len(s) < lowest:
		c.add(at, "'"+s+"'", "have length greater than or equal to "+strconv.Itoa(lowest))
	case len(s) > highest && utf8.RuneCountInString(s) > highest:
		c.add(at, "'"+s+"'", "have length less than or equal to "+strconv.Itoa(highest))
	}
}

func (c *violations) integer(at place, n, lowest, highest int64) {
	switch {
	case n < lowest:
		c.add(at, "'"+strconv.FormatInt(n, 10)+"'", "have value greater than or equal to "+strconv.FormatInt(lowest, 10))
	case n > highest:
		c.add(at, "'"+strconv.FormatInt(n, 10)+"'", "have value less than or equal to "+strconv.FormatInt(highest, 10))
	}
}

func (c *violations) enum(at place, s string, values []string) {
	if !slices.Contains(values, s) {
		c.add(at, "'"+s+"'", "satisfy enum value set: "+bracketed(values))
	}
}

func (c *violations) list(at place, list []string, highest int) {
	if len(list) > highest {
		c.add(at, "'"+bracketed(list)+"'", "have length less than or equal to "+strconv.Itoa(highest))
	}
}

func bracketed(list []string) string {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		if s == Null {
			s = "null"
		}
		b = append(b, s...)
	}
	return string(append(b, ']'))
}
