package execution

import (
	"reflect"
	"strings"
	"testing"

	"heddle/internal/sfn/asl"
)

// told is the types of a run's events after the first, without what all states have, and how
// it ended.
func told(r *harnessRun) string {
	var all []string
	for _, e := range r.events[1:] {
		of := string(e.Body.(*Body).Type)
		if !strings.HasSuffix(of, "StateEntered") && !strings.HasSuffix(of, "StateExited") {
			all = append(all, of)
		}
	}
	s := r.state.(*State)
	if s.status == Succeeded {
		all = append(all, s.output.Text())
	}
	if s.err != nil {
		all = append(all, s.err.Text())
	}
	if s.cause != nil {
		all = append(all, s.cause.Text())
	}
	return strings.TrimSpace(strings.Join(all, " "))
}

// TestMocks has states answered by mocks, and counts their invocations.
func TestMocks(t *testing.T) {
	task := func(resource, more string) string {
		switch { // what the services need
		case more != "" && !strings.Contains(more, "Retry"):
		case strings.Contains(resource, ":sqs:"):
			more += `,"Parameters":{"QueueUrl":"q","MessageBody":"m"}`
		case strings.Contains(resource, ":states:::states"):
			more += `,"Parameters":{"StateMachineArn":"m"}`
		}
		return `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + resource + `","End":true` + more + `}}}`
	}
	const (
		sqs   = "arn:aws:states:::sqs:sendMessage"
		retry = `,"Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":2,"MaxAttempts":3}]`
	)
	busy := Answer{From: 0, To: 0, Failed: true, Error: "Busy", Cause: "later"}
	for name, c := range map[string]struct {
		machine string
		mocks   []StateMock
		want    string
	}{
		"a service": {task(sqs, ""), []StateMock{{"T", []Answer{{Output: `{"MessageId":"1"}`}}}},
			`TaskScheduled TaskStarted TaskSucceeded ExecutionSucceeded {"MessageId":"1"}`},
		"a function": {task("arn:aws:lambda:us-east-1:123456789012:function:f", ""), []StateMock{{"T", []Answer{{Output: `7`}}}},
			`LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded ExecutionSucceeded 7`},
		"an activity that is not there": {task("arn:aws:states:us-east-1:123456789012:activity:none", ""), []StateMock{{"T", []Answer{{Output: `null`}}}},
			`ActivityScheduled ActivityStarted ActivitySucceeded ExecutionSucceeded null`},
		"a callback": {task(sqs+".waitForTaskToken", `,"Parameters":{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"}`), []StateMock{{"T", []Answer{{Output: `"done"`}}}},
			`TaskScheduled TaskStarted TaskSubmitted TaskSucceeded ExecutionSucceeded "done"`},
		"a job that fails": {task("arn:aws:states:::states:startExecution.sync:2", ""), []StateMock{{"T", []Answer{busy}}},
			`TaskScheduled TaskStarted TaskSubmitted TaskFailed ExecutionFailed Busy later`},
		"retries": {task(sqs, retry), []StateMock{{"T", []Answer{busy, {From: 1, To: 2, Failed: true, Error: "Busy"}, {From: 3, To: 9, Output: `3`}}}},
			`TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted TaskSucceeded ExecutionSucceeded 3`},
		"no answer": {task(sqs, retry), []StateMock{{"T", []Answer{busy}}},
			`TaskScheduled TaskStarted TaskFailed ExecutionFailed States.Runtime An error occurred while executing the state 'T' (entered at the event id #2). The mock of this state says nothing of invocation 1.`},
		"one count for all iterations": {
			`{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"ItemProcessor":` + task(sqs, retry) + `,"End":true}}}`,
			[]StateMock{{"T", []Answer{busy, {From: 1, To: 1, Output: `"one"`}, {From: 2, To: 2, Output: `"two"`}, {From: 3, To: 3, Output: `"three"`}}}},
			`MapStateStarted MapIterationStarted TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted TaskSucceeded MapIterationSucceeded ` +
				`MapIterationStarted TaskScheduled TaskStarted TaskSucceeded MapIterationSucceeded MapStateSucceeded ExecutionSucceeded ["one","two"]`,
		},
		"a whole Map": {
			`{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}`,
			[]StateMock{{"M", []Answer{{Output: `[1]`}}}},
			`MapStateStarted MapStateSucceeded ExecutionSucceeded [1]`,
		},
		"a Map that fails and is tried again": {
			`{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true` + retry + `}}}`,
			[]StateMock{{"M", []Answer{busy, {From: 1, To: 1, Output: `[1]`}}}},
			`MapStateStarted MapStateStarted MapStateSucceeded ExecutionSucceeded [1]`,
		},
		"a whole Parallel that fails": {
			`{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"Q","States":{"Q":{"Type":"Pass","End":true}}}],"End":true}}}`,
			[]StateMock{{"P", []Answer{busy}}},
			`ParallelStateStarted ParallelStateFailed ExecutionFailed Busy later`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, DefaultLimits())
			r := h.begin("m", "e", c.machine, "[1,2]", func(s *Start) { s.Mocks = c.mocks })
			for i := 0; i < 20 && r.state.(*State).isOpen(); i++ {
				if h.restart(i%2 == 0); !h.tick() {
					t.Fatal("it waits for something that a mock stands for")
				}
			}
			if got := told(r); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestMocksAreTold has mocks in the messages that begin map runs and the executions of items.
func TestMocksAreTold(t *testing.T) {
	settings := Settings{Mocks: []StateMock{{"T", []Answer{{From: 0, To: 3, Output: `"mocked"`}, {From: 4, To: 4, Failed: true, Error: "E", Cause: "c"}}}}}
	for _, m := range []message{&BeginMapRun{MapRunOrder{Settings: settings}}, &StartItem{Start: Start{Settings: settings, Input: "1"}}} {
		got, err := DecodeMessage(encodeMessage(m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v comes as %+v, %v", m, got, err)
		}
	}
}

// TestRehearsalNeedsMocks has a rehearsal call nothing, and take no time to wait.
func TestRehearsalNeedsMocks(t *testing.T) {
	for machine, want := range map[string]string{
		`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2592000,"Next":"T"},"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"m"},"End":true}}}`: "the test case has no mock",
		`{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"b","Key":"k"}},
			"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`: "the test case has no mock",
		`{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`: "",
	} {
		m, found := asl.Compile([]byte(machine), asl.Options{})
		if m == nil {
			t.Fatal(found)
		}
		r, err := Rehearse(Name(testWorld, "m", "e"), m, &Start{Input: "[1,2]"}, houseStart)
		if err != nil {
			t.Fatal(err)
		}
		cause := ""
		if r.Cause != nil {
			cause = *r.Cause
		}
		if (r.Status == Succeeded) != (want == "") || !strings.Contains(cause, want) {
			t.Errorf("%s\n%s %s, want %q", machine, r.Status, cause, want)
		}
	}
}
