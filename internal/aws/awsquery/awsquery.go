// Package awsquery is the AWS query protocol on HTTP: calls come as forms, in the
// body of a POST or in the query of a GET, and answers go as XML. It knows no
// service.
package awsquery

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

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
		return Params{}, &fault.Fault{Code: "MalformedQueryString", Message: "The query string contains a syntax error"}
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
