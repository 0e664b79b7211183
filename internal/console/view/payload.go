package view

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
)

func iso(t engine.Time) string {
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z")
}

const (
	// payloadMax is how much of a payload stands in a page, in bytes; of more it is told where
	// it is.
	payloadMax = 32 << 10
	// nodesMax is of how many nodes a tree has at most.
	nodesMax = 2000
	treeMax  = 30 // how deep it is
	openTree = 2  // how deep it is unfolded at first
)

// Given is what users gave: a tree if it is JSON with something in it, else text.
type Given struct {
	Name string
	Text string
	Tree *Node
	Href string // all of it, as text
	Size string
	Long bool // it does not stand in the page
}

// Node is a value of JSON.
type Node struct {
	Key      string // of a member, or the place in a list
	Kind     string // object, list, string, number, word
	Text     string // the value; of objects and lists how many they have
	Children []*Node
	Unfolded bool
}

// payload is one of an event; href is where all of it is, and without one it stands in the page
// whatever its size.
func payload(name, of, href string) *Given {
	p := &Given{Name: name, Href: href, Size: size(len(of))}
	if len(of) > payloadMax && href != "" {
		p.Long = true
		p.Text = diagnose.Short(of, 200)
		return p
	}
	p.Text = of
	if trimmed := strings.TrimSpace(of); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		left := nodesMax
		if tree, err := node(jx.DecodeStr(trimmed), "", 0, &left); err == nil && len(tree.Children) > 0 && jx.Valid([]byte(trimmed)) {
			p.Tree = tree
		}
	}
	return p
}

var errTree = fmt.Errorf("view: more than %d nodes, or deeper than %d", nodesMax, treeMax)

func node(d *jx.Decoder, key string, depth int, left *int) (*Node, error) {
	if *left--; *left < 0 || depth > treeMax {
		return nil, errTree
	}
	n := &Node{Key: key, Unfolded: depth < openTree}
	var err error
	switch d.Next() {
	case jx.Object:
		n.Kind = "object"
		err = d.Obj(func(d *jx.Decoder, key string) error {
			child, err := node(d, key, depth+1, left)
			n.Children = append(n.Children, child)
			return err
		})
		n.Text = plural(len(n.Children), "member", "members")
	case jx.Array:
		n.Kind = "list"
		err = d.Arr(func(d *jx.Decoder) error {
			child, err := node(d, fmt.Sprint(len(n.Children)), depth+1, left)
			n.Children = append(n.Children, child)
			return err
		})
		n.Text = plural(len(n.Children), "element", "elements")
	case jx.String:
		n.Kind = "string"
		n.Text, err = d.Str()
	default:
		n.Kind = "word"
		if d.Next() == jx.Number {
			n.Kind = "number"
		}
		var raw jx.Raw
		raw, err = d.Raw()
		n.Text = string(raw)
	}
	return n, err
}

// Payload is what users gave, which stands in the page.
func Payload(name, of string) *Given { return payload(name, of, "") }

// PayloadAt is what users gave; it stands in the page unless it is large, and is also somewhere
// else as text.
func PayloadAt(name, of, href string) *Given { return payload(name, of, href) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// size says how large something is.
func size(bytes int) string {
	if bytes < 1024 {
		return plural(bytes, "byte", "bytes")
	}
	return fmt.Sprintf("%.1f KiB", float64(bytes)/1024)
}

// beginning is what a row shows of a payload: one line of so many characters.
func beginning(s string, most int) string {
	cut := s
	if len(cut) > most*utf8.UTFMax {
		cut = cut[:most*utf8.UTFMax]
	}
	runes := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(cut, "")), " "))
	if len(runes) > most || len(cut) < len(s) {
		return string(runes[:min(most, len(runes))]) + "…"
	}
	return string(runes)
}
