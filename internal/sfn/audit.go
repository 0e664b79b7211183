package sfn

import "heddle/internal/service"

// members are what records of the trail show of requests and answers. What the model calls
// sensitive is free or secret.
var members = service.Members{
	Shown: []string{
		"activityArn", "billedDurationInMilliseconds", "billedMemoryUsedInMB", "billingDetails", "clientToken",
		"cloudWatchLogsLogGroup", "creationDate", "destinations", "enabled", "encryptionConfiguration", "executionArn",
		"included", "includedData", "includeExecutionData", "inputDetails", "inspectionLevel", "key", "kmsDataKeyReusePeriodSeconds",
		"kmsKeyId", "level", "loggingConfiguration", "logGroupArn", "mapRunArn", "maxConcurrency", "maxResults", "name", "outputDetails",
		"publish", "redriveDate", "redriveFilter", "resourceArn", "revealSecrets", "reverseOrder", "revisionId", "roleArn",
		"routingConfiguration", "severity", "startDate", "stateMachineAliasArn", "stateMachineArn", "stateMachineVersionArn",
		"status", "statusFilter", "stopDate", "tagKeys", "tags", "toleratedFailureCount", "toleratedFailurePercentage", "traceHeader", "tracingConfiguration", "type", "updateDate",
		"value", "weight", "workerName",
	},
	Free: []string{
		"cause", "context", "definition", "description", "error", "input", "nextState", "output", "stateName", "variables", "versionDescription",
	},
	Secret:  []string{"nextToken", "taskToken"},
	Unshown: []string{"inspectionData", "mock", "stateConfiguration"},
}
