package kms

import "heddle/internal/aws/throttle"

// rates are the quotas of requests a second for an account in a region ("AWS KMS request
// quotas"). What uses keys has one quota together there, of 10,000 in most regions; here
// each action has it.
func rates() throttle.Rates {
	all := throttle.Rates{}
	for perSecond, names := range map[int][]string{
		5: {
			"CancelKeyDeletion", "CreateAlias", "CreateKey", "DisableKey", "DisableKeyRotation", "EnableKey", "RotateKeyOnDemand", "UntagResource", "UpdateAlias",
			"UpdateKeyDescription",
		},
		10:    {"TagResource"},
		15:    {"DeleteAlias", "EnableKeyRotation", "PutKeyPolicy", "ScheduleKeyDeletion"},
		30:    {"RetireGrant", "RevokeGrant"},
		50:    {"CreateGrant"},
		100:   {"ListGrants", "ListKeyPolicies", "ListKeyRotations", "ListRetirableGrants"},
		500:   {"ListAliases", "ListKeys"},
		1000:  {"GetKeyPolicy", "GetKeyRotationStatus"},
		2000:  {"DescribeKey", "ListResourceTags"},
		10000: {"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom", "ReEncrypt"},
	} {
		for _, name := range names {
			all[name] = throttle.Rate{Bucket: perSecond, PerSecond: perSecond}
		}
	}
	return all
}
