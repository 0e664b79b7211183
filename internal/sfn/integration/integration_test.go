package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/internal/aws/sdk"
	"heddle/jsonvalue"
)

var models = sdk.NewModels(nil)

func modelOf(t *testing.T, i Integration) *sdk.Service {
	t.Helper()
	m, err := models.Service(i.Service)
	if err != nil || m == nil {
		t.Fatalf("no model of %s: %v", i.Service, err)
	}
	return m
}

// TestEveryIntegrationHasItsOperation: what is called is there.
func TestEveryIntegrationHasItsOperation(t *testing.T) {
	for resource, operation := range map[string]string{
		"sqs:sendMessage": "SendMessage", "sqs:sendMessage.waitForTaskToken": "SendMessage", "sns:publish": "Publish", "events:putEvents": "PutEvents",
		"dynamodb:getItem": "GetItem", "dynamodb:putItem": "PutItem", "dynamodb:updateItem": "UpdateItem", "dynamodb:deleteItem": "DeleteItem",
		"ecs:runTask": "RunTask", "ecs:runTask.sync": "RunTask", "batch:submitJob.sync": "SubmitJob", "glue:startJobRun.sync": "StartJobRun", "codebuild:startBuild": "StartBuild",
		"sagemaker:createTrainingJob.sync": "CreateTrainingJob", "athena:startQueryExecution.sync": "StartQueryExecution", "bedrock:invokeModel": "InvokeModel",
		"emr-serverless:startJobRun": "StartJobRun", "emr-containers:startJobRun": "StartJobRun", "databrew:startJobRun": "StartJobRun", "mediaconvert:createJob": "CreateJob",
		"elasticmapreduce:createCluster.sync": "RunJobFlow", "elasticmapreduce:addStep.sync": "AddJobFlowSteps", "elasticmapreduce:cancelStep": "CancelSteps",
		"elasticmapreduce:terminateCluster": "TerminateJobFlows", "elasticmapreduce:setClusterTerminationProtection": "SetTerminationProtection",
		"elasticmapreduce:modifyInstanceFleetByName": "ModifyInstanceFleet", "elasticmapreduce:modifyInstanceGroupByName": "ModifyInstanceGroups",
		"eks:createCluster": "CreateCluster", "aws-sdk:s3:listObjectsV2": "ListObjectsV2", "aws-sdk:sesv2:sendEmail": "SendEmail",
	} {
		at := strings.LastIndex(resource, ":")
		i, ok := Of(resource[:at], resource[at+1:])
		if !ok {
			t.Errorf("%s is not called", resource)
			continue
		}
		if o := modelOf(t, i).Operation(i.Operation); o == nil || o.Name != operation {
			t.Errorf("%s calls %+v, want %s", resource, o, operation)
		}
	}
	for _, resource := range []string{"http:invoke", "apigateway:invoke", "eks:call", "eks:runJob"} {
		service, action, _ := strings.Cut(resource, ":")
		if i, ok := Of(service, action); ok {
			t.Errorf("%s calls %+v", resource, i)
		}
	}
}

// TestAsks: what a role must be allowed.
func TestAsks(t *testing.T) {
	const here = ":eu-west-1:123456789012:"
	for _, c := range []struct{ service, action, parameters, want string }{
		{"sqs", "sendMessage", `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/q"}`, "sqs:SendMessage arn:aws:sqs" + here + "q"},
		{"sqs", "sendMessage", `{"QueueUrl":"http://localhost:5000/999999999999/q/"}`, "sqs:SendMessage arn:aws:sqs:eu-west-1:999999999999:q"},
		{"sqs", "sendMessage", `{"QueueUrl":"q"}`, "sqs:SendMessage arn:aws:sqs" + here + "q"},
		{"sqs", "sendMessage", `{}`, "sqs:SendMessage *"},
		{"aws-sdk:sqs", "sendMessageBatch", `{"QueueUrl":"x/123456789012/q"}`, "sqs:SendMessage arn:aws:sqs" + here + "q"},
		{"sns", "publish", `{"TopicArn":"arn:aws:sns` + here + `t"}`, "sns:Publish arn:aws:sns" + here + "t"},
		{"sns", "publish", `{"PhoneNumber":"1"}`, "sns:Publish *"},
		{"dynamodb", "getItem", `{"TableName":"T"}`, "dynamodb:GetItem arn:aws:dynamodb" + here + "table/T"},
		{"aws-sdk:dynamodb", "query", `{"TableName":"T","IndexName":"I"}`, "dynamodb:Query arn:aws:dynamodb" + here + "table/T/index/I"},
		{"aws-sdk:dynamodb", "batchGetItem", `{"RequestItems":{"A":{},"B":{}}}`, "dynamodb:BatchGetItem arn:aws:dynamodb" + here + "table/A, dynamodb:BatchGetItem arn:aws:dynamodb" + here + "table/B"},
		{"aws-sdk:dynamodb", "transactWriteItems", `{"TransactItems":[{"Put":{"TableName":"A"}},{"Delete":{"TableName":"B"}}]}`, "dynamodb:TransactWriteItems arn:aws:dynamodb" + here + "table/A, dynamodb:TransactWriteItems arn:aws:dynamodb" + here + "table/B"},
		{"aws-sdk:dynamodb", "executeStatement", `{"Statement":"SELECT"}`, "dynamodb:ExecuteStatement *"},
		{"events", "putEvents", `{"Entries":[{"Source":"s"},{"EventBusName":"b"},{"EventBusName":"arn:aws:events:x:y:event-bus/z"}]}`,
			"events:PutEvents arn:aws:events" + here + "event-bus/default, events:PutEvents arn:aws:events" + here + "event-bus/b, events:PutEvents arn:aws:events:x:y:event-bus/z"},
		{"aws-sdk:s3", "getObject", `{"Bucket":"b","Key":"k/l"}`, "s3:GetObject arn:aws:s3:::b/k/l"},
		{"aws-sdk:s3", "listObjectsV2", `{"Bucket":"b"}`, "s3:ListBucket arn:aws:s3:::b"},
		{"aws-sdk:s3", "listBuckets", `{}`, "s3:ListAllMyBuckets *"},
		{"aws-sdk:s3", "copyObject", `{"Bucket":"b","Key":"k","CopySource":"/other/secret?versionId=1"}`, "s3:PutObject arn:aws:s3:::b/k, s3:GetObject arn:aws:s3:::other/secret"},
		{"aws-sdk:s3", "deleteObjects", `{"Bucket":"b","Delete":{"Objects":[{"Key":"x"},{"Key":"y"}]}}`, "s3:DeleteObject arn:aws:s3:::b/x, s3:DeleteObject arn:aws:s3:::b/y"},
		{"aws-sdk:lambda", "invoke", `{"FunctionName":"f"}`, "lambda:InvokeFunction arn:aws:lambda" + here + "function:f"},
		{"aws-sdk:secretsmanager", "getSecretValue", `{"SecretId":"n"}`, "secretsmanager:GetSecretValue arn:aws:secretsmanager" + here + "secret:n-??????"},
		{"aws-sdk:ssm", "getParameter", `{"Name":"/a/b"}`, "ssm:GetParameter arn:aws:ssm" + here + "parameter/a/b"},
		{"aws-sdk:cloudwatch", "putMetricData", `{}`, "cloudwatch:PutMetricData *"},
		{"aws-sdk:cloudwatchlogs", "createLogGroup", `{"LogGroupName":"g"}`, "logs:CreateLogGroup arn:aws:logs" + here + "log-group:g"},
		{"aws-sdk:sesv2", "sendEmail", `{}`, "ses:SendEmail *"},
		{"aws-sdk:bedrockruntime", "invokeModel", `{"ModelId":"m"}`, "bedrock:InvokeModel arn:aws:bedrock:eu-west-1::foundation-model/m"},
		{"ecs", "runTask", `{"TaskDefinition":"t:1","Cluster":"c"}`, "ecs:RunTask arn:aws:ecs" + here + "task-definition/t:1, ecs:RunTask arn:aws:ecs" + here + "cluster/c"},
		{"aws-sdk:ecs", "stopTask", `{"Cluster":"arn:aws:ecs` + here + `cluster/c","Task":"arn:aws:ecs` + here + `task/c/1"}`, "ecs:StopTask arn:aws:ecs" + here + "task/c/1"},
		{"aws-sdk:codebuild", "stopBuild", `{"Id":"p:1-2"}`, "codebuild:StopBuild arn:aws:codebuild" + here + "project/p"},
		{"aws-sdk:codebuild", "batchGetBuilds", `{"Ids":["p:1","q:2"]}`, "codebuild:BatchGetBuilds arn:aws:codebuild" + here + "project/p, codebuild:BatchGetBuilds arn:aws:codebuild" + here + "project/q"},
		{"elasticmapreduce", "createCluster", `{"ServiceRole":"s","JobFlowRole":"arn:aws:iam::123456789012:role/j"}`, "elasticmapreduce:RunJobFlow *, iam:PassRole arn:aws:iam::123456789012:role/j, iam:PassRole arn:aws:iam::123456789012:role/s"},
		{"elasticmapreduce", "terminateCluster", `{"JobFlowIds":["j"]}`, "elasticmapreduce:TerminateJobFlows arn:aws:elasticmapreduce" + here + "cluster/j"},
		{"elasticmapreduce", "addStep", `{"JobFlowId":"j"}`, "elasticmapreduce:AddJobFlowSteps arn:aws:elasticmapreduce" + here + "cluster/j"},
		{"sagemaker", "stopLabelingJob", `{"LabelingJobName":"n"}`, "sagemaker:StopLabelingJob arn:aws:sagemaker" + here + "labeling-job/n"},
		{"aws-sdk:kinesis", "putRecord", `{"StreamARN":"arn:aws:kinesis` + here + `stream/s"}`, "kinesis:PutRecord arn:aws:kinesis" + here + "stream/s"},
		{"aws-sdk:glue", "createJob", `{"Name":"j","Role":"arn:aws:iam::123456789012:role/r"}`, "glue:CreateJob *, iam:PassRole arn:aws:iam::123456789012:role/r"},
	} {
		i, _ := Of(c.service, c.action)
		model := modelOf(t, i)
		v, err := jsonvalue.ParseString(c.parameters)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range Asks(model, model.Operation(i.Operation), "eu-west-1", "123456789012", v.(*jsonvalue.Object)) {
			got = append(got, a.Action+" "+a.Resource)
		}
		if all := strings.Join(got, ", "); all != c.want {
			t.Errorf("%s:%s %s asks %s, want %s", c.service, c.action, c.parameters, all, c.want)
		}
	}
}

// TestFailures are called as AWS calls them.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		service, action string
		fault           sdk.Fault
		name, cause     string
	}{
		{"sqs", "sendMessage", sdk.Fault{Status: 400, Code: "MissingParameter", Message: "m", RequestID: "r"}, "SQS.AmazonSQSException", "m (Service: AmazonSQS; Status Code: 400; Error Code: MissingParameter; Request ID: r; Proxy: null)"},
		{"sns", "publish", sdk.Fault{Status: 404, Code: "NotFound", Exception: "NotFoundException", Message: "m"}, "SNS.NotFoundException", "m (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: null; Proxy: null)"},
		{"dynamodb", "getItem", sdk.Fault{Status: 400, Code: "ValidationException", Message: "m"}, "DynamoDB.AmazonDynamoDBException", "m (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: null; Proxy: null)"},
		{"aws-sdk:s3", "getObject", sdk.Fault{Status: 404, Code: "NoSuchKey", Exception: "NoSuchKey", Message: "m", RequestID: "r", HostID: "h"}, "S3.NoSuchKeyException", "m (Service: S3, Status Code: 404, Request ID: r, Extended Request ID: h) (SDK Attempt Count: 1)"},
		{"aws-sdk:dynamodb", "getItem", sdk.Fault{Status: 400, Code: "ValidationException", Message: "m", RequestID: "r"}, "DynamoDb.DynamoDbException", "m (Service: DynamoDb, Status Code: 400, Request ID: r) (SDK Attempt Count: 1)"},
		{"aws-sdk:sfn", "sendTaskSuccess", sdk.Fault{Status: 400, Exception: "InvalidToken", RequestID: "r"}, "Sfn.InvalidTokenException", "null (Service: Sfn, Status Code: 400, Request ID: r) (SDK Attempt Count: 1)"},
	} {
		i, _ := Of(c.service, c.action)
		if name, cause := i.Failure(modelOf(t, i), &c.fault); name != c.name || cause != c.cause {
			t.Errorf("%s: %s %q, want %s %q", c.service, name, cause, c.name, c.cause)
		}
	}
	i, _ := Of("events", "putEvents")
	for reply, want := range map[string]string{`{"FailedEntryCount":1}`: "EventBridge.FailedEntry", `{"FailedEntryCount":0}`: "", `{}`: ""} {
		v, _ := jsonvalue.ParseString(reply)
		if name, _ := i.Entries(v.(*jsonvalue.Object)); name != want {
			t.Errorf("%s fails as %q, want %q", reply, name, want)
		}
	}
}

// TestSettings: which are refused, and what the others say.
func TestSettings(t *testing.T) {
	for given, want := range map[string]string{
		"sqs": "want SERVICE=URL", "=http://x": "want SERVICE=URL", "sqs=ftp://x": "want http or https", "sqs=http://u:p@x": "want http or https",
		"sqs=http://x?a=b": "want http or https", "sqs=https://sqs.{region}.example.com": "", "*=http://127.0.0.1:5000": "",
	} {
		err := (&Options{Endpoints: []string{given}}).Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
	if err := (&Options{Endpoints: []string{"sqs=http://a", "sqs=http://b"}}).Check(); err == nil {
		t.Error("a service may be named twice")
	}
	if err := (&Options{Models: filepath.Join(t.TempDir(), "none")}).Check(); err == nil {
		t.Error("a folder that is not there is taken")
	}
	i, _ := Of("aws-sdk:cloudwatch", "putMetricData")
	model := modelOf(t, i)
	o := &Options{Endpoints: []string{"sqs=http://q", "*=https://{service}.{region}.example.com"}}
	for name, want := range map[string]string{"sqs": "http://q", "cloudwatch": "", "*": "https://monitoring.eu-west-1.example.com"} {
		if got := o.Named(name, model, "eu-west-1"); got != want {
			t.Errorf("%s is at %q, want %q", name, got, want)
		}
	}
}

// TestKeys are those of the account and nobody else's.
func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	text := "[111111111111]\naws_access_key_id = A\naws_secret_access_key = a\n[111111111111/sqs]\naws_access_key_id = B\naws_secret_access_key = b\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &Options{Credentials: file}
	for _, c := range []struct{ account, service, want string }{{"111111111111", "sqs", "B"}, {"111111111111", "sns", "A"}, {"222222222222", "sqs", ""}} {
		pair, err := o.Keys(c.account, c.service)
		if pair.KeyID != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s of %s: %q, %v, want %q", c.service, c.account, pair.KeyID, err, c.want)
		}
	}
	if pair, err := (&Options{}).Keys("222222222222", "sqs"); err != nil || pair.KeyID != "222222222222" {
		t.Errorf("without a file %q, %v", pair.KeyID, err)
	}
}

// TestJobs: how one asks after each, and what the answers mean.
func TestJobs(t *testing.T) {
	object := func(text string) *jsonvalue.Object {
		t.Helper()
		v, err := jsonvalue.ParseString(text)
		if err != nil {
			t.Fatal(err)
		}
		return v.(*jsonvalue.Object)
	}
	for resource, j := range jobs {
		service, action, _ := strings.Cut(resource, ":")
		i, ok := Of(service, action+".sync")
		if !ok {
			t.Errorf("%s is not called", resource)
			continue
		}
		for name, with := range map[string]map[string]string{j.Describe: j.With, j.Stop: j.StopWith} {
			if name == "" && (service == "eks" || strings.HasSuffix(action, "Cluster") || strings.HasSuffix(action, "Application") || action == "cancelJobRun") {
				continue // nothing stops clusters, node groups and applications, and what stops a job
			}
			o := modelOf(t, i).Operation(name)
			if o == nil {
				t.Errorf("%s calls %s, which is not there", resource, name)
				continue
			}
			for parameter := range with {
				if !o.Takes(i.Naming, parameter) {
					t.Errorf("%s calls %s with %s, which it does not take", resource, name, parameter)
				}
			}
		}
	}
	for _, c := range []struct{ resource, began, answer, asks, told, want string }{
		{"batch:submitJob", `{}`, `{"JobId":"i"}`, `{"Jobs":["i"]}`, `{"Jobs":[{"Status":"SUCCEEDED"}]}`, `1 {"Status":"SUCCEEDED"}`},
		{"batch:submitJob", `{}`, `{"JobId":"i"}`, `{"Jobs":["i"]}`, `{"Jobs":[{"Status":"RUNNABLE"}]}`, `0 null`},
		{"batch:submitJob", `{}`, `{"JobId":"i"}`, `{"Jobs":["i"]}`, `{"Jobs":[]}`, `0 null`},
		{"batch:submitJob", `{}`, `{"JobId":"i"}`, `{"Jobs":["i"]}`, `{"Jobs":[{"Status":"FAILED","X":1}]}`, `2 {"Status":"FAILED","X":1}`},
		{"ecs:runTask", `{}`, `{"Tasks":[{"TaskArn":"t","ClusterArn":"c"}]}`, `{"Cluster":"c","Tasks":["t"]}`, `{"Tasks":[{"LastStatus":"STOPPED","Containers":[{"ExitCode":0}]}]}`, `1 {"LastStatus":"STOPPED","Containers":[{"ExitCode":0}]}`},
		{"ecs:runTask", `{}`, `{"Tasks":[{"TaskArn":"t","ClusterArn":"c"}]}`, `{"Cluster":"c","Tasks":["t"]}`, `{"Tasks":[{"LastStatus":"STOPPED","Containers":[{"ExitCode":1}]}]}`, `2 {"LastStatus":"STOPPED","Containers":[{"ExitCode":1}]}`},
		{"ecs:runTask", `{}`, `{"Tasks":[{"TaskArn":"t","ClusterArn":"c"}]}`, `{"Cluster":"c","Tasks":["t"]}`, `{"Tasks":[{"LastStatus":"STOPPED","Containers":[{}]}]}`, `2 {"LastStatus":"STOPPED","Containers":[{}]}`},
		{"ecs:runTask", `{}`, `{"Tasks":[]}`, ``, `{}`, ``},
		{"glue:startJobRun", `{"JobName":"n"}`, `{"JobRunId":"r"}`, `{"JobName":"n","RunId":"r"}`, `{"JobRun":{"JobRunState":"TIMEOUT"}}`, `2 {"JobRunState":"TIMEOUT"}`},
		{"athena:startQueryExecution", `{}`, `{"QueryExecutionId":"q"}`, `{"QueryExecutionId":"q"}`, `{"QueryExecution":{"Status":{"State":"SUCCEEDED"}}}`, `1 {"QueryExecution":{"Status":{"State":"SUCCEEDED"}}}`},
		{"elasticmapreduce:createCluster", `{}`, `{"ClusterId":"j"}`, `{"ClusterId":"j"}`, `{"Cluster":{"Status":{"State":"BOOTSTRAPPING"}}}`, `0 null`},
		{"elasticmapreduce:createCluster", `{}`, `{"ClusterId":"j"}`, `{"ClusterId":"j"}`, `{"Cluster":{"Status":{"State":"TERMINATING"}}}`, `2 {"Status":{"State":"TERMINATING"}}`},
		{"elasticmapreduce:terminateCluster", `{"ClusterId":"j"}`, `{}`, `{"ClusterId":"j"}`, `{"Cluster":{"Status":{"State":"TERMINATED"}}}`, `1 {"Status":{"State":"TERMINATED"}}`},
		{"elasticmapreduce:addStep", `{"ClusterId":"j"}`, `{"StepId":"s"}`, `{"ClusterId":"j","StepId":"s"}`, `{"Step":{"Status":{"State":"COMPLETED"}}}`, `1 {"Step":{"Status":{"State":"COMPLETED"}}}`},
		{"sagemaker:createTrainingJob", `{"TrainingJobName":"n"}`, `{}`, `{"TrainingJobName":"n"}`, `{"TrainingJobStatus":"Stopped"}`, `2 {"TrainingJobStatus":"Stopped"}`},
	} {
		service, action, _ := strings.Cut(c.resource, ":")
		j := JobOf(service, action+".sync")
		asks, ok := j.Parameters(object(c.began), object(c.answer))
		if ok != (c.asks != "") || ok && !jsonvalue.Equal(asks, object(c.asks)) {
			t.Errorf("%s asks with %s, want %s", c.resource, jsonvalue.Text(asks), c.asks)
		}
		if !ok {
			continue
		}
		state, output := j.Ended(object(c.told))
		if got := string(rune('0'+state)) + " " + jsonvalue.Text(output); got != c.want {
			t.Errorf("%s told %s: %s, want %s", c.resource, c.told, got, c.want)
		}
	}
	for _, c := range []struct{ resource, began, answer, stops string }{
		{"batch:submitJob", `{}`, `{"JobId":"i"}`, `{"JobId":"i","Reason":"` + stopReason + `"}`},
		{"ecs:runTask", `{}`, `{"Tasks":[{"TaskArn":"t","ClusterArn":"c"}]}`, `{"Cluster":"c","Task":"t","Reason":"` + stopReason + `"}`},
		{"ecs:runTask", `{}`, `{"Tasks":[]}`, ``},
		{"glue:startJobRun", `{"JobName":"n"}`, `{"JobRunId":"r"}`, `{"JobName":"n","JobRunIds":["r"]}`},
		{"codebuild:startBuild", `{}`, `{"Build":{"Id":"p:1"}}`, `{"Id":"p:1"}`},
		{"sagemaker:createTrainingJob", `{"TrainingJobName":"n"}`, `{}`, `{"TrainingJobName":"n"}`},
	} {
		service, action, _ := strings.Cut(c.resource, ":")
		stops, ok := JobOf(service, action+".sync").StopParameters(object(c.began), object(c.answer))
		if ok != (c.stops != "") || ok && !jsonvalue.Equal(stops, object(c.stops)) {
			t.Errorf("%s stops with %s, want %s", c.resource, jsonvalue.Text(stops), c.stops)
		}
	}
	if _, ok := JobOf("ecs", "runTask.sync").Began(object(`{"Failures":[{"Reason":"RESOURCE"}],"Tasks":[]}`)); ok {
		t.Error("what could not begin has begun")
	}
	gone := &sdk.Fault{Status: 404, Code: "ResourceNotFoundException", Exception: "ResourceNotFoundException"}
	if !JobOf("eks", "deleteCluster.sync").IsGone(gone) || JobOf("eks", "createCluster.sync").IsGone(gone) || JobOf("eks", "deleteNodegroup.sync").IsGone(&sdk.Fault{Status: 403, Code: "AccessDeniedException"}) {
		t.Error("what is gone is what was deleted, and nothing else is")
	}
}

// TestLookups: what is found by its name, and what is called then.
func TestLookups(t *testing.T) {
	object := func(text string) *jsonvalue.Object {
		v, err := jsonvalue.ParseString(text)
		if err != nil {
			t.Fatal(err)
		}
		return v.(*jsonvalue.Object)
	}
	for _, c := range []struct{ action, given, page, want, next string }{
		{"modifyInstanceGroupByName", `{"ClusterId":"j","InstanceGroupName":"core","InstanceGroup":{"InstanceCount":8}}`,
			`{"InstanceGroups":[{"Id":"1","Name":"task"},{"Id":"2","Name":"core"}]}`, `{"ClusterId":"j","InstanceGroups":[{"InstanceCount":8,"InstanceGroupId":"2"}]}`, ""},
		{"modifyInstanceFleetByName", `{"ClusterId":"j","InstanceFleetName":"core","InstanceFleet":{"TargetSpotCapacity":0}}`,
			`{"InstanceFleets":[{"Id":"2","Name":"core"}]}`, `{"ClusterId":"j","InstanceFleet":{"TargetSpotCapacity":0,"InstanceFleetId":"2"}}`, ""},
		{"modifyInstanceFleetByName", `{"ClusterId":"j","InstanceFleetName":"core","InstanceFleet":{}}`, `{"InstanceFleets":[{"Id":"2","Name":"task"}],"Marker":"m"}`, ``, "m"},
		{"modifyInstanceFleetByName", `{"ClusterId":"j","InstanceFleet":{}}`, `{"InstanceFleets":[{"Id":"2"}]}`, ``, ""},
	} {
		i, _ := Of("elasticmapreduce", c.action)
		m, l, given := modelOf(t, i), i.Lookup, object(c.given)
		for name := range l.Next(given, "m").All() {
			if o := m.Operation(l.Operation); o == nil || !o.Takes(i.Naming, name) {
				t.Errorf("%s does not take %s", l.Operation, name)
			}
		}
		whole, next, found := l.Found(given, object(c.page))
		if found != (c.want != "") || next != c.next || found && !jsonvalue.Equal(whole, object(c.want)) {
			t.Errorf("%s: %s, next %q; want %s", c.action, jsonvalue.Text(whole), next, c.want)
		}
		if found {
			for name := range whole.All() {
				if !m.Operation(i.Operation).Takes(i.Naming, name) {
					t.Errorf("%s does not take %s", i.Operation, name)
				}
			}
		}
	}
}

// TestRenamings: what actions of EMR take and give, and what its operations do.
func TestRenamings(t *testing.T) {
	object := func(text string) *jsonvalue.Object {
		v, err := jsonvalue.ParseString(text)
		if err != nil {
			t.Fatal(err)
		}
		return v.(*jsonvalue.Object)
	}
	for _, c := range []struct{ action, parameters, api, answer, result string }{
		{"createCluster", `{"Name":"n"}`, `{"Name":"n"}`, `{"JobFlowId":"j","ClusterArn":"a"}`, `{"ClusterId":"j"}`},
		{"addStep", `{"ClusterId":"j","Step":{"Name":"n"}}`, `{"JobFlowId":"j","Steps":[{"Name":"n"}]}`, `{"StepIds":["s"]}`, `{"StepId":"s"}`},
		{"cancelStep", `{"ClusterId":"j","StepId":"s"}`, `{"ClusterId":"j","StepIds":["s"]}`, `{"CancelStepsInfoList":[{"StepId":"s"}]}`, `{"CancelStepsInfo":{"StepId":"s"}}`},
		{"terminateCluster", `{"ClusterId":"j"}`, `{"JobFlowIds":["j"]}`, `{}`, `{}`},
		{"setClusterTerminationProtection", `{"ClusterId":"j","TerminationProtected":true}`, `{"JobFlowIds":["j"],"TerminationProtected":true}`, `{}`, `{}`},
	} {
		i, _ := Of("elasticmapreduce", c.action)
		o := modelOf(t, i).Operation(i.Operation)
		operation := func(name string) bool { return o.Takes(i.Naming, name) }
		takes := func(name string) bool { _, ok := i.Takes(o).Member(name); return ok }
		given := object(c.parameters)
		for name := range given.All() {
			if !takes(name) {
				t.Errorf("%s does not take %s", c.action, name)
			}
		}
		api := i.Parameters(given)
		for name := range api.All() {
			if !operation(name) || takes(name) && !strings.Contains(c.parameters, `"`+name+`"`) {
				t.Errorf("%s passes %s on, which its operation does not take, or takes it itself", c.action, name)
			}
		}
		if result := i.Result(object(c.answer)); !jsonvalue.Equal(api, object(c.api)) || !jsonvalue.Equal(result, object(c.result)) {
			t.Errorf("%s: %s and %s, want %s and %s", c.action, jsonvalue.Text(api), jsonvalue.Text(result), c.api, c.result)
		}
	}
	i, _ := Of("elasticmapreduce", "createCluster")
	if _, ok := i.Takes(modelOf(t, i).Operation(i.Operation)).Member("Steps"); ok {
		t.Error("createCluster takes steps")
	}
}
