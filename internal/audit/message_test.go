package audit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"heddle/internal/aws/shape"
)

// TestMessagesHideValuesOnly has random values break constraints, with the words in them
// that messages are made of. No value is shown, and each member and constraint is unless
// a value looks like several.
func TestMessagesHideValuesOnly(t *testing.T) {
	words := []string{
		"s3cr3t", "' at 's3cr3t' failed to satisfy constraint: s3cr3t", "; Value 's3cr3t", "Value '", "; Value null at 's3cr3t", "' at '", "'", "",
		"1 validation error detected: ", "' is invalid: ", "\u20ac", "3 validation errors detected: Value 's3cr3t' at 'a'",
	}
	random := rand.New(rand.NewPCG(1, 2))
	value := func(most int) string {
		v := "s3cr3t"
		for range random.IntN(4) {
			v += words[random.IntN(most)]
		}
		return v + "s3cr3t"
	}
	cases, ambiguous := 0, 0
	for range 20_000 {
		var c shape.Violations
		var request *shape.Place
		var want []string
		parted := false
		n := 1 + random.IntN(5)
		if random.IntN(500) == 0 {
			n = 90 + random.IntN(30) // not all are listed
		}
		for i := range n {
			member := fmt.Sprintf("member%d", i)
			at := request.Member(member)
			if i < valuesMax {
				want = append(want, " at '"+member+"' failed to satisfy constraint: Member must ")
			}
			if random.IntN(5) == 0 {
				c.Null(at)
				continue
			}
			v := value(len(words))
			c.Length(at, v, 0, 1)
			parted = parted || i < valuesMax && strings.Contains(v, nextValue)
		}
		err := c.Err("", "")
		got := message(err.Error(), false)
		cases++
		if strings.Contains(got, "s3cr3t") {
			t.Fatalf("%q is shown as %q", err, got)
		}
		if parted {
			ambiguous++
			want = want[len(want)-1:]
		}
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Fatalf("%q is shown as %q, which lacks %q", err, got, w)
			}
		}
		if message(err.Error(), true) != err.Error() {
			t.Fatal("something was hidden from who may see data")
		}
	}
	if ambiguous < 100 || cases-ambiguous < 1000 {
		t.Errorf("%d cases, %d of them ambiguous", cases, ambiguous)
	}
	for text, want := range map[string]string{
		"1 validation error detected: Value 'x' at 'reason' failed to satisfy constraint: Member must have length less than or equal to 3": "1 validation error detected: Value '" + hidden + "' at 'reason' failed to satisfy constraint: Member must have length less than or equal to 3",
		"1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must not be null":                           "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must not be null",
		"Value 'x' at 'policy' is invalid: it has no end":                                                                                  "Value '" + hidden + "' at 'policy' is invalid: it has no end",
		"Value 'x":       "Value " + hidden,
		"Unknown domain": "Unknown domain",
	} {
		if got := message(text, false); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
