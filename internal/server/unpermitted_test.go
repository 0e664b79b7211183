package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"heddle/internal/iam"
	"heddle/internal/service"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// freeActions need no permission, as with AWS: whoever has a key may ask whose it is,
// and make another of himself that lasts for hours. AssumeRole asks for itself.
var freeActions = []string{"GetCallerIdentity", "GetSessionToken"}

// TestEveryActionNeedsAPermission has a user without any try all actions of IAM and STS,
// to others and to himself, then one who may do all but that one. Of SWF's actions the
// sessions show it.
func TestEveryActionNeedsAPermission(t *testing.T) {
	h := newHarness(t)
	h.role("real", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole"}`)
	h.must(h.iam(h.root, "CreateGroup", "GroupName", "real"))
	h.must(h.iam(h.root, "CreatePolicy", "PolicyName", "real", "PolicyDocument", policyOf(everything)))
	own := h.user("real")
	const policyARN = "arn:aws:iam::123456789012:policy/real"
	parameters := []string{ // those that are in the way of an answer if they are missing
		"UserName", "real", "GroupName", "real", "RoleName", "real", "PolicyName", "p", "NewUserName", "new", "InstanceProfileName", "p",
		"PolicyArn", policyARN, "PolicySourceArn", "arn:aws:iam::123456789012:user/real", "PermissionsBoundary", policyARN, "VersionId", "v1",
		"PolicyDocument", policyOf(everything), "PolicyInputList.member.1", policyOf(everything), "ActionNames.member.1", "swf:ListDomains",
		"AssumeRolePolicyDocument", policyOf(`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`),
		"AccessKeyId", own.AccessKeyID, "Status", "Inactive", "MaxSessionDuration", "3600", "Description", "d",
		"Tags.member.1.Key", "k", "Tags.member.1.Value", "v", "TagKeys.member.1", "k", "RoleArn", roleARN("real"), "RoleSessionName", "test",
	}
	asked := 0
	for _, s := range []*service.Service{iam.Service(), iam.STS()} {
		var actions []string
		for action := range s.Rates {
			actions = append(actions, action)
		}
		slices.Sort(actions)
		for _, action := range actions {
			all := h.user("but"+action, everything, `{"Effect":"Deny","Action":"`+s.Name+`:`+action+`","Resource":"*"}`)
			for who, key := range map[string]*knock{
				"without permissions": h.iam(own, action, parameters...),
				"denied this":         h.iam(all, action, parameters...),
				"about himself":       h.iam(own, action, parameters[2:]...),
			} {
				asked++
				got := h.ask(key)
				want := accessDenied
				if slices.Contains(freeActions, action) {
					want = ""
				}
				named := strings.Contains(got.text, "&#39;userName&#39;") // without a name some are not valid
				if got.fault != want && !(who == "about himself" && got.fault == "ValidationError" && named) {
					t.Errorf("%s:%s, %s: %d %s", s.Name, action, who, got.status, got.text)
				}
			}
		}
	}
	if asked < 3*80 {
		t.Errorf("%d calls are not of all actions", asked)
	}
	// Nothing came of it.
	if got := h.must(h.iam(h.root, "ListAttachedUserPolicies", "UserName", "real")); strings.Contains(got, "<member>") {
		t.Error(got)
	}
	h.must(h.iam(own, "GetCallerIdentity"))
}

// TestConditionsSeeTheConnection: the address and the transport that conditions ask for
// are the connection's, whatever headers say, signed or not.
func TestConditionsSeeTheConnection(t *testing.T) {
	h := newHarness(t)
	from := func(condition string) string {
		return `{"Effect":"Allow","Action":"swf:ListDomains","Resource":"*","Condition":{` + condition + `}}`
	}
	here := h.user("here", from(`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`))
	elsewhere := h.user("elsewhere", from(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`))
	secure := h.user("secure", from(`"Bool":{"aws:SecureTransport":"true"}`))
	for _, header := range [][2]string{
		{"X-Forwarded-For", "10.0.0.1"}, {"X-Real-Ip", "10.0.0.1"}, {"Forwarded", "for=10.0.0.1;proto=https"}, {"True-Client-Ip", "10.0.0.1"},
		{"Cf-Connecting-Ip", "10.0.0.1"}, {"X-Client-Ip", "10.0.0.1"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Ssl", "on"},
		{"Front-End-Https", "on"}, {"Aws-Sourceip", "10.0.0.1"}, {"X-Amz-Source-Ip", "10.0.0.1"},
	} {
		for _, signed := range []bool{true, false} {
			for key, want := range map[aws.Credentials]string{here: "", elsewhere: notPermitted, secure: notPermitted} {
				k := h.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
				if signed {
					k.header.Set(header[0], header[1])
				} else {
					k.change = func(r *http.Request) { r.Header.Set(header[0], header[1]) }
				}
				if got := h.ask(k); got.fault != want && got.fault != "InvalidSignatureException" {
					t.Errorf("%s: %s, signed %v: %d %s", header[0], header[1], signed, got.status, got.text)
				}
			}
		}
	}
}
