package swf

import (
	"strings"

	"heddle/internal/aws/throttle"
)

// rates are those that Amazon SWF has by default in all regions, for actions and for
// decisions. Decisions that are not listed are not limited.
//
// AWS grants higher ones on request. The numbers were not compared with an
// account; see docs/WIRE.md.
func rates() throttle.Rates {
	all := throttle.Rates{}
	for rate, names := range map[throttle.Rate]string{
		{Bucket: 50, PerSecond: 30}:    "ListTagsForResource TagResource UntagResource",
		{Bucket: 100, PerSecond: 6}:    "DeprecateDomain ListDomains RegisterDomain UndeprecateDomain",
		{Bucket: 200, PerSecond: 6}:    "CountPendingActivityTasks CountPendingDecisionTasks DeleteActivityType DeleteWorkflowType DeprecateActivityType DeprecateWorkflowType DescribeDomain ListActivityTypes ListClosedWorkflowExecutions ListWorkflowTypes UndeprecateActivityType UndeprecateWorkflowType",
		{Bucket: 200, PerSecond: 48}:   "ListOpenWorkflowExecutions",
		{Bucket: 200, PerSecond: 60}:   "RegisterActivityType RegisterWorkflowType",
		{Bucket: 2000, PerSecond: 6}:   "CountClosedWorkflowExecutions CountOpenWorkflowExecutions DescribeActivityType DescribeWorkflowExecution DescribeWorkflowType",
		{Bucket: 2000, PerSecond: 30}:  "RequestCancelWorkflowExecution SignalWorkflowExecution",
		{Bucket: 2000, PerSecond: 60}:  "GetWorkflowExecutionHistory TerminateWorkflowExecution",
		{Bucket: 2000, PerSecond: 160}: "RecordActivityTaskHeartbeat",
		{Bucket: 2000, PerSecond: 200}: "PollForActivityTask PollForDecisionTask RespondActivityTaskCanceled RespondActivityTaskCompleted RespondActivityTaskFailed RespondDecisionTaskCompleted StartWorkflowExecution StartTimer",

		{Bucket: 500, PerSecond: 12}:   "StartChildWorkflowExecution",
		{Bucket: 1000, PerSecond: 200}: "ScheduleActivityTask",
		{Bucket: 1200, PerSecond: 120}: "RequestCancelExternalWorkflowExecution SignalExternalWorkflowExecution",
	} {
		for _, name := range strings.Fields(names) {
			all[name] = rate
		}
	}
	return all
}

// unlimited are the decisions that AWS does not limit, though their events have a
// cause for it. An operator may.
var unlimited = []string{"ContinueAsNewWorkflowExecution", "ScheduleLambdaFunction"}
