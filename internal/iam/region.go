package iam

import (
	"slices"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
)

// homes are the regions of IAM, which is one for a whole partition.
var homes = map[string]string{
	arn.AWS: "us-east-1", arn.China: "cn-north-1", arn.GovUS: "us-gov-west-1", arn.Iso: "us-iso-east-1", arn.IsoB: "us-isob-east-1",
	arn.IsoE: "eu-isoe-west-1", arn.IsoF: "us-isof-south-1", arn.Eusc: "eusc-de-east-1",
}

// atHome is what conditions may ask of a call of IAM of a partition: SDKs that are given an
// address sign for the client's own region, and whoever asks must not choose what
// conditions see.
func atHome(partition string, known policy.Context) policy.Context {
	known = slices.Clone(known)
	for i := range known {
		if known[i].Key == "aws:RequestedRegion" {
			known[i].Value = homes[partition]
		}
	}
	return slices.Clip(known)
}
