package iam

import (
	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func groupRows(a *actions) []operation.Operation {
	return []operation.Operation{
		row(a, "CreateGroup", func(c *call, in *wire.CreateGroupRequest) error { return c.making(group(in.GroupName), in.Path) },
			func(c *call, in *wire.CreateGroupRequest) (*wire.CreateGroupResponse, error) {
				made, err := create(c, account.Entity{Ref: c.of, Path: value(in.Path)})
				if err != nil {
					return nil, err
				}
				return &wire.CreateGroupResponse{Group: c.group(made)}, nil
			}),
		row(a, "GetGroup", func(c *call, in *wire.GetGroupRequest) error { return c.about(group(in.GroupName)) }, getGroup),
		row(a, "ListGroups", func(c *call, in *wire.ListGroupsRequest) error { return c.listing("group", in.PathPrefix) },
			func(c *call, in *wire.ListGroupsRequest) (*wire.ListGroupsResponse, error) {
				all, err := c.entitiesUnder(account.Group, in.PathPrefix)
				if err != nil {
					return nil, err
				}
				shown, next, err := paged(page{in.Marker, in.MaxItems}, all, nameKey, c.group)
				return &wire.ListGroupsResponse{Groups: shown, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "UpdateGroup", func(c *call, in *wire.UpdateGroupRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.UpdateGroupRequest) error { return c.update(in.NewGroupName, in.NewPath) }),
		silent(a, "DeleteGroup", func(c *call, in *wire.DeleteGroupRequest) error { return c.about(group(in.GroupName)) }, deleteEntity),
		silent(a, "AddUserToGroup", func(c *call, in *wire.AddUserToGroupRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.AddUserToGroupRequest) error {
				return change(c, account.Join{User: in.UserName, Group: in.GroupName})
			}),
		silent(a, "RemoveUserFromGroup", func(c *call, in *wire.RemoveUserFromGroupRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.RemoveUserFromGroupRequest) error {
				return change(c, account.Leave{User: in.UserName, Group: in.GroupName})
			}),

		silent(a, "PutGroupPolicy", func(c *call, in *wire.PutGroupPolicyRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.PutGroupPolicyRequest) error {
				return c.putInline(in.PolicyName, in.PolicyDocument)
			}),
		row(a, "GetGroupPolicy", func(c *call, in *wire.GetGroupPolicyRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.GetGroupPolicyRequest) (*wire.GetGroupPolicyResponse, error) {
				e, document, err := c.inline(in.PolicyName)
				if err != nil {
					return nil, err
				}
				return &wire.GetGroupPolicyResponse{GroupName: e.Name, PolicyName: in.PolicyName, PolicyDocument: document}, nil
			}),
		row(a, "ListGroupPolicies", func(c *call, in *wire.ListGroupPoliciesRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.ListGroupPoliciesRequest) (*wire.ListGroupPoliciesResponse, error) {
				names, next, err := c.inlineNames(page{in.Marker, in.MaxItems})
				return &wire.ListGroupPoliciesResponse{PolicyNames: names, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "DeleteGroupPolicy", func(c *call, in *wire.DeleteGroupPolicyRequest) error { return c.about(group(in.GroupName)) },
			func(c *call, in *wire.DeleteGroupPolicyRequest) error { return c.deleteInline(in.PolicyName) }),
		silent(a, "AttachGroupPolicy", func(c *call, in *wire.AttachGroupPolicyRequest) error {
			return c.aboutAttaching(group(in.GroupName), in.PolicyARN)
		}, func(c *call, in *wire.AttachGroupPolicyRequest) error { return c.attach(in.PolicyARN) }),
		silent(a, "DetachGroupPolicy", func(c *call, in *wire.DetachGroupPolicyRequest) error {
			return c.aboutAttaching(group(in.GroupName), in.PolicyARN)
		}, func(c *call, in *wire.DetachGroupPolicyRequest) error { return c.detach(in.PolicyARN) }),
		row(a, "ListAttachedGroupPolicies", func(c *call, in *wire.ListAttachedGroupPoliciesRequest) error {
			return c.about(group(in.GroupName))
		}, func(c *call, in *wire.ListAttachedGroupPoliciesRequest) (*wire.ListAttachedGroupPoliciesResponse, error) {
			shown, next, err := c.attached(in.PathPrefix, page{in.Marker, in.MaxItems})
			return &wire.ListAttachedGroupPoliciesResponse{AttachedPolicies: shown, IsTruncated: next.truncated, Marker: next.marker}, err
		}),
	}
}

func getGroup(c *call, in *wire.GetGroupRequest) (*wire.GetGroupResponse, error) {
	e, err := getEntity(c, c.of)
	if err != nil {
		return nil, err
	}
	members, err := do[[]*account.Entity](c, account.ListMembers{Group: in.GroupName})
	if err != nil {
		return nil, err
	}
	shown, next, err := paged(page{in.Marker, in.MaxItems}, members, nameKey, c.user)
	return &wire.GetGroupResponse{Group: c.group(e), Users: shown, IsTruncated: next.truncated, Marker: next.marker}, err
}

func (c *call) group(e *account.Entity) wire.Group {
	return wire.Group{Path: e.Path, GroupName: e.Name, GroupID: e.ID, ARN: e.ARN(c.owner()), CreateDate: wire.Timestamp(e.CreatedAt)}
}
