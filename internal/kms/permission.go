package kms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

// call is somebody's use of keys: a call of an action, or a service's on somebody's behalf.
// It is also what operation knows of its subject.
type call struct {
	*actions
	context.Context
	action string
	world  engine.World
	who    *account.Caller
	known  policy.Context // what conditions may ask, without what is about keys
	via    string

	asks []ask
	flaw error  // what is told once it is known that the caller may ask
	key  *named // the key that it is about
	from *named // of ReEncrypt: the key that it decrypts with
	blob ciphertext
	// Of grants:
	grantee, retiring account.Bound
	token             grantToken
}

// named is a key by the name that a request has for it.
type named struct {
	*keyring.Key        // nil: there is none
	alias        string // of the request; empty: it names the key itself
	arn          string // of the key; of an alias that stands for none, the alias's
	world        engine.World
	foreign      string // what the request calls it, if it is of another account; empty: it is not
}

// found is an error if the key is not there.
func (n *named) found() error {
	switch {
	case n.Key != nil:
		return nil
	case strings.Contains(n.arn, ":"+aliasPrefix):
		return keyring.NoAlias(n.arn)
	}
	return keyring.NoKey(n.arn)
}

// usable is an error if the key can't be used.
func (n *named) usable() error {
	if err := n.found(); err != nil {
		return err
	}
	return n.Usable(n.arn)
}

// ask is a question that must be answered with yes before a call is handled.
type ask struct {
	policy.Request
	key *named // whose policy and grants are asked too; nil: the caller's policies decide
	// grants tell whether they may allow it: as which operation, with which encryption
	// context, or to make which grant.
	grants  string
	context map[string]string
	made    *keyring.Grant
	free    bool // it is allowed unless a policy denies it
}

// Questions implements operation.Subject.
func (c *call) Questions(context.Context) ([]policy.Request, error) {
	all := make([]policy.Request, len(c.asks))
	for i := range c.asks {
		all[i] = c.asks[i].Request
	}
	return all, nil
}

// Resource implements operation.Subject.
func (c *call) Resource(context.Context) operation.Resource {
	if c.key == nil {
		return operation.Resource{}
	}
	r := operation.Resource{Kind: "key", Name: c.key.arn, ARN: c.key.arn, Type: "AWS::KMS::Key", Account: c.key.world.Account}
	if c.key.foreign != "" { // nobody learns what an alias of another account stands for
		r.Name, r.ARN = c.key.foreign, c.key.foreign
	} else if c.key.Key != nil {
		r.Name = c.key.ID
	}
	return r
}

// Permit implements operation.Governed: key policies count for everybody, for the root user
// of the account too.
func (c *call) Permit(ctx context.Context) error {
	why, err := c.refused()
	if err != nil || why == "" {
		return err
	}
	return operation.Denied(ctx, why)
}

// refused asks the policies and grants; empty: all is allowed.
func (c *call) refused() (why string, err error) {
	var m policy.Meter
	for i := range c.asks {
		a := &c.asks[i]
		if a.key == nil || a.key.Key == nil && a.key.foreign == "" {
			if d := m.Evaluate(&a.Request, &c.who.Policies); !d.Allowed {
				return d.Explain(&a.Request), nil
			}
			continue
		}
		if a.key.Key == nil {
			return c.notAllowed(a.key), nil
		}
		p, err := policy.ParseResource([]byte(a.key.Policy))
		if err != nil {
			return "", fmt.Errorf("policy of key %q: %w", a.key.arn, err) // one that denies must not be passed over
		}
		of := policy.Attached{Source: a.key.arn, Policy: p}
		if a.key.foreign != "" {
			if !m.EvaluateForeign(&a.Request, of, &c.who.Policies, c.granted(a)).Allowed {
				return c.notAllowed(a.key), nil
			}
		} else if d := m.EvaluateResource(&a.Request, of, &c.who.Policies, a.free || c.granted(a)); !d.Allowed {
			return d.Explain(&a.Request), nil
		}
	}
	return "", nil
}

// notAllowed says of a key of another account that it may not be used, whether it is there
// or not, and whoever says no.
func (c *call) notAllowed(of *named) string {
	return "User: " + c.who.Principal.Name() + " is not authorized to perform: kms:" + c.action + " on resource: " + of.foreign +
		" because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
}

// granted tells whether a grant allows what is asked.
func (c *call) granted(a *ask) bool {
	if a.grants == "" {
		return false
	}
	return slices.ContainsFunc(a.key.Grants, func(g *keyring.Grant) bool {
		if !c.is(g.Grantee) || !slices.Contains(g.Operations, a.grants) {
			return false
		}
		if a.made != nil {
			return within(a.made, g)
		}
		return !hasContext(a.grants) || holds(g, a.context)
	})
}

// is tells whether the caller is the principal of a grant.
func (c *call) is(principal string) bool {
	p := &c.who.Principal
	principal, _, _ = strings.Cut(principal, " ") // of another account's, the id comes first
	return principal != "" && (principal == p.ID || principal == p.SessionID || principal == p.ARN)
}

// hasContext tells whether an operation has an encryption context.
func hasContext(operation string) bool {
	return strings.Contains(operation, "crypt") || strings.HasPrefix(operation, "GenerateDataKey")
}

// holds tells whether an encryption context is as a grant wants it.
func holds(g *keyring.Grant, context map[string]string) bool {
	if len(g.Equals) > 0 && (len(context) != len(g.Equals) || !has(context, g.Equals)) {
		return false
	}
	return has(context, g.Subset)
}

func has(context map[string]string, pairs []keyring.Pair) bool {
	for _, p := range pairs {
		if v, ok := context[p.Key]; !ok || v != p.Value {
			return false
		}
	}
	return true
}

// within tells whether a grant allows no more than another, under which it is made.
func within(made, by *keyring.Grant) bool {
	for _, operation := range made.Operations {
		if !slices.Contains(by.Operations, operation) {
			return false
		}
	}
	equals, subset := contextOf(made.Equals), contextOf(made.Subset)
	if len(by.Equals) > 0 && (len(equals) != len(by.Equals) || !has(equals, by.Equals)) {
		return false
	}
	return has(equals, by.Subset) || has(subset, by.Subset)
}

func contextOf(pairs []keyring.Pair) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		m[p.Key] = p.Value
	}
	return m
}

func pairsOf(context map[string]string) (pairs []keyring.Pair) {
	for _, key := range slices.Sorted(maps.Keys(context)) {
		pairs = append(pairs, keyring.Pair{Key: key, Value: context[key]})
	}
	return pairs
}

// names says which names of keys an action takes.
type names bool

const (
	keysOnly names = false // ids and ARNs of keys
	anyName  names = true  // aliases and their ARNs too
)

const aliasPrefix = "alias/"

// find finds a key by the name that a request has for it. Errors: faults for what can be
// no name of a key here.
func (c *call) find(name string, take names) (*named, error) {
	resource, n := name, &named{world: c.world}
	if strings.HasPrefix(name, "arn:") {
		a, err := arn.Parse(name)
		switch {
		case err != nil || a.Service != "kms" || a.Partition != arn.Partition(c.world.Region):
			return nil, refusal(wire.CodeNotFoundException, "Invalid arn "+name)
		case a.Region != c.world.Region:
			return nil, refusal(wire.CodeNotFoundException, "Invalid arn "+a.Region)
		case a.Account != c.world.Account:
			n.foreign, n.world.Account = name, a.Account
			if !slices.Contains(acrossAccounts, c.action) {
				return nil, fault.Of(fault.AccessDenied, c.notAllowed(n))
			}
		}
		id, ofKey := strings.CutPrefix(a.Resource, "key/")
		if !ofKey && !strings.HasPrefix(a.Resource, aliasPrefix) {
			return nil, refusal(wire.CodeNotFoundException, "Invalid arn "+name)
		}
		if resource = a.Resource; ofKey {
			resource = id
		}
	}
	n.arn = keyring.KeyARN(n.world, resource)
	q := keyring.Find{Key: resource}
	if strings.HasPrefix(resource, aliasPrefix) && take == anyName {
		n.alias, n.arn = resource, keyring.ARN(n.world, resource)
		q = keyring.Find{Alias: resource}
	} else if _, ok := parseKeyID(resource); !ok {
		return nil, refusal(wire.CodeNotFoundException, "Invalid keyId '"+name+"'")
	}
	if n.foreign != "" && !c.Accounts.Has(n.world.Account) {
		return n, nil
	}
	f, err := look[keyring.Found](c, c.actions, n.world, q)
	if f.Key != nil {
		n.Key, n.arn = f.Key, keyring.KeyARN(n.world, f.Key.ID)
	}
	return n, err
}

// acrossAccounts are the actions that may be about a key of another account, as the
// Developer Guide has them ("Permissions reference"), but for those about grants.
var acrossAccounts = []string{
	"DescribeKey", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GetKeyRotationStatus",
}

// question asks something about a key; about nil it asks about all that there is.
func (c *call) question(action string, of *named, more ...policy.Value) ask {
	q := policy.Request{Principal: c.who.Principal, Action: "kms:" + action, Resource: "*", Context: slices.Concat(c.known, policy.Context{{Key: "kms:CallerAccount", Value: c.world.Account}})}
	if c.via != "" {
		q.Context = append(q.Context, policy.Value{Key: "kms:ViaService", Value: c.via})
	}
	if of != nil {
		q.Resource = of.arn
		q.Context = append(q.Context, keyFacts...)
		if of.alias != "" {
			q.Context = append(q.Context, policy.Value{Key: "kms:RequestAlias", Value: of.alias})
		}
		if of.Key != nil {
			for _, name := range of.Aliases {
				q.Context = append(q.Context, policy.Value{Key: "kms:ResourceAliases", Value: name})
			}
			for _, t := range of.Tags {
				q.Context = append(q.Context, policy.Value{Key: "aws:ResourceTag/" + t.Key, Value: t.Value})
			}
		}
	}
	q.Context = append(q.Context, more...)
	return ask{Request: q, key: of}
}

// keyFacts are what conditions may ask of every key that there may be here, and of
// CreateKey's.
var keyFacts = policy.Context{
	{Key: "kms:KeySpec", Value: wire.KeySpecSymmetricDefault}, {Key: "kms:CustomerMasterKeySpec", Value: wire.KeySpecSymmetricDefault},
	{Key: "kms:KeyUsage", Value: wire.KeyUsageTypeEncryptDecrypt}, {Key: "kms:CustomerMasterKeyUsage", Value: wire.KeyUsageTypeEncryptDecrypt},
	{Key: "kms:KeyOrigin", Value: wire.OriginTypeAwsKms}, {Key: "kms:MultiRegion", Value: "false"},
}

// nothing is for actions that are about nothing in particular.
func nothing[In any](c *call, _ *In) error {
	c.asks = []ask{c.question(c.action, nil)}
	return nil
}

// aboutKey is for actions about a key. Grants may allow those of which they can be.
func (c *call) aboutKey(name string, take names, tokens []string, more ...policy.Value) (err error) {
	if c.key, err = c.find(name, take); err != nil {
		return err
	}
	a := c.question(c.action, c.key, more...)
	if slices.Contains(grantable, c.action) {
		a.grants = c.action
	}
	c.asks = append(c.asks, a)
	c.checkTokens(tokens)
	return nil
}

// aboutUse is aboutKey for an operation with an encryption context.
func (c *call) aboutUse(operation string, of *named, context map[string]string, more ...policy.Value) error {
	about, err := contextFacts(context)
	if err != nil {
		return err
	}
	a := c.question(operation, of, append(about, more...)...)
	a.grants, a.context = operation, context
	c.asks = append(c.asks, a)
	return nil
}

// contextBytesMax bounds an encryption context, as JSON has it.
const contextBytesMax = 8192

// contextFacts are what conditions may ask of an encryption context. Keys that differ in
// case alone are one to conditions, which would be content with either's value, so they
// are refused here.
func contextFacts(context map[string]string) (all []policy.Value, err error) {
	bytes, seen := 0, map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(context)) {
		if folded := strings.ToLower(key); seen[folded] {
			return nil, fault.Invalid("The encryption context has keys that differ in case alone.")
		} else {
			seen[folded] = true
		}
		bytes += len(key) + len(context[key])
		all = append(all,
			policy.Value{Key: "kms:EncryptionContextKeys", Value: key},
			policy.Value{Key: "kms:EncryptionContext:" + key, Value: context[key]})
	}
	if bytes > contextBytesMax {
		return nil, fault.Invalid("The encryption context is longer than " + strconv.Itoa(contextBytesMax) + " bytes.")
	}
	return append(all, policy.Value{Key: "kms:EncryptionAlgorithm", Value: wire.EncryptionAlgorithmSpecSymmetricDefault}), nil
}

// bound gives principals as they are kept, so that a grant or a policy means who is meant
// now. Where nobody signs, roles are whatever they are said to be.
func (c *call) bound(names ...string) (account.Bounds, error) {
	if len(names) == 0 {
		return nil, nil
	}
	all, err := c.Accounts.Bind(c, c.world.Account, names)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].There = all[i].There || c.Trusting
	}
	return all, nil
}

// principals is the opposite of bound.
func (c *call) principals(ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	reply, err := c.Accounts.Do(c, c.world.Account, account.NamePrincipals{IDs: ids})
	if err != nil {
		return nil, err
	}
	return reply.([]string), nil
}

var errDryRun = &fault.Fault{Code: wire.CodeDryRunOperationException, Message: "The request would have succeeded, but the DryRun option is set."}

// dry ends a call that is only a try.
func dry(try *bool) error {
	if value(try) {
		return errDryRun
	}
	return nil
}
