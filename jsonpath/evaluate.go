package jsonpath

import (
	"strconv"

	"heddle/jsonvalue"
)

// depthMax is how deep values may lie in each other where a path looks at all of them.
const depthMax = 5000

// Get is GetWithin the DefaultBudget.
func (p *Path) Get(root any) (any, error) {
	b := DefaultBudget()
	return p.GetWithin(&b, root)
}

// GetWithin gives what the path finds in root: if the path is definite the one value,
// else a list. An error is an *Error. The cost is taken from budget.
func (p *Path) GetWithin(budget *Budget, root any) (any, error) {
	if v, ok := p.direct(budget, root); ok {
		return v, nil
	}
	e := &evaluation{budget: budget, root: root, quiet: !p.definite}
	v, err := e.evaluate(p, root, false)
	if err != nil && !p.definite && IsNotFound(err) {
		return []any{}, nil
	}
	return v, err
}

// direct is the short way of paths of single names and indexes; false if it ends nowhere.
func (p *Path) direct(budget *Budget, v any) (any, bool) {
	if !p.single {
		return nil, false
	}
	if budget.Steps -= len(p.steps); budget.Steps < 0 {
		return nil, false
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.kind == child {
			object, ok := v.(*jsonvalue.Object)
			if !ok {
				return nil, false
			}
			if v, ok = object.Get(s.names[0]); !ok {
				return nil, false
			}
			continue
		}
		list, ok := v.([]any)
		if !ok || s.indexes[0] >= len(list) {
			return nil, false
		}
		v = list[s.indexes[0]]
	}
	return v, true
}

// evaluation follows one path. Nested paths have evaluations of their own on the same
// budget.
type evaluation struct {
	budget  *Budget
	root    any
	path    *Path
	inner   bool // of a path within a filter, or an argument
	require bool // a member that is not there is an error in indefinite paths, too
	quiet   bool // nobody reads the message of an error
	results []any
	trail   []string // where the evaluation is, in brackets
	depth   int
}

func (e *evaluation) evaluate(p *Path, v any, require bool) (any, error) {
	e.path, e.require = p, require
	if err := e.follow(p.steps, v, true); err != nil {
		return nil, err
	}
	if !p.definite {
		if e.results == nil {
			return []any{}, nil
		}
		return e.results, nil
	}
	if len(e.results) == 0 {
		return nil, e.notFound(func() string { return "No results for path: " + p.String() })
	}
	return e.results[0], nil
}

// nested evaluates a path in a filter, or as an argument.
func (e *evaluation) nested(p *Path, item any, require bool) (any, error) {
	v := item
	if p.root == '$' {
		v = e.root
	}
	if found, ok := p.direct(e.budget, v); ok {
		return found, nil
	}
	if err := e.deeper(); err != nil {
		return nil, err
	}
	defer func() { e.depth-- }()
	bytes := e.budget.Bytes
	inner := &evaluation{budget: e.budget, root: e.root, inner: true, quiet: true, depth: e.depth}
	found, err := inner.evaluate(p, v, require)
	e.budget.Bytes = bytes // what was found is only looked at
	return found, err
}

// notFound makes the error's message only if somebody may read it: filters ask for much
// that is not there.
func (e *evaluation) notFound(message func() string) error {
	if e.quiet {
		return quietly
	}
	return &Error{NotFound, message()}
}

var quietly = &Error{Kind: NotFound, Message: "No results for path"}

// at is the path of where the evaluation is.
func (e *evaluation) at(tail string) string {
	text := string(e.path.root)
	for _, part := range e.trail {
		text += part
	}
	return text + tail
}

func nameText(name string) string { return "['" + name + "']" }

func indexText(i int) string { return "[" + strconv.Itoa(i) + "]" }

// enter follows steps in a value that lies in the current one: the member of that name,
// or without a name the item i.
func (e *evaluation) enter(steps []step, name *string, i int, v any, definite bool) error {
	if len(steps) == 0 {
		return e.found(v)
	}
	if !definite || e.quiet { // no message will name the place
		return e.follow(steps, v, definite)
	}
	part := indexText(i)
	if name != nil {
		part = nameText(*name)
	}
	e.trail = append(e.trail, part)
	err := e.follow(steps, v, definite)
	e.trail = e.trail[:len(e.trail)-1]
	return err
}

func (e *evaluation) found(v any) error {
	if e.path.overlap {
		size := 16 // of its place in the list
		if !e.inner {
			size += jsonvalue.Size(v)
		}
		if err := e.budget.Take(size); err != nil {
			return err
		}
	}
	e.results = append(e.results, v)
	return nil
}

// follow takes the steps from v. All before were definite if definite is true.
func (e *evaluation) follow(steps []step, v any, definite bool) error {
	if err := e.budget.step(1); err != nil {
		return err
	}
	if len(steps) == 0 {
		return e.found(v)
	}
	s, rest := &steps[0], steps[1:]
	next := definite && s.definite
	switch s.kind {
	case child:
		return e.members(s, steps, v, definite)
	case wildcard:
		switch v := v.(type) {
		case *jsonvalue.Object:
			for i := range v.Len() {
				name, member := v.At(i)
				if err := e.enter(rest, &name, 0, member, next); err != nil {
					return err
				}
			}
		case []any:
			for i, item := range v {
				if err := e.enter(rest, nil, i, item, next); err != nil && (e.require || !IsNotFound(err)) {
					return err
				}
			}
		}
		return nil
	case scan:
		return e.scan(rest, v)
	case function:
		return e.apply(s.call, rest, v, definite)
	case filter:
		return e.filter(s, steps, v, definite)
	}
	list, ok := v.([]any)
	if !ok {
		switch {
		case !definite:
			return nil
		case e.inner:
			return quietly
		case v == nil:
			return e.notFound(func() string { return "The path " + e.at("") + " is null" })
		}
		return unfit("Filter: " + stepsText(steps) + " can only be applied to arrays. Current context is: " + JavaText(v))
	}
	if s.kind == index {
		for _, i := range s.indexes {
			if err := e.item(rest, list, i, next); err != nil {
				return err
			}
		}
		return nil
	}
	from, to := s.bounds(len(list))
	for i := from; i < to; i++ {
		if err := e.item(rest, list, i, next); err != nil {
			return err
		}
	}
	return nil
}

// bounds are the first item of a slice, and that after its last. As in Jayway a negative
// end counts from the list's end only if it is the only one; [-2:3] goes from the last
// but one on to the first ones.
func (s *step) bounds(length int) (from, to int) {
	switch {
	case s.to == nil:
		if from = *s.from; from < 0 {
			from = max(0, length+from)
		}
		return from, length
	case s.from == nil:
		if to = *s.to; to < 0 {
			to += length
		}
		return 0, min(length, to)
	}
	return max(*s.from, -length), min(length, *s.to)
}

// item goes on at an item of a list, a negative index from its end.
func (e *evaluation) item(rest []step, list []any, i int, definite bool) error {
	at := i
	if at < 0 {
		at += len(list)
	}
	if at < 0 || at >= len(list) {
		return nil
	}
	return e.enter(rest, nil, i, list[at], definite)
}

func (e *evaluation) members(s *step, steps []step, v any, definite bool) error {
	rest := steps[1:]
	object, ok := v.(*jsonvalue.Object)
	if !ok {
		if !definite {
			return nil
		}
		return e.notFound(func() string {
			return "Expected to find an object with property " + stepsText(steps[:1]) + " in path " + e.at("") +
				" but found '" + javaClass(v) + "'. This is not a json object according to the JsonProvider: " +
				"'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
		})
	}
	if len(s.names) > 1 && len(rest) == 0 { // one object of them all
		some := jsonvalue.NewObject(len(s.names))
		for _, name := range s.names {
			member, found := object.Get(name)
			switch {
			case found:
				some.Set(name, member)
			case e.require:
				return e.notFound(func() string { return "Missing property in path " + e.at(stepsText(steps[:1])) })
			}
		}
		return e.found(some)
	}
	for _, name := range s.names {
		member, found := object.Get(name)
		switch {
		case found:
			if err := e.enter(rest, &name, 0, member, definite && s.definite); err != nil {
				return err
			}
		case len(rest) == 0:
			if e.require {
				return e.notFound(func() string { return "No results for path: " + e.at(nameText(name)) })
			}
		case definite && s.definite || e.require:
			return e.notFound(func() string { return "Missing property in path " + e.at(nameText(name)) })
		}
	}
	return nil
}

// scan follows steps from v and from everything below, wherever the first step fits.
func (e *evaluation) scan(steps []step, v any) error {
	if err := e.deeper(); err != nil {
		return err
	}
	defer func() { e.depth-- }()
	s := &steps[0]
	object, isObject := v.(*jsonvalue.Object)
	list, isList := v.([]any)
	if !isObject && !isList {
		return nil
	}
	fits := false
	switch s.kind {
	case child:
		fits = isObject
		if fits && s.definite {
			for _, name := range s.names {
				if _, found := object.Get(name); !found {
					fits = false
				}
			}
		}
	case index, slice:
		fits = isList
	case wildcard:
		fits = true
	case filter:
		ok, err := e.accepts(s.accept, v)
		if err != nil {
			return err
		}
		fits = ok
	}
	if fits {
		if err := e.follow(steps, v, false); err != nil {
			return err
		}
	}
	if isObject {
		for i := range object.Len() {
			_, member := object.At(i)
			if err := e.scan(steps, member); err != nil {
				return err
			}
		}
	}
	for _, item := range list {
		if err := e.scan(steps, item); err != nil {
			return err
		}
	}
	return nil
}

// deeper goes one value deeper, which costs a step.
func (e *evaluation) deeper() error {
	if e.depth++; e.depth > depthMax {
		return &Error{TooCostly, "Values lie too deep in each other"}
	}
	return e.budget.step(1)
}

func (e *evaluation) filter(s *step, steps []step, v any, definite bool) error {
	rest := steps[1:]
	switch v := v.(type) {
	case *jsonvalue.Object:
		ok, err := e.accepts(s.accept, v)
		if !ok || err != nil {
			return err
		}
		return e.follow(rest, v, false)
	case []any:
		for i, item := range v {
			ok, err := e.accepts(s.accept, item)
			if err != nil {
				return err
			}
			if ok {
				if err := e.enter(rest, nil, i, item, false); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if !definite {
		return nil
	}
	return &Error{Unfit, "Filter: " + stepsText(steps) + " can not be applied to primitives. Current context is: " + JavaText(v)}
}
