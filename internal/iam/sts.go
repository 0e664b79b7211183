package iam

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
	"heddle/internal/iam/stswire"
)

// sessionRows are the actions of STS.
func sessionRows(a *actions) []operation.Operation {
	return []operation.Operation{
		row(a, "GetCallerIdentity", free, getCallerIdentity),
		row(a, "GetSessionToken", free, getSessionToken),
		row(a, "GetAccessKeyInfo", aboutKeyInfo, getAccessKeyInfo),
		row(a, "AssumeRole", aboutRole, assumeRole),
	}
}

// aboutKeyInfo is about no resource ("Actions, resources, and condition keys for AWS
// Security Token Service").
func aboutKeyInfo(c *call, _ *stswire.GetAccessKeyInfoRequest) error {
	c.target.resource = "*"
	return nil
}

// getAccessKeyInfo reads the account out of the id, of any account, whether there is such a
// key or not: so it tells nothing that the id does not. Ids that hold none are those of the
// first root key pairs, which only their own account may ask about.
func getAccessKeyInfo(c *call, in *stswire.GetAccessKeyInfoRequest) (*stswire.GetAccessKeyInfoResponse, error) {
	if root, ok := c.Accounts.RootOf(in.AccessKeyID); ok && root == c.caller.Account {
		return &stswire.GetAccessKeyInfoResponse{Account: &root}, nil
	}
	of, ok := credentials.AccountOf(in.AccessKeyID)
	if !ok {
		return nil, fault.Invalid("Invalid access key ID.")
	}
	return &stswire.GetAccessKeyInfoResponse{Account: &of}, nil
}

func getCallerIdentity(c *call, _ *stswire.GetCallerIdentityRequest) (*stswire.GetCallerIdentityResponse, error) {
	return &stswire.GetCallerIdentityResponse{UserID: &c.caller.UserID, Account: &c.caller.Account, ARN: new(c.callerARN())}, nil
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
	ownSessionSecondsDefault = 43_200
	rootSessionSecondsMax    = 3600
)

func getSessionToken(c *call, in *stswire.GetSessionTokenRequest) (*stswire.GetSessionTokenResponse, error) {
	if c.caller.Session {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, denied("MultiFactorAuthentication failed, no devices are known here")
	}
	seconds := secondsOr(in.DurationSeconds, ownSessionSecondsDefault)
	if c.caller.Of.Type == 0 {
		seconds = min(seconds, rootSessionSecondsMax)
	}
	s := &account.Session{Account: c.caller.Account, Of: c.caller.Of}
	if s.Of.Type != 0 {
		s.ID = c.caller.UserID
	}
	made, err := c.begin(s, seconds)
	if err != nil {
		return nil, err
	}
	return &stswire.GetSessionTokenResponse{Credentials: made}, nil
}

func secondsOr(given *int64, missing int) int {
	if given == nil {
		return missing
	}
	return int(*given)
}

// begin makes the credentials of a session.
func (c *call) begin(s *account.Session, seconds int) (*stswire.Credentials, error) {
	pair, err := credentials.NewSessionPair(s.Account, c.Random)
	if err != nil {
		return nil, err
	}
	s.KeyPair = pair
	s.Issued = c.Now().UTC().Truncate(time.Second)
	s.Expires = s.Issued.Add(time.Duration(seconds) * time.Second)
	c.caller.Lend(s)
	token := c.Accounts.Sealer.SealSession(s)
	if len(token) > account.TokenBytesMax {
		return nil, &fault.Fault{Code: stswire.CodePackedPolicyTooLargeException, Status: http.StatusBadRequest, Message: "The policies and tags of the session take more room than its token has"}
	}
	return &stswire.Credentials{
		AccessKeyID: pair.KeyID, SecretAccessKey: string(pair.Secret), SessionToken: string(token), Expiration: stswire.Timestamp(s.Expires.UnixMilli()),
	}, nil
}

// chainedSecondsMax bounds the session of a role that another role's session
// assumed.
const chainedSecondsMax = 3600

// sessionTags are the tags of a session as policies know them.
func sessionTags(tags []stswire.Tag) (all []account.Tag) {
	for _, t := range tags {
		all = append(all, account.Tag{Key: t.Key, Value: t.Value})
	}
	return all
}

// assumed is the role that a call assumes, once it may.
type assumed struct {
	role  *account.Entity
	owner string // the account that the role is of
}

// aboutRole asks for permission itself: whether a role may be assumed is for the role,
// too, to say. It comes before anything that a refused call must not take: a place
// in the audit trail, or a call out of a rate that others share.
func aboutRole(c *call, in *stswire.AssumeRoleRequest) error {
	c.target.free = true
	if f, ok := errors.AsType[*fault.Fault](c.saysTags(sessionTags(in.Tags))); ok {
		return fault.Invalid(f.Message) // STS has no word of its own for it
	}
	role, owner, err := c.findRole(in.RoleARN)
	if err != nil {
		return err
	}
	c.touched = operation.Resource{Kind: "role", Name: in.RoleARN, ARN: in.RoleARN, Type: "AWS::IAM::Role", Account: owner}
	c.assumed.role, c.assumed.owner = role, owner
	refused := func(action string) error {
		return denied(fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", c.callerARN(), action, in.RoleARN))
	}
	if role == nil {
		return refused("sts:AssumeRole") // as if it were there, and closed
	}
	resource := role.ARN(c.Accounts.Owner(owner))
	trust, err := policy.ParseTrust([]byte(role.Trust))
	if err != nil {
		return fmt.Errorf("trust policy of role %q: %w", role.Name, err)
	}
	trusted := policy.Attached{Source: resource, Policy: trust}
	known := append(c.base, c.assumeContext(in)...)
	known = append(known, tagsContext(role.Tags)...)
	asked := []string{"sts:AssumeRole"}
	if len(in.Tags) > 0 {
		asked = append(asked, "sts:TagSession")
	}
	for _, action := range asked {
		request := policy.Request{Principal: c.caller.Principal, Action: action, Resource: resource, Context: known}
		if !policy.EvaluateTrust(&request, trusted, &c.caller.Policies).Allowed {
			return refused(action)
		}
	}
	return nil
}

func assumeRole(c *call, in *stswire.AssumeRoleRequest) (*stswire.AssumeRoleResponse, error) {
	role, owner := c.assumed.role, c.assumed.owner
	s := &account.Session{Account: owner, Of: role.Ref, ID: role.ID, Name: in.RoleSessionName, Tags: sessionTags(in.Tags)}
	if err := readLimits(s, in); err != nil {
		return nil, err
	}
	seconds := secondsOr(in.DurationSeconds, sessionSecondsDefault)
	switch chained := c.caller.Session && c.caller.Of.Type == account.Role; {
	case seconds > role.SessionSecondsMax:
		return nil, fault.Invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case chained && seconds > chainedSecondsMax:
		return nil, fault.Invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if err := c.findSessionPolicies(s); err != nil {
		return nil, err
	}
	made, err := c.begin(s, seconds)
	if err != nil {
		return nil, err
	}
	out := &stswire.AssumeRoleResponse{
		Credentials:     made,
		AssumedRoleUser: &stswire.AssumedRoleUser{AssumedRoleID: role.ID + ":" + s.Name, ARN: account.AssumedRoleARN(c.Accounts.Owner(owner), role.Name, s.Name)},
	}
	if s.Limited {
		out.PackedPolicySize = new(int64(100 * len(s.Policy) / stswire.SessionPolicyMax))
	}
	return out, nil
}

// readLimits reads the policies of a session.
func readLimits(s *account.Session, in *stswire.AssumeRoleRequest) error {
	if in.Policy != nil {
		if _, err := policy.Parse([]byte(*in.Policy)); err != nil {
			return &fault.Fault{Code: stswire.CodeMalformedPolicyDocumentException, Message: err.Error()}
		}
		s.Limited, s.Policy = true, *in.Policy
	}
	for _, p := range in.PolicyArns {
		s.Limited = true
		s.Policies = append(s.Policies, account.NamedPolicy{ARN: value(p.ARN)})
	}
	return nil
}

// findSessionPolicies finds the managed policies of a session.
func (c *call) findSessionPolicies(s *account.Session) error {
	for i := range s.Policies {
		found, err := c.Accounts.Do(c, s.Account, account.GetPolicy{Policy: s.Policies[i].ARN})
		if refusal, ok := errors.AsType[*account.Error](err); ok {
			return fault.Invalid(refusal.Message)
		}
		if err != nil {
			return err
		}
		s.Policies[i].ID = found.(account.PolicyUse).ID
	}
	return nil
}

// findRole finds a role of any account, whose it is or would be; nil: there is none.
func (c *call) findRole(name string) (role *account.Entity, owner string, err error) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") {
		return nil, "", fault.Invalid(fmt.Sprintf("%.256s is invalid", name))
	}
	of := account.Ref{Type: account.Role, Name: a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]}
	if !c.Accounts.Has(a.Account) {
		return nil, a.Account, nil
	}
	reply, err := c.Accounts.Do(c, a.Account, account.GetEntity{Of: of})
	if refusal, ok := faultOf(err).(*fault.Fault); ok && refusal.Code == string(account.NoSuchEntity) {
		return nil, a.Account, nil
	}
	if err != nil {
		return nil, "", err
	}
	role = reply.(*account.Entity)
	if role.ARN(c.Accounts.Owner(a.Account)) != name {
		return nil, a.Account, nil // its path is another, or its partition
	}
	return role, a.Account, nil
}

// assumeContext is what conditions may ask of a session that is to begin.
func (c *call) assumeContext(in *stswire.AssumeRoleRequest) policy.Context {
	c.says("sts:RoleSessionName", in.RoleSessionName)
	if in.ExternalID != nil {
		c.says("sts:ExternalId", *in.ExternalID)
	}
	return c.target.context
}
