package awsquery

import (
	"bytes"
	"encoding/xml"
)

// XML is an answer being written.
type XML struct{ b bytes.Buffer }

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

// Len is how many bytes were written.
func (x *XML) Len() int { return x.b.Len() }
