package swf

import "heddle/internal/service"

// members are what records of the trail show of requests and answers.
var members = service.Members{
	Shown: []string{
		"activityId", "activityType", "childPolicy", "closeStatusFilter", "closeTimeFilter", "decisionType",
		"decisions", "defaultChildPolicy", "defaultExecutionStartToCloseTimeout", "defaultLambdaRole",
		"defaultTaskHeartbeatTimeout", "defaultTaskList", "defaultTaskPriority",
		"defaultTaskScheduleToCloseTimeout", "defaultTaskScheduleToStartTimeout",
		"defaultTaskStartToCloseTimeout", "description", "domain", "execution", "executionFilter",
		"executionStartToCloseTimeout", "heartbeatTimeout", "id", "identity", "key", "lambdaRole",
		"latestDate", "markerName", "maximumPageSize", "name", "oldestDate", "registrationStatus",
		"resourceArn", "reverseOrder", "runId", "scheduleToCloseTimeout", "scheduleToStartTimeout",
		"signalName", "startAtPreviousStartedEvent", "startTimeFilter", "startToCloseTimeout",
		"startToFireTimeout", "status", "tag", "tagFilter", "tagKeys", "tagList", "tags", "taskList",
		"taskListScheduleToStartTimeout", "taskPriority", "taskStartToCloseTimeout", "timerId",
		"typeFilter", "value", "version", "workflowExecutionRetentionPeriodInDays", "workflowId",
		"workflowType", "workflowTypeVersion",

		"cancelTimerDecisionAttributes", "cancelWorkflowExecutionDecisionAttributes",
		"completeWorkflowExecutionDecisionAttributes", "continueAsNewWorkflowExecutionDecisionAttributes",
		"failWorkflowExecutionDecisionAttributes", "recordMarkerDecisionAttributes",
		"requestCancelActivityTaskDecisionAttributes",
		"requestCancelExternalWorkflowExecutionDecisionAttributes",
		"scheduleActivityTaskDecisionAttributes", "scheduleLambdaFunctionDecisionAttributes",
		"signalExternalWorkflowExecutionDecisionAttributes",
		"startChildWorkflowExecutionDecisionAttributes", "startTimerDecisionAttributes",

		"cancelRequested", "previousStartedEventId", "startedEventId", "workflowExecution",
	},
	Free:    []string{"control", "details", "executionContext", "input", "reason", "result"},
	Secret:  []string{"nextPageToken", "taskToken"},
	Unshown: []string{"events"}, // of a decision task: the history stands for itself
}
