package shape

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Place is where in a request a value stands. Places form a list on the stack;
// nothing is written unless there is something to complain about.
type Place struct {
	parent *Place
	member string
	index  int // from 1 for an element of a list; inMap; else 0
	hidden bool
}

// Member is the place of a member in the structure at p; nil is the whole request.
func (p *Place) Member(name string) Place { return Place{parent: p, member: name} }

// Element is the place of an element of the list that is a member, counted from 1. For a
// list in a list the name is empty.
func (p *Place) Element(name string, index int) Place {
	return Place{parent: p, member: name, index: index}
}

// Hidden is the place of a value that messages must not show.
func (p Place) Hidden() Place {
	p.hidden = true
	return p
}

// Entry is the place of a value in the map that is a member.
func (p *Place) Entry(name, key string) Place {
	return Place{parent: p, member: name + "." + key, index: inMap}
}

const inMap = -1

func (p *Place) String() string { return string(p.append(nil)) }

func (p *Place) append(b []byte) []byte {
	if p.parent != nil {
		b = p.parent.append(b)
	}
	if p.member != "" {
		if p.parent != nil {
			b = append(b, '.')
		}
		b = append(b, p.member...)
	}
	switch {
	case p.index > 0:
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(p.index), 10)
		b = append(b, ".member"...)
	case p.index == inMap:
		b = append(b, ".member"...)
	}
	return b
}

// Violations collects what is wrong with one request: all broken constraints of
// the model, and the first broken rule of the service.
type Violations struct {
	count       int
	constraints []byte
	rule        string
}

// Err is the error for the caller. The service looks at its own rules only when
// the constraints hold, and there at first before any other; but before all it
// looks at what it says even of a request that breaks constraints.
func (c *Violations) Err(beforeAll, first string) error {
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

// Add notes a broken constraint: what the value must do.
func (c *Violations) Add(at Place, value, constraint string) {
	c.count++
	if c.count > listedMax {
		return
	}
	if c.count > 1 {
		c.constraints = append(c.constraints, "; "...)
	}
	c.constraints = append(c.constraints, "Value "...)
	if !at.hidden {
		c.constraints = append(c.constraints, value...)
		c.constraints = append(c.constraints, ' ')
	}
	c.constraints = append(c.constraints, "at '"...)
	c.constraints = at.append(c.constraints)
	c.constraints = append(c.constraints, "' failed to satisfy constraint: Member must "...)
	c.constraints = append(c.constraints, constraint...)
}

// Null complains about a required value that is not there.
func (c *Violations) Null(at Place) { c.Add(at, "null", "not be null") }

// Length counts characters, not bytes.
func (c *Violations) Length(at Place, s string, lowest, highest int) {
	switch {
	case len(s) < lowest:
		c.Add(at, "'"+s+"'", "have length greater than or equal to "+strconv.Itoa(lowest))
	case len(s) > highest && utf8.RuneCountInString(s) > highest:
		c.Add(at, "'"+s+"'", "have length less than or equal to "+strconv.Itoa(highest))
	}
}

// Integer complains about a number out of its bounds.
func (c *Violations) Integer(at Place, n, lowest, highest int64) {
	switch {
	case n < lowest:
		c.Add(at, "'"+strconv.FormatInt(n, 10)+"'", "have value greater than or equal to "+strconv.FormatInt(lowest, 10))
	case n > highest:
		c.Add(at, "'"+strconv.FormatInt(n, 10)+"'", "have value less than or equal to "+strconv.FormatInt(highest, 10))
	}
}

// Enum complains about a text that is none of the values.
func (c *Violations) Enum(at Place, s string, values []string) {
	if !slices.Contains(values, s) {
		c.Add(at, "'"+s+"'", "satisfy enum value set: "+bracketed(values))
	}
}

// List complains about a list of strings that is too short or too long.
func (c *Violations) List(at Place, list []string, lowest, highest int) {
	if len(list) < lowest || len(list) > highest {
		c.size(at, "'"+bracketed(list)+"'", len(list), lowest, highest)
	}
}

// Count complains about a list or a map that has too few or too many elements.
func (c *Violations) Count(at Place, n, lowest, highest int) {
	if n < lowest || n > highest {
		c.size(at, "'["+strconv.Itoa(n)+" elements]'", n, lowest, highest)
	}
}

// Structures complains about a list of structures that is too short or too long, and
// shows them.
func Structures[T any, P interface {
	*T
	fmt.Stringer
}](c *Violations, at Place, list []T, lowest, highest int) {
	if n := len(list); n < lowest || n > highest {
		texts := make([]string, 0, min(n, listedMax))
		for i := range list[:min(n, listedMax)] {
			texts = append(texts, P(&list[i]).String())
		}
		c.size(at, "'"+bracketed(texts)+"'", n, lowest, highest)
	}
}

// Printed shows a structure as messages do: Name(member=value, …). Members are a name,
// whether there is a value, and the value.
func Printed(name string, members ...any) string {
	b := append([]byte(name), '(')
	for i := 0; i < len(members); i += 3 {
		if i > 0 {
			b = append(b, ", "...)
		}
		value := members[i+2]
		if !members[i+1].(bool) {
			value = "null"
		}
		b = fmt.Appendf(b, "%s=%v", members[i], value)
	}
	return string(append(b, ')'))
}

// Blob complains about bytes that are too few or too many.
func (c *Violations) Blob(at Place, b []byte, lowest, highest int) {
	if n := len(b); n < lowest || n > highest {
		size := strconv.Itoa(n)
		c.size(at, "'java.nio.HeapByteBuffer[pos=0 lim="+size+" cap="+size+"]'", n, lowest, highest)
	}
}

func (c *Violations) size(at Place, value string, n, lowest, highest int) {
	if n < lowest {
		c.Add(at, value, "have length greater than or equal to "+strconv.Itoa(lowest))
	} else {
		c.Add(at, value, "have length less than or equal to "+strconv.Itoa(highest))
	}
}

// Float complains about a number out of its bounds.
func (c *Violations) Float(at Place, f, lowest, highest float64) {
	text := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case !(f >= lowest): // nor may it be no number
		c.Add(at, "'"+text(f)+"'", "have value greater than or equal to "+text(lowest))
	case f > highest:
		c.Add(at, "'"+text(f)+"'", "have value less than or equal to "+text(highest))
	}
}

// Pattern complains about a text that does not match; wanted is the pattern in the
// model's words.
func (c *Violations) Pattern(at Place, s string, pattern *regexp.Regexp, wanted string) {
	if !pattern.MatchString(s) {
		c.Add(at, "'"+s+"'", "satisfy regular expression pattern: "+wanted)
	}
}

// Refuse notes that a value breaks a rule of the service. Only the first is told.
func (c *Violations) Refuse(at Place, value, why string) {
	if c.rule == "" {
		c.rule = "Value '" + value + "' at '" + at.String() + "' is invalid: " + why
	}
}

// Say notes that a rule of the service is broken, in words of its own. Only the first is
// told.
func (c *Violations) Say(flaw string) {
	if c.rule == "" {
		c.rule = flaw
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
