package emit

import (
	"cmp"
	"fmt"
)

func (g *generator) awsquery(name string) string {
	g.imports["heddle/internal/aws/awsquery"] = true
	return "awsquery." + name
}

// query writes the methods of structures in the query protocol.
func (g *generator) query() {
	for s := range g.structures {
		if g.taken[s.Name] {
			g.decodeQuery(s)
		}
		if g.given[s.Name] || s.Exception && g.hasType(s) {
			g.appendXML(s)
		}
	}
}

func (g *generator) decodeQuery(s *shape) {
	g.p("// DecodeQuery reads the structure from its parameters.")
	g.p("func (v *%s) DecodeQuery(p %s) error {", s.Name, g.awsquery("Params"))
	g.p("%s", g.fresh(s))
	for i := range s.Members {
		f := &s.Members[i]
		called, field, seen := f.wireName(), "v."+f.field(), g.seen(s, f)
		switch f.Shape.Type {
		case "structure":
			g.p("if p, ok := p.Structure(%q); ok {", called)
			if !f.Required {
				g.p("%s = new(%s)", field, f.Shape.Name)
			}
			g.p("if err := %s.DecodeQuery(p); err != nil {\nreturn err\n}\n%s}", field, seen)
		case "list", "map":
			g.queryMany(f.Shape, fmt.Sprintf("%q", called), func(value string) { g.p("%s = %s", field, value); g.out.WriteString(seen) }, 0)
		default:
			g.p("if s, ok := p.Lookup(%q); ok {", called)
			g.parseText(s, f, called, inXML)
			g.p("}")
		}
	}
	g.p("return nil\n}\n")
}

// queryMany reads a list or a map whose parameters begin with what the code name gives.
// Take is told the code for the value.
func (g *generator) queryMany(s *shape, name string, take func(value string), depth int) {
	names, one, many := nested("names", depth), nested("name", depth), nested("list", depth)
	if s.Type == "list" {
		element := g.element(s)
		g.p("if %s, ok := p.%s(%s); ok {", names, "Elements", g.listArguments(s, name))
		g.p("%s := make(%s, len(%s))", many, g.goType(s), names)
		g.p("for i, %s := range %s {", one, names)
		g.queryValue(element, one, func(value string) { g.p("%s[i] = %s", many, value) }, depth)
		g.p("}")
		take(many)
		g.p("}")
		return
	}
	many = nested("entries", depth)
	value := g.value(s)
	g.p("if %s, ok := p.Entries(%s); ok {", names, g.mapArguments(s, name))
	g.p("%s := make(%s, len(%s))", many, g.goType(s), names)
	g.p("for _, e := range %s {\n%s := e.Value", names, one)
	g.p("key, err := %s(%s, e.Key)\nif err != nil {\nreturn err\n}", g.shape("ParseString"), one)
	g.queryValue(value, one, func(value string) { g.p("%s[key] = %s", many, value) }, depth)
	g.p("}")
	take(many)
	g.p("}")
}

// nested is a name for a level of lists in lists.
func nested(name string, depth int) string {
	if depth == 0 {
		return name
	}
	return fmt.Sprintf("%s%d", name, depth+1)
}

// listArguments are the list's name and what stands between it and the numbers.
func (g *generator) listArguments(s *shape, name string) string {
	if s.Flattened {
		if s.Member.LocationName != "" {
			flawed("the flattened list %s renames its elements", s.Name)
		}
		return name + `, ""`
	}
	return fmt.Sprintf(`%s, ".%s"`, name, cmp.Or(s.Member.LocationName, "member"))
}

func (g *generator) mapArguments(s *shape, name string) string {
	between := ".entry"
	if s.Flattened {
		between = ""
	}
	return fmt.Sprintf("%s, %q, %q, %q", name, between, cmp.Or(s.Key.LocationName, "key"), cmp.Or(s.Value.LocationName, "value"))
}

// queryValue reads the value whose parameters begin with what the code name gives.
func (g *generator) queryValue(s *shape, name string, take func(value string), depth int) {
	switch s.Type {
	case "structure":
		g.p("var value %s\np, _ := p.Structure(%s)", s.Name, name)
		g.p("if err := value.DecodeQuery(p); err != nil {\nreturn err\n}")
		take("value")
	case "list", "map":
		g.queryMany(s, name, take, depth+1)
	default:
		g.p("value, err := %s(%s, p.Get(%s))", g.parser(s, "", inXML), name, name)
		g.p("if err != nil {\nreturn err\n}")
		take("value")
	}
}

func (g *generator) appendXML(s *shape) {
	g.p("// AppendXML appends the members as elements.")
	g.p("func (v *%s) AppendXML(x *%s) {", s.Name, g.awsquery("XML"))
	for i := range s.Members {
		f := &s.Members[i]
		g.present(f, func(value string) { g.xmlElement(f.Shape, f.wireName(), value, f.TimestampFormat) })
	}
	g.p("}\n")
}

// xmlElement writes the code that appends a value as an element; of flattened lists and
// maps, as many elements.
func (g *generator) xmlElement(s *shape, name, value, timestampFormat string) {
	open := func(name string) { g.p("x.Open(%q)", name) }
	end := func(name string) { g.p("x.Close(%q)", name) }
	switch s.Type {
	case "structure":
		open(name)
		g.p("%s.AppendXML(x)", value)
		end(name)
	case "list":
		inner := name
		if !s.Flattened {
			open(name)
			inner = cmp.Or(s.Member.LocationName, "member")
		}
		g.p("for _, e := range %s {", value)
		g.xmlElement(g.element(s), inner, "e", "")
		g.p("}")
		if !s.Flattened {
			end(name)
		}
	case "map":
		inner := name
		if !s.Flattened {
			open(name)
			inner = "entry"
		}
		g.p("for _, key := range %s(%s) {", g.shape("Keys"), value)
		open(inner)
		g.p("x.Text(%q, key)", cmp.Or(s.Key.LocationName, "key"))
		g.p("e := %s[key]", value)
		g.xmlElement(g.value(s), cmp.Or(s.Value.LocationName, "value"), "e", "")
		end(inner)
		g.p("}")
		if !s.Flattened {
			end(name)
		}
	default:
		g.p("x.Text(%q, %s)", name, g.text(s, value, timestampFormat, inXML))
	}
}
