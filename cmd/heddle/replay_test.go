//go:build unix

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/internal/console/client"
	"heddle/internal/server"
)

// runDecider is a decider by the SDK, which changes something of what it decides.
func runDecider(change string) error {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	c := swf.NewFromConfig(cfg)
	for {
		if _, err := decideOnce(ctx, c, change); err != nil {
			return err
		}
	}
}

func decideOnce(ctx context.Context, c *swf.Client, change string) (decided bool, err error) {
	in := &swf.PollForDecisionTaskInput{Domain: aws.String("shop"), TaskList: &types.TaskList{Name: aws.String("deciders")}, MaximumPageSize: 3}
	var token *string
	var history []types.HistoryEvent
	for pages := swf.NewPollForDecisionTaskPaginator(c, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, err
		}
		if token == nil {
			token = page.TaskToken
		}
		history = append(history, page.Events...)
	}
	if aws.ToString(token) == "" {
		return false, nil
	}
	_, err = c.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: token, Decisions: changed(decisionsOf(history), change)})
	return true, err
}

// decisionsOf are those of the decision task after so many: all types, and some that can't be
// done.
func decisionsOf(history []types.HistoryEvent) []types.Decision {
	tasks := 0
	for _, e := range history {
		if e.EventType == types.EventTypeDecisionTaskCompleted {
			tasks++
		}
	}
	str := aws.String
	activity := func(id, input string) types.Decision {
		return types.Decision{DecisionType: types.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: &types.ScheduleActivityTaskDecisionAttributes{
			ActivityId: str(id), ActivityType: &types.ActivityType{Name: str("pack"), Version: str("1")}, Input: str(input), TaskPriority: str("0"),
		}}
	}
	switch tasks {
	case 0:
		return []types.Decision{
			activity("a", "1"), activity("b", "2"),
			{DecisionType: types.DecisionTypeStartTimer, StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{TimerId: str("t"), StartToFireTimeout: str("600")}},
			{DecisionType: types.DecisionTypeRecordMarker, RecordMarkerDecisionAttributes: &types.RecordMarkerDecisionAttributes{MarkerName: str("m"), Details: str("d")}},
			{DecisionType: types.DecisionTypeSignalExternalWorkflowExecution, SignalExternalWorkflowExecutionDecisionAttributes: &types.SignalExternalWorkflowExecutionDecisionAttributes{WorkflowId: str("nobody"), SignalName: str("s")}},
		}
	case 1:
		return []types.Decision{
			{DecisionType: types.DecisionTypeRequestCancelActivityTask, RequestCancelActivityTaskDecisionAttributes: &types.RequestCancelActivityTaskDecisionAttributes{ActivityId: str("a")}},
			{DecisionType: types.DecisionTypeRequestCancelActivityTask, RequestCancelActivityTaskDecisionAttributes: &types.RequestCancelActivityTaskDecisionAttributes{ActivityId: str("none")}},
			{DecisionType: types.DecisionTypeCancelTimer, CancelTimerDecisionAttributes: &types.CancelTimerDecisionAttributes{TimerId: str("t")}},
			{DecisionType: types.DecisionTypeStartChildWorkflowExecution, StartChildWorkflowExecutionDecisionAttributes: &types.StartChildWorkflowExecutionDecisionAttributes{
				WorkflowId: str("child"), WorkflowType: &types.WorkflowType{Name: str("order"), Version: str("1")}, TaskList: &types.TaskList{Name: str("nobody")}, TagList: []string{"x"}}},
			{DecisionType: types.DecisionTypeRequestCancelExternalWorkflowExecution, RequestCancelExternalWorkflowExecutionDecisionAttributes: &types.RequestCancelExternalWorkflowExecutionDecisionAttributes{WorkflowId: str("nobody")}},
			{DecisionType: types.DecisionTypeScheduleLambdaFunction, ScheduleLambdaFunctionDecisionAttributes: &types.ScheduleLambdaFunctionDecisionAttributes{Id: str("l"), Name: str("f")}},
		}
	case 2:
		return nil
	}
	return []types.Decision{{DecisionType: types.DecisionTypeContinueAsNewWorkflowExecution, ContinueAsNewWorkflowExecutionDecisionAttributes: &types.ContinueAsNewWorkflowExecutionDecisionAttributes{Input: str("again"), WorkflowTypeVersion: str("1")}}}
}

// changed are decisions with something changed in those of one task.
func changed(all []types.Decision, change string) []types.Decision {
	swap := func(of types.DecisionType) {
		if i := slices.IndexFunc(all, func(d types.Decision) bool { return d.DecisionType == of }); i > 0 {
			all[i], all[i-1] = all[i-1], all[i]
		}
	}
	switch {
	case change == "die" && len(all) == 6:
		os.Exit(7)
	case change == "hang" && len(all) == 6:
		select {}
	case change == "swapped":
		swap(types.DecisionTypeStartTimer)
	case change == "swapped late":
		swap(types.DecisionTypeCancelTimer)
	case change == "input" && len(all) == 5:
		all[1].ScheduleActivityTaskDecisionAttributes.Input = aws.String("3")
	case change == "list" && len(all) == 6:
		all[3].StartChildWorkflowExecutionDecisionAttributes.TaskList.Name = aws.String("somebody")
	case change == "fewer" && len(all) == 6:
		return all[:5]
	case change == "more" && len(all) == 0:
		return append(all, decisionsOf(nil)[3])
	case change == "version" && len(all) == 1:
		all[0].ContinueAsNewWorkflowExecutionDecisionAttributes.WorkflowTypeVersion = aws.String("2")
	}
	return all
}

// TestReplay has a decider by the SDK decide on a server, and then others decide anew what is
// recorded: the same one passes, and each that decides otherwise is found out, with both
// sides; from files and from the server.
func TestReplay(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p, err := launch(t, "true", "serve", "--listen", "127.0.0.1:0", "--data", data, "--poll-hold", "1s")
	if err != nil {
		t.Fatal(err)
	}
	defer p.end(t, syscall.SIGTERM)
	for _, name := range []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", server.CredentialsFile(data))
	caller, err := client.New(t.Context(), client.Config{Endpoint: p.url, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	call := func(action, in string) []byte {
		t.Helper()
		raw, err := caller.Call(t.Context(), client.SWF, action, json.RawMessage(in))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	call("RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`)
	call("RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"30"}`)
	call("RegisterActivityType", `{"domain":"shop","name":"pack","version":"1","defaultTaskList":{"name":"packers"},"defaultTaskHeartbeatTimeout":"NONE","defaultTaskScheduleToStartTimeout":"600","defaultTaskScheduleToCloseTimeout":"NONE","defaultTaskStartToCloseTimeout":"NONE"}`)
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(p.url))
	if err != nil {
		t.Fatal(err)
	}
	sdk := swf.NewFromConfig(cfg)
	record := func(id string, tasks int) (run string) {
		t.Helper()
		raw := call("StartWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"}}`)
		var started struct{ RunID string }
		if err := json.Unmarshal(raw, &started); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < tasks; n++ {
			if n > 0 { // so that there is another decision task
				call("SignalWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`","signalName":"go"}`)
			}
			if decided, err := decideOnce(t.Context(), sdk, ""); err != nil || !decided {
				t.Fatalf("decide: %v", err)
			}
		}
		return started.RunID
	}
	run := record("order-1", 4)
	file := filepath.Join(t.TempDir(), "order-1.json")
	if err := os.WriteFile(file, call("GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"order-1","runId":"`+run+`"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	call("TerminateWorkflowExecution", `{"domain":"shop","workflowId":"order-1"}`) // the next run
	record("order-2", 1)
	record("order-3", 2)

	tested, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here := []string{"replay", "--timeout", "20s"}
	fromFile := append(slices.Clone(here), file, "--", tested, "decider")
	fromServer := append(slices.Clone(here), "--endpoint", p.url, "--domain", "shop", "--open", "100", "--type", "order", "--", tested, "decider")
	for _, c := range []struct {
		change string
		args   []string
		code   int
		says   []string
		errors string
	}{
		{"", fromFile, 0, []string{"decides as was recorded: 1 histories, 4 decision tasks, 12 decisions"}, ""},
		{"", fromServer, 0, []string{"decides as was recorded: 3 histories, 3 decision tasks, 16 decisions"}, ""},
		{"swapped", fromFile, 1, []string{"order-1.json: decision 2 of the task that event ", `recorded  ScheduleActivityTask {"activityId":"b"`, `answered  StartTimer {"startToFireTimeout":"600","timerId":"t"}`}, "decides otherwise"},
		{"swapped", fromServer, 1, []string{"order-", "answered  StartTimer"}, "decides otherwise"},
		{"swapped late", fromFile, 1, []string{"decision 2 of the task", `recorded  RequestCancelActivityTask {"activityId":"none"}`, `answered  CancelTimer`}, "decides otherwise"},
		{"input", fromFile, 1, []string{"decision 2 of the task", `"input":"2"`, `"input":"3"`, "differs   input"}, "decides otherwise"},
		{"list", fromFile, 1, []string{"decision 4 of the task", "differs   taskList"}, "decides otherwise"},
		{"fewer", fromFile, 1, []string{"decision 6 of the task", "recorded  ScheduleLambdaFunction", "answered  no decision"}, "decides otherwise"},
		{"more", fromFile, 1, []string{"decision 1 of the task", "recorded  no decision", "answered  RecordMarker"}, "decides otherwise"},
		{"version", fromFile, 1, []string{"decision 1 of the task", "differs   workflowTypeVersion"}, "decides otherwise"},
		{"swapped", append([]string{"replay", "--json"}, fromFile[1:]...), 1, []string{`"same": false`, `"decisionType": "StartTimer"`}, "decides otherwise"},
		{"", append([]string{"replay", "--json"}, fromFile[1:]...), 0, []string{`"same": true`}, ""},
		{"die", fromFile, 1, nil, "has ended before it was done, exit status 7; order-1.json: the decision task that event "},
		{"hang", append([]string{"replay", "--timeout", "2s"}, fromFile[3:]...), 1, nil, "was not answered within 2s"},
		{"", []string{"replay", file}, 2, nil, "want HISTORY.json -- DECIDER"},
		{"", []string{"replay", "--open", "3", "--", "true"}, 2, nil, "--open wants --domain"},
		{"", []string{"replay", "/nowhere.json", "--", "true"}, 1, nil, "no such file"},
		{"", []string{"replay", file, "--", "/nowhere/decider"}, 1, nil, "start the decider"},
		{"", []string{"replay", "--endpoint", p.url, "--domain", "nowhere", "--open", "3", "--", "true"}, 3, nil, "UnknownResourceFault"},
	} {
		var out, errs strings.Builder
		cmd := heddle(t, c.args...)
		cmd.Env = append(cmd.Env, "HEDDLE_TEST_DECIDER="+c.change)
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(errs.String(), c.errors) {
			t.Errorf("%s, %v: exit %d, want %d; %s%s", c.change, c.args, got, c.code, out.String(), errs.String())
		}
		for _, part := range c.says {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s, %v says\n%s\nwithout %q; %s", c.change, c.args, out.String(), part, errs.String())
			}
		}
	}
}
