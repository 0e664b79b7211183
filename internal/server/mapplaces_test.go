package server

import (
	"fmt"
	"testing"

	"heddle/internal/sfn"
)

// TestMapRunsWaitForTheirPlace: of map runs no more are open than may be. Further ones wait in their
// order, over a restart too, and know nothing of their items meanwhile.
func TestMapRunsWaitForTheirPlace(t *testing.T) {
	cfg := onDisk(t)
	cfg.Services = Services()
	for _, s := range cfg.Services {
		if o, ours := s.Options.(*sfn.Options); ours {
			o.Execution.OpenMapRunsMax = 1
		}
	}
	s := start(t, cfg)
	const role, arn = "arn:aws:iam::123456789012:role/r", "arn:aws:states:us-east-1:123456789012:"
	askStates(t, s, "CreateActivity", `{"name":"pack"}`)
	askStates(t, s, "CreateStateMachine", `{"name":"m","roleArn":%q,"definition":%q}`, role,
		`{"StartAt":"All","States":{"All":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+arn+`activity:pack","End":true}}},"End":true}}}`)
	const n = 5
	var executions []string
	limits := func() (open, waits float64) {
		t.Helper()
		used := scrape(t, s).of("heddle_sfn_limit")
		const of = "{account=123456789012,limit=%s,region=us-east-1}"
		if most, some := used["heddle_sfn_limit"+fmt.Sprintf(of, "open_map_runs")]; some && most != 1 {
			t.Errorf("there may be %v open map runs, want 1", most)
		}
		return used["heddle_sfn_limit_used"+fmt.Sprintf(of, "open_map_runs")], used["heddle_sfn_limit_used"+fmt.Sprintf(of, "waiting_map_runs")]
	}
	for i := range n {
		executions = append(executions, askStates(t, s, "StartExecution", `{"stateMachineArn":%q,"name":"e%d","input":"[%d]"}`, arn+"stateMachine:m", i, i).ExecutionARN)
		waitUntil(t, "its map run has begun", func() bool {
			open, waits := limits()
			return open == 1 && waits == float64(i)
		})
	}
	restart := func() {
		t.Helper()
		closeServer(t, s)
		s = start(t, cfg)
	}
	askStates(t, s, "StopExecution", `{"executionArn":%q}`, executions[2])
	left := []int{0, 1, 3, 4}
	for i, want := range left {
		if i == 1 {
			restart()
		}
		task := askStates(t, s, "GetActivityTask", `{"activityArn":%q}`, arn+"activity:pack")
		if task.TaskToken == "" {
			t.Fatal("there is no task")
		}
		if open, waits := limits(); open != 1 || waits != float64(len(left)-i-1) {
			t.Errorf("%v are open and %v wait, want 1 and %d", open, waits, len(left)-i-1)
		}
		if task.Input != fmt.Sprint(want) {
			t.Errorf("the task is of execution %s, want %d", task.Input, want)
		}
		if i == 2 {
			restart()
		}
		askStates(t, s, "SendTaskSuccess", `{"taskToken":%q,"output":"{}"}`, task.TaskToken)
	}
	for i, e := range executions {
		want := "SUCCEEDED"
		if i == 2 {
			want = "ABORTED"
		}
		waitUntil(t, "it is "+want, func() bool { return askStates(t, s, "DescribeExecution", `{"executionArn":%q}`, e).Status == want })
	}
}
