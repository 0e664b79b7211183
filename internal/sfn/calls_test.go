package sfn

import (
	"strings"
	"testing"
	"time"

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
		{"aws-sdk:s3:getObject.waitForTaskToken", `{"Bucket":"b","Key":"k"}`, ""},
		{"aws-sdk:s3:getObject", `{"Bucket":"b"}`, `The field 'Key' is required but was missing at /States/T/Parameters`},
		{"aws-sdk:ec2:describeInstances", `{}`, ""},
		{"aws-sdk:cloudwatchlogs:createLogGroup", `{"LogGroupName":"g"}`, ""},
		// Names are those of the SDK for Java with a capital, also deep within: whatever else the API calls them.
		{"aws-sdk:cloudwatchlogs:createLogGroup", `{"logGroupName":"g"}`, `The field "logGroupName" is not supported by Step Functions at /States/T/Parameters, SCHEMA_VALIDATION_FAILED: The field 'LogGroupName' is required but was missing at /States/T/Parameters`},
		{"aws-sdk:s3:putObject", `{"Bucket":"b","Key":"k","SSEKMSKeyId":"x"}`, `The field "SSEKMSKeyId" is not supported by Step Functions`},
		{"aws-sdk:s3:putObject", `{"Bucket":"b","Key":"k","SsekmsKeyId":"x","Body":{"any":["thing"]}}`, ""},
		{"aws-sdk:batch:submitJob", `{"JobName":"n","JobQueue":"q","JobDefinition":"d","RetryStrategy":{"EvaluateOnExit":[{"OnReason":"r","action":"EXIT"},{"onStatusReason":"s","Action":"RETRY"}]},"Parameters":{"any.name":"x"}}`,
			`'SCHEMA_VALIDATION_FAILED: The field "action" is not supported by Step Functions at /States/T/Parameters, SCHEMA_VALIDATION_FAILED: The field "onStatusReason" is not supported by Step Functions at /States/T/Parameters'`},
		{"aws-sdk:batch:submitJob", `{"JobName":"n","JobQueue":"q","JobDefinition":"d","RetryStrategy":{"Attempts.$":"$.n","EvaluateOnExit.$":"$.e"}}`, ""},
		{"aws-sdk:dynamodb:putItem", `{"TableName":"t","Item":{"a":{"M":{"b":{"S.$":"$.s"},"c":{"Nul":true}}}}}`, ""},
		{"aws-sdk:dynamodb:putItem", `{"TableName":"t","Item":{"a":{"M":{"b":{"X":"s"}}}}}`, `The field "X" is not supported by Step Functions`},
		// Those of optimised integrations have the API's names with a capital; of Batch the manual shows them without, too.
		{"batch:submitJob.sync", `{"JobName":"n","JobQueue":"q","JobDefinition":"d","RetryStrategy":{"attempts":5}}`, ""},
		{"sagemaker:createTrainingJob.sync", `{"TrainingJobName":"n","Tags":[{"key":"k","Value":"v"}]}`, `The field "key" is not supported by Step Functions at /States/T/Parameters`},
		{"elasticmapreduce:modifyInstanceGroupByName", `{"ClusterId":"c","InstanceGroupName":"n","InstanceGroup":{"InstanceCount":1}}`, ""},
		{"elasticmapreduce:modifyInstanceFleetByName", `{"ClusterId":"c","InstanceFleetName":"n","InstanceFleet":{"TargetOnDemandCapacity":1}}`, ""},
		{"elasticmapreduce:terminateCluster", `{"ClusterId":"c"}`, ""},
		{"elasticmapreduce:addStep.sync", `{"ClusterId":"c","Step":{"Name":"n"}}`, ""},
		{"aws-sdk:cloudwatchlogs:createLogGroup", `{}`, `The field 'LogGroupName' is required but was missing at /States/T/Parameters`},
		{"aws-sdk:ssm:startAutomationExecution", `{"DocumentName":"d"}`, ""},
		{"aws-sdk:batch:createSchedulingPolicy", `{"Name":"n"}`, ""},
		{"aws-sdk:sesv2:createExportJob", `{"ExportDataSource":{}}`, `The field 'ExportDestination' is required but was missing at /States/T/Parameters`},
		{"aws-sdk:s3:getObjects", `{}`, unknown},
		{"aws-sdk:s3:getObject", `{"Bucket":"b","Key":"k","Nope":"k"}`, `The field "Nope" is not supported by Step Functions at /States/T/Parameters`},
		{"aws-sdk:s3:getObject", `{"Bucket":"b","Key.$":"$.k","Nope.$":"$.k"}`, ""}, // what a path gives is looked at when the task begins: users have validated "TaskToken.$" beside Payload, and seen the task fail
		{"aws-sdk:s3:deleteObjects", `{"Bucket":"b","Delete":{"Objects":[{"Key":"k"},{"key":"k"}]}}`, `The field "key" is not supported by Step Functions at /States/T/Parameters'`},
		{"aws-sdk:dynamodb:putItem", `{"TableName":"t","Item":{"any.name":{"S":"s"}}}`, ""}, // names of a map are the user's
		{"ecs:runTask.sync", `{"TaskDefinition":"t","Overrides":{"containerOverrides":[]}}`, `The field "containerOverrides" is not supported by Step Functions at /States/T/Parameters'`},
		{"ecs:runTask.sync", `{"TaskDefinition":"t","Overrides":{"ContainerOverrides":[{"Name":"n","Environment":[{"Name":"k","Value.$":"$.v"}]}]}}`, ""},
		{"ecs:runTask.sync", `{"TaskDefinition":"t","NetworkConfiguration":{"awsVpcConfiguration":{"Subnets":[]}}}`, `The field "awsVpcConfiguration" is not supported by Step Functions at /States/T/Parameters'`},
		{"ecs:runTask", `{"Cluster":"c"}`, `The field 'TaskDefinition' is required but was missing at /States/T/Parameters`},
		{"batch:submitJob", `{"JobName":"j","JobQueue":"q","JobDefinition":"d","RetryStrategy":{"attempts":5}}`, ""}, // as the manual writes it
		{"sagemaker:createTrainingJob.sync", `{"TrainingJobName":"t","AlgorithmSpecification":{},"RoleArn":"r","OutputDataConfig":{},"ResourceConfig":{},"StoppingCondition":{},"InputDataConfig":[{"DataSource":{"S3DataSource":{"AtttributeNames":[]}}}]}`,
			`The field "AtttributeNames" is not supported by Step Functions at /States/T/Parameters`},
		{"events:putEvents", `{"Entries":[{"Detail":{"a":1},"detailType":"d"}]}`, `The field "detailType" is not supported by Step Functions at /States/T/Parameters'`},
		{"elasticmapreduce:addStep.sync", `{"ClusterId":"c","Step":{"Name":"n","HadoopJarStep":{"jar":"j"}}}`, `The field "jar" is not supported by Step Functions at /States/T/Parameters'`},
		{"elasticmapreduce:addStep.sync", `{"JobFlowId":"c","Step":{}}`, `The field "JobFlowId" is not supported by Step Functions at /States/T/Parameters`},
		{"elasticmapreduce:modifyInstanceFleetByName", `{"ClusterId":"c","InstanceFleetName":"f","InstanceFleet":{"TargetOnDemandCapacity":1}}`, ""},
		{"bedrock:invokeModel", `{"ModelId":"m","Input":{"S3Uri":"s"},"Output":{"S3Uri":"s"}}`, ""},
		{"http:invoke", `{"ApiEndpoint":"https://e","Method":"GET","Anything":1}`, ""},
		{"aws-sdk:stepfunctions:startExecution", `{}`, unknown}, // it is sfn
		{"aws-sdk:sfn:startExecution", `{"StateMachineArn":"a","Input.$":"$"}`, ""},
		{"aws-sdk:kinesis:subscribeToShard", `{}`, unknown}, // it streams events
		{"aws-sdk:neptune:describeDBClusters", `{"Anything":1}`, ""},
		{"aws-sdk:nobody:doIt", `{}`, unknown},
		{"aws-sdk:s3:listBuckets", ``, `'SCHEMA_VALIDATION_FAILED: Parameters field is required for resource ARN: arn:aws:states:::aws-sdk:s3:listBuckets at /States/T'`},
		{"aws-sdk:config:putEvaluations", `{}`, ""}, // names are those of the SDK for Java, without "Service"
		{"aws-sdk:databasemigration:startReplicationTask", `{}`, ""},
		{"aws-sdk:configservice:putEvaluations", `{}`, unknown},
		{"aws-sdk:lookoutvision:detectAnomalies", `{}`, ""}, // retired, and still a service of Step Functions
		{"aws-sdk:sts:getCallerIdentity", `{}`, ""},
		{"aws-sdk:sts:assumeRole", `{"RoleArn":"a","RoleSessionName":"s"}`, unknown}, // the service does not support it
		{"aws-sdk:rdsdata:executeSql", `{}`, unknown},
		{"sqs:sendMessage", `{"QueueUrl":"q","MessageBody":"b"}`, ""},
		{"sqs:sendMessage.sync", `{"QueueUrl":"q","MessageBody":"b"}`, unknown},
		{"batch:submitJob.sync", `{"JobName":"j","JobQueue":"q","JobDefinition":"d"}`, ""},
	} {
		parameters := ""
		if c.parameters != "" {
			parameters = `,"Parameters":` + c.parameters
		}
		definition := `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::` + c.resource + `"` + parameters + `,"End":true}}}`
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

// TestJobsAreAskedAfter soon, and ever more rarely.
func TestJobsAreAskedAfter(t *testing.T) {
	for running, want := range map[time.Duration]time.Duration{
		0: 2 * time.Second, 4 * time.Second: 2 * time.Second, 40 * time.Second: 10 * time.Second, 2 * time.Minute: 30 * time.Second, 100 * time.Hour: 30 * time.Second,
	} {
		if got := askAgain(running); got != want {
			t.Errorf("after %s it is asked again in %s, want %s", running, got, want)
		}
	}
}
