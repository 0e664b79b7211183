package jsonata

import "math"

// binaryNode is an operator with two sides.
type binaryNode struct {
	op          string
	left, right node
	pos         int
}

// specialise makes the node of the operator.
func specialise(n *binaryNode) node {
	switch n.op {
	case "+", "-", "*", "/", "%":
		return &arithmeticNode{*n, n.op[0]}
	case "=", "!=":
		return &equalNode{*n, n.op == "="}
	case "<", "<=", ">", ">=":
		return &compareNode{*n}
	case "and", "or":
		return &logicNode{*n, n.op == "or"}
	case "&":
		return &joinNode{*n}
	case "..":
		return &rangeNode{*n}
	case "in":
		return &inNode{*n}
	}
	return n
}

// eval is that of an operator which only makes sense in another place.
func (n *binaryNode) eval(*evaluation, any, *frame) (any, error) {
	return nil, failAt("S0204", n.pos, n.op)
}

func (n *binaryNode) sides(e *evaluation, input any, env *frame) (a, b any, err error) {
	if a, err = e.eval(n.left, input, env); err == nil {
		b, err = e.eval(n.right, input, env)
	}
	return a, b, err
}

// at sets where an error is.
func (n *binaryNode) at(err error) error {
	if e, is := err.(*Error); is {
		e.Position, e.Token = n.pos, n.op
	}
	return err
}

type arithmeticNode struct {
	binaryNode
	op byte
}

func (n *arithmeticNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, b, err := n.sides(e, input, env)
	if err != nil {
		return nil, err
	}
	x, isX := a.(float64)
	y, isY := b.(float64)
	if !isX || !isY || math.IsInf(x, 0) || math.IsNaN(x) || math.IsInf(y, 0) || math.IsNaN(y) {
		var err error
		if x, isX, err = finite(a); err != nil {
			return nil, n.at(err)
		}
		if !isX && !isUndefined(a) {
			return nil, n.at(failValue("T2001", a))
		}
		if y, isY, err = finite(b); err != nil {
			return nil, n.at(err)
		}
		if !isY && !isUndefined(b) {
			return nil, n.at(failValue("T2002", b))
		}
		if !isX || !isY {
			return Undefined, nil
		}
	}
	switch n.op {
	case '+':
		x += y
	case '-':
		x -= y
	case '*':
		x *= y
	case '/':
		x /= y
	default:
		x = remainder(x, y)
	}
	return box(x), nil
}

func remainder(x, y float64) float64 {
	if i, j := int64(x), int64(y); float64(i) == x && float64(j) == y && j != 0 && i > 0 {
		return float64(i % j)
	}
	return math.Mod(x, y)
}

type equalNode struct {
	binaryNode
	want bool
}

func (n *equalNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, b, err := n.sides(e, input, env)
	if err != nil {
		return nil, err
	}
	if isUndefined(a) || isUndefined(b) {
		return false, nil
	}
	same, err := e.equal(a, b)
	if err != nil {
		return nil, n.at(err)
	}
	return same == n.want, nil
}

type compareNode struct{ binaryNode }

func (n *compareNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, b, err := n.sides(e, input, env)
	if err != nil {
		return nil, err
	}
	s, aText := a.(string)
	t, bText := b.(string)
	x, aNumber := number(a)
	y, bNumber := number(b)
	aAbsent, bAbsent := isUndefined(a), isUndefined(b)
	switch {
	case !aText && !aNumber && !aAbsent:
		return nil, n.at(failValue("T2010", a))
	case !bText && !bNumber && !bAbsent:
		err := failValue("T2010", b)
		if aAbsent {
			err.Value = a
		}
		return nil, n.at(err)
	case aAbsent || bAbsent:
		return Undefined, nil
	case aText != bText:
		err := failValue("T2009", a)
		err.Value2 = b
		return nil, n.at(err)
	case aText:
		switch n.op {
		case "<":
			return less(s, t), nil
		case "<=":
			return !less(t, s), nil
		case ">":
			return less(t, s), nil
		}
		return !less(s, t), nil
	}
	switch n.op {
	case "<":
		return x < y, nil
	case "<=":
		return x <= y, nil
	case ">":
		return x > y, nil
	}
	return x >= y, nil
}

type logicNode struct {
	binaryNode
	or bool
}

func (n *logicNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, err := e.eval(n.left, input, env)
	if err != nil {
		return nil, err
	}
	yes, err := e.truth(a)
	if err != nil {
		return nil, n.at(err)
	}
	if yes == n.or {
		return n.or, nil
	}
	b, err := e.eval(n.right, input, env)
	if err != nil {
		return nil, n.at(err)
	}
	yes, err = e.truth(b)
	if err != nil {
		return nil, n.at(err)
	}
	return yes, nil
}

type joinNode struct{ binaryNode }

func (n *joinNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, b, err := n.sides(e, input, env)
	if err != nil {
		return nil, err
	}
	s, err := e.text(a)
	if err != nil {
		return nil, n.at(err)
	}
	t, err := e.text(b)
	if err != nil {
		return nil, n.at(err)
	}
	if err := e.charge(len(s) + len(t)); err != nil {
		return nil, n.at(err)
	}
	return concat(s, t), nil
}

// rangeMax is how many numbers a range may have.
const rangeMax = 10_000_000

type rangeNode struct{ binaryNode }

func (n *rangeNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, b, err := n.sides(e, input, env)
	if err != nil {
		return nil, err
	}
	from, isFrom := number(a)
	to, isTo := number(b)
	if !isUndefined(a) && (!isFrom || !isInteger(from)) {
		return nil, n.at(failValue("T2003", a))
	}
	if !isUndefined(b) && (!isTo || !isInteger(to)) {
		return nil, n.at(failValue("T2004", b))
	}
	if !isFrom || !isTo || from > to {
		return Undefined, nil
	}
	size := to - from + 1
	if size > rangeMax {
		return nil, n.at(failValue("D2014", size))
	}
	if err := e.charge(24 * int(size)); err != nil {
		return nil, n.at(err)
	}
	if err := e.spend(int(size) / 16); err != nil {
		return nil, n.at(err)
	}
	out := make([]any, int(size))
	for i := range out {
		out[i] = box(from + float64(i))
	}
	return sequence(out), nil
}

func isInteger(f float64) bool { return f == math.Trunc(f) && !math.IsInf(f, 0) }

type inNode struct{ binaryNode }

func (n *inNode) eval(e *evaluation, input any, env *frame) (any, error) {
	a, b, err := n.sides(e, input, env)
	if err != nil {
		return nil, err
	}
	if isUndefined(a) || isUndefined(b) {
		return false, nil
	}
	items := ofList(b)
	if err := e.spend(len(items)); err != nil {
		return nil, n.at(err)
	}
	for _, item := range items {
		if strictlyEqual(a, item) {
			return true, nil
		}
	}
	return false, nil
}

// strictlyEqual is JavaScript's ===: lists and objects are equal to themselves alone.
func strictlyEqual(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, is := b.([]any)
		return is && len(a) > 0 && len(a) == len(b) && &a[0] == &b[0]
	case string:
		b, is := b.(string)
		return is && a == b
	}
	if x, is := number(a); is {
		y, is := number(b)
		return is && x == y
	}
	if _, is := b.([]any); is {
		return false
	}
	return a == b
}
