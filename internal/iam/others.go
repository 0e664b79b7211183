package iam

import (
	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

// otherRows are about the account, and about what no identity has here: such lists are
// empty, so that tools which ask for them go on.
func otherRows(a *actions) []operation.Operation {
	no := func() *bool { return new(false) }
	return []operation.Operation{
		row(a, "GetAccountSummary", nothing, getAccountSummary),
		row(a, "ListAccountAliases", nothing, func(*call, *wire.ListAccountAliasesRequest) (*wire.ListAccountAliasesResponse, error) {
			return &wire.ListAccountAliasesResponse{IsTruncated: no()}, nil
		}),
		row(a, "ListInstanceProfiles", nothing, func(*call, *wire.ListInstanceProfilesRequest) (*wire.ListInstanceProfilesResponse, error) {
			return &wire.ListInstanceProfilesResponse{IsTruncated: no()}, nil
		}),
		row(a, "ListInstanceProfilesForRole", func(c *call, in *wire.ListInstanceProfilesForRoleRequest) error { return c.about(role(in.RoleName)) },
			func(c *call, _ *wire.ListInstanceProfilesForRoleRequest) (*wire.ListInstanceProfilesForRoleResponse, error) {
				_, err := getEntity(c, c.of)
				return &wire.ListInstanceProfilesForRoleResponse{IsTruncated: no()}, err
			}),
		row(a, "ListVirtualMFADevices", nothing, func(*call, *wire.ListVirtualMFADevicesRequest) (*wire.ListVirtualMFADevicesResponse, error) {
			return &wire.ListVirtualMFADevicesResponse{IsTruncated: no()}, nil
		}),
		row(a, "ListMFADevices", func(c *call, in *wire.ListMFADevicesRequest) error { return c.aboutSelf(in.UserName) },
			func(*call, *wire.ListMFADevicesRequest) (*wire.ListMFADevicesResponse, error) {
				return &wire.ListMFADevicesResponse{IsTruncated: no()}, nil
			}),
		row(a, "ListSSHPublicKeys", func(c *call, in *wire.ListSSHPublicKeysRequest) error { return c.aboutSelf(in.UserName) },
			func(*call, *wire.ListSSHPublicKeysRequest) (*wire.ListSSHPublicKeysResponse, error) {
				return &wire.ListSSHPublicKeysResponse{SSHPublicKeys: []wire.SSHPublicKeyMetadata{}, IsTruncated: no()}, nil
			}),
		row(a, "ListSigningCertificates", func(c *call, in *wire.ListSigningCertificatesRequest) error { return c.aboutSelf(in.UserName) },
			func(*call, *wire.ListSigningCertificatesRequest) (*wire.ListSigningCertificatesResponse, error) {
				return &wire.ListSigningCertificatesResponse{IsTruncated: no()}, nil
			}),
		row(a, "ListServiceSpecificCredentials", func(c *call, in *wire.ListServiceSpecificCredentialsRequest) error { return c.aboutSelf(in.UserName) },
			func(*call, *wire.ListServiceSpecificCredentialsRequest) (*wire.ListServiceSpecificCredentialsResponse, error) {
				return &wire.ListServiceSpecificCredentialsResponse{ServiceSpecificCredentials: []wire.ServiceSpecificCredentialMetadata{}, IsTruncated: no()}, nil
			}),
		row(a, "GetLoginProfile", func(c *call, in *wire.GetLoginProfileRequest) error { return c.aboutSelf(in.UserName) },
			func(c *call, _ *wire.GetLoginProfileRequest) (*wire.GetLoginProfileResponse, error) {
				return nil, c.noLoginProfile()
			}),
		silent(a, "DeleteLoginProfile", func(c *call, in *wire.DeleteLoginProfileRequest) error { return c.aboutSelf(in.UserName) },
			func(c *call, _ *wire.DeleteLoginProfileRequest) error { return c.noLoginProfile() }),
	}
}

func (c *call) noLoginProfile() error {
	of, err := c.self()
	if err != nil {
		return err
	}
	if _, err := getEntity(c, of); err != nil {
		return err
	}
	return &account.Error{Code: account.NoSuchEntity, Message: "Login Profile for User " + of.Name + " cannot be found."}
}

func getAccountSummary(c *call, _ *wire.GetAccountSummaryInput) (*wire.GetAccountSummaryResponse, error) {
	s, err := do[account.Summary](c, account.Summarize{})
	if err != nil {
		return nil, err
	}
	l := s.Limits
	counts := map[string]int64{}
	for key, n := range map[string]int{
		"Users": s.Users, "UsersQuota": l.UsersMax,
		"Groups": s.Groups, "GroupsQuota": l.GroupsMax,
		"Roles": s.Roles, "RolesQuota": l.RolesMax,
		"Policies": s.Policies, "PoliciesQuota": l.PoliciesMax,
		"PolicyVersionsInUse": s.PolicyVersions, "VersionsPerPolicyQuota": l.VersionsPerPolicyMax,
		"GroupsPerUserQuota": l.GroupsPerUserMax, "AccessKeysPerUserQuota": l.KeysPerUserMax,
		"AttachedPoliciesPerUserQuota":  l.AttachedPerEntityMax,
		"AttachedPoliciesPerGroupQuota": l.AttachedPerEntityMax,
		"AttachedPoliciesPerRoleQuota":  l.AttachedPerEntityMax,
		"UserPolicySizeQuota":           l.UserInlineMax, "GroupPolicySizeQuota": l.GroupInlineMax,
		"RolePolicySizeQuota": l.RoleInlineMax, "PolicySizeQuota": l.PolicyMax,
		"AssumeRolePolicySizeQuota": l.TrustMax,
	} {
		counts[key] = int64(n)
	}
	return &wire.GetAccountSummaryResponse{SummaryMap: counts}, nil
}
