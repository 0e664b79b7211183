package intrinsic

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"heddle/jsonpath"
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

// env has the input, a context object and the variables v and o.
func env(t testing.TB, input string) *Env {
	t.Helper()
	variables := map[string]any{"v": 42.0, "o": value(t, `{"a":[1,2.50]}`), "größe_1": "L"}
	n := uint64(0)
	return &Env{
		Input:     value(t, input),
		Context:   value(t, `{"StateMachine":{"Name":"machine-7"},"Execution":{"Input":{"x":1}}}`),
		Variables: func(name string) (any, bool) { v, ok := variables[name]; return v, ok },
		Random:    func() uint64 { n += 0x0123456789abcdef; return n },
	}
}

func TestFunctions(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct{ call, input, want string }{
		// Arguments of all kinds.
		{"States.Array()", `{}`, `[]`},
		{"States.Array( )", `{}`, `[]`},
		{"States.Array(1, -2.50, 'a', true, false, null)", `{}`, `[1,-2.50,"a",true,false,null]`},
		{"States.Array($.a,$$.Execution.Input,$v,$o.a[1],$größe_1)", `{"a":{"b":1.0}}`, `[{"b":1.0},{"x":1},42,2.50,"L"]`},
		{"States.Array ( States.Array(1) , States.Array() )", `{}`, `[[1],[]]`},
		{"States.Array($.a[?(@.b == 'x, )')].b, $['a,)'], $.a.length())", `{"a":[{"b":"x, )"}],"a,)":1}`, `[["x, )"],1,1]`},
		{`States.Array('it\'s', '\\', '\{\}', 'a"b', '{x}', 'ü😀')`, `{}`, `["it's","\\","{}","a\"b","{x}","ü😀"]`},
		{"States.Array('a\nb')", `{}`, `["a\nb"]`},
		{"States.Array($.a[*])", `{}`, `[[]]`},
		// Arrays.
		{"States.ArrayContains($.a, $.b)", `{"a":[{"x":1.0,"y":[2]}],"b":{"y":[2],"x":1}}`, `true`},
		{"States.ArrayContains($.a, $.b)", `{"a":[null],"b":null}`, `true`},
		{"States.ArrayContains($.a, '1')", `{"a":[1]}`, `false`},
		{"States.ArrayGetItem($.a, 0)", `{"a":[1.0]}`, `1.0`},
		{"States.ArrayGetItem($.a, 1.4)", `{"a":[1,2]}`, `2`},
		{"States.ArrayLength($.a)", `{"a":[1,[2,3]]}`, `2`},
		{"States.ArrayPartition($.a, 4)", `{"a":[1,2,3,4,5,6,7,8,9]}`, `[[1,2,3,4],[5,6,7,8],[9]]`},
		{"States.ArrayPartition($.a, 4)", `{"a":[]}`, `[]`},
		{"States.ArrayRange(1, 9, 2)", `{}`, `[1,3,5,7,9]`},
		{"States.ArrayRange(1, 8, 2)", `{}`, `[1,3,5,7]`},
		{"States.ArrayRange(0, 3, 1)", `{}`, `[0,1,2,3]`},
		{"States.ArrayRange(3, 1, -1)", `{}`, `[3,2,1]`},
		{"States.ArrayRange(3, 1, 1)", `{}`, `[]`},
		{"States.ArrayRange(2, 2, 7)", `{}`, `[2]`},
		{"States.ArrayLength(States.ArrayRange(1, 1000, 1))", `{}`, `1000`},
		{"States.ArrayUnique($.a)", `{"a":[1,"1",1.0,[1,{"a":1,"b":2}],[1.0,{"b":2,"a":1}],null,null,true,12345678901234567890,12345678901234567891]}`,
			`[1,"1",[1,{"a":1,"b":2}],null,true,12345678901234567890,12345678901234567891]`},
		// Text.
		{"States.Format('')", `{}`, `""`},
		{"States.Format('{}, {}', 'a', 1.50)", `{}`, `"a, 1.50"`},
		{"States.Format('{}{}{}', $.a, $.b, $.c)", `{"a":null,"b":true,"c":"{}"}`, `"nulltrue{}"`},
		{"States.Format('{}', $.a)", `{"a":{"Arg1":1,"Arg2":[],"x":[1,"y",{"z":null}]}}`, `"{Arg1=1, Arg2=[], x=[1, y, {z=null}]}"`},
		{`States.Format('\{"a": {}, \'b\': \\\}', 1)`, `{}`, `"{\"a\": 1, 'b': \\}"`},
		{"States.Format($.t, 'x')", `{"t":"\\{{}\\} C:\\dir"}`, `"{x} C:\\dir"`},
		{"States.StringSplit('a.b+c,,d', '.+,')", `{}`, `["a","b","c","d"]`},
		{"States.StringSplit('', ',')", `{}`, `[]`},
		{"States.StringSplit('aüb', 'ü')", `{}`, `["a","b"]`},
		{"States.StringSplit('abc', '')", `{}`, `["abc"]`},
		{"States.ArrayGetItem(States.StringSplit($$.StateMachine.Name, '-'), 0)", `{}`, `"machine"`},
		// JSON.
		{"States.StringToJson($.a)", `{"a":"{\"x\": [1.0, 2]}"}`, `{"x":[1.0,2]}`},
		{"States.StringToJson('')", `{}`, `null`},
		{"States.StringToJson(' ')", `{}`, `null`},
		{"States.StringToJson('-0')", `{}`, `0`},
		{"States.StringToJson('[-0, -0.5]')", `{}`, `[0,-0.5]`},
		{"States.JsonToString($.a)", `{"a":{"x": [1.0, "y"]}}`, `"{\"x\":[1.0,\"y\"]}"`},
		{"States.StringToJson(States.JsonToString($))", `{"a":"\""}`, `{"a":"\""}`},
		{"States.JsonMerge($.a, $.b, false)", `{"a":{"x":{"p":1},"y":2},"b":{"x":{"q":1},"z":3}}`, `{"x":{"q":1},"y":2,"z":3}`},
		// Codes.
		{"States.Base64Encode('Data to encode')", `{}`, `"RGF0YSB0byBlbmNvZGU="`},
		{"States.Base64Encode('ü')", `{}`, `"w7w="`},
		{"States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", `{}`, `"Data to encode"`},
		{"States.Base64Decode('w7w')", `{}`, `"ü"`},
		{"States.Base64Decode('/w==')", `{}`, `"�"`},
		{"States.Base64Decode(States.Base64Encode($.a))", `{"a":"` + long[:7000] + `"}`, `"` + long[:7000] + `"`},
		{"States.Hash('input data', 'SHA-1')", `{}`, `"aaff4a450a104cd177d28d18d74485e8cae074b7"`},
		{"States.Hash('', 'MD5')", `{}`, `"d41d8cd98f00b204e9800998ecf8427e"`},
		{"States.Hash('', 'SHA-256')", `{}`, `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`},
		{"States.Hash('', 'SHA-384')", `{}`, `"38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"`},
		{"States.Hash('', 'SHA-512')", `{}`, `"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"`},
		// Numbers.
		{"States.MathAdd(111, -1)", `{}`, `110`},
		{"States.MathAdd(1.49, 1.5)", `{}`, `3`},
		{"States.MathAdd(-1.49, -1.5)", `{}`, `-2`},
		{"States.MathAdd(-0.5, 0.5)", `{}`, `1`},
		{"States.MathAdd(2147483647, 2147483647)", `{}`, `4294967294`},
		{"States.MathRandom(5, 6)", `{}`, `5`},
		{"States.MathRandom(-6, -5, 3)", `{}`, `-6`},
		{"States.MathRandom(0, 1000, 42)", `{}`, `130`},
		{"States.MathRandom(0, 1000, 42.4)", `{}`, `130`},
		{"States.MathRandom(0, 10, 42)", `{}`, `0`},
		{"States.MathRandom(0, 16, 42)", `{}`, `11`},
		{"States.UUID()", `{}`, `"01234567-89ab-4def-8246-8acf13579bde"`},
	} {
		x, err := Parse(c.call)
		if err != nil {
			t.Errorf("%s: %v", c.call, err)
			continue
		}
		got, err := x.Evaluate(env(t, c.input))
		if err != nil {
			t.Errorf("%s: %v", c.call, err)
			continue
		}
		if text := jsonvalue.Text(got); text != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.call, c.input, text, c.want)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct{ call, input, name, cause string }{
		{"States.Format('{}', $.nope)", `{"other": 1}`, Runtime, `The JsonPath argument for the field '$.nope' could not be found in the input '{"other":1}'`},
		{"States.Array($$.nope)", `{}`, Runtime, `The JsonPath argument for the field '$$.nope' could not be found in the input '{"StateMachine":{"Name":"machine-7"},"Execution":{"Input":{"x":1}}}'`},
		{"States.Array($nope)", `{}`, Runtime, `The JsonPath argument for the field '$nope' could not be found in the input '{}'`},
		{"States.Array($o.b)", `{}`, Runtime, `The JsonPath argument for the field '$o.b' could not be found in the input '{"a":[1,2.50]}'`},
		{"States.Array($.a.max())", `{"a":[]}`, Runtime, `Aggregation function attempted to calculate value using empty array`},
		{"States.Format('{}', $.a[0])", `{"a":1}`, Runtime, `Filter: [0] can only be applied to arrays. Current context is: 1`},
		{"States.ArrayContains('a', 1)", `{}`, IntrinsicFailure, `Argument 1 must be an array but was: "a"`},
		{"States.ArrayGetItem($.a, 3)", `{"a":[1,2,3]}`, IntrinsicFailure, `The index 3 is out of bounds for an array of length 3`},
		{"States.ArrayGetItem($.a, -1)", `{"a":[1,2,3]}`, IntrinsicFailure, `The index -1 is out of bounds for an array of length 3`},
		{"States.ArrayGetItem($.a, '0')", `{"a":[1]}`, IntrinsicFailure, `Argument 2 must be a number but was: "0"`},
		{"States.ArrayLength(null)", `{}`, IntrinsicFailure, `Argument 1 must be an array but was: null`},
		{"States.ArrayPartition($.a, 0)", `{"a":[]}`, IntrinsicFailure, `The chunk size must be a positive integer but was: 0`},
		{"States.ArrayRange(1, 2, 0)", `{}`, IntrinsicFailure, `The increment must not be 0`},
		{"States.ArrayRange(1, 1001, 1)", `{}`, IntrinsicFailure, `The array must not have more than 1000 items but would have 1001`},
		{"States.ArrayRange(-2147483648, 2147483647, 1)", `{}`, IntrinsicFailure, `The array must not have more than 1000 items but would have 4294967296`},
		{"States.MathAdd(2147483648, 1)", `{}`, IntrinsicFailure, `Argument 1 must be between -2147483648 and 2147483647 but was: 2147483648`},
		{"States.MathAdd(1, 1e999)", `{}`, IntrinsicFailure, `Argument 2 must be between -2147483648 and 2147483647 but was: 1e999`},
		{"States.MathRandom(1, 1)", `{}`, IntrinsicFailure, `The start number 1 must be less than the end number 1`},
		{"States.Format(1)", `{}`, IntrinsicFailure, `Argument 1 must be a string but was: 1`},
		{"States.Format('{}')", `{}`, IntrinsicFailure, `The template has more {} than there are arguments: "{}"`},
		{"States.Format('', 1)", `{}`, IntrinsicFailure, `The template has fewer {} than there are arguments: ""`},
		{"States.Format('{x}')", `{}`, IntrinsicFailure, `The template has a { that is neither escaped nor part of {}: "{x}"`},
		{"States.Base64Decode('?')", `{}`, IntrinsicFailure, `The input is not valid Base64: "?"`},
		{"States.Base64Encode($.a)", `{"a":"` + strings.Repeat("ü", 10_001) + `"}`, IntrinsicFailure, `The input must not have more than 10000 characters but has 10001`},
		{"States.Hash('', 'SHA1')", `{}`, IntrinsicFailure, `The algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512 but was: "SHA1"`},
		{"States.JsonMerge($, $, true)", `{}`, IntrinsicFailure, `Deep merging is not supported, argument 3 must be false`},
		{"States.JsonMerge($, 1, false)", `{}`, IntrinsicFailure, `Argument 2 must be an object but was: 1`},
		{"States.JsonMerge($, $, 'false')", `{}`, IntrinsicFailure, `Argument 3 must be a boolean but was: "false"`},
		{"States.StringToJson('x')", `{}`, IntrinsicFailure, ""},
		{"States.StringToJson(1)", `{}`, IntrinsicFailure, `Argument 1 must be a string but was: 1`},
		{"States.StringSplit('a', 1)", `{}`, IntrinsicFailure, `Argument 2 must be a string but was: 1`},
		{"States.Array(States.StringSplit('a', 1))", `{}`, IntrinsicFailure, `Argument 2 must be a string but was: 1`},
	} {
		x, err := Parse(c.call)
		if err != nil {
			t.Errorf("%s: %v", c.call, err)
			continue
		}
		_, err = x.Evaluate(env(t, c.input))
		f, ok := err.(*Failure)
		begin := "The function '" + c.call + "' had the following error: "
		if !ok || f.Name != c.name || c.cause != "" && f.Cause != begin+c.cause || !strings.HasPrefix(f.Cause, begin) {
			t.Errorf("%s: got %v, want %s %s", c.call, err, c.name, c.cause)
		}
	}
}

func TestSyntax(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("States.Array(", n) + strings.Repeat(")", n) }
	if _, err := Parse(nested(10)); err != nil {
		t.Error(err)
	}
	for _, call := range []string{
		"", " ", "$.a", "'a'", "1", "Format('a')", "States.format('a')", "States.Format", "States.Format(", "States.Format('a'", "States.Format('a',)",
		"States.Format(,'a')", "States.Format('a') x", "States.Format('a'))", "States.Format()", "States.UUID(1)", "States.ArrayRange(1,2)", "States.Nope()",
		`States.Array('a\"b')`, `States.Array('a\n')`, `States.Array('a\`, `States.Array("a")`, "States.Array(a)", "States.Array($.a b)", "States.Array($)x", "States.Array($a[)",
		"States.Array({})", "States.Array([])", "States.Array(01)", "States.Array(1 2)", "States.Array($.)", "States.Array($1)", "States.Array()[0]", nested(11),
		"States.Array(" + strings.Repeat("1,", textMax) + "1)",
	} {
		if x, err := Parse(call); err == nil || !errors.Is(err, ErrSyntax) || x != nil {
			t.Errorf("%.60s: %v", call, err)
		}
	}
	for _, path := range []string{"", "a", "$a b", "$.", "$$$", "$1", "$-", "States.UUID()", "@.a", " $.a", "$a..", "$['a'"} {
		if x, err := ParsePath(path); err == nil || !errors.Is(err, ErrSyntax) || x != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestVariables(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"States.Array($.a, $$.b, 'x $y')", nil},
		{"States.Array($b.x, States.Array($a[0], $b), $.c)", []string{"a", "b"}},
	} {
		x, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Variables(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
	x, _ := ParsePath("$größe_1.x")
	if got := x.Variables(); !slices.Equal(got, []string{"größe_1"}) || x.Root() != "$größe_1" || x.Path().String() != "$['x']" {
		t.Errorf("%q, %s, %s", got, x.Root(), x.Path())
	}
}

// TestBudget: no expression makes, or looks at, more than its budget.
func TestBudget(t *testing.T) {
	big := `{"a":"` + strings.Repeat(`\"`, 100_000) + `","l":[` + strings.Repeat("1,", 50_000) + `2]}`
	times := func(arg string, n int) string { return strings.TrimPrefix(strings.Repeat(", "+arg, n), ", ") }
	for _, call := range []string{
		"States.Array(" + times("$", 2000) + ")",
		"States.Format('" + strings.Repeat("{}", 2000) + "', " + times("$", 2000) + ")",
		"States.JsonToString(States.JsonToString(States.JsonToString(States.JsonToString(States.JsonToString(States.JsonToString($))))))",
		"States.Array(" + times("States.ArrayLength(States.ArrayUnique($.l))", 2000) + ")",
		"States.Array(" + times("States.ArrayContains($.l, 3)", 2000) + ")",
		"States.Array(" + times("States.Hash($, 'MD5')", 2000) + ")",
		"States.Array(" + times("States.ArrayLength(States.StringSplit($.a, '\"'))", 2000) + ")",
		"States.Array(" + times("States.ArrayLength(States.ArrayPartition($.l, 1))", 2000) + ")",
		"States.Array(" + times("$.l[?(@ > 3)]", 2000) + ")",
	} {
		x, err := Parse(call)
		if err != nil {
			t.Fatal(err)
		}
		e := env(t, big)
		e.Budget = &jsonpath.Budget{Steps: 500_000, Bytes: 1 << 20}
		_, err = x.Evaluate(e)
		f, ok := err.(*Failure)
		if !ok || f.Name != Runtime && !strings.Contains(call, "Hash") || e.Budget.Bytes > 0 && e.Budget.Steps > 0 && !strings.Contains(call, "Hash") {
			t.Errorf("%.50s: %.200v, left %v", call, err, *e.Budget)
		}
	}
}

func TestDepth(t *testing.T) {
	e := env(t, strings.Repeat("[", 995)+strings.Repeat("]", 995))
	for n, want := range map[int]bool{5: true, 6: false} {
		x, err := Parse(strings.Repeat("States.Array(", n) + "$" + strings.Repeat(")", n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Evaluate(e); (err == nil) != want {
			t.Errorf("%d around 995: %v", n, err)
		}
	}
}
