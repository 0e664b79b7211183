package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// hostile are patterns that make matching dear, and values that they nearly fit, of about n
// characters.
func hostile(n int) (patterns, values []string) {
	a := func(n int) string { return strings.Repeat("a", max(n, 0)) }
	for _, piece := range []string{"a", "ab", "aab", a(16) + "b", a(63), a(64), a(65), a(n / 2), a(n/2) + "b", "é", "😀"} {
		times := max(1, n/(len(piece)+1))
		patterns = append(patterns,
			strings.Repeat("*"+piece, times)+"*b",
			"*"+strings.Repeat(piece, times)+"b*",
			strings.Repeat("*"+piece+"?", times)+"b*",
			"*"+strings.Repeat(piece+"?", times)+"b*",
			"*?"+strings.Repeat(piece, times)+"b*",
			strings.Repeat("*?", times)+"b",
			"*"+strings.Repeat("?", times)+"b*",
			strings.Repeat(piece, times)+"*"+strings.Repeat(piece+"?", times),
			strings.Repeat("*${v}", times/4+1)+"b*",
			"*"+strings.Repeat("${v}", times/4+1)+"b*",
			strings.Repeat("*${v}?", times/4+1)+"c",
			"*${missing}*", "*"+strings.Repeat("${missing,'"+piece+"'}", times/16+1)+"b*",
		)
	}
	values = []string{
		"", a(n), a(n) + "b", strings.Repeat("ab", n/2), strings.Repeat(a(15)+"b", n/16), strings.Repeat("é", n/2), strings.Repeat("aé", n/3),
		strings.Repeat("😀", n/4), a(n/2) + "b" + a(n/2), strings.Repeat("\xc3", n), strings.Repeat("A", n),
	}
	return patterns, values
}

// TestMatchingIsLinear counts steps: a pattern costs as many as it and the value are long,
// times one for each 64 characters of the longest text between stars if there is a ? in it.
func TestMatchingIsLinear(t *testing.T) {
	cases, worst := 0, 0.0
	for _, n := range []int{0, 1, 8, 64, 256, 1000, 2048, 6144} {
		patterns, values := hostile(n)
		for _, text := range patterns {
			text = strings.ReplaceAll(text, "${v}", "${a:v}")
			text = strings.ReplaceAll(text, "${missing", "${a:missing")
			p, err := syntax{wildcards: true, variables: true}.parse(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range values {
				for _, fold := range []bool{false, true} {
					q := queryOf(&Request{Context: Context{{"a:v", "aa"}, {"a:w", "x"}}}, new(Meter))
					p.match(value, &q, fold)
					cases++
					longest := 0
					if fold || strings.ContainsAny(text, "?$") {
						for part := range strings.SplitSeq(text, "*") {
							longest = max(longest, min(len(part), len(value)))
						}
					}
					size := (len(text) + len(value)) * (1 + (longest+63)/64)
					// A text between stars has a table with a place for each letter.
					tables := 0
					if longest > 0 {
						tables = strings.Count(text, "*") * letters
					}
					if got, most := q.Steps(), 4*size+2*tables+64; got > most {
						t.Errorf("%d steps, want %d at most: %.60q of %d bytes for %.60q of %d", got, most, text, len(text), value, len(value))
					} else {
						worst = max(worst, float64(got-tables)/float64(size+64))
					}
				}
			}
		}
	}
	t.Logf("%d cases; the dearest has %.1f steps for a byte of pattern and value", cases, worst)
}

// TestPriceIsTheMost evaluates hostile policies of every sort of statement: no evaluation
// has more steps than its price, and a price is not beyond reason: what has no hostile
// patterns has a low one.
func TestPriceIsTheMost(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	cases := 0
	for _, n := range []int{8, 100, 300, 2000} {
		patterns, values := hostile(n)
		value := func() string { return values[random.IntN(len(values))] }
		for range 300 {
			var list []string
			for range 1 + random.IntN(8000/(n+400)) {
				p := patterns[random.IntN(len(patterns))]
				p = strings.NewReplacer("${v}", "${swf:name}", "${missing", "${swf:missing").Replace(p)
				list = append(list, p)
			}
			texts := func(before string) string { return `"` + before + strings.Join(list, `","`+before) + `"` }
			condition := func(operator, key, values string) string {
				return fmt.Sprintf(`{"Effect":"%s","Action":"*","Resource":"*","Condition":{"%s":{"%s":[%s]}}}`, []string{"Allow", "Deny"}[random.IntN(2)], operator, key, values)
			}
			statements := []string{
				condition("StringLike", "swf:name", texts("")),
				condition("ForAllValues:StringNotLike", "swf:tags", texts("")),
				condition("StringEqualsIgnoreCase", "swf:name", texts("")),
				condition("ArnLike", "swf:name", texts("arn:aws:swf:*:*:")),
				condition("NumericLessThanIfExists", "swf:name", `1,2,3,4,5`),
				condition("Null", "swf:other", `true`),
				condition("IpAddress", "swf:name", `"10.0.0.0/8","::1"`),
				`{"Effect":"Allow","NotAction":["` + strings.Join([]string{"swf:*a*b", "swf:*a?*", "swf:" + strings.Repeat("*a", 40), "swf:*S*k*"}, `","`) + `"],"Resource":[` + texts("arn:aws:swf:*:*:/domain/") + `]}`,
			}
			random.Shuffle(len(statements), func(i, j int) { statements[i], statements[j] = statements[j], statements[i] })
			p, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements[:1+random.IntN(8)], ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			r := &Request{Action: "swf:" + strings.Repeat("aS", random.IntN(60)), Resource: "arn:aws:swf:r:1:/domain/" + value(), Context: Context{{"swf:name", value()}}}
			for range random.IntN(30) {
				r.Context = append(r.Context, Value{"swf:tags", value()}, Value{"swf:tagz", value()})
			}
			sets := &PolicySets{Identity: []Attached{{Policy: p}}, Boundary: []Attached{{Policy: p}}}
			price := Price(r, sets, math.MaxInt)
			m := new(Meter)
			m.Evaluate(r, sets)
			cases++
			if m.Steps() > price {
				t.Fatalf("%d steps, and the price was %d: %.500s", m.Steps(), price, statements[0])
			}
			if told := Price(r, sets, price-1); told < price && told <= price-1 {
				t.Fatalf("price %d, and %d where less than that is asked about", price, told)
			}
		}
	}
	t.Logf("%d cases", cases)
}

// TestTooDearIsNotAllowed evaluates until the steps are spent.
func TestTooDearIsNotAllowed(t *testing.T) {
	list := strings.Repeat(`"*`+strings.Repeat("a", 40)+`?b*",`, 130) + `"a"`
	p, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"a:v":[` + list + `]}}},
		{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sets := &PolicySets{Identity: []Attached{{Policy: p}}}
	r := &Request{Action: "a:b", Resource: "arn:aws:a:::b", Context: Context{{"a:v", strings.Repeat("a", 256)}}}
	m := new(Meter)
	n := 0
	for ; !m.spent(); n++ {
		if d := m.Evaluate(r, sets); !d.Allowed && !m.spent() {
			t.Fatalf("after %d steps: %+v", m.Steps(), d)
		}
	}
	if d := m.Evaluate(r, sets); d.Allowed || !d.TooDear || !strings.HasSuffix(d.Explain(r), "because its policies take too long to evaluate") {
		t.Errorf("beyond %d steps: %+v", StepsMax, d)
	}
	if over := m.Steps() - StepsMax; over > StepsMax/16 {
		t.Errorf("%d steps too many", over)
	}
	// What denies wins, even where what allows would be found at once.
	m = &Meter{steps: StepsMax - 100}
	if d := m.Evaluate(r, sets); d.Allowed {
		t.Errorf("allowed before all that denies was asked: %+v", d)
	}
	t.Logf("%d evaluations", n)
}

// TestDearResourcePolicies: what takes too long to find out is allowed to nobody.
func TestDearResourcePolicies(t *testing.T) {
	p, err := ParseResource([]byte(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Principal: Principal{ID: "AIDA1"}, Action: "x:y", Resource: "*"}
	for steps, allowed := range map[int]bool{0: true, StepsMax + 1: false} {
		m := &Meter{steps: steps}
		if d := m.EvaluateResource(&r, Attached{Policy: p}, &PolicySets{}, true); d.Allowed != allowed || d.TooDear == allowed {
			t.Errorf("after %d steps: %+v", steps, d)
		}
	}
}
