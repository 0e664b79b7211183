package maprun

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
)

// A selector makes items of what was read, as an ItemSelector says.
type selector struct {
	machine *asl.Machine
	order   execution.MapRunOrder // with all opened
	run     engine.RunID

	input, context any
	variables      map[string]any
	source         string
}

// newSelector is that of an order, of which all is opened.
func newSelector(m *asl.Machine, o execution.MapRunOrder, run engine.RunID) *selector {
	s := &selector{machine: m, order: o, run: run, input: value(o.Input), context: value(o.Context), variables: map[string]any{}, source: o.Reader.Source()}
	for _, v := range o.Variables {
		s.variables[v.Name] = value(v.Value)
	}
	return s
}

// env is what an item's expressions see, which may take so many steps.
func (s *selector) env(index int64, steps int64, now engine.Time) *asl.Env {
	own := secret(s.order.Settings.Secret, s.run, index)
	random := rand.New(rand.NewPCG(binary.BigEndian.Uint64(own[:]), binary.BigEndian.Uint64(own[8:])))
	return &asl.Env{
		Input: s.input, Context: func() any { return s.context },
		Variable: func(name string) (any, bool) {
			v, ok := s.variables[name]
			return v, ok
		},
		Random: random.Uint64, Now: time.UnixMilli(int64(now)).UTC(), Steps: steps, Bytes: itemMemory,
	}
}

// Select is what the ItemSelector makes of an item that is being read, for who reads: of one that is
// larger than what a window holds. The machine is that of the order's definition.
func (r *Reading) Select(m *asl.Machine, run engine.RunID, index int64, item any, now engine.Time) (selected any, failed *asl.Failure) {
	s := newSelector(m, r.Order, run)
	return execution.SelectItem(m, &s.order, s.env(index, itemSteps, now), index, item, s.source)
}
