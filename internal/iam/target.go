package iam

import (
	"errors"
	"slices"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func user(name string) account.Ref  { return account.Ref{Type: account.User, Name: name} }
func group(name string) account.Ref { return account.Ref{Type: account.Group, Name: name} }
func role(name string) account.Ref  { return account.Ref{Type: account.Role, Name: name} }

// nothing is for actions that are about nothing in particular.
func nothing[In any](c *call, _ *In) error {
	c.target = target{resource: "*"}
	return nil
}

// free is for actions that everybody may do.
func free[In any](c *call, _ *In) error {
	c.target = target{free: true}
	return nil
}

// about is for actions about an entity that exists, or should. More is known of one that
// is there: its path, tags and boundary.
func (c *call) about(of account.Ref) error {
	c.of = of
	c.target = target{
		resource: account.ARN(c.owner(), of.Type.String(), "/", of.Name),
		called:   of.Type.String() + " " + of.Name,
	}
	reply, err := c.look(account.GetEntity{Of: of})
	if reply == nil {
		return err
	}
	e := reply.(*account.Entity)
	c.target.resource = e.ARN(c.owner())
	c.target.context = tagsContext(e.Tags)
	if e.Boundary != "" {
		c.saysBoundary(&e.Boundary)
	}
	return nil
}

// aboutSelf is for actions about a user, or else the caller.
func (c *call) aboutSelf(name *string) error {
	if name != nil {
		return c.about(user(*name))
	}
	if c.caller.Of.Type == account.User {
		return c.about(c.caller.Of)
	}
	c.target = target{resource: c.caller.Principal.ARN}
	return nil
}

// self is the user that an action is about which may be about its caller.
func (c *call) self() (account.Ref, error) {
	if c.of.Type != account.User {
		return c.of, fault.Invalid("Must specify userName when calling with non-User credentials")
	}
	return c.of, nil
}

// aboutPolicy is for actions about a managed policy.
func (c *call) aboutPolicy(arn string) error {
	c.target = target{resource: arn, called: "policy " + arn}
	reply, err := c.look(account.GetPolicy{Policy: arn})
	if reply != nil {
		c.target.context = tagsContext(reply.(account.PolicyUse).Tags)
	}
	return err
}

// making is for actions that make something of a type.
func (c *call) making(of account.Ref, path *string) error {
	c.of = of
	return c.makingA(of.Type.String(), of.Name, path)
}

func (c *call) makingA(what, name string, path *string) error {
	c.target = target{resource: account.ARN(c.owner(), what, pathOr(path, "/"), name)}
	return nil
}

// listing is for actions that list what is of a type: where it is.
func (c *call) listing(what string, prefix *string) error {
	c.target = target{resource: account.ARN(c.owner(), what, pathOr(prefix, "/"), "")}
	return nil
}

func pathOr(path *string, missing string) string {
	if path == nil {
		return missing
	}
	return *path
}

// look looks up what an action is about; the reply is nil if it is not there. Any other
// failure is the call's: without tags and paths, denials would be passed over.
func (c *call) look(question any) (reply any, err error) {
	reply, err = c.Accounts.Do(c, c.caller.Account, question)
	if _, refused := errors.AsType[*account.Error](err); refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return reply, nil
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

// What follows adds what conditions may ask of parameters. An action adds those that it
// takes, no others: callers may write into a request whatever a condition wants.

func (c *call) says(key, value string) {
	c.target.context = append(c.target.context, policy.Value{Key: key, Value: value})
}

// saysTags adds tags that are set. Keys that differ in case alone are one key to
// conditions, which would be content with either's value, so they are refused here.
func (c *call) saysTags(tags []account.Tag) error {
	for i, t := range tags {
		if len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:") {
			return &fault.Fault{Code: string(account.InvalidInput), Message: "Tag keys that begin with aws: are reserved."}
		}
		if slices.ContainsFunc(tags[:i], func(u account.Tag) bool { return strings.EqualFold(u.Key, t.Key) }) {
			return &fault.Fault{Code: string(account.InvalidInput), Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		c.says("aws:TagKeys", t.Key)
		c.says("aws:RequestTag/"+t.Key, t.Value)
	}
	return nil
}

// saysKeys adds the keys of tags that are taken away.
func (c *call) saysKeys(keys []string) {
	for _, key := range keys {
		c.says("aws:TagKeys", key)
	}
}

// saysPolicy adds the policy that is attached or detached.
func (c *call) saysPolicy(arn string) { c.says("iam:PolicyARN", arn) }

// saysBoundary adds the boundary that an entity has, or gets.
func (c *call) saysBoundary(arn *string) {
	if arn != nil {
		c.target.context = slices.DeleteFunc(c.target.context, func(v policy.Value) bool { return v.Key == "iam:PermissionsBoundary" })
		c.says("iam:PermissionsBoundary", *arn)
	}
}

// tagsOf are tags of a request as the account knows them.
func tagsOf(tags []wire.Tag) []account.Tag {
	if len(tags) == 0 {
		return nil
	}
	return each(tags, func(t wire.Tag) account.Tag { return account.Tag{Key: t.Key, Value: t.Value} })
}

// writtenTags are tags as answers have them; none are absent.
func writtenTags(tags []account.Tag) []wire.Tag {
	if len(tags) == 0 {
		return nil
	}
	return each(tags, writtenTag)
}

func writtenTag(t account.Tag) wire.Tag { return wire.Tag{Key: t.Key, Value: t.Value} }
