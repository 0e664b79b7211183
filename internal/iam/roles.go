package iam

import (
	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func roleRows(a *actions) []operation.Operation {
	return []operation.Operation{
		row(a, "CreateRole", func(c *call, in *wire.CreateRoleRequest) error {
			return c.makingTagged(role(in.RoleName), in.Path, in.Tags, in.PermissionsBoundary)
		}, createRole),
		row(a, "GetRole", func(c *call, in *wire.GetRoleRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, _ *wire.GetRoleRequest) (*wire.GetRoleResponse, error) {
				e, err := getEntity(c, c.of)
				if err != nil {
					return nil, err
				}
				return &wire.GetRoleResponse{Role: c.roleWhole(e)}, nil
			}),
		row(a, "ListRoles", func(c *call, in *wire.ListRolesRequest) error { return c.listing("role", in.PathPrefix) },
			func(c *call, in *wire.ListRolesRequest) (*wire.ListRolesResponse, error) {
				all, err := c.entitiesUnder(account.Role, in.PathPrefix)
				if err != nil {
					return nil, err
				}
				shown, next, err := paged(page{in.Marker, in.MaxItems}, all, nameKey, c.role)
				return &wire.ListRolesResponse{Roles: shown, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		row(a, "UpdateRole", func(c *call, in *wire.UpdateRoleRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.UpdateRoleRequest) (*wire.UpdateRoleResponse, error) {
				u := account.UpdateEntity{Of: c.of, Description: in.Description}
				if in.MaxSessionDuration != nil {
					u.SessionSecondsMax = new(int(*in.MaxSessionDuration))
				}
				return &wire.UpdateRoleResponse{}, change(c, u)
			}),
		row(a, "UpdateRoleDescription", func(c *call, in *wire.UpdateRoleDescriptionRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.UpdateRoleDescriptionRequest) (*wire.UpdateRoleDescriptionResponse, error) {
				e, err := do[*account.Entity](c, account.UpdateEntity{Of: c.of, Description: &in.Description})
				if err != nil {
					return nil, err
				}
				return &wire.UpdateRoleDescriptionResponse{Role: new(c.roleWhole(e))}, nil
			}),
		silent(a, "UpdateAssumeRolePolicy", func(c *call, in *wire.UpdateAssumeRolePolicyRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.UpdateAssumeRolePolicyRequest) error {
				return change(c, account.UpdateEntity{Of: c.of, Trust: &in.PolicyDocument})
			}),
		silent(a, "DeleteRole", func(c *call, in *wire.DeleteRoleRequest) error { return c.about(role(in.RoleName)) }, deleteEntity),

		silent(a, "PutRolePolicy", func(c *call, in *wire.PutRolePolicyRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.PutRolePolicyRequest) error {
				return c.putInline(in.PolicyName, in.PolicyDocument)
			}),
		row(a, "GetRolePolicy", func(c *call, in *wire.GetRolePolicyRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.GetRolePolicyRequest) (*wire.GetRolePolicyResponse, error) {
				e, document, err := c.inline(in.PolicyName)
				if err != nil {
					return nil, err
				}
				return &wire.GetRolePolicyResponse{RoleName: e.Name, PolicyName: in.PolicyName, PolicyDocument: document}, nil
			}),
		row(a, "ListRolePolicies", func(c *call, in *wire.ListRolePoliciesRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.ListRolePoliciesRequest) (*wire.ListRolePoliciesResponse, error) {
				names, next, err := c.inlineNames(page{in.Marker, in.MaxItems})
				return &wire.ListRolePoliciesResponse{PolicyNames: names, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "DeleteRolePolicy", func(c *call, in *wire.DeleteRolePolicyRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.DeleteRolePolicyRequest) error { return c.deleteInline(in.PolicyName) }),
		silent(a, "AttachRolePolicy", func(c *call, in *wire.AttachRolePolicyRequest) error {
			return c.aboutAttaching(role(in.RoleName), in.PolicyARN)
		}, func(c *call, in *wire.AttachRolePolicyRequest) error { return c.attach(in.PolicyARN) }),
		silent(a, "DetachRolePolicy", func(c *call, in *wire.DetachRolePolicyRequest) error {
			return c.aboutAttaching(role(in.RoleName), in.PolicyARN)
		}, func(c *call, in *wire.DetachRolePolicyRequest) error { return c.detach(in.PolicyARN) }),
		row(a, "ListAttachedRolePolicies", func(c *call, in *wire.ListAttachedRolePoliciesRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.ListAttachedRolePoliciesRequest) (*wire.ListAttachedRolePoliciesResponse, error) {
				shown, next, err := c.attached(in.PathPrefix, page{in.Marker, in.MaxItems})
				return &wire.ListAttachedRolePoliciesResponse{AttachedPolicies: shown, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "PutRolePermissionsBoundary", func(c *call, in *wire.PutRolePermissionsBoundaryRequest) error {
			return c.aboutBoundary(role(in.RoleName), in.PermissionsBoundary)
		}, func(c *call, in *wire.PutRolePermissionsBoundaryRequest) error {
			return c.setBoundary(in.PermissionsBoundary)
		}),
		silent(a, "DeleteRolePermissionsBoundary", func(c *call, in *wire.DeleteRolePermissionsBoundaryRequest) error {
			return c.about(role(in.RoleName))
		}, deleteBoundary),

		silent(a, "TagRole", func(c *call, in *wire.TagRoleRequest) error { return c.aboutTags(role(in.RoleName), in.Tags) },
			func(c *call, in *wire.TagRoleRequest) error { return c.tag(in.Tags) }),
		silent(a, "UntagRole", func(c *call, in *wire.UntagRoleRequest) error { return c.aboutKeys(role(in.RoleName), in.TagKeys) },
			func(c *call, in *wire.UntagRoleRequest) error { return c.untag(in.TagKeys) }),
		row(a, "ListRoleTags", func(c *call, in *wire.ListRoleTagsRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, in *wire.ListRoleTagsRequest) (*wire.ListRoleTagsResponse, error) {
				tags, next, err := c.tags(page{in.Marker, in.MaxItems})
				return &wire.ListRoleTagsResponse{Tags: tags, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
	}
}

// sessionSecondsDefault is how long a role's sessions may always be.
const sessionSecondsDefault = 3600

func createRole(c *call, in *wire.CreateRoleRequest) (*wire.CreateRoleResponse, error) {
	e := account.Entity{
		Ref: c.of, Path: value(in.Path), Boundary: value(in.PermissionsBoundary), Tags: tagsOf(in.Tags),
		Trust: in.AssumeRolePolicyDocument, Description: value(in.Description), SessionSecondsMax: sessionSecondsDefault,
	}
	if in.MaxSessionDuration != nil {
		e.SessionSecondsMax = int(*in.MaxSessionDuration)
	}
	made, err := create(c, e)
	if err != nil {
		return nil, err
	}
	return &wire.CreateRoleResponse{Role: c.roleWhole(made)}, nil
}

// role is a role as lists have it.
func (c *call) role(e *account.Entity) wire.Role {
	return wire.Role{
		Path: e.Path, RoleName: e.Name, RoleID: e.ID, ARN: e.ARN(c.owner()), CreateDate: wire.Timestamp(e.CreatedAt),
		AssumeRolePolicyDocument: new(percent(e.TrustDocument())), Description: present(e.Description), MaxSessionDuration: new(int64(e.SessionSecondsMax)),
	}
}

func (c *call) roleWhole(e *account.Entity) wire.Role {
	r := c.role(e)
	r.PermissionsBoundary, r.Tags = boundaryOf(e), writtenTags(e.Tags)
	r.RoleLastUsed = &wire.RoleLastUsed{} // nobody wrote it down
	return r
}
