// Package template is the data flow of the JSONPath language of Step Functions: the
// fields that hold one path or call (InputPath, ErrorPath, Variable, …), which are an
// Expr, and payload templates (Parameters, ItemSelector, ResultSelector, Assign,
// Credentials, …): any JSON value, in which members whose names end in .$ stand for what
// their path or call gives.
//
// Both are compiled once, with the service's words for what is wrong, and evaluated
// often; evaluating is pure. (Amazon States Language, "Payload Template", "Paths".)
package template

import (
	"slices"
	"strconv"
	"strings"

	"heddle/internal/sfn/intrinsic"
	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// Env is what templates and expressions are evaluated with.
type Env = intrinsic.Env

// Failure is an evaluation that failed: name and cause of the state's error, where the
// interpreter puts "An error occurred while executing the state …" before the cause.
type Failure = intrinsic.Failure

// Expr is a path of the input ($.a), of the context object ($$.a) or of a variable
// ($name.a), or a call of an intrinsic function.
type Expr struct{ x *intrinsic.Expression }

// ParseExpr reads a path, or if allowIntrinsic a call, too. The error says why the text
// is neither.
func ParseExpr(text string, allowIntrinsic bool) (*Expr, error) {
	parse := intrinsic.ParsePath
	if allowIntrinsic && !strings.HasPrefix(text, "$") {
		parse = intrinsic.Parse
	}
	x, err := parse(text)
	if err != nil {
		return nil, err
	}
	return &Expr{x}, nil
}

// Text is the expression as it was written.
func (e *Expr) Text() string { return e.x.Text() }

// IsCall tells whether the expression is a call and no path.
func (e *Expr) IsCall() bool { return e.x.Path() == nil }

// IsReference tells whether the expression is a reference path of the input: $ with
// names and indexes behind it, one at a time.
func (e *Expr) IsReference() bool { return e.x.Root() == "$" && e.x.Path().IsReference() }

// IsDefinite tells whether the expression gives one value, be it a list, and not a list
// of all that a path finds.
func (e *Expr) IsDefinite() bool { return e.IsCall() || e.x.Path().Definite() }

// Root is what a path begins at: "$", "$$" or "$name"; "" of a call.
func (e *Expr) Root() string { return e.x.Root() }

// Variables are the names of the variables that the expression reads, sorted.
func (e *Expr) Variables() []string { return e.x.Variables() }

// Set gives a new value that is input with value at the expression, which must be a
// reference path: ResultPath. An error is a *Failure.
func (e *Expr) Set(input, value any) (any, error) {
	v, err := e.x.Path().Set(input, value)
	if err == nil {
		return v, nil
	}
	if e, ok := err.(*jsonpath.Error); ok && e.Kind == jsonpath.TooCostly {
		return nil, costly(err)
	}
	return nil, &Failure{Name: intrinsic.Conflict, Cause: err.Error()}
}

// Lacks gives the name of the first member on the way of a reference path of the input that is
// not there. Ok is false if all are, or if it is something else.
func (e *Expr) Lacks(input any) (name string, ok bool) {
	if !e.IsReference() {
		return "", false
	}
	return e.x.Path().Lacks(input)
}

// noInput is the failure of every path on a null input.
const noInput = "Unable to apply Path transformation to null or empty input."

// Evaluate gives the expression's value. An error is a *Failure in the words of fields
// such as InputPath, OutputPath, TimeoutSecondsPath: Invalid path '$.a' : No results for
// path: $['a'].
func (e *Expr) Evaluate(env *Env) (any, error) {
	v, err := e.x.Evaluate(env)
	if err == nil {
		return v, nil
	}
	return nil, e.failure(err)
}

// Find is Evaluate, where a path that finds nothing, or needs something else where it
// leads, is no error: found is false then. Choice rules ask so for IsPresent.
func (e *Expr) Find(env *Env) (v any, found bool, err error) {
	v, err = e.x.Evaluate(env)
	if err == nil {
		return v, true, nil
	}
	if p, ok := err.(*jsonpath.Error); ok && p.Kind != jsonpath.TooCostly {
		return nil, false, nil
	}
	return nil, false, e.failure(err)
}

func (e *Expr) failure(err error) error {
	if f, ok := err.(*Failure); ok {
		return f
	}
	return &Failure{Name: intrinsic.Runtime, Cause: "Invalid path '" + e.Text() + "' : " + err.Error()}
}

// EvaluateField gives the expression's value. An error is a *Failure in the words of the
// fields of payload templates, and of ErrorPath and CausePath: The JSONPath '$.a'
// specified for the field 'x.$' could not be found in the input '{}'.
func (e *Expr) EvaluateField(env *Env, field string) (any, error) {
	if env.Input == nil && e.x.Root() == "$" {
		return nil, &Failure{Name: intrinsic.Runtime, Cause: noInput}
	}
	v, err := e.x.Evaluate(env)
	if jsonpath.IsNotFound(err) {
		return nil, &Failure{Name: intrinsic.Runtime, Cause: "The JSONPath '" + e.Text() + "' specified for the field '" + field +
			"' could not be found in the input '" + env.Document(e.x.Root()) + "'"}
	}
	if err != nil {
		return nil, e.failure(err)
	}
	return v, nil
}

// Problem is what is wrong with a member of a template.
type Problem struct {
	Location string // of the object that has the member, from the template: "", "/a", "/a/0"
	Message  string // the service's
}

// Problems is the error of Compile.
type Problems []Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i := range p {
		texts[i] = p[i].Message
		if p[i].Location != "" {
			texts[i] += " at " + p[i].Location
		}
	}
	return strings.Join(texts, ", ")
}

// Template is a compiled payload template. It may be used by many goroutines at once.
type Template struct {
	node      node
	variables []string
}

// node is a part of a template: a constant, an expression, or an object or a list with
// such inside.
type node struct {
	constant any
	size     int // of the constant
	expr     *Expr
	field    string // the name of the member that the expression is, with .$
	names    []string
	nodes    []node
	list     bool
}

// depthMax is how deep objects and lists may lie in each other in a template.
const depthMax = jsonvalue.DepthMax

// Compile reads a template. An error is Problems.
func Compile(value any) (*Template, error) {
	c := compiler{}
	t := &Template{node: c.node(value, nil, 0)}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	t.node.measure()
	slices.Sort(c.variables)
	t.variables = slices.Compact(c.variables)
	return t, nil
}

// Variables are the names of the variables that the template reads, sorted.
func (t *Template) Variables() []string { return t.variables }

type compiler struct {
	problems  Problems
	variables []string
}

func (c *compiler) problem(location []string, message string) {
	at := ""
	for _, name := range location {
		at += "/" + name
	}
	c.problems = append(c.problems, Problem{at, message})
}

// node compiles a value. What has no expression inside is a constant, however large.
func (c *compiler) node(v any, location []string, depth int) node {
	n := node{constant: v}
	if depth > depthMax {
		c.problem(location, "The template is nested too deeply")
		return n
	}
	constant := true
	switch v := v.(type) {
	case []any:
		n.list = true
		for i, item := range v {
			n.nodes = append(n.nodes, c.node(item, append(location, strconv.Itoa(i)), depth+1))
			constant = constant && n.nodes[i].isConstant()
		}
	case *jsonvalue.Object:
		for name, member := range v.All() {
			if strings.HasSuffix(name, ".$") {
				constant = false
				n.names = append(n.names, strings.TrimSuffix(name, ".$"))
				n.nodes = append(n.nodes, c.expression(name, member, location))
				continue
			}
			inner := c.node(member, append(location, name), depth+1)
			n.names = append(n.names, name)
			n.nodes = append(n.nodes, inner)
			constant = constant && inner.isConstant()
		}
	}
	if constant {
		return node{constant: v}
	}
	n.constant = nil
	for i := range n.nodes {
		n.nodes[i].measure()
	}
	return n
}

// measure sets the size of a constant.
func (n *node) measure() {
	if n.isConstant() {
		n.size = jsonvalue.Size(n.constant)
	}
}

func (n *node) isConstant() bool { return n.expr == nil && n.nodes == nil }

func (c *compiler) expression(name string, v any, location []string) node {
	text, ok := v.(string)
	if !ok {
		c.problem(location, "The value for the field '"+name+"' must be a STRING that contains a JSONPath but was "+typeName(v))
		return node{}
	}
	expr, err := ParseExpr(text, true)
	if err != nil {
		c.problem(location, "The value for the field '"+name+"' must be a valid JSONPath or a valid intrinsic function call")
		return node{}
	}
	c.variables = append(c.variables, expr.Variables()...)
	return node{expr: expr, field: name}
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "a NULL"
	case bool:
		return "a BOOLEAN"
	case []any:
		return "an ARRAY"
	case *jsonvalue.Object:
		return "an OBJECT"
	}
	return "a NUMBER"
}

// Evaluate gives what the template makes. An error is a *Failure. What the value comes to
// as JSON is taken from the budget of env.
func (t *Template) Evaluate(env *Env) (any, error) {
	return t.node.evaluate(env, 0)
}

func (n *node) evaluate(env *Env, depth int) (any, error) {
	switch {
	case n.expr != nil:
		v, err := n.expr.EvaluateField(env, n.field)
		if err != nil {
			return nil, err
		}
		return v, costly(env.ChargeValue(v, depth))
	case n.nodes == nil:
		return n.constant, costly(env.Charge(n.size))
	case n.list:
		items := make([]any, len(n.nodes))
		for i := range n.nodes {
			v, err := n.nodes[i].evaluate(env, depth+1)
			if err != nil {
				return nil, err
			}
			items[i] = v
		}
		return items, nil
	}
	object := jsonvalue.NewObject(len(n.nodes))
	for i := range n.nodes {
		v, err := n.nodes[i].evaluate(env, depth+1)
		if err != nil {
			return nil, err
		}
		object.Set(n.names[i], v)
	}
	return object, nil
}

// costly puts an error of the budget into a Failure.
func costly(err error) error {
	if err != nil {
		return &Failure{Name: intrinsic.Runtime, Cause: err.Error()}
	}
	return nil
}
