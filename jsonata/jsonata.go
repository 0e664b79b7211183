package jsonata

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Library is the set of functions that expressions can call. The zero Library has none;
// NewLibrary has JSONata's own. It must not be changed once it has compiled something.
type Library struct {
	functions map[string]*native
}

// NewLibrary has the functions of JSONata.
func NewLibrary() *Library { return &Library{maps.Clone(standard)} }

// Without takes functions away, by their names without $, and returns the library.
func (l *Library) Without(names ...string) *Library {
	for _, name := range names {
		delete(l.functions, name)
	}
	return l
}

// Register adds a function, name without $. The signature is as in JSONata's
// documentation, such as <s-n?:b>; arguments are checked by it. Any argument may still be
// Undefined: by JSONata's custom a function gives nothing (Undefined) for nothing.
// Without a signature ("") any arguments are passed on. An error in
// the signature is an *Error, S0401 or S0402.
//
// The function must not keep or change what it is given. An error that is no *Error
// becomes one, with code U1008 and the text of the error.
func (l *Library) Register(name, sig string, do func(call Call, args []any) (any, error)) error {
	f := &native{name: name}
	if sig != "" {
		s, err := parseSignature(sig)
		if err != nil {
			return err.finish()
		}
		f.sig, f.params = s, len(s.params)
	}
	f.wants = f.params
	f.do = func(e *evaluation, args []any) (any, error) {
		given := make([]any, len(args))
		for i, a := range args {
			left := e.bytesMax
			v, err := e.plain(a, &left, 0)
			if err != nil {
				return nil, err
			}
			given[i] = v
		}
		v, err := do(Call{e}, given)
		if err != nil {
			if _, ours := err.(*Error); !ours {
				err = failValue("U1008", err.Error())
			}
			return nil, err
		}
		return v, nil
	}
	if l.functions == nil {
		l.functions = map[string]*native{}
	}
	l.functions[name] = f
	return nil
}

// Call is what a function of the host may know and do while it is called.
type Call struct{ e *evaluation }

// Charge counts bytes that the function is about to make against Limits.Bytes.
func (c Call) Charge(bytes int) error { return c.e.charge(bytes) }

// Step counts work against Limits.Steps, and looks whether the context is done.
func (c Call) Step(steps int) error { return c.e.spend(steps) }

// Random is a random number of at least 0 and below 1, from Options.Random.
func (c Call) Random() (float64, error) { return c.e.random() }

// Apply calls a function that the function was given.
func (c Call) Apply(f *Function, args ...any) (any, error) {
	v, err := c.e.apply(f, args, nil, nil)
	if err != nil {
		return nil, err
	}
	left := c.e.bytesMax
	return c.e.plain(v, &left, 0)
}

// NewError makes an error of a function of the host: a code of its own, a text, and the
// value at fault (or Undefined).
func NewError(code, message string, value any) *Error {
	e := failValue(code, value)
	e.Message = message
	return e
}

// Expression is a compiled expression. It may be evaluated many times, also at once.
type Expression struct {
	lib      *Library
	root     *scope
	node     node
	frees    []string
	reads    Reads
	usesEval bool
	dynamic  bool // compiled by $eval
	start    []any
}

// standardLibrary is set once its functions are defined.
var standardLibrary *Library

// Compile compiles an expression that may use JSONata's own functions. An error is an
// *Error with a code S….
func Compile(source string) (*Expression, error) { return standardLibrary.Compile(source) }

// MustCompile is Compile for expressions known to be right; it panics if one is not.
func MustCompile(source string) *Expression {
	x, err := Compile(source)
	if err != nil {
		panic(err)
	}
	return x
}

// Compile compiles an expression that may use the functions of the library.
func (l *Library) Compile(source string) (*Expression, error) {
	x, err := l.compile(source)
	if err != nil {
		if e, is := err.(*Error); is {
			e.finish()
		}
		return nil, err
	}
	return x, nil
}

func (l *Library) compile(source string) (*Expression, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	if tree, err = process(tree); err != nil {
		return nil, err
	}
	c := &compiler{lib: l}
	c.root = c.scope(nil)
	c.root.framed = true
	reads, wanted := readsOf(tree)
	x := &Expression{lib: l, root: c.root, reads: reads}
	if x.node, err = c.node(tree, c.root); err != nil {
		return nil, err
	}
	c.resolve()
	slices.Sort(c.frees)
	x.frees = slices.DeleteFunc(slices.Compact(c.frees), func(name string) bool { return !wanted[name] })
	x.start = make([]any, len(c.root.names))
	for i, name := range c.root.names {
		x.start[i] = unbound{}
		if f := l.functions[name]; f != nil {
			x.start[i] = f
		}
		if name == "eval" {
			x.usesEval = true
		}
	}
	return x, nil
}

// Variables are the variables that the expression reads and does not bind itself, or may read
// before it does, by name without $, sorted: what it wants in Options.Bindings. Functions of
// the library are not among them, nor are $ and $$.
func (x *Expression) Variables() []string { return slices.Clone(x.frees) }

// Functions are the functions of the library that the expression names, by name without $,
// sorted. A variable of the same name in Options.Bindings stands in their place.
func (x *Expression) Functions() []string {
	var names []string
	for _, name := range x.root.names {
		if x.lib.functions[name] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Limits bound an evaluation. A limit of zero is the default.
type Limits struct {
	// Steps is how many parts of the expression may be evaluated, values visited and
	// characters be matched; the error is U1001. By default 50,000,000.
	Steps int
	// Depth is how deep evaluations may be nested, which recursion does that is not a tail
	// call; the error is D1011. By default 5,000.
	Depth int
	// Bytes is about how much memory may be taken for values in all, whether still in
	// use or not, and how long the result may be; the error is U1002. By default 512 MiB.
	Bytes int
}

// The defaults of Limits.
const (
	StepsDefault = 50_000_000
	DepthDefault = 5_000
	BytesDefault = 512 << 20
)

// Options are what an evaluation gets beside its input. The zero Options do.
type Options struct {
	// Bindings are variables, by name without $: values as the input has them.
	Bindings map[string]any
	Limits   Limits
	// Now is what $now and $millis tell, throughout the evaluation. Without it they fail
	// with code U1006, since an evaluation reads no clock.
	Now time.Time
	// Random gives $random and $shuffle numbers of at least 0 and below 1. Without it they
	// fail with code U1007.
	Random func() float64
	// Spent, unless nil, is set to the steps and bytes that the evaluation took.
	Spent *Limits
}

// Evaluate evaluates the expression for an input: a value as package jsonvalue has them,
// or Undefined. The result is such a value, or Undefined if there is none; functions in it
// are of type *Function. The error is an *Error. When ctx is done the evaluation ends
// with code D1012.
//
// Neither input nor bindings are changed; the result may share parts with them.
func (x *Expression) Evaluate(ctx context.Context, input any, o *Options) (any, error) {
	if o == nil {
		o = &Options{}
	}
	e := evaluation{
		ctx: ctx, expr: x, o: o, root: input, now: o.Now,
		steps: o.Limits.Steps, depthMax: o.Limits.Depth, bytes: o.Limits.Bytes,
	}
	if ctx.Done() == nil {
		e.ctx = nil
	} else if err := ctx.Err(); err != nil {
		return nil, failValue("D1012", err.Error()).finish()
	}
	if e.steps == 0 {
		e.steps = StepsDefault
	}
	if e.depthMax == 0 {
		e.depthMax = DepthDefault
	}
	if e.bytes == 0 {
		e.bytes = BytesDefault
	}
	e.bytesMax = e.bytes
	stepsMax := e.steps
	v, err := x.run(&e, input)
	if o.Spent != nil {
		*o.Spent = Limits{Steps: stepsMax - max(e.steps, 0), Bytes: e.bytesMax - max(e.bytes, 0)}
	}
	if err != nil {
		if er, is := err.(*Error); is {
			er.finish()
			er.Value, er.Value2 = e.shown(er.Value), e.shown(er.Value2)
		}
		return nil, err
	}
	return v, nil
}

// shown is a value of an error as the caller may see it.
func (e *evaluation) shown(v any) any {
	left := 1 << 16
	p, err := e.plain(v, &left, 0)
	if err != nil {
		return Undefined
	}
	return p
}

func (x *Expression) run(e *evaluation, input any) (any, error) {
	env := newFrame(nil, len(x.start))
	copy(env.slots, x.start)
	if len(e.o.Bindings) > 0 {
		for i, name := range x.root.names {
			if v, is := e.o.Bindings[name]; is {
				env.slots[i] = v
			}
		}
	}
	e.global = env
	if isList(input) {
		input = &array{items: []any{input}, sequence: true, outer: true}
	}
	v, err := e.eval(x.node, input, env)
	if err != nil {
		return nil, err
	}
	switch t := v.(type) {
	case string, float64, bool, nil, undefined:
		return v, nil
	case *tuples:
		items := make([]any, len(t.list))
		for i, tuple := range t.list {
			items[i] = tuple.value
		}
		v = sequence(items).unwrap()
	case *thunk:
		return Undefined, nil
	}
	if !e.nested {
		switch t := v.(type) {
		case *array:
			return t.items, nil
		case callable:
			return &Function{t}, nil
		}
		return v, nil
	}
	left := e.bytesMax
	return e.plain(v, &left, 0)
}

// globalNamed finds a variable of the caller of $eval, or a function of the library.
func (e *evaluation) globalNamed(name string) any {
	if v, is := e.o.Bindings[name]; is {
		return v
	}
	if f := e.expr.lib.functions[name]; f != nil {
		return f
	}
	return Undefined
}

// evaluateText is $eval: it evaluates where it was called from.
func (e *evaluation) evaluateText(source string, input any) (any, error) {
	fails := func(code string, err error) error {
		er, is := err.(*Error)
		if !is || er.Code == "U1001" || er.Code == "U1002" || er.Code == "D1011" || er.Code == "D1012" {
			return err
		}
		return failValue(code, er.finish().Message)
	}
	if err := e.spend(len(source)); err != nil {
		return nil, err
	}
	if err := e.charge(64 * len(source)); err != nil {
		return nil, err
	}
	tree, err := parse(source)
	if err == nil {
		tree, err = process(tree)
	}
	if err != nil {
		return nil, fails("D3120", err)
	}
	env, at := e.callEnv, e.callScope
	if env == nil {
		env, at = e.global, e.expr.root
	}
	c := &compiler{lib: e.expr.lib, root: e.expr.root, eval: e}
	top := c.scope(at)
	n, err := c.node(tree, top)
	if err != nil {
		return nil, fails("D3120", err)
	}
	c.resolve()
	if top.framed {
		env = newFrame(env, len(top.names))
	}
	before := e.expr
	dynamic := *before
	dynamic.dynamic, dynamic.usesEval = true, true
	e.expr = &dynamic
	defer func() { e.expr = before }()
	if isList(input) && !isSequence(input) {
		input = &array{items: []any{input}, sequence: true, outer: true}
	}
	v, err := e.eval(n, input, env)
	if err != nil {
		return nil, fails("D3121", err)
	}
	return v, nil
}
