// Package intrinsic is what the JSONPath language of Step Functions can say in one text:
// a path ($.a of the input, $$.a of the context object, $name.a of a variable) or a call
// of the intrinsic functions, States.Format('{}', $.a). Texts are parsed once and
// evaluated often.
//
// Evaluating is pure: randomness is handed in, and what it costs is taken from a budget.
// (Developer Guide, "Intrinsic functions for JSONPath states in Step Functions"; Amazon
// States Language, "Intrinsic Functions".)
package intrinsic

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// Names of the errors that an evaluation fails with.
const (
	Runtime          = "States.Runtime"
	IntrinsicFailure = "States.IntrinsicFailure"
	// Conflict is that a reference path does not fit where it is applied: a ResultPath, or an
	// ItemsPath. The Amazon States Language calls it States.ResultPathMatchFailure; the service
	// does not.
	Conflict = "States.ReferencePathConflict"
)

// Env is what an expression is evaluated with.
type Env struct {
	Input     any                                // $
	Context   any                                // $$
	Variables func(name string) (v any, ok bool) // $name; nil if there are none
	Random    func() uint64                      // for UUID and MathRandom
	Budget    *jsonpath.Budget                   // what this and other evaluations may still cost; nil: NewBudget's
}

// NewBudget is what the evaluations of one state may cost: under a second, and a result
// of which the payload limit (262,144 bytes) is a small part.
func NewBudget() *jsonpath.Budget { return &jsonpath.Budget{Steps: 2_000_000, Bytes: 8 << 20} }

func (env *Env) budget() *jsonpath.Budget {
	if env.Budget == nil {
		env.Budget = NewBudget()
	}
	return env.Budget
}

// Charge takes bytes of a result from the budget.
func (env *Env) Charge(bytes int) error { return env.budget().Take(bytes) }

// ChargeValue takes from the budget what a value comes to as JSON that lies so deep in a
// result, and checks that the result is not deeper than can be read again. It looks at no
// more of the value than the budget allows: the same large value may be asked for often.
func (env *Env) ChargeValue(v any, depth int) error {
	switch v := v.(type) {
	case []any:
		if depth >= jsonvalue.DepthMax {
			return errDepth
		}
		if err := env.Charge(2 + len(v)); err != nil {
			return err
		}
		for _, item := range v {
			if err := env.ChargeValue(item, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *jsonvalue.Object:
		if depth >= jsonvalue.DepthMax {
			return errDepth
		}
		if err := env.Charge(2 + v.Len()); err != nil {
			return err
		}
		for name, member := range v.All() {
			if err := env.Charge(len(name) + 3); err != nil {
				return err
			}
			if err := env.ChargeValue(member, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return env.Charge(jsonvalue.Size(v))
}

var errDepth = &jsonpath.Error{Kind: jsonpath.TooCostly, Message: "Values lie too deep in each other"}

// chargeWork is the price of looking at all of an argument.
func (env *Env) chargeWork(v any) error { return env.ChargeValue(v, 0) }

// Failure is an evaluation that failed: the error's name and cause, as a state fails with.
// The cause lacks what the interpreter puts before it, "An error occurred while executing
// the state …".
type Failure struct {
	Name  string
	Cause string
}

func (f *Failure) Error() string { return f.Name + ": " + f.Cause }

// Expression is a parsed text. It may be used by many goroutines at once.
type Expression struct {
	text string
	node node
}

// Text is the expression as it was written.
func (x *Expression) Text() string { return x.text }

// Path is the path that the expression is, nil of a call. It is one of the input, of the
// context object, or of a variable's value; its text is that of the part after the root's name.
func (x *Expression) Path() *jsonpath.Path {
	if x.node.kind == pathNode {
		return x.node.path
	}
	return nil
}

// Root says what a path begins at: "$", "$$", or a variable's "$name"; "" of a call.
func (x *Expression) Root() string {
	if x.node.kind == pathNode {
		return x.node.root
	}
	return ""
}

type nodeKind uint8

const (
	pathNode nodeKind = iota
	literalNode
	callNode
)

type node struct {
	kind  nodeKind
	text  string // as it was written
	root  string // of a path: $, $$ or $name
	path  *jsonpath.Path
	value any    // of a literal
	raw   string // of a text: what stands between the quotes
	call  *function
	args  []node
}

// Variables are the names of the variables that the expression reads, each once, sorted.
func (x *Expression) Variables() []string {
	var names []string
	x.node.variables(&names)
	slices.Sort(names)
	return slices.Compact(names)
}

func (n *node) variables(names *[]string) {
	if n.kind == pathNode && n.root != "$" && n.root != "$$" {
		*names = append(*names, n.root[1:])
	}
	for i := range n.args {
		n.args[i].variables(names)
	}
}

// Bounds of an expression.
const (
	nestingMax = 10 // calls in each other (Developer Guide)
	textMax    = 262_144
)

// ErrSyntax is that a text is neither a path nor a call. What is wrong comes with it, for
// the operator's eyes: the service tells its clients no more than that.
var ErrSyntax = errors.New("not a valid JSONPath or intrinsic function call")

func bad(text, why string) error {
	return &syntaxError{"in " + strconv.Quote(text) + ": " + why}
}

type syntaxError struct{ why string }

func (e *syntaxError) Error() string        { return e.why }
func (e *syntaxError) Is(target error) bool { return target == ErrSyntax }

// ParsePath reads a path.
func ParsePath(text string) (*Expression, error) {
	n, err := path(text)
	if err != nil {
		return nil, err
	}
	return &Expression{text, n}, nil
}

// Parse reads a call of an intrinsic function. Names, the number of arguments and escapes
// are checked; an error is ErrSyntax.
func Parse(text string) (*Expression, error) {
	if len(text) > textMax {
		return nil, bad(text[:40], "too long")
	}
	p := &parser{text: text}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.text) {
		return nil, bad(text, "unexpected "+strconv.Quote(p.text[p.at:]))
	}
	if n.kind != callNode {
		return nil, bad(text, "not a call")
	}
	return &Expression{text, n}, nil
}

func path(text string) (node, error) {
	n := node{kind: pathNode, text: text}
	if !strings.HasPrefix(text, "$") {
		return n, bad(text, "a path begins with $")
	}
	end := 1
	if strings.HasPrefix(text, "$$") {
		end = 2
	} else {
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if !isName(r, end == 1) {
				break
			}
			end += size
		}
	}
	n.root = text[:end]
	var err error
	if n.path, err = jsonpath.Parse("$" + text[end:]); err != nil {
		return n, bad(text, err.Error())
	}
	return n, nil
}

// isName tells of a character whether it may stand in a variable's name.
func isName(r rune, first bool) bool {
	if r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) {
		return true
	}
	return !first && unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)
}

type parser struct {
	text string
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// expression reads a call, a path or a literal.
func (p *parser) expression(depth int) (node, error) {
	p.space()
	rest := p.text[p.at:]
	switch {
	case rest == "":
		return node{}, bad(p.text, "unexpected end")
	case rest[0] == '\'':
		return p.quoted()
	case rest[0] == '$':
		begin := p.at
		p.skipPath()
		return path(strings.TrimRight(p.text[begin:p.at], " \t\r\n"))
	case strings.HasPrefix(rest, "States."):
		return p.call(depth + 1)
	}
	begin := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n,)", p.text[p.at]) < 0 {
		p.at++
	}
	n := node{kind: literalNode, text: p.text[begin:p.at]}
	v, err := jsonvalue.ParseString(n.text)
	if err != nil {
		return n, bad(p.text, "unexpected "+strconv.Quote(n.text))
	}
	switch v.(type) {
	case nil, bool, float64, jsonvalue.Number:
		n.value = v
		return n, nil
	}
	return n, bad(p.text, "unexpected "+strconv.Quote(n.text))
}

// skipPath goes to the comma or parenthesis behind a path.
func (p *parser) skipPath() {
	open := 0
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '[' || c == '(':
			open++
		case (c == ']' || c == ')') && open > 0:
			open--
		case (c == ',' || c == ')') && open == 0:
			return
		case (c == '\'' || c == '"') && open > 0:
			for p.at++; p.at < len(p.text) && p.text[p.at] != c; p.at++ {
				if p.text[p.at] == '\\' {
					p.at++
				}
			}
		}
	}
	p.at = min(p.at, len(p.text))
}

// quoted reads 'text'. Before ' { } and \ a backslash is left out, before others it is
// an error.
func (p *parser) quoted() (node, error) {
	begin := p.at
	var b []byte
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case '\'':
			p.at++
			n := node{kind: literalNode, text: p.text[begin:p.at], value: string(b)}
			n.raw = n.text[1 : len(n.text)-1]
			return n, nil
		case '\\':
			p.at++
			if p.at >= len(p.text) || strings.IndexByte(`'{}\`, p.text[p.at]) < 0 {
				return node{}, bad(p.text, `a backslash may stand only before ' { } and \`)
			}
			b = append(b, p.text[p.at])
		default:
			b = append(b, c)
		}
	}
	return node{}, bad(p.text, "a text has no end")
}

func (p *parser) call(depth int) (node, error) {
	if depth > nestingMax {
		return node{}, bad(p.text, "more than "+strconv.Itoa(nestingMax)+" calls in each other")
	}
	begin := p.at
	for p.at < len(p.text) && (p.text[p.at] == '.' || isName(rune(p.text[p.at]), false)) {
		p.at++
	}
	name := p.text[begin:p.at]
	n := node{kind: callNode, call: functions[name]}
	if n.call == nil {
		return n, bad(p.text, "no function "+name)
	}
	if p.space(); p.at >= len(p.text) || p.text[p.at] != '(' {
		return n, bad(p.text, "( expected behind "+name)
	}
	p.at++
	if p.space(); p.at < len(p.text) && p.text[p.at] == ')' {
		p.at++
		return n.checked(p.text, begin, p.at)
	}
	for {
		arg, err := p.expression(depth)
		if err != nil {
			return n, err
		}
		n.args = append(n.args, arg)
		p.space()
		c := byte(0)
		if p.at < len(p.text) {
			c = p.text[p.at]
		}
		p.at++
		switch c {
		case ',':
		case ')':
			return n.checked(p.text, begin, p.at)
		default:
			return n, bad(p.text, ", or ) expected")
		}
	}
}

// checked checks the number of arguments.
func (n node) checked(text string, begin, end int) (node, error) {
	n.text = text[begin:end]
	if len(n.args) < n.call.argsMin || len(n.args) > n.call.argsMax {
		return n, bad(text, n.call.name+" has other arguments")
	}
	return n, nil
}

// Document is the text of what a path begins at, for messages; the input's, if that is a
// variable which has no value.
func (env *Env) Document(root string) string {
	v, ok := env.root(root)
	if !ok {
		v = env.Input
	}
	return jsonvalue.Text(v)
}

func (env *Env) root(root string) (any, bool) {
	switch root {
	case "$":
		return env.Input, true
	case "$$":
		return env.Context, true
	}
	if env.Variables == nil {
		return nil, false
	}
	return env.Variables(root[1:])
}

// Evaluate gives the expression's value. An error of a path is an *jsonpath.Error, for
// the caller to put into words; another is a *Failure.
func (x *Expression) Evaluate(env *Env) (any, error) {
	if x.node.kind == pathNode {
		return x.node.find(env)
	}
	v, err := x.node.evaluate(env)
	if err == nil {
		return v, nil
	}
	f, ok := err.(*Failure)
	if !ok {
		f = &Failure{Runtime, err.Error()} // the budget is used up
	}
	return nil, &Failure{f.Name, "The function '" + x.text + "' had the following error: " + f.Cause}
}

// find gives what a path finds.
func (n *node) find(env *Env) (any, error) {
	v, ok := env.root(n.root)
	if !ok {
		return nil, &jsonpath.Error{Kind: jsonpath.NotFound, Message: "The variable " + n.root + " has no value"}
	}
	return n.path.GetWithin(env.budget(), v)
}

func (n *node) evaluate(env *Env) (any, error) {
	switch n.kind {
	case literalNode:
		return n.value, nil
	case pathNode:
		v, err := n.find(env)
		if jsonpath.IsNotFound(err) {
			return nil, &Failure{Runtime, "The JsonPath argument for the field '" + n.text + "' could not be found in the input '" +
				env.Document(n.root) + "'"}
		}
		if err != nil {
			return nil, &Failure{Runtime, err.Error()}
		}
		return v, nil
	}
	args := make([]any, len(n.args))
	for i := range n.args {
		v, err := n.args[i].evaluate(env)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	if n.call.name == "States.Format" && n.args[0].kind == literalNode && n.args[0].raw != "" {
		args[0] = n.args[0].raw // Format reads escapes itself
	}
	v, err := n.call.do(env, args)
	if err != nil {
		return nil, err
	}
	return v, env.ChargeValue(v, 0)
}
