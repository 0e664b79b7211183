package iam

import (
	"cmp"
	"strings"

	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

// What users, groups and roles have alike.

// create makes an entity of what is filled in, with an id.
func create(c *call, e account.Entity) (*account.Entity, error) {
	var err error
	if e.ID, err = account.NewID(e.Type, c.Random); err != nil {
		return nil, err
	}
	e.Path = cmp.Or(e.Path, "/")
	return do[*account.Entity](c, account.CreateEntity{New: e})
}

func getEntity(c *call, of account.Ref) (*account.Entity, error) {
	return do[*account.Entity](c, account.GetEntity{Of: of})
}

func deleteEntity[In any](c *call, _ *In) error {
	return change(c, account.DeleteEntity{Of: c.of})
}

// update renames or moves a user or group. The caller must be permitted to do so to what
// it becomes, too.
func (c *call) update(newName, newPath *string) error {
	e, err := getEntity(c, c.of)
	if err != nil {
		return err
	}
	name, path := e.Name, e.Path
	if newName != nil {
		name = *newName
	}
	if newPath != nil {
		path = *newPath
	}
	if err := c.permit(c.action, target{resource: account.ARN(c.owner(), c.of.Type.String(), path, name)}); err != nil {
		return err
	}
	return change(c, account.UpdateEntity{Of: c.of, NewName: newName, NewPath: newPath})
}

// entitiesUnder gives the entities of a type that have a path with a prefix.
func (c *call) entitiesUnder(entityType account.EntityType, prefix *string) ([]*account.Entity, error) {
	all, err := do[[]*account.Entity](c, account.ListEntities{Type: entityType})
	return under(prefix, all, entityPath), err
}

func entityPath(e *account.Entity) string { return e.Path }

func nameKey(e *account.Entity) string { return strings.ToLower(e.Name) }

func (c *call) putInline(name, document string) error {
	return change(c, account.PutInline{Of: c.of, Inline: account.Inline{Name: name, Document: document}})
}

// inline gives an inline policy, written as answers have policies.
func (c *call) inline(name string) (e *account.Entity, document string, err error) {
	if e, err = getEntity(c, c.of); err != nil {
		return nil, "", err
	}
	document, err = e.Document(name)
	return e, percent(document), err
}

// inlineNames gives a page of the names of inline policies.
func (c *call) inlineNames(p page) ([]string, rest, error) {
	e, err := getEntity(c, c.of)
	if err != nil {
		return nil, rest{}, err
	}
	return cut(p, each(e.Inline, func(p account.Inline) string { return p.Name }), sameText)
}

func (c *call) deleteInline(name string) error {
	return change(c, account.DeleteInline{Of: c.of, Name: name})
}

func (c *call) attach(policy string) error {
	return change(c, account.Attach{Of: c.of, Policy: policy})
}

func (c *call) detach(policy string) error {
	return change(c, account.Detach{Of: c.of, Policy: policy})
}

// attached gives a page of the managed policies that are attached.
func (c *call) attached(prefix *string, p page) ([]wire.AttachedPolicy, rest, error) {
	e, err := getEntity(c, c.of)
	if err != nil {
		return nil, rest{}, err
	}
	return paged(p, under(prefix, e.Attached, policyPath), sameText, func(arn string) wire.AttachedPolicy {
		return wire.AttachedPolicy{PolicyName: new(arn[strings.LastIndexByte(arn, '/')+1:]), PolicyARN: &arn}
	})
}

// policyPath is the path in a policy's ARN.
func policyPath(arn string) string {
	_, rest, _ := strings.Cut(arn, ":policy")
	return rest[:strings.LastIndexByte(rest, '/')+1]
}

// aboutBoundary is about with the boundary that is to be, which conditions ask of.
func (c *call) aboutBoundary(of account.Ref, boundary string) error {
	if err := c.about(of); err != nil {
		return err
	}
	c.saysBoundary(&boundary)
	return nil
}

func (c *call) setBoundary(policy string) error {
	return change(c, account.SetBoundary{Of: c.of, Policy: policy})
}

func deleteBoundary[In any](c *call, _ *In) error { return c.setBoundary("") }

// boundaryOf is an entity's boundary as answers have it.
func boundaryOf(e *account.Entity) *wire.AttachedPermissionsBoundary {
	if e.Boundary == "" {
		return nil
	}
	policy := "Policy" // there is no other type
	return &wire.AttachedPermissionsBoundary{PermissionsBoundaryType: &policy, PermissionsBoundaryARN: &e.Boundary}
}

// aboutTags is about with tags that are set.
func (c *call) aboutTags(of account.Ref, tags []wire.Tag) error {
	if err := c.about(of); err != nil {
		return err
	}
	return c.saysTags(tagsOf(tags))
}

// aboutKeys is about with keys of tags that are taken away.
func (c *call) aboutKeys(of account.Ref, keys []string) error {
	if err := c.about(of); err != nil {
		return err
	}
	c.saysKeys(keys)
	return nil
}

// aboutAttaching is about with the policy that is attached or detached.
func (c *call) aboutAttaching(of account.Ref, policy string) error {
	if err := c.about(of); err != nil {
		return err
	}
	c.saysPolicy(policy)
	return nil
}

// makingTagged is making of what may have tags and a boundary.
func (c *call) makingTagged(of account.Ref, path *string, tags []wire.Tag, boundary *string) error {
	if err := c.making(of, path); err != nil {
		return err
	}
	c.saysBoundary(boundary)
	return c.saysTags(tagsOf(tags))
}

func (c *call) tag(tags []wire.Tag) error {
	return change(c, account.TagEntity{Of: c.of, Tags: tagsOf(tags)})
}

func (c *call) untag(keys []string) error {
	return change(c, account.UntagEntity{Of: c.of, Keys: keys})
}

// tags gives a page of an entity's tags.
func (c *call) tags(p page) ([]wire.Tag, rest, error) {
	e, err := getEntity(c, c.of)
	if err != nil {
		return nil, rest{}, err
	}
	return pagedTags(p, e.Tags)
}

func pagedTags(p page, tags []account.Tag) ([]wire.Tag, rest, error) {
	return paged(p, tags, func(t account.Tag) string { return t.Key }, writtenTag)
}

// percent is how policies are written into answers: as in a URL, with everything escaped
// but what RFC 3986 calls unreserved.
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
