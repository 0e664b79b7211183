package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
)

// outputDifferencesMax is how many differences of an output are told one by one.
const outputDifferencesMax = 20

// differences tells what is not as expected.
func differences(want *Expectation, got *execution.Rehearsal) (all []string) {
	if got.Status != want.Status {
		all = append(all, "status: want "+want.Status+", got "+got.Status+why(got))
	}
	all = append(all, word("error", want.Error, got.Error)...)
	all = append(all, word("cause", want.Cause, got.Cause)...)
	if want.Path != nil && !slices.Equal(want.Path, got.Entered) {
		all = append(all, "path (- wanted, + got):"+paths(want.Path, got.Entered))
	}
	if want.HasOutput {
		all = append(all, outputs(want.Output, got.Output)...)
	}
	return all
}

// why is the error of an execution that failed.
func why(got *execution.Rehearsal) (text string) {
	for _, part := range []*string{got.Error, got.Cause} {
		if part != nil {
			text += ": " + *part
		}
	}
	return text
}

func word(name string, want, got *string) []string {
	switch {
	case want == nil || got != nil && *got == *want:
		return nil
	case got == nil:
		return []string{name + ": want " + *want + ", got none"}
	}
	return []string{name + ": want " + *want + ", got " + *got}
}

// paths shows two paths line by line, with what is in one of them alone.
func paths(want, got []string) string {
	// common[i][j] is how many states want[i:] and got[j:] have in common, in order.
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var b strings.Builder
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			b.WriteString("\n    " + want[i])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			b.WriteString("\n  - " + want[i])
			i++
		default:
			b.WriteString("\n  + " + got[j])
			j++
		}
	}
	return b.String()
}

// outputs tells where an output, a JSON text, is another.
func outputs(want any, text string) []string {
	if text == "" {
		return []string{"output: want " + shown(want) + ", got none"}
	}
	got, err := jsonvalue.ParseString(text)
	if err != nil {
		return []string{"output: no JSON: " + err.Error()}
	}
	all := values("output", want, got)
	if more := len(all) - outputDifferencesMax; more > 0 {
		all = append(all[:outputDifferencesMax], fmt.Sprintf("output: %d more differences", more))
	}
	return all
}

// values compares two values that are at a place.
func values(at string, want, got any) (all []string) {
	switch w := want.(type) {
	case *jsonvalue.Object:
		g, is := got.(*jsonvalue.Object)
		if !is {
			break
		}
		for name, v := range w.All() {
			if other, there := g.Get(name); there {
				all = append(all, values(at+"."+name, v, other)...)
			} else {
				all = append(all, at+"."+name+": want "+shown(v)+", got none")
			}
		}
		for name, v := range g.All() {
			if _, there := w.Get(name); !there {
				all = append(all, at+"."+name+": want none, got "+shown(v))
			}
		}
		return all
	case []any:
		g, is := got.([]any)
		if !is {
			break
		}
		if len(w) != len(g) {
			all = append(all, fmt.Sprintf("%s: want %d items, got %d", at, len(w), len(g)))
		}
		for i := range min(len(w), len(g)) {
			all = append(all, values(fmt.Sprintf("%s[%d]", at, i), w[i], g[i])...)
		}
		return all
	}
	if jsonvalue.Equal(want, got) {
		return nil
	}
	return []string{at + ": want " + shown(want) + ", got " + shown(got)}
}

// shownMax is how much of a value is shown, in bytes.
const shownMax = 200

func shown(v any) string {
	text := jsonvalue.Text(v)
	if len(text) > shownMax {
		return strings.ToValidUTF8(text[:shownMax], "") + "…"
	}
	return text
}
