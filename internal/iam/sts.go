package iam

import (
	"fmt"
	"heddle/internal/aws/fault"
	"net/http"
	"strings"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
)

// stsRows are the actions of STS. AssumeRole asks for permission itself: whether
// a role may be assumed is for the role, too, to say.
func stsRows() map[string]row {
	return map[string]row{
		"GetCallerIdentity": {free, getCallerIdentity},
		"GetSessionToken":   {free, getSessionToken},
		"AssumeRole":        {free, assumeRole},
	}
}

func getCallerIdentity(c *call) error {
	c.x.Text("UserId", c.caller.UserID)
	c.x.Text("Account", c.caller.Account)
	c.x.Text("Arn", c.callerARN())
	return nil
}

// callerARN is what the caller is called: of a role, its session.
func (c *call) callerARN() string {
	if p := &c.caller.Principal; p.Session != "" {
		return p.Session
	}
	return c.caller.Principal.ARN
}

// Bounds of sessions from GetSessionToken.
const (
	ownSessionSecondsMax     = 129_600
	ownSessionSecondsDefault = 43_200
	rootSessionSecondsMax    = 3600
)

func getSessionToken(c *call) error {
	if c.caller.Session {
		return denied("Cannot call GetSessionToken with session credentials")
	}
	if c.Optional("SerialNumber") != nil || c.Optional("TokenCode") != nil {
		return denied("MultiFactorAuthentication failed, no devices are known here")
	}
	seconds := c.number("DurationSeconds", sessionSecondsMin, ownSessionSecondsMax, ownSessionSecondsDefault)
	if c.flaw != nil {
		return c.flaw
	}
	if c.caller.Of.Type == 0 {
		seconds = min(seconds, rootSessionSecondsMax)
	}
	s := &account.Session{Account: c.caller.Account, Of: c.caller.Of}
	if s.Of.Type != 0 {
		s.ID = c.caller.UserID
	}
	return c.begin(s, seconds)
}

// begin makes the credentials of a session and writes them.
func (c *call) begin(s *account.Session, seconds int) error {
	pair, err := account.NewSessionPair(s.Account, c.Random)
	if err != nil {
		return err
	}
	s.KeyPair = pair
	s.Issued = c.Now().UTC().Truncate(time.Second)
	s.Expires = s.Issued.Add(time.Duration(seconds) * time.Second)
	c.caller.Lend(s)
	token := c.Accounts.Sealer.SealSession(s)
	if len(token) > account.TokenBytesMax {
		return &fault.Fault{Code: "PackedPolicyTooLarge", Status: http.StatusBadRequest, Message: "The policies and tags of the session take more room than its token has"}
	}
	c.x.Element("Credentials", func() {
		c.x.Text("AccessKeyId", pair.KeyID)
		c.x.Text("SecretAccessKey", string(pair.Secret))
		c.x.Text("SessionToken", string(token))
		c.x.Time("Expiration", s.Expires)
	})
	return nil
}

const (
	sessionPolicyMax   = 2048
	sessionPoliciesMax = 10
	// chainedSecondsMax bounds the session of a role that another role's session
	// assumed.
	chainedSecondsMax = 3600
)

func assumeRole(c *call) error {
	name := c.required("RoleArn", 20, arnMax)
	s := &account.Session{Name: c.name("RoleSessionName", 64)}
	c.checkLength("RoleSessionName", s.Name, 2, 64)
	seconds := c.number("DurationSeconds", sessionSecondsMin, roleSessionSecondsMax, sessionSecondsDefault)
	if err := c.readLimits(s); err != nil {
		return err
	}
	s.Tags = c.tags()
	if c.flaw != nil {
		return c.flaw
	}
	request := policy.Request{
		Principal: c.caller.Principal, Action: "sts:AssumeRole", Resource: name,
		Context: append(c.base, c.assumeContext(s)...),
	}
	refusal := denied(fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", c.callerARN(), request.Action, name))
	role, owner, err := c.findRole(name)
	if err != nil {
		return err
	}
	if role == nil {
		return refusal // as if it were there, and closed
	}
	request.Resource = role.ARN(owner)
	request.Context = append(request.Context, tagsContext(role.Tags)...)
	trust, err := policy.ParseTrust([]byte(role.Trust))
	if err != nil {
		return fmt.Errorf("trust policy of role %q: %w", role.Name, err)
	}
	trusted := policy.Attached{Source: request.Resource, Policy: trust}
	if !policy.EvaluateTrust(&request, trusted, &c.caller.Policies).Allowed {
		return refusal
	}
	if len(s.Tags) > 0 {
		request.Action = "sts:TagSession"
		if !policy.EvaluateTrust(&request, trusted, &c.caller.Policies).Allowed {
			return denied(fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", c.callerARN(), request.Action, name))
		}
	}
	switch chained := c.caller.Session && c.caller.Of.Type == account.Role; {
	case seconds > role.SessionSecondsMax:
		return invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case chained && seconds > chainedSecondsMax:
		return invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	s.Account, s.Of, s.ID = owner, role.Ref, role.ID
	if err := c.findSessionPolicies(s); err != nil {
		return err
	}
	if err := c.begin(s, seconds); err != nil {
		return err
	}
	c.x.Element("AssumedRoleUser", func() {
		c.x.Text("AssumedRoleId", role.ID+":"+s.Name)
		c.x.Text("Arn", account.AssumedRoleARN(owner, role.Name, s.Name))
	})
	if s.Limited {
		c.x.Int("PackedPolicySize", 100*len(s.Policy)/sessionPolicyMax)
	}
	return nil
}

// readLimits reads the policies of a session.
func (c *call) readLimits(s *account.Session) error {
	if document, given := c.Lookup("Policy"); given {
		c.checkLength("Policy", document, 1, sessionPolicyMax)
		if _, err := policy.Parse([]byte(document)); err != nil {
			return &fault.Fault{Code: "MalformedPolicyDocument", Message: err.Error()}
		}
		s.Limited, s.Policy = true, document
	}
	for _, m := range c.Members("PolicyArns", "arn") {
		s.Limited = true
		s.Policies = append(s.Policies, account.NamedPolicy{ARN: m.Get("arn")})
	}
	if len(s.Policies) > sessionPoliciesMax {
		c.fail(invalid("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", sessionPoliciesMax))
	}
	return nil
}

// findSessionPolicies finds the managed policies of a session.
func (c *call) findSessionPolicies(s *account.Session) error {
	for i := range s.Policies {
		found, err := c.Accounts.Do(c, s.Account, account.GetPolicy{Policy: s.Policies[i].ARN})
		if err != nil {
			return err
		}
		s.Policies[i].ID = found.(account.PolicyUse).ID
	}
	return nil
}

// findRole finds a role of any account; nil: there is none.
func (c *call) findRole(name string) (role *account.Entity, owner string, err error) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") {
		return nil, "", invalid("%.256s is invalid", name)
	}
	of := account.Ref{Type: account.Role, Name: a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]}
	reply, err := c.Accounts.Do(c, a.Account, account.GetEntity{Of: of})
	if refusal, ok := faultOf(err).(*fault.Fault); ok && refusal.Code == string(account.NoSuchEntity) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	role = reply.(*account.Entity)
	if role.ARN(a.Account) != name {
		return nil, "", nil // its path is another
	}
	return role, a.Account, nil
}

// assumeContext is what conditions may ask of a session that is to begin.
func (c *call) assumeContext(s *account.Session) policy.Context {
	all := append(newTags(c), policy.Value{Key: "sts:RoleSessionName", Value: s.Name})
	if id, given := c.Lookup("ExternalId"); given {
		all = append(all, policy.Value{Key: "sts:ExternalId", Value: id})
	}
	return all
}
