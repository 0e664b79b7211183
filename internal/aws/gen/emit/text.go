package emit

import "fmt"

// Values that are texts: in parameters, paths and headers.

// parseText writes the code that reads a member from the text s, which is there.
func (g *generator) parseText(s *shape, f *member, called, usual string) {
	g.p("value, err := %s(%q, s)", g.parser(f.Shape, f.TimestampFormat, usual), called)
	g.p("if err != nil {\nreturn err\n}")
	if f.pointer() {
		g.p("v.%s = &value", f.field())
	} else {
		g.p("v.%s = value", f.field())
	}
	if seen := g.seen(s, f); seen != "" {
		g.out.WriteString(seen)
	}
}

// parser is the function that reads a value of the shape from its name and a text.
func (g *generator) parser(s *shape, timestampFormat, usual string) string {
	switch s.Type {
	case "string", "character":
		return g.shape("ParseString")
	case "boolean":
		return g.shape("ParseBool")
	case "integer", "long", "short", "byte":
		return g.shape("ParseInteger")
	case "float", "double":
		return g.shape("ParseFloat")
	case "blob":
		return g.shape("ParseBlob")
	case "timestamp":
		return g.shape(map[string]string{iso8601: "ParseTime", epoch: "ParseEpoch", date: "ParseDate"}[timeFormat(s, timestampFormat, usual)])
	}
	flawed("shape %s of type %s is not read from a text", s.Name, s.Type)
	return ""
}

// text is the code for a value as a text.
func (g *generator) text(s *shape, value, timestampFormat, usual string) string {
	switch s.Type {
	case "string", "character":
		return value
	case "boolean":
		return fmt.Sprintf("%s(%s)", g.shape("FormatBool"), value)
	case "integer", "long", "short", "byte":
		return fmt.Sprintf("%s(%s)", g.shape("FormatInteger"), value)
	case "float", "double":
		return fmt.Sprintf("%s(%s)", g.shape("FormatFloat"), value)
	case "blob":
		return fmt.Sprintf("%s(%s)", g.shape("FormatBlob"), value)
	case "timestamp":
		format := map[string]string{iso8601: "FormatTime", epoch: "FormatEpoch", date: "FormatDate"}[timeFormat(s, timestampFormat, usual)]
		if g.protocol == protocolQuery && format == "FormatTime" {
			format = "FormatSecond"
		}
		return fmt.Sprintf("%s(%s)", g.shape(format), value)
	}
	flawed("shape %s of type %s is not written as a text", s.Name, s.Type)
	return ""
}
