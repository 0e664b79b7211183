package restjson

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// QueryValue gives a value of the query string, and whether it is there.
func (r *Request) QueryValue(name string) (string, bool) {
	values := r.Query[name]
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

// signing are the parts of a signature in a query string, which are no values.
var signing = []string{
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token",
}

// QueryMap gives the first value of each name in the query string that no other member
// has; nil if there is none.
func (r *Request) QueryMap(others ...string) (map[string]string, error) {
	lists, err := r.QueryMapOfLists(others...)
	if lists == nil {
		return nil, err
	}
	m := make(map[string]string, len(lists))
	for name, values := range lists {
		m[name] = values[0]
	}
	return m, nil
}

// QueryMapOfLists gives all values of each name in the query string that no other member
// has; nil if there is none.
func (r *Request) QueryMapOfLists(others ...string) (map[string][]string, error) {
	var m map[string][]string
	for name, values := range r.Query {
		if len(values) == 0 || slices.Contains(others, name) || slices.Contains(signing, name) {
			continue
		}
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return nil, errors.New("the query string is not valid UTF-8")
		}
		if m == nil {
			m = map[string][]string{}
		}
		m[name] = values
	}
	return m, nil
}

// HeaderValue gives a header, and whether it is there.
func (r *Request) HeaderValue(name string) (string, bool) {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", false
	}
	return strings.Join(values, ","), true
}

// HeaderList gives the values of a header that is a list; nil if it is not there. Values
// are parted by commas; one with a comma in it stands between quotes.
func (r *Request) HeaderList(name string) []string {
	var list []string
	for _, line := range r.Header.Values(name) {
		for line != "" {
			var value string
			if value, line = cutValue(strings.TrimLeft(line, " \t")); value != "" || line != "" {
				list = append(list, value)
			}
		}
	}
	return list
}

// cutValue takes the first value off a line.
func cutValue(line string) (value, rest string) {
	if !strings.HasPrefix(line, `"`) {
		value, rest, _ = strings.Cut(line, ",")
		return strings.TrimRight(value, " \t"), rest
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '"':
			_, rest, _ = strings.Cut(line[i+1:], ",")
			return b.String(), rest
		case '\\':
			if i++; i == len(line) {
				return b.String(), ""
			}
		}
		b.WriteByte(line[i])
	}
	return b.String(), ""
}

// HeaderMap gives the headers whose names begin with the prefix, by the rest of their
// names in small letters; nil if there is none.
func (r *Request) HeaderMap(prefix string) (map[string]string, error) {
	var m map[string]string
	prefix = strings.ToLower(prefix)
	for name, values := range r.Header {
		rest, ok := strings.CutPrefix(strings.ToLower(name), prefix)
		if !ok || rest == "" || len(values) == 0 {
			continue
		}
		value := strings.Join(values, ",")
		if !utf8.ValidString(value) {
			return nil, fmt.Errorf("the header %s is not valid UTF-8", name)
		}
		if m == nil {
			m = map[string]string{}
		}
		m[rest] = value
	}
	return m, nil
}

// SetHeader sets a header of an answer.
func SetHeader(a *Answer, name, value string) {
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
}

// AddHeader adds a value to a header of an answer that is a list.
func AddHeader(a *Answer, name, value string) {
	if strings.ContainsAny(value, `,"`) {
		value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	if before := a.Header.Get(name); before != "" {
		value = before + ", " + value
	}
	SetHeader(a, name, value)
}
