package emit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// model is the part of the service model that the generator reads.
type model struct {
	Metadata   metadata
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type metadata struct {
	Protocol     string
	JSONVersion  string
	TargetPrefix string
	APIVersion   string
	XMLNamespace string
}

const (
	protocolJSON  = "json"
	protocolREST  = "rest-json"
	protocolQuery = "query"
)

type operation struct {
	HTTP struct {
		Method       string
		RequestURI   string
		ResponseCode int
	}
	Input, Output reference
	Errors        []reference
}

// reference is a shape where it is used, with what is said of it there.
type reference struct {
	Shape            string
	Location         string
	LocationName     string
	TimestampFormat  string
	Streaming        bool
	IdempotencyToken bool
}

type shape struct {
	Name            string `json:"-"`
	Type            string
	Enum            []string
	Min, Max        *float64
	Pattern         string
	Members         members
	Required        []string
	Member          reference // of a list
	Key, Value      reference // of a map
	Flattened       bool
	Streaming       bool
	Sensitive       bool // its values are shown in no message
	Payload         string
	TimestampFormat string
	Exception       bool
	Fault           bool // of the service, not of its caller
	Error           struct {
		Code           string
		HTTPStatusCode int
	}
}

// members keeps the order of the model, which is the order on the wire.
type members []member

type member struct {
	Name     string
	Shape    *shape `json:"-"`
	Required bool   `json:"-"`
	reference
}

// wireName is what the member is called in its place on the wire.
func (f *member) wireName() string {
	if f.LocationName != "" {
		return f.LocationName
	}
	return f.Name
}

// field is the name of the member in Go.
func (f *member) field() string { return goName(f.Name) }

// pointer tells whether the absence of a member is told by a nil pointer.
func (f *member) pointer() bool { return !f.Required && !f.nilable() }

// nilable tells whether the member's type has a nil of its own.
func (f *member) nilable() bool {
	switch f.Shape.Type {
	case "list", "map", "blob":
		return true
	}
	return false
}

func (f *member) streams() bool { return f.Shape.Type == "blob" && (f.Streaming || f.Shape.Streaming) }

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
		f := member{Name: name.(string)}
		if err := d.Decode(&f.reference); err != nil {
			return err
		}
		*ms = append(*ms, f)
	}
	return nil
}

// generator holds the linked model and the file that is being written.
type generator struct {
	model    *model
	hints    *Hints
	protocol string
	offered  []string // operations, sorted
	names    []string // of the shapes that they reach, sorted
	// inputs and outputs are the operations by their structures; taken and given are all
	// structures that a request or an answer may carry.
	inputs, outputs map[string][]string
	taken, given    map[string]bool
	maskBits        int // of the masks of missing members

	out     bytes.Buffer
	imports map[string]bool
}

func newGenerator(m *model, h *Hints) *generator {
	g := &generator{
		model: m, hints: h, protocol: cmp.Or(h.Protocol, m.Metadata.Protocol), offered: slices.Sorted(slices.Values(h.Operations)),
		inputs: map[string][]string{}, outputs: map[string][]string{}, taken: map[string]bool{}, given: map[string]bool{},
	}
	if len(g.offered) == 0 {
		g.offered = slices.Sorted(maps.Keys(m.Operations))
	}
	for name, s := range m.Shapes {
		s.Name = name
		s.Required = slices.DeleteFunc(s.Required, func(member string) bool { return slices.Contains(h.Optional, name+"."+member) })
		for i := range s.Members {
			f := &s.Members[i]
			f.Shape = g.at(f.reference)
			f.Required = slices.Contains(s.Required, f.Name)
		}
	}
	faults := map[string]bool{}
	for _, name := range g.offered {
		op := m.Operations[name]
		if op == nil {
			flawed("the model has no operation %q", name)
		}
		if op.Input.Shape == "" {
			g.nothingTaken(name, op)
		}
		g.inputs[op.Input.Shape] = append(g.inputs[op.Input.Shape], name)
		reach(g, g.at(op.Input), g.taken)
		if op.Output.Shape != "" {
			g.outputs[op.Output.Shape] = append(g.outputs[op.Output.Shape], name)
			reach(g, g.at(op.Output), g.given)
		}
		for _, e := range op.Errors {
			reach(g, g.at(e), faults)
		}
	}
	for name := range m.Shapes {
		if g.taken[name] || g.given[name] || faults[name] {
			g.names = append(g.names, name)
		}
	}
	slices.Sort(g.names)
	g.measureMasks()
	g.checkNames()
	g.checkHints()
	return g
}

// nothingTaken gives an operation without an input an empty one, so that all are alike.
func (g *generator) nothingTaken(name string, op *operation) {
	op.Input.Shape = name + "Input"
	if g.model.Shapes[op.Input.Shape] != nil {
		flawed("%s has no input, but there is a shape of its name", name)
	}
	g.model.Shapes[op.Input.Shape] = &shape{Name: op.Input.Shape, Type: "structure"}
}

// at is the shape that a reference names.
func (g *generator) at(r reference) *shape {
	s := g.model.Shapes[r.Shape]
	if s == nil {
		flawed("the model has no shape %q", r.Shape)
	}
	return s
}

// reach marks a shape and all in it.
func reach(g *generator, s *shape, marked map[string]bool) {
	if marked[s.Name] {
		return
	}
	marked[s.Name] = true
	switch s.Type {
	case "list":
		reach(g, g.element(s), marked)
	case "map":
		reach(g, g.at(s.Key), marked)
		reach(g, g.value(s), marked)
	case "structure":
		for _, f := range s.Members {
			reach(g, f.Shape, marked)
		}
	}
}

func (g *generator) element(list *shape) *shape { return g.at(list.Member) }

func (g *generator) value(m *shape) *shape { return g.at(m.Value) }

func (g *generator) structures(yield func(*shape) bool) {
	for _, name := range g.names {
		if s := g.model.Shapes[name]; s.Type == "structure" && !yield(s) {
			return
		}
	}
}

func (g *generator) isInput(s *shape) bool { return g.inputs[s.Name] != nil }

func (g *generator) isOutput(s *shape) bool { return g.outputs[s.Name] != nil }

// measureMasks finds out how many bits the masks of missing members need: one for each
// required member, and the highest for the structure itself.
func (g *generator) measureMasks() {
	most := 0
	for s := range g.structures {
		if g.taken[s.Name] {
			most = max(most, len(s.Required))
		}
	}
	for g.maskBits = 8; g.maskBits <= most; g.maskBits *= 2 {
	}
	if g.maskBits > 64 {
		flawed("a structure has %d required members", most)
	}
}

// missingBit is the bit of the member in the mask of missing ones.
func missingBit(s *shape, name string) string {
	return fmt.Sprintf("1<<%d", slices.Index(s.Required, name))
}

// missingAll is the mask of a structure none of whose members were seen.
func missingAll(s *shape) string { return fmt.Sprintf("1<<%d - 1", len(s.Required)) }

// hasMask tells whether decoding must remember which members were missing.
func (g *generator) hasMask(s *shape) bool { return g.taken[s.Name] && len(s.Required) > 0 }

// checkNames looks whether two names of the model are the same in Go.
func (g *generator) checkNames() {
	seen := map[string]string{}
	claim := func(name, by string) {
		if seen[name] != "" {
			flawed("%s and %s are both %s in Go", seen[name], by, name)
		}
		seen[name] = by
	}
	for _, name := range g.names {
		s := g.model.Shapes[name]
		if s.Type == "structure" {
			claim(name, name)
			if s.Exception {
				claim("Code"+name, name)
			}
			fields := map[string]bool{}
			for _, f := range s.Members {
				if fields[f.field()] {
					flawed("two members of %s are %s in Go", name, f.field())
				}
				fields[f.field()] = true
			}
		}
		for _, v := range s.Enum {
			claim(constName(g.enumName(s), v), name+" "+v)
		}
	}
}

// checkHints looks whether what the hints name is in the model.
func (g *generator) checkHints() {
	known := func(hint, name string) {
		if !slices.Contains(g.names, name) {
			flawed("%s: no offered operation has a shape %q", hint, name)
		}
	}
	for name := range g.hints.EnumOrder {
		known("enumOrder", name)
	}
	for name := range g.hints.EnumNames {
		known("enumNames", name)
	}
	for name := range g.hints.CheckFirst {
		known("checkFirst", name)
	}
	for name := range g.hints.ShapeRules {
		known("shapeRules", name)
	}
	for name := range g.hints.Flaws {
		known("flaws", name)
	}
	for _, name := range g.hints.Nullable {
		known("nullable", name)
	}
	knownMember := func(hint, key string) {
		name, wanted, _ := strings.Cut(key, ".")
		known(hint, name)
		if !slices.ContainsFunc(g.model.Shapes[name].Members, func(f member) bool { return f.Name == wanted }) {
			flawed("%s: %s has no member %q", hint, name, wanted)
		}
	}
	for key := range g.hints.MemberRules {
		knownMember("memberRules", key)
	}
	for _, key := range g.hints.Optional {
		knownMember("optional", key)
	}
}

// goType is the type of a value that is there.
func (g *generator) goType(s *shape) string {
	switch s.Type {
	case "string", "character":
		return "string"
	case "boolean":
		return "bool"
	case "integer", "long", "short", "byte":
		return "int64"
	case "float", "double":
		return "float64"
	case "timestamp":
		return g.shape("Timestamp")
	case "blob":
		return "[]byte"
	case "structure":
		return s.Name
	case "list":
		return "[]" + g.goType(g.element(s))
	case "map":
		return "map[string]" + g.goType(g.value(s))
	}
	flawed("shape %s is of the unknown type %q", s.Name, s.Type)
	return ""
}

func goName(name string) string {
	name = strings.ToUpper(name[:1]) + name[1:]
	for _, word := range []string{"Id", "Arn"} {
		if rest, ok := strings.CutSuffix(name, word); ok {
			return rest + strings.ToUpper(word)
		}
	}
	return name
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// enumName is what the constants of an enum begin with.
func (g *generator) enumName(s *shape) string {
	return cmp.Or(g.hints.EnumNames[s.Name], typeName(s.Name))
}

// typeName is the name of a shape in Go that has no type there.
func typeName(name string) string {
	name = strings.TrimLeft(name, "_")
	return strings.ToUpper(name[:1]) + name[1:]
}

// constName is the constant of an enum's value: TIMER_ID_UNKNOWN of
// CancelTimerFailedCause is CancelTimerFailedCauseTimerIDUnknown.
func constName(enum, value string) string {
	shouts := strings.ToUpper(value) == value
	var b strings.Builder
	b.WriteString(enum)
	words := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, word := range words {
		if shouts {
			word = strings.ToLower(word)
		}
		if word == "id" {
			word = "ID"
		}
		if i > 0 && unicode.IsDigit(rune(word[0])) && unicode.IsDigit(rune(words[i-1][len(words[i-1])-1])) {
			b.WriteByte('_') // two numbers are not one
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
