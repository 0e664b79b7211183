package server

import (
	"slices"
	"strings"
	"testing"

	"heddle/internal/iam"
	"heddle/internal/service"
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
				if got.fault != want {
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
