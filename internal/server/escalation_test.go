package server

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const everything = `{"Effect":"Allow","Action":"*","Resource":"*"}`

// whoAmI is what a key is worth: the ARN of its caller.
func (h *harness) whoAmI(key aws.Credentials) string {
	h.t.Helper()
	_, rest, _ := strings.Cut(h.must(h.iam(key, "GetCallerIdentity")), "<Arn>")
	name, _, _ := strings.Cut(rest, "<")
	return name
}

// assume gives the credentials of a role.
func (h *harness) assume(key aws.Credentials, role string, parameters ...string) aws.Credentials {
	h.t.Helper()
	return keyIn(h.t, h.must(h.iam(key, "AssumeRole", append([]string{"RoleArn", roleARN(role), "RoleSessionName", "test"}, parameters...)...)))
}

func (h *harness) cannotAssume(key aws.Credentials, role string, parameters ...string) {
	h.t.Helper()
	h.refused(accessDenied, h.iam(key, "AssumeRole", append([]string{"RoleArn", roleARN(role), "RoleSessionName", "test"}, parameters...)...))
}

func roleARN(name string) string { return "arn:aws:iam::" + defaults.Account + ":role/" + name }

func (h *harness) role(name, trust string, statements ...string) {
	h.t.Helper()
	h.must(h.iam(h.root, "CreateRole", "RoleName", name, "AssumeRolePolicyDocument", policyOf(trust)))
	if len(statements) > 0 {
		h.must(h.iam(h.root, "PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument", policyOf(statements...)))
	}
}

// TestEscalation: with the rights to a part of IAM one gets what that part gives, and
// no more.
func TestEscalation(t *testing.T) {
	h := newHarness(t)
	h.user("victim", everything)

	// Whoever may write their own policies may do so, to their own, and then has what they
	// wrote: IAM says the same.
	self := h.user("self", allow("iam:PutUserPolicy iam:DeleteUserPolicy", "arn:aws:iam::*:user/${aws:username}"))
	h.refused(accessDenied, h.iam(self, "PutUserPolicy", "UserName", "victim", "PolicyName", "q", "PolicyDocument", policyOf(everything)))
	h.refused(accessDenied, h.iam(self, "CreateAccessKey", "UserName", "victim"))
	h.refused(accessDenied, h.iam(self, "CreateAccessKey"))
	h.refused(accessDenied, h.iam(self, "AttachUserPolicy", "UserName", "self", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"))
	h.must(h.iam(self, "PutUserPolicy", "UserName", "self", "PolicyName", "q", "PolicyDocument", policyOf(everything)))
	h.must(h.iam(self, "CreateAccessKey", "UserName", "victim"))

	// A boundary holds, whatever they write.
	bounded := h.user("bounded", everything)
	h.must(h.iam(h.root, "PutUserPermissionsBoundary", "UserName", "bounded", "PermissionsBoundary", "arn:aws:iam::aws:policy/SimpleWorkflowFullAccess"))
	h.must(h.swf(bounded, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	for _, action := range []string{"DeleteUserPermissionsBoundary", "ListUsers", "CreateAccessKey", "DeleteUser"} {
		h.refused(accessDenied, h.iam(bounded, action, "UserName", "bounded"))
	}
	h.role("open", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole"}`, everything)
	h.cannotAssume(bounded, "open")

	// Conditions are about what an action takes, and about what is there: what else a
	// request has in it does not count.
	boundary := "arn:aws:iam::aws:policy/SimpleWorkflowFullAccess"
	delegate := h.user("delegate",
		`{"Effect":"Allow","Action":["iam:CreateUser","iam:AttachUserPolicy","iam:PutUserPolicy","iam:PutUserPermissionsBoundary"],"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+boundary+`"}}}`,
		`{"Effect":"Allow","Action":["iam:PutRolePolicy","iam:AttachRolePolicy"],"Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"`+boundary+`"}}}`,
		`{"Effect":"Allow","Action":["iam:DeleteUser","iam:TagUser","iam:UntagUser","iam:CreateGroup"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}}`,
		`{"Effect":"Allow","Action":["iam:DeleteUser","iam:UntagUser"],"Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}}}`,
		`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"x"}}}`)
	inBounds := []string{"PermissionsBoundary", boundary, "PolicyArn", boundary, "Tags.member.1.Key", "team", "Tags.member.1.Value", "red", "TagKeys.member.1", "team"}
	with := func(action string, parameters ...string) *knock {
		return h.iam(delegate, action, append(parameters, inBounds...)...)
	}
	h.refused(accessDenied, with("PutUserPolicy", "UserName", "delegate", "PolicyName", "q", "PolicyDocument", policyOf(everything)))
	h.refused(accessDenied, h.iam(delegate, "AttachUserPolicy", "UserName", "delegate", "PolicyArn", boundary, "PermissionsBoundary", boundary))
	h.refused(accessDenied, with("PutRolePolicy", "RoleName", "open", "PolicyName", "q", "PolicyDocument", policyOf(everything)))
	h.refused(accessDenied, with("DeleteUser", "UserName", "victim"))
	h.refused(accessDenied, with("CreateGroup", "GroupName", "g"))
	h.refused(accessDenied, h.iam(delegate, "UntagUser", "UserName", "victim", "TagKeys.member.1", "x", "Tags.member.1.Key", "team", "Tags.member.1.Value", "red"))
	h.refused(accessDenied, h.iam(delegate, "TagUser", "UserName", "victim", "Tags.member.1.Key", "x", "Tags.member.1.Value", "", "TagKeys.member.1", "team"))
	h.refused(accessDenied, h.iam(delegate, "AssumeRole", "RoleArn", roleARN("open"), "RoleSessionName", "test", "PermissionsBoundary", "x"))
	h.refused(accessDenied, h.iam(delegate, "CreateUser", "UserName", "free"))
	h.refused(accessDenied, h.iam(delegate, "CreateUser", "UserName", "free", "PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"))
	h.refused(accessDenied, h.iam(delegate, "PutUserPermissionsBoundary", "UserName", "bounded", "PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"))
	h.must(h.iam(delegate, "CreateUser", "UserName", "child", "PermissionsBoundary", boundary))
	h.must(h.iam(delegate, "PutUserPolicy", "UserName", "child", "PolicyName", "q", "PolicyDocument", policyOf(everything)))
	h.must(h.iam(delegate, "AttachRolePolicy", "RoleName", "open", "PolicyArn", boundary))
	h.refused(accessDenied, h.iam(delegate, "AttachRolePolicy", "RoleName", "open", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess", "PolicyARN", boundary))

	// Tags of what is there count for policies and roles, too.
	h.must(h.iam(h.root, "CreatePolicy", "PolicyName", "kept", "PolicyDocument", policyOf(everything), "Tags.member.1.Key", "kept", "Tags.member.1.Value", "yes"))
	h.must(h.iam(h.root, "TagRole", "RoleName", "open", "Tags.member.1.Key", "kept", "Tags.member.1.Value", "yes"))
	tidy := h.user("tidy", everything, `{"Effect":"Deny","Action":["iam:*Policy*","sts:AssumeRole"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/kept":"yes"}}}`)
	h.refused(accessDenied, h.iam(tidy, "DeletePolicy", "PolicyArn", "arn:aws:iam::"+defaults.Account+":policy/kept"))
	h.refused(accessDenied, h.iam(tidy, "CreatePolicyVersion", "PolicyArn", "arn:aws:iam::"+defaults.Account+":policy/kept", "PolicyDocument", policyOf(everything)))
	h.cannotAssume(tidy, "open")

	// What denies wins; what is left out by Not is not left out of a denial.
	careful := h.user("careful", everything, `{"Effect":"Deny","NotAction":["swf:*","iam:Get*"],"Resource":"*"}`, `{"Effect":"Deny","Action":"swf:*","NotResource":"arn:aws:swf:*:*:/domain/mine"}`)
	h.refused(accessDenied, h.iam(careful, "ListUsers"))
	h.refused(accessDenied, h.iam(careful, "DeleteUserPolicy", "UserName", "careful", "PolicyName", "p"))
	h.must(h.iam(careful, "GetUser"))
	h.refused(notPermitted, h.swf(careful, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	h.refused(notPermitted, h.swf(careful, "DescribeDomain", `{"name":"theirs"}`))
	h.must(h.swf(careful, "RegisterDomain", `{"name":"mine","workflowExecutionRetentionPeriodInDays":"1"}`))
}

// TestTemporaryCredentials is what temporary credentials are worth.
func TestTemporaryCredentials(t *testing.T) {
	h := newHarness(t)
	admin := h.user("admin", everything)
	ann := h.user("ann", allow("sts:AssumeRole sts:TagSession", "*"))
	account := `"Principal":{"AWS":"` + defaults.Account + `"}`

	// Of GetSessionToken: not for IAM, not for more of their kind.
	for _, key := range []aws.Credentials{admin, h.root} {
		own := keyIn(t, h.must(h.iam(key, "GetSessionToken")))
		h.must(h.swf(own, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
		if h.whoAmI(own) != h.whoAmI(key) {
			t.Error(h.whoAmI(own))
		}
		h.refused(accessDenied, h.iam(own, "CreateAccessKey", "UserName", "ann"))
		h.refused(accessDenied, h.iam(own, "GetUser", "UserName", "ann"))
		h.refused(accessDenied, h.iam(own, "ListUsers"))
		h.refused(accessDenied, h.iam(own, "GetSessionToken"))
	}

	// A trust policy lets in whom it names.
	h.role("named", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+defaults.Account+`:user/admin"},"Action":"sts:AssumeRole"}`, everything)
	h.cannotAssume(ann, "named")
	h.role("anybody", `{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`)
	nobody := h.user("nobody")
	h.assume(nobody, "anybody") // of this account, as with AWS
	h.role("account", `{"Effect":"Allow",`+account+`,"Action":"sts:AssumeRole"}`)
	h.cannotAssume(nobody, "account") // their own policies do not say so
	h.role("denied", `{"Effect":"Allow",`+account+`,"Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::`+defaults.Account+`:user/ann"},"Action":"sts:*"}`)
	h.cannotAssume(ann, "denied")
	h.assume(admin, "denied")
	h.role("others", `{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"sts:AssumeRole"}`)
	h.cannotAssume(admin, "others")
	h.role("service", `{"Effect":"Allow","Principal":{"Service":"swf.amazonaws.com"},"Action":"sts:AssumeRole"}`)
	h.cannotAssume(admin, "service")
	h.role("federated", `{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRole"}`)
	h.cannotAssume(admin, "federated")
	for _, trust := range []string{
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + defaults.Account + `:user/*"},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::*:root"},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{"Federated":"*"},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{"Service":"*"},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"}`,
		`{"Effect":"Allow",` + account + `,"Action":"*"}`,
		`{"Effect":"Allow",` + account + `,"Action":"iam:*"}`,
		`{"Effect":"Allow",` + account + `,"Action":"sts:AssumeRole","Resource":"*"}`,
	} {
		h.refused("MalformedPolicyDocument", h.iam(h.root, "CreateRole", "RoleName", "odd", "AssumeRolePolicyDocument", policyOf(trust)))
	}
	h.must(h.iam(h.root, "CreateRole", "RoleName", "deep", "Path", "/a/", "AssumeRolePolicyDocument", policyOf(`{"Effect":"Allow",`+account+`,"Action":"sts:AssumeRole"}`)))
	h.assume(ann, "a/deep")
	for _, wrong := range []string{"deep", "b/deep", "a/b/../deep", "A/deep", "a/Deep", "a//deep"} {
		h.cannotAssume(ann, wrong)
	}
	for _, wrong := range []string{"x", "arn:aws:iam::123456789012:user/ann", "arn:aws:sts::123456789012:assumed-role/anybody/x", strings.Repeat("arn:aws:iam:", 300)} {
		h.refused("ValidationError", h.iam(ann, "AssumeRole", "RoleArn", wrong, "RoleSessionName", "test"))
	}
	for _, account := range []string{"", "999999999999", strings.Repeat("9", 1000), "../123456789012"} {
		h.refused(accessDenied, h.iam(ann, "AssumeRole", "RoleArn", "arn:aws:iam::"+account+":role/anybody", "RoleSessionName", "test"))
	}

	// ExternalId must be the one, and must be given.
	h.role("external", `{"Effect":"Allow",`+account+`,"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"42"}}}`)
	h.cannotAssume(ann, "external")
	h.cannotAssume(ann, "external", "ExternalId", "43")
	h.cannotAssume(ann, "external", "externalId", "42")
	h.cannotAssume(ann, "external", "Tags.member.1.Key", "sts:ExternalId", "Tags.member.1.Value", "42")
	h.assume(ann, "external", "ExternalId", "42")

	// Of a tag a session has one value: the one that the trust policy has seen.
	h.role("teams", `{"Effect":"Allow",`+account+`,"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"aws:RequestTag/team":"blue"}}}`,
		`{"Effect":"Allow","Action":"swf:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}`)
	h.cannotAssume(ann, "teams")
	h.cannotAssume(ann, "teams", "Tags.member.1.Key", "team", "Tags.member.1.Value", "red")
	for _, twin := range []string{"team", "Team"} {
		h.refused("ValidationError", h.iam(ann, "AssumeRole", "RoleArn", roleARN("teams"), "RoleSessionName", "test",
			"Tags.member.1.Key", "team", "Tags.member.1.Value", "blue", "Tags.member.2.Key", twin, "Tags.member.2.Value", "red"))
	}
	blue := h.assume(ann, "teams", "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue")
	h.refused(notPermitted, h.swf(blue, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	untagged := h.user("untagged", allow("sts:AssumeRole", "*"))
	h.cannotAssume(untagged, "teams", "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue")

	// A session's own policies only take away, and go no further than the session.
	h.role("wide", `{"Effect":"Allow",`+account+`,"Action":"sts:AssumeRole"}`, allow("swf:*", "*"))
	narrow := h.assume(ann, "wide", "Policy", policyOf(allow("swf:ListDomains iam:*", "*")))
	h.must(h.swf(narrow, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	h.refused(notPermitted, h.swf(narrow, "DescribeDomain", `{"name":"x"}`))
	h.refused(accessDenied, h.iam(narrow, "ListUsers"))
	h.refused("ValidationError", h.iam(ann, "AssumeRole", "RoleArn", roleARN("wide"), "RoleSessionName", "test", "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/None"))
	none := h.assume(ann, "wide", "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/IAMFullAccess")
	h.refused(notPermitted, h.swf(none, "ListDomains", `{"registrationStatus":"REGISTERED"}`))

	// ${aws:username} is nobody's name in a role's session, whatever the session is called.
	h.role("mine", `{"Effect":"Allow",`+account+`,"Action":"sts:AssumeRole"}`, allow("iam:*", "arn:aws:iam::*:user/${aws:username}"), allow("iam:ListUsers", "arn:aws:iam::*:user/${aws:username}*"),
		`{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"aws:username":["admin","test"]}}}`)
	mine := h.assume(ann, "mine")
	for _, action := range []string{"CreateAccessKey", "GetUser", "ListUsers", "DeleteUser"} {
		for _, name := range []string{"admin", "test"} {
			h.refused(accessDenied, h.iam(mine, action, "UserName", name))
		}
		if action != "ListUsers" { // which takes no name
			h.refused("ValidationError", h.iam(mine, action, "UserName", "${aws:username}"))
		}
	}

	// Chained, and for too long.
	h.refused("ValidationError", h.iam(ann, "AssumeRole", "RoleArn", roleARN("wide"), "RoleSessionName", "test", "DurationSeconds", "3601"))
	h.refused("ValidationError", h.iam(ann, "AssumeRole", "RoleArn", roleARN("wide"), "RoleSessionName", "test", "DurationSeconds", "-1"))
	for _, name := range []string{"a", "a/b", "a*b", "a b", strings.Repeat("a", 65)} {
		h.refused("ValidationError", h.iam(ann, "AssumeRole", "RoleArn", roleARN("wide"), "RoleSessionName", name))
	}

	// It is over when the role is: another of its name is another.
	before := h.assume(ann, "anybody")
	h.must(h.iam(h.root, "DeleteRole", "RoleName", "anybody"))
	h.refused("InvalidClientTokenId", h.iam(before, "GetCallerIdentity"))
	h.role("anybody", `{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`, everything)
	h.refused("InvalidClientTokenId", h.iam(before, "GetCallerIdentity"))
	h.refused("UnrecognizedClientException", h.swf(before, "ListDomains", `{"registrationStatus":"REGISTERED"}`))

	// A session that carries more than a token holds is not begun.
	long := []string{"RoleArn", roleARN("wide"), "RoleSessionName", "test", "Policy", policyOf(allow("swf:*", "*"))}
	for i := range 50 {
		n := "Tags.member." + strconv.Itoa(i+1) + "."
		long = append(long, n+"Key", strings.Repeat("k", 100)+strconv.Itoa(i), n+"Value", strings.Repeat("v", 256))
	}
	h.role("tagged", `{"Effect":"Allow",`+account+`,"Action":["sts:AssumeRole","sts:TagSession"]}`)
	long[1] = roleARN("tagged")
	h.refused("PackedPolicyTooLarge", h.iam(admin, "AssumeRole", long...))
	h.must(h.iam(admin, "AssumeRole", long[:106]...))
}
