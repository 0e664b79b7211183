package emit

import "fmt"

func (g *generator) encoders() {
	for s := range g.structures {
		if g.jsonWritten(s) {
			g.encoder(s)
		}
	}
}

// jsonWritten tells whether the structure has AppendJSON: all that requests carry, for
// records of them, what is answered as XML, for the same, and whatever else goes as JSON.
func (g *generator) jsonWritten(s *shape) bool {
	switch {
	case g.protocol == protocolJSON, g.taken[s.Name]:
		return true
	case g.protocol == protocolQuery:
		return g.given[s.Name]
	case g.protocol == protocolREST:
		return !g.isOutput(s) // which is written by EncodeREST
	}
	return false
}

func (g *generator) encoder(s *shape) {
	if g.isInput(s) && g.protocol != protocolJSON || g.protocol == protocolQuery {
		g.p("// AppendJSON appends all members, for records of calls.")
	} else {
		g.p("// AppendJSON appends the structure as the wire carries it.")
	}
	g.p("func (v *%s) AppendJSON(b []byte) []byte {", s.Name)
	g.appendMembers(s, func(f *member) (name string, ok bool) {
		if g.protocol == protocolREST && f.Location == "" && !g.isInput(s) {
			return f.wireName(), true
		}
		return f.Name, !f.streams()
	})
	g.p("}\n")
}

// appendMembers writes the body of a function that appends an object with those
// members that have a name.
func (g *generator) appendMembers(s *shape, name func(*member) (string, bool)) {
	var chosen []*member
	for i := range s.Members {
		if _, ok := name(&s.Members[i]); ok {
			chosen = append(chosen, &s.Members[i])
		}
	}
	if len(chosen) == 0 {
		g.p("return append(b, `{}`...)")
		return
	}
	// Every member begins with a comma; the first comma becomes the brace.
	g.p("start := len(b)")
	for _, f := range chosen {
		value := "v." + f.field()
		key, _ := name(f)
		if f.Required {
			g.p("b = append(b, `,%q:`...)", key)
			g.appendValue(f, value, value)
			continue
		}
		g.p("if %s != nil {", value)
		g.p("b = append(b, `,%q:`...)", key)
		if f.nilable() || f.Shape.Type == "structure" {
			g.appendValue(f, value, value)
		} else {
			g.appendValue(f, "*"+value, value)
		}
		g.p("}")
	}
	g.p("return %s(b, start)", g.shape("CloseObject"))
}

// appendValue writes the code that appends a value; receiver is the value
// without the star of a pointer.
func (g *generator) appendValue(f *member, value, receiver string) {
	s := f.Shape
	switch s.Type {
	case "structure":
		g.p("b = %s.AppendJSON(b)", receiver)
	case "list":
		element := g.element(s)
		switch element.Type {
		case "string":
			g.p("b = %s(b, %s)", g.shape("AppendStrings"), value)
		case "structure":
			g.p("b = append(b, '[')")
			g.p("for i := range %s {", value)
			g.p("if i > 0 {\nb = append(b, ',')\n}")
			g.p("b = %s[i].AppendJSON(b)", value)
			g.p("}\nb = append(b, ']')")
		default:
			g.p("b = %s(b, %s, %s)", g.shape("AppendList"), value, g.appender(element, f.TimestampFormat))
		}
	case "map":
		g.p("b = %s(b, %s, %s)", g.shape("AppendMap"), value, g.appender(g.value(s), f.TimestampFormat))
	case "integer", "long", "short", "byte":
		g.p("b = %s(b, %s, 10)", g.std("strconv", "AppendInt"), value)
	default:
		g.p("b = %s(b, %s)", g.appender(s, f.TimestampFormat), value)
	}
}

// appender is the function that appends a value of the shape.
func (g *generator) appender(s *shape, timestampFormat string) string {
	switch s.Type {
	case "string", "character":
		return g.shape("AppendString")
	case "boolean":
		return g.std("strconv", "AppendBool")
	case "integer", "long", "short", "byte":
		return g.shape("AppendInteger")
	case "float", "double":
		return g.shape("AppendFloat")
	case "blob":
		return g.shape("AppendBlob")
	case "timestamp":
		usual := inBody
		if g.protocol == protocolQuery {
			usual = inXML
		}
		if timeFormat(s, timestampFormat, usual) == iso8601 {
			return g.shape("AppendTime")
		}
		return g.shape("AppendTimestamp")
	case "structure":
		return fmt.Sprintf("func(b []byte, e %s) []byte { return e.AppendJSON(b) }", s.Name)
	case "list":
		element := g.element(s)
		if element.Type == "string" {
			return g.shape("AppendStrings")
		}
		return fmt.Sprintf("func(b []byte, list %s) []byte { return %s(b, list, %s) }",
			g.goType(s), g.shape("AppendList"), g.appender(element, ""))
	case "map":
		return fmt.Sprintf("func(b []byte, m %s) []byte { return %s(b, m, %s) }",
			g.goType(s), g.shape("AppendMap"), g.appender(g.value(s), ""))
	}
	flawed("shape %s of type %s is not written as JSON", s.Name, s.Type)
	return ""
}

// The formats of timestamps.
const (
	iso8601 = "iso8601"
	epoch   = "unixTimestamp"
	date    = "rfc822"
)

// Where a timestamp stands tells its format, unless a trait does.
const (
	inBody   = epoch
	inHeader = date
	inURI    = iso8601
	inXML    = iso8601
)

func timeFormat(s *shape, atMember, usual string) string {
	format := usual
	for _, trait := range []string{atMember, s.TimestampFormat} {
		if trait != "" {
			format = trait
			break
		}
	}
	switch format {
	case iso8601, epoch, date:
		return format
	}
	flawed("timestamps of %s have the unknown format %q", s.Name, format)
	return ""
}

func (g *generator) decoders() {
	for s := range g.structures {
		if g.jsonRead(s) {
			g.decoder(s)
		}
	}
}

// jsonRead tells whether the structure has Decode.
func (g *generator) jsonRead(s *shape) bool {
	switch g.protocol {
	case protocolJSON:
		return true
	case protocolREST:
		return !g.isInput(s) && !g.isOutput(s) // which have methods of their own
	}
	return false
}

func (g *generator) decoder(s *shape) {
	decoder := g.jx("Decoder")
	g.p("// Decode reads the structure. Members that it does not have are skipped,\n// null stands for a missing member.")
	g.p("func (v *%s) Decode(d *%s) error {", s.Name, decoder)
	g.p("%s", g.fresh(s))
	if len(s.Members) == 0 {
		g.p("return %s(d, %s)\n}\n", g.shape("DecodeObject"), g.shape("SkipMember"))
		return
	}
	object, end := "return %s(d, func(d *%s, key []byte) error {", "})\n}\n"
	if g.fillsBodies(s) {
		object, end = "if err := %s(d, func(d *%s, key []byte) error {", "}); err != nil {\nreturn err\n}\nv.emptyBody()\nreturn nil\n}\n"
	}
	g.p(object, g.shape("DecodeObject"), decoder)
	var members []*member
	for i := range s.Members {
		members = append(members, &s.Members[i])
	}
	g.decodeMembers(s, members)
	g.p("%s", end)
}

// fresh is the code that makes v what it is before its first member was read.
func (g *generator) fresh(s *shape) string {
	if g.hasMask(s) {
		return fmt.Sprintf("*v = %s{missing: %s}", s.Name, missingAll(s))
	}
	return fmt.Sprintf("*v = %s{}", s.Name)
}

// decodeMembers writes the switch over the keys of an object.
func (g *generator) decodeMembers(s *shape, members []*member) {
	g.p("switch string(key) {")
	for _, f := range members {
		key := f.Name
		if g.protocol == protocolREST {
			key = f.wireName()
		}
		g.p("case %q:", key)
		g.decodeMember(s, f)
	}
	g.p("default:\nreturn %s(d, key)\n}", g.shape("SkipMember"))
}

// seen is the code that remembers a required member was there.
func (g *generator) seen(s *shape, f *member) string {
	if f.Required && g.hasMask(s) {
		return fmt.Sprintf("v.missing &^= %s\n", missingBit(s, f.Name))
	}
	return ""
}

func (g *generator) decodeMember(s *shape, f *member) {
	field := "v." + f.field()
	seen := g.seen(s, f)
	null := func() { g.p("if d.Next() == %s {\nreturn d.Null()\n}", g.jx("Null")) }
	switch f.Shape.Type {
	case "structure":
		null()
		if !f.Required {
			g.p("%s = new(%s)", field, f.Shape.Name)
		}
		g.p("%sreturn %s.Decode(d)", seen, field)
		return
	case "list":
		element := g.element(f.Shape)
		switch element.Type {
		case "string":
			null()
			g.p("%svar err error\n%s, err = %s(d)\nreturn err", seen, field, g.shape("DecodeStrings"))
			return
		case "structure":
			null()
			g.p("%s%s = []%s{}", seen, field, element.Name)
			g.p("return %s(d, func(d *%s) error {", g.shape("DecodeList"), g.jx("Decoder"))
			g.p("%s = append(%s, %s{})", field, field, element.Name)
			last := fmt.Sprintf("%s[len(%s)-1]", field, field)
			if g.hasMask(element) {
				g.p("if d.Next() == %s {\n%s.missing = missingSelf\nreturn d.Null()\n}", g.jx("Null"), last)
			}
			g.p("return %s.Decode(d)\n})", last)
			return
		}
	}
	g.p("value, ok, err := %s", g.call(g.reader(f.Shape, f.TimestampFormat)))
	g.p("if !ok {\nreturn err\n}")
	if f.pointer() {
		g.p("%s = &value", field)
	} else {
		g.p("%s = value", field)
	}
	g.p("%sreturn nil", seen)
}

// reader is a function that reads a value of the shape, with arguments that stand
// after the decoder.
type reader struct{ function, arguments string }

func (g *generator) call(r reader) string {
	if r.arguments == "" {
		return r.function + "(d)"
	}
	return r.function + "(d, " + r.arguments + ")"
}

// value is the reader as one function.
func (g *generator) readerValue(s *shape, timestampFormat string) string {
	r := g.reader(s, timestampFormat)
	if r.arguments == "" {
		return r.function
	}
	return fmt.Sprintf("func(d *%s) (%s, bool, error) { return %s }", g.jx("Decoder"), g.goType(s), g.call(r))
}

func (g *generator) reader(s *shape, timestampFormat string) reader {
	switch s.Type {
	case "string", "character":
		return reader{g.shape("DecodeString"), ""}
	case "boolean":
		return reader{g.shape("DecodeBool"), ""}
	case "integer", "long", "short", "byte":
		return reader{g.shape("DecodeInteger"), ""}
	case "float", "double":
		return reader{g.shape("DecodeFloat"), ""}
	case "blob":
		return reader{g.shape("DecodeBlob"), ""}
	case "timestamp":
		if timeFormat(s, timestampFormat, inBody) == iso8601 {
			return reader{g.shape("DecodeTime"), ""}
		}
		return reader{g.shape("DecodeTimestamp"), ""}
	case "structure":
		return reader{g.shape("DecodeStructure") + "[" + s.Name + "]", ""}
	case "list":
		return reader{g.shape("DecodeElements"), g.readerValue(g.element(s), "")}
	case "map":
		return reader{g.shape("DecodeMap"), g.readerValue(g.value(s), "")}
	}
	flawed("shape %s of type %s is not read from JSON", s.Name, s.Type)
	return reader{}
}
