package intrinsic

import (
	"errors"
	"testing"

	"heddle/jsonpath"
	"heddle/jsonvalue"
)

func FuzzParse(f *testing.F) {
	for _, call := range []string{
		"States.Array()", "States.Format('{} \\{', $.a)", "States.ArrayGetItem(States.StringSplit($$.b, '-'), 0)", "States.JsonMerge($v, $.a[?(@.b)], false)",
		"States.MathRandom(1, 2, 3)", "States.Array(-1.50, null, 'it\\'s')", "$.a", "$$", "$v.x[0]",
	} {
		f.Add(call)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Fatal(err)
			}
			if x, err = ParsePath(text); err != nil {
				return
			}
		}
		e := env(t, `{"a":[{"b":"x"},1.0],"c":{}}`)
		e.Budget = &jsonpath.Budget{Steps: 100_000, Bytes: 1 << 20}
		v, err := x.Evaluate(e)
		if err == nil {
			if _, err := jsonvalue.ParseString(jsonvalue.Text(v)); err != nil {
				t.Errorf("%q makes %s: %v", text, jsonvalue.Text(v), err)
			}
		}
	})
}
