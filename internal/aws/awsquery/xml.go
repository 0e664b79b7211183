package awsquery

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"time"
)

// XML is an answer being written.
type XML struct {
	b     bytes.Buffer
	empty bool
}

// Empty has the result stand in the answer even if nothing is in it.
func (x *XML) Empty() { x.empty = true }

// String is what was written.
func (x *XML) String() string { return x.b.String() }

// Element writes an element around what body writes.
func (x *XML) Element(name string, body func()) {
	x.b.WriteString("<" + name + ">")
	body()
	x.b.WriteString("</" + name + ">")
}

// Open writes the beginning of an element, Close its end.
func (x *XML) Open(name string) { x.b.WriteString("<" + name + ">") }

// Close writes the end of an element.
func (x *XML) Close(name string) { x.b.WriteString("</" + name + ">") }

// Text writes an element with text in it.
func (x *XML) Text(name, value string) {
	x.b.WriteString("<" + name + ">")
	_ = xml.EscapeText(&x.b, []byte(value)) // a bytes.Buffer takes everything
	x.b.WriteString("</" + name + ">")
}

// TextIf writes nothing if the value is empty.
func (x *XML) TextIf(name, value string) {
	if value != "" {
		x.Text(name, value)
	}
}

// Int writes an element with a number in it.
func (x *XML) Int(name string, value int) { x.Text(name, strconv.Itoa(value)) }

// Bool writes an element with a truth value in it.
func (x *XML) Bool(name string, value bool) { x.Text(name, strconv.FormatBool(value)) }

// Time writes an element with a time in it, to the second.
func (x *XML) Time(name string, value time.Time) {
	x.Text(name, value.UTC().Format("2006-01-02T15:04:05Z"))
}

// List writes the members of a list, each by what each writes of it.
func List[T any](x *XML, name string, items []T, each func(T)) {
	x.Element(name, func() {
		for _, item := range items {
			x.Element("member", func() { each(item) })
		}
	})
}

// ListWithin is List of as many items as most bytes have room for, but of one at least.
// It tells how many.
func ListWithin[T any](x *XML, most int, name string, items []T, each func(T)) (n int) {
	x.Element(name, func() {
		begin := x.b.Len()
		for ; n < len(items); n++ {
			end := x.b.Len()
			x.Element("member", func() { each(items[n]) })
			if n > 0 && x.b.Len()-begin > most {
				x.b.Truncate(end)
				return
			}
		}
	})
	return n
}

// Texts writes a list of texts.
func (x *XML) Texts(name string, values []string) {
	x.Element(name, func() {
		for _, v := range values {
			x.Text("member", v)
		}
	})
}
