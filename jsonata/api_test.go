package jsonata

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"heddle/jsonvalue"
)

// TestValuesPassThrough: what is only passed on keeps its digits and the order of its
// members; what is computed with does not.
func TestValuesPassThrough(t *testing.T) {
	for _, c := range []struct{ expr, input, want string }{
		{`$`, `{"b":1.0,"a":12345678901234567890}`, `{"b":1.0,"a":12345678901234567890}`},
		{`{"x":b, "l":[a, a]}`, `{"b":1.0,"a":12345678901234567890}`, `{"x":1.0,"l":[12345678901234567890,12345678901234567890]}`},
		{`$[0]`, `[1e3,2]`, `1e3`},
		{`$map($, function($v){$v})`, `[1.0,-0]`, `[1.0,-0]`},
		{`$merge($)`, `[{"z":1.50},{"a":2}]`, `{"z":1.50,"a":2}`},
		{`a+0`, `{"a":1.50}`, `1.5`},
		{`$string(a) & ""`, `{"a":1.0}`, `"1"`},
		{`a = b and a in [b]`, `{"a":1.0,"b":1}`, `true`},
		{`$sort($)`, `[10.0,9]`, `[9,10.0]`},
		{`$sum($)`, `[1.0,2]`, `3`},
	} {
		got, err := evaluate(t, c.expr, c.input)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
		} else if text := jsonvalue.Text(got); text != c.want {
			t.Errorf("%s: got %s, wanted %s", c.expr, text, c.want)
		}
	}
}

// TestInputStays: no evaluation changes its input or its bindings.
func TestInputStays(t *testing.T) {
	input, err := jsonvalue.ParseString(shop)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range language {
		x, err := Compile(c.expr)
		if err != nil {
			continue
		}
		_, _ = x.Evaluate(context.Background(), input, &Options{Now: testNow, Bindings: map[string]any{"b": input}})
	}
	for _, expr := range []string{
		`$ ~> |$$|{"x":1}|`, `$b ~> |$$.Account|{"x":1},"Name"|`, `$sort(nested[0])`, `nested[][0]`, `$append(empty, 1)`, `empty{"a":$}`, `$reverse($b.nested)`, `(Account.Order[])^(>ID)`,
	} {
		x := MustCompile(expr)
		_, _ = x.Evaluate(context.Background(), input, &Options{Bindings: map[string]any{"b": input}})
	}
	fresh, _ := jsonvalue.ParseString(shop)
	if jsonvalue.Text(input) != jsonvalue.Text(fresh) {
		t.Errorf("the input became %s", jsonvalue.Text(input))
	}
}

func TestVariables(t *testing.T) {
	for expr, want := range map[string]string{
		`$a + $b.c`:                "a b",
		`$$.x & $`:                 "",
		`($x := 1; $x + $y)`:       "y",
		`$sum($states.input)`:      "states",
		`function($p){$p + $q}(1)`: "q",
		`a@$v.$v[$w]#$i.$i`:        "w",
		`(($inner := 1); $inner)`:  "inner",
		`($f := function(){$late}; $late := 2; $f())`: "late",
		`($x := $x + 1; $x)`:                          "x",
		`($y := $x; $x := 5; $y)`:                     "x",
		`($x := 1; ($x := $x + 1))`:                   "",
		`($f := function($n){ $f($n) }; $f(1))`:       "",
		`(true ? ($x := 1) : 2; $x)`:                  "x",
		`$unknown(1) ~> $other`:                       "other unknown",
		`a.%.b`:                                       "",
		`|$t|{"x":$u}|`:                               "t u",
	} {
		if got := strings.Join(MustCompile(expr).Variables(), " "); got != want {
			t.Errorf("%s reads %q, wanted %q", expr, got, want)
		}
	}
}

func TestBindings(t *testing.T) {
	x := MustCompile(`$a + ($a := 10; $a) + $sum`)
	got, err := x.Evaluate(context.Background(), Undefined, &Options{Bindings: map[string]any{"a": 1.0, "sum": 100.0, "unused": true}})
	if err != nil || got != 111.0 {
		t.Errorf("got %v, %v", got, err)
	}
	if got := MustCompile(`$sum($map([1], function($max) { $max & $string($b) })) + $count`).Functions(); !slices.Equal(got, []string{"count", "map", "string", "sum"}) {
		t.Errorf("functions are %q", got)
	}
}

// TestMany evaluates one expression in many goroutines.
func TestMany(t *testing.T) {
	x := MustCompile(`($f := function($n){$n = 0 ? $k : $f($n - 1)}; {"r": $f(20), "m": $match("a" & $k, /[0-9]+/).match, "s": [1..3]^(>$)})`)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 50 {
				got, err := x.Evaluate(context.Background(), &jsonvalue.Object{}, &Options{Bindings: map[string]any{"k": float64(i)}})
				if want := fmt.Sprintf(`{"r":%d,"m":"%d","s":[3,2,1]}`, i, i); err != nil {
					t.Error(err)
				} else if text := jsonvalue.Text(got); text != want {
					t.Errorf("got %s, wanted %s", text, want)
				}
			}
		})
	}
	wait.Wait()
}

func TestLibrary(t *testing.T) {
	lib := NewLibrary().Without("eval", "now")
	if err := lib.Register("twice", "<s-n?:s>", func(call Call, args []any) (any, error) {
		s, is := args[0].(string)
		if !is {
			return Undefined, nil
		}
		if err := call.Charge(2 * len(s)); err != nil {
			return nil, err
		}
		return strings.Repeat(s, 2), nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := lib.Register("fail", "", func(Call, []any) (any, error) { return nil, errors.New("no way") }); err != nil {
		t.Fatal(err)
	}
	if err := lib.Register("apply", "<fx:x>", func(call Call, args []any) (any, error) {
		return call.Apply(args[0].(*Function), args[1])
	}); err != nil {
		t.Fatal(err)
	}
	if err := lib.Register("given", "", func(_ Call, args []any) (any, error) { return args, nil }); err != nil {
		t.Fatal(err)
	}
	if err := lib.Register("wrong", "<n<n>>", nil); err == nil {
		t.Error("a wrong signature was taken")
	}
	for expr, want := range map[string]string{
		`$twice("ab")`:                           `"abab"`,
		`("x").$twice()`:                         `"xx"`,
		`$twice(missing)`:                        `nothing`,
		`$twice(5)`:                              `nothing`, // 5 is the number, the text is absent
		`$fail()`:                                `U1008`,
		`$eval("1")`:                             `T1006`,
		`$apply(function($x){$x + 1}, 2)`:        `3`,
		`$apply($twice, "a")`:                    `"aa"`,
		`$map(["a","b"], $twice)`:                `["aa","bb"]`,
		`$given(1, [2..3], {"a":[4..5]})`:        `[1,[2,3],{"a":[4,5]}]`,
		`$twice(?)("z")`:                         `"zz"`,
		`$given(function(){1}) ~> $type`:         `"array"`,
		`$given(missing, null) ~> $count`:        `2`,
		`$given($twice)[0]("q")`:                 `"qq"`,
		`$twice($pad("", 100)) ~> $length`:       `200`,
		`$twice("a") ~> $uppercase() ~> $length`: `2`,
	} {
		var text string
		x, err := lib.Compile(expr)
		var got any
		if err == nil {
			got, err = x.Evaluate(context.Background(), Undefined, nil)
		}
		if err != nil {
			text = err.(*Error).Code
		} else {
			text = show(got)
		}
		if text != want {
			t.Errorf("%s: got %s, wanted %s (%v)", expr, text, want, err)
		}
	}
	if x := MustCompile(`$eval("1")`); x.lib != standardLibrary || len(x.Variables()) > 0 {
		t.Error("the standard library lost a function")
	}
	x, err := lib.Compile(`$eval("1")`)
	if err != nil || !slices.Equal(x.Variables(), []string{"eval"}) {
		t.Errorf("a function that is switched off is not free: %v, %v", x, err)
	}
}

func TestFunctionAsResult(t *testing.T) {
	for _, expr := range []string{`$sum`, `function(){1}`, `{"a":$sum}`, `[$sum, 1]`, `/x/`, `$substring(?, 1)`, `$sum ~> $string`} {
		got, err := evaluate(t, expr, "")
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		switch v := got.(type) {
		case *Function:
		case *jsonvalue.Object:
			if _, is := mustGet(v, "a").(*Function); !is {
				t.Errorf("%s: got %v", expr, got)
			}
		case []any:
			if _, is := v[0].(*Function); !is {
				t.Errorf("%s: got %v", expr, got)
			}
		default:
			t.Errorf("%s: got %v", expr, got)
		}
	}
}

func mustGet(o *jsonvalue.Object, name string) any {
	v, _ := o.Get(name)
	return v
}

func TestNothingHandedIn(t *testing.T) {
	for expr, code := range map[string]string{`$now()`: "U1006", `$millis()`: "U1006", `$random()`: "U1007", `$shuffle([1,2])`: "U1007", `$toMillis("5", "[D]")`: "U1006"} {
		_, err := MustCompile(expr).Evaluate(context.Background(), Undefined, nil)
		if e, is := err.(*Error); !is || e.Code != code {
			t.Errorf("%s: %v, wanted %s", expr, err, code)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := MustCompile(`1`).Evaluate(ctx, Undefined, nil)
	if e, is := err.(*Error); !is || e.Code != "D1012" {
		t.Errorf("with a context that is done: %v", err)
	}
}

// hostile are expressions that want more than is there to be had, and the errors that
// they may end in.
var hostile = map[string]string{
	`[1..1e9]`:          "D2014",
	`[1..1e7].[1..1e7]`: "U1002",
	`[1..9e6] ~> $map(function($x){[1..9e6]})`:                                                           "U1002",
	`($f := function($s){$f($s & $s)}; $f("x"))`:                                                         "U1002",
	`($f := function($n){$f($n)}; $f(1))`:                                                                "U1001 U1002",
	`($f := function($n){1 + $f($n)}; $f(1))`:                                                            "D1011",
	`($f := function($n){[$f($n)]}; $f(1))`:                                                              "D1011",
	`($f := function($n){$map([1,2], $f)}; $f(1))`:                                                       "D1011 U1001",
	`($f := function($n){$f([$n,$n])}; $f(1))`:                                                           "U1001 U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x],[$x]], $n - 1)}; $string($g(1, 40)))`:                "U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x],[$x]], $n - 1)}; $g(1, 40))`:                         "U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x],[$x]], $n - 1)}; $g(1, 40) = $g(1, 40))`:             "U1001",
	`($g := function($x, $n){$n = 0 ? $x : $g({"a":$x,"b":$x}, $n - 1)}; $count($g(1, 40).**))`:          "U1001 U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g({"a":$x,"b":$x}, $n - 1)}; $clone($g(1, 40)))`:             "U1001 U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g({"a":$x,"b":$x}, $n - 1)}; $g(1, 40) ~> |**|{"c":1}|)`:     "U1001 U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x],[$x]], $n - 1)}; $g(1, 40).*)`:                       "U1001 U1002",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x],[$x]], $n - 1)}; $error($string($keys($g(1, 40)))))`: "U1001 D3137 T0410",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x]], $n - 1)}; $string($g(1, 1000000)))`:                "U1001 U1002 U1003",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x]], $n - 1)}; $g(1, 100000) = $g(1, 100000))`:          "U1001 U1002 D1011",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x]], $n - 1)}; 1 + $g(1, 40))`:                          "T2002",
	`($g := function($x, $n){$n = 0 ? $x : $g([[$x],[$x]], $n - 1)}; 1 + $g(1, 40))`:                     "T2002",
	`$pad("x", 1e9)`:                                        "U1002",
	`$pad("x", -1e300)`:                                     "U1002",
	`$pad("x", 1e8, "ab") & $pad("x", 1e8)`:                 "U1002",
	`$formatNumber(1, $pad("", 5e6, "0"))`:                  "U1001 U1002",
	`$formatInteger(1e18, "I")`:                             "U1002",
	`$formatInteger(1, $pad("", 5e6, "0"))`:                 "",
	`$fromMillis(0, "[Y,99999999]")`:                        "",
	`$fromMillis(0, $pad("", 5e6, "[Y]"))`:                  "U1001 U1002",
	`$match($pad("", 100000, "a"), /(a*)*b/)`:               "U1001 U1002",
	`$match($pad("", 40, "a"), /(a|aa)+$b/)`:                "",
	`$match($pad("", 3000, "a"), /(a+)+b/)`:                 "",
	`$match($pad("", 50, "a") & "b", /^(?=(a+)+$)(.)\1*$/)`: "U1001",
	`$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)\9x/)`: "U1001",
	`$replace($pad("", 1000000, "a"), "a", $pad("", 1000, "b"))`:                                      "U1002",
	`$replace($pad("", 1000000, "a"), /a/, $pad("", 1000, "b"))`:                                      "U1002",
	`$join($map([1..100000], function($x){$pad("", 10000)}))`:                                         "U1002",
	`$split($pad("", 10000000, "ab"), "")`:                                                            "U1002",
	`[1..1000000]^($)`:                                                                                "U1001 U1002",
	`$sort([1..1000000], function($a,$b){$a < $b})`:                                                   "U1001 U1002",
	`$distinct([1..20000].[[$]])`:                                                                     "U1001",
	`[1..10000][$ in [1..10000]]`:                                                                     "U1001 U1002",
	`($r := [1..10000]; $r@$a.$r@$b.($a*$b))`:                                                         "U1001 U1002",
	`$zip([1..1000000],[1..1000000])`:                                                                 "U1001 U1002",
	`$reduce([1..100], function($a,$b){$append($a,$a)}, [1,2])`:                                       "U1002",
	`$reduce([1..100], function($a,$b){$merge([$a, {$string($b): $a}])}, {}) ~> $string`:              "U1001 U1002",
	`$reduce([1..1000000], function($a,$b){$a & "x"})`:                                                "U1001 U1002",
	`$eval($pad("", 1000000, "("))`:                                                                   "D3120 U1001 U1002",
	`$eval("$eval('$eval(\"1\")')")`:                                                                  "",
	`($e := "$eval($e)"; $eval($e))`:                                                                  "D1011",
	`$toMillis($pad("", 10000, "1"), $pad("", 90, "[Y]"))`:                                            "",
	`$each($merge([1..1000].{$string($): $}), function($v){[1..10000]})`:                              "U1002",
	`$spread([1..1000000].{"a":1})`:                                                                   "U1001 U1002",
	`$base64encode($pad("", 20000000))`:                                                               "U1002",
	`$encodeUrl($pad("", 20000000, "é"))`:                                                             "U1002",
	`$string([1..1300000])`:                                                                           "U1001 U1002",
	`{"a":[1..500000],"b":[1..1000000]}`:                                                              "U1002",
	`$power(10, 308) * 10 ~> $formatBase(36)`:                                                         "",
	`$formatBase(1e300, 2) ~> $length()`:                                                              "",
	`[1..3000000] ~> $sum()`:                                                                          "U1002",
}

// TestHostile bounds evaluations to 1,000,000 steps and 32 MiB, which must hold.
func TestHostile(t *testing.T) {
	if racing {
		t.Skip("it evaluates long in one goroutine, in which there is no race to be found")
	}
	for expr, codes := range hostile {
		x, err := Compile(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		_, err = x.Evaluate(context.Background(), Undefined, &Options{Now: testNow, Limits: Limits{Steps: 1_000_000, Depth: 1000, Bytes: 32 << 20}})
		if e, is := err.(*Error); is && !slices.Contains(strings.Fields(codes), e.Code) {
			t.Errorf("%s: %s, wanted %s", expr, e.Code, codes)
		} else if !is && codes != "" {
			t.Errorf("%s came to an end, wanted %s", expr, codes)
		}
	}
}

// TestDeepSource: sources that nest deeply are an error, and take no stack.
func TestDeepSource(t *testing.T) {
	n := 2_000_000
	for _, source := range []string{
		strings.Repeat("(", n), strings.Repeat("[", n), strings.Repeat("{\"a\":", n), strings.Repeat("-", n), strings.Repeat("function(){", n), strings.Repeat("a.", n) + "a",
		"1" + strings.Repeat("+1", n), "a" + strings.Repeat("[0]", n), "a" + strings.Repeat("()", n), "a" + strings.Repeat("?1:1", n), "1" + strings.Repeat(":=1", n), "$x" + strings.Repeat(":=$x", n),
		"a" + strings.Repeat("^(a)", n), "a" + strings.Repeat("{}", n), "a" + strings.Repeat("~>|a|{}|", n/10), strings.Repeat("|", n), "a" + strings.Repeat("@$a", n), "a" + strings.Repeat("#$a", n), "a" + strings.Repeat("??a", n),
		"/" + strings.Repeat("(", n) + strings.Repeat(")", n) + "/", "/(((a{1000}){1000}){1000})/", "/" + strings.Repeat("a?", n) + "/",
	} {
		_, err := Compile(source)
		if e, is := err.(*Error); !is || e.Code != "U1003" && e.Code != "U1004" && e.Code != "S0212" && e.Code != "S0210" {
			t.Errorf("%.20s…: %v", source, err)
		}
	}
	deep := "1" + strings.Repeat("+1", nestingMax-2)
	got, err := evaluate(t, deep, "")
	if err != nil || got != float64(nestingMax-1) {
		t.Errorf("a long sum: %v, %v", got, err)
	}
}

// TestDeepInput: the deepest input that jsonvalue parses takes no stack either.
func TestDeepInput(t *testing.T) {
	input := strings.Repeat(`{"a":[`, jsonvalue.DepthMax/2-1) + strings.Repeat(`]}`, jsonvalue.DepthMax/2-1)
	for _, expr := range []string{`**`, `$string($)`, `$clone($)`, `$ = $clone($)`, `[$,$]`, `$keys($)`, `$$`, `$spread($)`, `$ ~> |a|{"b":1}|`} {
		_, _ = evaluate(t, expr, input)
	}
}
