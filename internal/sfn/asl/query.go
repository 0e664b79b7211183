package asl

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"heddle/jsonata"
	"heddle/jsonvalue"
)

const queryEvaluationError = "States.QueryEvaluationError"

// expressionText gives what stands between {% and %}, if these are the whole text.
func expressionText(s string) (string, bool) {
	s, ok := strings.CutPrefix(s, "{%")
	if !ok {
		return "", false
	}
	s, ok = strings.CutSuffix(s, "%}")
	return strings.TrimSpace(s), ok
}

// expression reads a JSONata expression. It is false if v is none.
func (r *reading) expression(field, at string, v any) (Value, bool) {
	s, ok := v.(string)
	if !ok || r.s.Language != JSONata {
		return nil, false
	}
	text, ok := expressionText(s)
	if !ok {
		if strings.HasPrefix(s, "{%") || strings.HasSuffix(s, "%}") && !strings.HasPrefix(s, " ") {
			r.fail(InvalidExpression, at, "A JSONata expression must begin with '{%' and end with '%}'") // ours
			return nil, true
		}
		return nil, false
	}
	r.source(field, text)
	if q := r.compileQuery(field, at, text); q != nil {
		return q, true
	}
	return nil, true
}

// query reads any JSON value, in which texts may be expressions.
func (r *reading) query(field, at string, v any) Value {
	value, _ := r.payload(field, at, v)
	return value
}

// payload is query; it also tells whether the value has expressions in it.
func (r *reading) payload(field, at string, v any) (value Value, dynamic bool) {
	switch v := v.(type) {
	case string:
		if q, ok := r.expression(field, at, v); ok {
			return q, true
		}
	case []any:
		l := make(list, len(v))
		for i, item := range v {
			index := "[" + strconv.Itoa(i) + "]"
			var is bool
			l[i], is = r.payload(field+index, at+index, item)
			dynamic = dynamic || is
		}
		if dynamic {
			return l, true
		}
	case *jsonvalue.Object:
		o := object{values: make([]Value, 0, v.Len())}
		for name, item := range v.All() {
			value, is := r.payload(field+"/"+name, at+"/"+name, item)
			o.names, o.values = append(o.names, name), append(o.values, value)
			dynamic = dynamic || is
		}
		if dynamic {
			return o, true
		}
	}
	return constant{v}, false
}

// list and object are payloads with expressions in them.
type (
	list   []Value
	object struct {
		names  []string
		values []Value
	}
)

func (l list) Constant() bool   { return false }
func (o object) Constant() bool { return false }

func (l list) Evaluate(env *Env) (any, error) {
	items := make([]any, len(l))
	for i, v := range l {
		var err error
		if items[i], err = v.Evaluate(env); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (o object) Evaluate(env *Env) (any, error) {
	made := jsonvalue.NewObject(len(o.names))
	for i, v := range o.values {
		value, err := v.Evaluate(env)
		if err != nil {
			return nil, err
		}
		made.Set(o.names[i], value)
	}
	return made, nil
}

// queryFailure is the failure of an expression.
func (q *query) failure(what string) error {
	return &Failure{
		Name:  queryEvaluationError,
		Cause: "The JSONata expression '" + q.text + "' specified for the field '" + q.field + "' " + what,
		Field: q.field,
	}
}

// unexpected is the failure of an expression that gave a value of another type than its
// field has.
func (q *query) unexpected(want string, v any) error {
	return q.failure("returned an unexpected result type. Expected '" + want + "', but was '" + jsonvalue.TypeName(v) + "' for value: " + jsonvalue.Text(v))
}

// query is an expression of JSONata.
type query struct {
	field string
	text  string
	x     *jsonata.Expression
	// names are the variables that it reads, but for $states.
	names []string
	// functions are those of the library that it names: variables may stand in their place.
	functions []string
	// states are the fields of $states that it reads; all, if it reads it as a whole.
	states []string
	all    bool
}

// compileQuery reads an expression, and looks at what it says that only a state's
// expressions may not.
func (r *reading) compileQuery(field, at, text string) *query {
	refuse := func(code, message string) {
		r.fail(code, at, message)
	}
	x, err := library.Compile(text)
	if err != nil {
		message := err.Error()
		if wrong, ok := err.(*jsonata.Error); ok {
			message = wrong.Message
		}
		refuse(InvalidExpression, message)
		return nil
	}
	q := &query{field: field, text: text, x: x, functions: x.Functions()}
	for _, name := range q.functions {
		r.functions[name] = append(r.functions[name], r.s.Name)
	}
	reads := x.Reads()
	for _, name := range reads.Input {
		refuse(UnsupportedExpression, "Reference to '"+name+"' at the top level is not supported.")
	}
	for _, name := range x.Variables() {
		if name != "states" {
			q.names = append(q.names, name)
			continue
		}
		q.states, q.all = reads.Fields["states"], slices.Contains(reads.Whole, "states")
		known := r.statesFields(field)
		for _, name := range q.states {
			if !slices.Contains(known, name) {
				refuse(UnsupportedExpression, "Field '$states."+name+"' does not exist.")
			}
		}
	}
	for _, name := range q.names {
		_, fields := reads.Fields[name]
		if _, whole := slices.BinarySearch(reads.Whole, name); fields || whole {
			r.reads[name] = true
		}
	}
	return q
}

// statesFields are the fields that $states has in a field (Step Functions Developer Guide,
// Transforming data with JSONata).
func (r *reading) statesFields(field string) []string {
	known := []string{"input", "context"}
	switch _, works := fields[r.s.Type]["Retry"]; {
	case strings.HasPrefix(field, "Catch["):
		return append(known, "errorOutput")
	case works && (field == "Output" || strings.HasPrefix(field, "Output/") || strings.HasPrefix(field, "Output[") || strings.HasPrefix(field, "Assign/")):
		return append(known, "result")
	}
	return known
}

func (q *query) Constant() bool { return false }

func (q *query) Evaluate(env *Env) (any, error) {
	if env.Steps <= 0 || env.Bytes <= 0 {
		return nil, q.failure("threw an error during evaluation: " + tooLong)
	}
	var spent jsonata.Limits
	options := jsonata.Options{
		Bindings: make(map[string]any, len(q.names)+1),
		Limits:   jsonata.Limits{Steps: int(env.Steps), Bytes: int(env.Bytes)},
		Now:      env.Now,
		Spent:    &spent,
	}
	if env.Random != nil {
		options.Random = func() float64 { return float64(env.Random()>>11) / (1 << 53) }
	}
	for _, names := range [][]string{q.names, q.functions} {
		for _, name := range names {
			if v, ok := env.Variable(name); ok {
				options.Bindings[name] = v
			}
		}
	}
	if q.all || q.states != nil {
		options.Bindings["states"] = q.statesOf(env)
	}
	v, err := q.x.Evaluate(context.Background(), jsonata.Undefined, &options)
	env.Steps -= int64(spent.Steps)
	env.Bytes -= int64(spent.Bytes)
	switch wrong, ok := err.(*jsonata.Error); {
	case ok && bounds[wrong.Code] != "":
		return nil, q.failure("threw an error during evaluation: " + bounds[wrong.Code])
	case ok && strings.HasPrefix(wrong.Code, "U"): // no code of JSONata's
		return nil, q.failure("threw an error during evaluation: " + wrong.Message)
	case err != nil:
		return nil, q.failure("threw an error during evaluation. " + err.Error())
	case v == jsonata.Undefined:
		return nil, q.failure("returned nothing (undefined).")
	case hasFunction(v):
		return nil, q.failure("returned an unsupported result type.")
	}
	if isInfinite(v) {
		v = finite(v)
	}
	return v, nil
}

// bounds are what the service says of an expression that comes to a bound of its evaluation,
// by the codes of package jsonata.
var bounds = map[string]string{
	"U1001": tooLong,
	"D1012": tooLong,
	"U1002": "Expression evaluation memory limit exceeded: Check for excessive memory usage",
	"D1011": "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive",
}

const tooLong = "Expression evaluation timeout: Check for infinite loop" // as jsonata-js words it

// statesOf makes $states, as far as it is read.
func (q *query) statesOf(env *Env) any {
	states := jsonvalue.NewObject(4)
	wants := func(name string) bool { return q.all || slices.Contains(q.states, name) }
	if wants("input") {
		states.Set("input", env.Input)
	}
	if env.HasResult && wants("result") {
		states.Set("result", env.Result)
	}
	if env.HasError && wants("errorOutput") {
		states.Set("errorOutput", env.Error)
	}
	if env.Context != nil && wants("context") {
		states.Set("context", env.Context())
	}
	return states
}

// finite makes texts of the numbers of a result that JSON does not have, as the service does:
// "Infinity", "-Infinity" and "NaN". What changes is made anew.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		return jsonvalue.FormatNumber(v)
	case []any:
		items := slices.Clone(v)
		for i, item := range items {
			if isInfinite(item) {
				items[i] = finite(item)
			}
		}
		return items
	case *jsonvalue.Object:
		made := v.Clone()
		for name, item := range v.All() {
			if isInfinite(item) {
				made.Set(name, finite(item))
			}
		}
		return made
	}
	return v
}

// isInfinite tells whether there is a number in a value that JSON does not have.
func isInfinite(v any) bool {
	switch v := v.(type) {
	case float64:
		return math.IsInf(v, 0) || math.IsNaN(v)
	case []any:
		return slices.ContainsFunc(v, isInfinite)
	case *jsonvalue.Object:
		for _, item := range v.All() {
			if isInfinite(item) {
				return true
			}
		}
	}
	return false
}

// hasFunction tells whether there is a function in a result, which is no JSON then.
func hasFunction(v any) bool {
	switch v := v.(type) {
	case *jsonata.Function:
		return true
	case []any:
		return slices.ContainsFunc(v, hasFunction)
	case *jsonvalue.Object:
		for _, item := range v.All() {
			if hasFunction(item) {
				return true
			}
		}
	}
	return false
}
