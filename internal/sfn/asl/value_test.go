package asl

import (
	"fmt"
	"strings"
	"testing"

	"heddle/jsonvalue"
)

func parse(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonvalue.ParseString(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// environment has an input, a context object and some variables.
func environment(t testing.TB, input string) *Env {
	return &Env{
		Input:   parse(t, input),
		Context: func() any { return parse(t, `{"Execution":{"Id":"e"}}`) },
		Variable: func(name string) (any, bool) {
			v, ok := map[string]any{"n": float64(5), "s": "five", "null": nil}[name]
			return v, ok
		},
		Steps: 100_000, Bytes: 1 << 20,
	}
}

// TestChoiceRules has the 39 operators, And, Or and Not.
func TestChoiceRules(t *testing.T) {
	const input = `{"one":1,"float":1.0,"big":12345678901234567890,"text":"b","true":true,"false":false,"null":null,"list":[1],"object":{},"star":"a*b\\c","time":"2024-05-01T12:00:00Z","same":"2024-05-01T14:00:00+02:00","later":"2024-05-01T12:00:00.5Z","date":"2024-05-01","high":"\ud83d\ude00","private":"\ue000"}`
	for _, c := range []struct {
		rule string
		want string // "true", "false", or the failure
	}{
		{`"Variable":"$.text","StringEquals":"b"`, "true"},
		{`"Variable":"$.text","StringEquals":"B"`, "false"},
		{`"Variable":"$.one","StringEquals":"1"`, "false"},
		{`"Variable":"$.text","StringEqualsPath":"$.text"`, "true"},
		{`"Variable":"$.text","StringEqualsPath":"$.one"`, "false"},
		{`"Variable":"$.text","StringLessThan":"ba"`, "true"},
		{`"Variable":"$.text","StringLessThan":"b"`, "false"},
		{`"Variable":"$.text","StringLessThanPath":"$.text"`, "false"},
		{`"Variable":"$.text","StringGreaterThan":"B"`, "true"},
		{`"Variable":"$.text","StringGreaterThanPath":"$.text"`, "false"},
		{`"Variable":"$.text","StringLessThanEquals":"b"`, "true"},
		{`"Variable":"$.text","StringLessThanEqualsPath":"$.text"`, "true"},
		{`"Variable":"$.text","StringGreaterThanEquals":"c"`, "false"},
		{`"Variable":"$.text","StringGreaterThanEqualsPath":"$.text"`, "true"},
		{`"Variable":"$.high","StringLessThanPath":"$.private"`, "true"}, // by UTF-16
		{`"Variable":"$.star","StringMatches":"a\\*b\\\\c"`, "true"},
		{`"Variable":"$.star","StringMatches":"a*"`, "true"},
		{`"Variable":"$.star","StringMatches":"*c"`, "true"},
		{`"Variable":"$.star","StringMatches":"*b*"`, "true"},
		{`"Variable":"$.star","StringMatches":"a*b*b*c"`, "false"},
		{`"Variable":"$.star","StringMatches":"a"`, "false"},
		{`"Variable":"$.text","StringMatches":"b\\*"`, "false"},
		{`"Variable":"$.text","StringMatches":"*"`, "true"},
		{`"Variable":"$.text","StringMatches":"b*b"`, "false"},
		{`"Variable":"$.one","StringMatches":"*"`, "false"},
		{`"Variable":"$.one","NumericEquals":1`, "true"},
		{`"Variable":"$.float","NumericEquals":1`, "true"},
		{`"Variable":"$.big","NumericEqualsPath":"$.big"`, "true"},
		{`"Variable":"$.null","NumericEquals":0`, "false"},
		{`"Variable":"$.text","NumericLessThan":5`, "false"},
		{`"Variable":"$.one","NumericLessThan":1.5`, "true"},
		{`"Variable":"$.one","NumericLessThanPath":"$n"`, "true"},
		{`"Variable":"$n","NumericGreaterThan":4`, "true"},
		{`"Variable":"$n","NumericGreaterThanPath":"$.one"`, "true"},
		{`"Variable":"$.one","NumericLessThanEquals":1`, "true"},
		{`"Variable":"$.one","NumericLessThanEqualsPath":"$.text"`, "false"},
		{`"Variable":"$.one","NumericGreaterThanEquals":2`, "false"},
		{`"Variable":"$.one","NumericGreaterThanEqualsPath":"$.float"`, "true"},
		{`"Variable":"$.true","BooleanEquals":true`, "true"},
		{`"Variable":"$.text","BooleanEquals":true`, "false"},
		{`"Variable":"$.true","BooleanEqualsPath":"$.false"`, "false"},
		{`"Variable":"$.time","TimestampEquals":"2024-05-01T12:00:00.000Z"`, "true"},
		{`"Variable":"$.time","TimestampEqualsPath":"$.same"`, "true"},
		{`"Variable":"$.time","TimestampLessThanPath":"$.later"`, "true"},
		{`"Variable":"$.time","TimestampLessThan":"2024-05-01T12:00:00Z"`, "false"},
		{`"Variable":"$.later","TimestampGreaterThan":"2024-05-01T12:00:00Z"`, "true"},
		{`"Variable":"$.later","TimestampGreaterThanPath":"$.date"`, "false"},
		{`"Variable":"$.time","TimestampLessThanEquals":"2024-05-01T12:00:00Z"`, "true"},
		{`"Variable":"$.time","TimestampLessThanEqualsPath":"$.same"`, "true"},
		{`"Variable":"$.time","TimestampGreaterThanEquals":"2024-05-01T12:00:00Z"`, "true"},
		{`"Variable":"$.time","TimestampGreaterThanEqualsPath":"$.later"`, "false"},
		{`"Variable":"$.null","IsNull":true`, "true"},
		{`"Variable":"$null","IsNull":true`, "true"},
		{`"Variable":"$.one","IsNull":false`, "true"},
		{`"Variable":"$.null","IsPresent":true`, "true"},
		{`"Variable":"$.no","IsPresent":true`, "false"},
		{`"Variable":"$.no.more","IsPresent":false`, "true"},
		{`"Variable":"$no","IsPresent":false`, "true"},
		{`"Variable":"$.big","IsNumeric":true`, "true"},
		{`"Variable":"$.text","IsNumeric":false`, "true"},
		{`"Variable":"$.text","IsString":true`, "true"},
		{`"Variable":"$.list","IsString":true`, "false"},
		{`"Variable":"$.false","IsBoolean":true`, "true"},
		{`"Variable":"$.null","IsBoolean":false`, "true"},
		{`"Variable":"$.later","IsTimestamp":true`, "true"},
		{`"Variable":"$.date","IsTimestamp":true`, "false"},
		{`"Variable":"$$.Execution.Id","StringEquals":"e"`, "true"},
		{`"Variable":"$s","StringEquals":"five"`, "true"},
		{`"Variable":"$.no","StringEquals":"b"`, "States.Runtime: Invalid path '$.no': The choice state's condition path references an invalid value."},
		{`"Variable":"$.text","StringEqualsPath":"$.no"`, "States.Runtime: Invalid path '$.no': The choice state's condition path references an invalid value."},
		{`"Not":{"Variable":"$.text","StringEquals":"b"}`, "false"},
		{`"Not":{"Variable":"$.one","StringEquals":"b"}`, "true"},
		{`"Not":{"Variable":"$.no","IsNull":true}`, "States.Runtime: Invalid path '$.no': The choice state's condition path references an invalid value."},
		{`"And":[{"Variable":"$.one","IsNumeric":true}]`, "true"},
		{`"And":[{"Variable":"$.no","IsPresent":true},{"Variable":"$.no","StringEquals":"x"}]`, "false"},
		{`"And":[{"Variable":"$.one","IsNumeric":true},{"Variable":"$.text","IsNumeric":true}]`, "false"},
		{`"Or":[{"Variable":"$.one","IsNumeric":true},{"Variable":"$.no","IsNull":true}]`, "true"},
		{`"Or":[{"Variable":"$.one","IsString":true},{"And":[{"Variable":"$.text","IsString":true},{"Not":{"Variable":"$.null","IsString":true}}]}]`, "true"},
		{`"Or":[{"Variable":"$.one","IsString":true}]`, "false"},
	} {
		m, diagnostics := Compile([]byte(choice(c.rule)), Options{})
		if m == nil {
			t.Errorf("%s: %s", c.rule, said(diagnostics))
			continue
		}
		holds, err := m.Find("X").Rules[0].Condition.Holds(environment(t, input))
		got := fmt.Sprint(holds)
		if err != nil {
			if got = err.(*Failure).Error(); holds {
				t.Errorf("%s: holds, and fails", c.rule)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
	if n := len(operatorsByName); n != 39 {
		t.Errorf("%d operators, want 39", n)
	}
}

func TestPaths(t *testing.T) {
	const input = `{"a":{"b":1.50},"list":[1,2]}`
	for definition, want := range map[string]string{
		`"InputPath":"$.a"`:          `{"b":1.50}`,
		`"InputPath":"$.list[*]"`:    `[1,2]`,
		`"InputPath":"$.list[5:]"`:   `[]`,
		`"InputPath":"$$.Execution"`: `{"Id":"e"}`,
		`"InputPath":"$n"`:           `5`,
		`"InputPath":"$.c"`:          `States.Runtime: Invalid path '$.c' : No results for path: $['c']`,
		`"Parameters":{"x.$":"$.a.b","y":"$.a","z.$":"$$.Execution.Id","l":[{"n.$":"$n"}]}`: `{"x":1.50,"y":"$.a","z":"e","l":[{"n":5}]}`,
		`"Parameters":{"x.$":"$.c"}`:                               `States.Runtime: The JSONPath '$.c' specified for the field 'x.$' could not be found in the input '{"a":{"b":1.50},"list":[1,2]}'`,
		`"Parameters":{"x.$":"States.Format('{}-{}', $.a.b, $s)"}`: `{"x":"1.50-five"}`,
		`"Parameters":{"x.$":"States.ArrayGetItem($.list, 7)"}`:    `States.IntrinsicFailure`,
	} {
		m, diagnostics := Compile([]byte(one(`{"Type":"Pass",`+definition+`,"End":true}`)), Options{})
		if m == nil {
			t.Errorf("%s: %s", definition, said(diagnostics))
			continue
		}
		s := m.StartAt
		value := s.InputPath
		if value == nil {
			value = s.Parameters
		}
		env := environment(t, input)
		v, err := value.Evaluate(env)
		got := ""
		if err != nil {
			got = err.(*Failure).Error()
		} else {
			got = jsonvalue.Text(v)
		}
		if got != want && !(want == "States.IntrinsicFailure" && strings.HasPrefix(got, want)) {
			t.Errorf("%s:\n got %s\nwant %s", definition, got, want)
		}
		if s.Parameters != nil && err == nil && env.Bytes == 1<<20 {
			t.Errorf("%s costs nothing", definition)
		}
		if value.Constant() {
			t.Errorf("%s: a constant", definition)
		}
	}
	// Nothing left to spend.
	m, _ := Compile([]byte(one(`{"Type":"Pass","Parameters":{"x.$":"$..b"},"End":true}`)), Options{})
	env := environment(t, input)
	env.Steps = 1
	if v, err := m.StartAt.Parameters.Evaluate(env); err == nil {
		t.Errorf("without steps: %s", jsonvalue.Text(v))
	}
}

func TestResultPath(t *testing.T) {
	for path, want := range map[string]string{
		"$.r":       `{"a":1,"r":9}`,
		"$.a":       `{"a":9}`,
		"$.r.s":     `{"a":1,"r":{"s":9}}`,
		"$.a.b":     `States.ReferencePathConflict: Unable to apply ReferencePath $.a.b to input {"a":1}`,
		"$['r s']":  `{"a":1,"r s":9}`,
		"$.list[0]": `States.ReferencePathConflict: Unable to apply ReferencePath $.list[0] to input {"a":1}`,
	} {
		m, diagnostics := Compile([]byte(one(`{"Type":"Pass","ResultPath":"`+path+`","End":true}`)), Options{})
		if m == nil {
			t.Errorf("%s: %s", path, said(diagnostics))
			continue
		}
		v, err := m.StartAt.ResultPath.Set(parse(t, `{"a":1}`), float64(9))
		got := ""
		if err != nil {
			got = err.(*Failure).Error()
		} else {
			got = jsonvalue.Text(v)
		}
		if got != want || m.StartAt.ResultPath.Text != path {
			t.Errorf("%s:\n got %s\nwant %s", path, got, want)
		}
	}
}

// TestQueries has what expressions of JSONata give, and how they fail.
func TestQueries(t *testing.T) {
	const threw = "threw an error during evaluation"
	for output, want := range map[string]string{
		`1`:                               `1`,
		`{"a":null,"b.$":"$","c":"{% 1"}`: ``,
		`{"a":null,"b.$":"$","c":"$.x"}`:  `{"a":null,"b.$":"$","c":"$.x"}`,
		`"{% $states.input.a.b %}"`:       `1.50`,
		`{"x":["{% $n + 1 %}",{"y":"{% $s %}"}],"z":0}`:   `{"x":[6,{"y":"five"}],"z":0}`,
		`"{% $states.context.Execution.Id %}"`:            `"e"`,
		`"{% $keys($states) %}"`:                          `["input","context"]`,
		`"{% $null %}"`:                                   `null`,
		`"{% [] %}"`:                                      `[]`,
		`"{% ($x := 5; $x * $n) %}"`:                      `25`,
		`"{% $none %}"`:                                   "Output|The JSONata expression '$none' specified for the field 'Output' returned nothing (undefined).",
		`{"a":{"b c":["{% $none %}"]}}`:                   "Output/a/b c[0]|The JSONata expression '$none' specified for the field 'Output/a/b c[0]' returned nothing (undefined).",
		`"{%   $none( 1 )   %}"`:                          "Output|The JSONata expression '$none( 1 )' specified for the field 'Output' " + threw + ". T1006: Attempted to invoke a non-function",
		`"{% $eval('1') %}"`:                              "Output|The JSONata expression '$eval('1')' specified for the field 'Output' " + threw + ". T1006: Attempted to invoke a non-function",
		`"{% function($x){$x} %}"`:                        "Output|The JSONata expression 'function($x){$x}' specified for the field 'Output' returned an unsupported result type.",
		`"{% [$sum] %}"`:                                  "Output|The JSONata expression '[$sum]' specified for the field 'Output' returned an unsupported result type.",
		`"{% ($f := function($x){$f($x) + 1}; $f(1)) %}"`: "Output|The JSONata expression '($f := function($x){$f($x) + 1}; $f(1))' specified for the field 'Output' " + threw,
		`"{% [1..9000000] %}"`:                            "Output|The JSONata expression '[1..9000000]' specified for the field 'Output' " + threw + ": ",
	} {
		m, diagnostics := Compile([]byte(oneJSONata(`{"Type":"Pass","Output":`+output+`,"End":true}`)), Options{})
		if m == nil {
			if want != "" {
				t.Errorf("%s: %s", output, said(diagnostics))
			}
			continue
		}
		env := environment(t, `{"a":{"b":1.50}}`)
		v, err := m.StartAt.Output.Evaluate(env)
		got := ""
		if err != nil {
			f := err.(*Failure)
			if got = f.Field + "|" + f.Cause; f.Name != "States.QueryEvaluationError" {
				t.Errorf("%s: %s", output, f.Name)
			}
		} else {
			got = jsonvalue.Text(v)
		}
		if got != want && !(err != nil && strings.Contains(want, threw) && strings.HasPrefix(got, want)) {
			t.Errorf("%s:\n got %s\nwant %s", output, got, want)
		}
		if m.StartAt.Output.Constant() == strings.Contains(output, "{%") {
			t.Errorf("%s: a constant: %t", output, m.StartAt.Output.Constant())
		}
		if strings.Contains(output, "{%") && env.Steps == 100_000 {
			t.Errorf("%s costs nothing", output)
		}
	}
}

func TestConditions(t *testing.T) {
	for condition, want := range map[string]string{
		`true`:                        "true",
		`"{% $n > 4 %}"`:              "true",
		`"{% $states.input.a = 2 %}"`: "false",
		`"{% 1 %}"`:                   "Choices[0]/Condition|The JSONata expression '1' specified for the field 'Choices[0]/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1",
		`"{% $no %}"`:                 "Choices[0]/Condition|The JSONata expression '$no' specified for the field 'Choices[0]/Condition' returned nothing (undefined).",
	} {
		m, diagnostics := Compile([]byte(oneJSONata(`{"Type":"Choice","Choices":[{"Condition":`+condition+`,"Next":"End1"}]}`)), Options{})
		if m == nil {
			t.Errorf("%s: %s", condition, said(diagnostics))
			continue
		}
		holds, err := m.Find("X").Rules[0].Condition.Holds(environment(t, `{"a":1}`))
		got := fmt.Sprint(holds)
		if err != nil {
			got = err.(*Failure).Field + "|" + err.(*Failure).Cause
		}
		if got != want {
			t.Errorf("%s: %s, want %s", condition, got, want)
		}
	}
}

// TestQueryState sees what $states has, and what a state reads.
func TestQueryState(t *testing.T) {
	m, diagnostics := Compile([]byte(`{"QueryLanguage":"JSONata","StartAt":"X","States":{"X":{"Type":"Task","Resource":"arn:aws:states:us-east-1:1:activity:w",
		"Arguments":{"a":"{% $b %}"},"Output":"{% $states %}","Assign":{"z":"{% ($local := $a; $local & $states.result) %}"},
		"Catch":[{"ErrorEquals":["E"],"Output":"{% $states.errorOutput.Error %}","Next":"X"}],"End":true}}}`), Options{})
	if m == nil {
		t.Fatal(said(diagnostics))
	}
	s := m.StartAt
	if got := fmt.Sprint(m.Reads["X"]); got != "[a b]" {
		t.Errorf("reads %s", got)
	}
	if s.Source["Arguments/a"] != "$b" || s.Source["Catch[0]/Output"] != "$states.errorOutput.Error" {
		t.Errorf("sources %v", s.Source)
	}
	env := environment(t, `1`)
	env.HasResult, env.Result = true, "r"
	v, err := s.Output.Evaluate(env)
	if err != nil || jsonvalue.Text(v) != `{"input":1,"result":"r","context":{"Execution":{"Id":"e"}}}` {
		t.Errorf("$states: %s, %v", jsonvalue.Text(v), err)
	}
	env = environment(t, `1`)
	env.HasError, env.Error = true, parse(t, `{"Error":"E"}`)
	env.Context = func() any { t.Error("the context object is made, and nothing reads it"); return nil }
	if v, err := s.Catch[0].Output.Evaluate(env); err != nil || v != "E" {
		t.Errorf("$states.errorOutput: %v, %v", v, err)
	}
}

// TestItemsPath gives what an ItemsPath leads to, and tells where it leads nowhere.
func TestItemsPath(t *testing.T) {
	for path, want := range map[string]string{
		"$.list":    `[1]`,
		"$.a.b":     `States.ReferencePathConflict: Unable to apply step "b" to input {"a":{"c":1},"list":[1]}`,
		"$.x.b":     `States.ReferencePathConflict: Unable to apply step "x" to input {"a":{"c":1},"list":[1]}`,
		"$.a.c.d":   `States.ReferencePathConflict: Unable to apply step "d" to input {"a":{"c":1},"list":[1]}`,
		"$.list[3]": `States.Runtime: Invalid path '$.list[3]' : No results for path: $['list'][3]`,
		"$$.a":      `States.Runtime: Invalid path '$$.a' : No results for path: $['a']`,
	} {
		m, diagnostics := Compile([]byte(one(`{"Type":"Map","ItemsPath":"`+path+`","ItemProcessor":{"StartAt":"S","States":{"S":{"Type":"Succeed"}}},"End":true}`)), Options{})
		if m == nil {
			t.Errorf("%s: %s", path, said(diagnostics))
			continue
		}
		env := environment(t, `{"a":{"c":1},"list":[1]}`)
		env.Context = func() any { return jsonvalue.NewObject(0) }
		v, err := m.StartAt.ItemsPath.Evaluate(env)
		got := jsonvalue.Text(v)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// TestVariablesGoBeforeFunctions of their name, where they have a value.
func TestVariablesGoBeforeFunctions(t *testing.T) {
	const definition = `{"QueryLanguage":"JSONata","StartAt":"A","States":{
		"A":{"Type":"Pass","Assign":{"count":"{% $count([1,2]) %}","max":4},"Next":"B"},
		"B":{"Type":"Pass","Output":{"more":"{% $count + 1 %}","less":"{% $count < $max %}","sum":"{% $sum([1,2]) %}"},"End":true}}}`
	m, diagnostics := Compile([]byte(definition), Options{})
	if m == nil {
		t.Fatal(said(diagnostics))
	}
	env := environment(t, `{}`)
	env.Variable = func(name string) (any, bool) {
		v, ok := map[string]any{"count": 2.0, "max": 4.0}[name]
		return v, ok
	}
	v, err := m.State("B").Output.Evaluate(env)
	if got := jsonvalue.Text(v); err != nil || got != `{"more":3,"less":true,"sum":3}` {
		t.Errorf("with variables: %s, %v", got, err)
	}
	env.Variable = func(string) (any, bool) { return nil, false }
	v, err = m.State("A").Assign.Values[0].Evaluate(env)
	if got := jsonvalue.Text(v); err != nil || got != "2" {
		t.Errorf("without: %s, %v", got, err)
	}
	if got := fmt.Sprint(m.Reads["B"]); got != "[count max]" {
		t.Errorf("B reads %s", got)
	}
}
