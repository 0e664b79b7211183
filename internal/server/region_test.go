package server

import "testing"

// TestRegions: SDKs that are given an address sign for the region of their client, whatever
// the service, so IAM takes every region and is in the one of its partition; STS is in the
// one that was signed for. Neither takes what was signed for the other.
func TestRegions(t *testing.T) {
	h := newHarness(t)
	inRegion := func(action, region string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"` + region + `"}}}`
	}
	at := func(k *knock, service, region string) *knock {
		k.service, k.region = service, region
		return k
	}
	for home, regions := range map[string][]string{
		"us-east-1":       {"us-east-1", "eu-central-1", "us-west-2", "me-south-1", "somewhere"},
		"cn-north-1":      {"cn-north-1", "cn-northwest-1"},
		"us-gov-west-1":   {"us-gov-west-1", "us-gov-east-1"},
		"us-iso-east-1":   {"us-iso-east-1", "us-iso-west-1"},
		"us-isob-east-1":  {"us-isob-east-1", "us-isob-west-1"},
		"us-isof-south-1": {"us-isof-south-1", "us-isof-east-1"},
		"eu-isoe-west-1":  {"eu-isoe-west-1"},
		"eusc-de-east-1":  {"eusc-de-east-1"},
	} {
		reader := h.user("of-"+home, inRegion("iam:ListUsers", home))
		for _, region := range regions {
			h.must(at(h.iam(reader, "ListUsers"), "iam", region))
		}
		away := "us-east-1"
		if home == away {
			away = "cn-north-1"
		}
		h.refused(accessDenied, at(h.iam(reader, "ListUsers"), "iam", away))
	}

	h.role("there", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"}}}`)
	guest := h.user("guest", allow("sts:AssumeRole", "*"))
	assume := func(region string) *knock {
		return at(h.iam(guest, "AssumeRole", "RoleArn", roleARN("there"), "RoleSessionName", "test"), "sts", region)
	}
	h.must(assume("eu-central-1"))
	h.refused(accessDenied, assume("us-east-1"))

	const wrong = "SignatureDoesNotMatch"
	for _, service := range []string{"sts", "swf", "IAM", "", "iam2"} {
		h.refused(wrong, at(h.iam(h.root, "ListUsers"), service, "us-east-1"))
	}
	for _, service := range []string{"iam", "swf"} {
		h.refused(wrong, at(h.iam(h.root, "GetCallerIdentity"), service, "us-east-1"))
	}
	for _, service := range []string{"iam", "sts"} {
		h.refused("InvalidSignatureException", at(h.swf(h.root, "ListDomains", `{"registrationStatus":"REGISTERED"}`), service, "us-east-1"))
	}
}
