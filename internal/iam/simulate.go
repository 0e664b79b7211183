package iam

import (
	"encoding/json"
	"fmt"
	"heddle/internal/aws/fault"
	"slices"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
)

// simulated is the target of a simulation: whose policies are asked.
func simulated(c *call) target { return target{resource: c.Get("PolicySourceArn")} }

// simulation is a question about policies.
type simulation struct {
	principal policy.Principal
	context   policy.Context
	sets      policy.PolicySets
	texts     map[string]string // of the policies, by source
	places    map[string][]place
}

// simulatePrincipal answers what a user, group or role may do.
func simulatePrincipal(c *call) error {
	source := c.required("PolicySourceArn", 20, arnMax)
	if c.flaw != nil {
		return c.flaw
	}
	of, ok := refOf(source)
	if !ok {
		return &fault.Fault{Code: "InvalidInput", Message: fmt.Sprintf("Invalid Entity Arn: %.256s does not clearly define entity type and name.", source)}
	}
	g, err := do[account.Grants](c, account.Resolve{Of: of})
	if err != nil {
		return err
	}
	if g.Entity.ARN(c.caller.Account) != source {
		return &account.Error{Code: account.NoSuchEntity, Message: "The entity " + source + " cannot be found."}
	}
	preview, err := account.Preview(c.caller.Account, &g)
	if err != nil {
		return err
	}
	s := &simulation{principal: preview.Principal, context: preview.Context, sets: preview.Policies, texts: textsOf(&g)}
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
func refOf(name string) (account.Ref, bool) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" {
		return account.Ref{}, false
	}
	for entityType := account.User; entityType <= account.Role; entityType++ {
		if rest, ok := strings.CutPrefix(a.Resource, entityType.String()+"/"); ok {
			return account.Ref{Type: entityType, Name: rest[strings.LastIndexByte(rest, '/')+1:]}, true
		}
	}
	return account.Ref{}, false
}

func textsOf(g *account.Grants) map[string]string {
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
	request policy.Request
	sets    *policy.PolicySets
	decided policy.Decision
	matches []policy.Decision
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
	if len(actions)*len(resources) > questionsMax {
		c.fail(invalid("At most %d actions times resources can be simulated at once", questionsMax))
		return c.flaw
	}
	dearest := policy.Request{Principal: s.principal, Context: s.context} // has the longest values
	for i, resource := range resources {
		c.checkLength(fmt.Sprintf("ResourceArns.%d.member", i+1), resource, 1, arnMax)
		if len(resource) > len(dearest.Resource) {
			dearest.Resource = resource
		}
	}
	var all []answer
	for i, action := range actions {
		if len(action) > len(dearest.Action) {
			dearest.Action = action
		}
		service, name, ok := strings.Cut(action, ":")
		c.checkLength(fmt.Sprintf("ActionNames.%d.member", i+1), action, 3, 128)
		if !ok || service == "" || name == "" {
			c.fail(constraint(fmt.Sprintf("ActionNames.%d.member", i+1), action, "Member must be a service, a colon and an action"))
		}
		for _, resource := range resources {
			asked := policy.Request{Principal: s.principal, Action: action, Resource: resource, Context: s.context}
			all = append(all, answer{place: len(all), request: asked, sets: &s.sets})
		}
	}
	key := func(a answer) string { return fmt.Sprintf("%06d", a.place) }
	shown, next, err := cut(c, all, key)
	if err != nil {
		return err
	}
	price := policy.Price(&dearest, &s.sets, policy.StepsMax)
	if price > policy.StepsMax {
		return invalid("The policies and context keys take too long to be simulated")
	}
	steps, matches := 0, 0
	for i := range shown {
		if i > 0 && (steps+2*price > stepsMax || matches > matchesMax) {
			shown, next = shown[:i], markerOf(key(shown[i-1]))
			break
		}
		if err := c.Err(); err != nil { // nobody is there any more
			return err
		}
		a, meter := &shown[i], policy.Meter{}
		a.decided, a.matches = meter.Evaluate(&a.request, a.sets), meter.Matches(&a.request, a.sets)
		steps += meter.Steps()
		matches += len(a.matches)
	}
	s.places = map[string][]place{}
	for source, text := range s.texts {
		s.places[source] = placesOf(text)
	}
	if n := awsquery.ListWithin(c.x, pageBytesMax, "EvaluationResults", shown, func(a answer) { c.writeAnswer(&a, s.places) }); n < len(shown) {
		next = markerOf(key(shown[n-1]))
	}
	c.writeNext(next)
	return nil
}

// Bounds of a simulation. A question is priced before anything is evaluated, and a page
// ends when the next could cost too much.
const (
	questionsMax     = 1000
	givenPoliciesMax = 64 << 10 // bytes of all policies that come with the question
	stepsMax         = policy.StepsMax
	matchesMax       = 1 << 15 // statements that are told of
)

// addPolicies reads policies that are given with the question.
func (c *call) addPolicies(param string, to *[]policy.Attached, texts map[string]string) error {
	size := 0
	for i, document := range c.List(param) {
		if size += len(document); size > givenPoliciesMax {
			return invalid("At most %d bytes of policies can be simulated at once", givenPoliciesMax)
		}
		p, err := policy.Parse([]byte(document))
		if err != nil {
			return &fault.Fault{Code: "InvalidInput", Message: fmt.Sprintf("Invalid Input Policies: %v", err)}
		}
		source := fmt.Sprintf("%s.%d", param, i+1)
		texts[source] = document
		*to = append(*to, policy.Attached{Source: source, Policy: p})
	}
	return nil
}

// readContext reads what conditions are to be told; it replaces what is known of
// the principal.
func (c *call) readContext(s *simulation) {
	var given policy.Context
	for _, m := range c.Members("ContextEntries", "ContextKeyName") {
		key := m.Get("ContextKeyName")
		s.context = slices.DeleteFunc(slices.Clone(s.context), func(v policy.Value) bool { return strings.EqualFold(v.Key, key) })
		for _, value := range m.List("ContextKeyValues") {
			given = append(given, policy.Value{Key: key, Value: value})
		}
	}
	s.context = append(s.context, given...)
}

func (c *call) writeAnswer(a *answer, places map[string][]place) {
	d := a.decided
	decision := "implicitDeny"
	switch {
	case d.Allowed:
		decision = "allowed"
	case d.Explicit:
		decision = "explicitDeny"
	}
	matches := a.matches
	// The one that decided comes first.
	if i := slices.Index(matches, d); i > 0 {
		matches = slices.Insert(slices.Delete(matches, i, i+1), 0, d)
	}
	c.x.Text("EvalActionName", a.request.Action)
	c.x.Text("EvalResourceName", a.request.Resource)
	c.x.Text("EvalDecision", decision)
	awsquery.ListWithin(c.x, pageBytesMax/2, "MatchedStatements", matches, func(d policy.Decision) { c.writeStatement(d, places[d.Source][d.Statement]) })
	c.x.Texts("MissingContextValues", nil)
	if a.sets.Boundary != nil {
		allowed := slices.ContainsFunc(matches, func(d policy.Decision) bool { return d.Layer == policy.Boundary && d.Allowed })
		refused := slices.ContainsFunc(matches, func(d policy.Decision) bool { return d.Layer == policy.Boundary && d.Explicit })
		c.x.Element("PermissionsBoundaryDecisionDetail", func() {
			c.x.Bool("AllowedByPermissionsBoundary", allowed && !refused)
		})
	}
}

// writeStatement names a statement by its policy and where it stands there.
func (c *call) writeStatement(d policy.Decision, at place) {
	c.x.Text("SourcePolicyId", d.Source)
	c.x.Text("SourcePolicyType", sourceType(d))
	for _, p := range []struct {
		name string
		at   position
	}{{"StartPosition", at.start}, {"EndPosition", at.end}} {
		c.x.Element(p.name, func() {
			c.x.Int("Line", p.at.line)
			c.x.Int("Column", p.at.column)
		})
	}
}

func sourceType(d policy.Decision) string {
	entityType, _, _ := strings.Cut(d.Source, "/")
	switch {
	case strings.HasPrefix(d.Source, "arn:aws:iam::aws:"):
		return "aws-managed"
	case strings.HasPrefix(d.Source, "arn:"):
		return "user-managed"
	case entityType == "user", entityType == "group", entityType == "role":
		return entityType
	}
	return "none"
}

// place is where a statement stands in its policy.
type place struct{ start, end position }

// position counts from 1, columns in bytes.
type position struct{ line, column int }

// placesOf tells where the statements of a policy stand. It has been read before.
func placesOf(document string) (places []place) {
	d := json.NewDecoder(strings.NewReader(document))
	read, at := 0, position{1, 1}
	to := func(offset int) position {
		passed := document[read:offset]
		if lines := strings.Count(passed, "\n"); lines > 0 {
			at = position{at.line + lines, len(passed) - strings.LastIndexByte(passed, '\n')}
		} else {
			at.column += len(passed)
		}
		read = offset
		return at
	}
	statement := func() bool {
		var text json.RawMessage
		if d.Decode(&text) != nil {
			return false
		}
		end := int(d.InputOffset())
		start := to(end - len(text))
		places = append(places, place{start, to(end)})
		return true
	}
	if _, err := d.Token(); err != nil { // {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		if name != "Statement" {
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return nil
			}
			continue
		}
		rest := strings.TrimLeft(document[d.InputOffset():], ": \t\r\n")
		if !strings.HasPrefix(rest, "[") {
			statement()
			return places
		}
		if _, err := d.Token(); err != nil { // [
			return nil
		}
		for d.More() && statement() {
		}
		return places
	}
	return nil
}
