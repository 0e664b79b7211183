package emit

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
)

func (g *generator) validators() {
	patterns := map[string]string{} // by the name of their shape
	for s := range g.structures {
		if !g.taken[s.Name] {
			continue
		}
		if g.isInput(s) {
			flaws := g.hints.Flaws[s.Name]
			g.p("// Validate tells what is wrong with the request; its text is for the caller.")
			g.p("func (v *%s) Validate() error {", s.Name)
			g.p("var c %s\nv.validate(&c, nil)", g.shape("Violations"))
			g.p("return c.Err(%s, %s)\n}\n", flawCall(flaws.BeforeAll), flawCall(flaws.First))
		}
		g.p("func (v *%s) validate(c *%s, at *%s) {", s.Name, g.shape("Violations"), g.shape("Place"))
		for _, f := range g.inOrderOfChecks(s) {
			g.validateMember(s, f, patterns)
		}
		g.p("}\n")
	}
	for s := range g.structures {
		if g.isPrinted(s) {
			g.printer(s)
		}
	}
	for _, name := range g.names {
		if p := patterns[name]; p != "" {
			g.p("var pattern%s = %s(%s)\n", typeName(name), g.std("regexp", "MustCompile"), literal(`\A(?:`+p+`)\z`))
		}
	}
}

// isPrinted tells whether messages show the structure.
func (g *generator) isPrinted(s *shape) bool {
	return g.hints.Printed && g.taken[s.Name] && slices.ContainsFunc(g.names, func(name string) bool {
		list := g.model.Shapes[name]
		return list.Type == "list" && g.element(list) == s && (g.sized(list) || list.Max != nil)
	})
}

// printer writes how messages show the structure.
func (g *generator) printer(s *shape) {
	g.p("func (v *%s) String() string {\nreturn %s(%q,", s.Name, g.shape("Printed"), s.Name)
	for i := range s.Members {
		f := &s.Members[i]
		if t := f.Shape.Type; !f.Required || t != "string" && t != "integer" && t != "long" {
			flawed("printed: member %s of %s is neither a required text nor a required number", f.Name, s.Name)
		}
		g.p("%q, v.missing&(%s) == 0, v.%s,", f.Name, missingBit(s, f.Name), f.field())
	}
	g.p(")\n}\n")
}

func flawCall(method string) string {
	if method == "" {
		return `""`
	}
	return "v." + method + "()"
}

func (g *generator) inOrderOfChecks(s *shape) []*member {
	var ordered []*member
	for i := range s.Members {
		ordered = append(ordered, &s.Members[i])
	}
	first := g.hints.CheckFirst[s.Name]
	slices.SortStableFunc(ordered, func(a, b *member) int {
		switch first {
		case a.Name:
			return -1
		case b.Name:
			return 1
		}
		return 0
	})
	return ordered
}

func (g *generator) validateMember(s *shape, f *member, patterns map[string]string) {
	if f.streams() {
		return
	}
	rule := cmp.Or(g.hints.MemberRules[s.Name+"."+f.Name], g.hints.ShapeRules[f.Shape.Name])
	field := "v." + f.field()
	called := lowerFirst(f.Name)
	member := fmt.Sprintf("at.Member(%q)", called)
	here := member + hidden(f.Shape)
	value := field
	switch structure := f.Shape.Type == "structure"; {
	case structure && f.Required:
		value = "&" + field
	case f.pointer() && !structure:
		value = "*" + field
	}
	checks := g.checks(f.Shape, value, field, called, here, rule, patterns)
	switch {
	case f.Required:
		g.p("if v.missing&(%s) != 0 {\nc.Null(%s)\n}", missingBit(s, f.Name), member)
		if checks != "" {
			g.out.Truncate(g.out.Len() - 1)
			g.p(" else {\n%s}", checks)
		}
	case checks == "":
	case f.nilable() && !g.sized(f.Shape): // a nil one has nothing to check
		g.out.WriteString(checks)
	default:
		g.p("if %s != nil {\n%s}", field, checks)
	}
}

// hidden is what is said of the place of a sensitive value.
func hidden(s *shape) string {
	if s.Sensitive {
		return ".Hidden()"
	}
	return ""
}

// sized tells whether a nil value would be complained about.
func (g *generator) sized(s *shape) bool { return s.Min != nil && *s.Min > 0 }

// checks is the code that checks a value that is present. Called is its name as messages
// have it, here the code for its place.
func (g *generator) checks(s *shape, value, field, called, here, rule string, patterns map[string]string) string {
	code := ""
	bounds := func(method, value string) {
		if s.Min != nil && *s.Min > 0 || s.Max != nil {
			code += fmt.Sprintf("c.%s(%s, %s, %s)\n", method, here, value, g.bounds(s))
		}
	}
	switch s.Type {
	case "string":
		return g.stringChecks(s, value, here, rule, patterns)
	case "integer":
		lowest, highest := int64(math.MinInt32), int64(math.MaxInt32)
		if s.Min != nil {
			lowest = int64(*s.Min)
		}
		if s.Max != nil {
			highest = int64(*s.Max)
		}
		code = fmt.Sprintf("c.Integer(%s, %s, %d, %d)\n", here, value, lowest, highest)
	case "long":
		if s.Min != nil || s.Max != nil {
			lowest, highest := g.std("math", "MinInt64"), g.std("math", "MaxInt64")
			if s.Min != nil {
				lowest = number(*s.Min)
			}
			if s.Max != nil {
				highest = number(*s.Max)
			}
			code = fmt.Sprintf("c.Integer(%s, %s, %s, %s)\n", here, value, lowest, highest)
		}
	case "float", "double":
		if s.Min != nil || s.Max != nil {
			lowest, highest := "-"+g.std("math", "MaxFloat64"), g.std("math", "MaxFloat64")
			if s.Min != nil {
				lowest = number(*s.Min)
			}
			if s.Max != nil {
				highest = number(*s.Max)
			}
			code = fmt.Sprintf("c.Float(%s, %s, %s, %s)\n", here, value, lowest, highest)
		}
	case "blob":
		bounds("Blob", value)
	case "structure":
		return fmt.Sprintf("at := %s\n%s", here, structureChecks(field, value, rule))
	case "list":
		element := g.element(s)
		switch {
		case element.Type == "string":
			bounds("List", value)
		case element.Type == "structure" && g.hints.Printed && (g.sized(s) || s.Max != nil):
			code += fmt.Sprintf("%s(c, %s, %s, %s)\n", g.shape("Structures"), here, value, g.bounds(s))
		default:
			bounds("Count", "len("+value+")")
		}
		if each := g.elementChecks(element, value, called, patterns); each != "" {
			code += fmt.Sprintf("for i := range %s {\n%s}\n", value, each)
		}
	case "map":
		bounds("Count", "len("+value+")")
		if each := g.entryChecks(s, value, called, patterns); each != "" {
			code += fmt.Sprintf("for _, key := range %s(%s) {\n%s}\n", g.shape("Keys"), value, each)
		}
	}
	if rule != "" {
		code += fmt.Sprintf("%s(c, %s, %s)\n", rule, here, value)
	}
	return code
}

// structureChecks is the code that checks the structure at the place "at".
func structureChecks(value, pointer, rule string) string {
	code := fmt.Sprintf("%s.validate(c, &at)\n", value)
	if rule != "" {
		code += fmt.Sprintf("%s(c, at, %s)\n", rule, pointer)
	}
	return code
}

// elementChecks is the code that checks the element i of a list.
func (g *generator) elementChecks(element *shape, list, called string, patterns map[string]string) string {
	value := list + "[i]"
	here := fmt.Sprintf("at.Element(%q, i+1)%s", called, hidden(element))
	switch element.Type {
	case "structure":
		checks := structureChecks(value, "&"+value, g.hints.ShapeRules[element.Name])
		if !g.hasMask(element) {
			return fmt.Sprintf("at := %s\n%s", here, checks)
		}
		return fmt.Sprintf("at := %s\nif %s.missing == missingSelf {\nc.Null(at)\n} else {\n%s}\n", here, value, checks)
	case "string":
		checks := g.stringChecks(element, value, here, g.hints.ShapeRules[element.Name], patterns)
		switch null := g.shape("Null"); {
		case !slices.Contains(g.hints.Nullable, element.Name):
			if checks == "" {
				return fmt.Sprintf("if %s == %s {\nc.Null(%s)\n}\n", value, null, here)
			}
			return fmt.Sprintf("if %s == %s {\nc.Null(%s)\n} else {\n%s}\n", value, null, here, checks)
		case checks != "":
			return fmt.Sprintf("if %s != %s {\n%s}\n", value, null, checks)
		}
		return ""
	case "list", "map":
		checks := g.checks(element, "e", "e", "", "at", g.hints.ShapeRules[element.Name], patterns)
		if checks == "" {
			return ""
		}
		return fmt.Sprintf("e, at := %s, %s\n%s", value, here, checks)
	}
	return g.checks(element, value, value, "", here, g.hints.ShapeRules[element.Name], patterns)
}

// entryChecks is the code that checks a key of a map, and its value.
func (g *generator) entryChecks(m *shape, of, called string, patterns map[string]string) string {
	code := g.stringChecks(g.at(m.Key), "key", "at", g.hints.ShapeRules[m.Key.Shape], patterns)
	value := g.value(m)
	checks := structureChecks("e", "&e", g.hints.ShapeRules[value.Name])
	if value.Type != "structure" {
		checks = g.checks(value, "e", "e", "", "at", g.hints.ShapeRules[value.Name], patterns)
	}
	if checks != "" {
		code += fmt.Sprintf("e := %s[key]\n%s", of, checks)
	}
	if code == "" {
		return ""
	}
	return fmt.Sprintf("at := at.Entry(%q, key)\n%s", called, code)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// bounds are the least and the greatest length.
func (g *generator) bounds(s *shape) string {
	lowest, highest := "0", g.infinite(s)
	if s.Min != nil {
		lowest = number(*s.Min)
	}
	return lowest + ", " + highest
}

func (g *generator) infinite(s *shape) string {
	if s.Max != nil {
		return number(*s.Max)
	}
	return g.std("math", "MaxInt")
}

func (g *generator) stringChecks(s *shape, value, here, rule string, patterns map[string]string) string {
	if s.Enum != nil {
		return fmt.Sprintf("c.Enum(%s, %s, %sValues)\n", here, value, g.enumName(s))
	}
	code := ""
	if s.Max != nil || s.Min != nil && *s.Min > 0 {
		code = fmt.Sprintf("c.Length(%s, %s, %s)\n", here, value, g.bounds(s))
	}
	if p := g.pattern(s); p != "" {
		patterns[s.Name] = p
		code += fmt.Sprintf("c.Pattern(%s, %s, pattern%s, %s)\n", here, value, typeName(s.Name), literal(s.Pattern))
	}
	if rule != "" {
		code += fmt.Sprintf("%s(c, %s, %s)\n", rule, here, value)
	}
	return code
}

// pattern is the pattern of a shape as Go writes it; empty if it is not checked.
func (g *generator) pattern(s *shape) string {
	if !g.hints.Patterns || s.Pattern == "" {
		return ""
	}
	if p, ok := g.hints.PatternsAs[s.Name]; ok {
		return p
	}
	p := unicodeEscape.ReplaceAllString(s.Pattern, `\x{$1}`)
	if _, err := regexp.Compile(p); err != nil {
		flawed("the pattern of %s wants an entry in patternsAs: %v", s.Name, err)
	}
	return p
}

var unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// literal is a string as people would write it.
func literal(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}
