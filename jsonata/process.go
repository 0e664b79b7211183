package jsonata

import "strconv"

// processor makes paths of the tree: steps with their predicates, and for each % the
// step that must remember where it came from.
type processor struct {
	labels    int
	ancestors []*ancestor
}

func process(tree *ast) (*ast, error) {
	p := &processor{}
	tree, err := p.process(tree)
	if err != nil {
		return nil, err
	}
	if tree.kind == "parent" || tree.seeks != nil {
		return nil, failAt("S0217", tree.pos, tree.kind)
	}
	return tree, nil
}

func (p *processor) processAll(list []*ast) ([]*ast, error) {
	out := make([]*ast, len(list))
	for i, e := range list {
		var err error
		if out[i], err = p.process(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *processor) process(e *ast) (*ast, error) {
	n, err := p.node(e)
	if err != nil {
		return nil, err
	}
	if e.keepArray {
		n.keepArray = true
	}
	return n, nil
}

func (p *processor) node(e *ast) (*ast, error) {
	var err error
	switch e.kind {
	case "binary":
		return p.binary(e)
	case "unary":
		n := &ast{kind: e.kind, text: e.text, pos: e.pos}
		switch e.text {
		case "[":
			if n.list, err = p.processAll(e.list); err != nil {
				return nil, err
			}
			for _, item := range n.list {
				n.inherit(item)
			}
		case "{":
			n.pairs, err = p.processPairs(e.pairs, n)
		default:
			if n.lhs, err = p.process(e.lhs); err != nil {
				return nil, err
			}
			if n.lhs.kind == "number" {
				n.lhs.value = -n.lhs.value.(float64)
				return n.lhs, nil
			}
			n.inherit(n.lhs)
		}
		return n, err
	case "function", "partial":
		n := &ast{kind: e.kind, text: e.text, pos: e.pos}
		if n.list, err = p.processAll(e.list); err != nil {
			return nil, err
		}
		for _, a := range n.list {
			n.inherit(a)
		}
		n.proc, err = p.process(e.proc)
		return n, err
	case "lambda":
		n := &ast{kind: e.kind, pos: e.pos, list: e.list, sig: e.sig}
		body, err := p.process(e.rhs)
		if err != nil {
			return nil, err
		}
		n.rhs = tailCall(body)
		return n, nil
	case "condition":
		n := &ast{kind: e.kind, text: e.text, pos: e.pos}
		if n.lhs, err = p.process(e.lhs); err != nil {
			return nil, err
		}
		n.inherit(n.lhs)
		if n.rhs, err = p.process(e.rhs); err != nil {
			return nil, err
		}
		n.inherit(n.rhs)
		if e.els != nil {
			if n.els, err = p.process(e.els); err != nil {
				return nil, err
			}
			n.inherit(n.els)
		}
		return n, nil
	case "transform":
		n := &ast{kind: e.kind, pos: e.pos}
		if n.lhs, err = p.process(e.lhs); err != nil {
			return nil, err
		}
		if n.rhs, err = p.process(e.rhs); err != nil {
			return nil, err
		}
		if e.els != nil {
			n.els, err = p.process(e.els)
		}
		return n, err
	case "block":
		n := &ast{kind: e.kind, pos: e.pos}
		if n.list, err = p.processAll(e.list); err != nil {
			return nil, err
		}
		for _, part := range n.list {
			n.inherit(part)
			if part.constructs || part.kind == "path" && part.list[0].constructs {
				n.constructs = true
			}
		}
		return n, nil
	case "name":
		return &ast{kind: "path", pos: -1, list: []*ast{e}, keepSingle: e.keepArray}, nil
	case "parent":
		n := &ast{kind: e.kind, pos: -1, slot: &ancestor{label: "!" + strconv.Itoa(p.labels), level: 1, at: len(p.ancestors)}}
		p.labels++
		p.ancestors = append(p.ancestors, n.slot)
		return n, nil
	case "string", "number", "value", "wildcard", "descendant", "variable", "regex":
		return e, nil
	case "operator":
		switch e.text {
		case "and", "or", "in":
			e.kind = "name"
			return p.node(e)
		case "?":
			return e, nil
		}
		return nil, failAt("S0201", e.pos, e.text)
	case "(end)":
		return nil, failAt("S0207", e.pos, "(end)")
	}
	return nil, failAt("S0206", e.pos, e.text)
}

func (p *processor) processPairs(pairs [][2]*ast, n *ast) ([][2]*ast, error) {
	out := make([][2]*ast, len(pairs))
	for i, pair := range pairs {
		for j := range pair {
			e, err := p.process(pair[j])
			if err != nil {
				return nil, err
			}
			n.inherit(e)
			out[i][j] = e
		}
	}
	return out, nil
}

// last is the last step of a path, or the node itself.
func (n *ast) last() *ast {
	if n.kind == "path" {
		return n.list[len(n.list)-1]
	}
	return n
}

func (p *processor) binary(e *ast) (*ast, error) {
	left, err := p.process(e.lhs)
	if err != nil {
		return nil, err
	}
	switch e.text {
	case ".":
		return p.path(left, e)
	case "[":
		step := left.last()
		if step.group != nil {
			return nil, failAt("S0209", e.pos, "")
		}
		predicate, err := p.process(e.rhs)
		if err != nil {
			return nil, err
		}
		if predicate.seeks != nil {
			for _, slot := range predicate.seeks {
				if slot.level == 1 {
					if err := p.seek(step, slot); err != nil {
						return nil, err
					}
				} else {
					slot.level--
				}
			}
			step.inherit(predicate)
		}
		if left.kind == "path" {
			step.stages = append(step.stages, stage{filter: predicate})
		} else {
			step.predicates = append(step.predicates, stage{filter: predicate})
		}
		return left, nil
	case "{":
		if left.group != nil {
			return nil, failAt("S0210", e.pos, "")
		}
		group := &ast{kind: "unary", text: "{", pos: e.pos}
		left.group = group
		group.pairs, err = p.processPairs(e.pairs, &ast{})
		return left, err
	case "^":
		if left.kind != "path" {
			left = &ast{kind: "path", pos: -1, list: []*ast{left}}
		}
		sort := &ast{kind: "sort", pos: e.pos}
		for _, t := range e.terms {
			expr, err := p.process(t.expr)
			if err != nil {
				return nil, err
			}
			sort.inherit(expr)
			sort.terms = append(sort.terms, term{expr, t.descending})
		}
		left.list = append(left.list, sort)
		return left, p.resolve(left)
	case ":=":
		n := &ast{kind: "bind", pos: e.pos, lhs: left}
		if n.rhs, err = p.process(e.rhs); err != nil {
			return nil, err
		}
		n.inherit(n.rhs)
		return n, nil
	case "@":
		step := left.last()
		if step.stages != nil || step.predicates != nil {
			return nil, failAt("S0215", e.pos, "")
		}
		if step.kind == "sort" {
			return nil, failAt("S0216", e.pos, "")
		}
		if e.keepArray {
			step.keepArray = true
		}
		step.focus, step.tuple = e.rhs.text, true
		return left, nil
	case "#":
		step := left.last()
		if left.kind != "path" {
			left = &ast{kind: "path", pos: -1, list: []*ast{left}}
			step.stages, step.predicates = step.predicates, nil
		}
		if step.stages == nil {
			step.index = e.rhs.text
		} else {
			step.stages = append(step.stages, stage{index: e.rhs.text})
		}
		step.tuple = true
		return left, nil
	}
	right, err := p.process(e.rhs)
	if err != nil {
		return nil, err
	}
	n := &ast{kind: e.kind, text: e.text, pos: e.pos, lhs: left, rhs: right}
	if e.text == "~>" {
		n.kind, n.keepArray = "apply", left.keepArray || right.keepArray
		return n, nil
	}
	n.inherit(left)
	n.inherit(right)
	return n, nil
}

func (p *processor) path(left, e *ast) (*ast, error) {
	n := left
	if left.kind != "path" {
		n = &ast{kind: "path", pos: -1, list: []*ast{left}}
		if left.kind == "parent" {
			n.seeks = []*ancestor{left.slot}
		}
	}
	right, err := p.process(e.rhs)
	if err != nil {
		return nil, err
	}
	if right.kind == "path" {
		n.list = append(n.list, right.list...)
	} else {
		if right.predicates != nil {
			right.stages, right.predicates = right.predicates, nil
		}
		n.list = append(n.list, right)
	}
	for _, step := range n.list {
		switch step.kind {
		case "number", "value":
			return nil, &Error{Code: "S0213", Position: step.pos, Value: step.value, Value2: Undefined}
		case "string":
			step.kind = "name"
		}
		if step.keepArray {
			n.keepSingle = true
		}
	}
	for _, step := range []*ast{n.list[0], n.last()} {
		if step.kind == "unary" && step.text == "[" {
			step.constructs = true
		}
	}
	return n, p.resolve(n)
}

// inherit makes the parents that part seeks those that n seeks.
func (n *ast) inherit(part *ast) {
	n.seeks = append(n.seeks, part.seeks...)
	if part.kind == "parent" {
		n.seeks = append(n.seeks, part.slot)
	}
}

// resolve finds for the parents that a path's last step seeks the steps that know them.
func (p *processor) resolve(path *ast) error {
	last := path.last()
	slots := last.seeks
	if last.kind == "parent" {
		slots = append(slots[:len(slots):len(slots)], last.slot)
	}
	for _, slot := range slots {
		for at := len(path.list) - 2; slot.level > 0; {
			if at < 0 {
				path.seeks = append(path.seeks, slot)
				break
			}
			step := path.list[at]
			at--
			// Steps that bind the focus stay where they are.
			for at >= 0 && step.focus != "" && path.list[at].focus != "" {
				step = path.list[at]
				at--
			}
			if err := p.seek(step, slot); err != nil {
				return err
			}
		}
	}
	return nil
}

// seek makes a step remember what it came from, if that is the parent sought.
func (p *processor) seek(n *ast, slot *ancestor) error {
	switch n.kind {
	case "name", "wildcard":
		slot.level--
		if slot.level == 0 {
			if n.ancestor != nil {
				p.ancestors[slot.at].label = n.ancestor.label
			}
			n.ancestor, n.tuple = slot, true
		}
	case "parent":
		slot.level++
	case "block":
		if len(n.list) > 0 {
			n.tuple = true
			return p.seek(n.list[len(n.list)-1], slot)
		}
	case "path":
		n.tuple = true
		at := len(n.list) - 1
		if err := p.seek(n.list[at], slot); err != nil {
			return err
		}
		for at--; slot.level > 0 && at >= 0; at-- {
			if err := p.seek(n.list[at], slot); err != nil {
				return err
			}
		}
	default:
		return failAt("S0217", n.pos, n.kind)
	}
	return nil
}

// tailCall makes a call that is the last thing a function does a thunk, so that it
// needs no depth.
func tailCall(e *ast) *ast {
	switch {
	case e.kind == "function" && e.predicates == nil && e.group == nil:
		return &ast{kind: "lambda", thunk: true, pos: e.pos, rhs: e}
	case e.kind == "condition" && e.predicates == nil && e.group == nil:
		e.rhs = tailCall(e.rhs)
		if e.els != nil {
			e.els = tailCall(e.els)
		}
	case e.kind == "block" && len(e.list) > 0 && e.predicates == nil && e.group == nil:
		e.list[len(e.list)-1] = tailCall(e.list[len(e.list)-1])
	}
	return e
}
