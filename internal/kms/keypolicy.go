package kms

import (
	"fmt"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

// policyName is that of the one policy that a key has.
const policyName = "default"

// policyBytesMax bounds a key policy ("AWS KMS quotas").
const policyBytesMax = 32 << 10

// defaultPolicy leaves it to the account's own policies who may use a key, as the service's
// does, in the same spelling.
func defaultPolicy(o arn.Owner) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "` + o.Name("iam", "root") + `"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// checkPolicy gives a key policy as it is kept, with ids for names. Unless the caller wants
// it so, it must let the caller change it again.
func (c *call) checkPolicy(document, key string, unsafe bool) (string, error) {
	if len(document) > policyBytesMax {
		return "", refusal(wire.CodeLimitExceededException, fmt.Sprintf("The key policy is longer than %d bytes.", policyBytesMax))
	}
	malformed := func(message string) error { return refusal(wire.CodeMalformedPolicyDocumentException, message) }
	var names []string
	if _, err := policy.RewritePrincipals(document, func(name string) string {
		names = append(names, name)
		return name
	}); err != nil {
		return "", malformed(err.Error())
	}
	if _, err := policy.ParseResource([]byte(document)); err != nil {
		if strings.HasPrefix(err.Error(), policy.InvalidPrincipal) {
			return "", malformed(errPrincipals)
		}
		return "", malformed(err.Error())
	}
	ids, err := c.bound(names...)
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		if !id.There {
			return "", malformed(errPrincipals)
		}
	}
	next := 0
	document, err = policy.RewritePrincipals(document, func(string) string {
		next++
		return ids[next-1].ID
	})
	if err != nil || unsafe {
		return document, err
	}
	// What the caller's own policies say can change at any time: the key's must not stand in
	// the way.
	who := *c.who
	who.Policies = c.Accounts.Root(c.world.Account).Policies
	q := call{actions: c.actions, Context: c, action: "PutKeyPolicy", world: c.world, who: &who, known: c.known}
	q.asks = []ask{q.question("PutKeyPolicy", &named{Key: &keyring.Key{Policy: document}, arn: key})}
	why, err := q.refused()
	if err == nil && why != "" {
		err = malformed("The new key policy will not allow you to update the key policy in the future.")
	}
	return document, err
}

const errPrincipals = "Policy contains a statement with one or more invalid principals."

// aboutPolicy says too whether the policy may be one that locks its maker out.
func aboutPolicy(c *call, in *wire.PutKeyPolicyRequest) error {
	return c.aboutKey(in.KeyID, keysOnly, nil, bypasses(in.BypassPolicyLockoutSafetyCheck))
}

func putKeyPolicy(c *call, in *wire.PutKeyPolicyRequest) error {
	if err := c.key.found(); err != nil {
		return err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return err
	}
	document, err := c.checkPolicy(in.Policy, c.key.arn, value(in.BypassPolicyLockoutSafetyCheck))
	if err != nil {
		return err
	}
	return change(c, keyring.Update{Key: c.key.ID, Policy: &document})
}

func checkPolicyName(name *string) error {
	if name != nil && *name != policyName {
		return refusal(wire.CodeNotFoundException, "No such policy exists")
	}
	return nil
}

func getKeyPolicy(c *call, in *wire.GetKeyPolicyRequest) (*wire.GetKeyPolicyResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	document, err := c.readable(c.key.Policy)
	return &wire.GetKeyPolicyResponse{Policy: &document, PolicyName: new(policyName)}, err
}

// readable is a key policy with names for ids, as its readers see it.
func (c *call) readable(document string) (string, error) {
	var ids []string
	if _, err := policy.RewritePrincipals(document, func(id string) string {
		ids = append(ids, id)
		return id
	}); err != nil {
		return "", err
	}
	names, err := c.principals(ids)
	if err != nil {
		return "", err
	}
	next := 0
	return policy.RewritePrincipals(document, func(string) string {
		next++
		return names[next-1]
	})
}

func listKeyPolicies(c *call, _ *wire.ListKeyPoliciesRequest) (*wire.ListKeyPoliciesResponse, error) {
	return &wire.ListKeyPoliciesResponse{PolicyNames: []string{policyName}, Truncated: new(false)}, c.key.found()
}
