package sigv4

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// appendCanonical appends the canonical request up to the hash of the body. It is
// not complete if the request lacks a header that was signed.
func (s *Signature) appendCanonical(b []byte) (_ []byte, complete bool) {
	b = append(append(b, s.request.Method...), '\n')
	b = append(appendPath(b, wirePath(s.request)), '\n')
	b = append(appendQuery(b, s.query), '\n')
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		b = append(append(b, name...), ':')
		if name == "host" {
			b = appendFolded(b, s.request.Host)
		} else {
			var buffer [64]byte
			values := s.request.Header[string(appendHeaderKey(buffer[:0], name))]
			if len(values) == 0 {
				return b, false
			}
			for i, value := range values {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendFolded(b, value)
			}
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(append(b, s.signedHeaders...), '\n'), true
}

// wirePath is the path as the request line has it.
func wirePath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	return r.URL.EscapedPath() // the request line had a whole URL
}

// appendPath appends the path without dots and without empty segments. What the
// sender had escaped is escaped once more, as AWS wants it (but for S3).
func appendPath(b []byte, path string) []byte {
	start := len(b)
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			b = b[:max(start, start+bytes.LastIndexByte(b[start:], '/'))]
		default:
			b = appendEscaped(append(b, '/'), segment)
		}
	}
	if len(b) == start || strings.HasSuffix(path, "/") {
		b = append(b, '/')
	}
	return b
}

// pair is a name and a value of a query, not escaped.
type pair struct{ name, value string }

// parseQuery understands a query as url.ParseQuery does, and refuses what that
// would leave out: a part that is signed in one reading must not be absent in
// another.
func parseQuery(raw string) ([]pair, bool) {
	if raw == "" {
		return nil, true
	}
	if strings.Contains(raw, ";") {
		return nil, false
	}
	var all []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, false
		}
		all = append(all, pair{name, value})
	}
	return all, true
}

// appendQuery appends the pairs in the order of their escaped names and values.
func appendQuery(b []byte, query []pair) []byte {
	if len(query) == 0 {
		return b
	}
	escaped := make([]pair, len(query))
	for i, p := range query {
		escaped[i] = pair{string(appendEscaped(nil, p.name)), string(appendEscaped(nil, p.value))}
	}
	slices.SortFunc(escaped, func(x, y pair) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range escaped {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}
	return b
}

func appendEscaped(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// appendFolded appends a header's value without space at its ends, and with one
// space wherever there is more.
func appendFolded(b []byte, value string) []byte {
	start := len(b)
	space := false
	for i := range len(value) {
		switch c := value[i]; c {
		case ' ', '\t', '\v', '\f', '\r', '\n':
			space = true
		default:
			if space && len(b) > start {
				b = append(b, ' ')
			}
			space = false
			b = append(b, c)
		}
	}
	return b
}

// appendHeaderKey appends the key under which http.Header has a lower-case name.
func appendHeaderKey(b []byte, name string) []byte {
	first := true
	for i := range len(name) {
		c := name[i]
		if first && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		first = c == '-'
		b = append(b, c)
	}
	return b
}
