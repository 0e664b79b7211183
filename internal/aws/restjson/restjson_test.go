package restjson

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

func TestRoutes(t *testing.T) {
	p := New()
	for _, uri := range []string{
		"GET /v1/sets", "POST /v1/sets", "GET /v1/sets/{SetId}", "DELETE /v1/sets/{SetId}", "GET /v1/sets/all",
		"GET /v1/sets/{SetId}/files/{Name+}", "POST /v1/sets/{SetId}/files/latest", "PUT /tags/{Arn}", "GET /v1/sets/{SetId}/files/latest/of",
	} {
		var method, path string
		fmt.Sscan(uri, &method, &path)
		p.Mount(&operation.Mounted{Operation: operation.Operation{Name: uri, Method: method, URI: path}})
	}
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
