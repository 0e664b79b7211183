package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestRegions: SDKs that are given an address sign for the region of their client, whatever
// the service, so IAM takes every region, and is to conditions in the one of the server's
// partition, whatever the caller chose; STS is in the
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
	for own, home := range map[string]string{
		"us-west-2": "us-east-1", "somewhere": "us-east-1", "cn-northwest-1": "cn-north-1", "us-gov-east-1": "us-gov-west-1", "us-iso-west-1": "us-iso-east-1",
		"us-isob-west-1": "us-isob-east-1", "us-isof-east-1": "us-isof-south-1", "eu-isoe-west-1": "eu-isoe-west-1", "eusc-de-east-1": "eusc-de-east-1",
	} {
		cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second, Region: own}
		s := start(t, cfg)
		h := &harness{t, s, rootKey(t, cfg.Data)}
		reader := h.user("at-home", inRegion("iam:ListUsers", home))
		denied := h.user("away", everything, strings.Replace(inRegion("iam:ListUsers", home), "Allow", "Deny", 1))
		elsewhere := "us-east-1"
		if home == elsewhere {
			elsewhere = "cn-north-1"
		}
		stranger := h.user("elsewhere", inRegion("iam:ListUsers", elsewhere))
		for _, region := range []string{own, home, elsewhere, "us-east-1", "eu-central-1", "cn-north-1", "us-gov-east-1", "us-iso-x", "cn-", "somewhere"} {
			h.must(at(h.iam(reader, "ListUsers"), "iam", region))
			h.refused(accessDenied, at(h.iam(denied, "ListUsers"), "iam", region))
			h.refused(accessDenied, at(h.iam(stranger, "ListUsers"), "iam", region))
		}
		closeServer(t, s)
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

// TestDomainElsewhere: who asks for a domain in a region that has none of that name is told, by a
// header, in which it is, if they may know that there is none; and the log says it, not for each call.
func TestDomainElsewhere(t *testing.T) {
	var log bytes.Buffer
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}
	h := &harness{t, start(t, cfg), rootKey(t, cfg.Data)}
	ask := func(key aws.Credentials, region, domain string) (status int, elsewhere string) {
		t.Helper()
		k := h.swf(key, "CountOpenWorkflowExecutions", `{"domain":"`+domain+`","startTimeFilter":{"oldestDate":0}}`)
		k.region = region
		r := h.request(k)
		r.RequestURI = ""
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("X-Heddle-Domain-Region")
	}
	far := h.swf(h.root, "RegisterDomain", `{"name":"far","workflowExecutionRetentionPeriodInDays":"1"}`)
	far.region = "eu-west-1"
	h.must(far)
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"home","workflowExecutionRetentionPeriodInDays":"1"}`))
	for _, c := range []struct{ region, domain, elsewhere string }{
		{"eu-west-1", "home", defaults.Region},
		{"eu-west-1", "far", ""},
		{defaults.Region, "far", "eu-west-1"}, // in which a domain was found by now
		{defaults.Region, "nowhere", ""},
		{"ap-south-1", "far", "eu-west-1"},
	} {
		if status, elsewhere := ask(h.root, c.region, c.domain); elsewhere != c.elsewhere || (status == 200) != (c.domain == "far" && c.region == "eu-west-1") {
			t.Errorf("%q in %s: %d, %q, want %q", c.domain, c.region, status, elsewhere, c.elsewhere)
		}
	}
	nobody := h.user("nobody")
	if status, elsewhere := ask(nobody, "eu-west-1", "home"); status != 400 || elsewhere != "" {
		t.Errorf("who may nothing: %d, %q", status, elsewhere)
	}
	if n := strings.Count(log.String(), "known_in="); n != 1 {
		t.Errorf("the log tells of it %d times: %s", n, &log)
	}
}
