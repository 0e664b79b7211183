package integration

import (
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/sdk"
	"heddle/jsonvalue"
)

// Ask is a question to the policies of a role: may it do an action to a resource? Any stands
// where nothing tells which resource it is: only who may do it to all of them may.
type Ask struct{ Action, Resource string }

// Any is the resource of what is about no particular one.
const Any = "*"

// prefixes are what policies call services that signatures call otherwise.
var prefixes = map[string]string{"monitoring": "cloudwatch"}

// actions are what policies call operations otherwise, by service and operation.
var actions = map[string]string{
	"lambda:Invoke": "InvokeFunction", "lambda:InvokeAsync": "InvokeFunction",
	"bedrock:Converse":     "InvokeModel",
	"sqs:SendMessageBatch": "SendMessage", "sqs:DeleteMessageBatch": "DeleteMessage", "sqs:ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
	"sns:PublishBatch": "Publish",
	"s3:HeadObject":    "GetObject", "s3:SelectObjectContent": "GetObject", "s3:GetObjectAttributes": "GetObject",
	"s3:CopyObject": "PutObject", "s3:CreateMultipartUpload": "PutObject", "s3:UploadPart": "PutObject", "s3:UploadPartCopy": "PutObject",
	"s3:CompleteMultipartUpload": "PutObject", "s3:ListParts": "ListMultipartUploadParts",
	"s3:HeadBucket": "ListBucket", "s3:ListObjects": "ListBucket", "s3:ListObjectsV2": "ListBucket", "s3:ListObjectVersions": "ListBucketVersions",
	"s3:ListMultipartUploads": "ListBucketMultipartUploads", "s3:ListBuckets": "ListAllMyBuckets", "s3:DeleteObjects": "DeleteObject",
}

// named are the members that name a resource of a service, in the order in which they are
// looked for, and what its ARN has behind the account; $ is the name.
var named = map[string][]struct{ member, resource string }{
	"sns":            {{"Name", "$"}},
	"sqs":            {{"QueueName", "$"}},
	"lambda":         {{"FunctionName", "function:$"}},
	"events":         {{"EventBusName", "event-bus/$"}, {"Rule", "rule/$"}, {"Name", "rule/$"}},
	"secretsmanager": {{"SecretId", "secret:$-??????"}, {"Name", "secret:$-??????"}},
	"ssm":            {{"Name", "parameter/$"}, {"Path", "parameter/$/*"}, {"DocumentName", "document/$"}},
	"kinesis":        {{"StreamName", "stream/$"}},
	"firehose":       {{"DeliveryStreamName", "deliverystream/$"}},
	"logs":           {{"logGroupName", "log-group:$"}},
	"ecs":            {{"taskDefinition", "task-definition/$"}, {"cluster", "cluster/$"}},
	"ecr":            {{"repositoryName", "repository/$"}},
	"glue":           {{"JobName", "job/$"}, {"WorkflowName", "workflow/$"}},
	"athena":         {{"WorkGroup", "workgroup/$"}},
	"codebuild":      {{"projectName", "project/$"}},
	"batch":          {{"jobQueue", "job-queue/$"}, {"jobDefinition", "job-definition/$"}},
	"databrew":       {{"Name", "job/$"}},
	"sagemaker": {{"TrainingJobName", "training-job/$"}, {"TransformJobName", "transform-job/$"}, {"ProcessingJobName", "processing-job/$"},
		{"HyperParameterTuningJobName", "hyper-parameter-tuning-job/$"}, {"LabelingJobName", "labeling-job/$"},
		{"ModelName", "model/$"}, {"EndpointName", "endpoint/$"}, {"EndpointConfigName", "endpoint-config/$"}},
	"kms":              {{"KeyId", "key/$"}},
	"elasticmapreduce": {{"ClusterId", "cluster/$"}, {"JobFlowId", "cluster/$"}},
}

// Asks are the questions that a call puts to a role, in a region and account: all must be
// answered with yes. Parameters are by the names of the API or those of the SDK.
func Asks(model *sdk.Service, o *sdk.Operation, region, account string, parameters *jsonvalue.Object) []Ask {
	signing := model.SigningName()
	prefix := signing
	if p := prefixes[signing]; p != "" {
		prefix = p
	}
	action := prefix + ":" + o.Name
	if other := actions[signing+":"+o.Name]; other != "" {
		action = prefix + ":" + other
	}
	a := asker{signing, region, account, parameters}
	var all []Ask
	for _, resource := range a.resources(o.Name) {
		all = append(all, Ask{action, resource})
	}
	if all == nil {
		all = []Ask{{action, Any}}
	}
	if source := a.text("CopySource"); signing == "s3" && source != "" {
		source, _, _ = strings.Cut(strings.TrimPrefix(source, "/"), "?")
		all = append(all, Ask{"s3:GetObject", a.arn("s3", source)})
	}
	for _, v := range parameters.All() { // who hands a role over must be allowed to
		if role, ok := v.(string); ok && strings.Contains(role, ":iam:") && strings.Contains(role, ":role/") && signing != "iam" && signing != "sts" {
			all = append(all, Ask{"iam:PassRole", role})
		}
	}
	if signing == "elasticmapreduce" { // which takes names, too
		for _, member := range []string{"ServiceRole", "JobFlowRole", "AutoScalingRole"} {
			if name := a.text(member); name != "" && !strings.HasPrefix(name, "arn:") {
				n := arn.Of("iam", "", account, "role/"+name)
				n.Partition = arn.Partition(region)
				all = append(all, Ask{"iam:PassRole", n.String()})
			}
		}
	}
	return all
}

type asker struct {
	service, region, account string
	parameters               *jsonvalue.Object
}

// member finds a parameter, whatever the case of its first letters.
func (a *asker) member(name string) any {
	for called, v := range a.parameters.All() {
		if v != nil && strings.EqualFold(called, name) {
			return v
		}
	}
	return nil
}

func (a *asker) text(name string) string { return text(a.member(name)) }

func text(v any) string {
	s, _ := v.(string)
	return s
}

// arn names something of the account; of S3, which has names that are one for all, without it.
func (a *asker) arn(service, resource string) string {
	region, account := a.region, a.account
	if service == "s3" {
		region, account = "", ""
	}
	n := arn.Of(service, region, account, resource)
	n.Partition = arn.Partition(a.region)
	return n.String()
}

// resources are those that a call is about; nil: nothing tells.
func (a *asker) resources(operation string) (all []string) {
	switch a.service {
	case "s3":
		return a.objects()
	case "dynamodb":
		return a.tables(a.parameters, nil)
	case "sqs":
		if queue := a.text("QueueUrl"); queue != "" {
			return []string{a.queue(queue)}
		}
	case "events":
		if operation == "PutEvents" {
			return a.buses()
		}
	case "ecs":
		if task := a.text("task"); strings.HasPrefix(task, "arn:") {
			return []string{task}
		}
	case "codebuild": // a build's ID begins with its project
		ids, _ := a.member("ids").([]any)
		for _, id := range append(ids, a.member("id")) {
			if project, _, ok := strings.Cut(text(id), ":"); ok && project != "arn" {
				all = append(all, a.arn("codebuild", "project/"+project))
			}
		}
		if all != nil {
			return all
		}
	case "elasticmapreduce":
		clusters, _ := a.member("JobFlowIds").([]any)
		for _, id := range clusters {
			all = append(all, a.arn("elasticmapreduce", "cluster/"+text(id)))
		}
		if all != nil {
			return all
		}
	case "bedrock":
		if model := a.text("modelId"); model != "" && !strings.HasPrefix(model, "arn:") {
			n := arn.Of("bedrock", a.region, "", "foundation-model/"+model)
			return []string{n.String()}
		}
	}
	for _, n := range named[a.service] {
		name := a.text(n.member)
		switch {
		case name == "":
			continue
		case strings.HasPrefix(name, "arn:"):
			all = append(all, name)
		default:
			all = append(all, a.arn(a.service, strings.ReplaceAll(n.resource, "$", strings.Trim(name, "/"))))
		}
	}
	if all != nil {
		return all
	}
	for called, v := range a.parameters.All() { // an ARN says it itself
		if s, ok := v.(string); ok && strings.HasSuffix(strings.ToLower(called), "arn") {
			if n, err := arn.Parse(s); err == nil && n.Service == a.service {
				all = append(all, s)
			}
		}
	}
	return all
}

// objects are what a call of S3 is about.
func (a *asker) objects() (all []string) {
	bucket, key := a.text("Bucket"), a.text("Key")
	switch {
	case bucket == "":
		return nil
	case strings.HasPrefix(bucket, "arn:"):
	default:
		bucket = a.arn("s3", bucket)
	}
	if key != "" {
		return []string{bucket + "/" + key}
	}
	deleted, _ := a.member("Delete").(*jsonvalue.Object)
	if deleted == nil {
		return []string{bucket}
	}
	list, _ := (&asker{parameters: deleted}).member("Objects").([]any)
	for _, v := range list {
		if o, ok := v.(*jsonvalue.Object); ok {
			all = append(all, bucket+"/"+(&asker{parameters: o}).text("Key"))
		}
	}
	return all
}

// tables are those of DynamoDB that a value names, in whatever depth.
func (a *asker) tables(v any, all []string) []string {
	switch v := v.(type) {
	case []any:
		for _, v := range v {
			all = a.tables(v, all)
		}
	case *jsonvalue.Object:
		table, _ := v.Get("TableName")
		if name, ok := table.(string); ok {
			name = a.table(name)
			if index, _ := v.Get("IndexName"); index != nil {
				said, _ := index.(string)
				name += "/index/" + said
			}
			all = append(all, name)
		}
		for called, v := range v.All() {
			requests, ok := v.(*jsonvalue.Object)
			if called == "RequestItems" && ok { // by tables
				for table := range requests.All() {
					all = append(all, a.table(table))
				}
				continue
			}
			if called == "TransactItems" || called == "Put" || called == "Get" || called == "Update" || called == "Delete" || called == "ConditionCheck" {
				all = a.tables(v, all)
			}
		}
	}
	return all
}

func (a *asker) table(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return a.arn("dynamodb", "table/"+name)
}

// queue is the queue of a URL: its account and name are the end of the path.
func (a *asker) queue(url string) string {
	parts := strings.Split(strings.TrimRight(url, "/"), "/")
	name := parts[len(parts)-1]
	of := a.account
	if len(parts) > 1 && len(parts[len(parts)-2]) == 12 {
		of = parts[len(parts)-2]
	}
	return arn.Of("sqs", a.region, of, name).String()
}

// buses are the event buses that entries go to.
func (a *asker) buses() (all []string) {
	entries, _ := a.member("Entries").([]any)
	for _, v := range entries {
		name := ""
		if entry, ok := v.(*jsonvalue.Object); ok {
			name = (&asker{parameters: entry}).text("EventBusName")
		}
		switch {
		case name == "":
			name = a.arn("events", "event-bus/default")
		case !strings.HasPrefix(name, "arn:"):
			name = a.arn("events", "event-bus/"+name)
		}
		all = append(all, name)
	}
	return all
}
