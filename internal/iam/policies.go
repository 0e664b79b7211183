package iam

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/awsquery"
	"heddle/internal/iam/account"
)

func policyRows() map[string]row {
	return map[string]row{
		"CreatePolicy":            {saying(created("policy", "PolicyName"), newTags), createPolicy},
		"GetPolicy":               {policyTarget, getPolicy},
		"ListPolicies":            {listed("policy"), listPolicies},
		"DeletePolicy":            {policyTarget, deletePolicy},
		"CreatePolicyVersion":     {policyTarget, createVersion},
		"GetPolicyVersion":        {policyTarget, getVersion},
		"ListPolicyVersions":      {policyTarget, listVersions},
		"SetDefaultPolicyVersion": {policyTarget, setDefaultVersion},
		"DeletePolicyVersion":     {policyTarget, deleteVersion},
		"ListEntitiesForPolicy":   {policyTarget, listHolders},
		"TagPolicy":               {saying(policyTarget, newTags), tagPolicy},
		"UntagPolicy":             {saying(policyTarget, oldTags), untagPolicy},
		"ListPolicyTags":          {policyTarget, listPolicyTags},
	}
}

// policyName gives the name of an inline policy.
func (c *call) policyName() string { return c.name("PolicyName", policyNameMax) }

// policyARN gives the policy that the parameters name.
func (c *call) policyARN() string { return c.required("PolicyArn", 20, arnMax) }

func (c *call) document() string { return c.policy("PolicyDocument") }

func putsInline(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		return change(c, account.PutInline{Of: c.ref(entityType), Inline: account.Inline{Name: c.policyName(), Document: c.document()}})
	}
}

func getsInline(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		name := c.policyName()
		e, err := getEntity(c, c.ref(entityType))
		if err != nil {
			return err
		}
		document, err := e.Document(name)
		if err != nil {
			return err
		}
		c.x.Text(nameParam[entityType], e.Name)
		c.x.Text("PolicyName", name)
		c.x.Text("PolicyDocument", documentText(document))
		return nil
	}
}

func listsInline(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		e, err := getEntity(c, c.ref(entityType))
		if err != nil {
			return err
		}
		var names []string
		for _, p := range e.Inline {
			names = append(names, p.Name)
		}
		return c.pageNames("PolicyNames", names)
	}
}

func deletesInline(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		return change(c, account.DeleteInline{Of: c.ref(entityType), Name: c.policyName()})
	}
}

func attaches(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		return change(c, account.Attach{Of: c.ref(entityType), Policy: c.policyARN()})
	}
}

func detaches(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		return change(c, account.Detach{Of: c.ref(entityType), Policy: c.policyARN()})
	}
}

func listsAttached(entityType account.EntityType) func(*call) error {
	return func(c *call) error {
		e, err := getEntity(c, c.ref(entityType))
		if err != nil {
			return err
		}
		var arns []string
		for _, arn := range e.Attached {
			if strings.HasPrefix(pathOf(arn), c.Get("PathPrefix")) {
				arns = append(arns, arn)
			}
		}
		return page(c, "AttachedPolicies", arns, func(arn string) string { return arn }, func(arn string) {
			c.x.Text("PolicyName", arn[strings.LastIndexByte(arn, '/')+1:])
			c.x.Text("PolicyArn", arn)
		})
	}
}

// pathOf is the path in a policy's ARN.
func pathOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":policy")
	return rest[:strings.LastIndexByte(rest, '/')+1]
}

func createPolicy(c *call) error {
	p := account.Policy{
		Name: c.policyName(), Path: c.path("Path"),
		Description: c.description(), Tags: c.tags(),
	}
	var err error
	if p.ID, err = account.NewPolicyID(c.Random); err != nil {
		return err
	}
	made, err := do[*account.Policy](c, account.CreatePolicy{New: p, Document: c.document()})
	if err != nil {
		return err
	}
	c.x.Element("Policy", func() { c.writePolicy(account.PolicyUse{Policy: made}, true) })
	return nil
}

func (c *call) writePolicy(p account.PolicyUse, details bool) {
	x := c.x
	x.Text("PolicyName", p.Name)
	x.Text("PolicyId", p.ID)
	x.Text("Arn", p.ARN(c.caller.Account))
	x.Text("Path", p.Path)
	x.Text("DefaultVersionId", versionID(p.Default))
	x.Int("AttachmentCount", p.Attachments)
	x.Int("PermissionsBoundaryUsageCount", p.Boundaries)
	x.Bool("IsAttachable", true)
	x.Time("CreateDate", timeOf(p.CreatedAt))
	x.Time("UpdateDate", timeOf(p.UpdatedAt))
	if !details {
		return
	}
	x.TextIf("Description", p.Description)
	c.writeTags(p.Tags)
}

func versionID(number int) string { return "v" + strconv.Itoa(number) }

func getPolicy(c *call) error {
	p, err := do[account.PolicyUse](c, account.GetPolicy{Policy: c.policyARN()})
	if err != nil {
		return err
	}
	c.x.Element("Policy", func() { c.writePolicy(p, true) })
	return nil
}

func listPolicies(c *call) error {
	scope := c.oneOf("Scope", "All", "AWS", "Local")
	attached := c.flag("OnlyAttached")
	usage := c.Get("PolicyUsageFilter")
	all, err := do[[]account.PolicyUse](c, account.ListPolicies{})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(p account.PolicyUse) bool {
		return scope == "AWS" && !p.BuiltIn || scope == "Local" && p.BuiltIn ||
			attached && p.Attachments == 0 ||
			usage == "PermissionsPolicy" && p.Attachments == 0 || usage == "PermissionsBoundary" && p.Boundaries == 0
	})
	all = under(c.Get("PathPrefix"), all, func(p account.PolicyUse) string { return p.Path })
	key := func(p account.PolicyUse) string {
		if p.BuiltIn {
			return "1" + strings.ToLower(p.Name)
		}
		return "0" + strings.ToLower(p.Name)
	}
	return page(c, "Policies", all, key, func(p account.PolicyUse) { c.writePolicy(p, false) })
}

func deletePolicy(c *call) error {
	return change(c, account.DeletePolicy{Policy: c.policyARN()})
}

func createVersion(c *call) error {
	p, err := do[*account.Policy](c, account.CreateVersion{Policy: c.policyARN(), Document: c.document(), Default: c.flag("SetAsDefault")})
	if err != nil {
		return err
	}
	made := p.Versions[len(p.Versions)-1]
	c.x.Element("PolicyVersion", func() { c.writeVersion(p, made, false) })
	return nil
}

func (c *call) writeVersion(p *account.Policy, v account.Version, document bool) {
	c.x.Text("VersionId", versionID(v.Number))
	c.x.Bool("IsDefaultVersion", v.Number == p.Default)
	c.x.Time("CreateDate", timeOf(v.CreatedAt))
	if document {
		c.x.Text("Document", documentText(v.Document))
	}
}

func getVersion(c *call) error {
	arn, number := c.policyARN(), c.version()
	p, err := do[account.PolicyUse](c, account.GetPolicy{Policy: arn})
	if err != nil {
		return err
	}
	v, ok := p.Version(number)
	if !ok {
		return account.NoVersion(arn, number)
	}
	c.x.Element("PolicyVersion", func() { c.writeVersion(p.Policy, v, true) })
	return nil
}

func listVersions(c *call) error {
	p, err := do[account.PolicyUse](c, account.GetPolicy{Policy: c.policyARN()})
	if err != nil {
		return err
	}
	newest := slices.Clone(p.Versions)
	slices.SortFunc(newest, func(a, b account.Version) int { return cmp.Compare(b.Number, a.Number) })
	key := func(v account.Version) string { return strconv.Itoa(1_000_000_000 - v.Number) }
	return page(c, "Versions", newest, key, func(v account.Version) { c.writeVersion(p.Policy, v, false) })
}

func setDefaultVersion(c *call) error {
	return change(c, account.SetDefaultVersion{Policy: c.policyARN(), Number: c.version()})
}

func deleteVersion(c *call) error {
	return change(c, account.DeleteVersion{Policy: c.policyARN(), Number: c.version()})
}

func listHolders(c *call) error {
	filter := c.oneOf("EntityFilter", "", "User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")
	boundary := c.oneOf("PolicyUsageFilter", "PermissionsPolicy", "PermissionsBoundary") == "PermissionsBoundary"
	all, err := do[[]*account.Entity](c, account.ListHolders{Policy: c.policyARN(), Boundary: boundary})
	if err != nil {
		return err
	}
	all = under(c.Get("PathPrefix"), all, func(e *account.Entity) string { return e.Path })
	all = slices.DeleteFunc(all, func(e *account.Entity) bool { return filter != "" && titles[e.Type] != filter })
	// A page goes over all three lists, one after the other.
	shown, next, err := cut(c, all, func(e *account.Entity) string { return strconv.Itoa(int(e.Type)) + nameKey(e) })
	if err != nil {
		return err
	}
	for entityType := account.User; entityType <= account.Role; entityType++ {
		ofSort := slices.DeleteFunc(slices.Clone(shown), func(e *account.Entity) bool { return e.Type != entityType })
		awsquery.List(c.x, "Policy"+titles[entityType]+"s", ofSort, func(e *account.Entity) {
			c.x.Text(nameParam[entityType], e.Name)
			c.x.Text(titles[entityType]+"Id", e.ID)
		})
	}
	c.writeNext(next)
	return nil
}

func tagPolicy(c *call) error {
	return change(c, account.TagPolicy{Policy: c.policyARN(), Tags: c.tags()})
}

func untagPolicy(c *call) error {
	return change(c, account.UntagPolicy{Policy: c.policyARN(), Keys: c.List("TagKeys")})
}

func listPolicyTags(c *call) error {
	p, err := do[account.PolicyUse](c, account.GetPolicy{Policy: c.policyARN()})
	if err != nil {
		return err
	}
	return c.pageTags(p.Tags)
}
