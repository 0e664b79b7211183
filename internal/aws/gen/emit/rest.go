package emit

import (
	"fmt"
	"strings"
)

func (g *generator) restjson(name string) string {
	g.imports["heddle/internal/aws/restjson"] = true
	return "restjson." + name
}

// rest writes the methods of inputs and outputs.
func (g *generator) rest() {
	for s := range g.structures {
		if g.isInput(s) {
			g.decodeREST(s)
		}
		if g.isOutput(s) {
			g.encodeREST(s)
		}
	}
}

func (g *generator) decodeREST(s *shape) {
	var payload *member
	var bound, body []*member
	for i := range s.Members {
		switch f := &s.Members[i]; {
		case f.Location != "":
			bound = append(bound, f)
		case f.Name == s.Payload:
			payload = f
		case s.Payload == "":
			body = append(body, f)
		default:
			flawed("%s.%s has no place beside the payload", s.Name, f.Name)
		}
	}
	g.p("// DecodeREST reads the input from a request.")
	if body != nil {
		g.p("// Members of the body that it does not have are skipped, null stands for a missing\n// member.")
	}
	g.p("func (v *%s) DecodeREST(r *%s) error {", s.Name, g.restjson("Request"))
	g.p("%s", g.fresh(s))
	for _, f := range bound {
		g.decodeBound(s, f)
	}
	switch {
	case payload != nil:
		g.decodePayload(s, payload)
	case body != nil:
		g.p("return %s(r.Body, func(d *%s, key []byte) error {", g.shape("DecodeBody"), g.jx("Decoder"))
		g.decodeMembers(s, body)
		g.p("})\n}\n")
		return
	}
	g.p("return nil\n}\n")
}

// decodeBound reads a member that is bound to a place outside of the body.
func (g *generator) decodeBound(s *shape, f *member) {
	called := f.wireName()
	scalar := func(there, usual string) {
		g.p("if %s {", there)
		g.parseText(s, f, called, usual)
		g.p("}")
	}
	switch f.Location {
	case "uri":
		scalar(fmt.Sprintf(`s := r.Label(%q); s != ""`, called), inURI)
	case "header":
		if f.Shape.Type == "list" {
			g.decodeTexts(s, f, fmt.Sprintf("r.HeaderList(%q)", called), inHeader)
			return
		}
		scalar(fmt.Sprintf("s, ok := r.HeaderValue(%q); ok", called), inHeader)
	case "headers":
		g.decodeTextMap(s, f, fmt.Sprintf("r.HeaderMap(%q)", f.LocationName))
	case "querystring":
		switch f.Shape.Type {
		case "list":
			g.decodeTexts(s, f, fmt.Sprintf("r.Query[%q]", called), inURI)
		case "map":
			var others []string
			for _, o := range s.Members {
				if o.Location == "querystring" && o.Name != f.Name {
					others = append(others, fmt.Sprintf("%q", o.wireName()))
				}
			}
			method := "QueryMap"
			if g.value(f.Shape).Type == "list" {
				method = "QueryMapOfLists"
			}
			g.decodeTextMap(s, f, fmt.Sprintf("r.%s(%s)", method, strings.Join(others, ", ")))
		default:
			scalar(fmt.Sprintf("s, ok := r.QueryValue(%q); ok", called), inURI)
		}
	default:
		flawed("%s.%s is bound to the unknown place %q", s.Name, f.Name, f.Location)
	}
}

// decodeTexts reads a list of which each element is a text.
func (g *generator) decodeTexts(s *shape, f *member, list, usual string) {
	element := g.element(f.Shape)
	g.p("if list := %s; list != nil {", list)
	g.p("v.%s = make(%s, len(list))", f.field(), g.goType(f.Shape))
	g.p("for i, s := range list {")
	g.p("value, err := %s(%q, s)", g.parser(element, "", usual), f.wireName())
	g.p("if err != nil {\nreturn err\n}\nv.%s[i] = value\n}", f.field())
	g.p("%s}", g.seen(s, f))
}

// decodeTextMap takes a map of texts.
func (g *generator) decodeTextMap(s *shape, f *member, source string) {
	g.p("if m, err := %s; err != nil {\nreturn err\n} else if m != nil {\nv.%s = m\n%s}", source, f.field(), g.seen(s, f))
}

func (g *generator) decodePayload(s *shape, f *member) {
	field := "v." + f.field()
	seen := g.seen(s, f)
	switch {
	case f.streams():
		g.p("%s = r.Stream\n%s", field, seen)
	case f.Shape.Type == "blob":
		g.p("if len(r.Body) > 0 {\n%s = %s(r.Body)\n%s}", field, g.std("bytes", "Clone"), seen)
	case f.Shape.Type == "string":
		g.p("if len(r.Body) > 0 {\ns := string(r.Body)")
		g.parseText(s, f, f.Name, inBody)
		g.p("}")
	case f.Shape.Type == "structure":
		g.p("payload, ok, err := %s[%s](r.Body)", g.shape("DecodePayload"), f.Shape.Name)
		value := "&payload"
		if f.Required {
			value = "payload"
		}
		g.p("if err != nil {\nreturn err\n}\nif ok {\n%s = %s\n%s}", field, value, seen)
	default:
		flawed("%s.%s of type %s cannot be a payload", s.Name, f.Name, f.Shape.Type)
	}
}

func (g *generator) encodeREST(s *shape) {
	g.p("// EncodeREST writes the output to an answer.")
	g.p("func (v *%s) EncodeREST(a *%s) {", s.Name, g.restjson("Answer"))
	if status := g.status(s); status != 0 {
		g.p("a.Status = %d", status)
	}
	var payload *member
	for i := range s.Members {
		if f := &s.Members[i]; f.Name == s.Payload {
			payload = f
		}
	}
	if payload != nil {
		g.encodePayload(payload)
	}
	for i := range s.Members {
		if f := &s.Members[i]; f.Location != "" {
			g.encodeBound(s, f)
		}
	}
	if payload != nil {
		g.p("}\n")
		return
	}
	g.p("a.Body = v.appendBody(a.Body)\n}\n")
	g.p("func (v *%s) appendBody(b []byte) []byte {", s.Name)
	g.appendMembers(s, func(f *member) (string, bool) { return f.wireName(), f.Location == "" })
	g.p("}\n")
}

// status is what operations with the output answer with; zero: 200.
func (g *generator) status(s *shape) int {
	status := 0
	for i, name := range g.outputs[s.Name] {
		code := g.model.Operations[name].HTTP.ResponseCode
		if code == 200 {
			code = 0
		}
		if i > 0 && code != status {
			flawed("%s is the output of operations with different statuses", s.Name)
		}
		status = code
	}
	return status
}

// present writes code for a value that is there.
func (g *generator) present(f *member, write func(value string)) {
	field := "v." + f.field()
	if f.Required {
		write(field)
		return
	}
	g.p("if %s != nil {", field)
	if f.pointer() && f.Shape.Type != "structure" {
		write("*" + field)
	} else {
		write(field)
	}
	g.p("}")
}

func (g *generator) encodePayload(f *member) {
	kind := func(contentType string) { g.p("%s(a, %q, %q)", g.restjson("SetHeader"), "Content-Type", contentType) }
	switch {
	case f.streams():
		kind("application/octet-stream")
		g.p("a.Stream = v.%s", f.field())
	case f.Shape.Type == "blob":
		kind("application/octet-stream")
		g.p("a.Body = append(a.Body, v.%s...)", f.field())
	case f.Shape.Type == "string":
		kind("text/plain")
		g.present(f, func(value string) { g.p("a.Body = append(a.Body, %s...)", value) })
	default:
		g.present(f, func(value string) { g.p("a.Body = %s.AppendJSON(a.Body)", value) })
	}
}

func (g *generator) encodeBound(s *shape, f *member) {
	set := g.restjson("SetHeader")
	switch f.Location {
	case "statusCode":
		g.present(f, func(value string) { g.p("a.Status = int(%s)", value) })
	case "header":
		if f.Shape.Type == "list" {
			element := g.element(f.Shape)
			g.p("for _, e := range v.%s {", f.field())
			g.p("%s(a, %q, %s)\n}", g.restjson("AddHeader"), f.wireName(), g.text(element, "e", "", inHeader))
			return
		}
		g.present(f, func(value string) {
			g.p("%s(a, %q, %s)", set, f.wireName(), g.text(f.Shape, value, f.TimestampFormat, inHeader))
		})
	case "headers":
		name := "name"
		if f.LocationName != "" {
			name = fmt.Sprintf("%q+name", f.LocationName)
		}
		g.p("for name, value := range v.%s {\n%s(a, %s, value)\n}", f.field(), set, name)
	default:
		flawed("%s.%s is bound to %q, which answers do not have", s.Name, f.Name, f.Location)
	}
}
