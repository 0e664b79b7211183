package awsquery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// harness is a handler with an API of a few actions.
type harness struct {
	*operation.Handler
	log     bytes.Buffer
	answers []string // as the auditor hears of them
}

// Authenticate implements operation.Authenticator.
func (h *harness) Authenticate(r *http.Request, _ []string, _ operation.Body) (operation.Caller, error) {
	switch who := r.Header.Get("Who"); who {
	case "":
		return operation.Caller{}, fault.Of(fault.Unsigned, "Who are you?")
	case "broken":
		return operation.Caller{}, errors.New("the store is away")
	default:
		return operation.Caller{Account: who}, nil
	}
}

// in is an input that was generated, as far as the row knows.
type in struct{ Name string }

func (i *in) DecodeQuery(p Params) error {
	if i.Name = p.Get("Name"); i.Name == "unread" {
		return errors.New("no name")
	}
	return nil
}

func (i *in) Validate() error {
	if i.Name == "" {
		return errors.New("a name is missing")
	}
	return nil
}

type out struct{ in }

func (o *out) AppendXML(x *XML) { x.Text("Name", o.Name) }

func newHarness() *harness {
	h := &harness{}
	h.Handler = operation.New(operation.Config{
		Authenticator: h,
		Log:           slog.New(slog.NewTextHandler(&h.log, nil)),
		Random:        func() [16]byte { return [16]byte{1} },
		Now:           time.Now,
		Audit: func(a *operation.Answered) {
			line := a.Operation.API.Service + ":" + a.Operation.Name + " " + a.RequestID
			if p, ok := a.Input.(Params); ok {
				line += " " + p.Map()["Name"]
			}
			if a.Fault != nil {
				line += " " + a.Fault.Code
			}
			h.answers = append(h.answers, line)
		},
	}, New())
	h.Mount(&operation.API{
		Service: "shop", Model: operation.Model{Version: "2020-02-02", Namespace: "https://shop/"},
		Operations: []operation.Operation{
			Raw("Echo", func(ctx context.Context, p Params, x *XML) error {
				x.Text("Who", operation.CallerOf(ctx).Account)
				x.Element("Echo", func() {
					x.TextIf("None", "")
					x.Text("Name", p.Get("Name"))
					x.Int("Count", len(p.List("Name")))
					x.Bool("Given", p.Optional("Name") != nil)
					x.Time("At", time.Date(2020, 2, 2, 12, 0, 0, 999, time.FixedZone("", 3600)))
				})
				List(x, "Tags", p.Members("Tags", "Key", "Value"), func(m Params) {
					x.Text("Key", m.Get("Key"))
					x.Texts("Values", m.List("Values"))
				})
				return nil
			}, free),
			Raw("Nothing", func(context.Context, Params, *XML) error { return nil }, free),
			Raw("Empty", func(_ context.Context, _ Params, x *XML) error { x.Empty(); return nil }, free),
			Raw("Refuse", func(_ context.Context, _ Params, x *XML) error {
				x.Text("Half", "done")
				return &fault.Fault{Code: "NoSuchThing", Status: 404, Message: "<none>"}
			}, free),
			Raw("Fail", func(context.Context, Params, *XML) error { return errors.New("inner detail") }, free),
			Raw("Panic", func(context.Context, Params, *XML) error { panic("inner panic") }, free),
			Operation("Typed", func(_ context.Context, i *in) (*out, error) { return &out{*i}, nil }, freeTyped),
			WithoutOutput("Silent", func(context.Context, *in) error { return nil }, freeTyped),
		},
	})
	return h
}

func free(context.Context, Params) (operation.Subject, error)   { return operation.Free{}, nil }
func freeTyped(context.Context, *in) (operation.Subject, error) { return operation.Free{}, nil }

func (h *harness) call(r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var ids []string
	for name, values := range w.Header() { // the name is not in Go's form
		if strings.EqualFold(name, "x-amzn-RequestId") {
			ids = append(ids, values...)
		}
	}
	if !slices.Equal(ids, []string{requestID}) || w.Header().Get("Content-Type") != "text/xml" {
		return 0, fmt.Sprint(w.Header())
	}
	return w.Code, w.Body.String()
}

const requestID = "01000000-0000-4000-8000-000000000000"

func post(form string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("Who", "ann")
	return r
}

func failure(namespace, blame, code, message string) string {
	return `<ErrorResponse xmlns="` + namespace + `"><Error><Type>` + blame + `</Type><Code>` + code + `</Code><Message>` + message +
		`</Message></Error><RequestId>` + requestID + "</RequestId></ErrorResponse>\n"
}

func success(action, result string) string {
	return `<` + action + `Response xmlns="https://shop/">` + result + `<ResponseMetadata><RequestId>` + requestID +
		`</RequestId></ResponseMetadata></` + action + "Response>\n"
}

func TestExchanges(t *testing.T) {
	echoed := func(name, count, given, tags string) string {
		return success("Echo", "<EchoResult><Who>ann</Who><Echo><Name>"+name+"</Name><Count>"+count+"</Count><Given>"+given+
			"</Given><At>2020-02-02T11:00:00Z</At></Echo><Tags>"+tags+"</Tags></EchoResult>")
	}
	const version = "&Version=2020-02-02"
	const internal = "The request processing has failed because of an internal error."
	anonymous := post("Action=Nothing" + version)
	anonymous.Header.Del("Who")
	broken := post("Action=Nothing" + version)
	broken.Header.Set("Who", "broken")
	get := httptest.NewRequest("GET", "/?Version=2020-02-02&Action=Echo&Name=a", nil)
	get.Header.Set("Who", "ann")
	both := post("Name=body&Action=Echo" + version)
	both.URL.RawQuery = "Name=query"
	noForm := post("%zz")
	for name, test := range map[string]struct {
		request *http.Request
		status  int
		body    string
	}{
		"text":      {post("Action=Echo&Name=" + url.QueryEscape("<&>\"'\x01ä") + version), 200, echoed("&lt;&amp;&gt;&#34;&#39;\uFFFDä", "0", "true", "")},
		"missing":   {post("Action=Echo" + version), 200, echoed("", "0", "false", "")},
		"list":      {post("Action=Echo&Name.member.2=b&Name.member.1=a&Name.member.4=d" + version), 200, echoed("", "2", "false", "")},
		"members":   {post("Action=Echo&Tags.member.1.Key=k&Tags.member.1.Values.member.1=v&Tags.member.2.Value=only&Tags.member.4.Key=lost" + version), 200, echoed("", "0", "false", "<member><Key>k</Key><Values><member>v</member></Values></member><member><Key></Key><Values></Values></member>")},
		"get":       {get, 200, echoed("a", "0", "true", "")},
		"body wins": {both, 200, echoed("body", "0", "true", "")},
		"nothing":   {post("Action=Nothing" + version), 200, success("Nothing", "")},
		"empty":     {post("Action=Empty" + version), 200, success("Empty", "<EmptyResult></EmptyResult>")},
		"refused":   {post("Action=Refuse" + version), 404, failure("https://shop/", "Sender", "NoSuchThing", "&lt;none&gt;")},
		"typed":     {post("Action=Typed&Name=%3Ca" + version), 200, success("Typed", "<TypedResult><Name>&lt;a</Name></TypedResult>")},
		"silent":    {post("Action=Silent&Name=a" + version), 200, success("Silent", "")},
		"invalid":   {post("Action=Typed" + version), 400, failure("https://shop/", "Sender", "ValidationError", "a name is missing")},
		"unread":    {post("Action=Typed&Name=unread" + version), 400, failure("https://shop/", "Sender", "MalformedQueryString", "no name")},
		"failed":    {post("Action=Fail" + version), 500, failure("https://shop/", "Receiver", "InternalFailure", internal)},
		"panic":     {post("Action=Panic" + version), 500, failure("https://shop/", "Receiver", "InternalFailure", internal)},
		"anonymous": {anonymous, 403, failure("https://shop/", "Sender", "MissingAuthenticationToken", "Who are you?")},
		"broken":    {broken, 500, failure("https://shop/", "Receiver", "InternalFailure", internal)},
		"no action": {post("Version=2020-02-02"), 400, failure("https://shop/", "Sender", "MissingAction", "The request is missing an action")},
		"unknown":   {post("Action=Steal" + version), 400, failure("https://shop/", "Sender", "InvalidAction", "Could not find operation Steal for version 2020-02-02")},
		"version":   {post("Action=Echo&Version=1"), 400, failure(faultNamespace, "Sender", "InvalidAction", "Could not find operation Echo for version 1")},
		"long":      {post("Action=" + strings.Repeat("x", 5000)), 400, failure(faultNamespace, "Sender", "InvalidAction", "Could not find operation "+strings.Repeat("x", 128)+" for version ")},
		"no form":   {noForm, 400, failure(faultNamespace, "Sender", "MalformedQueryString", "The query string contains a syntax error")},
		"large":     {post("Action=Echo&Name=" + strings.Repeat("x", BodyMax)), 413, failure(faultNamespace, "Sender", "RequestEntityTooLarge", "The request is too large")},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness()
			status, body := h.call(test.request)
			if status != test.status || body != test.body {
				t.Errorf("got %d\n%s\nwant %d\n%s", status, body, test.status, test.body)
			}
			if logged := h.log.Len() > 0; logged != (test.status == 500) {
				t.Errorf("log: %s", h.log.String())
			}
		})
	}
}

func TestFailuresAreLoggedUnderTheirRequest(t *testing.T) {
	for action, want := range map[string]string{"Fail": "inner detail", "Panic": "inner panic"} {
		h := newHarness()
		h.call(post("Version=2020-02-02&Action=" + action))
		if logged := h.log.String(); !strings.Contains(logged, want) || !strings.Contains(logged, requestID) {
			t.Errorf("log of %s: %s", action, logged)
		}
		// An operation that does not wait comes to its end, and fails, also for a caller
		// that has gone.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h = newHarness()
		h.call(post("Version=2020-02-02&Action=" + action).WithContext(ctx))
		if !strings.Contains(h.log.String(), want) {
			t.Errorf("log of one that had gone: %s", h.log.String())
		}
	}
}

func TestAudit(t *testing.T) {
	h := newHarness()
	for _, action := range []string{"Nothing", "Refuse", "Steal"} {
		h.call(post("Version=2020-02-02&Name=n&Action=" + action))
	}
	want := []string{"shop:Nothing " + requestID + " n", "shop:Refuse " + requestID + " n NoSuchThing"}
	if !slices.Equal(h.answers, want) {
		t.Errorf("heard of %q, want %q", h.answers, want)
	}
}

func TestEveryKindIsSpelled(t *testing.T) {
	for _, kind := range fault.Kinds() {
		f := fault.Of(kind, "m")
		New().Spell(f)
		if f.Code == "" || f.Message == "" {
			t.Errorf("%s: %+v", kind, f)
		}
	}
}

func TestClaims(t *testing.T) {
	request := func(method, target, contentType, amzTarget string) *http.Request {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Content-Type", contentType)
		if amzTarget != "" {
			r.Header.Set("X-Amz-Target", amzTarget)
		}
		return r
	}
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		request *http.Request
		want    bool
	}{
		{request("POST", "/", form, ""), true},
		{request("POST", "/", form+"; charset=utf-8", ""), true},
		{request("POST", "/", form, "SimpleWorkflowService.ListDomains"), false},
		{request("POST", "/", "application/x-amz-json-1.0", ""), false},
		{request("GET", "/?Action=X", "", ""), true},
		{request("GET", "/?Version=1&Action=X", "", ""), true},
		{request("GET", "/?NoAction=X", "", ""), false},
		{request("PUT", "/?Action=X", form, ""), false},
	} {
		if got := New().Claims(test.request); got != test.want {
			t.Errorf("%s %s %v: %v", test.request.Method, test.request.URL, test.request.Header, got)
		}
	}
}

func TestTwoAPIsOfAVersion(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two APIs that nobody could tell apart")
		}
	}()
	p := New()
	for _, namespace := range []string{"a", "b"} {
		p.Mount(&operation.Mounted{Operation: Raw("X", nil, free), API: &operation.API{Model: operation.Model{Version: "1", Namespace: namespace}}})
	}
}
