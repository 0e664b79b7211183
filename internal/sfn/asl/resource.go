package asl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"heddle/internal/sfn/template"
	"heddle/jsonvalue"
)

// patterns of integrations, as sets.
const (
	request = 1 << RequestResponse
	job     = request | 1<<Sync
	job2    = job | 1<<Sync2
	token   = request | 1<<WaitForToken
)

// integrations are the services that have more than their API here, their actions, and how
// one waits for them (Step Functions Developer Guide, Integrating optimized services).
var integrations = map[string]map[string]int{
	"apigateway":       {"invoke": token},
	"athena":           {"startQueryExecution": job, "stopQueryExecution": request, "getQueryExecution": request, "getQueryResults": request},
	"batch":            {"submitJob": job},
	"bedrock":          {"invokeModel": token, "createModelCustomizationJob": job | token},
	"bedrockagentcore": {"invokeHarness": request},
	"codebuild":        {"startBuild": job, "stopBuild": request, "batchDeleteBuilds": request, "batchGetReports": request, "startBuildBatch": job, "stopBuildBatch": request, "retryBuildBatch": job, "deleteBuildBatch": request},
	"databrew":         {"startJobRun": job},
	"dynamodb":         {"getItem": request, "putItem": request, "updateItem": request, "deleteItem": request},
	"ecs":              {"runTask": job | token},
	"eks":              {"call": request, "createCluster": job, "deleteCluster": job, "createFargateProfile": job, "deleteFargateProfile": job, "createNodegroup": job, "deleteNodegroup": job, "runJob": job | token},
	"elasticmapreduce": {"createCluster": job, "setClusterTerminationProtection": request, "terminateCluster": job, "addStep": job, "cancelStep": request,
		"modifyInstanceFleetByName": request, "modifyInstanceGroupByName": request},
	"emr-containers": {"createVirtualCluster": request, "deleteVirtualCluster": job, "startJobRun": job},
	"emr-serverless": {"createApplication": job, "startApplication": job, "stopApplication": job, "deleteApplication": job, "startJobRun": job, "cancelJobRun": job},
	"events":         {"putEvents": token},
	"glue":           {"startJobRun": job},
	"http":           {"invoke": request},
	"lambda":         {"invoke": token},
	"mediaconvert":   {"createJob": job},
	"sagemaker": {"createEndpoint": request, "createEndpointConfig": request, "createHyperParameterTuningJob": job, "createLabelingJob": job, "createModel": request,
		"createProcessingJob": job, "createTrainingJob": job, "createTransformJob": job, "updateEndpoint": request},
	"sns":    {"publish": token},
	"sqs":    {"sendMessage": token},
	"states": {"startExecution": job2 | token},
}

// mapIntegrations are those of a distributed Map, beside them.
var mapIntegrations = map[string][]string{
	"s3": {"getObject", "listObjectsV2", "putObject"},
}

var (
	partition = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	function  = regexp.MustCompile(`^[a-zA-Z0-9_-]+(:(\$LATEST|[a-zA-Z0-9_-]+))?$`)
	sdkName   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	sdkAction = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
)

// parseResource reads an ARN of what a task calls; nil: it is none.
func parseResource(arn string) *Resource {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !partition.MatchString(parts[1]) {
		return nil
	}
	service, region, account, rest := parts[2], parts[3], parts[4], parts[5]
	r := &Resource{ARN: arn}
	switch {
	case service == "lambda":
		name, ok := strings.CutPrefix(rest, "function:")
		if !ok || region == "" || account == "" || !function.MatchString(name) {
			return nil
		}
		r.Kind = Function
	case service == "states" && (region == "") == (account == ""):
		if name, ok := strings.CutPrefix(rest, "activity:"); ok && region != "" {
			if !activityName(name) {
				return nil
			}
			r.Kind = Activity
		} else if r.integration(rest) { // of which some write region and account
			r.Kind = Integration
		} else {
			return nil
		}
	default:
		return nil
	}
	return r
}

// activityName tells whether an activity may have a name (Step Functions API Reference, CreateActivity).
func activityName(name string) bool {
	return name != "" && len(name) <= 80 && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f && r <= 0x9f || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r)
	})
}

// integration reads SERVICE:ACTION[.PATTERN].
func (r *Resource) integration(text string) bool {
	sdk, isSDK := strings.CutPrefix(text, "aws-sdk:")
	if isSDK {
		text = sdk
	}
	service, action, ok := strings.Cut(text, ":")
	if !ok {
		return false
	}
	name, _, _ := strings.Cut(action, ".")
	pattern := slices.Index(patternNames[:], action[len(name):])
	if pattern < 0 {
		return false
	}
	r.Service, r.Action, r.Pattern = service, name, Pattern(pattern)
	if isSDK {
		r.Service = "aws-sdk:" + service
		return sdkName.MatchString(service) && sdkAction.MatchString(name) && token&(1<<pattern) != 0
	}
	if integrations[service][name]&(1<<pattern) != 0 {
		return true
	}
	return r.Pattern == RequestResponse && slices.Contains(mapIntegrations[service], name)
}

// resource reads a Resource of a task.
func (r *reading) resource(at string, v any) {
	text, ok := r.text(at, v)
	if !ok {
		return
	}
	resource := parseResource(text)
	if resource != nil && resource.Kind == Integration && r.calls != nil {
		if _, known := r.calls(resource.Service, resource.Action); !known {
			resource = nil
		}
	}
	if resource == nil || resource.Kind == Integration && mapIntegrations[resource.Service] != nil {
		r.wrong(at, fmt.Sprintf(unknownResource, text))
		return
	}
	r.s.Resource = resource
	if r.express {
		switch {
		case resource.Kind == Activity:
			r.wrong(at, "Express state machine does not support Activity ARN")
		case resource.Pattern == WaitForToken:
			r.wrong(at, "Express state machine does not support '.waitForTaskToken' service integration ") // the blank is the service's
		case resource.Pattern != RequestResponse:
			r.wrong(at, "Express state machine does not support '"+patternNames[resource.Pattern]+"' service integration")
		}
	}
	if m := r.machine; resource.Kind == Activity && !slices.Contains(m.Activities, text) {
		m.Activities = append(m.Activities, text)
	}
}

// parameters are those of integrations that are known in full: first those without which it
// is refused, then the others (Step Functions Developer Guide, the pages of the services).
// The shapes of other services are not checked here.
var parameters = map[string]shape{
	"lambda:invoke":         {[]string{"FunctionName"}, []string{"ClientContext", "InvocationType", "LogType", "Payload", "Qualifier", "TenantId"}},
	"states:startExecution": {[]string{"StateMachineArn"}, []string{"Input", "Name", "TraceHeader"}},
	"sqs:sendMessage": {[]string{"QueueUrl", "MessageBody"},
		[]string{"DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId"}},
	"sns:publish": {[]string{"Message"},
		[]string{"MessageAttributes", "MessageDeduplicationId", "MessageGroupId", "MessageStructure", "PhoneNumber", "Subject", "TargetArn", "TopicArn"}},
	"events:putEvents": {[]string{"Entries"}, []string{"EndpointId"}},
	"dynamodb:getItem": {[]string{"TableName", "Key"},
		[]string{"AttributesToGet", "ConsistentRead", "ExpressionAttributeNames", "ProjectionExpression", "ReturnConsumedCapacity"}},
	"dynamodb:putItem":    {[]string{"TableName", "Item"}, writing},
	"dynamodb:updateItem": {[]string{"TableName", "Key"}, append([]string{"AttributeUpdates", "UpdateExpression"}, writing...)},
	"dynamodb:deleteItem": {[]string{"TableName", "Key"}, writing},
}

// writing are parameters of all that change an item of DynamoDB.
var writing = []string{
	"ConditionalOperator", "ConditionExpression", "Expected", "ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnConsumedCapacity",
	"ReturnItemCollectionMetrics", "ReturnValues", "ReturnValuesOnConditionCheckFailure",
}

// texts are parameters that only texts can be.
var texts = map[string][]string{
	"lambda:invoke":         {"FunctionName", "ClientContext", "InvocationType", "LogType", "Qualifier", "TenantId"},
	"states:startExecution": {"StateMachineArn", "Name", "TraceHeader"},
}

// Refuses tells why a task's integration can't be called with parameters, once they are
// evaluated: they must be what a definition could have, template and all. "": it can.
func (s *State) Refuses(parameters any) string {
	o, ok := parameters.(*jsonvalue.Object)
	if !ok {
		return "the parameters are not an object"
	}
	var why []string
	has := map[string]bool{}
	shape, known := parametersOf(s.Resource)
	for name := range o.All() {
		if s.Language == JSONPath {
			name = strings.TrimSuffix(name, ".$")
		}
		has[name] = true
		if known && !shape.takes(name) {
			why = append(why, unsupportedParameter(name))
		}
	}
	if known {
		for _, name := range shape.lacks(has) {
			why = append(why, missingParameter(name))
		}
	}
	for _, name := range texts[s.Resource.Service+":"+s.Resource.Action] {
		v, given := o.Get(name)
		if _, is := v.(string); given && !is && (v != nil || slices.Contains(shape.needed, name)) {
			why = append(why, "The value for the field '"+name+"' must be a STRING but was "+template.TypeName(v))
		}
	}
	if s.Language == JSONPath && hasPath(o) {
		if _, err := template.Compile(o); err != nil {
			for _, p := range err.(template.Problems) {
				why = append(why, p.Message)
			}
		}
	}
	return strings.Join(why, ", ")
}

// hasPath tells whether there is a member whose name says that it is a path.
func hasPath(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, hasPath)
	case *jsonvalue.Object:
		for name, inner := range v.All() {
			if strings.HasSuffix(name, ".$") || hasPath(inner) {
				return true
			}
		}
	}
	return false
}

func unsupportedParameter(name string) string {
	return "The field \"" + name + "\" is not supported by Step Functions"
}

func missingParameter(name string) string {
	return "The field '" + name + "' is required but was missing"
}

// shape are the parameters of an integration.
type shape struct{ needed, known []string }

func (s shape) takes(name string) bool {
	return slices.Contains(s.needed, name) || slices.Contains(s.known, name)
}

func (s shape) lacks(has map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(s.needed), func(name string) bool { return has[name] })
}

func parametersOf(r *Resource) (of shape, known bool) {
	of, known = parameters[r.Service+":"+r.Action]
	return of, known
}

// limited are the parameters of an integration that takes only some of its operation's.
type limited struct {
	shape
	operation Structure // nil: it is not known
}

// Member implements Structure.
func (l limited) Member(name string) (in Structure, ok bool) {
	if l.operation != nil {
		in, _ = l.operation.Member(name)
	}
	return in, l.takes(name)
}

// Lacks implements Structure.
func (l limited) Lacks(given map[string]bool) []string { return l.lacks(given) }

// integrationFields looks at the parameters of an integration.
func (r *reading) integrationFields(o *jsonvalue.Object) {
	called := r.s.Resource
	if called == nil || called.Kind != Integration {
		return
	}
	field := "Parameters"
	if r.s.Language == JSONata {
		field = "Arguments"
	}
	v, there := o.Get(field)
	if !there {
		r.unwritable(r.at, field+" field is required for resource ARN: "+called.ARN)
		return
	}
	given, ok := v.(*jsonvalue.Object)
	if !ok {
		return // an expression gives them
	}
	var takes Structure
	if r.calls != nil {
		takes, _ = r.calls(called.Service, called.Action)
	}
	if shape, known := parametersOf(called); known {
		takes = limited{shape, takes}
	}
	if takes == nil {
		return
	}
	at := r.at + "/" + field
	r.takenBy(takes, at, given)
	has := map[string]bool{}
	for name := range given.All() {
		if r.s.Language == JSONPath {
			name = strings.TrimSuffix(name, ".$")
		}
		has[name] = true
	}
	for _, name := range takes.Lacks(has) {
		r.unwritable(at, missingParameter(name))
	}
}

// takenBy reports members that a call does not take, however deep. Those that paths give are looked
// at when they are there: the service takes them in definitions, whatever they are called.
func (r *reading) takenBy(of Structure, at string, v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			r.takenBy(of, at, item)
		}
	case *jsonvalue.Object:
		for name, inner := range v.All() {
			if r.s.Language == JSONPath && strings.HasSuffix(name, ".$") {
				continue
			}
			if in, ok := of.Member(name); !ok {
				r.unwritable(at, unsupportedParameter(name))
			} else if in != nil {
				r.takenBy(in, at, inner)
			}
		}
	}
}
