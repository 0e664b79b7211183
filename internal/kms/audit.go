package kms

import "heddle/internal/service"

// members are what records of the trail show of requests and answers: nothing of what is
// encrypted, nor what it is encrypted as.
var members = service.Members{
	Shown: []string{
		"aWSAccountId", "aliasName", "arn", "bypassPolicyLockoutSafetyCheck", "constraints", "creationDate", "currentKeyMaterialId",
		"customerMasterKeySpec", "deletionDate", "description", "destinationEncryptionAlgorithm",
		"destinationKeyId", "dryRun", "enabled", "encryptionAlgorithm", "encryptionAlgorithms", "grantId", "granteePrincipal", "includeKeyMaterial", "keyId", "keyManager",
		"keyMetadata", "keySpec", "keyState", "keyUsage", "limit", "multiRegion", "name", "numberOfBytes", "operations", "origin",
		"pendingWindowInDays", "policy", "policyName", "retiringPrincipal", "rotationPeriodInDays", "sourceEncryptionAlgorithm",
		"sourceKeyId", "tagKey", "tagKeys", "tagValue", "tags", "targetKeyId",
	},
	Secret: []string{"ciphertextBlob", "grantToken", "grantTokens", "marker", "plaintext"},
	// Nobody keeps secrets in an encryption context, says the Developer Guide, since it is shown.
	Maps: []string{"destinationEncryptionContext", "encryptionContext", "encryptionContextEquals", "encryptionContextSubset", "sourceEncryptionContext"},
	Unshown: []string{
		// Nobody acts on these, or answers them.
		"cloudHsmClusterId", "customKeyStoreId", "dryRunModifiers", "expirationModel", "keyAgreementAlgorithms", "macAlgorithms",
		"multiRegionConfiguration", "pendingDeletionWindowInDays", "recipient", "signingAlgorithms", "validTo", "xksKeyConfiguration", "xksKeyId",
	},
}
