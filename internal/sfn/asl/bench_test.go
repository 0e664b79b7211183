package asl

import "testing"

// BenchmarkEvaluate compares values of both languages, and a rule of each.
func BenchmarkEvaluate(b *testing.B) {
	for _, c := range []struct{ name, definition string }{
		{"path", one(`{"Type":"Pass","InputPath":"$.a.b","End":true}`)},
		{"template", one(`{"Type":"Pass","Parameters":{"x.$":"$.a.b","y":1},"End":true}`)},
		{"function", one(`{"Type":"Pass","Parameters":{"x.$":"States.MathAdd($.n, 1)"},"End":true}`)},
		{"query", output(`"{% $states.input.a.b %}"`)},
		{"query object", output(`{"x":"{% $states.input.a.b %}","y":1}`)},
		{"query sum", output(`{"x":"{% $states.input.n + 1 %}"}`)},
	} {
		m, diagnostics := Compile([]byte(c.definition), Options{})
		if m == nil {
			b.Fatal(said(diagnostics))
		}
		value := m.StartAt.InputPath
		for _, v := range []Value{m.StartAt.Parameters, m.StartAt.Output} {
			if v != nil {
				value = v
			}
		}
		env := environment(b, `{"a":{"b":"c"},"n":5}`)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				env.Steps, env.Bytes = 1_000_000, 1<<20
				if _, err := value.Evaluate(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, c := range []struct{ name, definition string }{
		{"rule", choice(`"Variable":"$.n","NumericLessThan":9`)},
		{"condition", oneJSONata(`{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n < 9 %}","Next":"End1"}]}`)},
	} {
		m, diagnostics := Compile([]byte(c.definition), Options{})
		if m == nil {
			b.Fatal(said(diagnostics))
		}
		env := environment(b, `{"a":{"b":"c"},"n":5}`)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				env.Steps, env.Bytes = 1_000_000, 1<<20
				if holds, err := m.StartAt.Rules[0].Condition.Holds(env); err != nil || !holds {
					b.Fatal(err)
				}
			}
		})
	}
}
