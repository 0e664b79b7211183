package awsquery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// house is a handler with an API of a few actions.
type house struct {
	*operation.Handler
	log  bytes.Buffer
	told []string
}

// door lets in who says a name.
type door struct{}

func (door) Recognise(r *http.Request, _ []string) (operation.Sender, error) {
	switch who := r.Header.Get("Who"); who {
	case "":
		return nil, fault.Of(fault.Unsigned, "Who are you?")
	case "broken":
		return nil, errors.New("the store is away")
	default:
		return operation.Believe(operation.Caller{Account: "1", Identity: who}), nil
	}
}

// echo is Echo with a typed input and output.
type echo struct {
	Who, Name string
	Given     bool
	Count     int
	Tags      []tag
}

type tag struct {
	Key    string
	Values []string
}

func (e *echo) DecodeQuery(p Params) error {
	e.Name, e.Given = p.Lookup("Name")
	names, _ := p.Elements("Name", ".member")
	e.Count = len(names)
	if e.Name == "unread" {
		return errors.New("nobody can read this")
	}
	tags, _ := p.Elements("Tags", ".member")
	for _, name := range tags {
		m, _ := p.Structure(name)
		t := tag{Key: m.Get("Key")}
		values, _ := m.Elements("Values", ".member")
		for _, v := range values {
			t.Values = append(t.Values, m.Get(v))
		}
		e.Tags = append(e.Tags, t)
	}
	return nil
}

func (e *echo) Validate() error {
	if e.Name == "invalid" {
		return errors.New("nobody wants this")
	}
	return nil
}

func (e *echo) AppendXML(x *XML) {
	x.Text("Who", e.Who)
	x.Element("Echo", func() {
		x.Text("Name", e.Name)
		x.Text("Count", strconv.Itoa(e.Count))
		x.Text("Given", strconv.FormatBool(e.Given))
	})
	x.Open("Tags")
	for _, m := range e.Tags {
		x.Open("member")
		x.Text("Key", m.Key)
		x.Element("Values", func() {
			for _, v := range m.Values {
				x.Text("member", v)
			}
		})
		x.Close("member")
	}
	x.Close("Tags")
}

// nothing is an output without elements.
type nothing struct{}

func (*nothing) AppendXML(*XML) {}

func aboutNothing[In any](context.Context, In) (operation.Subject, error) {
	return operation.Free{}, nil
}

// silent is a row without an output, which ends as does says.
func silent(name string, does func() error) operation.Operation {
	return WithoutOutput(name, func(context.Context, *echo) error { return does() }, aboutNothing[*echo])
}

func (h *house) tell(a *operation.Answered) {
	line := a.Operation.API.Service + ":" + a.Operation.Name + " " + a.RequestID
	if in, ok := a.Input.(*echo); ok {
		line += " " + in.Name
	}
	if a.Fault != nil {
		line += " " + a.Fault.Code
	}
	h.told = append(h.told, line)
}

func newHouse() *house {
	h := &house{}
	h.Handler = operation.New(operation.Config{
		Authenticator: door{},
		Log:           slog.New(slog.NewTextHandler(&h.log, nil)),
		Random:        func() [16]byte { return [16]byte{1} },
		Now:           time.Now,
		Observe:       func(a *operation.Answered, _ time.Duration) { h.tell(a) },
	}, New(), awsjson.New())
	h.Mount(&operation.API{
		Service: "shop", Model: operation.Model{Version: "2020-02-02", Namespace: "https://shop/"},
		Operations: []operation.Operation{
			Operation("Echo", func(ctx context.Context, e *echo) (*echo, error) {
				if e.Name == "nothing" {
					return nil, nil
				}
				e.Who = operation.CallerOf(ctx).Identity.(string)
				return e, nil
			}, aboutNothing[*echo]),
			WithoutOutput("Done", func(context.Context, *echo) error { return nil }, aboutNothing[*echo]),
			Operation("Small", func(_ context.Context, e *echo) (*echo, error) { return e, nil }, aboutNothing[*echo], operation.WithBodyMax(100)),
			silent("Nothing", func() error { return nil }),
			Operation("Empty", func(context.Context, *echo) (*nothing, error) { return &nothing{}, nil }, aboutNothing[*echo]),
			silent("Refuse", func() error { return &fault.Fault{Code: "NoSuchThing", Status: 404, Message: "<none>"} }),
			silent("Explain", func() error {
				return &fault.Fault{Code: "TooLong", Message: "m", Members: fault.Members{{Name: "Most", Value: "<7>"}, {Name: "Given", Value: "8"}}}
			}),
			silent("Fail", func() error { return errors.New("inner detail") }),
			silent("Panic", func() error { panic("inner panic") }),
		},
	})
	return h
}

func (h *house) call(r *http.Request) (int, string) {
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
			"</Given></Echo><Tags>"+tags+"</Tags></EchoResult>")
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
		"unread":    {post("Action=Echo&Name=unread" + version), 400, failure("https://shop/", "Sender", "MalformedInput", "nobody can read this")},
		"invalid":   {post("Action=Echo&Name=invalid" + version), 400, failure("https://shop/", "Sender", "ValidationError", "nobody wants this")},
		"no output": {post("Action=Echo&Name=nothing" + version), 500, failure("https://shop/", "Receiver", "InternalFailure", internal)},
		"done":      {post("Action=Done" + version), 200, success("Done", "")},
		"small":     {post("Action=Small&Name=" + strings.Repeat("x", 100) + version), 413, failure("https://shop/", "Sender", "RequestEntityTooLarge", "The request is too large")},
		"get":       {get, 200, echoed("a", "0", "true", "")},
		"body wins": {both, 200, echoed("body", "0", "true", "")},
		"nothing":   {post("Action=Nothing" + version), 200, success("Nothing", "")},
		"empty":     {post("Action=Empty" + version), 200, success("Empty", "<EmptyResult></EmptyResult>")},
		"refused":   {post("Action=Refuse" + version), 404, failure("https://shop/", "Sender", "NoSuchThing", "&lt;none&gt;")},
		"explained": {post("Action=Explain" + version), 400, strings.Replace(failure("https://shop/", "Sender", "TooLong", "m"), "</Error>", "<Most>&lt;7&gt;</Most><Given>8</Given></Error>", 1)},
		"failed":    {post("Action=Fail" + version), 500, failure("https://shop/", "Receiver", "InternalFailure", internal)},
		"panic":     {post("Action=Panic" + version), 500, failure("https://shop/", "Receiver", "InternalFailure", internal)},
		// Nobody's body is read, so nobody knows which API is meant.
		"anonymous": {anonymous, 403, failure(faultNamespace, "Sender", "MissingAuthenticationToken", "Who are you?")},
		"broken":    {broken, 500, failure(faultNamespace, "Receiver", "InternalFailure", internal)},
		"no action": {post("Version=2020-02-02"), 400, failure("https://shop/", "Sender", "MissingAction", "The request is missing an action")},
		"unknown":   {post("Action=Steal" + version), 400, failure("https://shop/", "Sender", "InvalidAction", "Could not find operation Steal for version 2020-02-02")},
		"version":   {post("Action=Echo&Version=1"), 400, failure(faultNamespace, "Sender", "InvalidAction", "Could not find operation Echo for version 1")},
		"long":      {post("Action=" + strings.Repeat("x", 5000)), 400, failure(faultNamespace, "Sender", "InvalidAction", "Could not find operation "+strings.Repeat("x", 128)+" for version ")},
		"no form":   {noForm, 400, failure(faultNamespace, "Sender", "MalformedQueryString", "The query string contains a syntax error")},
		"large":     {post("Action=Echo&Name=" + strings.Repeat("x", BodyMax)), 413, failure(faultNamespace, "Sender", "RequestEntityTooLarge", "The request is too large")},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
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
	gone, leave := context.WithCancel(context.Background())
	leave()
	for action, want := range map[string]string{"Fail": "inner detail", "Panic": "inner panic"} {
		// What was begun goes on to its end, so it is news of one who had gone, too.
		for _, ctx := range []context.Context{context.Background(), gone} {
			h := newHouse()
			h.call(post("Version=2020-02-02&Action=" + action).WithContext(ctx))
			if logged := h.log.String(); !strings.Contains(logged, want) || !strings.Contains(logged, requestID) {
				t.Errorf("log of %s: %s", action, logged)
			}
		}
	}
	h := newHouse()
	broken := post("Version=2020-02-02&Action=Nothing").WithContext(gone)
	broken.Header.Set("Who", "broken")
	if status, _ := h.call(broken); status != 500 || h.log.Len() > 0 {
		t.Errorf("log of one who had gone before anything began: %s", h.log.String())
	}
}

func TestObserve(t *testing.T) {
	h := newHouse()
	for _, action := range []string{"Nothing", "Refuse", "Steal", "Echo", "Done"} {
		h.call(post("Version=2020-02-02&Name=n&Action=" + action))
	}
	h.call(post("Version=2020-02-02&Name=invalid&Action=Echo")) // nothing of it was decoded
	want := []string{
		"shop:Nothing " + requestID + " n", "shop:Refuse " + requestID + " n NoSuchThing",
		"shop:Echo " + requestID + " n", "shop:Done " + requestID + " n", "shop:Echo " + requestID + " ValidationError",
	}
	if !slices.Equal(h.told, want) {
		t.Errorf("told %q, want %q", h.told, want)
	}
}

// What is in the other protocol goes there.
func TestOtherProtocol(t *testing.T) {
	r := post("Action=Nothing&Version=2020-02-02")
	r.Header.Set("X-Amz-Target", "Shop.Nothing")
	w := httptest.NewRecorder()
	newHouse().ServeHTTP(w, r)
	if want := `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"Unknown operation: Shop.Nothing"}`; w.Body.String() != want {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestWhatIsTooLargeClosesTheConnection(t *testing.T) {
	w := httptest.NewRecorder()
	newHouse().ServeHTTP(w, post("Action=Echo&Name="+strings.Repeat("x", BodyMax)))
	if w.Code != 413 || w.Header().Get("Connection") != "close" {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
}

func TestFaultHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	f := &fault.Fault{Code: "F", Header: http.Header{"X-Next": {"monday"}}}
	if err := New().WriteFault(w, &operation.Call{Request: post("")}, f); err != nil || w.Header().Get("X-Next") != "monday" {
		t.Errorf("got %v, %v", w.Header(), err)
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

func TestMountRefuses(t *testing.T) {
	nothing := silent("Nothing", func() error { return nil })
	for want, other := range map[string]operation.Model{
		`awsquery: two APIs of version "1"`:               {Version: "1", Namespace: "https://another/"},
		`awsquery: two rows for "Nothing" of version "1"`: {Version: "1", Namespace: "https://shop/"},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v, want %s", got, want)
				}
			}()
			h := operation.New(operation.Config{}, New())
			for _, model := range []operation.Model{{Version: "1", Namespace: "https://shop/"}, other} {
				h.Mount(&operation.API{Model: model, Operations: []operation.Operation{nothing}})
			}
		}()
	}
}
