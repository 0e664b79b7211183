package iam

import (
	"strings"

	"heddle/internal/aws/throttle"
	"heddle/internal/iam/stswire"
	"heddle/internal/iam/wire"
)

// iamRates are how often an account may manage its identities. AWS publishes none;
// these are what its clients meet in practice, by order of magnitude: reading is four
// times as cheap as changing.
func iamRates() throttle.Rates {
	rates := throttle.Rates{}
	for _, op := range wire.Operations {
		rates[op.Name] = throttle.Rate{Bucket: 50, PerSecond: 10}
		if strings.HasPrefix(op.Name, "Get") || strings.HasPrefix(op.Name, "List") {
			rates[op.Name] = throttle.Rate{Bucket: 200, PerSecond: 40}
		}
	}
	return rates
}

// stsRates are those of the manual for all of an account's calls together ("IAM and AWS
// STS quotas": 600 a second), here for each action.
func stsRates() throttle.Rates {
	rates := throttle.Rates{}
	for _, op := range stswire.Operations {
		rates[op.Name] = throttle.Rate{Bucket: 600, PerSecond: 600}
	}
	return rates
}
