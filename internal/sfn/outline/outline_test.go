package outline

import (
	"fmt"
	"strings"
	"testing"
)

const machine = `{"Comment":"c","StartAt":"Look","States":{
"Look":{"Type":"Choice","Choices":[
 {"Variable":"$.n","NumericGreaterThanEquals":3,"Next":"Both"},
 {"And":[{"Variable":"$.s","StringEquals":"a\"b"},{"Not":{"Variable":"$.t","IsPresent":true}}],"Next":"Each"},
 {"Variable":"$.a","StringLessThanPath":"$.b","Next":"Both"},
 {"Or":[{"Variable":"$.x","IsNull":false},{"Variable":"$.y","StringMatches":"a*"}],"Next":"Each"},
 {"Condition":"{% $states.input.n > 3 %}","Next":"Both"}],"Default":"Each"},
"Both":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":1,"Next":"B2"},"B2":{"Type":"Succeed"}}}],
 "Catch":[{"ErrorEquals":["X","States.ALL"],"Next":"Each"}],"Next":"Each"},
"Each":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"C","States":{"C":{"Type":"Task","Resource":"arn:x","End":true}}},"End":true}}}`

func tell(b *strings.Builder, f *Flow, indent string) {
	fmt.Fprintf(b, "%sfrom %s\n", indent, f.Start)
	for _, s := range f.States {
		fmt.Fprintf(b, "%s%s %s ends=%t distributed=%t %s\n", indent, s.Name, s.Type, s.Ends, s.Distributed, s.Resource)
		for _, l := range s.Leads {
			fmt.Fprintf(b, "%s  %s to %s: %s\n", indent, l.Kind, l.To, l.Why)
		}
		for _, in := range s.Inside {
			tell(b, in, indent+"    ")
		}
	}
}

func TestRead(t *testing.T) {
	f, err := Read(machine)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	tell(&b, f, "")
	const want = `from Look
Look Choice ends=false distributed=false 
  choice to Both: $.n ≥ 3
  choice to Each: $.s = "a\"b" and not ($.t is present)
  choice to Both: $.a < $.b
  choice to Each: $.x is not null or $.y like "a*"
  choice to Both: $states.input.n > 3
  default to Each: 
Both Parallel ends=false distributed=false 
  next to Each: 
  catch to Each: X, States.ALL
    from A
    A Pass ends=true distributed=false 
    from B
    B Wait ends=false distributed=false 
      next to B2: 
    B2 Succeed ends=true distributed=false 
Each Map ends=true distributed=true 
    from C
    C Task ends=true distributed=false arn:x
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s", got)
	}
	if in, s := f.Find("B2"); s == nil || in.Start != "B" || f.Count() != 7 {
		t.Errorf("B2 is in %v, of %d states", in, f.Count())
	}
	if in := f.Labelled("x"); in == nil || in.Start != "C" { // it is the only one
		t.Errorf("items are done by %v", in)
	}
	two, err := Read(`{"States":{"P":{"Type":"Parallel","Branches":[` + machine + `,{"States":{"M":{"Type":"Map","Label":"x","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"X"}}}}]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if in := two.Labelled("x"); in == nil || in.Start != "X" || two.Labelled("y") != nil {
		t.Errorf("items of x are done by %v", in)
	}
	if _, s := f.Find("no"); s != nil {
		t.Error("a state that is not there was found")
	}
}

// TestReadAnything: what is no definition is read as far as it is one.
func TestReadAnything(t *testing.T) {
	for _, text := range []string{
		"{}", "[]", "5", `{"StartAt":5,"States":[]}`, `{"States":{"a":5,"b":{"Type":{},"Next":[],"Choices":{},"Catch":[5,{"Next":{},"ErrorEquals":[{}]}],"Branches":[1],"End":"x","ItemProcessor":7}}}`,
		`{"States":{"a":{"Type":"Choice","Choices":[5,{"And":5},{"Not":[]},{"Variable":[],"NumericEquals":{}}]}}}`,
	} {
		if _, err := Read(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "{", `{"States":{"a":`, strings.Repeat(`{"States":`, 20000)} {
		if _, err := Read(text); err == nil {
			t.Errorf("%.30q was read", text)
		}
	}
}
