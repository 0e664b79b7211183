package awsjson

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"

	"github.com/go-faster/jx"
)

type nothing struct{}

func (*nothing) Decode(d *jx.Decoder) error { return d.Skip() }
func (*nothing) Validate() error            { return nil }

func none(context.Context, *nothing) error { return nil }

func free(context.Context, *nothing) (operation.Subject, error) { return operation.Free{}, nil }

// mounted is the protocol with two services, in both versions.
func mounted() *Protocol {
	p := New()
	for prefix, m := range map[string]operation.Model{
		"SimpleWorkflowService": {JSONVersion: "1.0"}, "AWSStepFunctions": {JSONVersion: "1.0"}, "TrentService": {JSONVersion: "1.1"},
	} {
		m.TargetPrefix = prefix
		api := &operation.API{Service: prefix, Model: m}
		for _, name := range []string{"PollForDecisionTask", "CreateActivity"} {
			p.Mount(&operation.Mounted{Operation: WithoutOutput(name, none, free), API: api})
		}
	}
	return p
}

func TestFind(t *testing.T) {
	p := mounted()
	for _, c := range []struct{ method, target, prefix, operation, fault string }{
		{"POST", "SimpleWorkflowService.PollForDecisionTask", "SimpleWorkflowService", "PollForDecisionTask", ""},
		{"POST", "com.amazonaws.swf.service.model.SimpleWorkflowService.PollForDecisionTask", "SimpleWorkflowService", "PollForDecisionTask", ""},
		{"POST", "AWSStepFunctions.CreateActivity", "AWSStepFunctions", "CreateActivity", ""},
		{"POST", "", "", "", "unknown operation: The header X-Amz-Target is missing"},
		{"POST", "PollForDecisionTask", "", "", "unknown operation: Unknown operation: PollForDecisionTask"},
		{"POST", "SimpleWorkflowService.", "", "", "unknown operation: Unknown operation: SimpleWorkflowService."},
		{"POST", "SimpleWorkflowService.X", "", "", "unknown operation: Unknown operation: SimpleWorkflowService.X"},
		{"POST", "Other.CreateActivity", "", "", "unknown operation: Unknown operation: Other.CreateActivity"},
		{"PUT", "SimpleWorkflowService.X", "", "", "unknown operation: Operations are called by POST"},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		if c.target != "" {
			r.Header.Set("X-Amz-Target", c.target)
		}
		m, err := p.Find(&operation.Call{Request: r})
		if err != nil {
			if err.Error() != c.fault {
				t.Errorf("%s %q: %v", c.method, c.target, err)
			}
			continue
		}
		if c.fault != "" || m.Name != c.operation || m.API.Model.TargetPrefix != c.prefix {
			t.Errorf("%s %q: got %s of %s", c.method, c.target, m.Name, m.API.Service)
		}
	}
}

func TestTwoRowsOfAName(t *testing.T) {
	p := mounted()
	defer func() {
		if recover() == nil {
			t.Error("two rows that nobody could tell apart")
		}
	}()
	p.Mount(&operation.Mounted{Operation: WithoutOutput("CreateActivity", none, free), API: &operation.API{Model: operation.Model{TargetPrefix: "TrentService"}}})
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{"": "application/x-amz-json-1.0", "1.0": "application/x-amz-json-1.0", "1.1": "application/x-amz-json-1.1"} {
		c := &operation.Call{Request: httptest.NewRequest("POST", "/", nil), RequestID: "id", Model: &operation.Model{JSONVersion: version}}
		for _, write := range []func(http.ResponseWriter) error{
			func(w http.ResponseWriter) error { return New().WriteAnswer(w, c, &operation.Answer{}) },
			func(w http.ResponseWriter) error { return New().WriteFault(w, c, &fault.Fault{Code: "a#B"}) },
		} {
			w := httptest.NewRecorder()
			if err := write(w); err != nil || w.Header().Get("Content-Type") != want {
				t.Errorf("version %q: %v %v", version, w.Header(), err)
			}
		}
	}
}

func TestEveryKindIsSpelled(t *testing.T) {
	for _, kind := range fault.Kinds() {
		f := fault.Of(kind, "m")
		New().Spell(f)
		if f.Name() == "" || f.Name() == f.Code || f.Message != "m" {
			t.Errorf("%s: %+v", kind, f)
		}
	}
	kept := &fault.Fault{Kind: fault.AccessDenied, Status: 403}
	if New().Spell(kept); kept.Status != 403 {
		t.Errorf("the status of a fault is changed: %+v", kept)
	}
}

func TestMembersOfAFault(t *testing.T) {
	c := &operation.Call{Request: httptest.NewRequest("POST", "/", nil)}
	w := httptest.NewRecorder()
	f := &fault.Fault{Code: "a#ValidationException", Message: `<"`, Members: fault.Members{{Name: "reason", Value: "API_DOES_NOT_SUPPORT"}}}
	if err := New().WriteFault(w, c, f); err != nil {
		t.Fatal(err)
	}
	if want := `{"__type":"a#ValidationException","message":"<\"","reason":"API_DOES_NOT_SUPPORT"}`; w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestWriteTellsTheConnectionsError(t *testing.T) {
	c := &operation.Call{Request: httptest.NewRequest("POST", "/", nil)}
	for _, write := range []func(http.ResponseWriter) error{
		func(w http.ResponseWriter) error {
			return New().WriteAnswer(w, c, &operation.Answer{Body: []byte("{}")})
		},
		func(w http.ResponseWriter) error { return New().WriteFault(w, c, &fault.Fault{Code: "a#B"}) },
	} {
		if err := write(broken{httptest.NewRecorder()}); !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	}
}

var errBroken = errors.New("broken")

type broken struct{ http.ResponseWriter }

func (broken) Write([]byte) (int, error) { return 0, errBroken }
