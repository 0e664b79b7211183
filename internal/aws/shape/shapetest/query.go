package shapetest

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// element is an element of XML: it has text or elements.
type element struct {
	name     string
	text     string
	children []*element
}

// parse reads an answer of the query protocol.
func parse(body []byte) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(string(body)))
	root := &element{}
	stack := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		at := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local}
			at.children = append(at.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			at.text += string(token)
		}
	}
	if len(root.children) != 1 {
		return nil, fmt.Errorf("%d elements stand outermost", len(root.children))
	}
	return root.children[0], nil
}

// Also lets an enum have a value that the service answers and its model lacks.
func (m *Model) Also(enum, value string) {
	s := m.shapes[enum]
	s.Enum = append(s.Enum, value)
}

// Query tells what is wrong with the body of a success in the query protocol.
func (m *Model) Query(name string, body []byte) error {
	op, known := m.operations[name]
	if !known {
		return fmt.Errorf("the model has no operation %s", name)
	}
	answer, err := parse(body)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, body)
	}
	want := []string{"ResponseMetadata"}
	if op.Output.Shape != "" {
		want = []string{op.Output.ResultWrapper, "ResponseMetadata"}
	}
	var got []string
	for _, e := range answer.children {
		got = append(got, e.name)
	}
	if answer.name != name+"Response" || !slices.Equal(got, want) {
		return fmt.Errorf("%s: %s has %q, want %q", name, answer.name, got, want)
	}
	if op.Output.Shape == "" {
		return nil
	}
	if err := m.element(m.shapes[op.Output.Shape], answer.children[0], answer.children[0].name); err != nil {
		return fmt.Errorf("%s: %w: %.2000s", name, err, body)
	}
	return nil
}

func (m *Model) element(s *shape, e *element, at string) error {
	wrong := func(why string) error { return fmt.Errorf("%s: %q is %s", at, e.text, why) }
	if compound := s.Type == "structure" || s.Type == "list" || s.Type == "map"; compound && strings.TrimSpace(e.text) != "" {
		return wrong("text where elements belong")
	} else if !compound && len(e.children) > 0 {
		return fmt.Errorf("%s: has elements where text belongs", at)
	}
	switch s.Type {
	case "structure":
		seen := map[string]bool{}
		for _, c := range e.children {
			is, has := s.Members[c.name]
			if !has || seen[c.name] {
				return fmt.Errorf("%s.%s is a member that the shape lacks, or comes twice", at, c.name)
			}
			seen[c.name] = true
			if err := m.element(m.shapes[is.Shape], c, at+"."+c.name); err != nil {
				return err
			}
		}
		for _, name := range s.Required {
			if !seen[name] {
				return fmt.Errorf("%s.%s is required and missing", at, name)
			}
		}
	case "list":
		for i, c := range e.children {
			if c.name != "member" {
				return fmt.Errorf("%s: a list has <%s>", at, c.name)
			}
			if err := m.element(m.shapes[s.Member.Shape], c, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		if !within(s, float64(len(e.children))) {
			return fmt.Errorf("%s: a list of %d", at, len(e.children))
		}
	case "map":
		for _, c := range e.children {
			if c.name != "entry" || len(c.children) != 2 || c.children[0].name != "key" || c.children[1].name != "value" {
				return fmt.Errorf("%s: no entry of a map", at)
			}
			if err := errors.Join(m.element(m.shapes[s.Key.Shape], c.children[0], at+".key"), m.element(m.shapes[s.Value.Shape], c.children[1], at+".value")); err != nil {
				return err
			}
		}
	case "string":
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, e.text) {
			return wrong("none of the enum's values")
		}
		if !within(s, float64(utf8.RuneCountInString(e.text))) {
			return wrong("too long or too short")
		}
	case "integer", "long":
		if n, err := strconv.ParseInt(e.text, 10, 64); err != nil || !within(s, float64(n)) {
			return wrong("no such integer")
		}
	case "boolean":
		if e.text != "true" && e.text != "false" {
			return wrong("neither true nor false")
		}
	case "timestamp":
		if _, err := time.Parse("2006-01-02T15:04:05Z", e.text); err != nil || strings.Contains(e.text, ".") {
			return wrong("no time")
		}
	case "blob":
		if _, err := base64.StdEncoding.DecodeString(e.text); err != nil {
			return wrong("not base64")
		}
	default:
		return fmt.Errorf("%s: a value of type %q can't be checked", at, s.Type)
	}
	return nil
}
