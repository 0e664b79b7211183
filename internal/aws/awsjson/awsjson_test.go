package awsjson

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// serve is a handler of two services, of the two versions, whose operations answer with
// what answer gives.
func serve(answer func() ([]byte, error)) *operation.Handler {
	h := operation.New(operation.Config{
		Authenticator: operation.Anyone{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Random: func() [16]byte { return [16]byte{} },
	}, New())
	op := func(name string) operation.Operation {
		return operation.Operation{
			Name: name, Protocol: Name, Options: operation.Apply(nil),
			Decode:  func(c *operation.Call) (any, error) { return c.Operation.API.Service + " " + name, nil },
			Subject: func(context.Context, any) (operation.Subject, error) { return operation.Free{}, nil },
			Handle: func(_ context.Context, in any) (any, error) {
				b, err := answer()
				return append([]byte(in.(string)), b...), err
			},
			Encode: func(out any, a *operation.Answer) { a.Body = append(a.Body, out.([]byte)...) },
		}
	}
	h.Mount(&operation.API{
		Service: "swf", Model: operation.Model{TargetPrefix: "SimpleWorkflowService"},
		Operations: []operation.Operation{op("PollForDecisionTask"), op("Same")},
	})
	h.Mount(&operation.API{
		Service: "states", Model: operation.Model{TargetPrefix: "AWSStepFunctions", JSONVersion: "1.1"},
		Operations: []operation.Operation{op("CreateActivity"), op("Same")},
	})
	return h
}

func call(h http.Handler, method, target, contentType string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFind(t *testing.T) {
	h := serve(func() ([]byte, error) { return nil, nil })
	for _, c := range []struct{ method, target, operation, fault string }{
		{"POST", "SimpleWorkflowService.PollForDecisionTask", "swf PollForDecisionTask", ""},
		{"POST", "com.amazonaws.swf.service.model.SimpleWorkflowService.PollForDecisionTask", "swf PollForDecisionTask", ""},
		{"POST", "AWSStepFunctions.CreateActivity", "states CreateActivity", ""},
		{"POST", "SimpleWorkflowService.Same", "swf Same", ""},
		{"POST", "AWSStepFunctions.Same", "states Same", ""},
		{"POST", "AWSStepFunctions.PollForDecisionTask", "", "Unknown operation: AWSStepFunctions.PollForDecisionTask"},
		{"POST", "com.example.AWSStepFunctions.Steal", "", "Unknown operation: AWSStepFunctions.Steal"},
		{"POST", "", "", "The header X-Amz-Target is missing"},
		{"POST", "PollForDecisionTask", "", "Unknown operation: PollForDecisionTask"},
		{"POST", "SimpleWorkflowService.", "", "Unknown operation: SimpleWorkflowService."},
		{"PUT", "SimpleWorkflowService.PollForDecisionTask", "", "Operations are called by POST"},
		{"PUT", "SimpleWorkflowService.X", "", "Operations are called by POST"},
	} {
		w := call(h, c.method, c.target, "")
		status, want := 200, c.operation
		if c.fault != "" {
			status, want = 400, `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"`+c.fault+`"}`
		}
		if c.method != "POST" {
			status = 404
		}
		if w.Code != status || w.Body.String() != want {
			t.Errorf("%s %q: got %d %s, want %d %s", c.method, c.target, w.Code, w.Body, status, want)
		}
	}
}

func TestClaims(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if New().Claims(r) {
		t.Error("a request without a target is in this protocol")
	}
	r.Header.Set("X-Amz-Target", "x")
	if !New().Claims(r) {
		t.Error("a request with a target is not in this protocol")
	}
}

func TestContentType(t *testing.T) {
	failing := serve(func() ([]byte, error) { return nil, fault.Throttled() })
	for _, c := range []struct{ target, sent, want string }{
		{"SimpleWorkflowService.Same", "", "application/x-amz-json-1.0"},
		{"SimpleWorkflowService.Same", "application/x-amz-json-1.0", "application/x-amz-json-1.0"},
		{"SimpleWorkflowService.Same", "application/x-amz-json-1.1", "application/x-amz-json-1.0"},
		{"SimpleWorkflowService.Same", "application/json", "application/json"},
		{"AWSStepFunctions.Same", "application/x-amz-json-1.1", "application/x-amz-json-1.1"},
		{"AWSStepFunctions.Same", "application/json; charset=UTF-8", "application/json"},
		{"Nobody.Same", "application/x-amz-json-1.1", "application/x-amz-json-1.0"},
	} {
		for _, h := range []*operation.Handler{serve(func() ([]byte, error) { return nil, nil }), failing} {
			w := call(h, "POST", c.target, c.sent)
			if got := w.Header().Get("Content-Type"); got != c.want {
				t.Errorf("%s sent as %q: got %d as %q", c.target, c.sent, w.Code, got)
			}
		}
	}
}

func TestFault(t *testing.T) {
	for _, c := range []struct {
		fault  *fault.Fault
		status int
		query  string // the header
		body   string
	}{
		{&fault.Fault{Code: "base#UnknownResourceFault", Message: "Unknown domain: d"}, 400, "UnknownResourceFault;Sender", `{"__type":"base#UnknownResourceFault","message":"Unknown domain: d"}`},
		{&fault.Fault{Code: "x#F", Status: 409}, 409, "F;Sender", `{"__type":"x#F"}`},
		{&fault.Fault{Code: "x#F", Status: 503, Message: "\"<&>\"\n\x01é\xff"}, 503, "F;Receiver", `{"__type":"x#F","message":"\"<&>\"\n\u0001é` + `\ufffd"}`},
		{
			&fault.Fault{Code: "ResourceNotFound", Message: "m", Members: fault.Members{{Name: "resourceName", Value: `a"b`}, {Name: "reason", Value: ""}}},
			400, "ResourceNotFound;Sender", `{"__type":"ResourceNotFound","message":"m","resourceName":"a\"b","reason":""}`,
		},
		{&fault.Fault{Code: "F", Members: fault.Members{{Name: "reason", Value: "r"}}}, 400, "F;Sender", `{"__type":"F","reason":"r"}`},
		{fault.Throttled(), 400, "ThrottlingException;Sender", `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}`},
		{fault.Of(fault.Internal, ""), 500, "InternalFailure;Receiver", `{"__type":"com.amazon.coral.service#InternalFailure"}`},
		{fault.Of(fault.TooLarge, ""), 413, "RequestEntityTooLargeException;Sender", `{"__type":"com.amazon.coral.service#RequestEntityTooLargeException"}`},
	} {
		w := call(serve(func() ([]byte, error) { return nil, c.fault }), "POST", "SimpleWorkflowService.Same", "")
		if got := map[string][]string(w.Header())["x-amzn-query-error"]; w.Code != c.status || len(got) != 1 || got[0] != c.query || w.Body.String() != c.body {
			t.Errorf("%v: got %d %v %s", c.fault, w.Code, got, w.Body)
		}
	}
}

func TestFaultHeaders(t *testing.T) {
	f := &fault.Fault{Code: "F", Header: http.Header{"X-Next": {"monday"}}}
	if w := call(serve(func() ([]byte, error) { return nil, f }), "POST", "AWSStepFunctions.Same", ""); w.Header().Get("X-Next") != "monday" {
		t.Errorf("got %v", w.Header())
	}
}

// Values of two headers share their memory: to append to one changes no other.
func TestHeadersAreTheirOwn(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/", nil)
	if err := Write(w, r, "id", "1.0", 200, []byte(strings.Repeat("x", 120))); err != nil {
		t.Fatal(err)
	}
	h := map[string][]string(w.Header()) // the names are not in Go's form
	h["x-amzn-RequestId"] = append(h["x-amzn-RequestId"], "another")
	if got := h["Content-Length"]; len(got) != 1 || got[0] != "120" || h["x-amzn-RequestId"][0] != "id" {
		t.Errorf("got %v", h)
	}
}

func TestWriteTellsTheConnectionsError(t *testing.T) {
	c := &operation.Call{Request: httptest.NewRequest("POST", "/", nil), RequestID: "id"}
	p := New()
	for name, err := range map[string]error{
		"answer": p.WriteAnswer(broken{httptest.NewRecorder()}, c, &operation.Answer{Body: []byte("{}")}),
		"fault":  p.WriteFault(broken{httptest.NewRecorder()}, c, &fault.Fault{Code: "F"}),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

var errBroken = errors.New("broken")

type broken struct{ http.ResponseWriter }

func (broken) Write([]byte) (int, error) { return 0, errBroken }
