package iam

import (
	"maps"
	"strings"
	"time"

	"heddle/internal/engine"
	"heddle/internal/iam/account"
)

// iamRows are the actions of IAM.
func iamRows() map[string]row {
	rows := map[string]row{
		"UpdateUser":              {existing(account.User), updates(account.User)},
		"UpdateGroup":             {existing(account.Group), updates(account.Group)},
		"UpdateRole":              {existing(account.Role), updateRole},
		"UpdateRoleDescription":   {existing(account.Role), updateRoleDescription},
		"UpdateAssumeRolePolicy":  {existing(account.Role), updateTrust},
		"AddUserToGroup":          {existing(account.Group), addUserToGroup},
		"RemoveUserFromGroup":     {existing(account.Group), removeUserFromGroup},
		"ListGroupsForUser":       {existing(account.User), listGroupsForUser},
		"GetAccountSummary":       {nothing, getAccountSummary},
		"SimulatePrincipalPolicy": {simulated, simulatePrincipal},
		"SimulateCustomPolicy":    {nothing, simulateCustom},
		"ListAccountAliases":      {nothing, none("AccountAliases")},
		"ListInstanceProfiles":    {nothing, none("InstanceProfiles")},
		"ListVirtualMFADevices":   {nothing, none("VirtualMFADevices")},
		"ListMFADevices":          {self, none("MFADevices")},
		"ListSSHPublicKeys":       {self, none("SSHPublicKeys")},
		"ListSigningCertificates": {self, none("Certificates")},
		"GetLoginProfile":         {self, noLoginProfile},
		"DeleteLoginProfile":      {self, noLoginProfile},
		"ListInstanceProfilesForRole": {existing(account.Role), func(c *call) error {
			if _, err := getEntity(c, c.ref(account.Role)); err != nil {
				return err
			}
			return none("InstanceProfiles")(c)
		}},
		"ListServiceSpecificCredentials": {self, none("ServiceSpecificCredentials")},
	}
	for entityType := account.User; entityType <= account.Role; entityType++ {
		maps.Copy(rows, entityRows(entityType))
	}
	maps.Copy(rows, policyRows())
	maps.Copy(rows, keyRows())
	return rows
}

// entityRows are the actions that users, groups and roles have alike.
func entityRows(entityType account.EntityType) map[string]row {
	title := titles[entityType]
	touched, made := existing(entityType), created(entityType.String(), nameParam[entityType])
	if entityType != account.Group {
		made = saying(made, newTags, theBoundary)
	}
	rows := map[string]row{
		"Create" + title:                    {made, creates(entityType)},
		"Get" + title:                       {touched, gets(entityType)},
		"List" + title + "s":                {listed(entityType.String()), lists(entityType)},
		"Delete" + title:                    {touched, deletes(entityType)},
		"Put" + title + "Policy":            {touched, putsInline(entityType)},
		"Get" + title + "Policy":            {touched, getsInline(entityType)},
		"List" + title + "Policies":         {touched, listsInline(entityType)},
		"Delete" + title + "Policy":         {touched, deletesInline(entityType)},
		"Attach" + title + "Policy":         {saying(touched, thePolicy), attaches(entityType)},
		"Detach" + title + "Policy":         {saying(touched, thePolicy), detaches(entityType)},
		"ListAttached" + title + "Policies": {touched, listsAttached(entityType)},
	}
	if entityType == account.User {
		rows["GetUser"] = row{self, gets(entityType)}
	}
	if entityType == account.Group {
		return rows
	}
	maps.Copy(rows, map[string]row{
		"Put" + title + "PermissionsBoundary":    {bounded(entityType), putsBoundary(entityType)},
		"Delete" + title + "PermissionsBoundary": {touched, deletesBoundary(entityType)},
		"Tag" + title:                            {saying(touched, newTags), tags(entityType)},
		"Untag" + title:                          {saying(touched, oldTags), untags(entityType)},
		"List" + title + "Tags":                  {touched, listsTags(entityType)},
	})
	return rows
}

var titles = [...]string{account.User: "User", account.Group: "Group", account.Role: "Role"}

func timeOf(t engine.Time) time.Time { return time.UnixMilli(int64(t)) }

// sessionSecondsMin is the shortest session, and what a role's may always be.
const (
	sessionSecondsMin     = 900
	sessionSecondsDefault = 3600
	roleSessionSecondsMax = 43_200
)

func creates(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		e := account.Entity{Ref: c.ref(entityType), Path: c.path("Path")}
		if entityType != account.Group {
			e.Boundary, e.Tags = c.Get("PermissionsBoundary"), c.tags()
		}
		if entityType == account.Role {
			e.Trust = c.policy("AssumeRolePolicyDocument")
			e.Description = c.description()
			e.SessionSecondsMax = c.number("MaxSessionDuration", sessionSecondsDefault, roleSessionSecondsMax, sessionSecondsDefault)
		}
		var err error
		if e.ID, err = account.NewID(entityType, c.Random); err != nil {
			return err
		}
		made, err := do[*account.Entity](c, account.CreateEntity{New: e})
		if err != nil {
			return err
		}
		c.x.Element(titles[entityType], func() { c.writeEntity(made, true) })
		return nil
	}
}

func (c *call) description() string {
	v := c.Get("Description")
	c.checkLength("Description", v, 0, 1000)
	return v
}

func getEntity(c *call, of account.Ref) (*account.Entity, error) {
	return do[*account.Entity](c, account.GetEntity{Of: of})
}

// writeEntity writes what an entity is; lists leave details out.
func (c *call) writeEntity(e *account.Entity, details bool) {
	x := c.x
	x.Text("Path", e.Path)
	x.Text(nameParam[e.Type], e.Name)
	x.Text(titles[e.Type]+"Id", e.ID)
	x.Text("Arn", e.ARN(c.caller.Account))
	x.Time("CreateDate", timeOf(e.CreatedAt))
	if e.Type == account.Role {
		x.Text("AssumeRolePolicyDocument", documentText(e.TrustDocument()))
		x.TextIf("Description", e.Description)
		x.Int("MaxSessionDuration", e.SessionSecondsMax)
	}
	if !details {
		return
	}
	if e.Boundary != "" {
		x.Element("PermissionsBoundary", func() {
			x.Text("PermissionsBoundaryType", "Policy")
			x.Text("PermissionsBoundaryArn", e.Boundary)
		})
	}
	if len(e.Tags) > 0 {
		c.writeTags(e.Tags)
	}
	if e.Type == account.Role {
		x.Element("RoleLastUsed", func() {})
	}
}

func gets(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		switch {
		case entityType == account.Group:
			return getGroup(c)
		case entityType == account.User && c.Optional("UserName") == nil && c.caller.Of.Type == 0:
			return getRoot(c)
		}
		of := account.Ref{}
		if entityType == account.User {
			of = c.userOrSelf()
		} else {
			of = c.ref(entityType)
		}
		e, err := getEntity(c, of)
		if err != nil {
			return err
		}
		c.x.Element(titles[entityType], func() { c.writeEntity(e, true) })
		return nil
	}
}

// getRoot answers the root user that asks for itself.
func getRoot(c *call) error {
	c.x.Element("User", func() {
		c.x.Text("UserId", c.caller.Account)
		c.x.Text("Arn", c.caller.Principal.ARN)
		c.x.Time("CreateDate", time.Unix(0, 0)) // as old as the server; nobody wrote it down
	})
	return nil
}

func getGroup(c *call) error {
	of := c.ref(account.Group)
	group, err := getEntity(c, of)
	if err != nil {
		return err
	}
	members, err := do[[]*account.Entity](c, account.ListMembers{Group: of.Name})
	if err != nil {
		return err
	}
	c.x.Element("Group", func() { c.writeEntity(group, true) })
	return c.pageEntities("Users", members)
}

// pageEntities writes a page of entities, which are in order of name.
func (c *call) pageEntities(list string, entities []*account.Entity) error {
	return page(c, list, entities, nameKey, func(e *account.Entity) { c.writeEntity(e, false) })
}

func nameKey(e *account.Entity) string { return strings.ToLower(e.Name) }

func lists(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		all, err := do[[]*account.Entity](c, account.ListEntities{Type: entityType})
		if err != nil {
			return err
		}
		return c.pageEntities(titles[entityType]+"s", under(c.Get("PathPrefix"), all, func(e *account.Entity) string { return e.Path }))
	}
}

// under keeps what has a path with a prefix.
func under[T any](prefix string, all []T, path func(T) string) []T {
	var kept []T
	for _, v := range all {
		if strings.HasPrefix(path(v), prefix) {
			kept = append(kept, v)
		}
	}
	return kept
}

func deletes(entityType account.EntityType) func(*call) error {
	return func(c *call) error { return change(c, account.DeleteEntity{Of: c.ref(entityType)}) }
}

// updates renames or moves a user or group. The caller must be permitted to do so
// to what it becomes, too.
func updates(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		u := account.UpdateEntity{
			Of:      c.ref(entityType),
			NewName: c.Optional("New" + nameParam[entityType]),
			NewPath: c.Optional("NewPath"),
		}
		e, err := getEntity(c, u.Of)
		if err != nil {
			return err
		}
		name, path := e.Name, e.Path
		if u.NewName != nil {
			name = c.name("New"+nameParam[entityType], nameMax[entityType])
		}
		if u.NewPath != nil {
			path = c.path("NewPath")
		}
		if c.flaw != nil {
			return c.flaw
		}
		if err := c.permit("iam:Update"+titles[entityType], target{resource: account.ARN(c.caller.Account, entityType.String(), path, name)}); err != nil {
			return err
		}
		return change(c, u)
	}
}

func updateRole(c *call) error {
	u := account.UpdateEntity{Of: c.ref(account.Role)}
	if c.Optional("Description") != nil {
		description := c.description()
		u.Description = &description
	}
	if c.Optional("MaxSessionDuration") != nil {
		seconds := c.number("MaxSessionDuration", sessionSecondsDefault, roleSessionSecondsMax, 0)
		u.SessionSecondsMax = &seconds
	}
	c.x.Empty()
	return change(c, u)
}

func updateRoleDescription(c *call) error {
	description := c.description()
	e, err := do[*account.Entity](c, account.UpdateEntity{Of: c.ref(account.Role), Description: &description})
	if err != nil {
		return err
	}
	c.x.Element("Role", func() { c.writeEntity(e, true) })
	return nil
}

func updateTrust(c *call) error {
	document := c.policy("PolicyDocument")
	return change(c, account.UpdateEntity{Of: c.ref(account.Role), Trust: &document})
}

func addUserToGroup(c *call) error {
	return change(c, account.Join{User: c.ref(account.User).Name, Group: c.ref(account.Group).Name})
}

func removeUserFromGroup(c *call) error {
	return change(c, account.Leave{User: c.ref(account.User).Name, Group: c.ref(account.Group).Name})
}

func listGroupsForUser(c *call) error {
	groups, err := do[[]*account.Entity](c, account.ListGroups{User: c.ref(account.User).Name})
	if err != nil {
		return err
	}
	return c.pageEntities("Groups", groups)
}

func putsBoundary(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		return change(c, account.SetBoundary{Of: c.ref(entityType), Policy: c.required("PermissionsBoundary", 20, arnMax)})
	}
}

func deletesBoundary(entityType account.EntityType) func(*call) error {
	return func(c *call) error { return change(c, account.SetBoundary{Of: c.ref(entityType)}) }
}

func tags(entityType account.EntityType) func(*call) error {
	return func(c *call) error { return change(c, account.TagEntity{Of: c.ref(entityType), Tags: c.tags()}) }
}

func untags(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		return change(c, account.UntagEntity{Of: c.ref(entityType), Keys: c.List("TagKeys")})
	}
}

func listsTags(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		e, err := getEntity(c, c.ref(entityType))
		if err != nil {
			return err
		}
		return c.pageTags(e.Tags)
	}
}

func (c *call) pageTags(tags []account.Tag) error {
	return page(c, "Tags", tags, func(t account.Tag) string { return t.Key }, func(t account.Tag) {
		c.x.Text("Key", t.Key)
		c.x.Text("Value", t.Value)
	})
}

// none answers with an empty list of what no identity has.
func none(list string) func(*call) error {
	return func(c *call) error {
		return c.pageNames(list, nil)
	}
}

func noLoginProfile(c *call) error {
	of := c.userOrSelf()
	if _, err := getEntity(c, of); err != nil {
		return err
	}
	return &account.Error{Code: account.NoSuchEntity, Message: "Login Profile for User " + of.Name + " cannot be found."}
}

func getAccountSummary(c *call) error {
	s, err := do[account.Summary](c, account.Summarize{})
	if err != nil {
		return err
	}
	l := s.Limits
	counts := []struct {
		key   string
		value int
	}{
		{"Users", s.Users}, {"UsersQuota", l.UsersMax},
		{"Groups", s.Groups}, {"GroupsQuota", l.GroupsMax},
		{"Roles", s.Roles}, {"RolesQuota", l.RolesMax},
		{"Policies", s.Policies}, {"PoliciesQuota", l.PoliciesMax},
		{"PolicyVersionsInUse", s.PolicyVersions}, {"VersionsPerPolicyQuota", l.VersionsPerPolicyMax},
		{"GroupsPerUserQuota", l.GroupsPerUserMax}, {"AccessKeysPerUserQuota", l.KeysPerUserMax},
		{"AttachedPoliciesPerUserQuota", l.AttachedPerEntityMax},
		{"AttachedPoliciesPerGroupQuota", l.AttachedPerEntityMax},
		{"AttachedPoliciesPerRoleQuota", l.AttachedPerEntityMax},
		{"UserPolicySizeQuota", l.UserInlineMax}, {"GroupPolicySizeQuota", l.GroupInlineMax},
		{"RolePolicySizeQuota", l.RoleInlineMax}, {"PolicySizeQuota", l.PolicyMax},
		{"AssumeRolePolicySizeQuota", l.TrustMax},
	}
	c.x.Element("SummaryMap", func() {
		for _, n := range counts {
			c.x.Element("entry", func() {
				c.x.Text("key", n.key)
				c.x.Int("value", n.value)
			})
		}
	})
	return nil
}
