package asl

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"heddle/jsonvalue"
)

// TestFunctions has the functions that Step Functions adds to JSONata.
func TestFunctions(t *testing.T) {
	for expression, want := range map[string]string{
		`$partition([1,2,3,4,5], 2)`:     `[[1,2],[3,4],[5]]`,
		`$partition([0], 1)`:             `[[0]]`,
		`$partition([], 3)`:              `[]`,
		`$partition([1], 0)`:             `!threw an error during evaluation: The size of the chunks must be a positive integer`,
		`$range(0, 9, 3)`:                `[0,3,6,9]`,
		`$range(0, 10, 3)`:               `[0,3,6,9]`,
		`$range(1, 9, 9)`:                `1`,
		`$range(3, 1, -1)`:               `[3,2,1]`,
		`$range(0, 1, 0.25)`:             `[0,0.25,0.5,0.75,1]`,
		`$range(2, 1, 1)`:                `!returned nothing (undefined).`,
		`$range(1, 2, 0)`:                `!threw an error during evaluation: The step of a range must not be zero`,
		`$range(1, 1e18, 1)`:             `!threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage`,
		`$hash("a", "MD5")`:              `"0cc175b9c0f1b6a831c399e269772661"`,
		`$hash("a", "SHA-1")`:            `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`,
		`$hash("", "SHA-256")`:           `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`,
		`$length($hash("a", "SHA-384"))`: `96`,
		`$length($hash("a", "SHA-512"))`: `128`,
		`$hash("a", "CRC")`:              `!threw an error during evaluation: The hash algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512`,
		`$hash(1, "MD5")`:                `!threw an error during evaluation. T0410: `,
		`$hash($none, "MD5")`:            `!returned nothing (undefined).`,
		`$random(42)`:                    `0.7275636800328681`,
		`$random(42.9)`:                  `0.7275636800328681`,
		`$random(-1) = $random(1)`:       `false`,
		`$random(7) = $random(7)`:        `true`,
		`$random(7) = $random(8)`:        `false`,
		`$random() = $random()`:          `false`,
		`$random() < 1`:                  `true`,
		`$uuid() = $uuid()`:              `false`,
		`$parse('-0')`:                   `0`,
		`$parse('9007199254740993')`:     `9007199254740993`,
		`$parse('[9223372036854775807, -9223372036854775808]')`: `[9223372036854775807,-9223372036854775808]`,
		`$parse('9223372036854775808')`:                         `9223372036854776000`,
		`$string(9223372036854775808)`:                          `"9223372036854776000"`,
		`$string(1e20) & $string(-1e21)`:                        `"100000000000000000000-1e+21"`,
		`$parse('1.0')`:                                         `1`,
		`$parse('"HelloWorld"')`:                                `"HelloWorld"`,
		`$parse('[1, 2, {"a":1e2}]')`:                           `[1,2,{"a":100}]`,
		`$parse('{')`:                                           `!threw an error during evaluation: Unexpected end-of-input`,
		`1/0`:                                                   `"Infinity"`,
		`[1, [-1/0], {"k": 0/0}]`:                               `[1,["-Infinity"],{"k":"NaN"}]`,
		`$parseInteger('xyz', '0')`:                             `"NaN"`,
		`1/0 > 1`:                                               `true`,
		`1/0 + 1`:                                               `!threw an error during evaluation. D1001: `,
		`($f := function($n){1 + $f($n)}; $f(1))`:               `!threw an error during evaluation: Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive`,
		`$eval('1')`:                                            `!threw an error during evaluation. T1006: Attempted to invoke a non-function`,
	} {
		m, diagnostics := Compile([]byte(output(jsonvalue.Text("{% "+expression+" %}"))), Options{})
		if m == nil {
			t.Errorf("%s: %s", expression, said(diagnostics))
			continue
		}
		if reads := m.Reads["X"]; len(reads) > 0 && !strings.Contains(expression, "$none") && !strings.Contains(expression, "$eval") {
			t.Errorf("%s reads %v", expression, reads)
		}
		env := environment(t, `1`)
		random := uint64(1 << 63)
		env.Random = func() uint64 { random += 1 << 60; return random }
		v, err := m.StartAt.Output.Evaluate(env)
		got := ""
		if err != nil {
			got = "!" + strings.SplitN(err.(*Failure).Cause, "' specified for the field 'Output' ", 2)[1]
		} else {
			got = jsonvalue.Text(v)
		}
		if got != want && !(err != nil && strings.HasPrefix(got, want)) {
			t.Errorf("%s:\n got %s\nwant %s", expression, got, want)
		}
	}
	m, _ := Compile([]byte(output(`"{% $sum([1..100]) %}"`)), Options{})
	for _, steps := range []int64{0, 10} {
		env := environment(t, `1`)
		env.Steps = steps
		want := "The JSONata expression '$sum([1..100])' specified for the field 'Output' threw an error during evaluation: Expression evaluation timeout: Check for infinite loop"
		if _, err := m.StartAt.Output.Evaluate(env); err == nil || err.(*Failure).Cause != want {
			t.Errorf("%d steps: %v", steps, err)
		}
	}
	m, _ = Compile([]byte(output(`"{% $uuid() %}"`)), Options{})
	env := environment(t, `1`)
	env.Random = func() uint64 { return 0xfedcba9876543210 }
	v, err := m.StartAt.Output.Evaluate(env)
	if s, _ := v.(string); err != nil || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(s) {
		t.Errorf("$uuid: %v, %v", v, err)
	}
}

// TestOwnVariables: an expression may bind a variable of the workflow anew, for itself, and read
// it before.
func TestOwnVariables(t *testing.T) {
	for expression, want := range map[string]string{
		`($x := $x + 1; $x)`:                                      `42 [x]`,
		`($y := $x; $x := 5; [$y, $x])`:                           `[41,5] [x]`,
		`$map([1, 2], function($v){($x := $x + $v; $x)})`:         `[42,43] [x]`,
		`($f := function(){$x}; $a := $f(); $x := 7; [$a, $f()])`: `[41,7] []`,
		`($x := 1; $x)`:                                           `1 []`,
	} {
		m, diagnostics := Compile([]byte(output(jsonvalue.Text("{% "+expression+" %}"))), Options{})
		if m == nil {
			t.Fatalf("%s: %s", expression, said(diagnostics))
		}
		env := environment(t, `1`)
		env.Variable = func(name string) (any, bool) { return 41.0, name == "x" }
		v, err := m.StartAt.Output.Evaluate(env)
		if got := fmt.Sprint(jsonvalue.Text(v), " ", m.Reads["X"]); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", expression, got, err, want)
		}
	}
}
