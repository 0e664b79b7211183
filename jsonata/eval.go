package jsonata

import (
	"context"
	"math"
	"time"

	"heddle/jsonvalue"
)

// node is a compiled part of an expression. It is never changed once compiled.
type node interface {
	eval(e *evaluation, input any, env *frame) (any, error)
}

// frame holds variables; what its slots are, its scope says.
type frame struct {
	parent *frame
	slots  []any
	value  any // of a tuple: the item itself
	room   [3]any
}

// unbound is in a slot that nothing was assigned to yet.
type unbound struct{}

func newFrame(parent *frame, n int) *frame {
	f := &frame{parent: parent}
	if n <= len(f.room) {
		f.slots = f.room[:n:n]
	} else {
		f.slots = make([]any, n)
	}
	for i := range f.slots {
		f.slots[i] = unbound{}
	}
	return f
}

// tuples is a stream of tuples, each a frame of scope.
type tuples struct {
	scope *scope
	list  []*frame
}

// evaluation is one run of an expression, with what is left of its limits.
type evaluation struct {
	ctx      context.Context
	steps    int
	depth    int
	depthMax int
	bytes    int
	bytesMax int

	expr   *Expression
	o      *Options
	root   any
	global *frame
	nested bool // a result may hold lists with marks, functions or the like
	// Where the function that is being called was called from, for $eval.
	callScope *scope
	callEnv   *frame
	callInput any
	now       time.Time
}

// eval evaluates a node as jsonata-js's evaluate does: what comes of it as a sequence of
// one is that one.
func (e *evaluation) eval(n node, input any, env *frame) (any, error) {
	e.depth++
	e.steps--
	if e.depth > e.depthMax || e.steps&0xff == 0 || e.steps < 0 {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	v, err := n.eval(e, input, env)
	e.depth--
	if a, is := v.(*array); is && a.sequence {
		v = a.unwrap()
	}
	return v, err
}

func (e *evaluation) check() error {
	if e.depth > e.depthMax {
		err := fail("D1011")
		err.Value = float64(e.depthMax)
		return err
	}
	if e.steps < 0 {
		return fail("U1001")
	}
	if e.ctx != nil && e.steps&0xff == 0 {
		if err := e.ctx.Err(); err != nil {
			return failValue("D1012", err.Error())
		}
	}
	return nil
}

// step counts work that is not the evaluation of a node.
func (e *evaluation) step() error {
	e.steps--
	if e.steps&0xff == 0 || e.steps < 0 {
		return e.check()
	}
	return nil
}

func (e *evaluation) spend(steps int) error {
	e.steps -= steps
	if e.steps < 0 {
		return fail("U1001")
	}
	if steps > 0xff && e.ctx != nil && e.ctx.Err() != nil {
		return failValue("D1012", e.ctx.Err().Error())
	}
	return nil
}

// enter counts a level of depth that is not the evaluation of a node.
func (e *evaluation) enter() error {
	e.depth++
	if e.depth > e.depthMax {
		return e.check()
	}
	return nil
}

func (e *evaluation) leave() { e.depth-- }

// charge counts bytes that are about to be made.
func (e *evaluation) charge(n int) error {
	e.bytes -= n
	if e.bytes < 0 || n < 0 {
		return fail("U1002")
	}
	return nil
}

type constantNode struct{ v any }

func (n *constantNode) eval(*evaluation, any, *frame) (any, error) { return n.v, nil }

// context is what $ is: of a wrapped input, the list within.
func contextOf(input any) any {
	if a, is := input.(*array); is && a.outer {
		return a.items[0]
	}
	return input
}

type contextNode struct{}

func (*contextNode) eval(_ *evaluation, input any, _ *frame) (any, error) {
	return contextOf(input), nil
}

type rootNode struct{}

func (*rootNode) eval(e *evaluation, _ any, _ *frame) (any, error) { return e.root, nil }

type nameNode struct{ name string }

func (n *nameNode) eval(e *evaluation, input any, _ *frame) (any, error) {
	return e.lookup(input, n.name)
}

type place struct{ depth, slot int }

type variableNode struct {
	name  string
	scope *scope
	at    []place
}

func (n *variableNode) eval(e *evaluation, _ any, env *frame) (any, error) {
	depth, f := 0, env
	for _, p := range n.at {
		for ; depth < p.depth; depth++ {
			f = f.parent
		}
		v := f.slots[p.slot]
		if _, not := v.(unbound); !not {
			return v, nil
		}
	}
	if e.expr.dynamic {
		return e.globalNamed(n.name), nil
	}
	return Undefined, nil
}

type bindNode struct {
	from, to    *scope
	depth, slot int
	value       node
}

func (n *bindNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := e.eval(n.value, input, env)
	if err != nil {
		return nil, err
	}
	for range n.depth {
		env = env.parent
	}
	env.slots[n.slot] = v
	return v, nil
}

type blockNode struct {
	scope *scope
	list  []node
	cons  bool
}

func (n *blockNode) eval(e *evaluation, input any, env *frame) (any, error) {
	if n.scope.framed {
		if err := e.charge(96); err != nil {
			return nil, err
		}
		env = newFrame(env, len(n.scope.names))
	}
	var v any = Undefined
	for _, part := range n.list {
		var err error
		if v, err = e.eval(part, input, env); err != nil {
			return nil, err
		}
	}
	return v, nil
}

type conditionNode struct{ cond, then, els node }

func (n *conditionNode) eval(e *evaluation, input any, env *frame) (any, error) {
	c, err := e.eval(n.cond, input, env)
	if err != nil {
		return nil, err
	}
	yes, is := c.(bool)
	if !is {
		if yes, err = e.truth(c); err != nil {
			return nil, err
		}
	}
	switch {
	case yes:
		return e.eval(n.then, input, env)
	case n.els != nil:
		return e.eval(n.els, input, env)
	}
	return Undefined, nil
}

// orElseNode is ?: and, if absent is set, ??.
type orElseNode struct {
	left, right node
	absent      bool
}

func (n *orElseNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := e.eval(n.left, input, env)
	if err != nil {
		return nil, err
	}
	yes := !isUndefined(v)
	if !n.absent {
		if yes, err = e.truth(v); err != nil {
			return nil, err
		}
	}
	if yes {
		return v, nil
	}
	return e.eval(n.right, input, env)
}

type keptNode struct{ inner node }

func (n *keptNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := n.inner.eval(e, input, env)
	if a, is := v.(*array); is && a.sequence {
		a.keep = true
	}
	return v, err
}

type groupedNode struct {
	inner node
	group *objectNode
}

func (n *groupedNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := n.inner.eval(e, input, env)
	if err != nil {
		return nil, err
	}
	return n.group.of(e, v, env)
}

type negateNode struct {
	of  node
	pos int
}

func (n *negateNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := e.eval(n.of, input, env)
	if err != nil || isUndefined(v) {
		return v, err
	}
	f, is, err := finite(v)
	if err != nil {
		return nil, err
	}
	if !is {
		err := failValue("D1002", v)
		err.Position, err.Token = n.pos, "-"
		return nil, err
	}
	return box(-f), nil
}

type listNode struct {
	items  []node
	nested []bool // the item is itself a list as written
	cons   bool
}

func (n *listNode) eval(e *evaluation, input any, env *frame) (any, error) {
	if err := e.charge(24 + 16*len(n.items)); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(n.items))
	shared := false
	for i, item := range n.items {
		v, err := e.eval(item, input, env)
		if err != nil {
			return nil, err
		}
		if isUndefined(v) {
			continue
		}
		items, is := list(v)
		if n.nested[i] || !is {
			e.mark(v)
			out = append(out, v)
			continue
		}
		if len(n.items) == 1 {
			out, shared = items, true
			break
		}
		if err := e.charge(16 * len(items)); err != nil {
			return nil, err
		}
		if !e.nested {
			for _, item := range items {
				e.mark(item)
			}
		}
		out = append(out, items...)
	}
	if n.cons {
		e.nested = true
		return &array{items: out, cons: true}, nil
	}
	if shared {
		e.nested = true
	}
	return out, nil
}

// mark notes that a value that goes into another needs a second look at the end.
func (e *evaluation) mark(v any) {
	if e.nested {
		return
	}
	switch v.(type) {
	case string, float64, bool, nil, jsonvalue.Number:
	default:
		e.nested = true
	}
}

// objectNode makes an object, of one item or grouped over many.
type objectNode struct {
	names, values []node
	pos           int
}

func (n *objectNode) eval(e *evaluation, input any, env *frame) (any, error) {
	return n.of(e, input, env)
}

func (n *objectNode) name(e *evaluation, i int, item any, env *frame) (string, bool, error) {
	v, err := e.eval(n.names[i], item, env)
	if err != nil {
		return "", false, err
	}
	switch v := v.(type) {
	case string:
		return v, true, nil
	case undefined:
		return "", false, nil
	default:
		err := failValue("T1003", v)
		err.Position = n.pos
		return "", false, err
	}
}

func (n *objectNode) of(e *evaluation, v any, env *frame) (any, error) {
	if t, is := v.(*tuples); is {
		return n.ofTuples(e, t, env)
	}
	items, many := list(v)
	if a, is := v.(*array); many && len(items) == 0 {
		many, v = false, Undefined
	} else if many && len(items) == 1 && is && a.sequence {
		many, v = false, items[0]
	}
	if err := e.charge(48 + 32*len(n.names)); err != nil {
		return nil, err
	}
	out := jsonvalue.NewObject(len(n.names))
	if !many {
		if err := n.single(e, v, env, out); err != nil {
			return nil, err
		}
		return out, nil
	}
	groups := map[string]*group{}
	var order []*group
	for _, item := range items {
		for i := range n.names {
			name, is, err := n.name(e, i, item, env)
			if err != nil {
				return nil, err
			}
			if !is {
				continue
			}
			g := groups[name]
			switch {
			case g == nil:
				if err := e.charge(96 + len(name)); err != nil {
					return nil, err
				}
				g = &group{name: name, data: item, pair: i}
				groups[name] = g
				order = append(order, g)
			case g.pair != i:
				return nil, n.twice(name)
			default:
				if err := g.add(e, item); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, g := range order {
		if g.items != nil {
			g.data = g.items
		}
		v, err := e.eval(n.values[g.pair], g.data, env)
		if err != nil {
			return nil, err
		}
		if !isUndefined(v) {
			e.mark(v)
			out.Set(g.name, v)
		}
	}
	return out, nil
}

func (n *objectNode) twice(name string) error {
	err := failValue("D1009", name)
	err.Position = n.pos
	return err
}

// single makes the object of one item: {…} as it is mostly used.
func (n *objectNode) single(e *evaluation, item any, env *frame, out *jsonvalue.Object) error {
	var room [8]string
	names := room[:0]
	for i := range n.names {
		name, is, err := n.name(e, i, item, env)
		if err != nil {
			return err
		}
		if !is {
			name = "\xff" // no name
		} else if len(n.names) <= 16 {
			for _, other := range names {
				if other == name {
					return n.twice(name)
				}
			}
		}
		names = append(names, name)
	}
	if len(names) > 16 {
		seen := make(map[string]bool, len(names))
		for _, name := range names {
			if name != "\xff" && seen[name] {
				return n.twice(name)
			}
			seen[name] = true
		}
	}
	for i, name := range names {
		if name == "\xff" {
			continue
		}
		v, err := e.eval(n.values[i], item, env)
		if err != nil {
			return err
		}
		if !isUndefined(v) {
			e.mark(v)
			out.Set(name, v)
		}
	}
	return nil
}

// group is what the items of one name make together.
type group struct {
	name  string
	data  any
	items []any // if there is more than one
	pair  int
}

func (g *group) add(e *evaluation, item any) error {
	if isUndefined(item) {
		return nil
	}
	if isUndefined(g.data) && g.items == nil {
		g.data = item
		return nil
	}
	if g.items == nil {
		first := ofList(g.data)
		if err := e.charge(16 * len(first)); err != nil {
			return err
		}
		g.items = append([]any(nil), first...)
	}
	more := ofList(item)
	if err := e.charge(16 * len(more)); err != nil {
		return err
	}
	g.items = append(g.items, more...)
	return nil
}

// ofTuples groups a stream of tuples: the value of a group sees as each variable all that
// its tuples bind to it.
func (n *objectNode) ofTuples(e *evaluation, t *tuples, env *frame) (any, error) {
	groups := map[string]*group{}
	var order []*group
	var members [][]*frame
	for _, tuple := range t.list {
		for i := range n.names {
			name, is, err := n.name(e, i, tuple.value, tuple)
			if err != nil {
				return nil, err
			}
			if !is {
				continue
			}
			g := groups[name]
			if g == nil {
				if err := e.charge(96 + len(name)); err != nil {
					return nil, err
				}
				g = &group{name: name, pair: i}
				groups[name] = g
				order = append(order, g)
				members = append(members, nil)
				g.items = []any{len(members) - 1}
			} else if g.pair != i {
				return nil, n.twice(name)
			}
			at := g.items[0].(int)
			members[at] = append(members[at], tuple)
		}
	}
	out := jsonvalue.NewObject(len(order))
	for i, g := range order {
		first := members[i][0]
		all := first
		if len(members[i]) > 1 {
			all = newFrame(env, len(first.slots))
			merge := func(get func(*frame) any) (any, error) {
				var m group
				m.data = get(first)
				if _, not := m.data.(unbound); not {
					m.data = Undefined
				}
				for _, f := range members[i][1:] {
					v := get(f)
					if _, not := v.(unbound); not {
						continue
					}
					if err := m.add(e, v); err != nil {
						return nil, err
					}
				}
				if m.items != nil {
					return m.items, nil
				}
				return m.data, nil
			}
			var err error
			if all.value, err = merge(func(f *frame) any { return f.value }); err != nil {
				return nil, err
			}
			for s := range first.slots {
				if _, not := first.slots[s].(unbound); not {
					continue
				}
				if all.slots[s], err = merge(func(f *frame) any { return f.slots[s] }); err != nil {
					return nil, err
				}
			}
		}
		v, err := e.eval(n.values[g.pair], all.value, all)
		if err != nil {
			return nil, err
		}
		if !isUndefined(v) {
			e.mark(v)
			out.Set(g.name, v)
		}
	}
	return out, nil
}

type wildcardNode struct{}

func (*wildcardNode) eval(e *evaluation, input any, _ *frame) (any, error) {
	if a, is := input.(*array); is && a.outer {
		input = a.items[0]
	}
	var out []any
	flattened := false
	add := func(v any) error {
		if err := e.step(); err != nil {
			return err
		}
		if !isList(v) {
			out = append(out, v)
			return e.charge(16)
		}
		flattened = true
		return e.flatten(v, &out)
	}
	if o, is := input.(*jsonvalue.Object); is {
		for _, v := range o.All() {
			if err := add(v); err != nil {
				return nil, err
			}
		}
	} else if items, is := list(input); is {
		for _, v := range items {
			if err := add(v); err != nil {
				return nil, err
			}
		}
	}
	if flattened {
		if out == nil {
			out = []any{}
		}
		return out, nil
	}
	return sequence(out), nil
}

// flatten appends all that lies in lists within lists.
func (e *evaluation) flatten(v any, out *[]any) error {
	items, is := list(v)
	if !is {
		*out = append(*out, v)
		return e.charge(16)
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	for _, item := range items {
		if err := e.step(); err != nil {
			return err
		}
		if err := e.flatten(item, out); err != nil {
			return err
		}
	}
	return nil
}

type descendantNode struct{}

func (*descendantNode) eval(e *evaluation, input any, _ *frame) (any, error) {
	if isUndefined(input) {
		return input, nil
	}
	var out []any
	if err := e.descend(input, &out); err != nil {
		return nil, err
	}
	if len(out) == 1 {
		return out[0], nil
	}
	return sequence(out), nil
}

func (e *evaluation) descend(v any, out *[]any) error {
	if err := e.step(); err != nil {
		return err
	}
	if err := e.charge(16); err != nil {
		return err
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	if items, is := list(v); is {
		for _, item := range items {
			if err := e.descend(item, out); err != nil {
				return err
			}
		}
		return nil
	}
	*out = append(*out, v)
	if o, is := v.(*jsonvalue.Object); is {
		for _, member := range o.All() {
			if err := e.descend(member, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// filter is a compiled predicate, or a place to number what is left.
type filter struct {
	node     node
	number   float64
	isNumber bool
	index    int // the slot that gets the number; -1 of a predicate
}

type filteredNode struct {
	inner  node
	stages []filter
	scope  *scope // of the tuples that it filters, if any
}

func (n *filteredNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := n.inner.eval(e, input, env)
	if err != nil {
		return nil, err
	}
	if t, is := v.(*tuples); is {
		t = t.in(n.scope, env)
		for i := range n.stages {
			if t, err = e.filterTuples(&n.stages[i], t); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
	if n.scope != nil {
		env = newFrame(env, len(n.scope.names)) // as its predicates are compiled for
	}
	for i := range n.stages {
		if v, err = e.filter(&n.stages[i], v, env); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// at finds the item that a number means.
func at(f float64, n int) int {
	f = math.Floor(f)
	if f < 0 {
		f += float64(n)
	}
	if f >= 0 && f < float64(n) {
		return int(f)
	}
	return -1
}

func (e *evaluation) filter(p *filter, v any, env *frame) (any, error) {
	items, is := list(v)
	var room [1]any
	if !is {
		room[0] = v
		items = room[:]
	}
	if p.isNumber {
		i := at(p.number, len(items))
		if i < 0 || isUndefined(items[i]) {
			return sequence(nil), nil
		}
		if isList(items[i]) {
			return items[i], nil
		}
		return sequence([]any{items[i]}), nil
	}
	var out []any
	for i, item := range items {
		r, err := e.eval(p.node, item, env)
		if err != nil {
			return nil, err
		}
		times, err := e.chosen(r, i, len(items))
		if err != nil {
			return nil, err
		}
		if times > 0 && isUndefined(item) {
			e.nested = true
		}
		for range times {
			if err := e.charge(16); err != nil {
				return nil, err
			}
			out = append(out, item)
		}
	}
	return sequence(out), nil
}

// chosen tells how often a predicate that gave r chooses item i of n.
func (e *evaluation) chosen(r any, i, n int) (int, error) {
	switch r := r.(type) {
	case bool:
		if r {
			return 1, nil
		}
		return 0, nil
	case string:
		if r != "" {
			return 1, nil
		}
		return 0, nil
	}
	f, is, err := finite(r)
	if err != nil {
		return 0, err
	}
	if is {
		if at(f, n) == i {
			return 1, nil
		}
		return 0, nil
	}
	items, is := list(r)
	if !is || len(items) == 0 {
		if truth(r) {
			return 1, nil
		}
		return 0, nil
	}
	if err := e.spend(len(items)); err != nil {
		return 0, err
	}
	times := 0
	for _, item := range items {
		f, is, err := finite(item)
		if err != nil {
			return 0, err
		}
		if !is {
			if truth(r) {
				return 1, nil
			}
			return 0, nil
		}
		if at(f, n) == i {
			times++
		}
	}
	return times, nil
}

func (e *evaluation) filterTuples(p *filter, t *tuples) (*tuples, error) {
	if p.index >= 0 {
		for i, tuple := range t.list {
			tuple.slots[p.index] = boxInt(i)
		}
		return t, nil
	}
	out := &tuples{scope: t.scope}
	if p.isNumber {
		if i := at(p.number, len(t.list)); i >= 0 {
			out.list = t.list[i : i+1]
		}
		return out, nil
	}
	for i, tuple := range t.list {
		r, err := e.eval(p.node, tuple.value, tuple)
		if err != nil {
			return nil, err
		}
		times, err := e.chosen(r, i, len(t.list))
		if err != nil {
			return nil, err
		}
		for range times {
			out.list = append(out.list, tuple)
		}
	}
	return out, e.charge(8 * len(out.list))
}

// in gives the tuples frames of another scope, which knows all their names.
func (t *tuples) in(s *scope, env *frame) *tuples {
	if t.scope == s {
		return t
	}
	out := &tuples{scope: s, list: make([]*frame, len(t.list))}
	for i, tuple := range t.list {
		f := newFrame(env, len(s.names))
		f.value = tuple.value
		t.copyTo(f, tuple, s)
		out.list[i] = f
	}
	return out
}

func (t *tuples) copyTo(f, tuple *frame, s *scope) {
	for j, name := range t.scope.names {
		if to := s.slot(name); to >= 0 && j < len(tuple.slots) {
			if _, not := tuple.slots[j].(unbound); !not {
				f.slots[to] = tuple.slots[j]
			}
		}
	}
}

type step struct {
	name     string
	isName   bool // nothing but the name
	node     node
	sort     *sortNode
	stages   []filter
	tuple    bool
	first    bool // a list as written that begins the path
	focus    int  // slots of the tuple's frame, -1 if not said
	index    int
	ancestor int
}

type pathNode struct {
	steps        []step
	keep         bool // [] stood behind a step
	kept         bool // [] stood behind it all
	handsOn      bool // the tuples themselves
	fromVariable bool
	simple       bool // names only
	group        *objectNode
	scope        *scope // of the tuples
}

func (n *pathNode) eval(e *evaluation, input any, env *frame) (any, error) {
	v, err := n.walk(e, input, env)
	if a, is := v.(*array); is && n.kept && a.sequence {
		a.keep = true
	}
	return v, err
}

func (n *pathNode) walk(e *evaluation, input any, env *frame) (any, error) {
	at := 0
	if !isList(input) {
		// As long as one value comes of one value there is no need of a list.
		var v any
		v, done, next, err := n.ofOne(e, input, env)
		if err != nil || done {
			return v, err
		}
		input, at = v, next
	}
	items, is := list(input)
	if !is || at == 0 && n.fromVariable {
		items = []any{input}
	}
	return n.rest(e, at, items, env)
}

// ofOne walks steps from a single value. It is done, or gives the values from which the
// step next goes on.
func (n *pathNode) ofOne(e *evaluation, input any, env *frame) (v any, done bool, next int, err error) {
	if e.depth >= e.depthMax {
		e.depth++
		return nil, true, 0, e.check()
	}
	v = input
	last := len(n.steps) - 1
	for i := range n.steps {
		s := &n.steps[i]
		if s.tuple || s.sort != nil || s.first || s.stages != nil {
			if isUndefined(v) && i > 0 {
				break
			}
			return v, false, i, nil
		}
		if s.isName {
			if err := e.step(); err != nil {
				return nil, true, 0, err
			}
			o, is := v.(*jsonvalue.Object)
			if !is {
				v = Undefined
			} else if m, found := o.Get(s.name); found {
				v = m
			} else {
				v = Undefined
			}
		} else if v, err = e.eval(s.node, v, env); err != nil {
			return nil, true, 0, err
		}
		if isUndefined(v) {
			break
		}
		items, is := list(v)
		if !is {
			continue
		}
		if a, marked := v.(*array); marked {
			if !a.cons && !a.sequence && i == last {
				break
			}
			if a.cons {
				// Not flattened, it is one value.
				if i == last {
					if !a.sequence {
						break
					}
					return n.end(e, sequence([]any{v}), env)
				}
				return []any{v}, false, i + 1, nil
			}
			if i == last {
				return n.end(e, sequence(items), env)
			}
		} else if i == last {
			break
		}
		if len(items) == 0 {
			return n.end(e, sequence(nil), env)
		}
		return &array{items: items}, false, i + 1, nil
	}
	if isUndefined(v) {
		return n.end(e, sequence(nil), env)
	}
	if isList(v) {
		return n.end(e, v, env)
	}
	if n.group == nil && !n.keep && !n.kept {
		return v, true, 0, nil
	}
	return n.end(e, sequence([]any{v}), env)
}

func (n *pathNode) end(e *evaluation, v any, env *frame) (any, bool, int, error) {
	v, err := n.finish(e, v, nil, env)
	return v, true, 0, err
}

// finish does what comes after the last step.
func (n *pathNode) finish(e *evaluation, v any, t *tuples, env *frame) (any, error) {
	if t != nil {
		e.nested = true // a tuple may be of the wrapped input
		if n.handsOn && n.group == nil {
			return t, nil
		}
		if n.group == nil || !n.handsOn {
			items := make([]any, len(t.list))
			for i, tuple := range t.list {
				items[i] = tuple.value
			}
			v = sequence(items)
		}
	}
	if n.keep {
		if a, is := v.(*array); is {
			if a.cons && !a.sequence {
				a = sequence([]any{a})
				v = a
			}
			a.keep = true
		}
	}
	if n.group == nil {
		return v, nil
	}
	if t != nil {
		return n.group.of(e, t, env)
	}
	if n.scope != nil {
		env = newFrame(env, len(n.scope.names)) // the stream ended before its first tuple
	}
	return n.group.of(e, v, env)
}

// rest walks the steps from at on over many values.
func (n *pathNode) rest(e *evaluation, at int, items []any, env *frame) (any, error) {
	var result any = &array{items: items, sequence: true}
	var stream *tuples
	streaming := false
	for i := at; i < len(n.steps); i++ {
		s := &n.steps[i]
		var err error
		streaming = streaming || s.tuple
		switch {
		case s.first && i == 0:
			// A list as written is not asked of each value, and binds nothing.
			if result, err = e.eval(s.node, &array{items: items, sequence: true}, env); err != nil {
				return nil, err
			}
			if isUndefined(result) && !streaming {
				return n.finish(e, result, nil, env)
			}
			if s.focus >= 0 {
				continue
			}
			if text, is := result.(string); !isList(result) && i < len(n.steps)-1 {
				// As in jsonata-js, where a text is a list of its characters and
				// any other value is none.
				if items = nil; is && text == "" {
					return n.finish(e, result, nil, env)
				}
				for text != "" {
					size := nextCharacter(text)
					items = append(items, text[:size])
					text = text[size:]
				}
				result = sequence(nil)
				if err := e.charge(32 * len(items)); err != nil {
					return nil, err
				}
				continue
			}
		case streaming:
			if stream, err = n.tupleStep(e, s, items, stream, env); err != nil {
				return nil, err
			}
			continue
		default:
			if result, err = n.step(e, s, items, env, i == len(n.steps)-1); err != nil {
				return nil, err
			}
		}
		if items, _ = list(result); len(items) == 0 && !streaming {
			break
		}
	}
	return n.finish(e, result, stream, env)
}

func (n *pathNode) step(e *evaluation, s *step, items []any, env *frame, last bool) (any, error) {
	if s.sort != nil {
		sorted, err := s.sort.of(e, items, env)
		if err != nil {
			return nil, err
		}
		var v any = sorted
		for i := range s.stages {
			if v, err = e.filter(&s.stages[i], v, env); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
	if s.isName && e.depth >= e.depthMax {
		e.depth++
		return nil, e.check()
	}
	var out []any
	var first any // put off, since one list alone stays as it is
	count := 0
	if s.isName && len(items) > 4 {
		out = make([]any, 0, len(items))
	}
	for _, item := range items {
		var v any
		var err error
		if s.isName {
			if err := e.step(); err != nil {
				return nil, err
			}
			if v, err = e.lookup(item, s.name); err != nil {
				return nil, err
			}
			if a, is := v.(*array); is && a.sequence {
				v = a.unwrap()
			}
		} else if v, err = e.eval(s.node, item, env); err != nil {
			return nil, err
		}
		for j := range s.stages {
			if v, err = e.filter(&s.stages[j], v, env); err != nil {
				return nil, err
			}
		}
		if isUndefined(v) {
			continue
		}
		count++
		if count == 1 {
			first = v
			continue
		}
		if count == 2 {
			if out, err = e.spread(out, first); err != nil {
				return nil, err
			}
		}
		if out, err = e.spread(out, v); err != nil {
			return nil, err
		}
	}
	if count == 1 {
		if last && isList(first) && !isSequence(first) {
			return first, nil
		}
		var err error
		if out, err = e.spread(out, first); err != nil {
			return nil, err
		}
	}
	return sequence(out), nil
}

// spread appends a value, or the items of a list that is to be flattened.
func (e *evaluation) spread(out []any, v any) ([]any, error) {
	items, is := list(v)
	if a, marked := v.(*array); !is || marked && a.cons {
		return append(out, v), e.charge(16)
	}
	return append(out, items...), e.charge(16 * len(items))
}

func (n *pathNode) tupleStep(e *evaluation, s *step, items []any, stream *tuples, env *frame) (*tuples, error) {
	out := &tuples{scope: n.scope}
	slots := len(n.scope.names)
	fresh := func(v any) (*frame, error) {
		f := newFrame(env, slots)
		f.value = v
		return f, e.charge(96 + 16*slots)
	}
	var err error
	switch {
	case s.sort != nil && stream != nil:
		if out, err = s.sort.ofTuples(e, stream); err != nil {
			return nil, err
		}
		if s.index >= 0 {
			for i, tuple := range out.list {
				tuple.slots[s.index] = boxInt(i)
			}
		}
	case s.sort != nil:
		sorted, err := s.sort.of(e, items, env)
		if err != nil {
			return nil, err
		}
		values, _ := list(sorted)
		for i, v := range values {
			f, err := fresh(v)
			if err != nil {
				return nil, err
			}
			if s.index >= 0 {
				f.slots[s.index] = boxInt(i)
			}
			out.list = append(out.list, f)
		}
	default:
		if stream == nil {
			stream = &tuples{scope: n.scope}
			for _, item := range items {
				f, err := fresh(item)
				if err != nil {
					return nil, err
				}
				stream.list = append(stream.list, f)
			}
		}
		for _, tuple := range stream.list {
			var v any
			if s.isName {
				if err := e.step(); err != nil {
					return nil, err
				}
				if v, err = e.lookup(tuple.value, s.name); err != nil {
					return nil, err
				}
				if a, is := v.(*array); is && a.sequence {
					v = a.unwrap()
				}
			} else if v, err = e.eval(s.node, tuple.value, tuple); err != nil {
				return nil, err
			}
			if isUndefined(v) {
				continue
			}
			inner, isStream := v.(*tuples)
			var values []any
			var one [1]any
			count := 0
			if isStream {
				count = len(inner.list)
			} else {
				var is bool
				if values, is = list(v); !is {
					one[0] = v
					values = one[:]
				}
				count = len(values)
			}
			for i := range count {
				f, err := fresh(tuple.value)
				if err != nil {
					return nil, err
				}
				copy(f.slots, tuple.slots)
				if isStream {
					f.value = inner.list[i].value
					inner.copyTo(f, inner.list[i], n.scope)
				} else {
					if s.focus >= 0 {
						f.slots[s.focus] = values[i]
					} else {
						f.value = values[i]
					}
					if s.index >= 0 {
						f.slots[s.index] = boxInt(i)
					}
					if s.ancestor >= 0 {
						f.slots[s.ancestor] = tuple.value
					}
				}
				out.list = append(out.list, f)
			}
		}
	}
	for i := range s.stages {
		if out, err = e.filterTuples(&s.stages[i], out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type sortTerm struct {
	expr       node
	descending bool
}

type sortNode struct {
	terms []sortTerm
	pos   int
}

// sortItem is an item with the values of the terms, evaluated when first needed.
type sortItem struct {
	item any
	env  *frame
	keys []any
}

func (n *sortNode) of(e *evaluation, items []any, env *frame) (any, error) {
	if len(items) <= 1 {
		return sequence(items), nil
	}
	list := make([]sortItem, len(items))
	for i, item := range items {
		list[i] = sortItem{item: item, env: env}
	}
	if err := n.sort(e, list); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i := range list {
		out[i] = list[i].item
	}
	return out, nil
}

func (n *sortNode) ofTuples(e *evaluation, t *tuples) (*tuples, error) {
	list := make([]sortItem, len(t.list))
	for i, tuple := range t.list {
		list[i] = sortItem{item: tuple.value, env: tuple}
	}
	if err := n.sort(e, list); err != nil {
		return nil, err
	}
	out := &tuples{scope: t.scope, list: make([]*frame, len(list))}
	for i := range list {
		out.list[i] = list[i].env
	}
	return out, nil
}

func (n *sortNode) sort(e *evaluation, list []sortItem) error {
	if err := e.charge(len(list) * (80 + 16*len(n.terms))); err != nil {
		return err
	}
	return mergeSort(list, make([]sortItem, len(list)), func(a, b *sortItem) (bool, error) { return n.after(e, a, b) })
}

func (n *sortNode) key(e *evaluation, s *sortItem, i int) (any, error) {
	if i < len(s.keys) {
		return s.keys[i], nil
	}
	v, err := e.eval(n.terms[i].expr, s.item, s.env)
	if err != nil {
		return nil, err
	}
	s.keys = append(s.keys, v)
	return v, nil
}

// after tells whether a comes after b.
func (n *sortNode) after(e *evaluation, a, b *sortItem) (bool, error) {
	if err := e.step(); err != nil {
		return false, err
	}
	for i := range n.terms {
		x, err := n.key(e, a, i)
		if err != nil {
			return false, err
		}
		y, err := n.key(e, b, i)
		if err != nil {
			return false, err
		}
		if isUndefined(x) {
			if isUndefined(y) {
				continue
			}
			return true, nil
		}
		if isUndefined(y) {
			return false, nil
		}
		s, xText := x.(string)
		f, xNumber := number(x)
		t, yText := y.(string)
		g, yNumber := number(y)
		switch {
		case !xText && !xNumber || !yText && !yNumber:
			err := failValue("T2008", x)
			if xText || xNumber {
				err.Value = y
			}
			err.Position = n.pos
			return false, err
		case xText != yText:
			err := failValue("T2007", x)
			err.Value2, err.Position = y, n.pos
			return false, err
		case xText && s == t || xNumber && f == g:
			continue
		case xText:
			return less(s, t) == n.terms[i].descending, nil
		default:
			return (f < g) == n.terms[i].descending, nil
		}
	}
	return false, nil
}

// mergeSort is stable; after tells whether a comes after b.
func mergeSort[T any](list, room []T, after func(a, b *T) (bool, error)) error {
	if len(list) <= 1 {
		return nil
	}
	middle := len(list) / 2
	if err := mergeSort(list[:middle], room[:middle], after); err != nil {
		return err
	}
	if err := mergeSort(list[middle:], room[middle:], after); err != nil {
		return err
	}
	copy(room, list)
	left, right := room[:middle], room[middle:len(list)]
	for k := range list {
		switch {
		case len(left) == 0:
			copy(list[k:], right)
			return nil
		case len(right) == 0:
			copy(list[k:], left)
			return nil
		}
		later, err := after(&left[0], &right[0])
		if err != nil {
			return err
		}
		if later {
			list[k], right = right[0], right[1:]
		} else {
			list[k], left = left[0], left[1:]
		}
	}
	return nil
}
