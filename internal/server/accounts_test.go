package server

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/engine"
	"heddle/internal/kms"
	"heddle/internal/sfn"
	"heddle/internal/sfn/execution"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// other is an account beside the default one.
const other = "111122223333"

// twoAccounts is a server of two accounts.
type twoAccounts struct {
	*authority
	there aws.Credentials // the root user's key of the other account
}

func newAccounts(t *testing.T) *twoAccounts {
	a := newAuthorityWith(t, func(c *Config) { c.Accounts = []string{other} })
	return &twoAccounts{a, rootKeyOf(t, a.cfg.Data, other)}
}

// rootKeyOf is the key pair of an account's root user, which is not the default one.
func rootKeyOf(t *testing.T, data, account string) aws.Credentials {
	t.Helper()
	roots, made, err := credentials.LoadOrCreate(CredentialsFile(data), []string{defaults.Account, account}, nil)
	if err != nil || len(made) > 0 {
		t.Fatalf("made %v, %v", made, err)
	}
	return aws.Credentials{AccessKeyID: roots[1].KeyID, SecretAccessKey: string(roots[1].Secret)}
}

// oneOff is what is different in every answer.
var oneOff = regexp.MustCompile(`<RequestId>[^<]*|<RoleId>[^<]*|<CreateDate>[^<]*`)

// apart asks for what is there in the other account and for what is not, by names that differ
// in nothing else, and wants one answer. What says is the request with @ in place of the
// name's last part.
func (a *twoAccounts) apart(what string, knock func(name string) *knock, there, absent string) answered {
	a.t.Helper()
	one, two := a.ask(knock(there)), a.ask(knock(absent))
	plain := func(s string) string {
		return oneOff.ReplaceAllString(strings.NewReplacer(there, "@", absent, "@").Replace(s), "")
	}
	if one.status != two.status || plain(one.text) != plain(two.text) {
		a.t.Errorf("%s\nof what another account has: %d %.300s\n           and has not: %d %.300s", what, one.status, one.text, two.status, two.text)
	}
	return one
}

// TestStatesOfAnotherAccount asks every operation of Step Functions about what another account
// has: the answer is that of what does not exist, and nothing is done to it.
func TestStatesOfAnotherAccount(t *testing.T) {
	a := newAccounts(t)
	arn := func(account, resource string) string {
		return "arn:aws:states:" + defaults.Region + ":" + account + ":" + resource
	}
	role := `"roleArn":"arn:aws:iam::@ACCOUNT:role/r"`
	const definition = `"definition":"{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"@ACTIVITY\",\"End\":true}}}"`
	own := func(body, account string) string {
		return strings.NewReplacer("@ACCOUNT", account, "@ACTIVITY", arn(account, "activity:real")).Replace(body)
	}
	trust := policyOf(statesTrust)
	for account, key := range map[string]aws.Credentials{defaults.Account: a.root, other: a.there} {
		a.must(a.iam(key, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust))
		a.must(a.states(key, "CreateActivity", `{"name":"real"}`))
		if account == other {
			a.must(a.states(key, "CreateStateMachine", own(`{"name":"real",`+role+`,`+definition+`,"publish":true,"tags":[{"key":"k","value":"v"}]}`, account)))
			a.must(a.states(key, "CreateStateMachine", own(`{"name":"fast-real","type":"EXPRESS",`+role+`,"definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"}`, account)))
			a.must(a.states(key, "CreateStateMachineAlias", `{"name":"real","routingConfiguration":[{"stateMachineVersionArn":"`+arn(other, "stateMachine:real:1")+`","weight":100}]}`))
			a.must(a.states(key, "StartExecution", `{"stateMachineArn":"`+arn(other, "stateMachine:real")+`","name":"real"}`))
		}
	}
	const machine, version, alias, activity, execution = "stateMachine:@", "stateMachine:@:1", "stateMachine:@:@", "activity:@", "execution:@:@"
	rows := []struct{ action, resource, body string }{
		{"CreateStateMachineAlias", version, `{"name":"new","routingConfiguration":[{"stateMachineVersionArn":"ARN","weight":100}]}`},
		{"DeleteActivity", activity, `{"activityArn":"ARN"}`},
		{"DeleteStateMachine", machine, `{"stateMachineArn":"ARN"}`},
		{"DeleteStateMachineAlias", alias, `{"stateMachineAliasArn":"ARN"}`},
		{"DeleteStateMachineVersion", version, `{"stateMachineVersionArn":"ARN"}`},
		{"DescribeActivity", activity, `{"activityArn":"ARN"}`},
		{"DescribeExecution", execution, `{"executionArn":"ARN"}`},
		{"DescribeMapRun", "mapRun:@/l:00000000-0000-4000-8000-000000000000", `{"mapRunArn":"ARN"}`},
		{"DescribeStateMachine", machine, `{"stateMachineArn":"ARN"}`},
		{"DescribeStateMachine", version, `{"stateMachineArn":"ARN"}`},
		{"DescribeStateMachine", alias, `{"stateMachineArn":"ARN"}`},
		{"DescribeStateMachineAlias", alias, `{"stateMachineAliasArn":"ARN"}`},
		{"DescribeStateMachineForExecution", execution, `{"executionArn":"ARN"}`},
		{"GetActivityTask", activity, `{"activityArn":"ARN"}`},
		{"GetExecutionHistory", execution, `{"executionArn":"ARN"}`},
		{"ListExecutions", machine, `{"stateMachineArn":"ARN"}`},
		{"ListExecutions", alias, `{"stateMachineArn":"ARN"}`},
		{"ListExecutions", "mapRun:@/l:00000000-0000-4000-8000-000000000000", `{"mapRunArn":"ARN"}`},
		{"ListMapRuns", execution, `{"executionArn":"ARN"}`},
		{"ListStateMachineAliases", machine, `{"stateMachineArn":"ARN"}`},
		{"ListStateMachineVersions", machine, `{"stateMachineArn":"ARN"}`},
		{"ListTagsForResource", machine, `{"resourceArn":"ARN"}`},
		{"ListTagsForResource", activity, `{"resourceArn":"ARN"}`},
		{"PublishStateMachineVersion", machine, `{"stateMachineArn":"ARN"}`},
		{"RedriveExecution", execution, `{"executionArn":"ARN"}`},
		{"StartExecution", machine, `{"stateMachineArn":"ARN","name":"new"}`},
		{"StartExecution", version, `{"stateMachineArn":"ARN","name":"new"}`},
		{"StartExecution", alias, `{"stateMachineArn":"ARN","name":"new"}`},
		{"StartSyncExecution", "stateMachine:fast-@", `{"stateMachineArn":"ARN"}`},
		{"StopExecution", execution, `{"executionArn":"ARN"}`},
		{"TagResource", machine, `{"resourceArn":"ARN","tags":[{"key":"k","value":"mine"}]}`},
		{"TagResource", activity, `{"resourceArn":"ARN","tags":[{"key":"k","value":"mine"}]}`},
		{"UntagResource", machine, `{"resourceArn":"ARN","tagKeys":["k"]}`},
		{"UpdateMapRun", "mapRun:@/l:00000000-0000-4000-8000-000000000000", `{"mapRunArn":"ARN","maxConcurrency":1}`},
		{"UpdateStateMachine", machine, `{"stateMachineArn":"ARN","loggingConfiguration":{"level":"OFF"}}`},
		{"UpdateStateMachineAlias", alias, `{"stateMachineAliasArn":"ARN","description":"mine"}`},
	}
	// What has no ARN of what is there, or is asked further down.
	asked := map[string]bool{
		"CreateActivity": true, "CreateStateMachine": true, "ListActivities": true, "ListStateMachines": true, "ValidateStateMachineDefinition": true,
		"SendTaskFailure": true, "SendTaskHeartbeat": true, "SendTaskSuccess": true, "TestState": true,
	}
	state := func() (all string) {
		for _, row := range rows {
			if strings.HasPrefix(row.action, "Describe") && !strings.Contains(row.resource, "mapRun") || row.action == "ListTagsForResource" || row.action == "GetExecutionHistory" {
				all += a.must(a.states(a.there, row.action, strings.Replace(row.body, "ARN", arn(other, strings.ReplaceAll(row.resource, "@", "real")), 1))) + "\n"
			}
		}
		return all + a.must(a.states(a.there, "ListStateMachines", `{}`)) + a.must(a.states(a.there, "ListExecutions", `{"stateMachineArn":"`+arn(other, "stateMachine:real")+`"}`))
	}
	before := state()
	everybody := a.user("everybody", everything) // with policies that are asked
	for _, row := range rows {
		asked[row.action] = true
		for _, key := range []aws.Credentials{a.root, everybody} {
			got := a.apart(row.action+" "+row.resource, func(name string) *knock {
				return a.states(key, row.action, strings.Replace(row.body, "ARN", arn(other, strings.ReplaceAll(row.resource, "@", name)), 1))
			}, "real", "gone")
			if got.fault == "" && !strings.HasPrefix(row.action, "Delete") && got.text != `{"stateMachineVersions":[]}` { // so it is with what is not there
				t.Errorf("%s of another account's %s: %s", row.action, row.resource, got.text)
			}
		}
	}
	service := sfn.Service()
	for action := range service.Rates {
		if !asked[action] && !slices.Contains(service.Rated, action) { // those are of no action
			t.Errorf("%s is not asked", action)
		}
	}
	// A role of another account is handed over to nobody, and its activity is nobody's.
	for _, body := range []string{
		`{"name":"mine","roleArn":"arn:aws:iam::` + other + `:role/@","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"}`,
	} {
		if got := a.apart("CreateStateMachine "+body, func(name string) *knock {
			return a.states(a.root, "CreateStateMachine", strings.Replace(body, "@", name, 1))
		}, "r", "x"); got.fault == "" {
			t.Errorf("a machine has another account's role: %s", got.text)
		}
	}
	if after := state(); after != before {
		t.Errorf("what is another's has become\n%s\nand was\n%s", after, before)
	}
	for _, action := range []string{"ListActivities", "ListStateMachines"} {
		if got := a.must(a.states(a.root, action, `{}`)); strings.Contains(got, other) {
			t.Errorf("%s: %s", action, got)
		}
	}
}

// TestTasksOfAnotherAccount: two accounts call everything the same. A poller gets the tasks
// of its own, and a token or a page of the other's is none.
func TestTasksOfAnotherAccount(t *testing.T) {
	a := newAccounts(t)
	keys := [...]aws.Credentials{a.root, a.there}
	names := [...]string{defaults.Account, other}
	// SWF. The default account has its shop.
	here := a.harness
	(&harness{t, a.Server, a.there}).openShop()
	run := func(i int, input string) string {
		return a.field("runId", a.must(here.swf(keys[i], "StartWorkflowExecution", `{"domain":"shop","workflowId":"w","workflowType":{"name":"order","version":"1"},"taskList":{"name":"l"},"input":"`+input+`"}`)))
	}
	const poll = `{"domain":"shop","taskList":{"name":"l"}}`
	theirs := run(1, "of the other")
	if got := a.must(here.swf(keys[0], "CountPendingDecisionTasks", poll)); !strings.Contains(got, `"count":0`) {
		t.Errorf("another account's tasks are counted: %s", got)
	}
	ours := run(0, "ours")
	task := a.must(here.swf(keys[0], "PollForDecisionTask", poll))
	if !strings.Contains(task, ours) || !strings.Contains(task, `"ours"`) || strings.Contains(task, theirs) {
		t.Errorf("a poll gives %s", task)
	}
	task = a.must(here.swf(keys[1], "PollForDecisionTask", poll))
	if !strings.Contains(task, theirs) {
		t.Errorf("the other's poll gives %s", task)
	}
	token := a.field("taskToken", task)
	for action, body := range map[string]string{
		"RespondDecisionTaskCompleted": `{"taskToken":"TOKEN"}`,
		"RespondActivityTaskCompleted": `{"taskToken":"TOKEN"}`, "RespondActivityTaskFailed": `{"taskToken":"TOKEN"}`,
		"RespondActivityTaskCanceled": `{"taskToken":"TOKEN"}`, "RecordActivityTaskHeartbeat": `{"taskToken":"TOKEN"}`,
	} {
		if got := a.apart(action, func(token string) *knock { return here.swf(keys[0], action, strings.Replace(body, "TOKEN", token, 1)) }, token, token[:len(token)-8]+"AAAAAAAA"); got.fault == "" {
			t.Errorf("%s with another account's token: %s", action, got.text)
		}
	}
	for action, body := range map[string]string{
		"DescribeWorkflowExecution":   `{"domain":"shop","execution":{"workflowId":"w","runId":"RUN"}}`,
		"GetWorkflowExecutionHistory": `{"domain":"shop","execution":{"workflowId":"w","runId":"RUN"}}`,
		"SignalWorkflowExecution":     `{"domain":"shop","workflowId":"w","runId":"RUN","signalName":"s"}`,
		"TerminateWorkflowExecution":  `{"domain":"shop","workflowId":"w","runId":"RUN"}`,
	} {
		if got := a.apart(action, func(run string) *knock { return here.swf(keys[0], action, strings.Replace(body, "RUN", run, 1)) }, theirs, theirs[:len(theirs)-4]+"AAAA"); got.fault == "" {
			t.Errorf("%s with another account's run: %s", action, got.text)
		}
	}
	page := a.field("nextPageToken", a.must(here.swf(keys[1], "GetWorkflowExecutionHistory", `{"domain":"shop","maximumPageSize":1,"execution":{"workflowId":"w","runId":"`+theirs+`"}}`)))
	if got := a.ask(here.swf(keys[0], "GetWorkflowExecutionHistory", `{"domain":"shop","maximumPageSize":1,"nextPageToken":"`+page+`","execution":{"workflowId":"w","runId":"`+theirs+`"}}`)); got.fault == "" {
		t.Errorf("a page of another account's: %s", got.text)
	}
	a.must(here.swf(keys[1], "RespondDecisionTaskCompleted", `{"taskToken":"`+token+`"}`))

	// Step Functions.
	var tasks [2]string
	for i, key := range keys {
		a.must(a.iam(key, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", policyOf(statesTrust)))
		activity := a.field("activityArn", a.must(a.states(key, "CreateActivity", `{"name":"a"}`)))
		body, err := json.Marshal(map[string]string{
			"name": "m", "roleArn": "arn:aws:iam::" + names[i] + ":role/r",
			"definition": `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + activity + `","End":true}}}`,
		})
		if err != nil {
			t.Fatal(err)
		}
		machine := a.field("stateMachineArn", a.must(a.states(key, "CreateStateMachine", string(body))))
		a.must(a.states(key, "StartExecution", `{"stateMachineArn":"`+machine+`","name":"e","input":"{\"of\":\"`+names[i]+`\"}"}`))
	}
	for i, key := range keys {
		tasks[i] = a.must(a.states(key, "GetActivityTask", `{"activityArn":"arn:aws:states:`+defaults.Region+`:`+names[i]+`:activity:a"}`))
		if !strings.Contains(tasks[i], names[i]) || strings.Contains(tasks[i], names[1-i]) {
			t.Errorf("%s has the task %s", names[i], tasks[i])
		}
	}
	theirToken := a.field("taskToken", tasks[1])
	for action, body := range map[string]string{
		"SendTaskSuccess": `{"taskToken":"TOKEN","output":"{}"}`, "SendTaskFailure": `{"taskToken":"TOKEN"}`, "SendTaskHeartbeat": `{"taskToken":"TOKEN"}`,
	} {
		if got := a.apart(action, func(token string) *knock {
			return a.states(keys[0], action, strings.Replace(body, "TOKEN", token, 1))
		}, theirToken, theirToken[:len(theirToken)-8]+"AAAAAAAA"); got.fault == "" {
			t.Errorf("%s with another account's token: %s", action, got.text)
		}
	}
	a.must(a.states(keys[1], "SendTaskSuccess", `{"taskToken":"`+theirToken+`","output":"{}"}`))
	for range 2 {
		a.must(a.states(keys[1], "CreateActivity", `{"name":"`+a.name("activity")+`"}`))
		a.must(a.states(keys[0], "CreateActivity", `{"name":"`+a.name("activity")+`"}`))
	}
	statesPage := a.field("nextToken", a.must(a.states(keys[1], "ListActivities", `{"maxResults":1}`)))
	if got := a.ask(a.states(keys[0], "ListActivities", `{"maxResults":1,"nextToken":"`+statesPage+`"}`)); got.fault != "InvalidToken" {
		t.Errorf("a page of another account's list: %s", got.text)
	}
}

// TestKeysOfAnotherAccount asks every operation of KMS about a key of another account that
// lets nobody else in: the answer is that of one that does not exist.
func TestKeysOfAnotherAccount(t *testing.T) {
	a := newAccounts(t)
	id := keyIDIn(a.must(a.kms(a.there, "CreateKey", `{"Tags":[{"TagKey":"k","TagValue":"v"}]}`)))
	a.must(a.kms(a.there, "CreateAlias", `{"AliasName":"alias/real","TargetKeyId":"`+id+`"}`))
	grant := a.field("GrantId", a.must(a.kms(a.there, "CreateGrant", `{"KeyId":"`+id+`","GranteePrincipal":"arn:aws:iam::`+other+`:root","Operations":["Decrypt"]}`)))
	blob := a.field("CiphertextBlob", a.must(a.kms(a.there, "Encrypt", `{"KeyId":"`+id+`","Plaintext":"c2VjcmV0"}`)))
	mine := keyIDIn(a.must(a.kms(a.root, "CreateKey", `{}`)))
	const absent = "00000000-0000-4000-8000-000000000000"
	context := ""
	rows := map[string]string{
		"CancelKeyDeletion": `{"KeyId":"ARN"}`, "CreateAlias": `{"AliasName":"alias/mine","TargetKeyId":"ARN"}`,
		"CreateGrant": `{"KeyId":"ARN","GranteePrincipal":"arn:aws:iam::` + defaults.Account + `:root","Operations":["Decrypt"]}`,
		"Decrypt":     `{"KeyId":"ARN","CiphertextBlob":"` + blob + `"` + context + `}`,
		"DescribeKey": `{"KeyId":"ARN"}`, "DisableKey": `{"KeyId":"ARN"}`, "DisableKeyRotation": `{"KeyId":"ARN"}`, "EnableKey": `{"KeyId":"ARN"}`, "EnableKeyRotation": `{"KeyId":"ARN"}`,
		"Encrypt": `{"KeyId":"ARN","Plaintext":"c2VjcmV0"}`, "GenerateDataKey": `{"KeyId":"ARN","KeySpec":"AES_256"}`, "GenerateDataKeyWithoutPlaintext": `{"KeyId":"ARN","KeySpec":"AES_256"}`,
		"GetKeyPolicy": `{"KeyId":"ARN"}`, "GetKeyRotationStatus": `{"KeyId":"ARN"}`, "ListGrants": `{"KeyId":"ARN"}`, "ListKeyPolicies": `{"KeyId":"ARN"}`,
		"ListAliases": `{"KeyId":"ARN"}`, "ListKeyRotations": `{"KeyId":"ARN"}`, "ListResourceTags": `{"KeyId":"ARN"}`,
		"PutKeyPolicy": `{"KeyId":"ARN","Policy":"` + strings.ReplaceAll(policyOf(`{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"kms:*","Resource":"*"}`), `"`, `\"`) + `"}`,
		"ReEncrypt":    `{"SourceKeyId":"ARN","CiphertextBlob":"` + blob + `","DestinationKeyId":"` + mine + `"}`,
		"RetireGrant":  `{"KeyId":"ARN","GrantId":"` + grant + `"}`, "RevokeGrant": `{"KeyId":"ARN","GrantId":"` + grant + `"}`,
		"RotateKeyOnDemand": `{"KeyId":"ARN"}`, "ScheduleKeyDeletion": `{"KeyId":"ARN"}`,
		"TagResource": `{"KeyId":"ARN","Tags":[{"TagKey":"k","TagValue":"mine"}]}`, "UntagResource": `{"KeyId":"ARN","TagKeys":["k"]}`,
		"UpdateKeyDescription": `{"KeyId":"ARN","Description":"mine"}`, "UpdateAlias": `{"AliasName":"alias/mine","TargetKeyId":"ARN"}`,
	}
	state := func() (all string) {
		for _, action := range []string{"DescribeKey", "GetKeyPolicy", "ListGrants", "ListAliases", "ListResourceTags", "GetKeyRotationStatus"} {
			all += a.must(a.kms(a.there, action, strings.Replace(rows[action], "ARN", id, 1))) + "\n"
		}
		return all
	}
	before := state()
	tagged := a.user("tagged", `{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/k":"v"}}}`)
	key := "arn:aws:kms:" + defaults.Region + ":" + other + ":key/"
	for action, body := range rows {
		for _, who := range []aws.Credentials{a.root, tagged} {
			got := a.apart(action, func(id string) *knock { return a.kms(who, action, strings.Replace(body, "ARN", key+id, 1)) }, id, absent)
			if got.fault == "" {
				t.Errorf("%s of another account's key: %s", action, got.text)
			}
			if got := a.apart(action+" by id", func(id string) *knock { return a.kms(who, action, strings.Replace(body, "ARN", id, 1)) }, id, absent); got.fault == "" {
				t.Errorf("%s of another account's key by its id: %s", action, got.text)
			}
		}
	}
	asked := map[string]bool{"CreateKey": true, "DeleteAlias": true, "GenerateRandom": true, "ListKeys": true, "ListRetirableGrants": true} // which name no key
	for action := range kms.Service().Rates {
		if _, known := rows[action]; !known && !asked[action] {
			t.Errorf("%s is not asked", action)
		}
	}
	alias := "arn:aws:kms:" + defaults.Region + ":" + other + ":alias/"
	for _, action := range []string{"Encrypt", "DescribeKey", "GenerateDataKey"} {
		if got := a.apart(action+" by alias", func(name string) *knock {
			return a.kms(a.root, action, strings.Replace(rows[action], "ARN", alias+name, 1))
		}, "real", "gone"); got.fault == "" {
			t.Errorf("%s by another account's alias: %s", action, got.text)
		}
	}
	if got := a.ask(a.kms(a.root, "Decrypt", `{"CiphertextBlob":"`+blob+`"}`)); got.fault == "" {
		t.Errorf("another account's ciphertext: %s", got.text)
	}
	if after := state(); after != before {
		t.Errorf("what is another's has become\n%s\nand was\n%s", after, before)
	}
}

// TestIdentitiesOfAnotherAccount asks the operations of IAM and STS that take ARNs, ids or
// names of what another account has.
func TestIdentitiesOfAnotherAccount(t *testing.T) {
	a := newAccounts(t)
	a.must(a.iam(a.there, "CreateUser", "UserName", "real"))
	key := keyIn(t, a.must(a.iam(a.there, "CreateAccessKey", "UserName", "real")))
	a.must(a.iam(a.there, "CreatePolicy", "PolicyName", "real", "PolicyDocument", policyOf(everything)))
	a.must(a.iam(a.there, "CreateRole", "RoleName", "real", "AssumeRolePolicyDocument", policyOf(trusts(other))))
	a.user("mine", everything)
	a.role("mine", trusts(defaults.Account))
	for name, parameters := range map[string][]string{
		"GetUser": {"UserName", "@"}, "GetRole": {"RoleName", "@"}, "DeleteRole": {"RoleName", "@"}, "ListAccessKeys": {"UserName", "@"}, "CreateAccessKey": {"UserName", "@"},
		"UpdateAssumeRolePolicy": {"RoleName", "@", "PolicyDocument", policyOf(trusts(defaults.Account))}, "DeleteUser": {"UserName", "@"},
		"PutUserPolicy": {"UserName", "@", "PolicyName", "p", "PolicyDocument", policyOf(everything)},
		"GetPolicy":     {"PolicyArn", "arn:aws:iam::" + other + ":policy/@"}, "DeletePolicy": {"PolicyArn", "arn:aws:iam::" + other + ":policy/@"},
		"GetPolicyVersion": {"PolicyArn", "arn:aws:iam::" + other + ":policy/@", "VersionId", "v1"}, "ListPolicyVersions": {"PolicyArn", "arn:aws:iam::" + other + ":policy/@"},
		"CreatePolicyVersion":        {"PolicyArn", "arn:aws:iam::" + other + ":policy/@", "PolicyDocument", policyOf(everything)},
		"ListEntitiesForPolicy":      {"PolicyArn", "arn:aws:iam::" + other + ":policy/@"},
		"AttachUserPolicy":           {"UserName", "mine", "PolicyArn", "arn:aws:iam::" + other + ":policy/@"},
		"PutRolePermissionsBoundary": {"RoleName", "mine", "PermissionsBoundary", "arn:aws:iam::" + other + ":policy/@"},
		"SimulatePrincipalPolicy":    {"PolicySourceArn", "arn:aws:iam::" + other + ":user/@", "ActionNames.member.1", "swf:ListDomains"},
		"AssumeRole":                 {"RoleArn", "arn:aws:iam::" + other + ":role/@", "RoleSessionName", "test"},
	} {
		if got := a.apart(name, func(thing string) *knock {
			filled := make([]string, len(parameters))
			for i, p := range parameters {
				filled[i] = strings.ReplaceAll(p, "@", thing)
			}
			k := a.iam(a.root, name, filled...)
			k.header.Set("X-Thing", thing)
			return k
		}, "real", "gone"); got.fault == "" {
			t.Errorf("%s of what another account has: %s", name, got.text)
		}
	}
	for _, action := range []string{"GetAccessKeyLastUsed", "GetAccessKeyInfo"} {
		unknown, err := credentials.NewKeyPair(other, strings.NewReader(strings.Repeat("x", 100)))
		if err != nil {
			t.Fatal(err)
		}
		a.apart(action, func(id string) *knock { return a.iam(a.root, action, "AccessKeyId", id) }, key.AccessKeyID, unknown.KeyID)
	}
	if got := a.must(a.iam(a.root, "GetAccessKeyInfo", "AccessKeyId", key.AccessKeyID)); !strings.Contains(got, "<Account>"+other+"</Account>") {
		t.Error(got)
	}
	for _, root := range []struct {
		key     aws.Credentials
		account string
	}{{a.root, defaults.Account}, {a.there, other}} {
		if got := a.must(a.iam(root.key, "GetCallerIdentity")); !strings.Contains(got, "<Account>"+root.account+"</Account>") || !strings.Contains(got, "arn:aws:iam::"+root.account+":root") {
			t.Error(got)
		}
		if got := a.must(a.iam(root.key, "GetAccessKeyInfo", "AccessKeyId", root.key.AccessKeyID)); !strings.Contains(got, "<Account>"+root.account+"</Account>") {
			t.Error(got)
		}
	}
	// A trust policy tells nobody whom another account has.
	for i, kind := range []string{"arn:aws:iam::" + other + ":user/@", "arn:aws:iam::" + other + ":role/@", "arn:aws:sts::" + other + ":assumed-role/@/s"} {
		for _, then := range []string{"CreateRole", "GetRole", "UpdateAssumeRolePolicy", "GetRole", "DeleteRole"} {
			got := a.apart(then+" "+kind, func(thing string) *knock {
				return a.iam(a.root, then, "RoleName", fmt.Sprint("trusting", i, thing), "AssumeRolePolicyDocument", policyOf(trusts(strings.Replace(kind, "@", thing, 1))), "PolicyDocument", policyOf(trusts(strings.Replace(kind, "@", thing, 1))))
			}, "real", "gone")
			if then == "DeleteRole" && got.fault != "" {
				t.Error(got.text)
			}
		}
	}
}

// TestConfigOfAccounts: what names no accounts is refused before anything is made.
func TestConfigOfAccounts(t *testing.T) {
	var many []string
	for i := range accountsMax {
		many = append(many, fmt.Sprintf("%012d", i))
	}
	for want, accounts := range map[string][]string{
		`--accounts "12": want 12 digits`:            {other, "12"},
		`--accounts "": want 12 digits`:              {""},
		`--accounts " 111122223333": want 12 digits`: {" " + other},
		`--accounts "x11122223333": want 12 digits`:  {"x11122223333"},
		`--accounts: 101 accounts are more than 100`: many,
	} {
		cfg := memory()
		cfg.Accounts = accounts
		if s, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", accounts, err)
			if err == nil {
				closeServer(t, s)
			}
		}
	}
	cfg := Config{Account: defaults.Account, Accounts: []string{"222233334444", other, defaults.Account, other}}
	if got := cfg.accounts(); !slices.Equal(got, []string{defaults.Account, other, "222233334444"}) {
		t.Errorf("named twice: %q", got)
	}
}

// TestAccountsWithoutSignatures: the key's id is the account.
func TestAccountsWithoutSignatures(t *testing.T) {
	cfg := memory()
	cfg.Accounts = []string{other}
	s := start(t, cfg)
	who := func(key string) answered {
		h := &harness{t, s, aws.Credentials{AccessKeyID: key, SecretAccessKey: "x"}}
		return h.ask(h.iam(h.root, "GetCallerIdentity"))
	}
	for key, want := range map[string]string{"heddle": defaults.Account, "AKIAIOSFODNN7EXAMPLE": defaults.Account, defaults.Account: defaults.Account, other: other, "11112222333": defaults.Account} {
		if got := who(key); !strings.Contains(got.text, "<Account>"+want+"</Account>") {
			t.Errorf("%s is %s", key, got.text)
		}
	}
	if got := who("999999999999"); got.fault != "InvalidClientTokenId" || !strings.Contains(got.text, "--accounts") {
		t.Errorf("the number of no account: %s", got.text)
	}
	h := &harness{t, s, aws.Credentials{AccessKeyID: other, SecretAccessKey: "x"}}
	h.openShop()
	if got := h.must(h.swf(aws.Credentials{AccessKeyID: "heddle", SecretAccessKey: "x"}, "ListDomains", `{"registrationStatus":"REGISTERED"}`)); strings.Contains(got, "shop") {
		t.Error(got)
	}
	if got := h.must(h.swf(h.root, "ListDomains", `{"registrationStatus":"REGISTERED"}`)); !strings.Contains(got, ":"+other+":/domain/shop") {
		t.Error(got)
	}
}

// TestAccountsComeAndGo: the keys of an account are good while the flags name it; what runs
// in it runs on.
func TestAccountsComeAndGo(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second, Accounts: []string{other}}
	s := start(t, cfg)
	there := rootKeyOf(t, cfg.Data, other)
	h := &harness{t, s, there}
	h.openShop()
	user := h.user("ann", everything)
	h.must(h.swf(user, "StartWorkflowExecution", `{"domain":"shop","workflowId":"w","workflowType":{"name":"order","version":"1"},"taskList":{"name":"l"}}`))
	restart := func(accounts ...string) {
		closeServer(t, s)
		cfg.Accounts = accounts
		s = start(t, cfg)
		h.Server = s
	}
	h.must(h.iam(there, "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", policyOf(statesTrust)))
	machine := h.field("stateMachineArn", h.must(h.states(there, "CreateStateMachine", `{"name":"m","roleArn":"`+roleIn(other, "r")+`","definition":"{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":2,\"End\":true}}}"}`)))
	h.must(h.states(there, "StartExecution", `{"stateMachineArn":"`+machine+`","name":"e"}`))
	restart()
	waitUntil(t, "an execution of an account that is not there has run on", func() bool {
		view, err := h.node.View(t.Context(), execution.Name(engine.World{Account: other, Region: defaults.Region}, "m", "e"), engine.RunID{})
		if err != nil {
			t.Fatal(err)
		}
		return view.Closed != 0
	})
	for _, key := range []aws.Credentials{there, user} {
		h.refused("UnrecognizedClientException", h.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	}
	restart("000000000007", other)
	for _, key := range []aws.Credentials{there, user} {
		if got := h.must(h.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`)); !strings.Contains(got, "shop") {
			t.Error(got)
		}
	}
	if got := h.must(h.swf(user, "CountOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`)); !strings.Contains(got, `"count":1`) {
		t.Error(got)
	}
	third := rootKeyOf(t, cfg.Data, "000000000007")
	if got := h.must(h.swf(third, "ListDomains", `{"registrationStatus":"REGISTERED"}`)); strings.Contains(got, "shop") {
		t.Error(got)
	}
	closeServer(t, s)
	cfg.Account = other
	if s, err := Start(t.Context(), cfg); err == nil {
		closeServer(t, s)
		t.Error("the default account's key pair became another's")
	} else if !strings.Contains(err.Error(), "is of account "+defaults.Account) {
		t.Error(err)
	}
}
