package jsonata

import (
	"context"
	"testing"

	"heddle/jsonvalue"
)

// FuzzEvaluate wants an end within the limits, a result that is JSON, and an untouched input,
// whatever the expression and the input.
func FuzzEvaluate(f *testing.F) {
	for _, c := range language {
		f.Add(c.expr, shop)
	}
	for expr := range hostile {
		f.Add(expr, "[1,[2,3]]")
	}
	f.Fuzz(func(t *testing.T, expr, input string) {
		v, err := jsonvalue.ParseString(input)
		if err != nil {
			v = Undefined
		}
		x, err := Compile(expr)
		if err != nil {
			if e, is := err.(*Error); !is || e.Message == "" || e.Message == "unknown error" {
				t.Fatalf("%q: error %#v", expr, err)
			}
			return
		}
		got, err := x.Evaluate(context.Background(), v, &Options{Now: testNow, Limits: Limits{Steps: 200_000, Depth: 500, Bytes: 4 << 20}})
		switch {
		case err != nil:
			if e, is := err.(*Error); !is || e.Code == "" || e.Message == "unknown error" {
				t.Fatalf("%q: error %#v", expr, err)
			}
		case !isUndefined(got):
			isJSON(t, got)
		}
		if again, err := jsonvalue.ParseString(input); err == nil && jsonvalue.Text(again) != jsonvalue.Text(v) {
			t.Fatalf("%q changed its input to %s", expr, jsonvalue.Text(v))
		}
	})
}

func isJSON(t *testing.T, v any) {
	switch v := v.(type) {
	case nil, bool, string, float64, jsonvalue.Number, *Function:
	case []any:
		for _, item := range v {
			isJSON(t, item)
		}
	case *jsonvalue.Object:
		for _, m := range v.All() {
			isJSON(t, m)
		}
	default:
		t.Fatalf("a result holds a %T", v)
	}
}
