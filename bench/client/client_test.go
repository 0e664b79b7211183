package client

import (
	"testing"
	"time"
)

// The signature was computed by another implementation, botocore 1.43.
func TestSignature(t *testing.T) {
	s := signer{service: SWF, accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", host: "127.0.0.1:7930"}
	s.at(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC))
	got := string(s.appendAuthorization(nil, "ListDomains", []byte(`{"registrationStatus":"REGISTERED"}`)))
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/swf/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=07db1d89b667e3b5515104ff6736d2743c3c0efc31e04bb470f021ba8a03590b"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMembers(t *testing.T) {
	answer := []byte(`{"a":"x","events":[{"eventType":"TimerFired","details":"\"TimerFired\":\"token\":\"no\""},{"eventType":"TimerFired"}],"startedEventId":42,"token":"yes"}`)
	if got := string(Text(answer, "token")); got != "yes" {
		t.Errorf("token is %q", got)
	}
	if got := Int(answer, "startedEventId"); got != 42 {
		t.Errorf("startedEventId is %d", got)
	}
	if got := Events(answer, "TimerFired"); got != 2 {
		t.Errorf("%d events TimerFired", got)
	}
	if Text(answer, "absent") != nil || Int(answer, "absent") != 0 {
		t.Error("found a member that is not there")
	}
}
