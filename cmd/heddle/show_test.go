//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/internal/console/client"
	"heddle/internal/server"
)

// TestCommandsAskTheServer: show, lists, events and console find a server and its keys as the AWS CLI does, or
// by its data folder; what they write and how they end is for people and for programs.
func TestCommandsAskTheServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	events := filepath.Join(t.TempDir(), "events.json")
	if err := os.WriteFile(events, []byte(`{"targets":[{"name":"log","file":{"path":"`+filepath.Join(t.TempDir(), "log")+`"}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const bills = "arn:aws:states:us-east-1:123456789012:stateMachine:bills"
	init := filepath.Join(t.TempDir(), "init.yaml")
	if err := os.WriteFile(init, []byte(`
roles:
  - RoleName: machine
    AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: states.amazonaws.com}, Action: "sts:AssumeRole"}]}
stateMachines:
  - name: bills
    roleArn: arn:aws:iam::123456789012:role/machine
    definition: {StartAt: F, States: {F: {Type: Fail, Error: NoMoney}}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := launch(t, "true", "serve", "--listen", "127.0.0.1:0", "--data", data, "--events-config", events, "--init", init)
	if err != nil {
		t.Fatal(err)
	}
	defer p.end(t, syscall.SIGTERM)
	for _, name := range []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	caller, err := client.New(t.Context(), client.Config{Endpoint: p.url, Credentials: server.CredentialsFile(data), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct{ action, in string }{
		{"RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`},
		{"RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`},
		{"StartWorkflowExecution", `{"domain":"shop","workflowId":"order-1","workflowType":{"name":"order","version":"1"}}`},
		{"StartWorkflowExecution", `{"domain":"shop","workflowId":"order-2","workflowType":{"name":"order","version":"1"}}`},
		{"TerminateWorkflowExecution", `{"domain":"shop","workflowId":"order-2","reason":"wrong"}`},
	} {
		if _, err := caller.Call(t.Context(), client.SWF, call.action, json.RawMessage(call.in)); err != nil {
			t.Fatal(err)
		}
	}
	here := []string{"--endpoint", p.url, "--data", data}
	for _, c := range []struct {
		args   []string
		code   int
		says   []string // on standard output
		errors string   // on standard error
	}{
		{append([]string{"show", "order-1", "--domain", "shop"}, here...), 0, []string{
			"order-1  OPEN  order 1  2 events", "! The decision task waits on decision task list deciders for ", "nobody polls it", "no worker", "decision        deciders  waits for "}, ""},
		{append([]string{"show", "order-1", "--domain", "shop", "--history"}, here...), 0, []string{"WorkflowExecutionStarted", "DecisionTaskScheduled"}, ""},
		{append([]string{"show", "order-2", "--domain", "shop"}, here...), 0, []string{"order-2  TERMINATED", "! It closed as TERMINATED", "OPERATOR_INITIATED wrong"}, ""},
		{append([]string{"show", "order-1", "--domain", "shop", "--json", "--history"}, here...), 0, []string{`"code": "NO_WORKER"`, `"eventType": "WorkflowExecutionStarted"`}, ""},
		{append([]string{"lists"}, here...), 0, []string{"deciders  decision      1", "! nobody polls it"}, ""},
		{append([]string{"lists", "deciders", "--domain", "shop", "--kind", "decision"}, here...), 0, []string{"oldest tasks of", "order-1"}, ""},
		{append([]string{"lists", "--json"}, here...), 0, []string{`"taskLists": [`}, ""},
		{append([]string{"events"}, here...), 0, []string{"log     file"}, ""},
		{append([]string{"events", "--json"}, here...), 0, []string{`"name": "log"`}, ""},
		{append([]string{"events", "log"}, here...), 0, []string{"log     file"}, ""},
		{append([]string{"events", "--redeliver", "log"}, here...), 0, []string{"0 events are sent to log again"}, ""},
		{append([]string{"events", "nobody"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"events", "--redeliver", "nobody"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"events", "--redeliver"}, here...), 2, nil, "wants the name"},
		{append([]string{"search", "--domain", "shop"}, here...), 0, []string{"order-1", "OPEN", "looked at 1 executions"}, ""},
		{append([]string{"search", "--domain", "shop", "--closed", "--part", "der-", "--type", "order"}, here...), 0, []string{"order-2", "TERMINATED"}, ""},
		{append([]string{"search", "--domain", "shop", "--id", "nobody", "--json"}, here...), 0, []string{`"lookedAt": 0`}, ""},
		{append([]string{"search", "--domain", "nowhere"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"search"}, here...), 2, nil, "--domain"},
		{append([]string{"search", "--domain", "shop", "--from", "yesterday"}, here...), 2, nil, "want a time"},
		{append([]string{"batch", "list", "--domain", "shop"}, here...), 0, []string{"no batch"}, ""},
		{append([]string{"batch", "terminate", "--domain", "shop", "--prefix", "order-"}, here...), 0, []string{"it would be done to 1 open executions; --yes begins it"}, ""},
		{append([]string{"batch", "signal", "--domain", "shop", "--name", "wake", "--yes"}, here...), 0, []string{"batch 1 has begun", "batch 1  COMPLETED  signal, wake", "1 done, 0 failed"}, ""},
		{append([]string{"batch", "cancel", "--domain", "shop", "--id", "nobody", "--yes", "--json"}, here...), 0, []string{`"status": "COMPLETED"`}, ""},
		{append([]string{"batch", "cancel", "--domain", "shop", "--id", "nobody", "--yes", "--detach"}, here...), 0, []string{"has begun"}, ""},
		{append([]string{"batch", "show", "1", "--domain", "shop", "--follow"}, here...), 0, []string{"batch 1  COMPLETED"}, ""},
		{append([]string{"batch", "show", "1", "--domain", "shop"}, here...), 0, []string{"batch 1  COMPLETED"}, ""},
		{append([]string{"batch", "stop", "1", "--domain", "shop", "--json"}, here...), 0, []string{`"batchId": "1"`}, ""},
		{append([]string{"batch", "list", "--domain", "shop"}, here...), 0, []string{"signal, wake", "cancel, id nobody", ":root"}, ""},
		{append([]string{"batch", "show", "999", "--domain", "shop"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"batch", "terminate", "--domain", "nowhere", "--yes"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"batch", "signal", "--domain", "shop", "--yes"}, here...), 2, nil, "--name"},
		{append([]string{"batch", "cancel"}, here...), 2, nil, "--domain"},
		{append([]string{"top"}, here...), 0, []string{"1 task lists  1 tasks wait", "! stuck  NO_WORKER 1 tasks", "events  lag", "commit p99", "deciders  decision      1"}, ""},
		{append([]string{"top", "--once", "--domain", "shop"}, here...), 0, []string{"deciders"}, ""},
		{append([]string{"top", "--json"}, here...), 0, []string{`"taskLists": [`, `"commitP99Microseconds":`}, ""},
		{append([]string{"tail", "nothing"}, here...), 2, nil, "unexpected argument"},
		{[]string{"tail", "--endpoint", "http://127.0.0.1:1", "--data", data}, 1, nil, "is the server there?"},
		{append([]string{"console"}, here...), 0, []string{p.url + "/console/sign-in#"}, ""},
		{append([]string{"console", "--json"}, here...), 0, []string{`"consoleURL": "` + p.url + "/console/sign-in#", `"expirationTimestamp": `}, ""},
		{[]string{"console", "--endpoint", "http://127.0.0.1:1", "--data", data}, 1, nil, "is the server there?"},
		{append([]string{"console", "here"}, here...), 2, nil, "unexpected argument here"},
		{append([]string{"show", "order-3", "--domain", "shop"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"show", "arn:aws:states:us-east-1:123456789012:execution:a:b"}, here...), 3, nil, "ResourceNotFoundException"},
		{append([]string{"show", "order-1"}, here...), 2, nil, "want the name with --domain"},
		{append([]string{"show", "--file", "x.json", "order-1"}, here...), 2, nil, "--file says all"},
		{append([]string{"show", "--file", "/nowhere.json"}, here...), 1, nil, "no such file"},
		{append([]string{"show"}, here...), 2, nil, "want the name with --domain"},
		{append([]string{"lists", "deciders"}, here...), 2, nil, "want the name with --domain"},
		{[]string{"lists", "--endpoint", "http://127.0.0.1:1", "--data", data}, 1, nil, "is the server there?"},
		{[]string{"lists", "--endpoint", p.url, "--data", t.TempDir()}, 1, nil, "find keys"},
	} {
		var out, errs strings.Builder
		cmd := heddle(t, c.args...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(errs.String(), c.errors) {
			t.Errorf("%v: exit %d, want %d; %s", c.args, got, c.code, errs.String())
		}
		for _, part := range c.says {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%v says\n%s\nwithout %q", c.args, out.String(), part)
			}
		}
		if strings.Contains(strings.Join(c.args, " "), "--json") && !json.Valid([]byte(out.String())) {
			t.Errorf("%v: no JSON: %s", c.args, out.String())
		}
	}

	// Of code that package flow runs it is told where it waits, and why it was parked.
	parkOrder(t, caller)
	for _, flags := range [][]string{nil, {"--json"}} {
		said, err := heddle(t, slices.Concat([]string{"show", "parked", "--domain", "shop"}, flags, here)...).Output()
		want := []string{"\ncode waits at order.go:41 flow.First\n", "\n! The workflow's code could not decide: workflow code panicked, at decision task 1: a bug\n    at order.go:7", "The worker tries again in 2"}
		if flags != nil {
			want = []string{`"code": "PARKED"`, `"codeWaits": [`, `"order.go:41 flow.First"`}
		}
		for _, part := range want {
			if err != nil || !strings.Contains(string(said), part) {
				t.Errorf("show %q says\n%s\nwithout %q (%v)", flags, said, part, err)
			}
		}
	}

	// Who follows gets a line for each event that comes, and why it has ended.
	follow := heddle(t, append([]string{"show", "order-1", "--domain", "shop", "--follow"}, here...)...)
	out, err := follow.StdoutPipe()
	if err == nil {
		err = follow.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, ended := "", false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said += lines.Text() + "\n"; strings.Contains(lines.Text(), "DecisionTaskScheduled") && !ended {
			ended = true
			if _, err := caller.Call(t.Context(), client.SWF, "TerminateWorkflowExecution", json.RawMessage(`{"domain":"shop","workflowId":"order-1","reason":"enough"}`)); err != nil {
				t.Error(err)
			}
		}
	}
	if err := follow.Wait(); err != nil || !strings.Contains(said, "WorkflowExecutionTerminated") || !strings.Contains(said, "! It closed as TERMINATED") || strings.Count(said, "WorkflowExecutionStarted") != 1 {
		t.Errorf("who follows sees %v\n%s", err, said)
	}

	// Who listens gets a line for each event, of what he asked for, of either service.
	for at, c := range []struct {
		args  []string
		makes []deed
		says  []string
	}{
		{[]string{"--domain", "shop", "--failures"}, []deed{
			{client.SWF, "StartWorkflowExecution", `{"domain":"shop","workflowId":"ID","workflowType":{"name":"order","version":"1"}}`},
			{client.SWF, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"ID","reason":"enough"}`},
		}, []string{"  tailed-", "  order           WorkflowExecutionTerminated", "reason enough"}},
		{[]string{"--failures", "--type", "bills"}, []deed{{client.States, "StartExecution", `{"stateMachineArn":"` + bills + `","name":"ID"}`}},
			[]string{"  bills:tailed-", "  bills           ExecutionFailed", "error NoMoney"}},
		{[]string{"--json", "--machine", bills}, []deed{{client.States, "StartExecution", `{"stateMachineArn":"` + bills + `","name":"ID"}`}},
			[]string{`"type":"ExecutionStarted"`, `"stateMachine":"bills"`, ":execution:bills:tailed-"}},
	} {
		tail := heddle(t, slices.Concat([]string{"tail"}, c.args, here)...)
		if out, err = tail.StdoutPipe(); err == nil {
			err = tail.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, lines := "", make(chan string, 1)
		go func() {
			text, _ := bufio.NewReader(out).ReadString('\n')
			lines <- text
		}()
		for n := 0; line == ""; n++ { // it has no place until its first call
			for _, call := range c.makes {
				in := strings.Replace(call.in, "ID", fmt.Sprint("tailed-", at, "-", n), 1)
				if _, err := caller.Call(t.Context(), call.service, call.action, json.RawMessage(in)); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case line = <-lines:
			case <-time.After(50 * time.Millisecond):
			}
		}
		for _, part := range c.says {
			if !strings.Contains(line, part) {
				t.Errorf("who listens by %v hears %q, without %q", c.args, line, part)
			}
		}
		if err := tail.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := tail.Wait(); err != nil {
			t.Errorf("who has heard enough ends with %v", err)
		}
	}
}

// deed is a call of a test's.
type deed struct {
	service    client.Service
	action, in string
}

// parkOrder starts an execution "parked", and answers its first decision task as package flow does when code panics.
func parkOrder(t *testing.T, caller *client.Client) {
	t.Helper()
	call := func(action, in string) []byte {
		answer, err := caller.Call(t.Context(), client.SWF, action, json.RawMessage(in))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	call("StartWorkflowExecution", `{"domain":"shop","workflowId":"parked","workflowType":{"name":"order","version":"1"},"taskList":{"name":"flow"}}`)
	var task struct{ TaskToken string }
	if err := json.Unmarshal(call("PollForDecisionTask", `{"domain":"shop","taskList":{"name":"flow"}}`), &task); err != nil {
		t.Fatal(err)
	}
	call("RespondDecisionTaskCompleted", fmt.Sprintf(`{"taskToken":%q,"executionContext":"{\"flow\":1,\"waits\":[\"order.go:41 flow.First\"]}","decisions":[
		{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"flow.parked","details":"workflow code panicked, at decision task 1: a bug\n  at order.go:7"}},
		{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"flow.retry-3","startToFireTimeout":"1700"}}]}`, task.TaskToken))
}
