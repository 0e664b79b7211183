package template

import (
	"testing"
	"unicode/utf8"

	"heddle/internal/sfn/intrinsic"
	"heddle/jsonpath"
	"heddle/jsonvalue"
)

// FuzzTemplate holds any template and input to what is said of both: problems or a
// template; then a failure by name, or a value that the budget paid for.
func FuzzTemplate(f *testing.F) {
	for _, template := range []string{
		`{"a.$":"$.x","b":[{"c.$":"$$.Name"},"$"],"d":{}}`, `{"a.$":"States.Format('{}', $.x[0])","b.$":"$v"}`, `{"a.$":1}`, `"$.x"`, `{".$":"$..*"}`,
		`{"a.$":"States.Array($, $, $.x[?(@ > 1)])","a":1}`,
	} {
		f.Add(template, `{"x":[1,2.0,{"y":"z"}]}`)
		f.Add(template, `null`)
	}
	f.Fuzz(func(t *testing.T, text, input string) {
		if !utf8.ValidString(text + input) {
			return
		}
		v, err := jsonvalue.ParseString(text)
		if err != nil {
			return
		}
		in, err := jsonvalue.ParseString(input)
		if err != nil {
			return
		}
		tmpl, err := Compile(v)
		if err != nil {
			if p, ok := err.(Problems); !ok || len(p) == 0 || tmpl != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		e := env(t, "{}")
		e.Input = in
		const bytes = 1 << 20
		e.Budget = &jsonpath.Budget{Steps: 100_000, Bytes: bytes}
		got, err := tmpl.Evaluate(e)
		if err != nil {
			if f, ok := err.(*Failure); !ok || f.Cause == "" || f.Name != intrinsic.Runtime && f.Name != intrinsic.IntrinsicFailure {
				t.Fatalf("%v", err)
			}
			return
		}
		if size, paid := jsonvalue.Size(got), bytes-e.Budget.Bytes; size > paid+len(text) {
			t.Errorf("%s on %s comes to %d bytes, of which %d were paid for", text, input, size, paid)
		}
		if again, err := jsonvalue.ParseString(jsonvalue.Text(got)); err != nil || !jsonvalue.Equal(got, again) {
			t.Errorf("%s on %s gives %s, which is read as %v, %v", text, input, jsonvalue.Text(got), again, err)
		}
	})
}
