package sdk

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heddle/jsonvalue"
)

// ParameterError says what is wrong with parameters.
type ParameterError struct{ Message string }

func (e *ParameterError) Error() string { return e.Message }

func wrong(format string, arguments ...any) error {
	return &ParameterError{fmt.Sprintf(format, arguments...)}
}

// request is what is sent for an operation.
type request struct {
	method      string
	path        string // as it goes out, from its slash on
	query       string
	header      http.Header
	body        []byte
	contentType string
}

// encoder makes the request of an operation.
type encoder struct {
	o      *Operation
	s      *Service
	naming Naming
	token  string // for an idempotency token that is not given
}

// encode makes the request for parameters. Errors: *ParameterError.
func (e *encoder) encode(parameters *jsonvalue.Object) (*request, error) {
	r := &request{method: e.o.HTTP.Method, path: "/", header: http.Header{}}
	var in *Shape
	given := map[string]any{}
	if e.o.Input != nil {
		in = e.s.Shapes[e.o.Input.Shape]
		var err error
		if given, err = e.members(in, parameters); err != nil {
			return nil, err
		}
		for name, m := range in.Members {
			if m.IdempotencyToken && given[name] == nil && e.token != "" {
				given[name] = e.token
			}
		}
	} else if parameters.Len() > 0 {
		name, _ := parameters.At(0)
		return nil, wrong("The field %q is not supported by Step Functions", name)
	}
	switch e.s.protocol {
	case protocolQuery, protocolEC2:
		return r, e.form(r, in, given)
	case protocolJSON:
		r.method, r.contentType = http.MethodPost, "application/x-amz-json-"+e.s.Metadata.JSONVersion
		r.header.Set("X-Amz-Target", e.s.Metadata.TargetPrefix+"."+e.o.Name)
		body, err := e.json(&Ref{}, in, given)
		r.body = jsonvalue.Append(nil, body)
		return r, err
	}
	return r, e.rest(r, in, given)
}

// members reads a structure that is given: values by the names of the model. What is null is
// not there.
func (e *encoder) members(of *Shape, o *jsonvalue.Object) (map[string]any, error) {
	given := make(map[string]any, o.Len())
	for called, v := range o.All() {
		name := e.naming.member(of, called)
		if name == "" {
			return nil, wrong("The field %q is not supported by Step Functions", called)
		}
		if v == nil {
			continue
		}
		if given[name] != nil {
			return nil, wrong("The field %q is given twice", called)
		}
		given[name] = v
	}
	return given, nil
}

// structure reads a structure that is a value, or one that was read.
func (e *encoder) structure(of *Shape, v any) (map[string]any, error) {
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case *jsonvalue.Object:
		return e.members(of, v)
	case string:
		// The SDK for Java 1, by which optimised integrations call, makes an AttributeValue of a text.
		if _, is := of.Members["NULL"]; is && e.naming == Own && e.s.Metadata.ServiceID == "DynamoDB" {
			return map[string]any{"S": v}, nil
		}
	}
	return nil, wrong("The parameters of %s have %s where an object belongs", e.o.Name, jsonvalue.TypeName(v))
}

func (e *encoder) list(v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, wrong("The parameters of %s have %s where an array belongs", e.o.Name, jsonvalue.TypeName(v))
	}
	return list, nil
}

func (e *encoder) object(v any) (*jsonvalue.Object, error) {
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return nil, wrong("The parameters of %s have %s where an object belongs", e.o.Name, jsonvalue.TypeName(v))
	}
	return o, nil
}

// json is a value as JSON has it on the wire.
func (e *encoder) json(r *Ref, shape *Shape, v any) (any, error) {
	if shape == nil { // no input
		return jsonvalue.NewObject(0), nil
	}
	switch {
	case shape.Document:
		return v, nil
	case shape.Type == "structure":
		given, err := e.structure(shape, v)
		if err != nil {
			return nil, err
		}
		o := jsonvalue.NewObject(len(given))
		for _, name := range slices.Sorted(maps.Keys(given)) {
			m := shape.Members[name]
			if m.Location != "" {
				continue // it goes elsewhere
			}
			inner, err := e.json(m, e.s.Shapes[m.Shape], given[name])
			if err != nil {
				return nil, err
			}
			o.Set(cmp.Or(m.LocationName, name), inner)
		}
		return o, nil
	case shape.Type == "list":
		list, err := e.list(v)
		if err != nil {
			return nil, err
		}
		out := make([]any, len(list))
		for i := range list {
			if out[i], err = e.json(shape.Member, e.s.Shapes[shape.Member.Shape], list[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case shape.Type == "map":
		given, err := e.object(v)
		if err != nil {
			return nil, err
		}
		out := jsonvalue.NewObject(given.Len())
		for key, v := range given.All() {
			inner, err := e.json(shape.Value, e.s.Shapes[shape.Value.Shape], v)
			if err != nil {
				return nil, err
			}
			out.Set(key, inner)
		}
		return out, nil
	case v == nil:
		return nil, nil
	case shape.Type == "timestamp":
		text, err := e.scalar(r, shape, v, "unixTimestamp")
		if _, number := strconv.ParseFloat(text, 64); err == nil && number == nil {
			return jsonvalue.Parse([]byte(text))
		}
		return text, err
	case shape.Type == "string", shape.Type == "character", shape.Type == "blob":
		return e.scalar(r, shape, v, "")
	}
	// Of numbers and booleans the service says what is wrong with one. Their texts will do.
	if text, isText := v.(string); isText {
		read, err := jsonvalue.ParseString(text)
		_, isBoolean := read.(bool)
		if _, isNumber := jsonvalue.Float(read); err == nil && (isBoolean && shape.Type == "boolean" || isNumber && shape.Type != "boolean") {
			return read, nil
		}
	}
	return v, nil
}

// scalar is a value that is no structure, list or map, as a text. A time has a form by
// default.
func (e *encoder) scalar(r *Ref, shape *Shape, v any, timeForm string) (string, error) {
	text, isText := v.(string)
	if !isText {
		text = jsonvalue.Text(v) // what takes a text takes any JSON as one
	}
	switch shape.Type {
	case "blob":
		if !isText {
			return base64.StdEncoding.EncodeToString([]byte(text)), nil
		}
	case "timestamp":
		return timestamp(text, cmp.Or(r.TimestampFormat, shape.TimestampFormat, timeForm))
	}
	return text, nil
}

// timestamp writes a time that is given as ISO 8601 or as a number of seconds.
func timestamp(text, form string) (string, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		seconds, number := strconv.ParseFloat(text, 64)
		if number != nil {
			return "", wrong("%q is no time: want one such as 2024-03-17T11:09:25Z", text)
		}
		at = time.UnixMilli(int64(seconds * 1000))
	}
	switch at = at.UTC(); form {
	case "unixTimestamp":
		return jsonvalue.FormatNumber(float64(at.UnixMilli()) / 1000), nil
	case "rfc822":
		return at.Format(http.TimeFormat), nil
	}
	return at.Format("2006-01-02T15:04:05.999Z"), nil
}

// form is a request of the protocols query and EC2.
func (e *encoder) form(r *request, in *Shape, given map[string]any) error {
	r.method, r.contentType = http.MethodPost, "application/x-www-form-urlencoded; charset=utf-8"
	form := url.Values{"Action": {e.o.Name}, "Version": {e.s.Metadata.APIVersion}}
	if in != nil {
		if err := e.field(form, "", &Ref{}, in, given); err != nil {
			return err
		}
	}
	r.body = []byte(form.Encode())
	return nil
}

// field puts a value into a form.
func (e *encoder) field(form url.Values, at string, r *Ref, shape *Shape, v any) error {
	below := func(name string) string {
		if at == "" {
			return name
		}
		return at + "." + name
	}
	ec2 := e.s.protocol == protocolEC2
	switch shape.Type {
	case "structure":
		given, err := e.structure(shape, v)
		if err != nil {
			return err
		}
		for name, v := range given {
			m := shape.Members[name]
			wire := cmp.Or(m.LocationName, name)
			if ec2 {
				wire = cmp.Or(m.QueryName, strings.ToUpper(wire[:1])+wire[1:])
			}
			if list := e.s.Shapes[m.Shape]; list.Type == "list" && list.Flattened && !ec2 {
				wire = cmp.Or(list.Member.LocationName, wire)
			}
			if err := e.field(form, below(wire), m, e.s.Shapes[m.Shape], v); err != nil {
				return err
			}
		}
	case "list":
		list, err := e.list(v)
		if err != nil {
			return err
		}
		if !shape.Flattened && !ec2 {
			at = below(cmp.Or(shape.Member.LocationName, "member"))
		}
		for i, v := range list {
			if err := e.field(form, below(strconv.Itoa(i+1)), shape.Member, e.s.Shapes[shape.Member.Shape], v); err != nil {
				return err
			}
		}
	case "map":
		given, err := e.object(v)
		if err != nil {
			return err
		}
		if !shape.Flattened {
			at = below("entry")
		}
		i := 0
		for key, v := range given.All() {
			i++
			entry := below(strconv.Itoa(i)) + "."
			form.Set(entry+cmp.Or(shape.Key.LocationName, "key"), key)
			if err := e.field(form, entry+cmp.Or(shape.Value.LocationName, "value"), shape.Value, e.s.Shapes[shape.Value.Shape], v); err != nil {
				return err
			}
		}
	default:
		text, err := e.scalar(r, shape, v, "iso8601")
		if err != nil {
			return err
		}
		form.Set(at, text)
	}
	return nil
}

// rest is a request of the protocols that have paths.
func (e *encoder) rest(r *request, in *Shape, given map[string]any) error {
	template, static, _ := strings.Cut(e.o.HTTP.RequestURI, "?")
	query, err := url.ParseQuery(static)
	if err != nil {
		return wrong("the model of %s has a path that can't be read", e.o.Name)
	}
	if in == nil {
		r.path, r.query = template, queryText(query)
		return nil
	}
	body := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		m, v := in.Members[name], given[name]
		shape := e.s.Shapes[m.Shape]
		switch m.Location {
		case "uri":
			text, err := e.scalar(m, shape, v, "iso8601")
			if err != nil {
				return err
			}
			if template, err = fill(template, cmp.Or(m.LocationName, name), text); err != nil {
				return err
			}
		case "querystring":
			err = e.queryMember(query, m, shape, cmp.Or(m.LocationName, name), v)
		case "header":
			err = e.headerMember(r.header, m, shape, cmp.Or(m.LocationName, name), v)
		case "headers":
			var all *jsonvalue.Object
			if all, err = e.object(v); err == nil {
				for key, v := range all.All() {
					err = setHeader(r.header, m.LocationName+key, text(v))
				}
			}
		default:
			body[name] = v
		}
		if err != nil {
			return err
		}
	}
	if name, missing := placeholder(template); missing {
		return wrong("The field '%s' is required but was missing", e.naming.name(name))
	}
	r.path, r.query = template, queryText(query)
	return e.restBody(r, in, given, body)
}

func (e *encoder) restBody(r *request, in *Shape, given, body map[string]any) error {
	if in.Payload != "" {
		m, v := in.Members[in.Payload], given[in.Payload]
		if v == nil {
			return nil
		}
		shape := e.s.Shapes[m.Shape]
		if shape.Type == "blob" || shape.Type == "string" {
			r.contentType = "application/octet-stream"
			if s, isText := v.(string); isText && shape.Type == "string" {
				r.body = []byte(s)
			} else {
				r.body = jsonvalue.Append(nil, v) // any JSON, as its text
			}
			return nil
		}
		return e.document(r, m, shape, cmp.Or(m.LocationName, in.Payload), v)
	}
	hasBody := false
	for _, m := range in.Members {
		hasBody = hasBody || m.Location == ""
	}
	if !hasBody {
		return nil
	}
	return e.document(r, e.o.Input, in, cmp.Or(e.o.Input.LocationName, e.o.Input.Shape), body)
}

// document is a body that is a structure.
func (e *encoder) document(r *request, ref *Ref, shape *Shape, root string, v any) error {
	if e.s.protocol == protocolRestJSON {
		o, err := e.json(ref, shape, v)
		r.contentType, r.body = "application/json", jsonvalue.Append(nil, o)
		return err
	}
	r.contentType = "application/xml"
	var b strings.Builder
	x := xml.NewEncoder(&b)
	if err := e.element(x, root, ref, shape, v); err != nil {
		return err
	}
	if err := x.Flush(); err != nil {
		return wrong("The parameters of %s can't be XML: %v", e.o.Name, err)
	}
	r.body = []byte(b.String())
	return nil
}

// element writes a value as XML.
func (e *encoder) element(x *xml.Encoder, name string, r *Ref, shape *Shape, v any) error {
	start := xml.StartElement{Name: xml.Name{Local: name}}
	space := r.XMLNamespace
	if space == nil {
		space = shape.XMLNamespace
	}
	if space != nil && space.URI != "" {
		attribute := "xmlns"
		if space.Prefix != "" {
			attribute += ":" + space.Prefix
		}
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: attribute}, Value: space.URI})
	}
	switch shape.Type {
	case "structure":
		given, err := e.structure(shape, v)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if m := shape.Members[name]; m.XMLAttribute {
				start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: cmp.Or(m.LocationName, name)}, Value: text(given[name])})
			}
		}
		_ = x.EncodeToken(start) // Flush tells
		for _, name := range slices.Sorted(maps.Keys(given)) {
			m := shape.Members[name]
			if m.XMLAttribute || m.Location != "" {
				continue
			}
			inner := e.s.Shapes[m.Shape]
			wire := cmp.Or(m.LocationName, name)
			if inner.Type == "list" && (inner.Flattened || m.Flattened) {
				list, err := e.list(given[name])
				if err != nil {
					return err
				}
				for _, v := range list {
					if err := e.element(x, wire, inner.Member, e.s.Shapes[inner.Member.Shape], v); err != nil {
						return err
					}
				}
				continue
			}
			if err := e.element(x, wire, m, inner, given[name]); err != nil {
				return err
			}
		}
	case "list":
		list, err := e.list(v)
		if err != nil {
			return err
		}
		_ = x.EncodeToken(start)
		for _, v := range list {
			if err := e.element(x, cmp.Or(shape.Member.LocationName, "member"), shape.Member, e.s.Shapes[shape.Member.Shape], v); err != nil {
				return err
			}
		}
	case "map":
		given, err := e.object(v)
		if err != nil {
			return err
		}
		_ = x.EncodeToken(start)
		for key, v := range given.All() {
			entry := xml.StartElement{Name: xml.Name{Local: "entry"}}
			_ = x.EncodeToken(entry)
			if err := e.element(x, cmp.Or(shape.Key.LocationName, "key"), shape.Key, e.s.Shapes[shape.Key.Shape], key); err != nil {
				return err
			}
			if err := e.element(x, cmp.Or(shape.Value.LocationName, "value"), shape.Value, e.s.Shapes[shape.Value.Shape], v); err != nil {
				return err
			}
			_ = x.EncodeToken(entry.End())
		}
	default:
		said, err := e.scalar(r, shape, v, "iso8601")
		if err != nil {
			return err
		}
		_ = x.EncodeToken(start)
		_ = x.EncodeToken(xml.CharData(said))
	}
	_ = x.EncodeToken(start.End())
	return nil
}

// queryMember puts a value into the query.
func (e *encoder) queryMember(query url.Values, r *Ref, shape *Shape, name string, v any) error {
	switch shape.Type {
	case "list":
		list, err := e.list(v)
		if err != nil {
			return err
		}
		for _, v := range list {
			query.Add(name, text(v))
		}
	case "map":
		all, err := e.object(v)
		if err != nil {
			return err
		}
		for key, v := range all.All() {
			if list, several := v.([]any); several {
				for _, v := range list {
					query.Add(key, text(v))
				}
				continue
			}
			query.Add(key, text(v))
		}
	default:
		said, err := e.scalar(r, shape, v, "iso8601")
		if err != nil {
			return err
		}
		query.Set(name, said)
	}
	return nil
}

func (e *encoder) headerMember(h http.Header, r *Ref, shape *Shape, name string, v any) error {
	if list, several := v.([]any); several {
		var all []string
		for _, v := range list {
			all = append(all, text(v))
		}
		return setHeader(h, name, strings.Join(all, ","))
	}
	if r.JSONValue {
		return setHeader(h, name, base64.StdEncoding.EncodeToString([]byte(jsonvalue.Text(v))))
	}
	said, err := e.scalar(r, shape, v, "rfc822")
	if err != nil {
		return err
	}
	return setHeader(h, name, said)
}

// unheard are headers that parameters may not set: they are ours.
var unheard = []string{"Host", "Authorization", "Content-Length", "Connection", "Transfer-Encoding", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"}

func setHeader(h http.Header, name, v string) error {
	name = http.CanonicalHeaderKey(name)
	if slices.Contains(unheard, name) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || !token(name) {
		return wrong("The header %s can't be %q", name, v)
	}
	h.Set(name, v)
	return nil
}

// token tells whether a text can be the name of a header.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// fill puts a label into a path. Nothing that means something in one passes, and no part is a
// dot or two: what stands between here and the service could take it for another path.
func fill(template, name, v string) (string, error) {
	greedy := strings.Contains(template, "{"+name+"+}")
	parts := []string{v}
	if greedy {
		parts = strings.Split(v, "/")
	}
	for i, part := range parts {
		if part == "." || part == ".." || v == "" {
			return "", wrong("The field '%s' can't be %q", name, v)
		}
		parts[i] = escape(part)
	}
	at := "{" + name + "}"
	if greedy {
		at = "{" + name + "+}"
	}
	return strings.ReplaceAll(template, at, strings.Join(parts, "/")), nil
}

// placeholder finds a label that was not filled.
func placeholder(path string) (name string, found bool) {
	_, after, found := strings.Cut(path, "{")
	name, _, _ = strings.Cut(after, "}")
	return strings.TrimSuffix(name, "+"), found
}

// escape writes all but RFC 3986's unreserved characters as %XX, as signatures have them.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// queryText writes a query as signatures have it.
func queryText(q url.Values) string {
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonvalue.Text(v)
}
