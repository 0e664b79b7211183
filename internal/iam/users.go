package iam

import (
	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func userRows(a *actions) []operation.Operation {
	return []operation.Operation{
		row(a, "CreateUser", func(c *call, in *wire.CreateUserRequest) error {
			return c.makingTagged(user(in.UserName), in.Path, in.Tags, in.PermissionsBoundary)
		}, func(c *call, in *wire.CreateUserRequest) (*wire.CreateUserResponse, error) {
			made, err := create(c, account.Entity{Ref: c.of, Path: value(in.Path), Boundary: value(in.PermissionsBoundary), Tags: tagsOf(in.Tags)})
			if err != nil {
				return nil, err
			}
			return &wire.CreateUserResponse{User: new(c.userWhole(made))}, nil
		}),
		row(a, "GetUser", func(c *call, in *wire.GetUserRequest) error { return c.aboutSelf(in.UserName) }, getUser),
		row(a, "ListUsers", func(c *call, in *wire.ListUsersRequest) error { return c.listing("user", in.PathPrefix) },
			func(c *call, in *wire.ListUsersRequest) (*wire.ListUsersResponse, error) {
				all, err := c.entitiesUnder(account.User, in.PathPrefix)
				if err != nil {
					return nil, err
				}
				shown, next, err := paged(page{in.Marker, in.MaxItems}, all, nameKey, c.user)
				return &wire.ListUsersResponse{Users: shown, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "UpdateUser", func(c *call, in *wire.UpdateUserRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.UpdateUserRequest) error { return c.update(in.NewUserName, in.NewPath) }),
		silent(a, "DeleteUser", func(c *call, in *wire.DeleteUserRequest) error { return c.about(user(in.UserName)) }, deleteEntity),
		row(a, "ListGroupsForUser", func(c *call, in *wire.ListGroupsForUserRequest) error { return c.about(user(in.UserName)) }, listGroupsForUser),

		silent(a, "PutUserPolicy", func(c *call, in *wire.PutUserPolicyRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.PutUserPolicyRequest) error {
				return c.putInline(in.PolicyName, in.PolicyDocument)
			}),
		row(a, "GetUserPolicy", func(c *call, in *wire.GetUserPolicyRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.GetUserPolicyRequest) (*wire.GetUserPolicyResponse, error) {
				e, document, err := c.inline(in.PolicyName)
				if err != nil {
					return nil, err
				}
				return &wire.GetUserPolicyResponse{UserName: e.Name, PolicyName: in.PolicyName, PolicyDocument: document}, nil
			}),
		row(a, "ListUserPolicies", func(c *call, in *wire.ListUserPoliciesRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.ListUserPoliciesRequest) (*wire.ListUserPoliciesResponse, error) {
				names, next, err := c.inlineNames(page{in.Marker, in.MaxItems})
				return &wire.ListUserPoliciesResponse{PolicyNames: names, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "DeleteUserPolicy", func(c *call, in *wire.DeleteUserPolicyRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.DeleteUserPolicyRequest) error { return c.deleteInline(in.PolicyName) }),
		silent(a, "AttachUserPolicy", func(c *call, in *wire.AttachUserPolicyRequest) error {
			return c.aboutAttaching(user(in.UserName), in.PolicyARN)
		}, func(c *call, in *wire.AttachUserPolicyRequest) error { return c.attach(in.PolicyARN) }),
		silent(a, "DetachUserPolicy", func(c *call, in *wire.DetachUserPolicyRequest) error {
			return c.aboutAttaching(user(in.UserName), in.PolicyARN)
		}, func(c *call, in *wire.DetachUserPolicyRequest) error { return c.detach(in.PolicyARN) }),
		row(a, "ListAttachedUserPolicies", func(c *call, in *wire.ListAttachedUserPoliciesRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.ListAttachedUserPoliciesRequest) (*wire.ListAttachedUserPoliciesResponse, error) {
				shown, next, err := c.attached(in.PathPrefix, page{in.Marker, in.MaxItems})
				return &wire.ListAttachedUserPoliciesResponse{AttachedPolicies: shown, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
		silent(a, "PutUserPermissionsBoundary", func(c *call, in *wire.PutUserPermissionsBoundaryRequest) error {
			return c.aboutBoundary(user(in.UserName), in.PermissionsBoundary)
		}, func(c *call, in *wire.PutUserPermissionsBoundaryRequest) error {
			return c.setBoundary(in.PermissionsBoundary)
		}),
		silent(a, "DeleteUserPermissionsBoundary", func(c *call, in *wire.DeleteUserPermissionsBoundaryRequest) error {
			return c.about(user(in.UserName))
		}, deleteBoundary),

		silent(a, "TagUser", func(c *call, in *wire.TagUserRequest) error { return c.aboutTags(user(in.UserName), in.Tags) },
			func(c *call, in *wire.TagUserRequest) error { return c.tag(in.Tags) }),
		silent(a, "UntagUser", func(c *call, in *wire.UntagUserRequest) error { return c.aboutKeys(user(in.UserName), in.TagKeys) },
			func(c *call, in *wire.UntagUserRequest) error { return c.untag(in.TagKeys) }),
		row(a, "ListUserTags", func(c *call, in *wire.ListUserTagsRequest) error { return c.about(user(in.UserName)) },
			func(c *call, in *wire.ListUserTagsRequest) (*wire.ListUserTagsResponse, error) {
				tags, next, err := c.tags(page{in.Marker, in.MaxItems})
				return &wire.ListUserTagsResponse{Tags: tags, IsTruncated: next.truncated, Marker: next.marker}, err
			}),
	}
}

func getUser(c *call, in *wire.GetUserRequest) (*wire.GetUserResponse, error) {
	if in.UserName == nil && c.caller.Of.Type == 0 {
		// The root user asks for itself. It is as old as the server; nobody wrote it down.
		return &wire.GetUserResponse{User: wire.User{UserID: c.caller.Account, ARN: c.caller.Principal.ARN}}, nil
	}
	of, err := c.self()
	if err != nil {
		return nil, err
	}
	e, err := getEntity(c, of)
	if err != nil {
		return nil, err
	}
	return &wire.GetUserResponse{User: c.userWhole(e)}, nil
}

// user is a user as lists have it.
func (c *call) user(e *account.Entity) wire.User {
	return wire.User{Path: &e.Path, UserName: &e.Name, UserID: e.ID, ARN: e.ARN(c.owner()), CreateDate: wire.Timestamp(e.CreatedAt)}
}

func (c *call) userWhole(e *account.Entity) wire.User {
	u := c.user(e)
	u.PermissionsBoundary, u.Tags = boundaryOf(e), writtenTags(e.Tags)
	return u
}

func listGroupsForUser(c *call, in *wire.ListGroupsForUserRequest) (*wire.ListGroupsForUserResponse, error) {
	groups, err := do[[]*account.Entity](c, account.ListGroups{User: in.UserName})
	if err != nil {
		return nil, err
	}
	shown, next, err := paged(page{in.Marker, in.MaxItems}, groups, nameKey, c.group)
	return &wire.ListGroupsForUserResponse{Groups: shown, IsTruncated: next.truncated, Marker: next.marker}, err
}
