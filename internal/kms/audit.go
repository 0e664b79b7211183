package kms

import "heddle/internal/service"

// members are what records of the trail show of requests and answers: nothing of what is
// encrypted, nor what it is encrypted as.
var members = service.Members{
	Shown: []string{
		"aWSAccountId", "aliasName", "arn", "bypassPolicyLockoutSafetyCheck", "constraints", "creationDate", "currentKeyMaterialId",
		"customerMasterKeySpec", "deletionDate", "description", "destinationEncryptionAlgorithm", "destinationEncryptionContext",
		"destinationKeyId", "dryRun", "enabled", "encryptionAlgorithm", "encryptionAlgorithms", "encryptionContext",
		"encryptionContextEquals", "encryptionContextSubset", "grantId", "granteePrincipal", "includeKeyMaterial", "keyId", "keyManager",
		"keyMetadata", "keySpec", "keyState", "keyUsage", "limit", "multiRegion", "name", "numberOfBytes", "operations", "origin",
		"pendingWindowInDays", "policy", "policyName", "retiringPrincipal", "rotationPeriodInDays", "sourceEncryptionAlgorithm",
		"sourceEncryptionContext", "sourceKeyId", "tagKey", "tagKeys", "tagValue", "tags", "targetKeyId",
	},
	Secret: []string{"ciphertextBlob", "grantToken", "grantTokens", "marker", "plaintext"},
	Unshown: []string{
		// Nobody acts on these, or answers them.
		"cloudHsmClusterId", "customKeyStoreId", "dryRunModifiers", "expirationModel", "keyAgreementAlgorithms", "macAlgorithms",
		"multiRegionConfiguration", "pendingDeletionWindowInDays", "recipient", "signingAlgorithms", "validTo", "xksKeyConfiguration", "xksKeyId",
	},
}
