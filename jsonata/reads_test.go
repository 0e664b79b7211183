package jsonata

import (
	"fmt"
	"testing"
)

func TestReads(t *testing.T) {
	for source, want := range map[string]string{
		`phone`:                                "[phone] map[]",
		`phone.number`:                         "[phone] map[]",
		`$states.input.a`:                      "[] map[states:[input]]",
		`$states`:                              "[] map[] [states]",
		`$states.input[a = b].c`:               "[] map[states:[input]]",
		`$states.input[a = $states.result.b]`:  "[] map[states:[input result]]",
		`$sum(a.b) + $v.x`:                     "[a] map[v:[x]] [sum]",
		`$map($v.x, function($i){ $i.a & b })`: "[b] map[v:[x]] [map]",
		`{"k": a}`:                             "[a] map[]",
		`$v.{"k": a}`:                          "[] map[] [v]",
		`$v{k: $sum(n)}`:                       "[] map[] [sum v]",
		`$v^(a, >b)`:                           "[] map[] [v]",
		`[1, a][0]`:                            "[a] map[]",
		`$v.x ~> |a|{"b": c}, ["d"]|`:          "[] map[v:[x]]",
		`a ~> $f(b)`:                           "[a b] map[] [f]",
		`($x := a; $x.y)`:                      "[a] map[]",
		`($x := $x + $y; $x)`:                  "[] map[] [x y]",
		`(($x := 1); $x)`:                      "[] map[] [x]",
		`($f := function(){$late}; $late := 2; $f())`:                     "[] map[]",
		`($f := function(){$late.a}; $f(); ($late := 2))`:                 "[] map[late:[a]]",
		`($e := function($n){$o($n)}; $o := function($n){$e($n)}; $e(1))`: "[] map[]",
		`($c ? $x := 1; $x)`:                       "[] map[] [c x]",
		`$l[$x := 1].$x`:                           "[] map[] [l x]",
		`$l@$x[$x.a=1].b[$y]#$i[$i=1].($x.c + $i)`: "[b] map[] [l y]",
		`$v.a@$x.b`:                                "[] map[v:[a]]",
		`a@$x.b@$y.c.d`:                            "[a b c] map[]",
		`($f := function($n){ $n = 0 ? $g.a : $f($n - 1) }; $f($n))`: "[] map[g:[a]] [n]",
		`$v.a@$x.b[$x.c = $y]`: "[] map[v:[a]] [y]",
		`a ? b : c`:            "[a b c] map[]",
		`$$`:                   "[$$] map[]",
		`$v.($$.a)`:            "[$$] map[] [v]",
		`$`:                    "[$] map[]",
		`$v.$`:                 "[] map[] [v]",
		`*.a`:                  "[*] map[]",
		`**.a`:                 "[**] map[]",
		`-a`:                   "[a] map[]",
		`a in b`:               "[a b] map[]",
		`"text"`:               "[] map[]",
		`(a).b`:                "[a] map[]",
		`$v.(a; b)`:            "[] map[] [v]",
		`$v#$i.a`:              "[] map[v:[a]]",
	} {
		x, err := Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		r := x.Reads()
		if got := fmt.Sprint(r.Input, " ", r.Fields, " ", r.Whole); got != want && got != want+" []" {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}
