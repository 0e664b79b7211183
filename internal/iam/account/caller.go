package account

import (
	"fmt"
	"slices"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
	"heddle/internal/engine/collection"
)

// Caller is whom an access key stands for. It never changes; Context has no
// spare room.
type Caller struct {
	credentials.Credential
	Of        Ref    // no Type: the root user
	UserID    string // aws:userid
	Session   bool   // has temporary credentials
	Principal policy.Principal
	Policies  policy.PolicySets
	Context   policy.Context // what conditions may ask of the caller
	from      Origin         // what the sessions that it begins rest on
}

// newRoot is the root user of an account, who may do everything.
func newRoot(o arn.Owner, c credentials.Credential) *Caller {
	c.Principal = o.Name("iam", "root")
	return &Caller{
		Credential: c,
		UserID:     c.Account,
		Principal:  policy.Principal{ARN: c.Principal, Account: c.Account},
		Policies:   policy.PolicySets{Identity: []policy.Attached{{Source: "root", Policy: everything}}},
		Context:    baseContext(c.Account, c.Principal, c.Account, "Account", nil),
		from:       Origin{Account: c.Account, Key: c.KeyID, Proof: proofOf(c.Secret)},
	}
}

// Proof tells the caller's secret from another one that its key may have had, and is no secret.
func (c *Caller) Proof() []byte { return proofOf(c.Secret) }

// accounts are those on which the caller rests: its own, and those of what was before.
func (c *Caller) accounts() []string { return append(c.from.accounts(), c.Account) }

// Unlimited tells whether the caller may do anything: it is a root user, and no
// session takes from that.
func (c *Caller) Unlimited() bool { return c.Of.Type == 0 && c.Policies.Session == nil }

var everything = must(policy.Parse([]byte(allow("*"))))

func must(p *policy.Policy, err error) *policy.Policy {
	if err != nil {
		panic(err)
	}
	return p
}

// newUser is the owner of an access key.
func newUser(o arn.Owner, c credentials.Credential, g *Grants) (*Caller, error) {
	e := g.Entity
	c.Principal = e.ARN(o)
	policies, err := PolicySetsOf(c.Account, g)
	if err != nil {
		return nil, err
	}
	base := baseContext(c.Account, c.Principal, e.ID, "User", e.Tags)
	base = append(base, policy.Value{Key: "aws:username", Value: e.Name})
	return &Caller{
		Credential: c, Of: e.Ref, UserID: e.ID,
		Principal: policy.Principal{ARN: c.Principal, ID: e.ID, Account: c.Account},
		Policies:  policies, Context: base[:len(base):len(base)],
		from: Origin{Account: c.Account, Key: c.KeyID, Proof: proofOf(c.Secret)},
	}, nil
}

// newRole is whoever assumed a role.
func newRole(o arn.Owner, c credentials.Credential, g *Grants, s *Session) (*Caller, error) {
	e := g.Entity
	role := e.ARN(o)
	c.Principal = AssumedRoleARN(o, e.Name, s.Name)
	policies, err := PolicySetsOf(c.Account, g)
	if err != nil {
		return nil, err
	}
	id := e.ID + ":" + s.Name
	// A session's tag counts for the role's of the same key.
	base := baseContext(c.Account, role, id, "AssumedRole", append(collection.AnyCase.Without(e.Tags, keysOf(s.Tags)), s.Tags...))
	return &Caller{
		Credential: c, Of: e.Ref, UserID: id,
		Principal: policy.Principal{ARN: role, ID: e.ID, Session: c.Principal, SessionID: id, Account: c.Account},
		Policies:  policies, Context: base,
	}, nil
}

func keysOf(tags []Tag) []string {
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.Key)
	}
	return keys
}

// AssumedRoleARN is what a session of a role is called.
func AssumedRoleARN(o arn.Owner, role, session string) string {
	return o.Name("sts", sessionPath+role+"/"+session)
}

const sessionPath = "assumed-role/"

func baseContext(account, principal, userID, entityType string, tags []Tag) policy.Context {
	c := policy.Context{
		{Key: "aws:PrincipalArn", Value: principal},
		{Key: "aws:PrincipalAccount", Value: account},
		{Key: "aws:PrincipalType", Value: entityType},
		{Key: "aws:userid", Value: userID},
		{Key: "aws:PrincipalIsAWSService", Value: "false"},
	}
	for _, t := range tags {
		c = append(c, policy.Value{Key: "aws:PrincipalTag/" + t.Key, Value: t.Value})
	}
	return c[:len(c):len(c)]
}

// limit makes the caller one with the temporary credentials of a session.
func (c *Caller) limit(s *Session, g *Grants) error {
	c.Session = true
	c.from = s.From
	if who := (Bearer{s.Account, s.ID}); s.ID != "" && !slices.Contains(s.From.Through, who) {
		c.from.Through = append(slices.Clip(c.from.Through), who)
	}
	c.Context = append(c.Context,
		policy.Value{Key: "aws:TokenIssueTime", Value: s.Issued.Format(time.RFC3339)},
		policy.Value{Key: "aws:MultiFactorAuthPresent", Value: "false"})
	c.Context = c.Context[:len(c.Context):len(c.Context)]
	if !s.Limited {
		return nil
	}
	c.Policies.Session = []policy.Attached{} // of none: nothing is allowed
	if s.Policy != "" {
		p, err := g.known.parse(s.Policy)
		if err != nil {
			return fmt.Errorf("policy of session %q: %w", s.Name, err)
		}
		c.Policies.Session = append(c.Policies.Session, policy.Attached{Source: "session", Policy: p})
	}
	for _, named := range s.Policies {
		if found := g.Policies[named.ARN]; found == nil || found.ID != named.ID {
			continue
		}
		if err := addManaged(&c.Policies.Session, g, named.ARN); err != nil {
			return err
		}
	}
	return nil
}

// PolicySetsOf gives the policies that count for an entity, ready to be
// evaluated. A policy that can't be read is an error: one that denies must not be
// passed over.
func PolicySetsOf(account string, g *Grants) (policy.PolicySets, error) {
	var sets policy.PolicySets
	if err := addAll(&sets.Identity, g, g.Entity); err != nil {
		return sets, err
	}
	for _, group := range g.Groups {
		if err := addAll(&sets.Groups, g, group); err != nil {
			return sets, err
		}
	}
	if g.Entity.Boundary != "" {
		sets.Boundary = []policy.Attached{}
		if err := addManaged(&sets.Boundary, g, g.Entity.Boundary); err != nil {
			return sets, err
		}
	}
	return sets, nil
}

func addAll(to *[]policy.Attached, g *Grants, e *Entity) error {
	for _, inline := range e.Inline {
		p, err := g.known.parse(inline.Document)
		if err != nil {
			return fmt.Errorf("policy %q of %s %q: %w", inline.Name, e.Type, e.Name, err)
		}
		*to = append(*to, policy.Attached{Source: e.InlineSource(inline.Name), Policy: p})
	}
	for _, name := range e.Attached {
		if err := addManaged(to, g, name); err != nil {
			return err
		}
	}
	return nil
}

// InlineSource names an inline policy where a decision says its source.
func (e *Entity) InlineSource(policy string) string {
	return e.Type.String() + "/" + e.Name + "/" + policy
}

// addManaged adds a managed policy, if it exists.
func addManaged(to *[]policy.Attached, g *Grants, name string) error {
	found := g.Policies[name]
	if found == nil {
		return nil
	}
	p, err := g.known.parse(found.Document())
	if err != nil {
		return fmt.Errorf("policy %q: %w", name, err)
	}
	*to = append(*to, policy.Attached{Source: name, Policy: p})
	return nil
}

// Preview is the caller that an entity would be: a user with a key, somebody who
// assumed a role, or a user who has nothing but a group.
func Preview(o arn.Owner, g *Grants) (*Caller, error) {
	c := credentials.Credential{Account: o.Account}
	if g.Entity.Type == Role {
		return newRole(o, c, g, &Session{Name: "preview"})
	}
	return newUser(o, c, g)
}
