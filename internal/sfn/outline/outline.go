// Package outline reads definitions of state machines as far as they tell what leads to what,
// and why, for those who draw them. It checks nothing: what it can't make sense of is left out.
// It is pure.
//
// Source: Amazon States Language (states-language.net).
package outline

import (
	"fmt"
	"strings"

	"github.com/go-faster/jx"
)

// Flow is states that follow each other: those of a machine, a branch, or an iteration.
type Flow struct {
	Start  string
	States []*State // as the definition orders them
}

// State is a state.
type State struct {
	Name, Type  string
	Comment     string
	Resource    string // of Task
	Leads       []Lead
	Ends        bool    // it may be the last one
	Inside      []*Flow // branches of Parallel, what Map does for each item
	Distributed bool    // of Map: what it does for items are executions of their own
	Label       string  // of such a Map
	Text        string  // of the state in the definition
}

// Kind is why a state leads to another one.
type Kind string

// Values of Kind.
const (
	Next    Kind = "next"
	Choice  Kind = "choice"
	Default Kind = "default"
	Catch   Kind = "catch"
)

// Lead is where a state leads to.
type Lead struct {
	To   string
	Kind Kind
	Why  string // of Choice a condition, of Catch errors
}

// Read reads a definition.
func Read(definition string) (*Flow, error) {
	f, err := flow(jx.DecodeStr(definition))
	if err != nil {
		return nil, fmt.Errorf("read a definition: %w", err)
	}
	return f, nil
}

// object reads the members of an object; of what is none, nothing.
func object(d *jx.Decoder, member func(d *jx.Decoder, key string) error) error {
	if d.Next() != jx.Object {
		return d.Skip()
	}
	return d.Obj(member)
}

func list(d *jx.Decoder, element func(d *jx.Decoder) error) error {
	if d.Next() != jx.Array {
		return d.Skip()
	}
	return d.Arr(element)
}

func text(d *jx.Decoder, to *string) (err error) {
	if d.Next() != jx.String {
		return d.Skip()
	}
	*to, err = d.Str()
	return err
}

func flow(d *jx.Decoder) (*Flow, error) {
	f := &Flow{}
	err := object(d, func(d *jx.Decoder, key string) error {
		switch key {
		case "StartAt":
			return text(d, &f.Start)
		case "States":
			return object(d, func(d *jx.Decoder, name string) error {
				raw, err := d.Raw()
				if err != nil {
					return err
				}
				s := &State{Name: name, Text: string(raw)}
				f.States = append(f.States, s)
				return s.read(raw)
			})
		}
		return d.Skip()
	})
	return f, err
}

func (s *State) read(raw []byte) error {
	next, otherwise := "", ""
	var choices, catches []Lead
	err := object(jx.DecodeBytes(raw), func(d *jx.Decoder, key string) error {
		switch key {
		case "Type":
			return text(d, &s.Type)
		case "Comment":
			return text(d, &s.Comment)
		case "Label":
			return text(d, &s.Label)
		case "Resource":
			return text(d, &s.Resource)
		case "Next":
			return text(d, &next)
		case "Default":
			return text(d, &otherwise)
		case "End":
			if d.Next() != jx.Bool {
				return d.Skip()
			}
			var err error
			s.Ends, err = d.Bool()
			return err
		case "Choices":
			return list(d, func(d *jx.Decoder) error {
				raw, err := d.Raw()
				if err != nil {
					return err
				}
				l := Lead{Kind: Choice, Why: condition(raw)}
				choices = append(choices, l)
				return object(jx.DecodeBytes(raw), func(d *jx.Decoder, key string) error {
					if key == "Next" {
						return text(d, &choices[len(choices)-1].To)
					}
					return d.Skip()
				})
			})
		case "Catch":
			return list(d, func(d *jx.Decoder) error {
				l := Lead{Kind: Catch}
				var errors []string
				err := object(d, func(d *jx.Decoder, key string) error {
					switch key {
					case "Next":
						return text(d, &l.To)
					case "ErrorEquals":
						return list(d, func(d *jx.Decoder) error {
							errors = append(errors, "")
							return text(d, &errors[len(errors)-1])
						})
					}
					return d.Skip()
				})
				l.Why = strings.Join(errors, ", ")
				catches = append(catches, l)
				return err
			})
		case "Branches":
			return list(d, s.inside)
		case "Iterator", "ItemProcessor":
			raw, err := d.Raw()
			if err == nil {
				err = s.inside(jx.DecodeBytes(raw))
			}
			if err == nil {
				s.Distributed, err = isDistributed(raw)
			}
			return err
		}
		return d.Skip()
	})
	if next != "" {
		s.Leads = append(s.Leads, Lead{To: next, Kind: Next})
	}
	s.Leads = append(s.Leads, choices...)
	if otherwise != "" {
		s.Leads = append(s.Leads, Lead{To: otherwise, Kind: Default})
	}
	s.Leads = append(s.Leads, catches...)
	s.Ends = s.Ends || s.Type == "Succeed" || s.Type == "Fail"
	return err
}

func (s *State) inside(d *jx.Decoder) error {
	f, err := flow(d)
	s.Inside = append(s.Inside, f)
	return err
}

// isDistributed tells whether a processor's configuration says so.
func isDistributed(processor []byte) (is bool, err error) {
	err = object(jx.DecodeBytes(processor), func(d *jx.Decoder, key string) error {
		if key != "ProcessorConfig" {
			return d.Skip()
		}
		return object(d, func(d *jx.Decoder, key string) error {
			if key != "Mode" {
				return d.Skip()
			}
			mode := ""
			err := text(d, &mode)
			is = mode == "DISTRIBUTED"
			return err
		})
	})
	return is, err
}

// comparisons are how operators of JSONPath end, and the signs for them.
var comparisons = []struct{ name, sign string }{
	{"LessThanEquals", "≤"}, {"GreaterThanEquals", "≥"}, {"LessThan", "<"}, {"GreaterThan", ">"}, {"Equals", "="}, {"Matches", "like"},
}

// states are what a value may be, by operators that take true or false.
var states = map[string]string{
	"IsNull": "null", "IsPresent": "present", "IsNumeric": "a number", "IsString": "text", "IsBoolean": "a boolean", "IsTimestamp": "a timestamp",
}

// condition is that of a choice rule in a few words.
func condition(rule []byte) string {
	var variable, said string
	_ = object(jx.DecodeBytes(rule), func(d *jx.Decoder, key string) error { // what can't be read is left out
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		value := string(raw)
		if raw.Type() == jx.String {
			value, _ = jx.DecodeBytes(raw).Str()
		}
		switch key {
		case "Next", "Assign", "Output", "Comment":
		case "Condition":
			said = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(value, "{%"), "%}"))
		case "Variable":
			variable = value
		case "And", "Or":
			var all []string
			err = list(jx.DecodeBytes(raw), func(d *jx.Decoder) error {
				one, err := d.Raw()
				all = append(all, condition(one))
				return err
			})
			said = strings.Join(all, " "+strings.ToLower(key)+" ")
		case "Not":
			said = "not (" + condition(raw) + ")"
		default:
			said = comparison(key, value, raw)
		}
		return err
	})
	return strings.TrimSpace(variable + " " + said)
}

// comparison is an operator with what it compares with.
func comparison(operator, value string, raw jx.Raw) string {
	if what, is := states[operator]; is {
		if value == "false" {
			return "is not " + what
		}
		return "is " + what
	}
	name := strings.TrimSuffix(operator, "Path")
	if raw.Type() == jx.String && name == operator {
		value = string(raw) // quoted
	}
	for _, c := range comparisons {
		if strings.HasSuffix(name, c.name) {
			return c.sign + " " + value
		}
	}
	return operator + " " + value
}

// Find gives the state of a name, and the flow that it is part of; nil: there is none.
func (f *Flow) Find(name string) (*Flow, *State) {
	for _, s := range f.States {
		if s.Name == name {
			return f, s
		}
		for _, inner := range s.Inside {
			if in, found := inner.Find(name); found != nil {
				return in, found
			}
		}
	}
	return nil, nil
}

// Labelled gives what executions of a Map state with a label do for items; if no state has it, and
// just one is like that, what those of it do. nil: nobody knows.
func (f *Flow) Labelled(label string) *Flow {
	var all []*State
	var look func(f *Flow) *Flow
	look = func(f *Flow) *Flow {
		for _, s := range f.States {
			if s.Distributed {
				if all = append(all, s); s.Label == label {
					return s.Inside[0]
				}
			}
			for _, inner := range s.Inside {
				if found := look(inner); found != nil {
					return found
				}
			}
		}
		return nil
	}
	if found := look(f); found != nil || len(all) != 1 {
		return found
	}
	return all[0].Inside[0]
}

// Count is how many states there are, with those inside of others.
func (f *Flow) Count() int {
	n := len(f.States)
	for _, s := range f.States {
		for _, inner := range s.Inside {
			n += inner.Count()
		}
	}
	return n
}
