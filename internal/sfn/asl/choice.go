package asl

import (
	"strconv"
	"strings"
	"time"

	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// choices reads the rules of a Choice state.
func (r *reading) choices(at string, v any) {
	list, ok := r.list(at, v)
	if ok && len(list) == 0 {
		r.wrong(at, empty)
	}
	r.s.Rules = make([]Rule, len(list)) // transitions point into it
	for i, v := range list {
		index := "[" + strconv.Itoa(i) + "]"
		field, at := "Choices"+index, at+index
		o, ok := r.object(at, v)
		if !ok {
			continue
		}
		rule := &r.s.Rules[i]
		if v, ok := o.Get("Next"); ok {
			r.flow.leadsTo(r.compiler, at+"/Next", v, &rule.Next)
		}
		if v, ok := o.Get("Assign"); ok {
			rule.Assign = r.assign(field+"/Assign", at+"/Assign", v)
		}
		if r.s.Language == JSONata {
			r.known(o, at, map[string]languages{"Comment": both, "Next": both, "Assign": both, "Output": ata, "Condition": ata})
			if v, ok := o.Get("Output"); ok {
				rule.Output = r.query(field+"/Output", at+"/Output", v)
			}
			if v, ok := o.Get("Condition"); ok {
				rule.Condition = r.condition(field+"/Condition", at+"/Condition", v)
			}
			r.comment(o, at)
			r.need(o, at, "Condition", "Next")
			continue
		}
		rule.Condition = r.test(o, at, true)
		r.need(o, at, "Next")
	}
}

func (r *reading) comment(o *jsonvalue.Object, at string) {
	if v, ok := o.Get("Comment"); ok {
		r.text(at+"/Comment", v)
	}
}

// condition reads a Condition of JSONata.
func (r *reading) condition(field, at string, v any) Condition {
	if q, ok := r.expression(field, at, v); ok {
		if q == nil {
			return nil
		}
		return queried{q}
	}
	if b, ok := r.boolean(at, v); ok {
		return queried{constant{b}}
	}
	return nil
}

// queried is a Condition of JSONata.
type queried struct{ Value }

func (q queried) Holds(env *Env) (bool, error) {
	v, err := q.Evaluate(env)
	holds, ok := v.(bool)
	if x, is := q.Value.(*query); is && err == nil && !ok {
		err = x.unexpected("boolean", v)
	}
	return holds, err
}

// test reads a condition of JSONPath: And, Or, Not, or a comparison.
func (r *reading) test(o *jsonvalue.Object, at string, top bool) Condition {
	var operators []string
	variable := false
	for name := range o.All() {
		switch {
		case name == "Comment":
		case name == "Variable":
			variable = true
		case name == "And" || name == "Or" || name == "Not" || operatorsByName[name] != nil:
			operators = append(operators, name)
		case top && (name == "Next" || name == "Assign"):
		case top && (name == "Condition" || name == "Output"):
			r.wrong(at, otherLanguage(JSONPath, name))
			return nil
		default:
			r.wrong(at, notSupported(name))
		}
	}
	r.comment(o, at)
	switch {
	case len(operators) == 0:
		if !variable {
			r.wrong(at, oneOf("Variable", "And", "Or", "Not"))
		} else {
			r.wrong(at, "A comparison operator is required") // ours
		}
		return nil
	case len(operators) > 1:
		r.wrong(at, onlyOne(operators...))
		return nil
	}
	name := operators[0]
	v, _ := o.Get(name)
	place := at + "/" + name
	switch name {
	case "And", "Or":
		if variable {
			r.wrong(at, notSupported("Variable"))
		}
		list, ok := r.list(place, v)
		if ok && len(list) == 0 {
			r.wrong(place, empty)
		}
		var all []Condition
		for i, v := range list {
			place := place + "[" + strconv.Itoa(i) + "]"
			if o, ok := r.object(place, v); ok {
				all = append(all, r.test(o, place, false))
			}
		}
		return several{all, name == "And"}
	case "Not":
		if variable {
			r.wrong(at, notSupported("Variable"))
		}
		if o, ok := r.object(place, v); ok {
			return not{r.test(o, place, false)}
		}
		return nil
	}
	if !r.need(o, at, "Variable") {
		return nil
	}
	left, _ := o.Get("Variable")
	c := &comparison{operator: operatorsByName[name]}
	c.variable = r.path("Variable", at+"/Variable", left, mayContext|mightIndefinite)
	switch {
	case c.operator.byPath:
		c.other = r.path(name, place, v, mayContext|mightIndefinite)
	case !c.operator.takes(r, place, v):
		return nil
	default:
		c.constant = v
		if text, ok := v.(string); ok && name != "StringMatches" {
			r.warnPath(name, place, text)
		}
	}
	return c
}

// several is And, if all must hold, or Or.
type several struct {
	conditions []Condition
	all        bool
}

func (s several) Holds(env *Env) (bool, error) {
	for _, c := range s.conditions {
		holds, err := c.Holds(env)
		if err != nil || holds != s.all {
			return holds, err
		}
	}
	return s.all, nil
}

type not struct{ Condition }

func (n not) Holds(env *Env) (bool, error) {
	holds, err := n.Condition.Holds(env)
	return !holds && err == nil, err
}

// An operator compares the value at a path with a constant, or with one at another path.
type operator struct {
	byPath bool
	takes  func(r *reading, at string, v any) bool // whether a constant may stand there
	holds  func(value, constant any) bool
}

// operatorsByName are the 39 operators (Amazon States Language, Choice State). A value of
// another type than the operator's never matches.
var operatorsByName = func() map[string]*operator {
	all := map[string]*operator{}
	text := func(r *reading, at string, v any) bool { _, ok := r.text(at, v); return ok }
	boolean := func(r *reading, at string, v any) bool { _, ok := r.boolean(at, v); return ok }
	number := func(r *reading, at string, v any) bool {
		_, ok := jsonvalue.Float(v)
		if !ok {
			r.wrong(at, ofType("Number"))
		}
		return ok
	}
	timestamp := func(r *reading, at string, v any) bool {
		s, ok := r.text(at, v)
		if _, is := ParseTimestamp(s); ok && !is {
			r.wrong(at, notTimestamp)
			return false
		}
		return ok
	}
	add := func(name string, takes func(*reading, string, any) bool, holds func(a, b any) bool) {
		all[name] = &operator{takes: takes, holds: holds}
		all[name+"Path"] = &operator{byPath: true, holds: holds}
	}
	for name, fits := range map[string]func(order int) bool{
		"Equals":            func(o int) bool { return o == 0 },
		"LessThan":          func(o int) bool { return o < 0 },
		"GreaterThan":       func(o int) bool { return o > 0 },
		"LessThanEquals":    func(o int) bool { return o <= 0 },
		"GreaterThanEquals": func(o int) bool { return o >= 0 },
	} {
		add("String"+name, text, func(a, b any) bool {
			x, ok := a.(string)
			y, ok2 := b.(string)
			return ok && ok2 && fits(jsonpath.CompareUTF16(x, y))
		})
		add("Numeric"+name, number, func(a, b any) bool {
			order, ok := compareNumbers(a, b)
			return ok && fits(order)
		})
		add("Timestamp"+name, timestamp, func(a, b any) bool {
			x, ok := asTime(a)
			y, ok2 := asTime(b)
			return ok && ok2 && fits(x.Compare(y))
		})
	}
	add("BooleanEquals", boolean, func(a, b any) bool {
		x, ok := a.(bool)
		y, ok2 := b.(bool)
		return ok && ok2 && x == y
	})
	all["StringMatches"] = &operator{takes: text, holds: func(a, b any) bool {
		s, ok := a.(string)
		return ok && matches(s, b.(string))
	}}
	for name, is := range map[string]func(v any) bool{
		"IsNull":      func(v any) bool { return v == nil },
		"IsPresent":   func(any) bool { return true },
		"IsNumeric":   func(v any) bool { _, ok := jsonvalue.Float(v); return ok },
		"IsString":    func(v any) bool { _, ok := v.(string); return ok },
		"IsBoolean":   func(v any) bool { _, ok := v.(bool); return ok },
		"IsTimestamp": func(v any) bool { _, ok := asTime(v); return ok },
	} {
		all[name] = &operator{takes: boolean, holds: func(v, wanted any) bool { return is(v) == wanted.(bool) }}
	}
	return all
}()

func asTime(v any) (time.Time, bool) {
	s, _ := v.(string)
	return ParseTimestamp(s)
}

// compareNumbers orders numbers by their value, as floats have it.
func compareNumbers(a, b any) (int, bool) {
	x, ok := jsonvalue.Float(a)
	y, ok2 := jsonvalue.Float(b)
	switch {
	case !ok || !ok2:
		return 0, false
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	}
	return 0, true
}

// matches tells whether s is like the pattern, in which * is any text, and a backslash takes
// the meaning from a star or a backslash.
func matches(s, pattern string) bool {
	var pieces []string // between stars
	piece := strings.Builder{}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			piece.WriteByte(pattern[i])
		case c == '*':
			pieces = append(pieces, piece.String())
			piece.Reset()
		default:
			piece.WriteByte(c)
		}
	}
	last := piece.String()
	if len(pieces) == 0 {
		return s == last
	}
	s, ok := strings.CutPrefix(s, pieces[0])
	if !ok {
		return false
	}
	for _, p := range pieces[1:] {
		_, s, ok = strings.Cut(s, p)
		if !ok {
			return false
		}
	}
	return strings.HasSuffix(s, last)
}

// comparison is a test of the value at a path.
type comparison struct {
	operator *operator
	variable *pathValue
	constant any
	other    *pathValue // of operators by path
}

var isPresent = operatorsByName["IsPresent"]

func (c *comparison) Holds(env *Env) (bool, error) {
	v, found, err := c.variable.find(env)
	if c.operator == isPresent {
		return found == c.constant.(bool) && err == nil, err
	}
	if !found && err == nil {
		err = invalidReference(c.variable)
	}
	constant := c.constant
	if err == nil && c.operator.byPath {
		if constant, found, err = c.other.find(env); !found && err == nil {
			err = invalidReference(c.other)
		}
	}
	return err == nil && c.operator.holds(v, constant), err
}

// invalidReference is what a rule fails with if it compares what is not there.
func invalidReference(p *pathValue) error {
	return &Failure{Name: runtimeError, Cause: "Invalid path '" + p.e.Text() + "': The choice state's condition path references an invalid value."}
}
