package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-faster/jx"
)

func TestValidate(t *testing.T) {
	const ok = ""
	long := strings.Repeat("x", 257)
	token := func(decisions string) string { return `{"taskToken":"t","decisions":[` + decisions + `]}` }
	start := func(more string) string {
		return `{"domain":"d","workflowId":"w","workflowType":{"name":"n","version":"1"}` + more + `}`
	}
	constraint := func(value, at, text string) string {
		return "1 validation error detected: Value " + value + " at '" + at + "' failed to satisfy constraint: Member must " + text
	}
	const enum = "satisfy enum value set: [CompleteWorkflowExecution, StartTimer, " +
		"RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution, CancelTimer, RecordMarker, ScheduleActivityTask, " +
		"ContinueAsNewWorkflowExecution, ScheduleLambdaFunction, FailWorkflowExecution, RequestCancelActivityTask, " +
		"StartChildWorkflowExecution, CancelWorkflowExecution]"
	lambda := func(seconds string) string {
		return token(`{"decisionType":"ScheduleLambdaFunction","scheduleLambdaFunctionDecisionAttributes":{"id":"i","name":"f","startToCloseTimeout":"` + seconds + `"}}`)
	}
	lambdaSeconds := func(value string) string {
		return "Value '" + value + "' at 'decisions.1.member.scheduleLambdaFunctionDecisionAttributes.startToCloseTimeout' is invalid: must be a number of seconds from 1 to 900"
	}
	for _, c := range []struct{ input, body, want string }{
		{"DescribeWorkflowExecutionInput", `{}`, `2 validation errors detected: ` +
			`Value null at 'execution' failed to satisfy constraint: Member must not be null; ` +
			`Value null at 'domain' failed to satisfy constraint: Member must not be null`},
		{"GetWorkflowExecutionHistoryInput", `{"domain":null,"execution":{}}`, `3 validation errors detected: ` +
			`Value null at 'execution.runId' failed to satisfy constraint: Member must not be null; ` +
			`Value null at 'execution.workflowId' failed to satisfy constraint: Member must not be null; ` +
			`Value null at 'domain' failed to satisfy constraint: Member must not be null`},
		{"DescribeWorkflowExecutionInput", `{"domain":"d","execution":{"runId":"","workflowId":"w"}}`,
			constraint("''", "execution.runId", "have length greater than or equal to 1")},

		{"RespondDecisionTaskCompletedInput", `{"taskToken":"t"}`, ok},
		{"RespondDecisionTaskCompletedInput", `{"taskToken":"t","decisions":[]}`, ok},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{}}`),
			constraint("null", "decisions.1.member.recordMarkerDecisionAttributes.markerName", "not be null")},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"X"}`),
			constraint("'X'", "decisions.1.member.decisionType", enum)},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m"}},null`),
			constraint("null", "decisions.2.member", "not be null")},
		{"RespondDecisionTaskCompletedInput", // a block that belongs to another type is looked at too
			token(`{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m"},"startTimerDecisionAttributes":{"timerId":"t"}}`),
			constraint("null", "decisions.1.member.startTimerDecisionAttributes.startToFireTimeout", "not be null")},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"StartTimer"}`),
			"StartTimerDecisionAttributes must be specified for decision of type StartTimer"},
		{"RespondDecisionTaskCompletedInput", // checked before anything else of the service
			token(`{"decisionType":"CompleteWorkflowExecution"},{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":":","startToFireTimeout":"x"}}`),
			"Close must be last decision in list"},
		{"RespondDecisionTaskCompletedInput", // and before the constraints of the model
			token(`{"decisionType":"FailWorkflowExecution"},null,{"decisionType":"X"}`), "Close must be last decision in list"},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"StartTimer"},{"decisionType":"X"}`),
			constraint("'X'", "decisions.2.member.decisionType", enum)},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"0"}},` +
			`{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}`), ok},
		{"RespondDecisionTaskCompletedInput", token(`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"NONE"}}`),
			"Value 'NONE' at 'decisions.1.member.startTimerDecisionAttributes.startToFireTimeout' is invalid: must be a number of seconds, 0 or more"},

		{"RespondDecisionTaskCompletedInput", lambda("1"), ok},
		{"RespondDecisionTaskCompletedInput", lambda("900"), ok},
		{"RespondDecisionTaskCompletedInput", lambda("0"), lambdaSeconds("0")},
		{"RespondDecisionTaskCompletedInput", lambda("901"), lambdaSeconds("901")},
		{"RespondDecisionTaskCompletedInput", lambda("NONE"), lambdaSeconds("NONE")},
		{"RespondDecisionTaskCompletedInput", lambda("+9"), lambdaSeconds("+9")},

		{"StartWorkflowExecutionInput", start(``), ok},
		{"StartWorkflowExecutionInput", start(`,"childPolicy":"KILL"`),
			constraint("'KILL'", "childPolicy", "satisfy enum value set: [TERMINATE, REQUEST_CANCEL, ABANDON]")},
		{"StartWorkflowExecutionInput", start(`,"tagList":["a","b","c","d","e","f"]`),
			constraint("'[a, b, c, d, e, f]'", "tagList", "have length less than or equal to 5")},
		{"StartWorkflowExecutionInput", start(`,"tagList":["a","` + long + `"]`),
			constraint("'"+long+"'", "tagList.2.member", "have length less than or equal to 256")},
		{"StartWorkflowExecutionInput", start(`,"tagList":[null,""]`), ok},
		{"StartWorkflowExecutionInput", start(`,"input":"` + strings.Repeat("é", 32768) + `"`), ok},
		{"StartWorkflowExecutionInput", start(`,"workflowId":"` + strings.Repeat("é", 257) + `"`),
			constraint("'"+strings.Repeat("é", 257)+"'", "workflowId", "have length less than or equal to 256")},
		{"StartWorkflowExecutionInput", start(`,"taskList":{}`), constraint("null", "taskList.name", "not be null")},
		{"StartWorkflowExecutionInput", start(`,"taskList":{"name":"a:b"}`),
			"Value 'a:b' at 'taskList.name' is invalid: must not contain : (colon), / (slash), | (vertical bar) or a control character"},
		{"StartWorkflowExecutionInput", start(`,"workflowId":"a\u0085"`),
			"Value 'a\u0085' at 'workflowId' is invalid: must not contain a control character"},
		{"StartWorkflowExecutionInput", start(`,"workflowId":"arn"`), "Value 'arn' at 'workflowId' is invalid: must not be the literal string arn"},
		{"StartWorkflowExecutionInput", start(`,"workflowId":"arnold "`), ok},
		{"StartWorkflowExecutionInput", start(`,"executionStartToCloseTimeout":"NONE"`),
			"Value 'NONE' at 'executionStartToCloseTimeout' is invalid: must be a number of seconds, 0 or more"},
		{"StartWorkflowExecutionInput", start(`,"executionStartToCloseTimeout":"99999999","taskStartToCloseTimeout":"NONE"`), ok},
		{"StartWorkflowExecutionInput", start(`,"taskStartToCloseTimeout":"-1"`),
			"Value '-1' at 'taskStartToCloseTimeout' is invalid: must be a number of seconds, 0 or more, or NONE"},
		{"StartWorkflowExecutionInput", start(`,"taskStartToCloseTimeout":"123456789"`),
			constraint("'123456789'", "taskStartToCloseTimeout", "have length less than or equal to 8")},
		{"StartWorkflowExecutionInput", start(`,"taskPriority":"-2147483648"`), ok},
		{"StartWorkflowExecutionInput", start(`,"taskPriority":"2147483648"`),
			"Value '2147483648' at 'taskPriority' is invalid: must be an integer from -2147483648 to 2147483647"},

		{"ListDomainsInput", `{"registrationStatus":"REGISTERED","maximumPageSize":1000}`, ok},
		{"ListDomainsInput", `{"registrationStatus":"REGISTERED","maximumPageSize":0}`, ok},
		{"ListDomainsInput", `{"registrationStatus":"REGISTERED","maximumPageSize":1001}`,
			constraint("'1001'", "maximumPageSize", "have value less than or equal to 1000")},
		{"ListDomainsInput", `{"registrationStatus":"REGISTERED","maximumPageSize":-1}`,
			constraint("'-1'", "maximumPageSize", "have value greater than or equal to 0")},

		{"RegisterDomainInput", `{"name":" d","workflowExecutionRetentionPeriodInDays":"NONE"}`,
			"Value ' d' at 'name' is invalid: must not start or end with whitespace"},
		{"RegisterDomainInput", `{"name":"d","workflowExecutionRetentionPeriodInDays":"ten"}`,
			"Value 'ten' at 'workflowExecutionRetentionPeriodInDays' is invalid: must be a number of days, 0 or more, or NONE"},
		{"RegisterDomainInput", `{"name":"d","workflowExecutionRetentionPeriodInDays":"0","tags":[{"key":"a b/é","value":""}]}`, ok},
		{"RegisterDomainInput", `{"name":"d","workflowExecutionRetentionPeriodInDays":"0","tags":[{"key":"a;"}]}`,
			"Value 'a;' at 'tags.1.member.key' is invalid: may only contain letters, digits, whitespace and _ . : / = + - @"},
		{"RegisterDomainInput", `{"name":"d","workflowExecutionRetentionPeriodInDays":"0","tags":[null]}`,
			constraint("null", "tags.1.member", "not be null")},
		{"UntagResourceInput", `{"resourceArn":"a","tagKeys":[null]}`, constraint("null", "tagKeys.1.member", "not be null")},
		{"UntagResourceInput", `{"resourceArn":"a","tagKeys":[""]}`,
			constraint("''", "tagKeys.1.member", "have length greater than or equal to 1")},
	} {
		in := structures[c.input]()
		if err := in.Decode(jx.DecodeStr(c.body)); err != nil {
			t.Fatalf("%s %s: %v", c.input, c.body, err)
		}
		got := ""
		if err := in.(interface{ Validate() error }).Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %.200s:\n got %s\nwant %s", c.input, c.body, got, c.want)
		}
	}
}

// TestTaskLists names a task list that nobody may poll, wherever one can be named.
func TestTaskLists(t *testing.T) {
	domain := `"domain":"d",`
	kind := `"name":"n","version":"1",`
	for input, c := range map[string]struct{ body, at string }{
		"CountPendingActivityTasksInput": {`{` + domain + `"taskList":LIST}`, "taskList"},
		"CountPendingDecisionTasksInput": {`{` + domain + `"taskList":LIST}`, "taskList"},
		"PollForActivityTaskInput":       {`{` + domain + `"taskList":LIST}`, "taskList"},
		"PollForDecisionTaskInput":       {`{` + domain + `"taskList":LIST}`, "taskList"},
		"RegisterActivityTypeInput":      {`{` + domain + kind + `"defaultTaskList":LIST}`, "defaultTaskList"},
		"RegisterWorkflowTypeInput":      {`{` + domain + kind + `"defaultTaskList":LIST}`, "defaultTaskList"},
		"StartWorkflowExecutionInput": {
			`{` + domain + `"workflowId":"w","workflowType":{"name":"n","version":"1"},"taskList":LIST}`, "taskList",
		},
		"RespondDecisionTaskCompletedInput": {`{"taskToken":"t","taskList":LIST}`, "taskList"},
		"ScheduleActivityTask": {
			`"activityId":"a","activityType":{"name":"n","version":"1"},"taskList":LIST`,
			"decisions.1.member.scheduleActivityTaskDecisionAttributes.taskList",
		},
		"StartChildWorkflowExecution": {
			`"workflowId":"w","workflowType":{"name":"n","version":"1"},"taskList":LIST`,
			"decisions.1.member.startChildWorkflowExecutionDecisionAttributes.taskList",
		},
		"ContinueAsNewWorkflowExecution": {
			`"taskList":LIST`, "decisions.1.member.continueAsNewWorkflowExecutionDecisionAttributes.taskList",
		},
	} {
		if !strings.HasSuffix(input, "Input") {
			block := strings.ToLower(input[:1]) + input[1:] + "DecisionAttributes"
			c.body = fmt.Sprintf(`{"taskToken":"t","decisions":[{"decisionType":%q,%q:{%s}}]}`, input, block, c.body)
			input = "RespondDecisionTaskCompletedInput"
		}
		for name, why := range map[string]string{
			"a:b": "must not contain : (colon), / (slash), | (vertical bar) or a control character",
			"arn": "must not be the literal string arn",
			" a":  "must not start or end with whitespace",
			"a b": "",
		} {
			in := structures[input]()
			if err := in.Decode(jx.DecodeStr(strings.ReplaceAll(c.body, "LIST", `{"name":"`+name+`"}`))); err != nil {
				t.Fatal(err)
			}
			got, want := "", ""
			if err := in.(interface{ Validate() error }).Validate(); err != nil {
				got = err.Error()
			}
			if why != "" {
				want = "Value '" + name + "' at '" + c.at + ".name' is invalid: " + why
			}
			if got != want {
				t.Errorf("%s of %s: got %q, want %q", c.at, input, got, want)
			}
		}
	}
}

// TestRequiredMembers leaves out every required member of every request in turn.
func TestRequiredMembers(t *testing.T) {
	m := readModel(t)
	for _, op := range Operations {
		shape := m.Shapes[op.Input]
		for _, missing := range shape.Required {
			in := structures[op.Input]()
			if err := in.Decode(jx.DecodeStr(`{"` + missing + `":null}`)); err != nil {
				t.Fatal(err)
			}
			err := in.(interface{ Validate() error }).Validate()
			want := fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", missing)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s without %s: %v", op.Input, missing, err)
			}
		}
	}
}

// TestEveryLimit sends, for every operation, strings above the model's longest:
// at the first level each must be found.
func TestEveryLimit(t *testing.T) {
	limits := readLimits(t)
	for _, op := range Operations {
		for name, limit := range limits[op.Input] {
			in := structures[op.Input]()
			if err := in.Decode(jx.DecodeStr(`{"` + name + `":"` + strings.Repeat("9", limit+1) + `"}`)); err != nil {
				t.Fatal(err)
			}
			err := in.(interface{ Validate() error }).Validate()
			want := fmt.Sprintf("at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", name, limit)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: a too long %s gave %.300v", op.Input, name, err)
			}
		}
	}
}

func TestReadingValidatedValues(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "60": 60, "99999999": 99999999} {
		if n, limited := Seconds(in); n != want || !limited {
			t.Errorf("Seconds(%q) = %d, %v", in, n, limited)
		}
	}
	if n, limited := Seconds(None); n != 0 || limited {
		t.Errorf("Seconds(NONE) = %d, %v", n, limited)
	}
	if got := Priority("-7"); got != -7 {
		t.Errorf("Priority(-7) = %d", got)
	}
}

func TestManyViolations(t *testing.T) {
	var in RespondDecisionTaskCompletedInput
	many := strings.Repeat("{},", 9999) + "{}"
	if err := in.Decode(jx.DecodeStr(`{"taskToken":"t","decisions":[` + many + `]}`)); err != nil {
		t.Fatal(err)
	}
	err := in.Validate()
	if err == nil || !strings.HasPrefix(err.Error(), "10000 validation errors detected: ") || strings.Count(err.Error(), "not be null") != 100 {
		t.Errorf("got %.100v, %d listed", err, strings.Count(err.Error(), "not be null"))
	}
}

// TestDecisionsWithoutTheirBlocks leaves out the block of each type of decision, and
// sends null in its place: where the model requires no member of it, that is an empty
// block, else it is refused.
func TestDecisionsWithoutTheirBlocks(t *testing.T) {
	shapes, empty := readModel(t).Shapes, 0
	for _, kind := range DecisionTypeValues {
		member := strings.ToLower(kind[:1]) + kind[1:] + "DecisionAttributes"
		for _, without := range []string{"", `,"` + member + `":null`} {
			var in, with RespondDecisionTaskCompletedInput
			body := `{"taskToken":"t","decisions":[{"decisionType":"` + kind + `"` + without + `}]}`
			if err := in.Decode(jx.DecodeStr(body)); err != nil {
				t.Fatal(err)
			}
			err := in.Validate()
			if len(shapes[kind+"DecisionAttributes"].Required) > 0 {
				want := kind + "DecisionAttributes must be specified for decision of type " + kind
				if err == nil || err.Error() != want {
					t.Errorf("%s: %v, want %s", body, err, want)
				}
				continue
			}
			empty++
			if err := with.Decode(jx.DecodeStr(`{"taskToken":"t","decisions":[{"` + member + `":{},"decisionType":"` + kind + `"}]}`)); err != nil {
				t.Fatal(err)
			}
			if err != nil || !reflect.DeepEqual(in, with) {
				t.Errorf("%s: %v, %s", body, err, in.AppendJSON(nil))
			}
		}
	}
	if empty != 2*4 {
		t.Errorf("%d of 26 were taken", empty)
	}
	// A block of another type is none of this one's.
	var in RespondDecisionTaskCompletedInput
	if err := in.Decode(jx.DecodeStr(`{"taskToken":"t","decisions":[{"decisionType":"FailWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{"result":"r"}}]}`)); err != nil {
		t.Fatal(err)
	}
	if body, ok := in.Decisions[0].Body().(*FailWorkflowExecutionDecisionAttributes); !ok || !reflect.DeepEqual(*body, FailWorkflowExecutionDecisionAttributes{}) || in.Validate() != nil {
		t.Errorf("%s: %v", in.AppendJSON(nil), in.Validate())
	}
}

// TestWorkflowIDs has ids of every sort in each place that names an execution: what may be
// started may be named everywhere.
func TestWorkflowIDs(t *testing.T) {
	const tokened = `{"taskToken":"t","decisions":[{"decisionType":"%s","%sDecisionAttributes":{"workflowId":ID,%s}}]}`
	named := func(kind, rest string) string {
		return fmt.Sprintf(tokened, kind, strings.ToLower(kind[:1])+kind[1:], rest)
	}
	starts := map[string]string{
		"StartWorkflowExecutionInput": `{"domain":"d","workflowId":ID,"workflowType":{"name":"n","version":"1"}}`,
		"StartChildWorkflowExecution": named("StartChildWorkflowExecution", `"workflowType":{"name":"n","version":"1"}`),
	}
	names := map[string]string{
		"SignalExternalWorkflowExecution":        named("SignalExternalWorkflowExecution", `"signalName":"s"`),
		"RequestCancelExternalWorkflowExecution": named("RequestCancelExternalWorkflowExecution", `"control":"c"`),
		"SignalWorkflowExecutionInput":           `{"domain":"d","workflowId":ID,"signalName":"s"}`,
		"RequestCancelWorkflowExecutionInput":    `{"domain":"d","workflowId":ID}`,
		"TerminateWorkflowExecutionInput":        `{"domain":"d","workflowId":ID}`,
		"DescribeWorkflowExecutionInput":         `{"domain":"d","execution":{"workflowId":ID,"runId":"r"}}`,
		"GetWorkflowExecutionHistoryInput":       `{"domain":"d","execution":{"workflowId":ID,"runId":"r"}}`,
		"ListOpenWorkflowExecutionsInput":        `{"domain":"d","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":ID}}`,
		"ListClosedWorkflowExecutionsInput":      `{"domain":"d","closeTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":ID}}`,
		"CountOpenWorkflowExecutionsInput":       `{"domain":"d","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":ID}}`,
		"CountClosedWorkflowExecutionsInput":     `{"domain":"d","closeTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":ID}}`,
	}
	verdict := func(input, body, id string) error {
		if !strings.HasSuffix(input, "Input") {
			input = "RespondDecisionTaskCompletedInput"
		}
		quoted, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		in := structures[input]()
		if err := in.Decode(jx.DecodeStr(strings.ReplaceAll(body, "ID", string(quoted)))); err != nil {
			t.Fatal(err)
		}
		return in.(interface{ Validate() error }).Validate()
	}
	for _, id := range []string{
		"a", "2200/+c29tZSBydW4gaWQgdGhhdCBpcyBiYXNlNjQgYW5kPQ=:1", ":", "/", "|", "//", "a:b", "a/b", "a|b", "../..", "%2F", "*", "?", "${aws:username}",
		"arn:aws:swf:us-east-1:123456789012:/domain/other", "arn:", " arn", "a b", " a ", "\u00a0", "é☃😀", `"\`, strings.Repeat("/", 256),
	} {
		for _, group := range []map[string]string{starts, names} {
			for input, body := range group {
				if err := verdict(input, body, id); err != nil {
					t.Errorf("%s of %q: %v", input, id, err)
				}
			}
		}
	}
	for _, id := range []string{"", "arn", "\x00", "a\x00b", "a\n", "\x1f", "\x7f", "\u0080", "\u009f", strings.Repeat("/", 257)} {
		for input, body := range starts {
			if verdict(input, body, id) == nil {
				t.Errorf("%s takes %q", input, id)
			}
		}
	}
}
