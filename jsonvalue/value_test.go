package jsonvalue

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// TestTextsComeBack: what is written without blanks comes back as it was.
func TestTextsComeBack(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-0`, `1`, `1.0`, `1.5`, `1e3`, `1E+3`, `-12.50`, `12345678901234567890`, `0.1`, `1e400`, `123456789012345`,
		`1234567890123456`, `9007199254740993`, `0.000001`, `1e-7`, `""`, `"a\"b\\c\n\t\b\f\r"`, `"é€😀"`, `"\u0001"`, `"\ud800"`, `"\udc00x"`,
		`[]`, `[1,[2,[]],{}]`, `{}`, `{"b":1,"a":{"z":null,"y":[true]}}`, `{"":""}`,
	} {
		v, err := ParseString(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := Text(v); got != text {
			t.Errorf("%s came back as %s", text, got)
		}
		if got := Size(v); got != len(text) {
			t.Errorf("%s: size %d", text, got)
		}
		if !Equal(v, v) {
			t.Errorf("%s does not equal itself", text)
		}
	}
	if v, err := ParseString(" {\"a\" : [ 1 ,\t2 ] , \"a\":\r\n\"\\u00e9\\/\\ud83d\\ude00\"} "); err != nil || Text(v) != `{"a":"é/😀"}` {
		t.Errorf("%v, %v", v, err)
	}
}

func TestNumbers(t *testing.T) {
	for f, text := range map[float64]string{
		1e21: "1e+21", 1e20: "100000000000000000000", 1e-7: "1e-7", 1.5e-10: "1.5e-10", 0.000001: "0.000001", -1.25: "-1.25",
		1 << 53: "9007199254740992", math.Inf(1): "Infinity", math.MaxFloat64: "1.7976931348623157e+308",
	} {
		if got := FormatNumber(f); got != text {
			t.Errorf("%v is written %s", f, got)
		}
	}
	if got := Text([]any{math.NaN(), math.Inf(-1)}); got != "[null,null]" {
		t.Error(got)
	}
	for _, pair := range [][2]string{{"1", "1.0"}, {"1e2", "100"}, {"100000000000000000001", "1.00000000000000000001e20"}, {"0", "-0"}} {
		a, _ := ParseString(pair[0])
		b, _ := ParseString(pair[1])
		if !Equal(a, b) || !Equal(b, a) {
			t.Errorf("%s is not %s", pair[0], pair[1])
		}
	}
	a, _ := ParseString("100000000000000000001")
	b, _ := ParseString("100000000000000000002")
	if Equal(a, b) {
		t.Error("long numbers that differ are equal")
	}
}

func TestObject(t *testing.T) {
	o := NewObject(0)
	for i := range 40 {
		o.Set(strings.Repeat("x", i), float64(i))
	}
	o.Set("x", "first")
	o.Delete("xx")
	o.Delete("none")
	c := o.Clone()
	c.Set("new", nil)
	if _, found := o.Get("new"); found || o.Len() != 39 || c.Len() != 40 {
		t.Error("a clone is not of its own")
	}
	if name, v := o.At(1); name != "x" || v != "first" {
		t.Error(name, v)
	}
	for i := range 40 {
		if _, found := o.Get(strings.Repeat("x", i)); found != (i != 2) {
			t.Error(i)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                              "No content to map due to end-of-input",
		`not json`:                      "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
		`{'a':1}`:                       "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
		`{"a" 1}`:                       "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
		`{"a":1 "b"}`:                   `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries`,
		`[1 2]`:                         "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
		`[1,]`:                          "Unexpected character (']' (code 93)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
		`{"a":1`:                        "Unexpected end-of-input: expected close marker for Object (start marker at line: 1, column: 1)",
		"\n [1":                         "Unexpected end-of-input: expected close marker for Array (start marker at line: 2, column: 2)",
		`"a`:                            "Unexpected end-of-input in VALUE_STRING",
		`"\x"`:                          "Unrecognized character escape 'x' (code 120)",
		"\"\n\"":                        "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value",
		`01`:                            "Invalid numeric value: Leading zeroes not allowed",
		`-`:                             "Unexpected end-of-input",
		`1x`:                            "Unexpected character ('x' (code 120)): Expected space separating root-level values",
		`1 2`:                           "Unexpected character ('2' (code 50)): expected end of text",
		`{"a":1,}`:                      "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
		`"\ud8"`:                        `Unexpected character ('"' (code 34)): expected a hex-digit for character escape sequence`,
		"[\u20ac]":                      "Unexpected character ('€' (code 8364 / 0x20ac)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
		strings.Repeat("[", DepthMax+1): "Document nesting depth (1001) exceeds the maximum allowed (1000)",
	} {
		_, err := ParseString(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Message != want {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	_, err := ParseStrict([]byte("{\"a\":{\"b\":1,\n\"b\":2}}"))
	var duplicate *DuplicateError
	if !errors.As(err, &duplicate) || duplicate.Line != 2 || duplicate.Column != 1 || duplicate.Message != "Duplicate field 'b'" {
		t.Error(err)
	}
}

// FuzzParse wants the same verdict as encoding/json, and a text that comes back.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"\u00e9\ud800"],"b":null}`, `[[[]]]`, `-0.0`, `"x`, `tru`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse(text)
		if valid := json.Valid(text); valid != (err == nil) {
			if valid && strings.Contains(err.Error(), "nesting depth") {
				return
			}
			t.Fatalf("%q: %v, and encoding/json says %v", text, err, valid)
		}
		if err != nil {
			return
		}
		again := Append(nil, v)
		if w, err := Parse(again); err != nil || !Equal(v, w) || string(Append(nil, w)) != string(again) || Size(v) != len(again) {
			t.Fatalf("%q became %q (%v)", text, again, err)
		}
	})
}

func TestSpaced(t *testing.T) {
	v, err := ParseString(`{"a":[1.0,{"b":"x,y:z"},[]],"c":null,"d":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Spaced(v), `{"a": [1.0, {"b": "x,y:z"}, []], "c": null, "d": {}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
