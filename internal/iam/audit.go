package iam

import "heddle/internal/service"

// iamMembers are what records of the trail show of requests and answers.
var iamMembers = service.Members{
	Shown: []string{
		"accessKey", "accessKeyId", "actionNames", "arn", "assumeRolePolicyDocument", "attachmentCount",
		"contextEntries", "contextKeyName", "contextKeyType", "contextKeyValues", "createDate",
		"defaultVersionId", "description", "entityFilter", "group", "groupId", "groupName", "isAttachable",
		"isDefaultVersion", "key", "maxItems", "maxSessionDuration", "newGroupName", "newPath",
		"newUserName", "onlyAttached", "path", "pathPrefix", "permissionsBoundary",
		"permissionsBoundaryArn", "permissionsBoundaryPolicyInputList", "permissionsBoundaryType",
		"permissionsBoundaryUsageCount", "policy", "policyArn", "policyDocument", "policyId",
		"policyInputList", "policyName", "policySourceArn", "policyUsageFilter", "policyVersion",
		"resourceArns", "role", "roleId", "roleName", "scope", "setAsDefault", "status", "tagKeys", "tags",
		"updateDate", "user", "userId", "userName", "value", "versionId",
	},
	Secret: []string{"marker", "secretAccessKey"},
	Unshown: []string{
		// Nobody acts on these.
		"allUsers", "assignmentStatus", "callerArn", "resourceHandlingOption", "resourceOwner", "resourcePolicy", "serviceName",
		// Nobody answers these, of what changes something.
		"document", "passwordLastUsed", "roleLastUsed",
	},
}

// stsMembers are those of STS.
var stsMembers = service.Members{
	Shown: []string{
		"accessKeyId", "arn", "assumedRoleId", "assumedRoleUser", "credentials", "durationSeconds",
		"expiration", "externalId", "key", "packedPolicySize", "policy", "policyArns", "roleArn",
		"roleSessionName", "serialNumber", "tags", "value",
	},
	Secret:  []string{"secretAccessKey", "sessionToken", "tokenCode"},
	Unshown: []string{"providedContexts", "sourceIdentity", "transitiveTagKeys"}, // nobody acts on these
}
