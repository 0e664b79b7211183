package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"heddle/jsonata"
	"heddle/jsonvalue"
)

const library = "node_modules/jsonata/jsonata.js"

var (
	seeds  = flag.Int("seeds", 3000, "how many expressions are made at random")
	first  = flag.Uint64("first", 1, "the first of their seeds")
	places = flag.Bool("places", false, "errors must have the same message, token and position too")
)

func engine(tb testing.TB) *reference {
	if _, err := os.Stat(library); err != nil {
		tb.Skip("jsonata-js is not here: run npm install in this folder first")
	}
	r, err := newReference(library)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// ours evaluates with package jsonata.
func ours(source, input string) outcome {
	failed := func(err error) outcome {
		e := err.(*jsonata.Error)
		return outcome{failed: true, code: e.Code, message: e.Message, token: e.Token, position: e.Position}
	}
	x, err := jsonata.Compile(source)
	if err != nil {
		return failed(err)
	}
	v, err := jsonvalue.ParseString(input)
	if err != nil {
		panic(err)
	}
	v, err = x.Evaluate(context.Background(), v, &jsonata.Options{
		Now: time.Now(), Limits: jsonata.Limits{Steps: 20_000_000, Depth: 2000, Bytes: 256 << 20},
	})
	if err != nil {
		return failed(err)
	}
	if v == jsonata.Undefined {
		return outcome{none: true}
	}
	defer func() {
		if r := recover(); r != nil {
			panic(fmt.Sprintf("%v: %s\nof %s", r, source, input))
		}
	}()
	return outcome{result: jsonvalue.Text(plain(v))}
}

// plain writes functions as the reference's script does.
func plain(v any) any {
	switch v := v.(type) {
	case *jsonata.Function:
		return "<function>"
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	case *jsonvalue.Object:
		out := jsonvalue.NewObject(v.Len())
		for name, m := range v.All() {
			out.Set(name, plain(m))
		}
		return out
	}
	return v
}

var (
	many = regexp.MustCompile(`[\[{].*,`)
	// known are differences on purpose, by expressions that may show them.
	known = map[*regexp.Regexp]string{
		regexp.MustCompile(`(?s)[@#]\$.*\{.*,"m":|%.*\{.*,"m":`):   "of two members grouped from one tuple, jsonata-js evaluates the second without its context",
		regexp.MustCompile(`(?s)(function|λ).*\)\{"?\w+"?:`):       "a group behind a tail call is lost in jsonata-js",
		regexp.MustCompile(`(?s)\^\(.*#\$`):                        "jsonata-js does not number what it sorted if that were tuples before",
		regexp.MustCompile(`(?s)\$replace\(.*[a-z*\]).]`):          "jsonata-js writes undefined for a replacement that is not there",
		regexp.MustCompile(`(?s)/[im]?[),].*\?[?:]`):               "jsonata-js spoils regular expressions before ?: and ??",
		regexp.MustCompile(`formatNumber\(.*"[^.]*#+[,#]*0,[0#]`):  "jsonata-js puts irregular grouping separators in wrong places",
		regexp.MustCompile(`formatNumber\(.*"[^.0]*#e0`):           "jsonata-js loses the fraction that it makes itself",
		regexp.MustCompile(`😀`):                                    "we see characters where JavaScript sees UTF-16 code units",
		regexp.MustCompile(`(?s)toMillis\(.*\[(PN|h|H|M|D|F|Z|C)`): "the time of now is asked for twice",
	}
)

// same compares outcomes; ok is false where there is nothing to compare: JavaScript's own
// errors, and our limits.
func same(source string, want, got outcome) (equal, ok bool) {
	if want.hung || want.failed && want.code == "" || got.failed && got.code[0] == 'U' || got.code == "D1011" {
		return true, false
	}
	if want.failed && got.failed && want.code != got.code && many.MatchString(source) {
		return true, false // jsonata-js evaluates the parts of a list or object at once: any may fail first
	}
	for what := range known {
		if what.MatchString(source) {
			return true, false
		}
	}
	if strings.Contains(want.result, "[null]") {
		return true, false // jsonata-js puts undefined into empty lists that it groups
	}
	if want.failed || got.failed {
		if *places && (want.message != got.message || want.token != got.token || want.position != got.position) {
			return false, true
		}
		return want.code == got.code, true
	}
	if want.none || got.none {
		return want.none == got.none, true
	}
	a, err := jsonvalue.ParseString(want.result)
	if err != nil {
		return true, false
	}
	b, err := jsonvalue.ParseString(got.result)
	return err == nil && jsonvalue.Equal(a, b), true
}

// TestSameAsReference compares with jsonata-js on expressions and inputs made at random.
func TestSameAsReference(t *testing.T) {
	r := engine(t)
	compared, differ := 0, 0
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		g := newGenerator(seed)
		input := g.input()
		source := g.expr(1 + g.IntN(4))
		want, got := r.evaluate(source, input), ours(source, input)
		equal, ok := same(source, want, got)
		if ok {
			compared++
		}
		if !equal {
			differ++
			t.Errorf("seed %d\n  expression %s\n  input      %s\n  want %+v\n  got  %+v", seed, source, input, want, got)
		}
	}
	t.Logf("%d compared, %d differ", compared, differ)
	if compared < *seeds/2 {
		t.Errorf("only %d of %d could be compared", compared, *seeds)
	}
}

// TestSameFunctions compares the functions that have pictures, on pictures made at random.
func TestSameFunctions(t *testing.T) {
	r := engine(t)
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		source := newGenerator(seed).function()
		want, got := r.evaluate(source, "0"), ours(source, "0")
		if equal, _ := same(source, want, got); !equal {
			t.Errorf("seed %d\n  expression %s\n  want %+v\n  got  %+v", seed, source, want, got)
		}
	}
}

func FuzzSameAsReference(f *testing.F) {
	r := engine(f)
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		g := newGenerator(seed)
		input := g.input()
		source := g.expr(1 + g.IntN(5))
		if want, got := r.evaluate(source, input), ours(source, input); true {
			if equal, _ := same(source, want, got); !equal {
				t.Errorf("expression %s\n  input      %s\n  want %+v\n  got  %+v", source, input, want, got)
			}
		}
	})
}
