package account

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"heddle/internal/aws/policy"
	"heddle/internal/engine/collection"
)

// entity finds an entity.
func (t *turn) entity(of Ref) (*Entity, error) {
	e, ok := t.find(of)
	if !ok {
		return nil, noEntity(of)
	}
	return e, nil
}

func (t *turn) list(entityType EntityType) []*Entity {
	return slices.Clone([]*Entity(t.entities[entityType]))
}

func (t *turn) createEntity(c CreateEntity) (*Entity, error) {
	e := c.New
	if t.entities[e.Type].Has(e.SortKey()) {
		return nil, refuse(EntityAlreadyExists, "%s with name %s already exists.", e.Type.title(), e.Name)
	}
	var of string
	var most int
	switch e.Type {
	case User:
		of, most = "UsersPerAccount", t.limits.UsersMax
	case Group:
		of, most = "GroupsPerAccount", t.limits.GroupsMax
	case Role:
		of, most = "RolesPerAccount", t.limits.RolesMax
		if err := t.checkTrust(e.Trust); err != nil {
			return nil, err
		}
		e.Trust, _ = t.bind(e.Trust)
	}
	if len(t.entities[e.Type]) >= most {
		return nil, overQuota(of, most)
	}
	if err := t.checkBoundary(e.Boundary); err != nil {
		return nil, err
	}
	var err error
	if e.Tags, err = t.withTags(nil, c.New.Tags); err != nil {
		return nil, err
	}
	e.CreatedAt = t.now
	return t.record(e.Ref, &entityCreated{e})
}

func (t *turn) updateEntity(c UpdateEntity) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	e := entityUpdated{of: c.Of}
	of := c.Of
	if c.NewName != nil && *c.NewName != of.Name {
		// A name may take another case.
		if !strings.EqualFold(*c.NewName, of.Name) && t.entities[of.Type].Has(collection.Fold(*c.NewName)) {
			return nil, refuse(EntityAlreadyExists, "%s with name %s already exists.", of.Type.title(), *c.NewName)
		}
		e.name, of.Name = c.NewName, *c.NewName
	}
	if c.NewPath != nil && *c.NewPath != old.Path {
		e.path = c.NewPath
	}
	if c.Trust != nil {
		if err := t.checkTrust(*c.Trust); err != nil {
			return nil, err
		}
		if bound, _ := t.bind(*c.Trust); bound != old.Trust {
			e.trust = &bound
		}
	}
	if c.Description != nil && *c.Description != old.Description {
		e.description = c.Description
	}
	if c.SessionSecondsMax != nil && *c.SessionSecondsMax != old.SessionSecondsMax {
		e.sessionSecondsMax = c.SessionSecondsMax
	}
	if e == (entityUpdated{of: c.Of}) {
		return old, nil
	}
	return t.record(of, &e)
}

func (t *turn) deleteEntity(c DeleteEntity) (*Entity, error) {
	e, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	first := ""
	switch {
	case len(e.Keys) > 0:
		first = "delete access keys"
	case len(e.Inline) > 0:
		first = "delete policies"
	case len(e.Attached) > 0:
		first = "detach all policies"
	case len(e.Groups) > 0:
		first = "remove users from group"
	case e.Type == Group && slices.ContainsFunc(t.entities[User], func(u *Entity) bool { return slices.Contains(u.Groups, e.ID) }):
		first = "remove users from group"
	}
	if first != "" {
		return nil, refuse(DeleteConflict, "Cannot delete entity, must %s first.", first)
	}
	t.emit(&entityRemoved{c.Of})
	return e, nil
}

func (t *turn) putInline(c PutInline) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	if err := checkPolicy(c.Document); err != nil {
		return nil, err
	}
	size, spaced := 0, 0
	for _, p := range c.among(old.Inline) {
		size += sizeOf(p.Document)
		spaced += len(p.Document)
	}
	most := [...]int{User: t.limits.UserInlineMax, Group: t.limits.GroupInlineMax, Role: t.limits.RoleInlineMax}[old.Type]
	if spaced > inlineSpacedMax {
		size, most = spaced, inlineSpacedMax
	}
	if size > most {
		return nil, refuse(LimitExceeded, "Maximum policy size of %d bytes exceeded for %s %s", most, old.Type, old.Name)
	}
	return t.record(c.Of, &inlinePut{c.Of, c.Inline})
}

func (t *turn) deleteInline(c DeleteInline) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	if _, ok := old.document(c.Name); !ok {
		return nil, noInline(c.Of.Type, c.Name)
	}
	return t.record(c.Of, &inlineRemoved{c.Of, c.Name})
}

func noInline(entityType EntityType, name string) error {
	return refuse(NoSuchEntity, "The %s policy with name %s cannot be found.", entityType, name)
}

// Document gives an inline policy of an entity. Errors: NoSuchEntity.
func (e *Entity) Document(name string) (string, error) {
	document, ok := e.document(name)
	if !ok {
		return "", noInline(e.Type, name)
	}
	return document, nil
}

func (t *turn) attach(c Attach) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	if _, err := t.policy(c.Policy); err != nil {
		return nil, err
	}
	if slices.Contains(old.Attached, c.Policy) {
		return old, nil
	}
	if len(old.Attached) >= t.limits.AttachedPerEntityMax {
		return nil, overQuota("PoliciesPer"+old.Type.title(), t.limits.AttachedPerEntityMax)
	}
	return t.record(c.Of, &attached{c.Of, c.Policy})
}

func (t *turn) detach(c Detach) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(old.Attached, c.Policy) {
		return nil, refuse(NoSuchEntity, "Policy %s was not found.", c.Policy)
	}
	return t.record(c.Of, &detached{c.Of, c.Policy})
}

func (t *turn) setBoundary(c SetBoundary) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	if err := t.checkBoundary(c.Policy); err != nil {
		return nil, err
	}
	if c.Policy == "" && old.Boundary == "" {
		return nil, refuse(NoSuchEntity, "%s %s does not have a permissions boundary.", old.Type.title(), old.Name)
	}
	if c.Policy == old.Boundary {
		return old, nil
	}
	return t.record(c.Of, &entityUpdated{of: c.Of, boundary: &c.Policy})
}

func (t *turn) checkBoundary(policy string) error {
	if policy == "" {
		return nil
	}
	_, err := t.policy(policy)
	return err
}

func (t *turn) tagEntity(c TagEntity) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	tags, err := t.withTags(old.Tags, c.Tags)
	if err != nil {
		return nil, err
	}
	return t.setTags(old, tags)
}

func (t *turn) untagEntity(c UntagEntity) (*Entity, error) {
	old, err := t.entity(c.Of)
	if err != nil {
		return nil, err
	}
	return t.setTags(old, collection.AnyCase.Without(old.Tags, c.Keys))
}

func (t *turn) setTags(old *Entity, tags []Tag) (*Entity, error) {
	c := collection.TagsBetween(old.Tags, tags)
	if c.IsEmpty() {
		return old, nil
	}
	return t.record(old.Ref, &entityTagged{old.Ref, c})
}

// withTags gives the tags with more added. Keys that differ by case only are the
// same.
func (t *turn) withTags(tags, more []Tag) ([]Tag, error) {
	for i := range more {
		if collection.AnyCase.Twice(more, i) {
			return nil, refuse(InvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
	}
	all := collection.AnyCase.With(tags, more)
	if len(all) > t.limits.TagsMax {
		return nil, refuse(LimitExceeded, "The number of tags has reached the maximum limit.")
	}
	return all, nil
}

// checkPolicy reads a policy as those who evaluate it will.
func checkPolicy(document string) error {
	_, err := policy.Parse([]byte(document))
	return malformed(err)
}

func (t *turn) checkTrust(document string) error {
	if sizeOf(asWritten(document)) > t.limits.TrustMax {
		return overQuota("ACLSizePerRole", t.limits.TrustMax)
	}
	if _, err := policy.ParseTrust([]byte(document)); err != nil {
		return malformed(err)
	}
	if _, unknown := t.bind(document); unknown != nil {
		return refuse(MalformedPolicy, "Invalid principal in policy: %q:%q", "AWS", unknown[0])
	}
	return nil
}

func malformed(err error) error {
	if err == nil {
		return nil
	}
	return refuse(MalformedPolicy, "%v", err)
}

// sizeOf counts what limits of policies are about.
func sizeOf(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func (t *turn) join(c Join) (*Entity, error) {
	user, group, err := t.membership(c.User, c.Group)
	if err != nil {
		return nil, err
	}
	if slices.Contains(user.Groups, group.ID) {
		return user, nil
	}
	if len(user.Groups) >= t.limits.GroupsPerUserMax {
		return nil, overQuota("GroupsPerUser", t.limits.GroupsPerUserMax)
	}
	return t.record(user.Ref, &joined{user.Name, group.ID})
}

func (t *turn) leave(c Leave) (*Entity, error) {
	user, group, err := t.membership(c.User, c.Group)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(user.Groups, group.ID) {
		return nil, refuse(NoSuchEntity, "User %s is not a member of group %s.", c.User, c.Group)
	}
	return t.record(user.Ref, &left{user.Name, group.ID})
}

func (t *turn) membership(user, group string) (u, g *Entity, err error) {
	if g, err = t.entity(Ref{Group, group}); err != nil {
		return nil, nil, err
	}
	if u, err = t.entity(Ref{User, user}); err != nil {
		return nil, nil, err
	}
	return u, g, nil
}

// groupsOf gives a user's groups in order of name.
func (t *turn) groupsOf(user *Entity) []*Entity {
	var groups []*Entity
	for _, g := range t.entities[Group] {
		if slices.Contains(user.Groups, g.ID) {
			groups = append(groups, g)
		}
	}
	return groups
}

func (t *turn) listGroups(c ListGroups) ([]*Entity, error) {
	user, err := t.entity(Ref{User, c.User})
	if err != nil {
		return nil, err
	}
	return t.groupsOf(user), nil
}

func (t *turn) listMembers(c ListMembers) ([]*Entity, error) {
	group, err := t.entity(Ref{Group, c.Group})
	if err != nil {
		return nil, err
	}
	var members []*Entity
	for _, u := range t.entities[User] {
		if slices.Contains(u.Groups, group.ID) {
			members = append(members, u)
		}
	}
	return members, nil
}

func (t *turn) createKey(c CreateKey) (*Entity, error) {
	user, err := t.entity(Ref{User, c.User})
	if err != nil {
		return nil, err
	}
	if len(user.Keys) >= t.limits.KeysPerUserMax {
		return nil, overQuota("AccessKeysPerUser", t.limits.KeysPerUserMax)
	}
	if _, taken := t.owners[c.ID]; taken {
		return nil, fmt.Errorf("create access key %q: the id is taken", c.ID)
	}
	return t.record(user.Ref, &keyPut{user.Name, Key{ID: c.ID, Sealed: c.Sealed, CreatedAt: t.now}})
}

func (t *turn) updateKey(c UpdateKey) (*Entity, error) {
	user, k, err := t.keyOf(c.User, c.ID)
	if err != nil {
		return nil, err
	}
	if k.Inactive == c.Inactive {
		return user, nil
	}
	k.Inactive = c.Inactive
	return t.record(user.Ref, &keyPut{user.Name, k})
}

func (t *turn) deleteKey(c DeleteKey) (*Entity, error) {
	user, k, err := t.keyOf(c.User, c.ID)
	if err != nil {
		return nil, err
	}
	return t.record(user.Ref, &keyRemoved{user.Name, k.ID})
}

// keyOf finds a user and its key.
func (t *turn) keyOf(name, id string) (*Entity, Key, error) {
	user, err := t.entity(Ref{User, name})
	if err != nil {
		return nil, Key{}, err
	}
	i := user.key(id)
	if i < 0 {
		return nil, Key{}, noKey(id)
	}
	return user, user.Keys[i], nil
}

func noKey(id string) error {
	return refuse(NoSuchEntity, "The Access Key with id %s cannot be found.", id)
}
