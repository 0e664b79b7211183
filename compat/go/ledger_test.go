package sdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/compat/heddle"
)

// ledger sends the requests of SDK clients, and looks at each answer as bytes:
// what holds for all answers it checks itself, and which operation answered how
// it keeps.
type ledger struct {
	t       *testing.T
	service service
	model   map[string]operation
	mu      sync.Mutex
	done    map[string]*outcomes
}

// operation is what the model says of one.
type operation struct {
	hasOutput   bool
	faults      []string
	method, uri string // how it is called, in REST
	status      int    // of a success
}

// outcomes are how the calls of one operation went.
type outcomes struct {
	successes int
	faults    map[string]string // one message by bare name
}

// service is what a ledger must know of a service beside its model.
type service struct {
	heddle.Service
	model      string   // folder of wire/model.json, below internal
	namespace  string   // of the model's faults
	notServed  []string // what the model has and the server has not yet, or refuses always
	undeclared []string // that fail in no declared way but by access policies
	rest       bool     // a method and a path name an operation
}

var (
	amazonSWF = service{
		Service: heddle.SWF, model: "swf", namespace: "com.amazonaws.swf.base.model",
		undeclared: []string{"ListDomains"}, // only OperationNotPermittedFault is declared
	}
	stepFunctions = service{
		Service: heddle.StepFunctions, model: "sfn", namespace: "com.amazonaws.swf.service.v2.model",
	}
	dataExchange = service{
		Service: heddle.Service{SigningName: "dataexchange"}, model: "dataexchange", rest: true,
		notServed:  []string{"SendApiAsset", "SendDataSetNotification"},             // refused always
		undeclared: []string{"ListTagsForResource", "TagResource", "UntagResource"}, // the model declares nothing
	}
)

func newLedger(t *testing.T, of service) *ledger {
	return &ledger{t: t, service: of, model: readModel(t, of), done: map[string]*outcomes{}}
}

// readModel reads which operations the service has.
func readModel(t *testing.T, of service) map[string]operation {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "internal", of.model, "wire", "model.json"))
	if err != nil {
		t.Fatal(err)
	}
	var model struct {
		Operations map[string]struct {
			Output *struct{}
			Errors []struct{ Shape string }
			HTTP   struct {
				Method, RequestURI string
				ResponseCode       int
			}
		}
	}
	if err := json.Unmarshal(b, &model); err != nil {
		t.Fatal(err)
	}
	operations := map[string]operation{}
	for name, o := range model.Operations {
		if slices.Contains(of.notServed, name) {
			continue
		}
		known := operation{hasOutput: o.Output != nil, method: o.HTTP.Method, uri: o.HTTP.RequestURI, status: o.HTTP.ResponseCode}
		for _, e := range o.Errors {
			known.faults = append(known.faults, e.Shape)
		}
		operations[name] = known
	}
	return operations
}

// Do implements the SDK's HTTP client. It answers a millisecond late: what a call did and
// what the next one does are then of different milliseconds, which is what lists go by.
func (l *ledger) Do(r *http.Request) (*http.Response, error) {
	defer time.Sleep(time.Millisecond)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	l.note(l.called(r), &heddle.Answer{Status: response.StatusCode, Header: response.Header, Body: body})
	return response, nil
}

// called is the operation that a request calls.
func (l *ledger) called(r *http.Request) string {
	if !l.service.rest {
		return strings.TrimPrefix(r.Header.Get("X-Amz-Target"), l.service.Target)
	}
	path := strings.Split(r.URL.EscapedPath(), "/")
	for name, o := range l.model {
		if o.method == r.Method && slices.EqualFunc(strings.Split(o.uri, "/"), path, func(pattern, part string) bool {
			return pattern == part || strings.HasPrefix(pattern, "{")
		}) {
			return name
		}
	}
	return r.Method + " " + r.URL.Path
}

// note checks an answer and keeps its outcome.
func (l *ledger) note(name string, a *heddle.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.done[name]
	if o == nil {
		o = &outcomes{faults: map[string]string{}}
		l.done[name] = o
	}
	inspect := l.inspect
	if l.service.rest {
		inspect = l.inspectREST
	}
	fault, message, flaws := inspect(name, a)
	for _, f := range flaws {
		l.t.Errorf("%s: %s\n%d %v\n%.300s", name, f, a.Status, a.Header, a.Body)
	}
	if fault == "" {
		o.successes++
	} else {
		o.faults[fault] = message
	}
}

// commonNamespace is that of the faults of all services.
const commonNamespace = "com.amazon.coral."

// inspect tells the fault of an answer, and what is wrong with its form.
func (l *ledger) inspect(name string, a *heddle.Answer) (fault, message string, flaws []string) {
	op, known := l.model[name]
	flaw := func(is bool, text string) {
		if is {
			flaws = append(flaws, text)
		}
	}
	flaw(!known, "no such operation in the model")
	flaw(a.Header.Get("x-amzn-RequestId") == "", "no x-amzn-RequestId")
	flaw(a.Header.Get("Content-Type") != "application/x-amz-json-1.0", "unexpected content type")
	flaw(a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)), "no Content-Length, or a wrong one")
	if a.Status == http.StatusOK {
		flaw(!op.hasOutput && len(a.Body) != 0, "the operation has no output, but the answer has a body")
		flaw(op.hasOutput && len(a.Body) == 0, "the operation has an output, but the answer has no body")
		return "", "", flaws
	}
	flaw(a.Status != http.StatusBadRequest, "faults have status 400")
	kind, message, err := a.Fault()
	flaw(err != nil, fmt.Sprint(err))
	namespace, fault, _ := strings.Cut(kind, "#")
	flaw(a.Header.Get("x-amzn-query-error") != fault+";Sender", "x-amzn-query-error does not name the fault")
	flaw(message == "", "no message")
	switch {
	case namespace == l.service.namespace:
		flaw(!slices.Contains(op.faults, fault), "the model does not declare the fault")
	case strings.HasPrefix(namespace, commonNamespace):
		// ValidationException is both: some operations declare it too.
		flaw(slices.Contains(op.faults, fault) && fault != "ValidationException", "a fault of the model has the namespace of common ones")
	default:
		flaw(true, "unknown namespace")
	}
	return fault, message, flaws
}

// inspectREST does the same for a service of REST.
func (l *ledger) inspectREST(name string, a *heddle.Answer) (fault, message string, flaws []string) {
	op, known := l.model[name]
	flaw := func(is bool, text string) {
		if is {
			flaws = append(flaws, text)
		}
	}
	flaw(!known, "no such operation in the model")
	flaw(a.Header.Get("x-amzn-RequestId") == "", "no x-amzn-RequestId")
	if a.Status < 300 {
		flaw(a.Status != op.status, fmt.Sprintf("the model's status is %d", op.status))
		flaw(!op.hasOutput && len(a.Body) != 0, "the operation has no output, but the answer has a body")
		flaw(op.hasOutput && len(a.Body) == 0, "the operation has an output, but the answer has no body")
		flaw(op.hasOutput && a.Header.Get("Content-Type") != "application/json", "unexpected content type")
		return "", "", flaws
	}
	var body struct{ Message, ResourceID, ResourceType, LimitName *string }
	err := json.Unmarshal(a.Body, &body)
	flaw(err != nil, fmt.Sprint(err))
	fault = a.Header.Get("x-amzn-errortype")
	flaw(fault == "", "no x-amzn-errortype")
	flaw(a.Header.Get("Content-Type") != "application/json", "unexpected content type")
	flaw(body.Message == nil || *body.Message == "", "no Message")
	flaw(a.Status != statuses[fault], fmt.Sprintf("the status of the fault is %d", statuses[fault]))
	flaw(!slices.Contains(op.faults, fault) && !slices.Contains(l.service.undeclared, name), "the model does not declare the fault")
	about := fault == "ResourceNotFoundException" || fault == "ConflictException"
	flaw(about != (body.ResourceID != nil && body.ResourceType != nil), "ResourceId and ResourceType belong to what is not there or in another state")
	flaw((fault == "ServiceLimitExceededException") != (body.LimitName != nil), "LimitName belongs to limits")
	if body.Message != nil {
		message = *body.Message
	}
	return fault, message, flaws
}

// statuses are those of the faults of Data Exchange.
var statuses = map[string]int{
	"ValidationException": 400, "ServiceLimitExceededException": 402, "AccessDeniedException": 403, "ResourceNotFoundException": 404, "ConflictException": 409,
}

// verify expects that the operations of the model, so many, all succeeded and failed
// in a way that the model declares, and prints the table of it.
func (l *ledger) verify(t *testing.T, operations int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name := range l.model {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) != operations {
		t.Errorf("the model has %d operations, want %d", len(names), operations)
	}
	var table strings.Builder
	for _, name := range names {
		o := l.done[name]
		if o == nil {
			t.Errorf("%s was never called", name)
			continue
		}
		var faults []string
		declared := false
		for fault := range o.faults {
			faults = append(faults, fault)
			declared = declared || slices.Contains(l.model[name].faults, fault)
		}
		slices.Sort(faults)
		fmt.Fprintf(&table, "%-32s %3d ok  %s\n", name, o.successes, strings.Join(faults, " "))
		if o.successes == 0 {
			t.Errorf("%s never succeeded", name)
		}
		if !declared && !(slices.Contains(l.service.undeclared, name) && slices.Contains(faults, "ValidationException")) {
			t.Errorf("%s never gave a declared fault; it gave %v", name, faults)
		}
	}
	t.Logf("\n%s", &table)
}
