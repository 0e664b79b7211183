package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// recorded is a history with three decision tasks that were answered, of which one timed out.
func recorded(t *testing.T) *History {
	t.Helper()
	var events []json.RawMessage
	for i, text := range []string{
		`WorkflowExecutionStarted {"workflowType":{"name":"order","version":"1"}}`,
		`DecisionTaskScheduled {}`, `DecisionTaskStarted {"scheduledEventId":2}`, `DecisionTaskCompleted {"scheduledEventId":2,"startedEventId":3}`,
		`TimerStarted {"timerId":"a","startToFireTimeout":"60","decisionTaskCompletedEventId":4}`,
		`SignalExternalWorkflowExecutionInitiated {"workflowId":"x","signalName":"s","decisionTaskCompletedEventId":4}`,
		`DecisionTaskScheduled {}`, `DecisionTaskStarted {"scheduledEventId":7}`, `DecisionTaskTimedOut {"scheduledEventId":7,"startedEventId":8}`,
		`SignalExternalWorkflowExecutionFailed {"workflowId":"x","initiatedEventId":6,"decisionTaskCompletedEventId":4}`,
		`DecisionTaskScheduled {}`, `DecisionTaskStarted {"scheduledEventId":11}`, `DecisionTaskCompleted {"scheduledEventId":11,"startedEventId":12}`,
		`DecisionTaskScheduled {}`, `DecisionTaskStarted {"scheduledEventId":14}`, `DecisionTaskCompleted {"scheduledEventId":14,"startedEventId":15}`,
		`WorkflowExecutionCompleted {"decisionTaskCompletedEventId":16}`,
	} {
		kind, attributes, _ := strings.Cut(text, " ")
		events = append(events, json.RawMessage(fmt.Sprintf(`{"eventId":%d,"eventType":%q,"eventTimestamp":"2026-03-01T12:00:%02d+00:00","%sEventAttributes":%s}`, i+1, kind, i, member(kind), attributes)))
	}
	h, err := New("h", "w", "r", events)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// served is what an action answers, in short.
func served(t *testing.T, s *Server, action, in string) string {
	t.Helper()
	out, err := s.serve(t.Context(), action, []byte(in))
	if err != nil {
		return err.Error()
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var task struct {
		TaskToken string
		Started   int64  `json:"startedEventId"`
		Previous  int64  `json:"previousStartedEventId"`
		Next      string `json:"nextPageToken"`
		Events    []struct {
			EventID        int64
			EventTimestamp float64
		}
	}
	if err := json.Unmarshal(raw, &task); err != nil {
		return string(raw)
	}
	var ids []string
	for _, e := range task.Events {
		ids = append(ids, fmt.Sprint(e.EventID))
	}
	return fmt.Sprintf("%s started %d previous %d events %s next %q", task.TaskToken, task.Started, task.Previous, strings.Join(ids, ","), task.Next)
}

// TestTasksAreAsTheyWere: each has the history as it was when it was started, by pages and in
// either order; of a task that timed out nothing is asked.
func TestTasksAreAsTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer("k", wait, []*History{recorded(t), recorded(t)})
		is := func(action, in, want string) {
			t.Helper()
			if got := served(t, s, action, in); !strings.HasPrefix(got, want) {
				t.Errorf("%s %s: %s, want %s", action, in, got, want)
			}
		}
		is("GetWorkflowExecutionHistory", `{"execution":{"workflowId":"w","runId":"r"}}`, "UnknownResourceFault")
		is("PollForDecisionTask", `{}`, `replay-0-0 started 3 previous 0 events 1,2,3 next ""`)
		is("PollForDecisionTask", `{}`, ` started 0`) // while it is out
		is("RespondDecisionTaskCompleted", `{"taskToken":"replay-0-1"}`, "UnknownResourceFault")
		const first = `"decisions":[{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"a","startToFireTimeout":"60","control":""}},{"decisionType":"SignalExternalWorkflowExecution","signalExternalWorkflowExecutionDecisionAttributes":{"workflowId":"x","signalName":"s"}}]`
		is("RespondDecisionTaskCompleted", `{"taskToken":"replay-0-0",`+first+`}`, " started 0 previous 0 events  next \"\"")
		is("PollForDecisionTask", `{"maximumPageSize":5}`, `replay-0-1 started 12 previous 3 events 1,2,3,4,5 next "5"`)
		is("PollForDecisionTask", `{"maximumPageSize":9,"nextPageToken":"5"}`, `replay-0-1 started 12 previous 3 events 6,7,8,9,10,11,12 next ""`)
		is("PollForDecisionTask", `{"nextPageToken":"99"}`, "the page token is none")
		is("GetWorkflowExecutionHistory", `{"reverseOrder":true,"maximumPageSize":3,"execution":{"workflowId":"w","runId":"r"}}`, ` started 0 previous 0 events 12,11,10 next "3"`)
		is("GetWorkflowExecutionHistory", `{"reverseOrder":true,"maximumPageSize":10,"nextPageToken":"3","execution":{"workflowId":"w","runId":"r"}}`, ` started 0 previous 0 events 9,8,7,6,5,4,3,2,1 next ""`)
		is("RespondDecisionTaskCompleted", `{"taskToken":"replay-0-1"}`, " started 0 previous 0 events  next \"\"")
		is("PollForDecisionTask", `{"startAtPreviousStartedEvent":true,"reverseOrder":true}`, `replay-0-2 started 15 previous 12 events 15,14,13,12 next ""`)
		if got := s.Waiting(); got != "h: the decision task that event 16 completed was not answered" {
			t.Error(got)
		}
		is("RespondDecisionTaskCompleted", `{"taskToken":"replay-0-2","decisions":[{"decisionType":"CompleteWorkflowExecution"}]}`, " started 0 previous 0 events  next \"\"")
		is("PollForDecisionTask", `{"maximumPageSize":1}`, `replay-1-0 started 3 previous 0 events 1 next "1"`)
		is("DescribeDomain", `{}`, "OperationNotPermittedFault")
		is("RegisterDomain", `{}`, " started 0 previous 0 events  next \"\"")
		is("RespondDecisionTaskCompleted", `{"taskToken":"replay-1-0","decisions":[{"decisionType":"CancelTimer","cancelTimerDecisionAttributes":{"timerId":"a"}}]}`, " started 0 previous 0 events  next \"\"")
		select {
		case <-s.Done():
		default:
			t.Error("it goes on after a difference")
		}
		if d, is := s.Result().(*Difference); !is || d.Decision != 1 || d.Recorded.Type != "StartTimer" || d.Answered.Type != "CancelTimer" {
			t.Errorf("the result is %v", s.Result())
		}
		is("PollForDecisionTask", `{}`, ` started 0`)
	})
}

// TestManyPolls: of many that poll at once each task goes to one.
func TestManyPolls(t *testing.T) {
	var all []*History
	for range 20 {
		all = append(all, recorded(t))
	}
	for _, h := range all { // whose decisions do not matter here
		for i := range h.tasks {
			h.tasks[i].decisions = nil
		}
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	s := NewServer("k", wait, all)
	var group sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for range 8 {
		group.Go(func() {
			for {
				out, err := s.serve(ctx, "PollForDecisionTask", []byte(`{}`))
				if err != nil {
					t.Error(err)
					return
				}
				token := out.(map[string]any)["taskToken"].(string)
				if token == "" {
					return
				}
				mu.Lock()
				seen[token]++
				mu.Unlock()
				if _, err := s.serve(ctx, "RespondDecisionTaskCompleted", fmt.Appendf(nil, `{"taskToken":%q}`, token)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	<-s.Done()
	end()
	group.Wait()
	if s.Result() != nil || len(seen) != 60 {
		t.Errorf("%d tasks, %v", len(seen), s.Result())
	}
	for token, n := range seen {
		if n != 1 {
			t.Errorf("%s went out %d times", token, n)
		}
	}
}

// TestForItsDeciderAlone: who does not have the key gets nothing.
func TestForItsDeciderAlone(t *testing.T) {
	s := NewServer("k1", wait, []*History{recorded(t)})
	for authorization, code := range map[string]int{
		"": 403, "AWS4-HMAC-SHA256 Credential=k2/x": 403, "AWS4-HMAC-SHA256 Credential=k12/x": 403, "AWS4-HMAC-SHA256 Credential=k1/20260301/us-east-1/swf/aws4_request, …": 200,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{}`))
		r.Header.Set("X-Amz-Target", "SimpleWorkflowService.PollForDecisionTask")
		r.Header.Set("Authorization", authorization)
		if s.ServeHTTP(w, r); w.Code != code {
			t.Errorf("%s: %d", authorization, w.Code)
		}
	}
}

// TestNewRefuses histories that are not whole, or none.
func TestNewRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"eventId":2,"eventType":"DecisionTaskScheduled"}`: "event 1 is missing", `{"eventId":1,"eventType":"DecisionTaskScheduled"}`: "begins with no WorkflowExecutionStarted",
		`{"id":1,"type":"ExecutionStarted"}`: "an event of SWF", `{"eventId":1,"eventType":"TimerStarted","timerStartedEventAttributes":{"decisionTaskCompletedEventId":4}}`: "decision task 4",
		`{"eventId":1,"eventType":"DecisionTaskCompleted","decisionTaskCompletedEventAttributes":{}}`: "no startedEventId",
	} {
		if _, err := New("h", "w", "r", []json.RawMessage{[]byte(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
