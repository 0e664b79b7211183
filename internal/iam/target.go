package iam

import (
	"errors"
	"slices"
	"strings"

	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
)

// nothing is the target of actions that are about nothing in particular.
func nothing(*call) target { return target{resource: "*"} }

// free is the target of actions that everybody may do.
func free(*call) target { return target{free: true} }

// existing is the target of actions about an entity that exists, or should.
func existing(entityType account.EntityType) func(*call) target {
	return func(c *call) target {
		return c.entityTarget(account.Ref{Type: entityType, Name: c.Get(nameParam[entityType])})
	}
}

// self is the target of actions about a user, or else the caller.
func self(c *call) target {
	if name, given := c.Lookup("UserName"); given {
		return c.entityTarget(account.Ref{Type: account.User, Name: name})
	}
	if c.caller.Of.Type == account.User {
		return c.entityTarget(c.caller.Of)
	}
	return target{resource: c.caller.Principal.ARN}
}

// entityTarget knows more of an entity that is there: its path, tags and
// boundary.
func (c *call) entityTarget(of account.Ref) target {
	t := target{
		resource: account.ARN(c.caller.Account, of.Type.String(), "/", of.Name),
		called:   of.Type.String() + " " + of.Name,
	}
	reply, ok := c.look(account.GetEntity{Of: of})
	if !ok {
		return t
	}
	e := reply.(*account.Entity)
	t.resource = e.ARN(c.caller.Account)
	t.context = tagsContext(e.Tags)
	if e.Boundary != "" {
		t.context = append(t.context, policy.Value{Key: "iam:PermissionsBoundary", Value: e.Boundary})
	}
	return t
}

// look looks up what an action touches; ok is false if it is not there. Any other
// failure is the call's: without tags and paths, denials would be passed over.
func (c *call) look(question any) (reply any, ok bool) {
	reply, err := c.Accounts.Do(c, c.caller.Account, question)
	if err == nil {
		return reply, true
	}
	if _, refused := errors.AsType[*account.Error](err); !refused {
		c.fail(err)
	}
	return nil, false
}

// tagsContext is what conditions may ask of the tags of what is there.
func tagsContext(tags []account.Tag) (all policy.Context) {
	for _, t := range tags {
		all = append(all,
			policy.Value{Key: "aws:ResourceTag/" + t.Key, Value: t.Value},
			policy.Value{Key: "iam:ResourceTag/" + t.Key, Value: t.Value})
	}
	return all
}

// saying adds what conditions may ask of parameters. An action adds those that it
// takes, no others: callers may write into a request whatever a condition wants.
func saying(touches func(*call) target, says ...func(*call) policy.Context) func(*call) target {
	return func(c *call) target {
		t := touches(c)
		for _, say := range says {
			t.context = append(t.context, say(c)...)
		}
		return t
	}
}

// bounded is the target of setting the boundary of an entity: conditions ask of the
// one that is to be.
func bounded(entityType account.EntityType) func(*call) target {
	return func(c *call) target {
		t := existing(entityType)(c)
		t.context = slices.DeleteFunc(t.context, func(v policy.Value) bool { return v.Key == "iam:PermissionsBoundary" })
		t.context = append(t.context, theBoundary(c)...)
		return t
	}
}

// created is the target of actions that make an entity of a type.
func created(entityType, param string) func(*call) target {
	return func(c *call) target {
		path := "/"
		if given := c.Get("Path"); given != "" {
			path = given
		}
		return target{resource: account.ARN(c.caller.Account, entityType, path, c.Get(param))}
	}
}

// listed is the target of actions that list entities of a type: where they are.
func listed(entityType string) func(*call) target {
	return func(c *call) target {
		prefix := "/"
		if given := c.Get("PathPrefix"); given != "" {
			prefix = given
		}
		return target{resource: account.ARN(c.caller.Account, entityType, prefix, "")}
	}
}

// policyTarget is the target of actions about a managed policy.
func policyTarget(c *call) target {
	name := c.Get("PolicyArn")
	t := target{resource: name, called: "policy " + name}
	if reply, ok := c.look(account.GetPolicy{Policy: name}); ok {
		t.context = tagsContext(reply.(account.PolicyUse).Tags)
	}
	return t
}

// newTags are tags that are set.
func newTags(c *call) (all policy.Context) {
	for _, m := range c.Members("Tags", "Key", "Value") {
		all = append(all,
			policy.Value{Key: "aws:TagKeys", Value: m.Get("Key")},
			policy.Value{Key: "aws:RequestTag/" + m.Get("Key"), Value: m.Get("Value")})
	}
	return all
}

// oldTags are the keys of tags that are taken away.
func oldTags(c *call) (all policy.Context) {
	for _, key := range c.List("TagKeys") {
		all = append(all, policy.Value{Key: "aws:TagKeys", Value: key})
	}
	return all
}

// thePolicy is the policy that is attached or detached.
func thePolicy(c *call) policy.Context {
	return policy.Context{{Key: "iam:PolicyARN", Value: c.Get("PolicyArn")}}
}

// theBoundary is the boundary that an entity gets, if it gets one.
func theBoundary(c *call) (all policy.Context) {
	if boundary := c.Get("PermissionsBoundary"); boundary != "" {
		all = policy.Context{{Key: "iam:PermissionsBoundary", Value: boundary}}
	}
	return all
}

// documentText is how policies are written into answers: as in a URL.
func documentText(document string) string { return percent(document) }

// percent escapes everything but what RFC 3986 calls unreserved.
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// writeTags writes a list of tags.
func (c *call) writeTags(tags []account.Tag) {
	awsquery.List(c.x, "Tags", tags, func(t account.Tag) {
		c.x.Text("Key", t.Key)
		c.x.Text("Value", t.Value)
	})
}
