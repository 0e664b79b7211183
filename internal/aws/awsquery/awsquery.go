// Package awsquery is the AWS query protocol on HTTP: calls come as forms, in the
// body of a POST or in the query of a GET, and answers go as XML. It knows no
// service.
package awsquery

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"heddle/internal/aws/fault"
)

// Params are the parameters of a call.
type Params struct {
	values url.Values
	names  []string // of all, sorted
	prefix string   // of a member's own parameters
	depth  int      // of the structure that they are of
}

// ParamsOf are the parameters of a form.
func ParamsOf(values url.Values) Params {
	return Params{values: values, names: slices.Sorted(maps.Keys(values))}
}

func parse(r *http.Request, body []byte) (Params, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil && r.Method == http.MethodPost {
		var form url.Values
		form, err = url.ParseQuery(string(body))
		for name, v := range form {
			values[name] = v
		}
	}
	if err != nil {
		return Params{}, fault.Of(fault.Serialization, "The query string contains a syntax error")
	}
	return ParamsOf(values), nil
}

// Lookup gives a parameter and whether it is there.
func (p Params) Lookup(name string) (string, bool) {
	v := p.values[p.prefix+name]
	if len(v) == 0 {
		return "", false
	}
	return v[0], true
}

// Get gives a parameter; empty if it is not there.
func (p Params) Get(name string) string {
	v, _ := p.Lookup(name)
	return v
}

// Optional gives a parameter; nil if it is not there.
func (p Params) Optional(name string) *string {
	if v, ok := p.Lookup(name); ok {
		return &v
	}
	return nil
}

// List gives the members of a list of texts: name.member.1 and so on.
func (p Params) List(name string) []string {
	var all []string
	for {
		v, ok := p.Lookup(memberOf(name, len(all)))
		if !ok {
			return all
		}
		all = append(all, v)
	}
}

// Members gives the members of a list of structures, each with its own
// parameters. Fields are those by which a member is known to be there.
func (p Params) Members(name string, fields ...string) []Params {
	var all []Params
	for {
		m := Params{values: p.values, names: p.names, prefix: p.prefix + memberOf(name, len(all)) + "."}
		there := false
		for _, field := range fields {
			_, ok := m.Lookup(field)
			there = there || ok
		}
		if !there {
			return all
		}
		all = append(all, m)
	}
}

func memberOf(name string, index int) string { return name + ".member." + strconv.Itoa(index+1) }

// Map gives all parameters as they came, of those with several values the first.
func (p Params) Map() map[string]string {
	all := map[string]string{}
	for name := range p.values {
		all[name] = p.Get(name)
	}
	return all
}
