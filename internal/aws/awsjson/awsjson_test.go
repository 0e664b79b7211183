package awsjson

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

func TestTarget(t *testing.T) {
	for _, c := range []struct{ method, target, service, operation, fault string }{
		{"POST", "SimpleWorkflowService.PollForDecisionTask", "SimpleWorkflowService", "PollForDecisionTask", ""},
		{"POST", "com.amazonaws.swf.service.model.SimpleWorkflowService.PollForDecisionTask", "SimpleWorkflowService", "PollForDecisionTask", ""},
		{"POST", "AWSStepFunctions.CreateActivity", "AWSStepFunctions", "CreateActivity", ""},
		{"POST", "", "", "", "UnknownOperationException: The header X-Amz-Target is missing"},
		{"POST", "PollForDecisionTask", "", "", "UnknownOperationException: Unknown operation: PollForDecisionTask"},
		{"POST", "SimpleWorkflowService.", "", "", "UnknownOperationException: Unknown operation: SimpleWorkflowService."},
		{"PUT", "SimpleWorkflowService.X", "", "", "UnknownOperationException: Operations are called by POST"},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		if c.target != "" {
			r.Header.Set("X-Amz-Target", c.target)
		}
		service, operation, err := Target(r)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if service != c.service || operation != c.operation || text != c.fault {
			t.Errorf("%s %q: got %q, %q, %q", c.method, c.target, service, operation, text)
		}
	}
}

func TestRequestID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, random := range [][16]byte{{}, {0, 1, 2, 3, 4, 5, 0xff, 7, 0xff, 9, 10, 11, 12, 13, 14, 15}} {
		if id := RequestID(random); !form.MatchString(id) {
			t.Errorf("%x became %s", random, id)
		}
	}
}

func TestFault(t *testing.T) {
	f := &Fault{Code: "com.amazonaws.swf.base.model#UnknownResourceFault", Message: "Unknown domain: d"}
	if f.Name() != "UnknownResourceFault" || f.Error() != "UnknownResourceFault: Unknown domain: d" || f.Common() {
		t.Errorf("got %s, %s, %v", f.Name(), f, f.Common())
	}
	for _, f := range []*Fault{Validation("x"), Serialization("x"), Throttling(), InternalFailure(), TooLarge(), UnknownOperation("x")} {
		if !f.Common() {
			t.Errorf("%s is not common", f)
		}
	}
}

func TestWriteTellsTheConnectionsError(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	for _, write := range []func(http.ResponseWriter) error{
		func(w http.ResponseWriter) error { return Write(w, r, "id", []byte("{}")) },
		func(w http.ResponseWriter) error { return WriteFault(w, r, "id", InternalFailure()) },
	} {
		if err := write(broken{httptest.NewRecorder()}); !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	}
}

var errBroken = errors.New("broken")

type broken struct{ http.ResponseWriter }

func (broken) Write([]byte) (int, error) { return 0, errBroken }
