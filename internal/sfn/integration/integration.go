// Package integration knows what Task states call by the resources arn:aws:states:::…: which
// operation of which API that is, what the role must be allowed for it, and how its errors
// and results look in an execution. It calls nobody.
//
// Source: Step Functions Developer Guide, "Integrating services"; Service Authorization
// Reference, the pages of the services; errors as they were recorded.
package integration

import (
	"fmt"
	"strings"

	"heddle/internal/aws/sdk"
	"heddle/jsonvalue"
)

// Integration is what a task calls.
type Integration struct {
	Service   string // the model of its API: "sqs"
	Operation string // in the SDK for Java: "sendMessage"
	Naming    sdk.Naming
	SDK       bool // one of aws-sdk:…

	errors string // what errors of the API begin with: "SQS"
	class  string // of all errors that the API does not name: "AmazonSQSException"
	label  string // of the service in causes: "AmazonSQS"

	renaming renaming
	further  []string // parameters that the operation does not have

	Lookup *Lookup // what is found out before; nil: nothing
}

// optimised are the services that have names of their own in resources, and how the SDK for
// Java 1 calls them, by which they are called.
var optimised = map[string]Integration{
	"sqs":              {Service: "sqs", errors: "SQS", class: "AmazonSQSException", label: "AmazonSQS"},
	"sns":              {Service: "sns", errors: "SNS", class: "AmazonSNSException", label: "AmazonSNS"},
	"dynamodb":         {Service: "dynamodb", errors: "DynamoDB", class: "AmazonDynamoDBException", label: "AmazonDynamoDBv2"},
	"events":           {Service: "eventbridge", errors: "EventBridge", class: "AmazonEventBridgeException", label: "AmazonEventBridge"},
	"athena":           {Service: "athena", errors: "Athena", class: "AmazonAthenaException", label: "AmazonAthena"},
	"batch":            {Service: "batch", errors: "Batch", class: "AWSBatchException", label: "AWSBatch"},
	"bedrock":          {Service: "bedrock", errors: "Bedrock", class: "BedrockException", label: "Bedrock"},
	"codebuild":        {Service: "codebuild", errors: "CodeBuild", class: "AWSCodeBuildException", label: "AWSCodeBuild"},
	"databrew":         {Service: "databrew", errors: "DataBrew", class: "AWSGlueDataBrewException", label: "AWSGlueDataBrew"},
	"ecs":              {Service: "ecs", errors: "ECS", class: "AmazonECSException", label: "AmazonECS"},
	"eks":              {Service: "eks", errors: "EKS", class: "AmazonEKSException", label: "AmazonEKS"},
	"elasticmapreduce": {Service: "emr", errors: "EMR", class: "AmazonElasticMapReduceException", label: "AmazonElasticMapReduce"},
	"emr-containers":   {Service: "emrcontainers", errors: "EMRContainers", class: "AmazonEMRContainersException", label: "AmazonEMRContainers"},
	"emr-serverless":   {Service: "emrserverless", errors: "EMRServerless", class: "AWSEMRServerlessException", label: "AWSEMRServerless"},
	"glue":             {Service: "glue", errors: "Glue", class: "AWSGlueException", label: "AWSGlue"},
	"mediaconvert":     {Service: "mediaconvert", errors: "MediaConvert", class: "AWSMediaConvertException", label: "AWSMediaConvert"},
	"sagemaker":        {Service: "sagemaker", errors: "SageMaker", class: "AmazonSageMakerException", label: "AmazonSageMaker"},
}

// renamed are actions that are operations of other names.
var renamed = map[string]struct{ service, operation string }{
	"bedrock:invokeModel":                              {"bedrockruntime", "invokeModel"},
	"elasticmapreduce:createCluster":                   {"emr", "runJobFlow"},
	"elasticmapreduce:addStep":                         {"emr", "addJobFlowSteps"},
	"elasticmapreduce:cancelStep":                      {"emr", "cancelSteps"},
	"elasticmapreduce:terminateCluster":                {"emr", "terminateJobFlows"},
	"elasticmapreduce:setClusterTerminationProtection": {"emr", "setTerminationProtection"},
	"elasticmapreduce:modifyInstanceFleetByName":       {"emr", "modifyInstanceFleet"},
	"elasticmapreduce:modifyInstanceGroupByName":       {"emr", "modifyInstanceGroups"},
}

// Of finds out what a task calls. Resource is the action, perhaps with its pattern. Ok is
// false for what is no operation of an API, or is not called here.
func Of(service, resource string) (i Integration, ok bool) {
	action, _, _ := strings.Cut(resource, ".")
	if name, isSDK := strings.CutPrefix(service, "aws-sdk:"); isSDK {
		return Integration{Service: name, Operation: action, SDK: true}, true
	}
	if i, ok = optimised[service]; !ok || unserved[service+":"+action] {
		return i, false
	}
	i.Operation, i.Naming, i.renaming = action, sdk.Own, renamings[service+":"+action]
	i.Lookup, i.further = lookups[service+":"+action], further[service+":"+action]
	if service == "batch" {
		i.Naming = sdk.Small
	}
	if r, other := renamed[service+":"+action]; other {
		i.Service, i.Operation = r.service, r.operation
	}
	return i, true
}

// further are parameters of actions that their operations do not have (Step Functions Developer
// Guide, "Invoke and customize Amazon Bedrock models").
var further = map[string][]string{"bedrock:invokeModel": {"Input", "Output"}}

// unserved are actions that need more than the call of an operation.
var unserved = map[string]bool{"eks:call": true, "eks:runJob": true}

// Prefix is what errors begin with. The model is nil if there is none.
func (i *Integration) Prefix(model *sdk.Service) string {
	switch {
	case !i.SDK:
		return i.errors
	case model != nil:
		return model.Class()
	}
	return sdk.Class(i.Service)
}

// Failure is how a task ends that a service refused.
func (i *Integration) Failure(model *sdk.Service, f *sdk.Fault) (name, cause string) {
	if i.SDK {
		ids := "Request ID: " + orNull(f.RequestID)
		if f.HostID != "" {
			ids += ", Extended Request ID: " + f.HostID
		}
		return i.Prefix(model) + "." + model.ExceptionClass(f.Exception),
			fmt.Sprintf("%s (Service: %s, Status Code: %d, %s) (SDK Attempt Count: 1)", orNull(f.Message), model.Class(), f.Status, ids)
	}
	class := i.class
	if f.Exception != "" {
		class = strings.TrimSuffix(f.Exception, "Exception") + "Exception"
	}
	return i.errors + "." + class,
		fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)", orNull(f.Message), i.label, f.Status, orNull(f.Code), orNull(f.RequestID))
}

// Denied is how a task ends that its role may not do.
func (i *Integration) Denied(model *sdk.Service, why, request string) (name, cause string) {
	return i.Failure(model, &sdk.Fault{Status: 403, Code: "AccessDeniedException", Message: why, RequestID: request})
}

// Entries is how a call of putEvents fails of which some entries were refused; "": it does not.
func (i *Integration) Entries(result *jsonvalue.Object) (name, cause string) {
	if i.SDK || i.Service != "eventbridge" || i.Operation != "putEvents" {
		return "", ""
	}
	n, _ := result.Get("FailedEntryCount")
	if f, ok := jsonvalue.Float(n); !ok || f == 0 {
		return "", ""
	}
	return "EventBridge.FailedEntry", jsonvalue.Text(result)
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}
