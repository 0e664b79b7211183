package server

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestPartitions runs a server in a region of each partition: whatever has a name there
// is of that partition, for IAM, STS, simulations and SWF alike; names of another partition
// name nothing, and policies that speak of them say nothing of what is here.
func TestPartitions(t *testing.T) {
	for region, partition := range map[string]string{
		"eu-central-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second, Region: region}
			cfg.Log = slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
			s := start(t, cfg)
			h := &harness{t, s, rootKey(t, cfg.Data)}
			here := func(k *knock) *knock {
				k.region = region
				return k
			}
			names := func(key *knock, name string) {
				t.Helper()
				if answer := h.must(here(key)); !strings.Contains(answer, name) {
					t.Errorf("%s is not in %s", name, answer)
				}
			}
			other := "aws-cn"
			if partition == other {
				other = "aws"
			}
			of := func(partition, service, resource string) string {
				return "arn:" + partition + ":" + service + "::" + defaults.Account + ":" + resource
			}
			managed := func(partition string) string { return "arn:" + partition + ":iam::aws:policy/SimpleWorkflowFullAccess" }
			domain := func(partition string) string {
				return "arn:" + partition + ":swf:" + region + ":" + defaults.Account + ":/domain/shop"
			}

			names(h.iam(h.root, "GetCallerIdentity"), of(partition, "iam", "root"))
			ann := keyIn(t, h.must(here(h.iam(h.root, "CreateAccessKey", "UserName", created(h, here, "ann")))))
			names(h.iam(ann, "GetCallerIdentity"), of(partition, "iam", "user/ann"))
			names(h.iam(h.root, "ListPolicies", "Scope", "AWS", "MaxItems", "1000"), managed(partition))
			trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + of(partition, "iam", "user/ann") + `"}}}`
			names(h.iam(h.root, "CreateRole", "RoleName", "keeper", "AssumeRolePolicyDocument", trust), of(partition, "iam", "role/keeper"))
			for _, stranger := range []string{"user/ann", "root"} {
				bad := strings.Replace(trust, of(partition, "iam", "user/ann"), of(other, "iam", stranger), 1)
				h.refused("MalformedPolicyDocument", here(h.iam(h.root, "CreateRole", "RoleName", "other", "AssumeRolePolicyDocument", bad)))
			}
			names(h.iam(ann, "AssumeRole", "RoleArn", of(partition, "iam", "role/keeper"), "RoleSessionName", "sam"), of(partition, "sts", "assumed-role/keeper/sam"))
			h.refused(accessDenied, here(h.iam(ann, "AssumeRole", "RoleArn", of(other, "iam", "role/keeper"), "RoleSessionName", "sam")))

			// Managed policies are attached by their names in the partition.
			h.must(here(h.iam(h.root, "AttachUserPolicy", "UserName", "ann", "PolicyArn", managed(partition))))
			h.refused("NoSuchEntity", here(h.iam(h.root, "AttachUserPolicy", "UserName", "ann", "PolicyArn", managed(other))))
			names(h.iam(h.root, "ListAttachedUserPolicies", "UserName", "ann"), managed(partition))
			h.must(here(h.swf(ann, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`)))
			names(h.swf(ann, "DescribeDomain", `{"name":"shop"}`), domain(partition))

			// What a policy says of a domain counts by its name in the partition.
			for name, allowed := range map[string]bool{domain(partition): true, domain(other): false, strings.Replace(domain(other), other, "*", 1): true} {
				document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"swf:*","Resource":"` + name + `"}}`
				h.must(here(h.iam(h.root, "PutUserPolicy", "UserName", created(h, here, "bob"), "PolicyName", "own", "PolicyDocument", document)))
				bob := keyIn(t, h.must(here(h.iam(h.root, "CreateAccessKey", "UserName", "bob"))))
				if a := h.ask(here(h.swf(bob, "DescribeDomain", `{"name":"shop"}`))); (a.fault == "") != allowed {
					t.Errorf("by %s: %q, allowed %v", name, a.fault, allowed)
				}
				decision := "implicitDeny"
				if allowed {
					decision = "allowed"
				}
				names(h.iam(h.root, "SimulatePrincipalPolicy", "PolicySourceArn", of(partition, "iam", "user/bob"), "ActionNames.member.1", "swf:DescribeDomain",
					"ResourceArns.member.1", domain(partition)), "<EvalDecision>"+decision+"<")
				h.must(here(h.iam(h.root, "DeleteUserPolicy", "UserName", "bob", "PolicyName", "own")))
				h.must(here(h.iam(h.root, "DeleteAccessKey", "UserName", "bob", "AccessKeyId", bob.AccessKeyID)))
				h.must(here(h.iam(h.root, "DeleteUser", "UserName", "bob")))
			}
			names(h.iam(h.root, "SimulatePrincipalPolicy", "PolicySourceArn", of(partition, "iam", "user/ann"), "ActionNames.member.1", "swf:DescribeDomain"), "<SourcePolicyType>aws-managed<")
			h.refused("NoSuchEntity", here(h.iam(h.root, "SimulatePrincipalPolicy", "PolicySourceArn", of(other, "iam", "user/ann"), "ActionNames.member.1", "swf:DescribeDomain")))

			// A role is handed over by its name in the partition.
			h.must(here(h.swf(ann, "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
				"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`)))
			pass := func(role string) *knock {
				body, err := json.Marshal(map[string]any{"domain": "shop", "workflowId": "a", "workflowType": map[string]string{"name": "order", "version": "1"}, "lambdaRole": role})
				if err != nil {
					t.Fatal(err)
				}
				return here(h.swf(ann, "StartWorkflowExecution", string(body)))
			}
			h.must(here(h.iam(h.root, "PutUserPolicy", "UserName", "ann", "PolicyName", "pass", "PolicyDocument",
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}}`)))
			h.refused("OperationNotPermittedFault", pass(of(other, "iam", "role/keeper")))
			h.must(pass(of(partition, "iam", "role/keeper")))
		})
	}
}

// created makes a user, and gives its name.
func created(h *harness, here func(*knock) *knock, name string) string {
	h.t.Helper()
	h.must(here(h.iam(h.root, "CreateUser", "UserName", name)))
	return name
}
