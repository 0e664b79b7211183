package kms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/kms/wire"
)

// questionsOf gives what a call would be asked, as texts: an action and a resource, and the
// condition keys of the service, of tags and of the connection that are known then.
func (h *harness) questionsOf(t *testing.T, action, body string) (asked []string, known map[string][]string) {
	t.Helper()
	known = map[string][]string{}
	opened, err := Service().Open(h.kernel())
	if err != nil {
		t.Fatal(err)
	}
	for i := range opened.Operations {
		op := &opened.Operations[i]
		if op.Name == action {
			subject := op.Subject
			op.Handle = func(context.Context, any) (any, error) { return nil, fault.Invalid("not handled") }
			op.Subject = func(c context.Context, in any) (operation.Subject, error) {
				s, err := subject(c, in)
				if err != nil {
					t.Fatalf("%s %s: %v", action, body, err)
				}
				questions, err := s.Questions(c)
				if err != nil {
					t.Fatal(err)
				}
				for _, q := range questions {
					asked = append(asked, q.Action+" "+q.Resource)
					for _, v := range q.Context {
						if strings.HasPrefix(v.Key, "kms:") || strings.Contains(v.Key, "Tag") {
							known[v.Key] = append(known[v.Key], v.Value)
						}
					}
				}
				return operation.Free{}, nil
			}
		}
	}
	h.mount(opened)
	h.call(root, region, action, body)
	for key, values := range known {
		slices.Sort(values)
		known[key] = slices.Compact(values)
	}
	return asked, known
}

// TestQuestions: what each action asks of policies, and what conditions may ask of it, is
// what the Service Authorization Reference says ("Actions, resources, and condition keys
// for AWS Key Management Service").
func TestQuestions(t *testing.T) {
	inBubble(t, func(t *testing.T, h *harness) {
		k := h.must("CreateKey", `{"Tags":[{"TagKey":"team","TagValue":"shop"}]}`, "KeyMetadata", "KeyId")
		l := h.must("CreateKey", `{}`, "KeyMetadata", "KeyId")
		h.must("CreateAlias", `{"AliasName":"alias/k","TargetKeyId":"`+k+`"}`)
		blob := h.must("Encrypt", `{"KeyId":"`+k+`","Plaintext":"aGVsbG8="}`, "CiphertextBlob")
		grant := h.must("CreateGrant", `{"KeyId":"`+k+`","GranteePrincipal":"arn:aws:iam::123456789012:root","Operations":["Decrypt"]}`, "GrantId")
		names := strings.NewReplacer("$K", k, "$L", l, "$BLOB", blob, "$G", grant, "KEY", "arn:aws:kms:us-east-1:123456789012:key/"+k,
			"OTHER", "arn:aws:kms:us-east-1:123456789012:key/"+l, "ALIAS", "arn:aws:kms:us-east-1:123456789012:alias/k")
		listed := map[string]bool{}
		for _, c := range []struct {
			action, body string
			asked        string // separated by commas; without the action's own name before it: kms:ACTION
			known        string // key=value, several values separated by |
		}{
			{"CancelKeyDeletion", `{"KeyId":"$K"}`, "KEY", "kms:CallerAccount=123456789012 aws:ResourceTag/team=shop kms:ResourceAliases=alias/k kms:KeySpec=SYMMETRIC_DEFAULT kms:KeyUsage=ENCRYPT_DECRYPT kms:KeyOrigin=AWS_KMS kms:MultiRegion=false"},
			{"CreateAlias", `{"AliasName":"alias/n","TargetKeyId":"$K"}`, "arn:aws:kms:us-east-1:123456789012:alias/n,KEY", "kms:CallerAccount=123456789012"},
			{"CreateGrant", `{"KeyId":"$K","GranteePrincipal":"arn:aws:iam::123456789012:root","RetiringPrincipal":"arn:aws:iam::123456789012:root","Operations":["Decrypt","Encrypt"],"Constraints":{"EncryptionContextSubset":{"a":"1"}}}`, "KEY",
				"kms:GranteePrincipal=arn:aws:iam::123456789012:root kms:RetiringPrincipal=arn:aws:iam::123456789012:root kms:GrantOperations=Decrypt|Encrypt kms:GrantConstraintType=EncryptionContextSubset kms:GrantIsForAWSResource=false"},
			{"CreateKey", `{"Description":"d"}`, "*", "kms:BypassPolicyLockoutSafetyCheck=false kms:KeySpec=SYMMETRIC_DEFAULT kms:KeyOrigin=AWS_KMS kms:MultiRegion=false"},
			{"CreateKey", `{"BypassPolicyLockoutSafetyCheck":true,"Tags":[{"TagKey":"a","TagValue":"1"}]}`, "*,kms:TagResource arn:aws:kms:us-east-1:123456789012:key/*", "kms:BypassPolicyLockoutSafetyCheck=true aws:RequestTag/a=1 aws:TagKeys=a"},
			{"Decrypt", `{"CiphertextBlob":"$BLOB","EncryptionContext":{"order":"1","shop":"a"}}`, "KEY", "kms:EncryptionContext:order=1 kms:EncryptionContext:shop=a kms:EncryptionContextKeys=order|shop kms:EncryptionAlgorithm=SYMMETRIC_DEFAULT"},
			{"Decrypt", `{"CiphertextBlob":"$BLOB","KeyId":"$L"}`, "OTHER", ""},
			{"DeleteAlias", `{"AliasName":"alias/k"}`, "ALIAS,KEY", ""},
			{"DescribeKey", `{"KeyId":"alias/k"}`, "KEY", "kms:RequestAlias=alias/k kms:ResourceAliases=alias/k"},
			{"DescribeKey", `{"KeyId":"$L"}`, "OTHER", "kms:RequestAlias= kms:ResourceAliases= aws:ResourceTag/team="},
			{"DescribeKey", `{"KeyId":"alias/none"}`, "arn:aws:kms:us-east-1:123456789012:alias/none", "kms:RequestAlias=alias/none"},
			{"DisableKey", `{"KeyId":"$K"}`, "KEY", ""},
			{"DisableKeyRotation", `{"KeyId":"$K"}`, "KEY", ""},
			{"EnableKey", `{"KeyId":"$K"}`, "KEY", ""},
			{"EnableKeyRotation", `{"KeyId":"$K","RotationPeriodInDays":90}`, "KEY", "kms:RotationPeriodInDays=90"},
			{"Encrypt", `{"KeyId":"alias/k","Plaintext":"AA==","EncryptionContext":{"order":"1"}}`, "KEY", "kms:EncryptionContext:order=1 kms:EncryptionContextKeys=order kms:RequestAlias=alias/k kms:EncryptionAlgorithm=SYMMETRIC_DEFAULT"},
			{"GenerateDataKey", `{"KeyId":"$K","KeySpec":"AES_256","EncryptionContext":{"order":"1"}}`, "KEY", "kms:EncryptionContext:order=1 kms:EncryptionContextKeys=order"},
			{"GenerateDataKeyWithoutPlaintext", `{"KeyId":"$K","KeySpec":"AES_256","EncryptionContext":{"order":"1"}}`, "KEY", "kms:EncryptionContext:order=1 kms:EncryptionContextKeys=order"},
			{"GenerateRandom", `{"NumberOfBytes":1}`, "*", ""},
			{"GetKeyPolicy", `{"KeyId":"$K"}`, "KEY", ""},
			{"GetKeyRotationStatus", `{"KeyId":"$K"}`, "KEY", ""},
			{"ListAliases", `{"KeyId":"$K"}`, "*", ""},
			{"ListGrants", `{"KeyId":"$K"}`, "KEY", "kms:GrantIsForAWSResource=false"},
			{"ListKeyPolicies", `{"KeyId":"$K"}`, "KEY", ""},
			{"ListKeyRotations", `{"KeyId":"$K"}`, "KEY", ""},
			{"ListKeys", `{}`, "*", "kms:CallerAccount=123456789012"},
			{"ListResourceTags", `{"KeyId":"$K"}`, "KEY", ""},
			{"ListRetirableGrants", `{"RetiringPrincipal":"x"}`, "*", ""},
			{"PutKeyPolicy", `{"KeyId":"$K","Policy":"x","BypassPolicyLockoutSafetyCheck":true}`, "KEY", "kms:BypassPolicyLockoutSafetyCheck=true"},
			{"ReEncrypt", `{"CiphertextBlob":"$BLOB","SourceEncryptionContext":{"a":"1"},"DestinationEncryptionContext":{"b":"2"},"DestinationKeyId":"$L"}`, "kms:ReEncryptFrom KEY,kms:ReEncryptTo OTHER",
				"kms:ReEncryptOnSameKey=false kms:EncryptionContext:a=1 kms:EncryptionContext:b=2 kms:EncryptionContextKeys=a|b"},
			{"ReEncrypt", `{"CiphertextBlob":"$BLOB","DestinationKeyId":"alias/k"}`, "kms:ReEncryptFrom KEY,kms:ReEncryptTo KEY", "kms:ReEncryptOnSameKey=true"},
			{"RetireGrant", `{"KeyId":"$K","GrantId":"$G"}`, "KEY", ""},
			{"RevokeGrant", `{"KeyId":"$K","GrantId":"$G"}`, "KEY", "kms:GrantIsForAWSResource=false"},
			{"RotateKeyOnDemand", `{"KeyId":"$K"}`, "KEY", ""},
			{"ScheduleKeyDeletion", `{"KeyId":"$K"}`, "KEY", "kms:ScheduleKeyDeletionPendingWindowInDays=30"},
			{"ScheduleKeyDeletion", `{"KeyId":"$K","PendingWindowInDays":7}`, "KEY", "kms:ScheduleKeyDeletionPendingWindowInDays=7"},
			{"TagResource", `{"KeyId":"$K","Tags":[{"TagKey":"a","TagValue":"1"},{"TagKey":"b","TagValue":"2"}]}`, "KEY", "aws:RequestTag/a=1 aws:RequestTag/b=2 aws:TagKeys=a|b aws:ResourceTag/team=shop"},
			{"UntagResource", `{"KeyId":"$K","TagKeys":["team"]}`, "KEY", "aws:TagKeys=team aws:ResourceTag/team=shop"},
			{"UpdateAlias", `{"AliasName":"alias/k","TargetKeyId":"$L"}`, "ALIAS,KEY,OTHER", ""},
			{"UpdateKeyDescription", `{"KeyId":"$K","Description":"x"}`, "KEY", ""},
		} {
			asked, known := h.questionsOf(t, c.action, names.Replace(c.body))
			var want []string
			for one := range strings.SplitSeq(names.Replace(c.asked), ",") {
				if !strings.HasPrefix(one, "kms:") {
					one = "kms:" + c.action + " " + one
				}
				want = append(want, one)
			}
			if !slices.Equal(asked, want) {
				t.Errorf("%s %s: asked %q, want %q", c.action, c.body, asked, want)
			}
			for pair := range strings.FieldsSeq(c.known) {
				i := strings.LastIndexByte(pair, '=')
				if got := strings.Join(known[pair[:i]], "|"); got != pair[i+1:] {
					t.Errorf("%s %s: %s is %q, want %q", c.action, c.body, pair[:i], got, pair[i+1:])
				}
			}
			listed[c.action] = true
		}
		for _, op := range wire.Operations {
			if !listed[op.Name] {
				t.Errorf("%s is not in the table", op.Name)
			}
		}
	})
}

// TestConditions: policies of keys and users that ask for each condition key let through
// what they should, and nothing else.
func TestConditions(t *testing.T) {
	inBubble(t, func(t *testing.T, h *harness) {
		k := h.must("CreateKey", `{"Tags":[{"TagKey":"team","TagValue":"shop"}]}`, "KeyMetadata", "KeyId")
		h.must("CreateAlias", `{"AliasName":"alias/k","TargetKeyId":"`+k+`"}`)
		encrypt := func(more string) [2]string {
			return [2]string{"Encrypt", `{"Plaintext":"aGVsbG8=","KeyId":"` + k + `"` + more + `}`}
		}
		for i, c := range []struct {
			condition string
			call      [2]string
			allowed   bool
		}{
			{`"StringEquals":{"kms:EncryptionContext:order":"1"}`, encrypt(`,"EncryptionContext":{"order":"1"}`), true},
			{`"StringEquals":{"kms:EncryptionContext:order":"1"}`, encrypt(`,"EncryptionContext":{"order":"2"}`), false},
			{`"StringEquals":{"kms:EncryptionContext:order":"1"}`, encrypt(``), false},
			{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]}`, encrypt(`,"EncryptionContext":{"a":"1"}`), true},
			{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]}`, encrypt(`,"EncryptionContext":{"a":"1","c":"1"}`), false},
			{`"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"a"}`, encrypt(`,"EncryptionContext":{"a":"1","c":"1"}`), true},
			{`"Null":{"kms:EncryptionContextKeys":"false"}`, encrypt(``), false},
			{`"StringEquals":{"kms:CallerAccount":"123456789012"}`, encrypt(``), true},
			{`"StringEquals":{"kms:CallerAccount":"210987654321"}`, encrypt(``), false},
			{`"StringEquals":{"kms:ViaService":"states.us-east-1.amazonaws.com"}`, encrypt(``), false},
			{`"StringEquals":{"aws:ResourceTag/team":"shop"}`, encrypt(``), true},
			{`"StringEquals":{"aws:ResourceTag/team":"ship"}`, encrypt(``), false},
			{`"StringEquals":{"kms:RequestAlias":"alias/k"}`, encrypt(``), false},
			{`"StringEquals":{"kms:RequestAlias":"alias/k"}`, [2]string{"Encrypt", `{"Plaintext":"aGVsbG8=","KeyId":"alias/k"}`}, true},
			{`"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/k"}`, encrypt(``), true},
			{`"StringEquals":{"kms:KeyOrigin":"EXTERNAL"}`, encrypt(``), false},
			{`"Bool":{"kms:MultiRegion":"false"}`, encrypt(``), true},
			{`"NumericGreaterThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"20"}`, [2]string{"ScheduleKeyDeletion", `{"KeyId":"` + k + `","PendingWindowInDays":7}`}, false},
			{`"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}`, [2]string{"PutKeyPolicy", `{"KeyId":"` + k + `","Policy":"x"}`}, false},
			{`"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt"]}`, [2]string{"CreateGrant", `{"KeyId":"` + k + `","GranteePrincipal":"arn:aws:iam::123456789012:root","Operations":["Decrypt","Encrypt"]}`}, false},
			{`"Bool":{"kms:GrantIsForAWSResource":"true"}`, [2]string{"CreateGrant", `{"KeyId":"` + k + `","GranteePrincipal":"arn:aws:iam::123456789012:root","Operations":["Decrypt"]}`}, false},
			{`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, encrypt(``), true},
		} {
			who := h.user(fmt.Sprint("user", i), `{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{`+c.condition+`}}`)
			status, answer := h.call(who, region, c.call[0], c.call[1])
			if denied := strings.Contains(answer, "AccessDenied"); denied == c.allowed {
				t.Errorf("%s: %s: %d %s", c.condition, c.call, status, answer)
			}
			// A statement of the key's that denies by the same condition.
			h.must("PutKeyPolicy", `{"KeyId":"`+k+`","Policy":"`+strings.ReplaceAll(policyOf(`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::123456789012:user/`+fmt.Sprint("user", i)+`"},"Action":"kms:*","Resource":"*","Condition":{`+c.condition+`}}`), `"`, `\"`)+`"}`)
			if status, answer := h.call(who, region, c.call[0], c.call[1]); !strings.Contains(answer, "AccessDenied") || strings.Contains(answer, "explicit deny in a resource-based") != c.allowed {
				t.Errorf("denied by %s: %s: %d %s", c.condition, c.call, status, answer)
			}
		}
	})
}
