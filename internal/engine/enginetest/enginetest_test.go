package enginetest

import (
	"fmt"
	"slices"
	"testing"

	"heddle/internal/engine"
)

// recorder is told of errors.
type recorder struct {
	testing.TB
	errors []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

type (
	plain  struct{ engine.Rules }
	noting struct{ engine.Rules }
	half   struct{ engine.Rules }
	wrong  struct{ engine.Rules }
)

func (noting) Note(engine.State, engine.Note) {}

func (half) DecodeMessage([]byte) (any, error) { return nil, nil }

func (wrong) Wants(engine.State) engine.Want { return engine.Want{} }

func TestPartsAreWhole(t *testing.T) {
	for _, c := range []struct {
		rules engine.Rules
		want  []string
	}{
		{plain{}, nil},
		{noting{}, nil},
		{half{}, []string{"enginetest.half has a method DecodeMessage, and is no engine.MessagedRules"}},
		{wrong{}, []string{"enginetest.wrong has a method Wants, and is no engine.WantingRules"}},
	} {
		r := &recorder{TB: t}
		if CheckParts(r, c.rules); !slices.Equal(r.errors, c.want) {
			t.Errorf("%T: got %q, want %q", c.rules, r.errors, c.want)
		}
	}
}
