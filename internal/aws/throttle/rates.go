package throttle

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// AWS gives the rates that Amazon SWF has by default in all regions, for actions
// and for decisions. Decisions that are not listed are not limited.
//
// AWS grants higher ones on request. The numbers were not compared with an
// account; see docs/WIRE.md.
func AWS() Rates {
	rates := Rates{}
	for rate, actions := range map[Rate]string{
		{50, 30}:    "ListTagsForResource TagResource UntagResource",
		{100, 6}:    "DeprecateDomain ListDomains RegisterDomain UndeprecateDomain",
		{200, 6}:    "CountPendingActivityTasks CountPendingDecisionTasks DeleteActivityType DeleteWorkflowType DeprecateActivityType DeprecateWorkflowType DescribeDomain ListActivityTypes ListClosedWorkflowExecutions ListWorkflowTypes UndeprecateActivityType UndeprecateWorkflowType",
		{200, 48}:   "ListOpenWorkflowExecutions",
		{200, 60}:   "RegisterActivityType RegisterWorkflowType",
		{2000, 6}:   "CountClosedWorkflowExecutions CountOpenWorkflowExecutions DescribeActivityType DescribeWorkflowExecution DescribeWorkflowType",
		{2000, 30}:  "RequestCancelWorkflowExecution SignalWorkflowExecution",
		{2000, 60}:  "GetWorkflowExecutionHistory TerminateWorkflowExecution",
		{2000, 160}: "RecordActivityTaskHeartbeat",
		{2000, 200}: "PollForActivityTask PollForDecisionTask RespondActivityTaskCanceled RespondActivityTaskCompleted RespondActivityTaskFailed RespondDecisionTaskCompleted StartWorkflowExecution",

		{500, 12}:   "StartChildWorkflowExecution",
		{1000, 200}: "ScheduleActivityTask",
		{1200, 120}: "RequestCancelExternalWorkflowExecution SignalExternalWorkflowExecution",
	} {
		for _, action := range strings.Fields(actions) {
			rates[action] = rate
		}
	}
	rates["StartTimer"] = Rate{2000, 200}
	return rates
}

// other are the decisions that AWS does not limit, though their events have a
// cause for it. An operator may.
var other = []string{"ContinueAsNewWorkflowExecution", "ScheduleLambdaFunction"}

// rateMax bounds both numbers of a rate.
const rateMax = 1_000_000

// Set changes rates by settings such as StartTimer=2000/200: a burst of 2,000 and
// 200 a second. StartTimer=none lifts the limit.
func (r Rates) Set(settings []string) error {
	all := AWS()
	for _, s := range settings {
		action, value, _ := strings.Cut(s, "=")
		if _, known := all[action]; !known && !slices.Contains(other, action) {
			return fmt.Errorf("rate %q: no such action or decision %q; want one of %s", s, action, strings.Join(append(slices.Sorted(maps.Keys(all)), other...), ", "))
		}
		if value == "none" {
			delete(r, action)
			continue
		}
		bucket, perSecond, _ := strings.Cut(value, "/")
		b, errBucket := strconv.Atoi(bucket)
		p, errPerSecond := strconv.Atoi(perSecond)
		if errBucket != nil || errPerSecond != nil || b < 1 || p < 1 || b > rateMax || p > rateMax {
			return fmt.Errorf("rate %q: want ACTION=BURST/PERSECOND, each from 1 to %d, or ACTION=none", s, rateMax)
		}
		r[action] = Rate{b, p}
	}
	return nil
}
