package jsonata

// A scope is what one frame holds at run time: the variables that a block, a function or
// a stream of tuples binds. Which frame and slot a name means is known when compiled; but
// a name may be read before it is bound, and then means that of a scope further out.
type scope struct {
	parent *scope
	names  []string
	sure   int            // so many of the first names are always bound: parameters
	framed bool           // has a frame; settled once all is compiled
	index  map[string]int // of names; nil while there are few
}

// indexedFrom is the number of names from which a scope finds them by a map.
const indexedFrom = 16

func (s *scope) slot(name string) int {
	if s.index != nil {
		if i, is := s.index[name]; is {
			return i
		}
		return -1
	}
	for i, n := range s.names {
		if n == name {
			return i
		}
	}
	return -1
}

func (s *scope) declare(name string) int {
	if i := s.slot(name); i >= 0 {
		return i
	}
	s.names = append(s.names, name)
	if len(s.names) == indexedFrom {
		s.index = make(map[string]int)
		for i, n := range s.names {
			s.index[n] = i
		}
	} else if s.index != nil {
		s.index[name] = len(s.names) - 1
	}
	return len(s.names) - 1
}

// compiler turns the tree into nodes.
type compiler struct {
	lib    *Library
	root   *scope
	eval   *evaluation // of $eval: names that its scopes do not know are looked up when run
	refs   []*variableNode
	binds  []*bindNode
	frees  []string
	scopes []*scope
}

func (c *compiler) scope(parent *scope) *scope {
	s := &scope{parent: parent}
	c.scopes = append(c.scopes, s)
	return s
}

// resolve finds the frames and slots of all variables.
func (c *compiler) resolve() {
	for _, s := range c.scopes {
		s.framed = s.framed || len(s.names) > 0
	}
	bound := len(c.root.names) // by the expression itself
	for _, ref := range c.refs {
		depth := 0
		for s := ref.scope; s != nil; s = s.parent {
			if s == c.root && c.eval == nil && s.slot(ref.name) < 0 && ref.name[0] != '!' {
				s.declare(ref.name)
			}
			if i := s.slot(ref.name); i >= 0 {
				if s == c.root && i >= bound && ref.name[0] != '!' && c.lib.functions[ref.name] == nil {
					c.frees = append(c.frees, ref.name)
				}
				ref.at = append(ref.at, place{depth, i})
				if i < s.sure {
					break
				}
			}
			if s.framed {
				depth++
			}
		}
	}
	for _, b := range c.binds {
		b.depth = 0
		for s := b.from; s != b.to; s = s.parent {
			if s.framed {
				b.depth++
			}
		}
	}
}

func (c *compiler) all(list []*ast, s *scope) ([]node, error) {
	out := make([]node, len(list))
	for i, e := range list {
		var err error
		if out[i], err = c.node(e, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// node compiles what evaluates as one, with its predicates, group and [].
func (c *compiler) node(e *ast, s *scope) (node, error) {
	n, err := c.bare(e, s)
	if err != nil {
		return nil, err
	}
	return c.dress(n, e, s)
}

func (c *compiler) dress(n node, e *ast, s *scope) (node, error) {
	if e.predicates != nil {
		inner := s
		f := &filteredNode{inner: n}
		if e.kind == "block" && e.tuple {
			inner = c.scope(s)
			inner.framed = true
			collect(e, inner)
			inner.sure = 0
			f.scope = inner
		}
		var err error
		if f.stages, err = c.stages(e.predicates, inner, inner); err != nil {
			return nil, err
		}
		n = f
	}
	if e.group != nil && e.kind != "path" {
		g, err := c.object(e.group, s)
		if err != nil {
			return nil, err
		}
		n = &groupedNode{n, g}
	}
	if e.keepArray {
		if path, is := n.(*pathNode); is {
			path.kept = true
		} else {
			n = &keptNode{n}
		}
	}
	return n, nil
}

func (c *compiler) stages(in []stage, s, tuples *scope) ([]filter, error) {
	out := make([]filter, len(in))
	for i, st := range in {
		out[i].index = -1
		if st.index != "" {
			out[i].index = tuples.declare(st.index)
			continue
		}
		if f, is := st.filter.value.(float64); is && st.filter.kind == "number" && st.filter.predicates == nil && st.filter.group == nil {
			out[i].number, out[i].isNumber = f, true
			continue
		}
		n, err := c.node(st.filter, s)
		if err != nil {
			return nil, err
		}
		out[i].node = n
	}
	return out, nil
}

func (c *compiler) variable(name string, s *scope) node {
	v := &variableNode{name: name, scope: s}
	c.refs = append(c.refs, v)
	return v
}

func (c *compiler) bare(e *ast, s *scope) (node, error) {
	var err error
	switch e.kind {
	case "path":
		return c.path(e, s)
	case "name":
		return &nameNode{e.text}, nil
	case "string":
		return &constantNode{e.text}, nil
	case "number":
		return &constantNode{box(e.value.(float64))}, nil
	case "value":
		return &constantNode{e.value}, nil
	case "wildcard":
		return &wildcardNode{}, nil
	case "descendant":
		return &descendantNode{}, nil
	case "parent":
		return c.variable(e.slot.label, s), nil
	case "variable":
		switch e.text {
		case "":
			return &contextNode{}, nil
		case "$":
			return &rootNode{}, nil
		}
		return c.variable(e.text, s), nil
	case "regex":
		re, err := compileRegex(e.text, e.value.(string))
		if err != nil {
			err.Position = e.pos
			return nil, err
		}
		return &constantNode{&regexFunction{re, e.pos}}, nil
	case "binary":
		n := &binaryNode{op: e.text, pos: e.pos}
		if n.left, err = c.node(e.lhs, s); err != nil {
			return nil, err
		}
		if n.right, err = c.node(e.rhs, s); err != nil {
			return nil, err
		}
		return specialise(n), nil
	case "unary":
		switch e.text {
		case "[":
			n := &listNode{cons: e.constructs, nested: make([]bool, len(e.list))}
			n.items, err = c.all(e.list, s)
			for i, item := range e.list {
				n.nested[i] = item.kind == "unary" && item.text == "["
			}
			return n, err
		case "{":
			return c.object(e, s)
		}
		n := &negateNode{pos: e.pos}
		n.of, err = c.node(e.lhs, s)
		return n, err
	case "condition":
		left, err := c.node(e.lhs, s)
		if err != nil {
			return nil, err
		}
		right, err := c.node(e.rhs, s)
		if err != nil {
			return nil, err
		}
		if e.text == "?:" || e.text == "??" {
			return &orElseNode{left, right, e.text == "??"}, nil
		}
		n := &conditionNode{cond: left, then: right}
		if e.els != nil {
			n.els, err = c.node(e.els, s)
		}
		return n, err
	case "block":
		inner := c.scope(s)
		n := &blockNode{scope: inner, cons: e.constructs}
		n.list, err = c.all(e.list, inner)
		return n, err
	case "bind":
		n := &bindNode{from: s, to: s}
		c.binds = append(c.binds, n)
		n.slot = s.declare(e.lhs.text)
		n.value, err = c.node(e.rhs, s)
		return n, err
	case "function", "partial":
		n := &callNode{pos: e.pos, procPos: e.proc.pos, scope: s}
		if n.proc, err = c.node(e.proc, s); err != nil {
			return nil, err
		}
		n.name = e.proc.text
		if e.proc.kind == "path" {
			n.name = e.proc.list[0].text
			n.meant = c.variable(n.name, s)
			if n.name == "" {
				n.meant = nil
			}
		}
		n.args = make([]node, len(e.list))
		for i, a := range e.list {
			if a.kind == "operator" && a.text == "?" {
				continue
			}
			if n.args[i], err = c.node(a, s); err != nil {
				return nil, err
			}
		}
		if e.kind == "partial" {
			return &partialNode{*n}, nil
		}
		return n, nil
	case "lambda":
		if e.thunk {
			call, err := c.node(e.rhs, s)
			if err != nil {
				return nil, err
			}
			return &thunkNode{call.(*callNode)}, nil
		}
		inner := c.scope(s)
		n := &lambdaNode{scope: inner, sig: e.sig, params: len(e.list)}
		for _, p := range e.list {
			n.slots = append(n.slots, inner.declare(p.text))
		}
		inner.sure = len(inner.names)
		n.body, err = c.node(e.rhs, inner)
		return n, err
	case "apply":
		n := &applyNode{pos: e.pos}
		if n.left, err = c.node(e.lhs, s); err != nil {
			return nil, err
		}
		if e.rhs.kind == "function" && e.rhs.predicates == nil && e.rhs.group == nil && !e.rhs.keepArray {
			call, err := c.bare(e.rhs, s)
			n.call, _ = call.(*callNode)
			return n, err
		}
		if e.rhs.kind == "function" { // its own predicates are not looked at
			call, err := c.bare(e.rhs, s)
			n.call, _ = call.(*callNode)
			return n, err
		}
		n.right, err = c.node(e.rhs, s)
		return n, err
	case "transform":
		n := &transformNode{patternAt: e.pos, updateAt: e.rhs.pos, clone: c.variable("clone", s).(*variableNode)}
		if n.pattern, err = c.node(e.lhs, s); err != nil {
			return nil, err
		}
		if n.update, err = c.node(e.rhs, s); err != nil {
			return nil, err
		}
		if e.els != nil {
			n.deleteAt = e.els.pos
			n.delete, err = c.node(e.els, s)
		}
		return n, err
	}
	return nil, failAt("S0206", e.pos, e.text)
}

func (c *compiler) object(e *ast, s *scope) (*objectNode, error) {
	n := &objectNode{pos: e.pos}
	for _, pair := range e.pairs {
		name, err := c.node(pair[0], s)
		if err != nil {
			return nil, err
		}
		value, err := c.node(pair[1], s)
		if err != nil {
			return nil, err
		}
		n.names, n.values = append(n.names, name), append(n.values, value)
	}
	return n, nil
}

// collect declares what the tuples of a step's own streams bind.
func collect(e *ast, s *scope) {
	switch e.kind {
	case "block":
		if e.tuple && len(e.list) > 0 {
			collect(e.list[len(e.list)-1], s)
		}
	case "path":
		if e.tuple {
			for _, step := range e.list {
				collectStep(step, s)
			}
		}
	}
}

func collectStep(step *ast, s *scope) {
	if step.focus != "" {
		s.declare(step.focus)
	}
	if step.index != "" {
		s.declare(step.index)
	}
	if step.ancestor != nil {
		s.declare(step.ancestor.label)
	}
	for _, st := range step.stages {
		if st.index != "" {
			s.declare(st.index)
		}
	}
	collect(step, s)
}

func (c *compiler) path(e *ast, s *scope) (node, error) {
	n := &pathNode{keep: e.keepSingle, handsOn: e.tuple, fromVariable: e.list[0].kind == "variable"}
	tuples := (*scope)(nil)
	n.simple = e.group == nil
	for i, se := range e.list {
		if se.tuple && tuples == nil {
			tuples = c.scope(s)
			tuples.framed = true
			for _, step := range e.list {
				collectStep(step, tuples)
			}
			n.scope = tuples
			n.simple = false
		}
		here := s
		if tuples != nil && !(se.kind == "sort" && !streaming(e.list[:i])) && !(i == 0 && se.constructs) {
			here = tuples
		}
		st := step{focus: -1, index: -1, ancestor: -1, tuple: se.tuple, first: i == 0 && se.constructs}
		var err error
		switch {
		case se.kind == "sort":
			st.sort = &sortNode{pos: se.pos}
			for _, t := range se.terms {
				expr, err := c.node(t.expr, here)
				if err != nil {
					return nil, err
				}
				st.sort.terms = append(st.sort.terms, sortTerm{expr, t.descending})
			}
			n.simple = false
		case se.kind == "name" && se.predicates == nil && se.group == nil && !se.keepArray:
			st.name, st.isName = se.text, true
		default:
			// [] on a step counts for the whole path; and on the step's own value.
			if st.node, err = c.node(se, here); err != nil {
				return nil, err
			}
			if se.kind == "name" && se.predicates == nil && se.group == nil {
				st.name = se.text
			}
			n.simple = false
		}
		if se.stages != nil {
			target := tuples
			if target == nil {
				target = s
			}
			within := s
			if tuples != nil {
				within = tuples
			}
			if st.stages, err = c.stages(se.stages, within, target); err != nil {
				return nil, err
			}
			n.simple = false
		}
		if tuples != nil {
			if se.focus != "" {
				st.focus = tuples.slot(se.focus)
			}
			if se.index != "" {
				st.index = tuples.slot(se.index)
			}
			if se.ancestor != nil {
				st.ancestor = tuples.slot(se.ancestor.label)
			}
		}
		n.steps = append(n.steps, st)
	}
	if e.group != nil {
		within := s
		if tuples != nil {
			within = tuples
		}
		var err error
		if n.group, err = c.object(e.group, within); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// streaming tells whether one of the steps already made a stream of tuples.
func streaming(steps []*ast) bool {
	for _, step := range steps {
		if step.tuple {
			return true
		}
	}
	return false
}
