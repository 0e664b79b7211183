// Package shapetest holds the answers of a service against its model: an answer
// has no member that its shape lacks and every member that the shape requires, each
// once and of the type and within the bounds that the model says. Decoders are lenient,
// so only this tells what clients are really sent. Only tests import it.
package shapetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// Model is what a service's model says of answers.
type Model struct {
	operations map[string]operation
	shapes     map[string]*shape
	// Empty are answers that say "nothing", byte by byte, though their shape requires
	// more.
	Empty map[string]string
}

type operation struct {
	Output struct{ Shape, ResultWrapper string }
	Errors []struct{ Shape string }
}

type reference struct{ Shape string }

type shape struct {
	Type       string
	Enum       []string
	Min, Max   *float64
	Members    map[string]reference
	Required   []string
	Member     reference
	Key, Value reference
}

// Read reads a model as the vendor publishes it.
func Read(file string) (*Model, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var m struct {
		Operations map[string]operation
		Shapes     map[string]*shape
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("read the model %q: %w", file, err)
	}
	return &Model{operations: m.Operations, shapes: m.Shapes}, nil
}

// Success tells what is wrong with the body of an operation's success.
func (m *Model) Success(name string, body []byte) error {
	op, known := m.operations[name]
	switch {
	case !known:
		return fmt.Errorf("the model has no operation %s", name)
	case op.Output.Shape == "" && len(body) > 0:
		return fmt.Errorf("%s has no output and was answered %s", name, body)
	case op.Output.Shape == "", len(body) > 0 && string(body) == m.Empty[name]:
		return nil
	}
	return m.fits(op.Output.Shape, body)
}

// Fault tells what is wrong with the body of a fault: beside its type it has what its
// shape has, or a message if it is no shape of the model.
func (m *Model) Fault(name string, body []byte) error {
	var named map[string]json.RawMessage
	var kind string
	if err := json.Unmarshal(body, &named); err != nil {
		return err
	}
	if err := json.Unmarshal(named["__type"], &kind); err != nil {
		return fmt.Errorf("a fault without a type: %s", body)
	}
	_, bare, _ := strings.Cut(kind, "#")
	has := &shape{Type: "structure", Members: map[string]reference{"message": {"faultText"}}}
	for _, e := range m.operations[name].Errors {
		if e.Shape == bare {
			has = m.shapes[bare]
		}
	}
	members := map[string]reference{"__type": {"faultText"}}
	for member, is := range has.Members {
		members[member] = is
	}
	r := m.reader(body)
	return r.whole(&shape{Type: "structure", Members: members, Required: append([]string{"__type"}, has.Required...)})
}

func (m *Model) fits(name string, body []byte) error {
	return m.reader(body).whole(m.shapes[name])
}

func (m *Model) reader(body []byte) *reader {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return &reader{m, d, body}
}

type reader struct {
	model *Model
	d     *json.Decoder
	body  []byte
}

// whole reads a body that is one value of a shape.
func (r *reader) whole(s *shape) error {
	err := r.value(s, "")
	if err == nil {
		if _, end := r.d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows the answer")
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %.2000s", err, r.body)
	}
	return nil
}

func (r *reader) shape(of reference) *shape {
	if of.Shape == "faultText" {
		return &shape{Type: "string"}
	}
	return r.model.shapes[of.Shape]
}

// value reads a value of a shape.
func (r *reader) value(s *shape, at string) error {
	token, err := r.d.Token()
	if err != nil {
		return err
	}
	wrong := func(why string) error { return fmt.Errorf("%s: %v is %s", at, token, why) }
	switch s.Type {
	case "structure":
		if token != json.Delim('{') {
			return wrong("no structure")
		}
		return r.members(s, at)
	case "list":
		if token != json.Delim('[') {
			return wrong("no list")
		}
		n := 0
		for ; r.d.More(); n++ {
			if err := r.value(r.shape(s.Member), fmt.Sprintf("%s[%d]", at, n)); err != nil {
				return err
			}
		}
		if !within(s, float64(n)) {
			return fmt.Errorf("%s: a list of %d", at, n)
		}
		_, err := r.d.Token()
		return err
	case "map":
		if token != json.Delim('{') {
			return wrong("no map")
		}
		for r.d.More() {
			key, err := r.d.Token()
			if err != nil {
				return err
			}
			if err := r.value(r.shape(s.Value), fmt.Sprintf("%s.%v", at, key)); err != nil {
				return err
			}
		}
		_, err := r.d.Token()
		return err
	case "string":
		text, ok := token.(string)
		switch {
		case !ok:
			return wrong("no text")
		case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
			return wrong("none of the enum's values")
		case !within(s, float64(utf8.RuneCountInString(text))):
			return wrong("too long or too short")
		}
	case "integer", "long":
		number, ok := token.(json.Number)
		if !ok {
			return wrong("no number")
		}
		n, err := number.Int64()
		if err != nil || !within(s, float64(n)) {
			return wrong("no such integer")
		}
	case "float", "double":
		number, ok := token.(json.Number)
		if !ok {
			return wrong("no number")
		}
		if n, err := number.Float64(); err != nil || !within(s, n) {
			return wrong("no such number")
		}
	case "timestamp":
		number, ok := token.(json.Number)
		if !ok {
			return wrong("no time")
		}
		_, fraction, _ := strings.Cut(number.String(), ".")
		if _, ok := new(big.Rat).SetString(number.String()); !ok || len(fraction) > 3 || strings.ContainsAny(number.String(), "eE") {
			return wrong("no time in seconds, with three decimals at most")
		}
	case "boolean":
		if _, ok := token.(bool); !ok {
			return wrong("neither true nor false")
		}
	default:
		return fmt.Errorf("%s: a value of type %q can't be checked", at, s.Type)
	}
	return nil
}

// members reads a structure from behind its brace.
func (r *reader) members(s *shape, at string) error {
	seen := map[string]bool{}
	for r.d.More() {
		key, err := r.d.Token()
		if err != nil {
			return err
		}
		name := key.(string)
		is, has := s.Members[name]
		inside := at + "." + name
		switch {
		case !has:
			return fmt.Errorf("%s is a member that the shape lacks", inside)
		case seen[name]:
			return fmt.Errorf("%s comes twice", inside)
		}
		seen[name] = true
		if err := r.value(r.shape(is), inside); err != nil {
			return err
		}
	}
	for _, name := range s.Required {
		if !seen[name] {
			return fmt.Errorf("%s.%s is required and missing", at, name)
		}
	}
	_, err := r.d.Token()
	return err
}

func within(s *shape, n float64) bool {
	return (s.Min == nil || n >= *s.Min) && (s.Max == nil || n <= *s.Max)
}
