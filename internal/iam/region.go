package iam

import (
	"slices"
	"strings"

	"heddle/internal/aws/policy"
)

// homes are the regions of IAM, which is one for a whole partition, by what the regions of
// the partition begin with; the first that fits counts.
var homes = []struct{ prefix, region string }{
	{"cn-", "cn-north-1"},
	{"us-gov-", "us-gov-west-1"},
	{"us-iso-", "us-iso-east-1"},
	{"us-isob-", "us-isob-east-1"},
	{"us-isof-", "us-isof-south-1"},
	{"eu-isoe-", "eu-isoe-west-1"},
	{"eusc-", "eusc-de-east-1"},
	{"", "us-east-1"},
}

// homeOf is the region to which calls of IAM go that are signed for a region. SDKs that are
// given an address sign them for the client's own.
func homeOf(region string) string {
	i := slices.IndexFunc(homes, func(h struct{ prefix, region string }) bool { return strings.HasPrefix(region, h.prefix) })
	return homes[i].region
}

// atHome is what conditions may ask of a call of IAM.
func atHome(known policy.Context) policy.Context {
	known = slices.Clone(known)
	for i := range known {
		if known[i].Key == "aws:RequestedRegion" {
			known[i].Value = homeOf(known[i].Value)
		}
	}
	return slices.Clip(known)
}
