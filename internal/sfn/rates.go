package sfn

import (
	"strings"

	"heddle/internal/aws/throttle"
)

// Rates of what is none of an action.
const (
	startExpress    = "StartExpressExecution" // StartExecution of an express state machine
	stateTransition = "StateTransition"       // of executions of standard ones; AWS's name for the metric, too
	httpTask        = "HTTPTask"
)

// rates are those that Step Functions has by default in US East (N. Virginia), US West
// (Oregon) and Europe (Ireland), which are its highest.
//
// Source: Step Functions Developer Guide, "Quotas related to API action throttling", "… to state
// throttling", "… to HTTP Task".
func rates() throttle.Rates {
	all := throttle.Rates{}
	for rate, names := range map[throttle.Rate]string{
		{Bucket: 50, PerSecond: 10}:     "TestState",
		{Bucket: 100, PerSecond: 1}:     "CreateActivity CreateStateMachine CreateStateMachineAlias DeleteActivity DeleteStateMachine DeleteStateMachineAlias DeleteStateMachineVersion ListMapRuns ListStateMachineAliases ListStateMachineVersions ListTagsForResource PublishStateMachineVersion UpdateMapRun UpdateStateMachine UpdateStateMachineAlias ValidateStateMachineDefinition",
		{Bucket: 100, PerSecond: 5}:     "ListStateMachines",
		{Bucket: 100, PerSecond: 10}:    "ListActivities",
		{Bucket: 200, PerSecond: 1}:     "DescribeActivity DescribeMapRun DescribeStateMachineAlias DescribeStateMachineForExecution TagResource UntagResource",
		{Bucket: 200, PerSecond: 5}:     "ListExecutions",
		{Bucket: 200, PerSecond: 20}:    "DescribeStateMachine",
		{Bucket: 300, PerSecond: 15}:    "DescribeExecution",
		{Bucket: 400, PerSecond: 20}:    "GetExecutionHistory",
		{Bucket: 1000, PerSecond: 200}:  "StopExecution",
		{Bucket: 1300, PerSecond: 300}:  "RedriveExecution StartExecution",
		{Bucket: 300, PerSecond: 300}:   httpTask,
		{Bucket: 5000, PerSecond: 5000}: stateTransition,
		{Bucket: 6000, PerSecond: 6000}: startExpress,
		{Bucket: 3000, PerSecond: 500}:  "GetActivityTask SendTaskFailure SendTaskHeartbeat SendTaskSuccess",
	} {
		for _, name := range strings.Fields(names) {
			all[name] = rate
		}
	}
	return all
}

// unlimited are the actions that AWS does not limit by such a rate. An operator may.
var unlimited = []string{"StartSyncExecution"}
