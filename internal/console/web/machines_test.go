package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/console/view"
	"heddle/internal/sfn/wire"
)

// loom is Calls of one state machine, of a type.
type loom struct {
	kind   string
	logged []wire.LogDestination
}

func (*loom) Permits(context.Context, *operation.Caller, string, string, any) error { return nil }

func (l *loom) Call(_ context.Context, _ *operation.Caller, _, name string, in any) (any, error) {
	switch in := in.(type) {
	case *wire.DescribeStateMachineInput:
		level := wire.LogLevelAll
		return &wire.DescribeStateMachineOutput{
			Name: "quick", StateMachineARN: in.StateMachineARN, Type: l.kind, Definition: `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`,
			LoggingConfiguration: &wire.LoggingConfiguration{Level: &level, Destinations: l.logged},
		}, nil
	case *wire.ListExecutionsInput:
		if l.kind == wire.StateMachineTypeExpress {
			return nil, &fault.Fault{Code: wire.CodeStateMachineTypeNotSupported, Message: "This operation is not supported by this type of state machine"}
		}
		return &wire.ListExecutionsOutput{Executions: []wire.ExecutionListItem{{Name: "run-1", Status: wire.ExecutionStatusRunning}}}, nil
	case *wire.StartExecutionInput:
		kind := map[string]string{wire.StateMachineTypeExpress: "express", wire.StateMachineTypeStandard: "execution"}[l.kind]
		return &wire.StartExecutionOutput{ExecutionARN: "arn:aws:states:us-east-1:123456789012:" + kind + ":quick:n:1"}, nil
	}
	return nil, fmt.Errorf("no %s here", name)
}

// TestMachinePages: a machine's page lists its executions; that of an express machine, of which
// no action does, says where they are logged, and is no error. After a start the former shows
// the execution, the latter the machine.
func TestMachinePages(t *testing.T) {
	group := "arn:aws:logs:us-east-1:123456789012:log-group:/states/quick:*"
	logged := []wire.LogDestination{{CloudWatchLogsLogGroup: &wire.CloudWatchLogsLogGroup{LogGroupARN: &group}}}
	const at = "/console/us-east-1/-states/machines/quick"
	for _, c := range []struct {
		of          loom
		says, leads string
		not         []string
	}{
		{loom{wire.StateMachineTypeStandard, nil}, "run-1", at + "/n:1", []string{"logged to", "in no list"}},
		{loom{wire.StateMachineTypeExpress, logged}, group, at, []string{"Batches", "Do to many", "Running", "it has none"}},
		{loom{wire.StateMachineTypeExpress, nil}, "it has none", at, []string{"Batches", "Do to many", "Running", "logged to"}},
	} {
		d := newDesk(ring{})
		d.Calls = &c.of
		visits := func(method, path string, form url.Values) *visit {
			r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetPathValue("machine", "quick")
			return &visit{Console: d.Console, Request: r, who: holder("AKIA1", "s"), Region: "us-east-1"}
		}
		a, err := visits(http.MethodGet, at, nil).machine()
		if err != nil {
			t.Fatalf("%v: %v", c.of, err)
		}
		var page bytes.Buffer
		if err := templates[a.template].ExecuteTemplate(&page, "main", a.view); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page.String(), c.says) {
			t.Errorf("%v: nothing of %q", c.of, c.says)
		}
		for _, not := range c.not {
			if strings.Contains(page.String(), not) {
				t.Errorf("%v: %q", c.of, not)
			}
		}
		a, err = visits(http.MethodPost, at+"/-start", url.Values{"stateMachineArn": {"arn:aws:states:us-east-1:123456789012:stateMachine:quick"}, "input": {"{}"}}).machineStart()
		if err != nil {
			t.Fatal(err)
		}
		if to, _, _ := strings.Cut(a.to, "?"); to != c.leads {
			t.Errorf("%v: a start leads to %q, want %q", c.of, to, c.leads)
		}
	}
}

// TestFormsTakeTheLargest: what an action takes its form can send, in whatever characters: fields
// of payloads of machines are bounded in bytes, of which a browser makes at most six each (a line
// feed is %0D%0A); all others in characters, of at most twelve.
func TestFormsTakeTheLargest(t *testing.T) {
	const bytesFrom = 262144
	for _, c := range []struct {
		form *view.Form
		most int
	}{
		{view.TestStateForm(), testMax}, {view.StartMachineForm("a"), bodyMax}, {view.StopForm("a"), bodyMax}, {view.RedriveForm("a"), bodyMax}, {view.UpdateMapRunForm("a"), bodyMax},
		{view.StartForm("d"), bodyMax}, {view.SignalForm("d", "w", "r"), bodyMax}, {view.TerminateForm("d", "w", "r"), bodyMax},
		{view.RegisterDomainForm(), bodyMax}, {view.RegisterTypeForm("d", true), bodyMax}, {view.RegisterTypeForm("d", false), bodyMax},
	} {
		size := 0
		for _, f := range c.form.Fields {
			filled := strings.Repeat("\U0001f9f5", f.Max)
			if f.Max >= bytesFrom {
				filled = strings.Repeat("\r\n", f.Max)
			}
			size += len(url.Values{f.Name: {filled}}.Encode()) + len("&")
		}
		if size > c.most {
			t.Errorf("the form of %s may have %d bytes, and only %d are read", c.form.Action, size, c.most)
		}
	}
}
