package template

import (
	"testing"

	"heddle/jsonvalue"
)

func value(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonvalue.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// env has the input, {"Name":"ctx"} as context and variables v and obj.
func env(t testing.TB, input string) *Env {
	variables := map[string]any{"v": 42.0, "obj": value(t, `{"a":[1,2.50]}`)}
	n := uint64(0)
	return &Env{
		Input:     value(t, input),
		Context:   value(t, `{"Name":"ctx","Execution":{"Input":{"x":1}}}`),
		Variables: func(name string) (any, bool) { v, ok := variables[name]; return v, ok },
		Random:    func() uint64 { n++; return n },
	}
}

func TestEvaluate(t *testing.T) {
	for _, c := range []struct{ template, input, want string }{
		{`{"a.$":"$.x","b":{"c.$":"$$.Name","d":[1,{"e.$":"$v"}]},"f":1.0}`, `{"x":[1e2]}`, `{"a":[1e2],"b":{"c":"ctx","d":[1,{"e":42}]},"f":1.0}`},
		{`{"all.$":"$.list[?(@.n > 1)].n"}`, `{"list":[{"n":1},{"n":2},{"n":3}]}`, `{"all":[2,3]}`},
		{`{"none.$":"$.list[*].n"}`, `{"list":[]}`, `{"none":[]}`},
		{`{"o.$":"$obj.a[1]","x":"$v"}`, `{}`, `{"o":2.50,"x":"$v"}`},
		{`{"s.$":"States.Format('{} of {}', $.x, $$.Name)"}`, `{"x":1}`, `{"s":"1 of ctx"}`},
		{`["$.x",{"a.$":"$.x"}]`, `{"x":null}`, `["$.x",{"a":null}]`},
		{`"$.x"`, `{}`, `"$.x"`},
		{`{"a":{"b":[]}}`, `null`, `{"a":{"b":[]}}`},
	} {
		tmpl, err := Compile(value(t, c.template))
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		got, err := tmpl.Evaluate(env(t, c.input))
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if text := jsonvalue.Text(got); text != c.want {
			t.Errorf("%s: got %s, want %s", c.template, text, c.want)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct{ template, input, name, cause string }{
		{`{"value.$":"$.no"}`, `{ "a":1}`, "States.Runtime",
			`The JSONPath '$.no' specified for the field 'value.$' could not be found in the input '{"a":1}'`},
		{`{"x":{"value.$":"$.no.such"}}`, `{"a":1}`, "States.Runtime",
			`The JSONPath '$.no.such' specified for the field 'value.$' could not be found in the input '{"a":1}'`},
		{`{"x.$":"States.Array(States.Format('{}', $.nope))"}`, `{"other":1}`, "States.Runtime",
			`The function 'States.Array(States.Format('{}', $.nope))' had the following error: The JsonPath argument for the field '$.nope' could not be found in the input '{"other":1}'`},
		{`{"x.$":"$"}`, `null`, "States.Runtime", `Unable to apply Path transformation to null or empty input.`},
	} {
		tmpl, err := Compile(value(t, c.template))
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		_, err = tmpl.Evaluate(env(t, c.input))
		f, ok := err.(*Failure)
		if !ok || f.Name != c.name || f.Cause != c.cause {
			t.Errorf("%s: got %v, want %s %s", c.template, err, c.name, c.cause)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{`{"x.$":"a"}`, "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"},
		{`{"x.$":"$a b"}`, "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"},
		{`{"x.$":"States.Fmt()"}`, "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"},
		{`{"x.$":["$.a"]}`, "The value for the field 'x.$' must be a STRING that contains a JSONPath but was an ARRAY"},
		{`{"a":[{"x.$":""}],"y.$":"States.Format()"}`, "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call at /a/0, " +
			"The value for the field 'y.$' must be a valid JSONPath or a valid intrinsic function call"},
	} {
		_, err := Compile(value(t, c.template))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.template, err, c.want)
		}
	}
}

func TestExpr(t *testing.T) {
	for _, c := range []struct{ text, input, want, cause string }{
		{"$.a", `{"a":1}`, "1", ""},
		{"$$.Execution.Input", `{}`, `{"x":1}`, ""},
		{"$", `null`, `null`, ""},
		{"$v", `null`, `42`, ""},
		{"$.a", `{}`, "", "Invalid path '$.a' : No results for path: $['a']"},
		{"$.no.such", `{}`, "", "Invalid path '$.no.such' : Missing property in path $['no']"},
	} {
		e, err := ParseExpr(c.text, false)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, err := e.Evaluate(env(t, c.input))
		switch {
		case err != nil && (c.cause == "" || err.(*Failure).Cause != c.cause):
			t.Errorf("%s: %v", c.text, err)
		case err == nil && jsonvalue.Text(got) != c.want:
			t.Errorf("%s: got %s, want %s", c.text, jsonvalue.Text(got), c.want)
		}
	}
	if _, err := ParseExpr("States.UUID()", false); err == nil {
		t.Error("a call was taken for a path")
	}
}

func BenchmarkEvaluate(b *testing.B) {
	tmpl, err := Compile(value(b, `{"order.$":"$.order.id","customer":{"name.$":"$.order.customer","kind":"retail"},"text.$":"States.Format('{} for {}', $.order.id, $.order.customer)","v.$":"$v"}`))
	if err != nil {
		b.Fatal(err)
	}
	e := env(b, `{"order":{"id":"o-1","customer":"Ada","lines":[{"n":1},{"n":2}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		e.Budget = nil
		if _, err := tmpl.Evaluate(e); err != nil {
			b.Fatal(err)
		}
	}
}
