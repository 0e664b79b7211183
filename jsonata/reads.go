package jsonata

import "slices"

// Reads is what an expression reads of what it is given, found without evaluating it.
type Reads struct {
	// Input are the names that paths begin with where there is nothing but the input to
	// begin at: of fields, or "$", "*" and "**"; and "$$" wherever it stands.
	Input []string
	// Fields are those that paths read of variables, by the variables' names without $:
	// "input" of $states.input. Variables that the expression has bound before, also as
	// parameters, are not among them.
	Fields map[string][]string
	// Whole are the variables that are read otherwise, and the functions.
	Whole []string
}

// Reads tells what the expression reads. Names are sorted.
func (x *Expression) Reads() Reads { return x.reads }

// reader collects Reads.
type reader struct {
	Reads
	bound []string       // by what is around or before
	times map[string]int // how often each is bound
}

// binds tells whether the expression has bound a variable by now.
func (r *reader) binds(name string) bool { return r.times[name] > 0 }

func (r *reader) bind(name string) {
	if name == "" {
		return
	}
	if r.times == nil {
		r.times = map[string]int{}
	}
	r.bound = append(r.bound, name)
	r.times[name]++
}

// leave forgets all but the first so many that are bound.
func (r *reader) leave(outside int) {
	for _, name := range r.bound[outside:] {
		r.times[name]--
	}
	r.bound = r.bound[:outside]
}

func readsOf(tree *ast) Reads {
	r := reader{}
	r.walk(tree, true)
	r.Input, r.Whole = sorted(r.Input), sorted(r.Whole)
	for name, fields := range r.Fields {
		r.Fields[name] = sorted(fields)
	}
	return r.Reads
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *reader) input(name string, top bool) {
	if top {
		r.Input = append(r.Input, name)
	}
}

// walk looks at a part of an expression; top tells whether its context is the input.
func (r *reader) walk(e *ast, top bool) {
	if e == nil {
		return
	}
	outside := len(r.bound)
	switch e.kind {
	case "path":
		field := len(e.list) > 1 && e.list[0].kind == "variable" && e.list[0].text != "" && e.list[0].text != "$" && e.list[1].kind == "name"
		if field && !r.binds(e.list[0].text) {
			if r.Fields == nil {
				r.Fields = map[string][]string{}
			}
			variable := e.list[0].text
			r.Fields[variable] = append(r.Fields[variable], e.list[1].text)
		}
		for i, step := range e.list {
			if i == 0 && field {
				r.stages(step)
				continue
			}
			r.walk(step, top && i == 0)
			r.bind(step.focus)
			r.bind(step.index)
		}
	case "name":
		r.input(e.text, top)
	case "wildcard":
		r.input("*", top)
	case "descendant":
		r.input("**", top)
	case "variable":
		if e.text == "$" {
			r.input("$$", true)
		} else if e.text == "" {
			r.input("$", top)
		} else if !r.binds(e.text) {
			r.Whole = append(r.Whole, e.text)
		}
	case "transform": // of what it is applied to
		top = false
	case "lambda":
		for _, parameter := range e.list {
			r.bind(parameter.text)
		}
	case "bind":
		if e.rhs.kind == "lambda" { // which may call itself
			r.bind(e.lhs.text)
		}
	}
	within := top && e.kind != "path"
	if e.kind != "path" {
		for _, part := range e.list {
			if e.kind != "lambda" { // those are parameters
				r.walk(part, within)
			}
		}
	}
	r.pairs(e.pairs, within)
	for _, part := range []*ast{e.lhs, e.rhs, e.els, e.proc} {
		if e.kind == "bind" && part == e.lhs {
			continue
		}
		r.walk(part, within)
	}
	for _, t := range e.terms {
		r.walk(t.expr, false)
	}
	r.stages(e)
	switch e.kind {
	case "block", "lambda", "path":
		r.leave(outside)
	case "bind":
		r.bind(e.lhs.text)
	}
}

// stages looks at what stands behind a part: predicates and a group.
func (r *reader) stages(e *ast) {
	for _, stages := range [][]stage{e.predicates, e.stages} {
		for _, s := range stages {
			r.walk(s.filter, false)
		}
	}
	if e.group != nil {
		r.pairs(e.group.pairs, false)
	}
}

func (r *reader) pairs(pairs [][2]*ast, top bool) {
	for _, pair := range pairs {
		r.walk(pair[0], top)
		r.walk(pair[1], top)
	}
}
