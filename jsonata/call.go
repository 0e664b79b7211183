package jsonata

import (
	"heddle/jsonvalue"
)

// callable is a function as a value. call leaves a tail call to apply.
type callable interface {
	arity() int
	call(e *evaluation, args []any, input any, env *frame) (any, error)
}

func isFunction(v any) bool { _, is := v.(callable); return is }

type lambdaNode struct {
	scope  *scope
	slots  []int // of the parameters
	params int
	sig    *signature
	body   node
}

func (n *lambdaNode) eval(e *evaluation, input any, env *frame) (any, error) {
	return &lambda{def: n, env: env, input: input, pos: -1}, e.charge(64)
}

type lambda struct {
	def   *lambdaNode
	env   *frame
	input any
	token string // from where it was called last, for errors
	pos   int
}

func (f *lambda) arity() int { return f.def.params }

func (f *lambda) call(e *evaluation, args []any, input any, _ *frame) (any, error) {
	def := f.def
	if def.sig != nil {
		var err error
		if args, err = def.sig.check(args, input); err != nil {
			return nil, f.blame(err)
		}
	}
	env := f.env
	if def.scope.framed {
		if err := e.charge(96 + 16*len(def.scope.names)); err != nil {
			return nil, err
		}
		env = newFrame(env, len(def.scope.names))
		for i, slot := range def.slots {
			if i < len(args) {
				env.slots[slot] = args[i]
			} else {
				env.slots[slot] = Undefined
			}
		}
	}
	v, err := e.eval(def.body, f.input, env)
	if err != nil {
		return nil, f.blame(err)
	}
	return v, nil
}

func (f *lambda) blame(err error) error {
	if f.pos < 0 {
		return err
	}
	return blame(err, f.token, f.pos)
}

// thunk is a call that a function ends with.
type thunk struct {
	call  *callNode
	input any
	env   *frame
}

type thunkNode struct{ call *callNode }

func (n *thunkNode) eval(e *evaluation, input any, env *frame) (any, error) {
	return &thunk{n.call, input, env}, nil
}

// apply calls a function, and the functions that it ends with calling.
func (e *evaluation) apply(f any, args []any, input any, env *frame) (any, error) {
	v, err := e.applyOnce(f, args, input, env)
	for err == nil {
		t, is := v.(*thunk)
		if !is {
			return v, nil
		}
		next, err := e.eval(t.call.proc, t.input, t.env)
		if err != nil {
			return nil, err
		}
		if l, is := next.(*lambda); is {
			l.token, l.pos = t.call.name, t.call.procPos
		}
		args, err := t.call.arguments(e, nil, t.input, t.env)
		if err != nil {
			return nil, err
		}
		e.callScope, e.callEnv, e.callInput = t.call.scope, t.env, t.input
		// The context of the function that ends with the call is that of its own call.
		if v, err = e.applyOnce(next, args, input, t.env); err != nil {
			if _, is := next.(*native); is {
				return nil, blame(err, t.call.name, t.call.procPos)
			}
			return nil, err
		}
	}
	return nil, err
}

func (e *evaluation) applyOnce(f any, args []any, input any, env *frame) (any, error) {
	fn, is := f.(callable)
	if !is {
		return nil, fail("T1006")
	}
	return fn.call(e, args, input, env)
}

// callback calls a function that a function was given: with as many of the arguments as
// it takes.
func (e *evaluation) callback(f any, args ...any) (any, error) {
	if err := e.step(); err != nil {
		return nil, err
	}
	fn, is := f.(callable)
	if !is {
		return nil, fail("T1006")
	}
	if n := max(fn.arity(), 1); n < len(args) {
		args = args[:n]
	}
	return e.apply(f, args, nil, nil)
}

type callNode struct {
	proc  node
	name  string
	meant node // the variable of the same name, when the procedure has no $
	args  []node
	pos   int
	// procPos is where the procedure stands, which a tail call is blamed on.
	procPos int
	scope   *scope
}

func (n *callNode) arguments(e *evaluation, args []any, input any, env *frame) ([]any, error) {
	if args == nil {
		args = make([]any, 0, len(n.args))
	}
	for _, a := range n.args {
		v, err := e.eval(a, input, env)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return args, nil
}

func (n *callNode) eval(e *evaluation, input any, env *frame) (any, error) {
	return n.with(e, nil, input, env)
}

// with calls with arguments before those that are written.
func (n *callNode) with(e *evaluation, args []any, input any, env *frame) (any, error) {
	f, err := e.eval(n.proc, input, env)
	if err != nil {
		return nil, err
	}
	if isUndefined(f) && n.meant != nil {
		if v, err := n.meant.eval(e, input, env); err != nil || !isUndefined(v) {
			return nil, failAt("T1005", n.pos, n.name)
		}
	}
	if args, err = n.arguments(e, args, input, env); err != nil {
		return nil, err
	}
	if l, is := f.(*lambda); is {
		l.token, l.pos = n.name, n.pos
	}
	if e.expr.usesEval {
		e.callScope, e.callEnv, e.callInput = n.scope, env, input
	}
	v, err := e.apply(f, args, input, env)
	if err != nil {
		return nil, n.blame(f, err)
	}
	return v, nil
}

func (n *callNode) blame(f any, err error) error {
	switch f.(type) {
	case *native, *partial:
		return blame(err, n.name, n.pos)
	}
	if e, is := err.(*Error); is && e.Position >= 0 {
		return blame(err, n.name, e.Position)
	}
	return blame(err, n.name, n.pos)
}

// blame says in an error which call it comes from; what it says already of a token stays.
func blame(err error, token string, pos int) error {
	if e, is := err.(*Error); is {
		if e.Token == "" {
			e.Token = token
		}
		e.Position = pos
	}
	return err
}

type partialNode struct{ callNode }

func (n *partialNode) eval(e *evaluation, input any, env *frame) (any, error) {
	args := make([]any, len(n.args))
	open := 0
	for i, a := range n.args {
		if a == nil {
			args[i] = unbound{}
			open++
			continue
		}
		v, err := e.eval(a, input, env)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	f, err := e.eval(n.proc, input, env)
	if err != nil {
		return nil, err
	}
	fn, is := f.(callable)
	if !is {
		code := "T1008"
		if isUndefined(f) && n.meant != nil {
			if v, err := n.meant.eval(e, input, env); err == nil && !isUndefined(v) {
				code = "T1007"
			}
		}
		return nil, failAt(code, n.pos, n.name)
	}
	return &partial{fn, args, open}, e.charge(64 + 16*len(args))
}

// partial is a function some of whose arguments are given.
type partial struct {
	of   callable
	args []any // unbound where one is still to come
	open int
}

func (f *partial) arity() int { return f.open }

func (f *partial) call(e *evaluation, args []any, input any, env *frame) (any, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	all := append([]any(nil), f.args...)
	for i := range all {
		if _, open := all[i].(unbound); !open {
			continue
		}
		all[i] = Undefined
		if len(args) > 0 {
			all[i], args = args[0], args[1:]
		}
	}
	switch of := f.of.(type) {
	case *native:
		// As in jsonata-js, the signature is not looked at.
		for len(all) < of.params {
			all = append(all, Undefined)
		}
		v, err := of.do(e, all)
		if err == nil {
			e.mark(v)
		}
		return v, err
	case *lambda:
		bare := *of
		def := *of.def
		def.sig, bare.def = nil, &def
		return bare.call(e, all, input, env)
	}
	return f.of.call(e, all, input, env)
}

// native is a function of the library or of the host.
type native struct {
	name   string
	sig    *signature
	params int // how many parameters it has
	wants  int // how many of the arguments of a callback it takes
	do     func(e *evaluation, args []any) (any, error)
}

func (f *native) arity() int { return f.wants }

func (f *native) call(e *evaluation, args []any, input any, env *frame) (any, error) {
	if f.sig != nil {
		var err error
		if args, err = f.sig.check(args, input); err != nil {
			return nil, err
		}
	}
	for len(args) < f.params {
		args = append(args, Undefined)
	}
	v, err := f.do(e, args)
	if err != nil {
		return nil, err
	}
	e.mark(v)
	return v, nil
}

type applyNode struct {
	left  node
	right node
	call  *callNode // if the right side is a call
	pos   int
}

func (n *applyNode) eval(e *evaluation, input any, env *frame) (any, error) {
	left, err := e.eval(n.left, input, env)
	if err != nil {
		return nil, err
	}
	if n.call != nil {
		args := make([]any, 1, 1+len(n.call.args))
		args[0] = left
		return n.call.with(e, args, input, env)
	}
	right, err := e.eval(n.right, input, env)
	if err != nil {
		return nil, err
	}
	f, is := right.(callable)
	if !is {
		err := failValue("T2006", right)
		err.Position = n.pos
		return nil, err
	}
	if g, is := left.(callable); is {
		return &composed{g, f}, nil
	}
	return e.apply(f, []any{left}, nil, env)
}

// composed is f ~> g.
type composed struct{ first, then callable }

func (*composed) arity() int { return 1 }

func (f *composed) call(e *evaluation, args []any, _ any, env *frame) (any, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	if len(args) == 0 {
		args = []any{Undefined}
	}
	v, err := e.apply(f.first, args[:1], nil, env)
	if err != nil {
		return nil, err
	}
	return e.apply(f.then, []any{v}, nil, env)
}

type transformNode struct {
	pattern, update, delete       node
	clone                         *variableNode
	patternAt, updateAt, deleteAt int
}

func (n *transformNode) eval(e *evaluation, input any, env *frame) (any, error) {
	return &transformer{n, env}, nil
}

type transformer struct {
	node *transformNode
	env  *frame
}

var transformSignature = mustSignature("<(oa):o>")

func (*transformer) arity() int { return 1 }

func (f *transformer) call(e *evaluation, args []any, input any, env *frame) (any, error) {
	args, err := transformSignature.check(args, input)
	if err != nil {
		return nil, err
	}
	if isUndefined(args[0]) {
		return Undefined, nil
	}
	n := f.node
	clone, err := n.clone.eval(e, input, f.env)
	if err != nil {
		return nil, err
	}
	if !isFunction(clone) {
		err := fail("T2013")
		err.Position = n.patternAt
		return nil, err
	}
	result, err := e.apply(clone, []any{args[0]}, nil, f.env)
	if err != nil {
		return nil, err
	}
	matches, err := e.eval(n.pattern, result, f.env)
	if err != nil || isUndefined(matches) {
		return result, err
	}
	// Only what was cloned may be changed: what else the pattern finds is shared.
	own := map[*jsonvalue.Object]bool{}
	if err := e.objects(result, own); err != nil {
		return nil, err
	}
	e.nested = true
	for _, match := range ofList(matches) {
		update, err := e.eval(n.update, match, f.env)
		if err != nil {
			return nil, err
		}
		object, is := match.(*jsonvalue.Object)
		is = is && own[object]
		if !isUndefined(update) {
			members, isObject := update.(*jsonvalue.Object)
			if !isObject {
				err := failValue("T2011", update)
				err.Position = n.updateAt
				return nil, err
			}
			if is {
				if err := e.charge(32 * members.Len()); err != nil {
					return nil, err
				}
				for name, v := range members.All() {
					object.Set(name, v)
				}
			}
		}
		if n.delete == nil {
			continue
		}
		names, err := e.eval(n.delete, match, f.env)
		if err != nil {
			return nil, err
		}
		if isUndefined(names) {
			continue
		}
		for _, name := range ofList(names) {
			if _, is := name.(string); !is {
				err := failValue("T2012", names)
				err.Position = n.deleteAt
				return nil, err
			}
		}
		for _, name := range ofList(names) {
			if is {
				object.Delete(name.(string))
			}
		}
	}
	return result, nil
}

// objects collects the objects of a value.
func (e *evaluation) objects(v any, own map[*jsonvalue.Object]bool) error {
	if err := e.step(); err != nil {
		return err
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	if items, is := list(v); is {
		for _, item := range items {
			if err := e.objects(item, own); err != nil {
				return err
			}
		}
	}
	if o, is := v.(*jsonvalue.Object); is && !own[o] {
		own[o] = true
		if err := e.charge(32); err != nil {
			return err
		}
		for _, m := range o.All() {
			if err := e.objects(m, own); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyOf is $clone: nothing of it is shared with v.
func (e *evaluation) copyOf(v any) (any, error) {
	if err := e.step(); err != nil {
		return nil, err
	}
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.leave()
	switch t := v.(type) {
	case *jsonvalue.Object:
		if err := e.charge(48 + 32*t.Len()); err != nil {
			return nil, err
		}
		out := jsonvalue.NewObject(t.Len())
		for name, m := range t.All() {
			if isUndefined(m) {
				continue
			}
			c, err := e.copyOf(m)
			if err != nil {
				return nil, err
			}
			out.Set(name, c)
		}
		return out, nil
	case callable:
		return "", nil
	}
	items, is := list(v)
	if !is {
		return v, nil
	}
	if err := e.charge(24 + 16*len(items)); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, item := range items {
		c, err := e.copyOf(item)
		if err != nil {
			return nil, err
		}
		if isUndefined(c) {
			c = nil
		}
		out[i] = c
	}
	return out, nil
}
