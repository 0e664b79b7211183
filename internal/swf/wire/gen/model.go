package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// model is the part of the service model that the generator reads.
type model struct {
	Operations map[string]operation
	Shapes     map[string]*shape
}

type operation struct {
	Input, Output reference
	Errors        []reference
}

type reference struct{ Shape string }

type shape struct {
	Name      string `json:"-"`
	Type      string
	Enum      []string
	Min, Max  *int
	Members   members
	Required  []string
	Member    reference
	Exception bool
}

// members keeps the order of the model, which is the order on the wire.
type members []member

type member struct {
	Name     string
	Shape    *shape `json:"-"`
	Required bool   `json:"-"`
	shape    string
}

func (ms *members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var r reference
		if err := d.Decode(&r); err != nil {
			return err
		}
		*ms = append(*ms, member{Name: name.(string), shape: r.Shape})
	}
	return nil
}

// generator holds the linked model and the file that is being written.
type generator struct {
	model *model
	names []string // of all shapes, sorted
	// validated are the structures that reach the server in a request.
	validated map[string]bool
	out       bytes.Buffer
}

func newGenerator(m *model) *generator {
	g := &generator{model: m, names: slices.Sorted(maps.Keys(m.Shapes)), validated: map[string]bool{}}
	for name, s := range m.Shapes {
		s.Name = name
		for i := range s.Members {
			f := &s.Members[i]
			f.Shape = m.Shapes[f.shape]
			f.Required = slices.Contains(s.Required, f.Name)
		}
	}
	for _, op := range m.Operations {
		g.reach(m.Shapes[op.Input.Shape])
	}
	return g
}

func (g *generator) reach(s *shape) {
	switch s.Type {
	case "list":
		g.reach(g.element(s))
	case "structure":
		if g.validated[s.Name] {
			return
		}
		g.validated[s.Name] = true
		for _, f := range s.Members {
			g.reach(f.Shape)
		}
	}
}

func (g *generator) element(list *shape) *shape { return g.model.Shapes[list.Member.Shape] }

func (g *generator) structures(yield func(*shape) bool) {
	for _, name := range g.names {
		if s := g.model.Shapes[name]; s.Type == "structure" && !yield(s) {
			return
		}
	}
}

func (g *generator) p(format string, args ...any) {
	fmt.Fprintf(&g.out, format, args...)
	g.out.WriteByte('\n')
}

// goType is the type of a required member.
func (g *generator) goType(s *shape) string {
	switch s.Type {
	case "structure":
		return s.Name
	case "list":
		return "[]" + g.goType(g.element(s))
	}
	return cmp.Or(map[string]string{
		"string": "string", "boolean": "bool", "integer": "int64", "long": "int64", "timestamp": "Timestamp",
	}[s.Type], "unknown type "+s.Type)
}

// missingBit is the bit of the member in the mask of missing ones.
func missingBit(s *shape, name string) string {
	return fmt.Sprintf("1<<%d", slices.Index(s.Required, name))
}

// missingAll is the mask of a structure none of whose members were seen.
func missingAll(s *shape) string {
	if len(s.Required) > 7 {
		panic("more required members than the mask has bits: " + s.Name)
	}
	return fmt.Sprintf("1<<%d - 1", len(s.Required))
}

// hasMask tells whether decoding must remember which members were missing.
func (g *generator) hasMask(s *shape) bool { return g.validated[s.Name] && len(s.Required) > 0 }

func goName(name string) string {
	name = strings.ToUpper(name[:1]) + name[1:]
	for _, word := range []string{"Id", "Arn"} {
		if rest, ok := strings.CutSuffix(name, word); ok {
			return rest + strings.ToUpper(word)
		}
	}
	return name
}

// constName is the constant of an enum's value: TIMER_ID_UNKNOWN of
// CancelTimerFailedCause is CancelTimerFailedCauseTimerIDUnknown.
func constName(enum, value string) string {
	if strings.ToUpper(value) != value {
		return enum + value
	}
	var b strings.Builder
	b.WriteString(enum)
	for word := range strings.SplitSeq(strings.ToLower(value), "_") {
		if word == "id" {
			word = "ID"
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
