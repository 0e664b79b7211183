// Package reply knows what the services answer that Task states call: so far as to tell
// whether a mocked answer could be one (Step Functions API Reference, MockInput).
//
// Known are the actions of most optimised integrations, and all actions of some services
// through the AWS SDK; see extract.py. Any answer will do for others, for jobs other than
// executions, and for tasks that wait for a token. Members that a shape does not have are
// allowed, patterns of texts and lengths of lists are not looked at.
package reply

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"heddle/jsonvalue"
)

// Check tells what is wrong with an answer; "": nothing, or the action is not known.
// Service and action are those of the ARN, action with its pattern: "aws-sdk:s3" and
// "getObject", "states" and "startExecution.sync". A strict check wants all members that
// the shape says are always there.
func Check(service, action string, answer any, strict bool) string {
	s := known().services[service]
	if s == nil {
		return ""
	}
	shape, ok := s.actions[action]
	if !ok {
		return ""
	}
	if _, ok := answer.(*jsonvalue.Object); !ok {
		return "Result must be an object"
	}
	c := checker{s.shapes, strict}
	return c.check("", shape, answer)
}

// A service is what shapes.txt has of one.
type service struct {
	actions map[string]string // names of shapes
	shapes  map[string]*shape
}

// shape is a structure, or an enumeration. Other types are notations:
//
//	s s1,64 s,64   a text, of so many characters
//	n n128,10240   a number, with its bounds
//	b              true or false
//	*              anything
//	[T             a list of T
//	{T             an object whose members are T
//	NAME           a shape
type shape struct {
	values  []string // of an enumeration
	members map[string]string
	needed  []string
}

type table struct{ services map[string]*service }

//go:embed shapes.txt
var shapesText string

var known = sync.OnceValue(func() *table { return parse(shapesText) })

// parse reads the table. Its lines are "service NAME", "action NAME SHAPE", and
// "SHAPE = VALUE…" or "SHAPE { MEMBER:TYPE MEMBER!:TYPE…", where ! is of what is always
// there.
func parse(text string) *table {
	t := &table{map[string]*service{}}
	var s *service
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "service":
			s = &service{map[string]string{}, map[string]*shape{}}
			t.services[words[1]] = s
		case words[0] == "action":
			s.actions[words[1]] = words[2]
		case words[1] == "=":
			s.shapes[words[0]] = &shape{values: words[2:]}
		default:
			of := &shape{members: make(map[string]string, len(words)-2)}
			for _, member := range words[2:] {
				name, notation, _ := strings.Cut(member, ":")
				name, needed := strings.CutSuffix(name, "!")
				if needed {
					of.needed = append(of.needed, name)
				}
				of.members[name] = notation
			}
			s.shapes[words[0]] = of
		}
	}
	return t
}

type checker struct {
	shapes map[string]*shape
	strict bool
}

// check tells what is wrong with the value of a field.
func (c *checker) check(field, notation string, v any) string {
	if v == nil {
		return "" // as if it were not there
	}
	switch kind, rest := notation[0], notation[1:]; kind {
	case '*':
		return ""
	case 's':
		s, ok := v.(string)
		if !ok {
			return mustBe(field, "a string")
		}
		return within(field, rest, float64(utf8.RuneCountInString(s)), "is smaller than the minimum length", "exceeds the maximum length")
	case 'n':
		n, ok := jsonvalue.Float(v)
		if !ok {
			return mustBe(field, "a number")
		}
		return within(field, rest, n, "is less than the minimum value", "exceeds the maximum value")
	case 'b':
		if _, ok := v.(bool); !ok {
			return mustBe(field, "a boolean")
		}
	case '[':
		list, ok := v.([]any)
		if !ok {
			return mustBe(field, "an array")
		}
		for _, item := range list {
			if wrong := c.check(field, rest, item); wrong != "" {
				return wrong
			}
		}
	case '{':
		o, ok := v.(*jsonvalue.Object)
		if !ok {
			return mustBe(field, "an object")
		}
		for _, item := range o.All() {
			if wrong := c.check(field, rest, item); wrong != "" {
				return wrong
			}
		}
	default:
		return c.shape(field, c.shapes[notation], v)
	}
	return ""
}

func (c *checker) shape(field string, of *shape, v any) string {
	if of.values != nil {
		s, ok := v.(string)
		switch {
		case !ok:
			return mustBe(field, "a string")
		case !slices.Contains(of.values, s):
			return fmt.Sprintf("Field '%s' is not an expected value", field)
		}
		return ""
	}
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return mustBe(field, "an object")
	}
	if c.strict {
		for _, name := range of.needed {
			if v, _ := o.Get(name); v == nil {
				return fmt.Sprintf("Required field '%s' is missing", name)
			}
		}
	}
	for name, v := range o.All() {
		if notation, known := of.members[name]; known {
			if wrong := c.check(name, notation, v); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

func mustBe(field, what string) string { return fmt.Sprintf("Field '%s' must be %s", field, what) }

// within compares with bounds: "least,most", of which either may be empty.
func within(field, bounds string, n float64, less, more string) string {
	if bounds == "" {
		return ""
	}
	least, most, _ := strings.Cut(bounds, ",")
	if f, err := strconv.ParseFloat(least, 64); err == nil && n < f {
		return fmt.Sprintf("Field '%s' %s", field, less)
	}
	if f, err := strconv.ParseFloat(most, 64); err == nil && n > f {
		return fmt.Sprintf("Field '%s' %s", field, more)
	}
	return ""
}
