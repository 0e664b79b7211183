package account

import (
	"slices"

	"heddle/internal/aws/arn"
	"heddle/internal/engine/collection"
)

// policy finds a managed policy, the customer's or one of ours.
func (t *turn) policy(name string) (*Policy, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return nil, refuse(InvalidInput, "ARN %s is not valid.", name)
	}
	kept := t.policies
	if a.Account == BuiltIn {
		kept = managed
	}
	last := a.Resource
	for i := len(last) - 1; i >= 0; i-- {
		if last[i] == '/' {
			last = last[i+1:]
			break
		}
	}
	if p, ok := findPolicy(kept, last); ok && p.ARN(t.owner) == name {
		return p, nil
	}
	return nil, noPolicy(name)
}

// ownPolicy finds a policy that may be changed.
func (t *turn) ownPolicy(name string) (*Policy, error) {
	p, err := t.policy(name)
	if err != nil {
		return nil, err
	}
	if p.BuiltIn {
		return nil, refuse(InvalidInput, "Cannot perform the operation on AWS managed policy %s.", name)
	}
	return p, nil
}

func (t *turn) createPolicy(c CreatePolicy) (*Policy, error) {
	p := c.New
	if t.policies.Has(p.SortKey()) {
		return nil, refuse(EntityAlreadyExists, "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
	}
	if len(t.policies) >= t.limits.PoliciesMax {
		return nil, overQuota("PoliciesPerAccount", t.limits.PoliciesMax)
	}
	if err := t.checkManaged(c.Document); err != nil {
		return nil, err
	}
	var err error
	if p.Tags, err = t.withTags(nil, c.New.Tags); err != nil {
		return nil, err
	}
	p.CreatedAt, p.UpdatedAt = t.now, t.now
	p.Versions = []Version{{1, c.Document, t.now}}
	p.Default, p.Last = 1, 1
	return t.recordPolicy(p.Name, &policyCreated{p})
}

func (t *turn) checkManaged(document string) error {
	if sizeOf(document) > t.limits.PolicyMax {
		return overQuota("PolicySize", t.limits.PolicyMax)
	}
	return checkPolicy(document)
}

func (t *turn) createVersion(c CreateVersion) (*Policy, error) {
	old, err := t.ownPolicy(c.Policy)
	if err != nil {
		return nil, err
	}
	if err := t.checkManaged(c.Document); err != nil {
		return nil, err
	}
	if most := t.limits.VersionsPerPolicyMax; len(old.Versions) >= most {
		return nil, refuse(LimitExceeded, "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", most)
	}
	return t.recordPolicy(old.Name, &versionCreated{old.Name, c.Document, c.Default})
}

func (t *turn) setDefaultVersion(c SetDefaultVersion) (*Policy, error) {
	old, err := t.version(c.Policy, c.Number)
	if err != nil {
		return nil, err
	}
	return t.recordPolicy(old.Name, &defaultSet{old.Name, c.Number})
}

func (t *turn) deleteVersion(c DeleteVersion) (*Policy, error) {
	old, err := t.version(c.Policy, c.Number)
	if err != nil {
		return nil, err
	}
	if c.Number == old.Default {
		return nil, refuse(DeleteConflict, "Cannot delete the default version of a policy.")
	}
	return t.recordPolicy(old.Name, &versionRemoved{old.Name, c.Number})
}

// version finds a policy that may be changed and has the version.
func (t *turn) version(policy string, number int) (*Policy, error) {
	p, err := t.ownPolicy(policy)
	if err != nil {
		return nil, err
	}
	if _, ok := p.Version(number); !ok {
		return nil, NoVersion(policy, number)
	}
	return p, nil
}

// NoVersion is the error for a version that a policy does not have.
func NoVersion(policy string, number int) error {
	return refuse(NoSuchEntity, "Policy %s version v%d does not exist or is not attachable.", policy, number)
}

func (t *turn) deletePolicy(c DeletePolicy) (*Policy, error) {
	p, err := t.ownPolicy(c.Policy)
	if err != nil {
		return nil, err
	}
	if use := t.use(p); use.Attachments+use.Boundaries > 0 {
		return nil, refuse(DeleteConflict, "Cannot delete a policy attached to entities.")
	}
	if len(p.Versions) > 1 {
		return nil, refuse(DeleteConflict, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	t.emit(&policyRemoved{p.Name})
	return p, nil
}

func (t *turn) tagPolicy(c TagPolicy) (*Policy, error) {
	old, err := t.ownPolicy(c.Policy)
	if err != nil {
		return nil, err
	}
	tags, err := t.withTags(old.Tags, c.Tags)
	if err != nil {
		return nil, err
	}
	return t.setPolicyTags(old, tags)
}

func (t *turn) untagPolicy(c UntagPolicy) (*Policy, error) {
	old, err := t.ownPolicy(c.Policy)
	if err != nil {
		return nil, err
	}
	return t.setPolicyTags(old, collection.AnyCase.Without(old.Tags, c.Keys))
}

func (t *turn) setPolicyTags(old *Policy, tags []Tag) (*Policy, error) {
	c := collection.TagsBetween(old.Tags, tags)
	if c.IsEmpty() {
		return old, nil
	}
	return t.recordPolicy(old.Name, &policyTagged{old.Name, c})
}

// uses counts how often policies are attached, and how often they bound.
func (t *turn) uses() (attached, bounds map[string]int) {
	attached, bounds = map[string]int{}, map[string]int{}
	for _, all := range t.entities {
		for _, e := range all {
			for _, policy := range e.Attached {
				attached[policy]++
			}
			if e.Boundary != "" {
				bounds[e.Boundary]++
			}
		}
	}
	return attached, bounds
}

func (t *turn) use(p *Policy) PolicyUse {
	attached, bounds := t.uses()
	name := p.ARN(t.owner)
	return PolicyUse{p, attached[name], bounds[name]}
}

func (t *turn) getPolicy(c GetPolicy) (PolicyUse, error) {
	p, err := t.policy(c.Policy)
	if err != nil {
		return PolicyUse{}, err
	}
	return t.use(p), nil
}

func (t *turn) listPolicies() []PolicyUse {
	attached, bounds := t.uses()
	var all []PolicyUse
	for _, kept := range [...]policySet{t.policies, managed} {
		for _, p := range kept {
			name := p.ARN(t.owner)
			all = append(all, PolicyUse{p.listed(), attached[name], bounds[name]})
		}
	}
	return all
}

func (t *turn) listHolders(c ListHolders) ([]*Entity, error) {
	if _, err := t.policy(c.Policy); err != nil {
		return nil, err
	}
	var holders []*Entity
	for _, all := range t.entities {
		for _, e := range all {
			if c.Boundary && e.Boundary == c.Policy || !c.Boundary && slices.Contains(e.Attached, c.Policy) {
				holders = append(holders, e)
			}
		}
	}
	return holders, nil
}

func noID(id string) error {
	return refuse(NoSuchEntity, "The entity with id %s cannot be found.", id)
}

func (t *turn) resolve(c Resolve) (Grants, error) {
	for _, id := range c.Others {
		if t.ids[id] == nil {
			return Grants{}, noID(id)
		}
	}
	of := c.Of
	switch {
	case c.Key != "":
		owner, ok := t.owners[c.Key]
		if !ok {
			return Grants{}, noKey(c.Key)
		}
		of = Ref{User, owner}
	case c.ID != "":
		e, ok := t.ids[c.ID]
		if !ok {
			return Grants{}, noID(c.ID)
		}
		of = e.Ref
	}
	e, err := t.entity(of)
	if err != nil {
		return Grants{}, err
	}
	g := Grants{Entity: e, Policies: map[string]*Policy{}}
	add := func(names ...string) {
		for _, name := range names {
			if p, err := t.policy(name); err == nil {
				g.Policies[name] = p
			}
		}
	}
	if e.Type == User {
		g.Groups = t.groupsOf(e)
	}
	add(e.Attached...)
	for _, group := range g.Groups {
		add(group.Attached...)
	}
	add(e.Boundary)
	add(c.Further...)
	return g, nil
}

func (t *turn) summarize() Summary {
	s := Summary{
		Users: len(t.entities[User]), Groups: len(t.entities[Group]), Roles: len(t.entities[Role]),
		Policies: len(t.policies), Limits: *t.limits,
	}
	for _, p := range t.policies {
		s.PolicyVersions += len(p.Versions)
	}
	return s
}
