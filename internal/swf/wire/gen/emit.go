package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (g *generator) types() {
	inputs := map[string]string{}
	for name, op := range g.model.Operations {
		inputs[op.Input.Shape] = name
	}
	for s := range g.structures {
		switch {
		case inputs[s.Name] != "":
			g.p("// %s is what %s takes.", s.Name, inputs[s.Name])
		case s.Exception:
			g.p("// %s is a fault.", s.Name)
		}
		g.p("type %s struct {", s.Name)
		for _, f := range s.Members {
			t := g.goType(f.Shape)
			if !f.Required && f.Shape.Type != "list" {
				t = "*" + t
			}
			g.p("%s %s", goName(f.Name), t)
		}
		if g.hasMask(s) {
			g.p("\nmissing uint8")
		}
		g.p("}\n")
	}
}

func (g *generator) enums() {
	for _, name := range g.names {
		s := g.model.Shapes[name]
		if s.Enum == nil {
			continue
		}
		g.p("// The values of %s.\nconst (", name)
		for _, v := range s.Enum {
			g.p("%s = %q", constName(name, v), v)
		}
		g.p(")\n")
		values := s.Enum
		if known := enumOrder[name]; known != nil {
			if !slices.Equal(slices.Sorted(slices.Values(known)), slices.Sorted(slices.Values(values))) {
				panic("enumOrder has other values than the model: " + name)
			}
			values = known
		}
		g.p("// %sValues are all values of %s, in the order in which messages list them.", name, name)
		g.p("var %sValues = []string{", name)
		for _, v := range values {
			g.p("%s,", constName(name, v))
		}
		g.p("}\n")
	}
}

func (g *generator) operations() {
	g.p("// What faults are called on the wire.\nconst (")
	for s := range g.structures {
		if s.Exception {
			g.p("Code%s = %q", s.Name, "com.amazonaws.swf.base.model#"+s.Name)
		}
	}
	g.p(")\n")
	g.p("// Operations are all operations of the service, by name.")
	g.p("var Operations = []Operation{")
	for _, name := range slices.Sorted(maps.Keys(g.model.Operations)) {
		op := g.model.Operations[name]
		var codes []string
		for _, e := range op.Errors {
			codes = append(codes, "Code"+e.Shape)
		}
		g.p("{Name: %q, Input: %q, Output: %q, Faults: []string{%s}},", name, op.Input.Shape, op.Output.Shape, strings.Join(codes, ", "))
	}
	g.p("}")
}

// registry lets tests visit every structure.
func (g *generator) registry() {
	g.p("var structures = map[string]func() structure{")
	for s := range g.structures {
		g.p("%q: func() structure { return new(%s) },", s.Name, s.Name)
	}
	g.p("}")
}

func (g *generator) encoders() {
	g.p("import \"strconv\"\n")
	for s := range g.structures {
		g.p("// AppendJSON appends the structure as the wire carries it.")
		g.p("func (v *%s) AppendJSON(b []byte) []byte {", s.Name)
		if len(s.Members) == 0 {
			g.p("return append(b, `{}`...)\n}\n")
			continue
		}
		// Every member begins with a comma; the first comma becomes the brace.
		g.p("start := len(b)")
		for _, f := range s.Members {
			value := "v." + goName(f.Name)
			if f.Required {
				g.p("b = append(b, `,%q:`...)", f.Name)
				g.appendValue(f.Shape, value, value)
				continue
			}
			g.p("if %s != nil {", value)
			g.p("b = append(b, `,%q:`...)", f.Name)
			if f.Shape.Type == "list" || f.Shape.Type == "structure" {
				g.appendValue(f.Shape, value, value)
			} else {
				g.appendValue(f.Shape, "*"+value, value)
			}
			g.p("}")
		}
		g.p("return closeObject(b, start)\n}\n")
	}
}

// appendValue writes the code that appends a value; receiver is the value
// without the star of a pointer.
func (g *generator) appendValue(s *shape, value, receiver string) {
	switch s.Type {
	case "string":
		g.p("b = AppendString(b, %s)", value)
	case "timestamp":
		g.p("b = AppendTimestamp(b, %s)", value)
	case "integer", "long":
		g.p("b = strconv.AppendInt(b, %s, 10)", value)
	case "boolean":
		g.p("b = strconv.AppendBool(b, %s)", value)
	case "structure":
		g.p("b = %s.AppendJSON(b)", receiver)
	case "list":
		element := g.element(s)
		if element.Type == "string" {
			g.p("b = appendStrings(b, %s)", value)
			return
		}
		g.p("b = append(b, '[')")
		g.p("for i := range %s {", value)
		g.p("if i > 0 {\nb = append(b, ',')\n}")
		g.p("b = %s[i].AppendJSON(b)", value)
		g.p("}\nb = append(b, ']')")
	}
}

func (g *generator) decoders() {
	g.p("import \"github.com/go-faster/jx\"\n")
	for s := range g.structures {
		g.p("// Decode reads the structure. Members that it does not have are skipped,\n// null stands for a missing member.")
		g.p("func (v *%s) Decode(d *jx.Decoder) error {", s.Name)
		if g.hasMask(s) {
			g.p("*v = %s{missing: %s}", s.Name, missingAll(s))
		} else {
			g.p("*v = %s{}", s.Name)
		}
		if len(s.Members) == 0 {
			g.p("return decodeObject(d, skipMember)\n}\n")
			continue
		}
		g.p("return decodeObject(d, func(d *jx.Decoder, key []byte) error {")
		g.p("switch string(key) {")
		for _, f := range s.Members {
			g.p("case %q:", f.Name)
			g.decodeMember(s, f)
		}
		g.p("default:\nreturn skipMember(d, key)\n}\n})\n}\n")
	}
}

func (g *generator) decodeMember(s *shape, f member) {
	field := "v." + goName(f.Name)
	seen := ""
	if f.Required && g.hasMask(s) {
		seen = fmt.Sprintf("v.missing &^= %s\n", missingBit(s, f.Name))
	}
	switch f.Shape.Type {
	case "structure":
		g.p("if d.Next() == jx.Null {\nreturn d.Null()\n}")
		if !f.Required {
			g.p("%s = new(%s)", field, f.Shape.Name)
		}
		g.p("%sreturn %s.Decode(d)", seen, field)
	case "list":
		g.p("if d.Next() == jx.Null {\nreturn d.Null()\n}")
		g.p("%s", seen)
		element := g.element(f.Shape)
		if element.Type == "string" {
			g.p("var err error\n%s, err = decodeStrings(d)\nreturn err", field)
			return
		}
		g.p("%s = []%s{}", field, element.Name)
		g.p("return decodeList(d, func(d *jx.Decoder) error {")
		g.p("%s = append(%s, %s{})", field, field, element.Name)
		last := fmt.Sprintf("%s[len(%s)-1]", field, field)
		if g.hasMask(element) {
			g.p("if d.Next() == jx.Null {\n%s.missing = missingSelf\nreturn d.Null()\n}", last)
		}
		g.p("return %s.Decode(d)\n})", last)
	default:
		read := map[string]string{
			"string": "decodeString", "timestamp": "decodeTimestamp", "boolean": "decodeBool",
			"integer": "decodeInteger", "long": "decodeInteger",
		}[f.Shape.Type]
		g.p("value, ok, err := %s(d)\nif !ok {\nreturn err\n}", read)
		if f.Required {
			g.p("%s = value", field)
		} else {
			g.p("%s = &value", field)
		}
		g.p("%sreturn nil", seen)
	}
}
