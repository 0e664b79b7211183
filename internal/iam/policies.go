package iam

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func policyRows(a *actions) []operation.Operation {
	return []operation.Operation{
		row(a, "CreatePolicy", func(c *call, in *wire.CreatePolicyRequest) error {
			if err := c.makingA("policy", in.PolicyName, in.Path); err != nil {
				return err
			}
			return c.saysTags(tagsOf(in.Tags))
		}, createPolicy),
		row(a, "GetPolicy", func(c *call, in *wire.GetPolicyRequest) error { return c.aboutPolicy(in.PolicyARN) },
			func(c *call, in *wire.GetPolicyRequest) (*wire.GetPolicyResponse, error) {
				p, err := getPolicy(c, in.PolicyARN)
				if err != nil {
					return nil, err
				}
				return &wire.GetPolicyResponse{Policy: new(c.policyWhole(p))}, nil
			}),
		row(a, "ListPolicies", func(c *call, in *wire.ListPoliciesRequest) error { return c.listing("policy", in.PathPrefix) }, listPolicies),
		silent(a, "DeletePolicy", func(c *call, in *wire.DeletePolicyRequest) error { return c.aboutPolicy(in.PolicyARN) },
			func(c *call, in *wire.DeletePolicyRequest) error {
				return change(c, account.DeletePolicy{Policy: in.PolicyARN})
			}),
		row(a, "CreatePolicyVersion", func(c *call, in *wire.CreatePolicyVersionRequest) error { return c.aboutPolicy(in.PolicyARN) }, createVersion),
		row(a, "GetPolicyVersion", func(c *call, in *wire.GetPolicyVersionRequest) error { return c.aboutPolicy(in.PolicyARN) }, getVersion),
		row(a, "ListPolicyVersions", func(c *call, in *wire.ListPolicyVersionsRequest) error { return c.aboutPolicy(in.PolicyARN) }, listVersions),
		silent(a, "SetDefaultPolicyVersion", func(c *call, in *wire.SetDefaultPolicyVersionRequest) error { return c.aboutPolicy(in.PolicyARN) },
			func(c *call, in *wire.SetDefaultPolicyVersionRequest) error {
				return change(c, account.SetDefaultVersion{Policy: in.PolicyARN, Number: versionNumber(in.VersionID)})
			}),
		silent(a, "DeletePolicyVersion", func(c *call, in *wire.DeletePolicyVersionRequest) error { return c.aboutPolicy(in.PolicyARN) },
			func(c *call, in *wire.DeletePolicyVersionRequest) error {
				return change(c, account.DeleteVersion{Policy: in.PolicyARN, Number: versionNumber(in.VersionID)})
			}),
		row(a, "ListEntitiesForPolicy", func(c *call, in *wire.ListEntitiesForPolicyRequest) error { return c.aboutPolicy(in.PolicyARN) }, listHolders),
		silent(a, "TagPolicy", func(c *call, in *wire.TagPolicyRequest) error {
			if err := c.aboutPolicy(in.PolicyARN); err != nil {
				return err
			}
			return c.saysTags(tagsOf(in.Tags))
		}, func(c *call, in *wire.TagPolicyRequest) error {
			return change(c, account.TagPolicy{Policy: in.PolicyARN, Tags: tagsOf(in.Tags)})
		}),
		silent(a, "UntagPolicy", func(c *call, in *wire.UntagPolicyRequest) error {
			if err := c.aboutPolicy(in.PolicyARN); err != nil {
				return err
			}
			c.saysKeys(in.TagKeys)
			return nil
		}, func(c *call, in *wire.UntagPolicyRequest) error {
			return change(c, account.UntagPolicy{Policy: in.PolicyARN, Keys: in.TagKeys})
		}),
		row(a, "ListPolicyTags", func(c *call, in *wire.ListPolicyTagsRequest) error { return c.aboutPolicy(in.PolicyARN) },
			func(c *call, in *wire.ListPolicyTagsRequest) (*wire.ListPolicyTagsResponse, error) {
				p, err := getPolicy(c, in.PolicyARN)
				if err != nil {
					return nil, err
				}
				tags, next, err := pagedTags(page{in.Marker, in.MaxItems}, p.Tags)
				return &wire.ListPolicyTagsResponse{Tags: tags, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
	}
}

func getPolicy(c *call, arn string) (account.PolicyUse, error) {
	return do[account.PolicyUse](c, account.GetPolicy{Policy: arn})
}

func createPolicy(c *call, in *wire.CreatePolicyRequest) (*wire.CreatePolicyResponse, error) {
	p := account.Policy{
		Name: in.PolicyName, Path: pathOr(in.Path, "/"), Description: value(in.Description), Tags: tagsOf(in.Tags),
	}
	var err error
	if p.ID, err = account.NewPolicyID(c.Random); err != nil {
		return nil, err
	}
	made, err := do[*account.Policy](c, account.CreatePolicy{New: p, Document: in.PolicyDocument})
	if err != nil {
		return nil, err
	}
	return &wire.CreatePolicyResponse{Policy: new(c.policyWhole(account.PolicyUse{Policy: made}))}, nil
}

// policy is a managed policy as lists have it.
func (c *call) policy(p account.PolicyUse) wire.Policy {
	return wire.Policy{
		PolicyName: &p.Name, PolicyID: &p.ID, ARN: new(p.ARN(c.owner())), Path: &p.Path,
		DefaultVersionID: new(versionID(p.Default)), IsAttachable: new(true),
		AttachmentCount: new(int64(p.Attachments)), PermissionsBoundaryUsageCount: new(int64(p.Boundaries)),
		CreateDate: new(wire.Timestamp(p.CreatedAt)), UpdateDate: new(wire.Timestamp(p.UpdatedAt)),
	}
}

func (c *call) policyWhole(p account.PolicyUse) wire.Policy {
	w := c.policy(p)
	w.Description, w.Tags = present(p.Description), each(p.Tags, writtenTag)
	return w
}

func versionID(number int) string { return "v" + strconv.Itoa(number) }

// versionNumber reads the id of a version, as it was validated. What follows a full stop
// is of no meaning; a number that is too large is no version's.
func versionNumber(id string) int {
	digits, _, _ := strings.Cut(id[1:], ".")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

func listPolicies(c *call, in *wire.ListPoliciesRequest) (*wire.ListPoliciesResponse, error) {
	scope, usage := value(in.Scope), value(in.PolicyUsageFilter)
	all, err := do[[]account.PolicyUse](c, account.ListPolicies{})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p account.PolicyUse) bool {
		return scope == wire.PolicyScopeTypeAws && !p.BuiltIn || scope == wire.PolicyScopeTypeLocal && p.BuiltIn ||
			value(in.OnlyAttached) && p.Attachments == 0 ||
			usage == wire.PolicyUsageTypePermissionsPolicy && p.Attachments == 0 ||
			usage == wire.PolicyUsageTypePermissionsBoundary && p.Boundaries == 0
	})
	all = under(in.PathPrefix, all, func(p account.PolicyUse) string { return p.Path })
	key := func(p account.PolicyUse) string {
		if p.BuiltIn {
			return "1" + strings.ToLower(p.Name)
		}
		return "0" + strings.ToLower(p.Name)
	}
	shown, next, err := paged(page{in.Marker, in.MaxItems}, all, key, c.policy)
	return &wire.ListPoliciesResponse{Policies: shown, IsTruncated: next.truncated, Marker: next.marker}, err
}

func createVersion(c *call, in *wire.CreatePolicyVersionRequest) (*wire.CreatePolicyVersionResponse, error) {
	p, err := do[*account.Policy](c, account.CreateVersion{Policy: in.PolicyARN, Document: in.PolicyDocument, Default: value(in.SetAsDefault)})
	if err != nil {
		return nil, err
	}
	return &wire.CreatePolicyVersionResponse{PolicyVersion: new(versionOf(p, p.Versions[len(p.Versions)-1]))}, nil
}

// versionOf is a version as lists have it.
func versionOf(p *account.Policy, v account.Version) wire.PolicyVersion {
	return wire.PolicyVersion{VersionID: new(versionID(v.Number)), IsDefaultVersion: new(v.Number == p.Default), CreateDate: new(wire.Timestamp(v.CreatedAt))}
}

func getVersion(c *call, in *wire.GetPolicyVersionRequest) (*wire.GetPolicyVersionResponse, error) {
	p, err := getPolicy(c, in.PolicyARN)
	if err != nil {
		return nil, err
	}
	number := versionNumber(in.VersionID)
	v, ok := p.Version(number)
	if !ok {
		return nil, account.NoVersion(in.PolicyARN, number)
	}
	version := versionOf(p.Policy, v)
	version.Document = new(percent(v.Document))
	return &wire.GetPolicyVersionResponse{PolicyVersion: &version}, nil
}

func listVersions(c *call, in *wire.ListPolicyVersionsRequest) (*wire.ListPolicyVersionsResponse, error) {
	p, err := getPolicy(c, in.PolicyARN)
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(p.Versions)
	slices.SortFunc(newest, func(a, b account.Version) int { return cmp.Compare(b.Number, a.Number) })
	key := func(v account.Version) string { return strconv.Itoa(1_000_000_000 - v.Number) }
	shown, next, err := paged(page{in.Marker, in.MaxItems}, newest, key, func(v account.Version) wire.PolicyVersion { return versionOf(p.Policy, v) })
	return &wire.ListPolicyVersionsResponse{Versions: shown, IsTruncated: next.truncated, Marker: next.marker}, err
}

func listHolders(c *call, in *wire.ListEntitiesForPolicyRequest) (*wire.ListEntitiesForPolicyResponse, error) {
	boundary := value(in.PolicyUsageFilter) == wire.PolicyUsageTypePermissionsBoundary
	all, err := do[[]*account.Entity](c, account.ListHolders{Policy: in.PolicyARN, Boundary: boundary})
	if err != nil {
		return nil, err
	}
	all = under(in.PathPrefix, all, entityPath)
	if in.EntityFilter != nil {
		all = slices.DeleteFunc(all, func(e *account.Entity) bool { return filterOf(e.Type) != *in.EntityFilter })
	}
	// A page goes over all three lists, one after the other.
	shown, next, err := cut(page{in.Marker, in.MaxItems}, all, func(e *account.Entity) string { return strconv.Itoa(int(e.Type)) + nameKey(e) })
	out := &wire.ListEntitiesForPolicyResponse{
		PolicyUsers: []wire.PolicyUser{}, PolicyGroups: []wire.PolicyGroup{}, PolicyRoles: []wire.PolicyRole{},
		IsTruncated: next.truncated, Marker: next.marker,
	}
	for _, e := range shown {
		switch e.Type {
		case account.User:
			out.PolicyUsers = append(out.PolicyUsers, wire.PolicyUser{UserName: &e.Name, UserID: &e.ID})
		case account.Group:
			out.PolicyGroups = append(out.PolicyGroups, wire.PolicyGroup{GroupName: &e.Name, GroupID: &e.ID})
		case account.Role:
			out.PolicyRoles = append(out.PolicyRoles, wire.PolicyRole{RoleName: &e.Name, RoleID: &e.ID})
		}
	}
	return out, err
}

// filterOf is what a filter calls a type of entity.
func filterOf(t account.EntityType) string {
	return [...]string{account.User: wire.EntityTypeUser, account.Group: wire.EntityTypeGroup, account.Role: wire.EntityTypeRole}[t]
}
