package dir

import (
	"strings"
	"unicode/utf8"
)

// Names of files are the segments of keys, as they are wherever that can be. What a file
// can't be called is escaped by what begins with a percent sign:
//
//	%2E     a byte: control characters, what is not UTF-8, the percent sign itself, and
//	        the dots of the names . and ..
//	%-      a segment without a byte
//	%+      ends a name that is too long: the segment goes on in the folder of that name
//	%f      ends the name of an object in whose place a folder is
//	%heddle a folder of the store's own
//
// A key has one path, a path at most one key; a file of another name is no object.
const (
	emptySegment = "%-"
	goesOn       = "%+"
	moved        = "%f"
	own          = "%heddle"
)

// nameMax is how long a name is at most, without what may end it. File systems take 255
// bytes.
const nameMax = 240

const hexDigits = "0123456789ABCDEF"

// escape gives the path of a key.
func escape(key string) string {
	var path strings.Builder
	for i, segment := range strings.Split(key, "/") {
		if i > 0 {
			path.WriteByte('/')
		}
		escapeSegment(&path, segment)
	}
	return path.String()
}

func escapeSegment(path *strings.Builder, segment string) {
	if segment == "" {
		path.WriteString(emptySegment)
		return
	}
	length := 0 // of the name so far
	for segment != "" {
		if length == 0 && (segment == "." || segment == "..") {
			path.WriteString(strings.Repeat("%2E", len(segment)))
			return
		}
		_, n := utf8.DecodeRuneInString(segment)
		piece := segment[:n]
		segment = segment[n:]
		if mustEscape(piece) {
			piece = string([]byte{'%', hexDigits[piece[0]>>4], hexDigits[piece[0]&15]})
		}
		if length+len(piece) > nameMax {
			path.WriteString(goesOn + "/")
			length = 0
			if rest := piece + segment; rest == "." || rest == ".." {
				path.WriteString(strings.Repeat("%2E", len(rest)))
				return
			}
		}
		path.WriteString(piece)
		length += len(piece)
	}
}

// mustEscape tells it of a character, or of a byte that is none.
func mustEscape(piece string) bool {
	b := piece[0]
	return len(piece) == 1 && (b < ' ' || b == '%' || b >= 0x7f)
}

// unescape gives the key of a path, if it is that of one. The end of a moved object's
// name must be off.
func unescape(path string) (key string, ok bool) {
	var b strings.Builder
	names := strings.Split(path, "/")
	for i, name := range names {
		text, on := unescapeName(name)
		b.WriteString(text)
		if !on && i < len(names)-1 {
			b.WriteByte('/')
		}
	}
	key = b.String()
	return key, escape(key) == path
}

// unescapeName gives what a name says; on: its segment goes on in the next one. Of a name
// that says nothing it gives anything.
func unescapeName(name string) (text string, on bool) {
	if name == emptySegment {
		return "", false
	}
	name, on = strings.CutSuffix(name, goesOn)
	if !strings.Contains(name, "%") {
		return name, on
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if high, low := strings.IndexByte(hexDigits, name[i+1]), strings.IndexByte(hexDigits, name[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		b.WriteByte(c)
	}
	return b.String(), on
}
