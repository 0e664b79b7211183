package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/iam"
	"heddle/internal/identity"
)

// simulated is the target of a simulation: whose policies are asked.
func simulated(c *call) target { return target{resource: c.Get("PolicySourceArn")} }

// simulation is a question about policies.
type simulation struct {
	principal iam.Principal
	context   iam.Context
	sets      iam.PolicySets
	texts     map[string]string // of the policies, by source
}

// simulatePrincipal answers what a user, group or role may do.
func simulatePrincipal(c *call) error {
	source := c.required("PolicySourceArn", 20, arnMax)
	if c.flaw != nil {
		return c.flaw
	}
	of, ok := refOf(source)
	if !ok {
		return &awsquery.Fault{Code: "InvalidInput", Message: fmt.Sprintf("Invalid Entity Arn: %.256s does not clearly define entity type and name.", source)}
	}
	g, err := do[identity.Grants](c, identity.Resolve{Of: of})
	if err != nil {
		return err
	}
	if g.Entity.ARN(c.caller.Account) != source {
		return &identity.Error{Code: identity.NoSuchEntity, Message: "The entity " + source + " cannot be found."}
	}
	preview, err := identity.Preview(c.caller.Account, &g)
	if err != nil {
		return err
	}
	s := &simulation{preview.Principal, preview.Context, preview.Policies, textsOf(&g)}
	return c.simulate(s)
}

// simulateCustom answers what policies would allow.
func simulateCustom(c *call) error {
	if len(c.List("PolicyInputList")) == 0 {
		c.fail(missing("PolicyInputList"))
	}
	return c.simulate(&simulation{principal: c.caller.Principal, texts: map[string]string{}})
}

// refOf reads the ARN of a user, group or role.
func refOf(name string) (identity.Ref, bool) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" {
		return identity.Ref{}, false
	}
	for sort := identity.User; sort <= identity.Role; sort++ {
		if rest, ok := strings.CutPrefix(a.Resource, sort.String()+"/"); ok {
			return identity.Ref{Sort: sort, Name: rest[strings.LastIndexByte(rest, '/')+1:]}, true
		}
	}
	return identity.Ref{}, false
}

func textsOf(g *identity.Grants) map[string]string {
	texts := map[string]string{}
	for _, e := range append(slices.Clone(g.Groups), g.Entity) {
		for _, p := range e.Inline {
			texts[e.InlineSource(p.Name)] = p.Document
		}
	}
	for name, p := range g.Policies {
		texts[name] = p.Document()
	}
	return texts
}

// answer of a simulation to one action on one resource.
type answer struct {
	place   int // among all
	request iam.Request
	sets    *iam.PolicySets
}

func (c *call) simulate(s *simulation) error {
	if err := c.addPolicies("PolicyInputList", &s.sets.Identity, s.texts); err != nil {
		return err
	}
	if len(c.List("PermissionsBoundaryPolicyInputList")) > 0 {
		s.sets.Boundary = nil
		if err := c.addPolicies("PermissionsBoundaryPolicyInputList", &s.sets.Boundary, s.texts); err != nil {
			return err
		}
	}
	c.readContext(s)
	actions, resources := c.List("ActionNames"), c.List("ResourceArns")
	if len(actions) == 0 {
		c.fail(missing("ActionNames"))
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	const questionsMax = 1000
	if len(actions)*len(resources) > questionsMax {
		c.fail(invalid("At most %d actions times resources can be simulated at once", questionsMax))
	}
	var all []answer
	for i, action := range actions {
		service, name, ok := strings.Cut(action, ":")
		if !ok || service == "" || name == "" {
			c.fail(constraint(fmt.Sprintf("ActionNames.%d.member", i+1), action, "Member must be a service, a colon and an action"))
		}
		for _, resource := range resources {
			all = append(all, answer{len(all), iam.Request{Principal: s.principal, Action: action, Resource: resource, Context: s.context}, &s.sets})
		}
	}
	return page(c, "EvaluationResults", all, func(a answer) string { return fmt.Sprintf("%06d", a.place) }, func(a answer) { c.writeAnswer(&a, s.texts) })
}

// addPolicies reads policies that are given with the question.
func (c *call) addPolicies(param string, to *[]iam.Attached, texts map[string]string) error {
	for i, document := range c.List(param) {
		p, err := iam.Parse([]byte(document))
		if err != nil {
			return &awsquery.Fault{Code: "InvalidInput", Message: fmt.Sprintf("Invalid Input Policies: %v", err)}
		}
		source := fmt.Sprintf("%s.%d", param, i+1)
		texts[source] = document
		*to = append(*to, iam.Attached{Source: source, Policy: p})
	}
	return nil
}

// readContext reads what conditions are to be told; it replaces what is known of
// the principal.
func (c *call) readContext(s *simulation) {
	var given iam.Context
	for _, m := range c.Members("ContextEntries", "ContextKeyName") {
		key := m.Get("ContextKeyName")
		s.context = slices.DeleteFunc(slices.Clone(s.context), func(v iam.Value) bool { return strings.EqualFold(v.Key, key) })
		for _, value := range m.List("ContextKeyValues") {
			given = append(given, iam.Value{Key: key, Value: value})
		}
	}
	s.context = append(s.context, given...)
}

func (c *call) writeAnswer(a *answer, texts map[string]string) {
	d := iam.Evaluate(&a.request, a.sets)
	decision := "implicitDeny"
	switch {
	case d.Allowed:
		decision = "allowed"
	case d.Explicit:
		decision = "explicitDeny"
	}
	matches := iam.Matches(&a.request, a.sets)
	// The one that decided comes first.
	if i := slices.Index(matches, d); i > 0 {
		matches = slices.Insert(slices.Delete(matches, i, i+1), 0, d)
	}
	c.x.Text("EvalActionName", a.request.Action)
	c.x.Text("EvalResourceName", a.request.Resource)
	c.x.Text("EvalDecision", decision)
	awsquery.List(c.x, "MatchedStatements", matches, func(d iam.Decision) { c.writeStatement(d, texts[d.Source]) })
	c.x.Texts("MissingContextValues", nil)
	if a.sets.Boundary != nil {
		allowed := slices.ContainsFunc(matches, func(d iam.Decision) bool { return d.Layer == iam.Boundary && d.Allowed })
		refused := slices.ContainsFunc(matches, func(d iam.Decision) bool { return d.Layer == iam.Boundary && d.Explicit })
		c.x.Element("PermissionsBoundaryDecisionDetail", func() {
			c.x.Bool("AllowedByPermissionsBoundary", allowed && !refused)
		})
	}
}

// writeStatement names a statement by its policy and where it stands there.
func (c *call) writeStatement(d iam.Decision, text string) {
	c.x.Text("SourcePolicyId", d.Source)
	c.x.Text("SourcePolicyType", sourceType(d))
	start, end := statementPlace([]byte(text), d.Statement)
	for _, p := range []struct {
		name string
		at   int
	}{{"StartPosition", start}, {"EndPosition", end}} {
		c.x.Element(p.name, func() {
			line := strings.Count(text[:p.at], "\n")
			column := p.at - (strings.LastIndexByte(text[:p.at], '\n') + 1)
			c.x.Int("Line", line+1)
			c.x.Int("Column", column+1)
		})
	}
}

func sourceType(d iam.Decision) string {
	sort, _, _ := strings.Cut(d.Source, "/")
	switch {
	case strings.HasPrefix(d.Source, "arn:aws:iam::aws:"):
		return "aws-managed"
	case strings.HasPrefix(d.Source, "arn:"):
		return "user-managed"
	case sort == "user", sort == "group", sort == "role":
		return sort
	}
	return "none"
}

// statementPlace tells where a statement of a policy begins and ends, in bytes.
func statementPlace(document []byte, index int) (start, end int) {
	d := json.NewDecoder(bytes.NewReader(document))
	if _, err := d.Token(); err != nil { // {
		return 0, 0
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return 0, 0
		}
		if name != "Statement" {
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return 0, 0
			}
			continue
		}
		rest := document[d.InputOffset():]
		list := bytes.HasPrefix(bytes.TrimLeft(rest, ": \t\r\n"), []byte("["))
		if list {
			if _, err := d.Token(); err != nil {
				return 0, 0
			}
		}
		for i := 0; ; i++ {
			var statement json.RawMessage
			if d.Decode(&statement) != nil {
				return 0, 0
			}
			if i == index {
				end := int(d.InputOffset())
				return end - len(statement), end
			}
			if !list {
				return 0, 0
			}
		}
	}
	return 0, 0
}
