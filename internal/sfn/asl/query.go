package asl

import (
	"strconv"
	"strings"

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
			r.report(Diagnostic{Code: InvalidExpression, Severity: Error, Location: at, Message: "A JSONata expression must begin with '{%' and end with '%}'"}) // U
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

// typeName is the type of a value as messages tell it.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case *jsonvalue.Object:
		return "object"
	}
	return "number"
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
	return q.failure("returned an unexpected result type. Expected '" + want + "', but was '" + typeName(v) + "' for value: " + jsonvalue.Text(v))
}

// query is an expression of JSONata.
type query struct {
	field string
	text  string
}

func (q *query) Constant() bool { return false }

func (q *query) Evaluate(env *Env) (any, error) {
	return nil, q.failure("cannot be evaluated yet")
}

func (r *reading) compileQuery(field, at, text string) *query {
	return &query{field: field, text: text}
}
