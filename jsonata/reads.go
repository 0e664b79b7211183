package jsonata

import "slices"

// Reads is what an expression reads of what it is given, found without evaluating it.
type Reads struct {
	// Input are the names that paths begin with where there is nothing but the input to
	// begin at: of fields, or "$", "*" and "**"; and "$$" wherever it stands.
	Input []string
	// Fields are those that paths read of variables, by the variables' names without $:
	// "input" of $states.input. Variables that the expression has bound before, also as
	// parameters, are not among them, nor those of functions that are bound around them later.
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
	// Of a function that is yet to be called: what it reads may be bound when it is.
	lambdas int
	later   []read
	unbound map[string]bool // variables that are read where nothing before has bound them
}

// read is a variable, or a field of one, that is read, and in how many functions.
type read struct {
	variable, field string
	lambdas         int
}

// reads takes in that a variable is read that is not bound by now.
func (r *reader) reads(v read) {
	r.unbound[v.variable] = true
	v.lambdas = r.lambdas
	switch {
	case r.lambdas > 0:
		r.later = append(r.later, v)
	case v.field == "":
		r.Whole = append(r.Whole, v.variable)
	default:
		if r.Fields == nil {
			r.Fields = map[string][]string{}
		}
		r.Fields[v.variable] = append(r.Fields[v.variable], v.field)
	}
}

// maybe looks at what is not evaluated in any case: what it binds counts for itself alone.
func (r *reader) maybe(look func()) {
	outside := len(r.bound)
	look()
	r.leave(outside)
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

func readsOf(tree *ast) (_ Reads, unbound map[string]bool) {
	r := reader{unbound: map[string]bool{}}
	r.walk(tree, true)
	for _, v := range r.later {
		r.reads(v)
	}
	r.Input, r.Whole = sorted(r.Input), sorted(r.Whole)
	for name, fields := range r.Fields {
		r.Fields[name] = sorted(fields)
	}
	return r.Reads, r.unbound
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
	outside, later := len(r.bound), len(r.later)
	switch e.kind {
	case "path":
		field := len(e.list) > 1 && e.list[0].kind == "variable" && e.list[0].text != "" && e.list[0].text != "$" && e.list[0].focus == "" && e.list[1].kind == "name"
		if field && !r.binds(e.list[0].text) {
			r.reads(read{variable: e.list[0].text, field: e.list[1].text})
		}
		within := top
		for i, step := range e.list {
			r.bind(step.focus) // its predicates see them
			r.bind(step.index)
			if i == 0 && field {
				r.stages(step)
			} else {
				r.walk(step, within)
			}
			r.handOn(step)
			within = within && step.focus != "" // which leaves the context as it is
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
			r.reads(read{variable: e.text})
		}
	case "transform": // of what it is applied to
		top = false
	case "lambda":
		r.lambdas++
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
	if e.kind != "bind" {
		r.walk(e.lhs, within)
	}
	if e.kind == "condition" || e.kind == "binary" && slices.Contains([]string{"and", "or", "??", "?:"}, e.text) {
		r.maybe(func() { r.walk(e.rhs, within) })
		r.maybe(func() { r.walk(e.els, within) })
	} else {
		r.walk(e.rhs, within)
		r.walk(e.els, within)
	}
	r.walk(e.proc, within)
	for _, t := range e.terms {
		r.maybe(func() { r.walk(t.expr, false) })
	}
	r.stages(e)
	switch e.kind {
	case "block", "lambda", "path":
		unbound := slices.DeleteFunc(r.later[later:], func(v read) bool { return v.lambdas > r.lambdas && r.binds(v.variable) })
		r.later = r.later[:later+len(unbound)]
		r.leave(outside)
		if e.kind == "lambda" {
			r.lambdas--
		}
	case "bind":
		r.bind(e.lhs.text)
	}
}

// handOn binds what a step that is a path, or a block that ends with one, gives the steps behind.
func (r *reader) handOn(step *ast) {
	if step.kind == "block" && step.tuple && len(step.list) > 0 {
		step = step.list[len(step.list)-1]
	}
	if step.kind != "path" || !step.tuple {
		return
	}
	for _, s := range step.list {
		r.bind(s.focus)
		r.bind(s.index)
		for _, st := range s.stages {
			r.bind(st.index)
		}
		r.handOn(s)
	}
}

// stages looks at what stands behind a part: predicates and a group.
func (r *reader) stages(e *ast) {
	for _, stages := range [][]stage{e.predicates, e.stages} {
		for _, s := range stages {
			r.maybe(func() { r.walk(s.filter, false) })
			r.bind(s.index)
		}
	}
	if e.group != nil {
		r.pairs(e.group.pairs, false)
	}
}

func (r *reader) pairs(pairs [][2]*ast, top bool) {
	for _, pair := range pairs {
		r.maybe(func() {
			r.walk(pair[0], top)
			r.walk(pair[1], top)
		})
	}
}
