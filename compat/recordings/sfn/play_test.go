package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/compat/heddle"
)

// fake is a server with one machine whose only state is an activity. It keeps
// pages of two events.
type fake struct {
	mu       sync.Mutex
	calls    []string
	activity string
	input    string
	offered  bool
	output   string // JSON
	status   string
	beats    int
	startAt  time.Time
}

const fakeARN = "arn:aws:states:us-east-1:" + account

func answerOf(status int, body any) *heddle.Answer {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &heddle.Answer{Status: status, Body: text}
}

func fault(code, message string) *heddle.Answer {
	return answerOf(400, map[string]any{"__type": "com.amazonaws.states#" + code, "message": message})
}

func (f *fake) call(_ context.Context, operation string, in any) (*heddle.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, operation)
	request := in.(map[string]any)
	text := func(name string) string { s, _ := request[name].(string); return s }
	switch operation {
	case "CreateActivity":
		if text("name") == "" {
			return fault("InvalidName", "Invalid Name: ''"), nil
		}
		f.activity = fakeARN + ":activity:" + text("name")
		return answerOf(200, map[string]any{"activityArn": f.activity, "creationDate": 1.5}), nil
	case "StartExecution":
		f.input, f.status, f.startAt = text("input"), "RUNNING", time.Now()
		return answerOf(200, map[string]any{"executionArn": fakeARN + ":execution:m:e-1", "startDate": 2}), nil
	case "GetActivityTask":
		if text("activityArn") != f.activity {
			return fault("ActivityDoesNotExist", "Activity Does Not Exist: '"+text("activityArn")+"'"), nil
		}
		if f.input == "" || f.offered {
			return answerOf(200, map[string]any{"taskToken": nil}), nil
		}
		f.offered = true
		return answerOf(200, map[string]any{"taskToken": "t", "input": f.input}), nil
	case "SendTaskHeartbeat":
		f.beats++
		return answerOf(200, map[string]any{}), nil
	case "SendTaskSuccess":
		f.output, f.status = text("output"), "SUCCEEDED"
		return answerOf(200, map[string]any{}), nil
	case "SendTaskFailure":
		f.output, f.status = text("cause"), "FAILED"
		return answerOf(200, map[string]any{}), nil
	case "DescribeExecution":
		if f.status == "" {
			return fault("ExecutionDoesNotExist", "Execution Does Not Exist"), nil
		}
		return answerOf(200, map[string]any{"status": f.status}), nil
	case "GetExecutionHistory":
		events := []any{
			map[string]any{"id": 1, "timestamp": 1, "type": "ExecutionStarted", "details": f.input},
			map[string]any{"id": 2, "timestamp": 1, "type": "TaskStateEntered"},
			map[string]any{"id": 3, "timestamp": 2, "type": "ExecutionSucceeded", "executionSucceededEventDetails": map[string]any{"output": f.output}},
		}
		if text("nextToken") == "2" {
			return answerOf(200, map[string]any{"events": events[2:]}), nil
		}
		return answerOf(200, map[string]any{"events": events[:2], "nextToken": "2"}), nil
	}
	return &heddle.Answer{Status: 400, Body: []byte(`{"__type":"UnknownOperationException"}`)}, nil
}

// readCase reads a case as it stands in a file.
func readCase(t *testing.T, steps string) *recording {
	t.Helper()
	file := filepath.Join(t.TempDir(), "some.json")
	if err := os.WriteFile(file, []byte(`[{"id":"some/case","recorded":"2024-01-01","steps":[`+steps+`]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := readRecordings([]string{file})
	if err != nil || len(list) != 1 || list[0].Category != "some" {
		t.Fatalf("read %s: %v, %v", steps, list, err)
	}
	return list[0]
}

const (
	created  = `{"call":"CreateActivity","request":{"name":"a-@{u1}"},"reply":{"activityArn":"arn:aws:states:@{region}:@{account}:activity:a-@{u1}","creationDate":"@{time}"}}`
	working  = `{"worker":{"activityArn":"arn:aws:states:@{region}:@{account}:activity:a-@{u1}","does":"DOES","error":"E"}}`
	started  = `{"call":"StartExecution","request":{"input":"{\"n\": 1}"},"bind":{"executionArn":"arn:aws:states:@{region}:@{account}:execution:m:@{exec1}"}}`
	closed   = `{"wait":"closed","execution":"arn:aws:states:@{region}:@{account}:execution:m:@{exec1}"}`
	entered  = `{"wait":"entered","execution":"arn:aws:states:@{region}:@{account}:execution:m:@{exec1}"}`
	answered = `{"wait":"started","execution":"arn:aws:states:@{region}:@{account}:execution:m:@{exec1}"}`
	history  = `{"call":"GetExecutionHistory","request":{"executionArn":"@{exec1}"},"reply":{"events":[
		{"id":1,"timestamp":"@{time}","type":"ExecutionStarted","details":"{\"n\": 1}"},
		{"id":2,"timestamp":"@{time}","type":"TaskStateEntered"},
		{"id":3,"timestamp":"@{time}","type":"ExecutionSucceeded","executionSucceededEventDetails":{"output":{"n":1}}}]}}`
	output = `{"call":"GetExecutionHistory","request":{"executionArn":"@{exec1}"},"output":{"n":1}}`
)

// TestPlay plays small cases against the fake and expects differences, or why a
// case could not be played on.
func TestPlay(t *testing.T) {
	succeed := strings.Replace(working, "DOES", "succeed", 1)
	for _, c := range []struct {
		name        string
		steps       []string
		differences []string // "step call: path"
		err         string
	}{
		{"succeeds", []string{created, succeed, started, closed, history, output}, nil, ""},
		{"heartbeat", []string{created, strings.Replace(working, "DOES", "heartbeat", 1), started, answered, entered, closed, history}, nil, ""},
		{"other output", []string{created, succeed, started, closed, strings.Replace(output, `"n":1`, `"n":2`, 1)}, []string{"4 GetExecutionHistory: output.n"}, ""},
		{"other history", []string{created, succeed, started, closed, strings.Replace(history, `"id":3`, `"id":4`, 1)}, []string{"4 GetExecutionHistory: events[2] ExecutionSucceeded.id"}, ""},
		{"reply that is not so", []string{strings.Replace(created, `:activity:a-`, `:activity:b-`, 1)}, []string{"0 CreateActivity: activityArn"}, ""},
		{"reply with less", []string{strings.Replace(created, `,"creationDate":"@{time}"`, ``, 1)}, []string{"0 CreateActivity: creationDate"}, ""},
		{"reply with later members", []string{strings.Replace(created, `,"creationDate":"@{time}"}`, `},"later":["creationDate"]`, 1)}, nil, ""},
		{"all goes on after a difference", []string{strings.Replace(created, `:activity:a-`, `:activity:b-`, 1), succeed, started, closed, history}, []string{"0 CreateActivity: activityArn"}, ""},
		{"error", []string{`{"call":"CreateActivity","request":{"name":""},"error":{"code":"InvalidName","message":"Invalid Name: ''"}}`}, nil, ""},
		{"some error", []string{`{"call":"CreateActivity","request":{"name":""},"error":{}}`}, nil, ""},
		{"other code", []string{`{"call":"CreateActivity","request":{"name":""},"error":{"code":"X","message":"Invalid Name: ''"}}`}, []string{"0 CreateActivity: error.code"}, ""},
		{"other message", []string{`{"call":"CreateActivity","request":{"name":""},"error":{"code":"InvalidName","message":"X"}}`}, []string{"0 CreateActivity: error.message"}, ""},
		{"other status", []string{`{"call":"CreateActivity","request":{"name":""},"error":{"code":"InvalidName","status":500}}`}, []string{"0 CreateActivity: error.status"}, ""},
		{"members of the error", []string{`{"call":"CreateActivity","request":{"name":""},"error":{"code":"InvalidName","members":{"reason":"R"}}}`}, []string{"0 CreateActivity: error.members.reason"}, ""},
		{"no error", []string{`{"call":"CreateActivity","request":{"name":"x"},"error":{}}`}, []string{"0 CreateActivity: answer"}, ""},
		{"no success", []string{`{"call":"CreateActivity","request":{"name":""}}`}, []string{"0 CreateActivity: answer"}, ""},
		{"unbound name", []string{history}, nil, "step 0 GetExecutionHistory: nothing bound @{exec1}"},
		{"no execution", []string{`{"wait":"closed","execution":"x"}`}, nil, "step 0 wait closed: DescribeExecution: 400 "},
		{"never closes", []string{created, started, closed}, nil, "step 2 wait closed: not so after 30s: its last event is "},
		{"worker does nothing", []string{created, strings.Replace(working, "DOES", "nothing", 1), started, closed}, nil, "step 3 wait closed: not so after 30s: "},
		{"worker fails", []string{created, strings.Replace(working, "DOES", "fail", 1), started, closed, `{"call":"DescribeExecution","reply":{"status":"FAILED"}}`}, nil, ""},
		{"worker of no activity", []string{succeed, started, closed}, []string{"0 worker: succeed"}, "step 2 wait closed: not so after 30s: "},
		{"worker that nobody knows", []string{created, strings.Replace(working, "DOES", "dance", 1), started, closed}, []string{"1 worker: dance"}, "step 3 wait closed: not so after 30s: "},
		{"other members", []string{`{"dance":"x"}`}, nil, `read the case: json: unknown field "dance"`},
		{"other service", []string{`{"service":"s3","call":"CreateBucket"}`}, nil, "step 0 s3CreateBucket: it needs "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := readCase(t, strings.Join(c.steps, ","))
			synctest.Test(t, func(t *testing.T) {
				server := &fake{}
				p := &player{call: server.call, functions: newFunctions(account, heddle.Region), say: func(string, ...any) {}}
				differences, err := p.play(t.Context(), r, newNames(account, heddle.Region, time.Now()))
				var list []string
				for _, d := range differences {
					list = append(list, fmt.Sprintf("%d %s: %s", d.step, d.call, d.path))
				}
				if !slices.Equal(list, c.differences) || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
					t.Errorf("got %v and %v, want %v and %q", differences, err, c.differences, c.err)
				}
				if c.name == "heartbeat" && (server.beats != 1 || time.Since(server.startAt) < 2*beat) {
					t.Errorf("got %d heartbeats in %s", server.beats, time.Since(server.startAt))
				}
			})
		})
	}
}

func TestAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{}
		g := &game{player: &player{call: server.call, say: func(string, ...any) {}}}
		reply, err := g.must(t.Context(), "GetExecutionHistory", map[string]any{})
		if err == nil {
			err = g.joinPages(t.Context(), "GetExecutionHistory", map[string]any{}, reply)
		}
		if events, _ := reply["events"].([]any); err != nil || len(events) != 3 || len(reply) != 1 {
			t.Errorf("got %v, %v", reply, err)
		}
	})
}

func TestReadRecordingsRefusesOthers(t *testing.T) {
	for _, text := range []string{`{}`, `[7]`, `[`} {
		file := filepath.Join(t.TempDir(), "a.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := readRecordings([]string{file}); err == nil {
			t.Errorf("%s: got %v", text, list)
		}
	}
}

// TestReport tells passed cases from failed ones, known differences and cases that
// are not played.
func TestReport(t *testing.T) {
	defer func(before []knownDifference) { knownDifferences = before }(knownDifferences)
	knownDifferences = []knownDifference{{"b/2", 1, "x", "we mean it"}, {"b/3", 1, "x", "we mean it"},
		{"c/2", wholeCase, "", "later"}, {"c/3", wholeCase, "", "later"}, {"c/4", wholeCase, "", "later"}}
	results := []*result{
		{recording: &recording{Category: "a", ID: "a/1"}},
		{recording: &recording{Category: "a", ID: "a/2", Needs: []string{"lambda", "s3"}, served: []string{"lambda"}}, notPlayed: true},
		{recording: &recording{Category: "b", ID: "b/1"}, differences: []difference{{step: 3, call: "C", path: "p", want: "1", got: "2"}, {path: "q"}}},
		{recording: &recording{Category: "b", ID: "b/2"}, differences: []difference{{step: 1, path: "x.y"}, {step: 1, path: "x"}}},
		{recording: &recording{Category: "b", ID: "b/3"}, differences: []difference{{step: 1, path: "xy"}, {step: 2, path: "x"}}},
		{recording: &recording{Category: "c", ID: "c/1"}, err: os.ErrClosed},
		{recording: &recording{Category: "c", ID: "c/2"}, err: os.ErrClosed},
		{recording: &recording{Category: "c", ID: "c/3"}, differences: []difference{{step: 1, path: "x"}, {step: 2, path: "y"}}},
		{recording: &recording{Category: "c", ID: "c/4"}},
	}
	for _, r := range results {
		mark(r.ID, r.differences)
	}
	var said strings.Builder
	failed := report(&said, results)
	want := `FAIL b b/1
	step 3 C: p
		want 1
		got  2
	and 1 more
FAIL b b/3
	step 1 : xy
		want 
		got  
	and 2 more
FAIL c c/1
	file already closed
FAIL c c/4
	the known difference of step -1 at "" did not turn up: take it out of the table
a                           1 passed    0 failed  1 need s3
b                           1 passed    2 failed
c                           2 passed    2 failed
known: later (2)
known: we mean it (2)
4 passed, 4 failed, 1 need another service
`
	if failed != 4 || said.String() != want {
		t.Errorf("got %d failed and\n%s\nwant\n%s", failed, &said, want)
	}
}
