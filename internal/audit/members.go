package audit

// class says whether a member may be in a record.
type class uint8

const (
	open   class = iota
	data         // free-form, of users: hidden unless it is asked for
	secret       // hidden always
)

func (c class) hides(showData bool) bool {
	return c == secret || c == data && !showData
}

// members are the members of requests and answers that a record may have,
// wherever they stand; all others are left out. Names of the query protocol begin
// with a small letter here, as in CloudTrail's records.
var members = classes(
	map[class][]string{
		// SWF. What its answers to reads have, and the events of decision tasks, is
		// not here: it is no part of a record.
		open: {
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
		data:   {"control", "details", "executionContext", "input", "reason", "result"},
		secret: {"nextPageToken", "taskToken"},
	},
	map[class][]string{
		// IAM and STS.
		open: {
			"accessKey", "accessKeyId", "account", "actionNames", "arn", "assumeRolePolicyDocument",
			"assumedRoleId", "assumedRoleUser", "attachmentCount", "callerArn", "contextEntries",
			"contextKeyName", "contextKeyType", "contextKeyValues", "createDate", "credentials",
			"defaultVersionId", "durationSeconds", "entityFilter", "expiration", "externalId", "group",
			"groupId", "groupName", "isAttachable", "isDefaultVersion", "maxItems", "maxSessionDuration",
			"newGroupName", "newPath", "newUserName", "onlyAttached", "packedPolicySize", "path",
			"pathPrefix", "permissionsBoundary", "permissionsBoundaryArn",
			"permissionsBoundaryPolicyInputList", "permissionsBoundaryType",
			"permissionsBoundaryUsageCount", "policy", "policyArn", "policyArns", "policyDocument",
			"policyId", "policyInputList", "policyName", "policySourceArn", "policyUsageFilter",
			"policyVersion", "resourceArns", "role", "roleArn", "roleId", "roleName", "roleSessionName",
			"scope", "serialNumber", "setAsDefault", "updateDate", "user", "userId", "userName", "versionId",
		},
		secret: {"marker", "secretAccessKey", "sessionToken", "tokenCode"},
	},
)

func classes(services ...map[class][]string) map[string]class {
	all := map[string]class{}
	for _, service := range services {
		for as, names := range service {
			for _, name := range names {
				all[name] = as
			}
		}
	}
	return all
}
