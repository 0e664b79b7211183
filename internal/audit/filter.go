package audit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// JSON shows the members of an object that may be shown. Of what is not a JSON
// object nothing is shown.
func (t *Trail) JSON(object []byte) Shown {
	if len(object) == 0 {
		return nil
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(object)
	f := filter{data: t.Data, out: make([]byte, 0, min(len(object), outUsual))}
	if d.Next() != jx.Object || f.copy(d, 0) != nil {
		return nil
	}
	return f.out
}

// outUsual is how many bytes what is shown of an object usually has.
const outUsual = 384

type filter struct {
	data bool
	out  []byte
}

// depthMax is how deep values may lie in each other.
const depthMax = 16

var errTooDeep = errors.New("values lie too deep in each other")

func (f *filter) copy(d *jx.Decoder, depth int) error {
	if depth > depthMax {
		return errTooDeep
	}
	switch d.Next() {
	case jx.Object:
		f.out = append(f.out, '{')
		empty := true
		err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
			as, listed := members[string(key)]
			if !listed {
				return d.Skip()
			}
			if !empty {
				f.out = append(f.out, ',')
			}
			empty = false
			f.out = append(f.out, '"')
			f.out = append(f.out, key...) // listed names need no escapes
			f.out = append(f.out, '"', ':')
			if as.hides(f.data) {
				f.out = append(f.out, `"`+hidden+`"`...)
				return d.Skip()
			}
			return f.copy(d, depth+1)
		})
		f.out = append(f.out, '}')
		return err
	case jx.Array:
		f.out = append(f.out, '[')
		empty := true
		err := d.Arr(func(d *jx.Decoder) error {
			if !empty {
				f.out = append(f.out, ',')
			}
			empty = false
			return f.copy(d, depth+1)
		})
		f.out = append(f.out, ']')
		return err
	default:
		raw, err := d.Raw()
		if !utf8.Valid(raw) {
			raw = bytes.ToValidUTF8(raw, []byte("\ufffd"))
		}
		f.out = append(f.out, raw...)
		return err
	}
}

// Form shows the parameters of a call in the query protocol that may be shown:
// Tags.member.1.Key=a becomes {"tags":[{"key":"a"}]}.
func (t *Trail) Form(parameters map[string]string) Shown {
	var root node
	for name, value := range parameters {
		if name != "Action" && name != "Version" {
			root.put(strings.SplitN(name, ".", depthMax+2), value)
		}
	}
	return root.shown(t.Data)
}

// XML shows the elements of an answer in the query protocol that may be shown:
// <User><Path>/</Path></User> becomes {"user":{"path":"/"}}.
func (t *Trail) XML(elements []byte) Shown {
	d := xml.NewDecoder(bytes.NewReader(elements))
	var root node
	path := []*node{&root}
	for {
		token, err := d.Token()
		if err != nil {
			if err != io.EOF || len(path) != 1 {
				return nil
			}
			return root.shown(t.Data)
		}
		top := path[len(path)-1]
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) > depthMax {
				return nil
			}
			name := token.Name.Local
			if name == "member" {
				name = strconv.Itoa(len(top.below) + 1)
				top.list = true
			}
			path = append(path, top.child(name))
		case xml.CharData:
			top.text += string(token)
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

// node is a value of a call in the query protocol: a text, or what is below it.
type node struct {
	text  string
	below map[string]*node
	list  bool // below are the elements of a list, by their numbers
}

func (n *node) child(name string) *node {
	c := n.below[name]
	if c == nil {
		if n.below == nil {
			n.below = map[string]*node{}
		}
		c = &node{}
		n.below[name] = c
	}
	return c
}

// put sets the value of a parameter with so many parts in its name.
func (n *node) put(name []string, value string) {
	if len(name) > depthMax {
		return
	}
	for _, part := range name {
		if part == "member" {
			n.list = true
			continue
		}
		n = n.child(part)
	}
	n.text = value
}

func (n *node) shown(data bool) Shown {
	if n.below == nil {
		return nil
	}
	var e jx.Encoder
	n.write(&e, data)
	return e.Bytes()
}

func (n *node) write(e *jx.Encoder, data bool) {
	switch {
	case n.list:
		e.ArrStart()
		for _, number := range slices.SortedFunc(maps.Keys(n.below), byNumber) {
			n.below[number].write(e, data)
		}
		e.ArrEnd()
	case n.below != nil:
		e.ObjStart()
		for _, name := range slices.Sorted(maps.Keys(n.below)) {
			member := lowerFirst(name)
			as, listed := members[member]
			if !listed {
				continue
			}
			e.FieldStart(member)
			if as.hides(data) {
				e.Str(hidden)
			} else {
				n.below[name].write(e, data)
			}
		}
		e.ObjEnd()
	default:
		e.Str(strings.ToValidUTF8(n.text, "\ufffd"))
	}
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[size:]
}
