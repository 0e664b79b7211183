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

	"heddle/compat/heddle"
)

// ledger sends the requests of SDK clients, and looks at each answer as bytes:
// what holds for all answers it checks itself, and which operation answered how
// it keeps.
type ledger struct {
	t     *testing.T
	model map[string]operation
	mu    sync.Mutex
	done  map[string]*outcomes
}

// operation is what the model says of one.
type operation struct {
	hasOutput bool
	faults    []string
}

// outcomes are how the calls of one operation went.
type outcomes struct {
	successes int
	faults    map[string]string // one message by bare name
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, model: readModel(t), done: map[string]*outcomes{}}
}

// readModel reads which operations the service has.
func readModel(t *testing.T) map[string]operation {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "internal", "swf", "wire", "model.json"))
	if err != nil {
		t.Fatal(err)
	}
	var model struct {
		Operations map[string]struct {
			Output *struct{}
			Errors []struct{ Shape string }
		}
	}
	if err := json.Unmarshal(b, &model); err != nil {
		t.Fatal(err)
	}
	operations := map[string]operation{}
	for name, o := range model.Operations {
		known := operation{hasOutput: o.Output != nil}
		for _, e := range o.Errors {
			known.faults = append(known.faults, e.Shape)
		}
		operations[name] = known
	}
	return operations
}

// Do implements the SDK's HTTP client.
func (l *ledger) Do(r *http.Request) (*http.Response, error) {
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
	l.note(strings.TrimPrefix(r.Header.Get("X-Amz-Target"), heddle.Target), &heddle.Answer{Status: response.StatusCode, Header: response.Header, Body: body})
	return response, nil
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
	fault, message, flaws := l.inspect(name, a)
	for _, f := range flaws {
		l.t.Errorf("%s: %s\n%d %v\n%.300s", name, f, a.Status, a.Header, a.Body)
	}
	if fault == "" {
		o.successes++
	} else {
		o.faults[fault] = message
	}
}

// Namespaces of faults: those of the model, and of all services.
const (
	modelNamespace  = "com.amazonaws.swf.base.model"
	commonNamespace = "com.amazon.coral."
)

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
	case namespace == modelNamespace:
		flaw(!slices.Contains(op.faults, fault), "the model does not declare the fault")
	case strings.HasPrefix(namespace, commonNamespace):
		flaw(slices.Contains(op.faults, fault), "a fault of the model has the namespace of common ones")
	default:
		flaw(true, "unknown namespace")
	}
	return fault, message, flaws
}

// verify expects that every operation of the model succeeded and failed in a way
// that the model declares, and prints the table of it.
func (l *ledger) verify(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name := range l.model {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) != 39 {
		t.Errorf("the model has %d operations, want 39", len(names))
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
		// Of ListDomains the model declares only OperationNotPermittedFault, which
		// comes from access policies.
		if !declared && !(name == "ListDomains" && slices.Contains(faults, "ValidationException")) {
			t.Errorf("%s never gave a declared fault; it gave %v", name, faults)
		}
	}
	t.Logf("\n%s", &table)
}
