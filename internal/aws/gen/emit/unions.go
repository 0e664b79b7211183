package emit

import (
	"cmp"
	"slices"
	"strings"
)

// Union is a structure with one body among its members, as its type says.
type Union struct {
	// Shape is the structure, Type the member that says which body it has: an enum.
	Shape string `json:"shape"`
	Type  string `json:"type"`
	// Suffix is what follows a type in the name of its member: TimerFired has its body in
	// timerFiredEventAttributes.
	Suffix string `json:"suffix"`
	// Shared are members for all types that end like their names. With them, or where two
	// types have bodies of the same structure, a body does not tell the type.
	Shared []string `json:"shared"`
	// Body is the name of the interface of all bodies.
	Body string `json:"body"`
	// EmptyBodies tells that a body which requests leave out is taken for an empty one,
	// where it has no required member.
	EmptyBodies bool `json:"emptyBodies"`
}

// union is a Union, linked.
type union struct {
	Union
	shape *shape
	typed *member // the member with the type
	cases []unionCase
}

// unionCase is a type and the member with its body; nil if it has none.
type unionCase struct {
	value string
	body  *member
}

func (g *generator) link(u Union) *union {
	s := g.model.Shapes[u.Shape]
	if s == nil || !slices.Contains(g.names, u.Shape) {
		flawed("unions: no offered operation has a structure %q", u.Shape)
	}
	l := &union{Union: u, shape: s}
	used := map[string]bool{}
	for i := range s.Members {
		if f := &s.Members[i]; f.Name == u.Type {
			l.typed = f
		}
	}
	if l.typed == nil || l.typed.Shape.Enum == nil || !l.typed.Required || u.Body == "" {
		flawed("unions: %s wants the name of its bodies, and as its type a required enum", u.Shape)
	}
	for _, value := range slices.Sorted(slices.Values(l.typed.Shape.Enum)) {
		c := unionCase{value: value}
		for i := range s.Members {
			f := &s.Members[i]
			own := f.Name == lowerFirst(value)+u.Suffix
			shared := slices.Contains(u.Shared, f.Name) &&
				strings.HasSuffix(lowerFirst(value), strings.ToUpper(f.Name[:1])+strings.TrimSuffix(f.Name[1:], u.Suffix))
			if own || shared && c.body == nil {
				c.body = f
			}
		}
		if c.body != nil {
			used[c.body.Name] = true
		}
		l.cases = append(l.cases, c)
	}
	for _, f := range s.Members {
		if strings.HasSuffix(f.Name, u.Suffix) && !used[f.Name] {
			flawed("unions: %s.%s is the body of no type", u.Shape, f.Name)
		}
	}
	return l
}

// bodies are the structures of the bodies, each with its types, in order.
func (u *union) bodies() (structures []*shape, types map[string][]string) {
	types = map[string][]string{}
	for _, c := range u.cases {
		if c.body == nil {
			continue
		}
		s := c.body.Shape
		if types[s.Name] == nil {
			structures = append(structures, s)
		}
		types[s.Name] = append(types[s.Name], c.value)
	}
	slices.SortFunc(structures, func(a, b *shape) int { return cmp.Compare(a.Name, b.Name) })
	return structures, types
}

func (g *generator) unions() {
	for _, hint := range g.hints.Unions {
		u := g.link(hint)
		structures, types := u.bodies()
		if slices.ContainsFunc(structures, func(s *shape) bool { return len(types[s.Name]) > 1 }) {
			g.tellingUnion(u, structures)
		} else {
			g.toldUnion(u, structures, types)
		}
		g.emptyBody(u)
	}
}

// emptyBody writes the method that makes up for a body that was left out.
func (g *generator) emptyBody(u *union) {
	if !u.EmptyBodies {
		return
	}
	g.p("// emptyBody gives v the body of its type, if that was left out and needs no member.")
	g.p("func (v *%s) emptyBody() {", u.Shape)
	g.p("switch v.%s {", u.typed.field())
	for _, group := range u.grouped() {
		if group.body != nil && len(group.body.Shape.Required) == 0 {
			field := group.body.field()
			g.p("case %s:\nif v.%s == nil {\nv.%s = new(%s)\n}", group.labels(g.enumName(u.typed.Shape)), field, field, group.body.Shape.Name)
		}
	}
	g.p("}\n}\n")
}

// fillsBodies tells whether decoding a structure makes up for a body that was left out.
func (g *generator) fillsBodies(s *shape) bool {
	return slices.ContainsFunc(g.hints.Unions, func(u Union) bool { return u.Shape == s.Name && u.EmptyBodies })
}

// toldUnion writes a union whose bodies tell their types.
func (g *generator) toldUnion(u *union, structures []*shape, types map[string][]string) {
	method := u.typed.field()
	g.p("// %s is the body of a %s: a pointer to the structure that belongs to its type.", u.Body, u.Shape)
	g.p("type %s interface {", u.Body)
	g.p("// %s is the type that the body belongs to.\n%s() string", method, method)
	g.p("AppendJSON([]byte) []byte\n}\n")
	for _, s := range structures {
		g.p("func (*%s) %s() string { return %s }", s.Name, method, constName(g.enumName(u.typed.Shape), types[s.Name][0]))
	}
	g.p("")
	g.body(u)
	g.p("// SetBody makes v one of the body's type, and puts the body in its place.")
	g.p("func (v *%s) SetBody(body %s) {", u.Shape, u.Body)
	g.p("v.%s = body.%s()", method, method)
	g.p("switch body := body.(type) {")
	for _, c := range u.cases {
		if c.body != nil {
			g.p("case *%s:\nv.%s = body", c.body.Shape.Name, c.body.field())
		}
	}
	g.p("}\n}\n")
}

// tellingUnion writes a union of which several types share a body.
func (g *generator) tellingUnion(u *union, structures []*shape) {
	marker := "is" + u.Body
	g.p("// %s is the body of a %s: a pointer to the structure that belongs to its type.", u.Body, u.Shape)
	g.p("type %s interface {", u.Body)
	g.p("AppendJSON([]byte) []byte\n%s()\n}\n", marker)
	for _, s := range structures {
		g.p("func (*%s) %s() {}", s.Name, marker)
	}
	g.p("")
	g.body(u)
	g.p("// SetBody makes v one of the type, and puts the body in its place; nil for a type that")
	g.p("// has none. It returns false, and changes nothing, if the body is not the type's.")
	g.p("func (v *%s) SetBody(kind string, body %s) bool {", u.Shape, u.Body)
	g.p("ok := false\nswitch kind {")
	for _, group := range u.grouped() {
		g.p("case %s:", group.labels(g.enumName(u.typed.Shape)))
		if group.body == nil {
			g.p("ok = body == nil")
		} else {
			g.p("var b *%s\nif b, ok = body.(*%s); ok {\nv.%s = b\n}", group.body.Shape.Name, group.body.Shape.Name, group.body.field())
		}
	}
	g.p("}")
	g.p("if ok {\nv.%s = kind\n}\nreturn ok\n}\n", u.typed.field())
}

// body writes the method that gives the body.
func (g *generator) body(u *union) {
	g.p("// Body is the body that belongs to v's type; nil if v does not have it.")
	g.p("func (v *%s) Body() %s {", u.Shape, u.Body)
	g.p("switch v.%s {", u.typed.field())
	for _, group := range u.grouped() {
		if group.body != nil {
			field := group.body.field()
			g.p("case %s:\nif v.%s != nil {\nreturn v.%s\n}", group.labels(g.enumName(u.typed.Shape)), field, field)
		}
	}
	g.p("}\nreturn nil\n}\n")
}

// unionGroup is the types that have their body in the same member.
type unionGroup struct {
	body   *member
	values []string
}

func (u *union) grouped() []*unionGroup {
	var groups []*unionGroup
	for _, c := range u.cases {
		i := slices.IndexFunc(groups, func(g *unionGroup) bool { return g.body == c.body })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &unionGroup{body: c.body})
		}
		groups[i].values = append(groups[i].values, c.value)
	}
	return groups
}

func (g *unionGroup) labels(enum string) string {
	var names []string
	for _, v := range g.values {
		names = append(names, constName(enum, v))
	}
	if len(names) > 3 {
		return strings.Join(names, ",\n")
	}
	return strings.Join(names, ", ")
}
