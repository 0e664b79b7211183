package sfn

import "heddle/internal/service"

// members are what records of the trail show of requests and answers. What the model calls
// sensitive is free or secret.
var members = service.Members{
	Shown: []string{
		"activityArn", "billedDurationInMilliseconds", "billedMemoryUsedInMB", "billingDetails", "cloudWatchLogsLogGroup",
		"creationDate", "destinations", "enabled", "encryptionConfiguration", "executionArn", "included",
		"includedData", "includeExecutionData", "inputDetails", "key", "kmsDataKeyReusePeriodSeconds", "kmsKeyId", "level",
		"logGroupArn", "loggingConfiguration", "maxResults", "name", "outputDetails", "publish", "resourceArn",
		"revisionId", "roleArn", "routingConfiguration", "severity", "startDate", "stateMachineAliasArn",
		"stateMachineArn", "stateMachineVersionArn", "status", "stopDate", "tagKeys", "tags", "traceHeader",
		"tracingConfiguration", "type", "updateDate", "value", "weight",
	},
	Free:   []string{"cause", "definition", "description", "error", "input", "output", "versionDescription"},
	Secret: []string{"nextToken"},
}
