package jsonpath

import (
	"strings"
	"testing"

	"heddle/jsonvalue"
)

// FuzzPath holds any text and value against what the package says of them.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"$", "$.a.b[0]", "$['a',\"b\"].c", "$..a[1:2]", "$[-1,2]", "$.*", "$.a[?(@.b == 'x' && !(@.c) || @.d =~ /r.e/i)]",
		"$[?(@.a in ['x',1] && @.b nin $.c)]", "$..[?(@.a size 2)].length()", "$.sum($.a, 1)", "$.a.concat(\"x\", @.b)", `$['\u00e9\'']`, "$[:2]",
	} {
		for _, v := range []string{`{"a":{"b":[1,2.0]},"c":null}`, `[[1,"x",true],{"a":[{"b":1}]}]`, `1`, `null`} {
			f.Add(path, v)
		}
	}
	f.Fuzz(func(t *testing.T, text, in string) {
		p, err := Parse(text)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Kind != Syntax {
				t.Fatalf("not an error of syntax: %v", err)
			}
			return
		}
		root, err := jsonvalue.Parse([]byte(in))
		if err != nil {
			return
		}
		before := jsonvalue.Text(root)
		b := Budget{Steps: 100_000, Bytes: 1 << 20}
		got, err := p.GetWithin(&b, root)
		switch e, ok := err.(*Error); {
		case err == nil:
			if _, isList := got.([]any); !isList && !p.Definite() {
				t.Errorf("an indefinite path gave %s", jsonvalue.Text(got))
			}
		case !ok || e.Kind == Syntax || e.Kind == NotFound && !p.Definite():
			t.Errorf("%v", err)
		}
		if !strings.ContainsAny(text, "?(") { // what it writes means the same
			again, err2 := Parse(p.String())
			if err2 != nil {
				t.Fatalf("%q of %q: %v", p.String(), text, err2)
			}
			c := Budget{Steps: 100_000, Bytes: 1 << 20}
			v, err2 := again.GetWithin(&c, root)
			if (err == nil) != (err2 == nil) || err == nil && !jsonvalue.Equal(got, v) {
				t.Errorf("%q gave %v, %v; %q %v, %v", text, got, err, p.String(), v, err2)
			}
		}
		if p.IsReference() {
			if set, err := p.Set(root, "set"); err == nil {
				if v, err := p.Get(set); err != nil || v != "set" {
					t.Errorf("what was set is %v, %v", v, err)
				}
			} else if got != nil {
				t.Errorf("what was found could not be set: %v", err)
			}
		}
		if after := jsonvalue.Text(root); after != before {
			t.Errorf("%s became %s", before, after)
		}
	})
}
