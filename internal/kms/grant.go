package kms

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
	"heddle/internal/pack"
)

// grantable are the operations that a grant of a symmetric key may allow.
var grantable = []string{
	"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
	"CreateGrant", "RetireGrant", "DescribeKey",
}

// Bounds of a constraint ("AWS KMS quotas").
const (
	constraintPairsMax = 8
	constraintTextMax  = 384
)

// grantToken is what a grant token holds.
type grantToken struct{ key, grant string }

func (c *call) sealToken(t grantToken) (string, error) {
	return c.Tokens.Seal(familyGrant, c.world, pack.Text(pack.Text(nil, t.key), t.grant))
}

func (c *call) openToken(text string) (t grantToken, err error) {
	w := c.world
	if c.key != nil {
		w = c.key.world
	}
	b, err := c.Tokens.Open(familyGrant, w, text)
	if err != nil {
		return t, refusal(wire.CodeInvalidGrantTokenException, "Grant token is not valid.")
	}
	r := pack.Read(b)
	t = grantToken{r.Text(), r.Text()}
	return t, r.Done()
}

// checkTokens refuses grant tokens that are none. A grant counts from the moment that it is
// made, so the tokens say nothing that is not known.
func (c *call) checkTokens(tokens []string) {
	for _, text := range tokens {
		if _, err := c.openToken(text); err != nil {
			c.flaw = err
		}
	}
}

// aboutNewGrant says who will be allowed what.
func aboutNewGrant(c *call, in *wire.CreateGrantRequest) (err error) {
	bound, err := c.bound(in.GranteePrincipal, value(in.RetiringPrincipal))
	if err != nil {
		return err
	}
	c.grantee, c.retiring = bound[0], bound[1]
	facts := policy.Context{
		forAWS(c), {Key: "kms:GranteePrincipal", Value: in.GranteePrincipal},
	}
	if in.RetiringPrincipal != nil {
		facts = append(facts, policy.Value{Key: "kms:RetiringPrincipal", Value: *in.RetiringPrincipal})
	}
	for _, operation := range in.Operations {
		facts = append(facts, policy.Value{Key: "kms:GrantOperations", Value: operation})
	}
	if n := in.Constraints; n != nil && len(n.EncryptionContextEquals) > 0 {
		facts = append(facts, policy.Value{Key: "kms:GrantConstraintType", Value: "EncryptionContextEquals"})
	}
	if n := in.Constraints; n != nil && len(n.EncryptionContextSubset) > 0 {
		facts = append(facts, policy.Value{Key: "kms:GrantConstraintType", Value: "EncryptionContextSubset"})
	}
	if err := c.aboutKey(in.KeyID, keysOnly, in.GrantTokens, facts...); err != nil {
		return err
	}
	made := c.newGrant(in)
	c.asks[0].made = &made
	return nil
}

// forAWS tells whether a service asks on behalf of its user.
func forAWS(c *call) policy.Value {
	return policy.Value{Key: "kms:GrantIsForAWSResource", Value: strconv.FormatBool(c.via != "")}
}

// newGrant is what a request asks for, without an id.
func (c *call) newGrant(in *wire.CreateGrantRequest) keyring.Grant {
	g := keyring.Grant{Name: value(in.Name), Grantee: c.grantee.ID, Issuer: c.world.Account, Operations: slices.Sorted(slices.Values(in.Operations))}
	g.Operations = slices.Compact(g.Operations)
	if in.RetiringPrincipal != nil {
		g.Retiring = c.retiring.ID
	}
	if in.Constraints != nil {
		g.Equals, g.Subset = pairsOf(in.Constraints.EncryptionContextEquals), pairsOf(in.Constraints.EncryptionContextSubset)
	}
	return g
}

func createGrant(c *call, in *wire.CreateGrantRequest) (*wire.CreateGrantResponse, error) {
	for name, b := range map[string]account.Bound{in.GranteePrincipal: c.grantee, value(in.RetiringPrincipal): c.retiring} {
		if name != "" && (!b.There || !strings.HasPrefix(name, "arn:")) {
			return nil, refusal(wire.CodeInvalidArnException, "ARN does not refer to a valid principal: "+name)
		}
	}
	if err := checkGrant(in); err != nil {
		return nil, err
	}
	if err := c.key.usable(); err != nil {
		return nil, err
	}
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	g := c.newGrant(in)
	id, err := c.randomBytes(32)
	if err != nil {
		return nil, err
	}
	g.ID = hex.EncodeToString(id)
	made, err := do[*keyring.Grant](c, keyring.CreateGrant{Key: c.key.ID, New: g})
	if err != nil {
		return nil, err
	}
	token, err := c.sealToken(grantToken{c.key.ID, made.ID})
	return &wire.CreateGrantResponse{GrantID: &made.ID, GrantToken: &token}, err
}

func checkGrant(in *wire.CreateGrantRequest) error {
	if len(in.Operations) == 0 {
		return fault.Invalid("Operations must contain at least one operation.")
	}
	for _, operation := range in.Operations {
		if !slices.Contains(grantable, operation) {
			return fault.Invalid("The operation " + operation + " is not one that a key of " + wire.KeySpecSymmetricDefault + " has.")
		}
	}
	if in.Constraints == nil {
		return nil
	}
	for _, context := range []map[string]string{in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset} {
		if len(context) > constraintPairsMax {
			return fault.Invalid("A grant constraint has at most " + strconv.Itoa(constraintPairsMax) + " pairs.")
		}
		for key, text := range context {
			if len(key) > constraintTextMax || len(text) > constraintTextMax {
				return fault.Invalid("Keys and values of a grant constraint have at most " + strconv.Itoa(constraintTextMax) + " bytes.")
			}
		}
	}
	return nil
}

func aboutGrants(c *call, in *wire.ListGrantsRequest) error {
	return c.aboutKey(in.KeyID, keysOnly, nil, forAWS(c))
}

func aboutRevoked(c *call, in *wire.RevokeGrantRequest) error {
	return c.aboutKey(in.KeyID, keysOnly, nil, forAWS(c))
}

// aboutRetired is about a grant that a token or two ids name. Whoever may retire it by the
// grant itself needs no other permission.
func aboutRetired(c *call, in *wire.RetireGrantRequest) (err error) {
	switch {
	case in.GrantToken != nil && in.KeyID == nil && in.GrantID == nil:
		if c.token, c.flaw = c.openToken(*in.GrantToken); c.flaw != nil {
			return nil
		}
		c.key, err = c.find(c.token.key, keysOnly)
	case in.GrantToken == nil && in.KeyID != nil && in.GrantID != nil:
		c.key, err = c.find(*in.KeyID, keysOnly)
		c.token = grantToken{grant: *in.GrantID}
	default:
		c.flaw = fault.Invalid("Either the grant token, or the key ID and the grant ID must be specified.")
		return nil
	}
	if err != nil {
		return err
	}
	a := c.question("RetireGrant", c.key)
	if c.key.Key != nil {
		if g, ok := c.key.Grant(c.token.grant); ok {
			a.free = c.is(g.Retiring) || c.is(g.Grantee) && slices.Contains(g.Operations, "RetireGrant")
		}
	}
	c.asks = append(c.asks, a)
	return nil
}

func retireGrant(c *call, in *wire.RetireGrantRequest) error {
	return c.endGrant(c.token.grant, in.DryRun)
}

func revokeGrant(c *call, in *wire.RevokeGrantRequest) error {
	return c.endGrant(in.GrantID, in.DryRun)
}

func (c *call) endGrant(id string, try *bool) error {
	if err := c.key.found(); err != nil {
		return err
	}
	if _, ok := c.key.Grant(id); ok {
		if err := dry(try); err != nil {
			return err
		}
	}
	return change(c, keyring.DeleteGrant{Key: c.key.ID, ID: id})
}

func listGrants(c *call, in *wire.ListGrantsRequest) (*wire.ListGrantsResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	p, err := c.page("ListGrants "+c.key.ID+" "+value(in.GrantID)+" "+value(in.GranteePrincipal), in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	grantee := ""
	if in.GranteePrincipal != nil {
		bound, err := c.bound(*in.GranteePrincipal)
		if err != nil {
			return nil, err
		}
		grantee = bound[0].ID
	}
	if in.GrantID != nil {
		if _, ok := c.key.Grant(*in.GrantID); !ok {
			return nil, refusal(wire.CodeInvalidGrantIdException, "Grant ID "+*in.GrantID+" not found")
		}
	}
	var list keyring.Page[keyring.GrantOf]
	for _, g := range c.key.Grants {
		if g.ID <= p.after[1] || in.GrantID != nil && g.ID != *in.GrantID || grantee != "" && g.Grantee != grantee {
			continue
		}
		if list.More = len(list.Items) == p.limit; list.More {
			break
		}
		list.Items = append(list.Items, keyring.GrantOf{Key: c.key.ID, Grant: g})
	}
	return c.showGrants(p, list)
}

func listRetirableGrants(c *call, in *wire.ListRetirableGrantsRequest) (*wire.ListGrantsResponse, error) {
	p, err := c.page("ListRetirableGrants "+in.RetiringPrincipal, in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	bound, err := c.bound(in.RetiringPrincipal)
	if err != nil {
		return nil, err
	}
	list, err := look[keyring.Page[keyring.GrantOf]](c, c.actions, c.world, keyring.ListRetirable{Principal: bound[0].ID, After: p.after, Limit: p.limit})
	if err != nil {
		return nil, err
	}
	return c.showGrants(p, list)
}

func (c *call) showGrants(p page, list keyring.Page[keyring.GrantOf]) (*wire.ListGrantsResponse, error) {
	var ids []string
	for _, of := range list.Items {
		ids = append(ids, of.Grant.Grantee, of.Grant.Retiring)
	}
	names, err := c.principals(ids)
	if err != nil {
		return nil, err
	}
	next := 0
	items, marker, err := shown(p, list, func(of keyring.GrantOf) (wire.GrantListEntry, [2]string) {
		g, grantee, retiring := of.Grant, names[next], names[next+1]
		next += 2
		entry := wire.GrantListEntry{
			KeyID: new(keyring.KeyARN(c.world, of.Key)), GrantID: &g.ID, Name: &g.Name, CreationDate: at(g.CreatedAt),
			GranteePrincipal: &grantee, RetiringPrincipal: present(retiring), Operations: g.Operations,
			IssuingAccount: new(c.Accounts.Owner(g.Issuer).Name("iam", "root")),
		}
		if len(g.Equals)+len(g.Subset) > 0 {
			entry.Constraints = &wire.GrantConstraints{}
			if len(g.Equals) > 0 {
				entry.Constraints.EncryptionContextEquals = contextOf(g.Equals)
			}
			if len(g.Subset) > 0 {
				entry.Constraints.EncryptionContextSubset = contextOf(g.Subset)
			}
		}
		return entry, [2]string{of.Key, g.ID}
	})
	return &wire.ListGrantsResponse{Grants: items, NextMarker: marker, Truncated: new(marker != nil)}, err
}
