package sdk

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"heddle/jsonvalue"
)

// Fault is an error that a service answered with.
type Fault struct {
	Status    int
	Code      string // as the service has it, without a namespace
	Exception string // the shape of the model that it is; "": the model has none for it
	Message   string
	RequestID string
	HostID    string // S3's second id of a request
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// decoder reads the answer to an operation.
type decoder struct {
	s      *Service
	naming Naming
}

// decode reads an answer that is no error.
func (d *decoder) decode(o *Operation, h http.Header, body []byte) (*jsonvalue.Object, error) {
	if o.Output == nil {
		return jsonvalue.NewObject(0), nil
	}
	out := d.s.Shapes[o.Output.Shape]
	switch d.s.protocol {
	case protocolJSON:
		v, err := parseJSON(body)
		if err != nil {
			return nil, err
		}
		return d.object(out, v)
	case protocolQuery, protocolEC2:
		root, err := parseXML(body)
		if err != nil {
			return nil, err
		}
		if w := o.Output.ResultWrapper; w != "" {
			if root = root.child(w); root == nil {
				root = &node{}
			}
		}
		return d.structure(out, root), nil
	}
	return d.rest(out, h, body)
}

func parseJSON(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return jsonvalue.NewObject(0), nil
	}
	v, err := jsonvalue.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("its answer is no JSON: %w", err)
	}
	return v, nil
}

func (d *decoder) object(of *Shape, v any) (*jsonvalue.Object, error) {
	o, ok := d.json(&Ref{}, of, v).(*jsonvalue.Object)
	if !ok {
		return nil, fmt.Errorf("its answer is %s, want an object", jsonvalue.TypeName(v))
	}
	return o, nil
}

// json takes a value as JSON has it on the wire. What is not of its shape stays as it is.
func (d *decoder) json(r *Ref, shape *Shape, v any) any {
	switch {
	case shape.Document || v == nil:
	case shape.Type == "structure":
		given, ok := v.(*jsonvalue.Object)
		if !ok {
			return v
		}
		out := jsonvalue.NewObject(given.Len())
		for wire, v := range given.All() {
			name, m := d.onWire(shape, wire)
			if m == nil || v == nil {
				continue // newer than the model, or said not to be there
			}
			out.Set(d.naming.name(name), d.json(m, d.s.Shapes[m.Shape], v))
		}
		return out
	case shape.Type == "list":
		given, ok := v.([]any)
		if !ok {
			return v
		}
		out := make([]any, len(given))
		for i := range given {
			out[i] = d.json(shape.Member, d.s.Shapes[shape.Member.Shape], given[i])
		}
		return out
	case shape.Type == "map":
		given, ok := v.(*jsonvalue.Object)
		if !ok {
			return v
		}
		out := jsonvalue.NewObject(given.Len())
		for key, v := range given.All() {
			out.Set(key, d.json(shape.Value, d.s.Shapes[shape.Value.Shape], v))
		}
		return out
	case shape.Type == "timestamp":
		return d.time(text(v), cmp.Or(r.TimestampFormat, shape.TimestampFormat, "unixTimestamp"))
	}
	return v
}

// onWire finds a member by its name on the wire.
func (d *decoder) onWire(of *Shape, wire string) (string, *Ref) {
	if m := of.Members[wire]; m != nil && cmp.Or(m.LocationName, wire) == wire {
		return wire, m
	}
	for name, m := range of.Members {
		if m.LocationName == wire {
			return name, m
		}
	}
	return "", nil
}

// time reads a time and writes it as results have it.
func (d *decoder) time(said, form string) any {
	at, err := time.Parse(http.TimeFormat, said)
	if form != "rfc822" || err != nil {
		seconds, number := strconv.ParseFloat(said, 64)
		switch {
		case number == nil && math.Abs(seconds) < 1e12:
			at = time.UnixMilli(int64(math.Round(seconds * 1000)))
		default:
			if at, err = time.Parse(time.RFC3339Nano, said); err != nil {
				return said
			}
		}
	}
	if d.naming != Java {
		return float64(at.UnixMilli())
	}
	if at = at.UTC(); at.Nanosecond() == 0 {
		return at.Format("2006-01-02T15:04:05Z")
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

// rest reads an answer of the protocols that have paths.
func (d *decoder) rest(out *Shape, h http.Header, body []byte) (*jsonvalue.Object, error) {
	o := jsonvalue.NewObject(len(out.Members))
	if err := d.restBody(o, out, body); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(out.Members)) {
		m := out.Members[name]
		shape := d.s.Shapes[m.Shape]
		switch m.Location {
		case "header":
			if said := h.Get(m.LocationName); said != "" {
				o.Set(d.naming.name(name), d.headerValue(m, shape, strings.ToValidUTF8(said, "\uFFFD")))
			}
		case "headers":
			all := jsonvalue.NewObject(0)
			for _, key := range slices.Sorted(maps.Keys(h)) {
				if rest, ok := cutPrefixFold(key, m.LocationName); ok {
					all.Set(strings.ToLower(rest), strings.ToValidUTF8(h.Get(key), "\uFFFD"))
				}
			}
			o.Set(d.naming.name(name), all)
		}
	}
	return o, nil
}

func (d *decoder) restBody(o *jsonvalue.Object, out *Shape, body []byte) error {
	in := out // what the body is
	set := func(inner *jsonvalue.Object) {
		for name, v := range inner.All() {
			o.Set(name, v)
		}
	}
	if out.Payload != "" {
		m := out.Members[out.Payload]
		if in = d.s.Shapes[m.Shape]; in.Type == "blob" || in.Type == "string" {
			if !utf8.Valid(body) {
				o.Set(d.naming.name(out.Payload), base64.StdEncoding.EncodeToString(body))
			} else {
				o.Set(d.naming.name(out.Payload), string(body))
			}
			return nil
		}
		set = func(inner *jsonvalue.Object) { o.Set(d.naming.name(out.Payload), inner) }
		if len(body) == 0 {
			return nil
		}
	} else if len(body) == 0 {
		return nil
	}
	if d.s.protocol == protocolRestJSON {
		v, err := parseJSON(body)
		if err == nil && in.Document {
			o.Set(d.naming.name(out.Payload), v)
			return nil
		}
		var inner *jsonvalue.Object
		if err == nil {
			inner, err = d.object(in, v)
		}
		if err == nil {
			set(inner)
		}
		return err
	}
	root, err := parseXML(body)
	if err == nil {
		set(d.structure(in, root))
	}
	return err
}

func (d *decoder) headerValue(r *Ref, shape *Shape, said string) any {
	switch shape.Type {
	case "timestamp":
		return d.time(said, cmp.Or(r.TimestampFormat, shape.TimestampFormat, "rfc822"))
	case "list":
		var all []any
		for part := range strings.SplitSeq(said, ",") {
			all = append(all, strings.TrimSpace(part))
		}
		return all
	}
	if r.JSONValue {
		if decoded, err := base64.StdEncoding.DecodeString(said); err == nil {
			if v, err := jsonvalue.Parse(decoded); err == nil {
				return v
			}
		}
	}
	return plain(shape, said)
}

// plain reads a number or a boolean where the shape has one.
func plain(shape *Shape, said string) any {
	switch shape.Type {
	case "boolean":
		return said == "true"
	case "integer", "long", "float", "double":
		if v, err := jsonvalue.Parse([]byte(said)); err == nil {
			return v
		}
	}
	return said
}

// node is an element of an XML document.
type node struct {
	name       string
	attributes []xml.Attr
	children   []*node
	text       strings.Builder
}

func (n *node) child(name string) *node {
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return n.children[i]
}

func (n *node) textOf(name string) string {
	if c := n.child(name); c != nil {
		return strings.TrimSpace(c.text.String())
	}
	return ""
}

// depthMax bounds how deep elements lie in each other.
const depthMax = 200

// parseXML reads a document; an empty one is an empty element.
func parseXML(body []byte) (*node, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return &node{}, nil
	}
	x := xml.NewDecoder(bytes.NewReader(body))
	top := &node{}
	stack := []*node{top}
	for {
		t, err := x.Token()
		switch {
		case err == io.EOF && len(top.children) > 0:
			return top.children[0], nil
		case err != nil:
			return nil, fmt.Errorf("its answer is no XML: %w", err)
		case len(stack) > depthMax:
			return nil, fmt.Errorf("its answer has more than %d elements in each other", depthMax)
		}
		in := stack[len(stack)-1]
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, attributes: slices.Clone(t.Attr)}
			in.children = append(in.children, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			in.text.Write(t)
		}
	}
}

// structure reads a structure of an XML document.
func (d *decoder) structure(of *Shape, n *node) *jsonvalue.Object {
	out := jsonvalue.NewObject(len(of.Members))
	for _, name := range slices.Sorted(maps.Keys(of.Members)) {
		m := of.Members[name]
		shape := d.s.Shapes[m.Shape]
		wire := cmp.Or(m.LocationName, name)
		switch {
		case m.Location != "":
		case m.XMLAttribute:
			_, wire, _ = cutLast(wire, ":")
			for _, a := range n.attributes {
				if a.Name.Local == wire {
					out.Set(d.naming.name(name), a.Value)
				}
			}
		case shape.Type == "list" && (shape.Flattened || m.Flattened):
			if shape.Member.LocationName != "" && m.LocationName == "" {
				wire = shape.Member.LocationName
			}
			var all []any
			for _, c := range n.children {
				if c.name == wire {
					all = append(all, d.value(shape.Member, c))
				}
			}
			if all != nil {
				out.Set(d.naming.name(name), all)
			}
		case shape.Type == "map" && (shape.Flattened || m.Flattened):
			all := jsonvalue.NewObject(0)
			for _, c := range n.children {
				if c.name == wire {
					d.entry(shape, c, all)
				}
			}
			if all.Len() > 0 {
				out.Set(d.naming.name(name), all)
			}
		default:
			if c := n.child(wire); c != nil {
				out.Set(d.naming.name(name), d.value(m, c))
			}
		}
	}
	return out
}

// entry reads an entry of a map.
func (d *decoder) entry(of *Shape, n *node, into *jsonvalue.Object) {
	key, v := n.child(cmp.Or(of.Key.LocationName, "key")), n.child(cmp.Or(of.Value.LocationName, "value"))
	if key != nil && v != nil {
		into.Set(strings.TrimSpace(key.text.String()), d.value(of.Value, v))
	}
}

// value reads a value of an XML document.
func (d *decoder) value(r *Ref, n *node) any {
	shape := d.s.Shapes[r.Shape]
	switch shape.Type {
	case "structure":
		return d.structure(shape, n)
	case "list":
		all := []any{}
		for _, c := range n.children {
			all = append(all, d.value(shape.Member, c))
		}
		return all
	case "map":
		all := jsonvalue.NewObject(len(n.children))
		for _, c := range n.children {
			d.entry(shape, c, all)
		}
		return all
	case "timestamp":
		return d.time(strings.TrimSpace(n.text.String()), cmp.Or(r.TimestampFormat, shape.TimestampFormat, "iso8601"))
	case "string":
		return n.text.String()
	}
	return plain(shape, strings.TrimSpace(n.text.String()))
}

// fault reads an answer that is an error.
func (d *decoder) fault(o *Operation, status int, h http.Header, body []byte) *Fault {
	f := &Fault{Status: status, RequestID: cmp.Or(h.Get("X-Amzn-Requestid"), h.Get("X-Amz-Request-Id")), HostID: h.Get("X-Amz-Id-2")}
	switch d.s.protocol {
	case protocolJSON, protocolRestJSON:
		var said struct {
			Type     string `json:"__type"`
			Code     string `json:"code"`
			Message  string `json:"message"`
			Message2 string `json:"Message"`
		}
		_ = json.Unmarshal(body, &said) // a body that says nothing leaves the header
		f.Code, f.Message = cmp.Or(h.Get("X-Amzn-Errortype"), said.Type, said.Code), cmp.Or(said.Message, said.Message2)
	default:
		root, err := parseXML(body)
		if err != nil {
			break
		}
		f.RequestID, f.HostID = cmp.Or(root.textOf("RequestId"), root.textOf("RequestID"), f.RequestID), cmp.Or(root.textOf("HostId"), f.HostID)
		e := root
		if all := root.child("Errors"); all != nil { // EC2's
			e = all
		}
		if inner := e.child("Error"); inner != nil {
			e = inner
		}
		f.Code, f.Message = e.textOf("Code"), cmp.Or(e.textOf("Message"), e.textOf("message"))
	}
	if o.HTTP.Method == http.MethodHead && status == http.StatusNotFound && f.Code == "" { // it has no body to say more
		f.Code = "NoSuchBucket"
		if strings.Contains(o.HTTP.RequestURI, "{Key") {
			f.Code = "NoSuchKey"
		}
	}
	f.Code, _, _ = strings.Cut(f.Code, ":")
	if _, bare, ok := cutLast(f.Code, "#"); ok {
		f.Code = bare
	}
	f.Exception = d.s.exception(f.Code)
	if code, _, ok := strings.Cut(h.Get("X-Amzn-Query-Error"), ";"); ok && d.s.Metadata.AWSQueryCompatible != nil {
		f.Code = code
	}
	return f
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}
