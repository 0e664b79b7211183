package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// node is a value of a JSON document, with members in the document's order.
// Names that occur twice are refused: readers would disagree on which counts.
type node struct {
	path    string // where it stands, such as Statement[0].Action
	kind    nodeKind
	text    string   // of a string, number or boolean
	members []member // of an object
	items   []node   // of a list

	from, end int // where its text begins in the document, with what parts it from others, and ends
}

type nodeKind uint8

const (
	stringNode nodeKind = iota
	scalarNode          // a number or a boolean
	nullNode
	objectNode
	listNode
)

type member struct {
	name  string
	value node
}

// Bounds of documents.
const (
	documentBytesMax = 128 << 10
	documentDepthMax = 16
)

// readDocument reads a whole document.
func readDocument(b []byte) (*node, error) {
	if len(b) > documentBytesMax {
		return nil, malformed(syntaxErrors, "", fmt.Sprintf("the document has more than %d bytes", documentBytesMax))
	}
	var n node
	var flaw *MalformedError
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err := n.read(d, 0)
	if errors.As(err, &flaw) {
		return nil, flaw
	}
	if err == nil && !json.Valid(b) { // something follows
		err = errors.New("something follows the document")
	}
	if err != nil {
		why := err.Error()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			why = "the document ends too early"
		}
		return nil, malformed(syntaxErrors, "", fmt.Sprintf("%s at byte %d", why, d.InputOffset()))
	}
	return &n, nil
}

func (n *node) read(d *json.Decoder, depth int) error {
	if depth > documentDepthMax {
		return malformed(syntaxErrors, n.path, "is nested too deeply")
	}
	n.from = int(d.InputOffset())
	token, err := d.Token()
	if err != nil {
		return err
	}
	n.end = int(d.InputOffset())
	switch t := token.(type) {
	case string:
		n.kind, n.text = stringNode, t
	case json.Number:
		n.kind, n.text = scalarNode, t.String()
	case bool:
		n.kind, n.text = scalarNode, strconv.FormatBool(t)
	case nil:
		n.kind = nullNode
	case json.Delim:
		if t == '{' {
			return n.readObject(d, depth)
		}
		return n.readList(d, depth)
	}
	return nil
}

func (n *node) readObject(d *json.Decoder, depth int) error {
	n.kind = objectNode
	names := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		m := member{name: token.(string)}
		if names[m.name] {
			return malformed(syntaxErrors, n.path, fmt.Sprintf("has %q twice", m.name))
		}
		names[m.name] = true
		m.value.path = n.path + "." + m.name
		if n.path == "" {
			m.value.path = m.name
		}
		if err := m.value.read(d, depth+1); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
	_, err := d.Token() // }
	return err
}

func (n *node) readList(d *json.Decoder, depth int) error {
	n.kind = listNode
	for d.More() {
		item := node{path: n.path + "[" + strconv.Itoa(len(n.items)) + "]"}
		if err := item.read(d, depth+1); err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token() // ]
	return err
}

// each gives the items of a list; what is no list is its own only item.
func (n *node) each() []node {
	if n.kind == listNode {
		return n.items
	}
	return []node{*n}
}

// strings gives a string or a list of them.
func (n *node) strings() ([]string, error) {
	var all []string
	for _, item := range n.each() {
		if item.kind != stringNode {
			return nil, malformed(syntaxErrors, item.path, "is not a string")
		}
		all = append(all, item.text)
	}
	return all, nil
}
