package server

import (
	"testing"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
)

// TestThrottledApart uses up what one account may do in one region. Others go on,
// in calls and in decisions.
func TestThrottledApart(t *testing.T) {
	l, err := newThrottle(&Config{Throttle: ThrottleAWS, ThrottleRates: []string{"ListDomains=1/1", "StartTimer=1/1"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, take := range map[string]func(account, region string) bool{
		"call": func(account, region string) bool {
			return l.call(&operation.Caller{Account: account, Region: region}, "ListDomains")
		},
		"decision": func(account, region string) bool {
			return l.decision(engine.World{Account: account, Region: region}, "StartTimer")
		},
	} {
		for take("111111111111", "us-east-1") {
		}
		if !take("111111111111", "eu-west-1") {
			t.Errorf("%s: another region is throttled", name)
		}
		if !take("222222222222", "us-east-1") {
			t.Errorf("%s: another account is throttled", name)
		}
	}
}
