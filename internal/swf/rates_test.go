package swf

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// Every action has a rate, and every decision that can fail by one is limited or may
// be by an operator.
func TestRatesAreComplete(t *testing.T) {
	var model struct {
		Operations map[string]any
		Shapes     map[string]struct{ Enum []string }
	}
	b, err := os.ReadFile("wire/model.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &model); err != nil {
		t.Fatal(err)
	}
	rates := rates()
	decisions := model.Shapes["DecisionType"].Enum
	for action, r := range rates {
		_, isAction := model.Operations[action]
		if !isAction && !slices.Contains(decisions, action) {
			t.Errorf("%q is neither action nor decision", action)
		}
		if r.Bucket < r.PerSecond/4 || r.PerSecond < 1 {
			t.Errorf("%s: %+v", action, r)
		}
	}
	for action := range model.Operations {
		if _, ok := rates[action]; !ok {
			t.Errorf("%s has no rate", action)
		}
	}
	if n := len(rates) - len(model.Operations); n != 5 {
		t.Errorf("%d decisions have rates", n)
	}
	for _, decision := range unlimited {
		if _, limited := rates[decision]; limited || !slices.Contains(decisions, decision) {
			t.Errorf("%q is no decision without a rate", decision)
		}
	}
}
