package audit

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// Show shows of an object, in JSON, the members that may be shown. Of what is not a JSON
// object nothing is shown. Data: free-form data of users is shown.
//
// What is shown is bounded, by less for refusals, and no member can push another out: if
// all of it is too much, long texts are cut, and lists end early.
func (m Members) Show(object []byte, kind Kind, data bool) Shown {
	if len(object) == 0 {
		return nil
	}
	f := filter{members: m, data: data, out: make([]byte, 0, min(len(object), outUsual))}
	ok, most := f.object(object), shownMaxOf(kind)
	for f.textMax = most / 128; ok && len(f.out) > most && f.textMax > 0; f.textMax /= 4 {
		f.listsEnd, f.out = most/4, f.out[:0]
		ok = f.object(object)
	}
	if !ok {
		return nil
	}
	return f.out
}

// outUsual is how many bytes what is shown of an object usually has.
const outUsual = 384

type filter struct {
	members Members
	data    bool
	out     []byte
	// What is cut once all of it was too much: bytes of a text, and of all that is shown
	// before a list ends. What stands in no list is shown whatever came before it: there is
	// no more of that than a service has members. Zero: nothing is cut.
	textMax, listsEnd int
}

// depthMax is how deep values may lie in each other.
const depthMax = 16

var errTooDeep = errors.New("values lie too deep in each other")

func (f *filter) object(object []byte) bool {
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(object)
	return d.Next() == jx.Object && f.copy(d, 0) == nil
}

func (f *filter) copy(d *jx.Decoder, depth int) error {
	if depth > depthMax {
		return errTooDeep
	}
	switch kind := d.Next(); {
	case kind == jx.Object:
		return f.copyObject(d, depth)
	case kind == jx.Array:
		return f.copyArray(d, depth)
	case kind == jx.String && f.listsEnd > 0:
		text, err := d.Str()
		f.cut(text)
		return err
	}
	raw, err := d.Raw()
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\ufffd"))
	}
	f.out = append(f.out, raw...)
	return err
}

func (f *filter) copyObject(d *jx.Decoder, depth int) error {
	f.out = append(f.out, '{')
	empty := true
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if len(key) > 0 && 'A' <= key[0] && key[0] <= 'Z' {
			var room [64]byte
			key = append(room[:0], key...)
			key[0] += 'a' - 'A'
		}
		as := f.members[string(key)]
		if as == unshown {
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
		if as == named && d.Next() == jx.Object {
			return f.copyMap(d, depth+1)
		}
		return f.copy(d, depth+1)
	})
	f.out = append(f.out, '}')
	return err
}

// copyMap shows a map with whatever names are in it.
func (f *filter) copyMap(d *jx.Decoder, depth int) error {
	f.out = append(f.out, '{')
	empty, left := true, 0
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if f.listsEnd > 0 && len(f.out) > f.listsEnd {
			left++
			return d.Skip()
		}
		if !empty {
			f.out = append(f.out, ',')
		}
		empty = false
		if f.listsEnd > 0 {
			f.cut(string(key))
		} else {
			f.text(strings.ToValidUTF8(string(key), "\ufffd"))
		}
		f.out = append(f.out, ':')
		return f.copy(d, depth+1)
	})
	if left > 0 {
		if !empty {
			f.out = append(f.out, ',')
		}
		f.out = fmt.Appendf(f.out, `"(and %d more)":""`, left)
	}
	f.out = append(f.out, '}')
	return err
}

func (f *filter) copyArray(d *jx.Decoder, depth int) error {
	f.out = append(f.out, '[')
	empty, left := true, 0
	err := d.Arr(func(d *jx.Decoder) error {
		if f.listsEnd > 0 && len(f.out) > f.listsEnd {
			left++
			return d.Skip()
		}
		if !empty {
			f.out = append(f.out, ',')
		}
		empty = false
		return f.copy(d, depth+1)
	})
	if left > 0 {
		if !empty {
			f.out = append(f.out, ',')
		}
		f.out = fmt.Appendf(f.out, `"(and %d more)"`, left)
	}
	f.out = append(f.out, ']')
	return err
}

// cut shows the beginning of a text that is too long.
func (f *filter) cut(text string) {
	text = strings.ToValidUTF8(text, "\ufffd")
	if end := f.textMax; len(text) > end {
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + " (and " + strconv.Itoa(len(text)-end) + " more)"
	}
	f.text(text)
}

func (f *filter) text(text string) {
	e := jx.Writer{Buf: f.out}
	e.Str(text)
	f.out = e.Buf
}

func lowerFirst(s string) string {
	if s != "" && 'A' <= s[0] && s[0] <= 'Z' {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}
