package sfn

import (
	"strings"
	"testing"

	"heddle/internal/service"
	"heddle/internal/sfn/asl"
)

// TestCallsOfServicesAreChecked when a definition is: services, their actions and parameters.
func TestCallsOfServicesAreChecked(t *testing.T) {
	s := &actions{Kernel: &service.Kernel{}, options: &Options{}}
	s.calls = newCalls(s)
	const unknown = "is not recognized"
	for _, c := range []struct{ resource, parameters, want string }{
		{"aws-sdk:s3:getObject", `{"Bucket":"b","Key.$":"$.k","SseCustomerAlgorithm":"x"}`, ""},
		{"aws-sdk:s3:getObject.waitForTaskToken", `{"Bucket":"b"}`, ""},
		{"aws-sdk:s3:getObjects", `{}`, unknown},
		{"aws-sdk:s3:getObject", `{"Bucket":"b","Nope.$":"$.k"}`, `The field "Nope" is not supported by Step Functions at /States/T/Parameters`},
		{"aws-sdk:stepfunctions:startExecution", `{}`, unknown}, // it is sfn
		{"aws-sdk:sfn:startExecution", `{"StateMachineArn":"a","Input.$":"$"}`, ""},
		{"aws-sdk:kinesis:subscribeToShard", `{}`, unknown}, // it streams events
		{"aws-sdk:neptune:describeDBClusters", `{"Anything":1}`, ""},
		{"aws-sdk:nobody:doIt", `{}`, unknown},
		{"sqs:sendMessage", `{"QueueUrl":"q","MessageBody":"b"}`, ""},
		{"sqs:sendMessage.sync", `{"QueueUrl":"q","MessageBody":"b"}`, unknown},
		{"batch:submitJob.sync", `{"JobName":"j","JobQueue":"q","JobDefinition":"d"}`, ""},
	} {
		definition := `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::` + c.resource + `","Parameters":` + c.parameters + `,"End":true}}}`
		_, found := asl.Compile([]byte(definition), asl.Options{Calls: s.calls.known})
		got := ""
		if asl.Failed(found) {
			got = asl.Message(definition, found)
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s, want %q", c.resource, c.parameters, got, c.want)
		}
	}
}
