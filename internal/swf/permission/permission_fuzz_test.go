package permission_test

import (
	"reflect"
	"testing"

	"github.com/go-faster/jx"

	"heddle/internal/aws/policy"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/wire"
)

// FuzzAsk reads any body as the input of each action. Whatever passed validation
// can be asked permission for: about a domain, with values that are the body's.
func FuzzAsk(f *testing.F) {
	f.Add([]byte(`{"domain":"d","workflowId":"w","workflowType":{"name":"n","version":"1"},"tagList":["a","b",null],"taskList":{"name":"l"},"lambdaRole":"arn:aws:iam::1:role/r"}`))
	f.Add([]byte(`{"taskToken":"t","decisions":[{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"1"}},
		{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowId":"w","workflowType":{"name":"n","version":"1"},"tagList":["x"]}},
		{"decisionType":"ScheduleActivityTask"},{"decisionType":"ContinueAsNewWorkflowExecution","continueAsNewWorkflowExecutionDecisionAttributes":{}}]}`))
	f.Add([]byte(`{"name":"n","version":"1","domain":"d","defaultTaskList":{"name":"l"},"workflowExecutionRetentionPeriodInDays":"1","tags":[{"key":"k"}]}`))
	f.Add([]byte(`{"resourceArn":"arn:aws:swf:us-east-1:1:/domain/d","tags":[{"key":"k","value":"v"}],"tagKeys":["k"]}`))
	f.Add([]byte(`{"domain":"d","startTimeFilter":{"oldestDate":1},"closeTimeFilter":{"oldestDate":1},"typeFilter":{"name":"n"},"tagFilter":{"tag":"t"},"registrationStatus":"REGISTERED"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, row := range summary {
			in := reflect.New(reflect.TypeOf(row.input).Elem()).Interface()
			if in.(interface{ Decode(*jx.Decoder) error }).Decode(jx.DecodeBytes(body)) != nil {
				continue
			}
			if v, ok := in.(interface{ Validate() error }); ok && v.Validate() != nil {
				continue
			}
			ask := permission.Call(row.operation, in)
			needs := []permission.Need{ask}
			if completed, ok := in.(*wire.RespondDecisionTaskCompletedInput); ok {
				for i := range completed.Decisions {
					needs = append(needs, permission.Decision(&completed.Decisions[i]))
				}
			}
			for _, a := range needs {
				r := a.Request(ann, "us-east-1", nil)
				if r.Action != a.Action || len(r.Action) < 5 || r.Resource == "" {
					t.Fatalf("%s needs for %q on %q", row.operation, r.Action, r.Resource)
				}
				policy.Evaluate(&r, &policy.PolicySets{})
			}
		}
	})
}
