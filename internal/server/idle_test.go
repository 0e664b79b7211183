package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"heddle/internal/swf/wire"
)

// TestNothingRunsForAnExecution: a thousand executions that wait for deciders, activities
// and timers add no goroutine. (A shard that is stepped may keep one.)
func TestNothingRunsForAnExecution(t *testing.T) {
	s := start(t, memory())
	do := func(action, body string) string {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Host = s.Addr()
		r.Header.Set("X-Amz-Target", wire.TargetPrefix+"."+action)
		w := httptest.NewRecorder()
		s.door.ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", action, w.Code, w.Body)
		}
		return w.Body.String()
	}
	do("RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	do("RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`)
	do("RegisterActivityType", `{"domain":"shop","name":"pack","version":"1","defaultTaskList":{"name":"packers"},"defaultTaskHeartbeatTimeout":"60",
		"defaultTaskScheduleToCloseTimeout":"NONE","defaultTaskScheduleToStartTimeout":"NONE","defaultTaskStartToCloseTimeout":"NONE"}`)
	started := 0
	begin := func(n int) {
		t.Helper()
		for range n {
			started++
			do("StartWorkflowExecution", fmt.Sprintf(`{"domain":"shop","workflowId":"w%d","workflowType":{"name":"order","version":"1"}}`, started))
			if started%3 == 0 {
				continue // its decision task waits
			}
			task := do("PollForDecisionTask", pollDeciders)
			_, token, _ := strings.Cut(task, `"taskToken":"`)
			token, _, _ = strings.Cut(token, `"`)
			do("RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[
				{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"3000"}},
				{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"p","activityType":{"name":"pack","version":"1"}}}]}`)
			if started%2 == 0 {
				do("PollForActivityTask", `{"domain":"shop","taskList":{"name":"packers"}}`)
			}
		}
		waitUntil(t, "nothing is under way", func() bool { return !s.node.Unfinished() })
	}
	begin(20)
	few := runtime.NumGoroutine()
	begin(1000)
	if many := runtime.NumGoroutine(); many > few+memoryShards {
		t.Errorf("%d goroutines with 1,020 open executions, %d with 20", many, few)
	}
}
