package reply

import (
	"strings"
	"testing"

	"heddle/jsonvalue"
)

func TestCheck(t *testing.T) {
	const s3, lambda, dynamo = "aws-sdk:s3", "aws-sdk:lambda", "dynamodb"
	for _, c := range []struct {
		service, action, answer string
		strict                  bool
		want                    string
	}{
		{s3, "getObject", `{}`, true, ""},
		{s3, "getObject", `[]`, true, "Result must be an object"},
		{s3, "getObject", `{"Unknown":{"a":1},"ETag":null}`, true, ""},
		{s3, "getObject", `{"ContentLength":"1"}`, true, "Field 'ContentLength' must be a number"},
		{s3, "getObject", `{"BucketKeyEnabled":0}`, true, "Field 'BucketKeyEnabled' must be a boolean"},
		{s3, "getObject", `{"LastModified":1}`, true, "Field 'LastModified' must be a string"},
		{s3, "getObject", `{"Metadata":[]}`, true, "Field 'Metadata' must be an object"},
		{s3, "getObject", `{"Metadata":{"a":1}}`, true, "Field 'Metadata' must be a string"},
		{s3, "getObject", `{"SsekmsKeyId":1}`, true, "Field 'SsekmsKeyId' must be a string"}, // as the Java SDK has it
		{s3, "getObject", `{"StorageClass":"COSY"}`, true, "Field 'StorageClass' is not an expected value"},
		{s3, "getObject", `{"StorageClass":"GLACIER"}`, true, ""},
		{s3, "getObject", `{"StorageClass":7}`, true, "Field 'StorageClass' must be a string"},
		{s3, "noSuchAction", `1`, true, ""},
		{"nobody", "getObject", `1`, true, ""},
		{lambda, "getFunction", `{"Configuration":[]}`, true, "Field 'Configuration' must be an object"},
		{lambda, "getFunction", `{"Configuration":{"MemorySize":127}}`, true, "Field 'MemorySize' is less than the minimum value"},
		{lambda, "getFunction", `{"Configuration":{"MemorySize":128}}`, true, ""},
		{lambda, "getFunction", `{"Configuration":{"MemorySize":10240}}`, true, ""},
		{lambda, "getFunction", `{"Configuration":{"MemorySize":10241}}`, false, "Field 'MemorySize' exceeds the maximum value"},
		{lambda, "invoke", `{"Payload":1}`, true, "Field 'Payload' must be a string"},
		{"lambda", "invoke", `{"Payload":1}`, true, ""},
		{"aws-sdk:kms", "encrypt", `{"CiphertextBlob":""}`, true, "Field 'CiphertextBlob' is smaller than the minimum length"},
		{"aws-sdk:kms", "encrypt", `{"CiphertextBlob":"` + strings.Repeat("x", 6145) + `"}`, true, "Field 'CiphertextBlob' exceeds the maximum length"},
		{dynamo, "putItem", `{"ConsumedCapacity":{"CapacityUnits":"1"}}`, true, "Field 'CapacityUnits' must be a number"},
		{dynamo, "getItem", `{"Item":{"a":{"L":[{"S":"x"},{"N":1}]}}}`, true, "Field 'N' must be a string"},
		{"events", "putEvents", `{"Entries":{}}`, false, "Field 'Entries' must be an array"},
		{"events", "putEvents", `{"Entries":[{},{"EventId":1}]}`, false, "Field 'EventId' must be a string"},
		{"states", "startExecution", `{"ExecutionArn":"a"}`, true, "Required field 'StartDate' is missing"},
		{"states", "startExecution", `{"ExecutionArn":"a","StartDate":null}`, true, "Required field 'StartDate' is missing"},
		{"states", "startExecution", `{"ExecutionArn":"a"}`, false, ""},
		{"states", "startExecution.sync:2", `{"Input":{}}`, false, ""},
		{"states", "startExecution.sync", `{"Input":{}}`, false, "Field 'Input' must be a string"},
		{"sqs", "sendMessage", `{"MD5OfMessageBody":1}`, true, "Field 'MD5OfMessageBody' must be a string"},
	} {
		answer, err := jsonvalue.ParseString(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		if got := Check(c.service, c.action, answer, c.strict); got != c.want {
			t.Errorf("%s:%s %.60s: got %q, want %q", c.service, c.action, c.answer, got, c.want)
		}
	}
}

// TestTable: each notation can be read, and each shape is there.
func TestTable(t *testing.T) {
	services := known().services
	if len(services) < 20 {
		t.Fatalf("%d services", len(services))
	}
	for service, s := range services {
		var check func(where, notation string)
		check = func(where, notation string) {
			switch {
			case notation == "":
				t.Errorf("%s: %s has no type", service, where)
			case notation[0] == '[' || notation[0] == '{':
				check(where, notation[1:])
			case notation == "*", notation == "b":
			case notation[0] == 's' || notation[0] == 'n':
				if strings.Trim(notation[1:], "0123456789.,-") != "" {
					t.Errorf("%s: %s is %q", service, where, notation)
				}
			case s.shapes[notation] == nil:
				t.Errorf("%s: %s is a %s, which is not there", service, where, notation)
			}
		}
		if len(s.actions) == 0 {
			t.Errorf("%s has no actions", service)
		}
		for action, shape := range s.actions {
			check(action, shape)
		}
		for name, shape := range s.shapes {
			for member, notation := range shape.members {
				check(name+"."+member, notation)
			}
			for _, member := range shape.needed {
				if shape.members[member] == "" {
					t.Errorf("%s: %s needs %s, which it has not", service, name, member)
				}
			}
		}
	}
}
