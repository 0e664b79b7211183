package restjson

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// patterns are routes that get into each other's way.
var patterns = []string{
	"GET /v1/sets", "POST /v1/sets", "GET /v1/sets/{SetId}", "DELETE /v1/sets/{SetId}", "GET /v1/sets/all",
	"GET /v1/sets/{SetId}/files/{Name+}", "POST /v1/sets/{SetId}/files/latest", "PUT /tags/{Arn}", "GET /v1/sets/{SetId}/files/latest/of",
}

func routed() *Protocol {
	p := New()
	for _, uri := range patterns {
		var method, path string
		fmt.Sscan(uri, &method, &path)
		p.Mount(&operation.Mounted{Operation: operation.Operation{Name: uri, Method: method, URI: path}})
	}
	return p
}

func TestRoutes(t *testing.T) {
	p := routed()
	for request, want := range map[string]string{
		"GET /v1/sets":                      "GET /v1/sets []",
		"POST /v1/sets":                     "POST /v1/sets []",
		"GET /v1/sets/a1":                   "GET /v1/sets/{SetId} [{SetId a1}]",
		"GET /v1/sets/all":                  "GET /v1/sets/all []",
		"DELETE /v1/sets/all":               "DELETE /v1/sets/{SetId} [{SetId all}]",
		"GET /v1/sets/a%2Fb":                "GET /v1/sets/{SetId} [{SetId a/b}]",
		"GET /v1/sets/a%252Fb":              "GET /v1/sets/{SetId} [{SetId a%2Fb}]",
		"GET /v1/sets/a/files/x/y%20z":      "GET /v1/sets/{SetId}/files/{Name+} [{SetId a} {Name x/y z}]",
		"GET /v1/sets/a/files/latest":       "GET /v1/sets/{SetId}/files/{Name+} [{SetId a} {Name latest}]",
		"GET /v1/sets/a/files/latest/of":    "GET /v1/sets/{SetId}/files/latest/of [{SetId a}]",
		"GET /v1/sets/a/files/latest/of/it": "GET /v1/sets/{SetId}/files/{Name+} [{SetId a} {Name latest/of/it}]",
		"POST /v1/sets/a/files/latest":      "POST /v1/sets/{SetId}/files/latest [{SetId a}]",
		"PUT /tags/arn:aws:x:::y%2Fz":       "PUT /tags/{Arn} [{Arn arn:aws:x:::y/z}]",

		"PATCH /v1/sets":          "another method",
		"POST /v1/sets/a/files/b": "another method",
		"GET /v1/sets/":           "nothing",
		"GET /v1//sets":           "nothing",
		"GET /v1/sets/a/files/":   "another method", // by others it might be
		"GET /v1":                 "nothing",
		"GET /":                   "nothing",
		"GET /v2/sets":            "nothing",
		"GET /v1%2Fsets":          "nothing",
		"GET /v1/sets/a/other":    "nothing",
		"GET /v1/sets/../v1/sets": "nothing",
	} {
		var method, path string
		fmt.Sscan(request, &method, &path)
		m, labels, known := p.routes.find(method, path)
		got := "nothing"
		switch {
		case m != nil:
			got = fmt.Sprint(m.Name, " ", labels)
		case known:
			got = "another method"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}

func TestTwoRowsOfARoute(t *testing.T) {
	p := New()
	m := &operation.Mounted{Operation: operation.Operation{Method: "GET", URI: "/a/{B}"}}
	p.Mount(m)
	defer func() {
		if recover() == nil {
			t.Error("two rows that nobody could tell apart")
		}
	}()
	other := &operation.Mounted{Operation: operation.Operation{Method: "GET", URI: "/a/{Other}"}}
	p.Mount(other)
}

func TestFaults(t *testing.T) {
	for _, kind := range fault.Kinds() {
		f := fault.Of(kind, "m")
		New().Spell(f)
		if f.Code == "" || f.Status < 400 {
			t.Errorf("%s: %+v", kind, f)
		}
	}
	w := httptest.NewRecorder()
	c := &operation.Call{RequestID: "id", Model: &operation.Model{MessageMember: "Message"}}
	err := New().WriteFault(w, c, &fault.Fault{Code: "ServiceLimitExceededException", Status: 402, Message: `<">`, Members: fault.Members{{Name: "LimitName", Value: "n"}, {Name: "LimitValue", Value: 3}}})
	if got := fmt.Sprint(w.Code, " ", w.Header()["X-Amzn-Errortype"][0], " ", w.Body); err != nil || got != `402 ServiceLimitExceededException {"Message":"<\">","LimitName":"n","LimitValue":3}` {
		t.Errorf("%s, %v", got, err)
	}
}

// FuzzRoutes compares with another way to find a route: all that match, of which the one goes
// first that is exact for longest.
func FuzzRoutes(f *testing.F) {
	for _, path := range []string{"/v1/sets", "/v1/sets/a%2Fb", "/v1/sets/a/files/x/y%20z", "/v1/sets/all/files/latest/of", "/tags/%", "/v1/sets//files/", "//", ""} {
		f.Add("GET", path)
		f.Add("PUT", path)
	}
	p := routed()
	f.Fuzz(func(t *testing.T, method, path string) {
		m, labels, _ := p.routes.find(method, path)
		best, want, ranks := "", []Label(nil), []int(nil)
		for _, pattern := range patterns {
			found, rank, ok := naively(pattern, method, path)
			if ok && (best == "" || slices.Compare(rank, ranks) < 0) {
				best, want, ranks = pattern, found, rank
			}
		}
		got := ""
		if m != nil {
			got = m.Name
		}
		if got != best || !slices.Equal(labels, want) {
			t.Errorf("%s %q: %q %q, want %q %q", method, path, got, labels, best, want)
		}
	})
}

// naively matches one pattern. The rank of each part is 0 if it is the pattern's own, 1 if it is
// a label, and 2 if a label takes it and the rest.
func naively(pattern, method, path string) (labels []Label, rank []int, ok bool) {
	verb, pattern, _ := strings.Cut(pattern, " ")
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return nil, nil, false
		}
		parts[i] = decoded
	}
	steps := strings.Split(pattern[1:], "/")
	for i, step := range steps {
		if i >= len(parts) || verb != method {
			return nil, nil, false
		}
		name := strings.Trim(step, "{}")
		switch {
		case strings.HasSuffix(name, "+"):
			return append(labels, Label{strings.TrimSuffix(name, "+"), strings.Join(parts[i:], "/")}), append(rank, 2), parts[i] != ""
		case name != step && parts[i] != "":
			labels, rank = append(labels, Label{name, parts[i]}), append(rank, 1)
		case step == parts[i]:
			rank = append(rank, 0)
		default:
			return nil, nil, false
		}
	}
	return labels, rank, len(parts) == len(steps)
}
