package iam

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
	"heddle/internal/iam/wire"
)

func simulationRows(a *actions) []operation.Operation {
	t := newTurns(max(1, runtime.GOMAXPROCS(0)/2), a.Accounts.Len())
	return []operation.Operation{
		row(a, "SimulatePrincipalPolicy", func(c *call, in *wire.SimulatePrincipalPolicyRequest) error {
			c.target = target{resource: in.PolicySourceARN} // whose policies are asked
			return nil
		}, inTurn(t, simulatePrincipal), operation.Waits), // they may take long, and end when their callers hang up
		row(a, "SimulateCustomPolicy", nothing, inTurn(t, simulateCustom), operation.Waits),
	}
}

// inTurn has a simulation wait for its turn.
func inTurn[In any](t *turns, do func(*call, *In) (*wire.SimulatePolicyResponse, error)) func(*call, *In) (*wire.SimulatePolicyResponse, error) {
	return func(c *call, in *In) (*wire.SimulatePolicyResponse, error) {
		leave, err := t.take(c, c.caller.Account, c.caller.Principal.ARN)
		if err != nil {
			return nil, err
		}
		defer leave()
		return do(c, in)
	}
}

// simulation is a question about policies.
type simulation struct {
	asked
	principal policy.Principal
	context   policy.Context
	sets      policy.PolicySets
	texts     map[string]string // of the policies, by source
	given     int               // bytes of the policies that came with the question
	places    map[string][]place
}

// asked is what both sorts of simulations are asked.
type asked struct {
	policies, boundaries, actions, resources []string
	entries                                  []wire.ContextEntry
	page                                     page
}

// simulatePrincipal answers what a user, group or role may do.
func simulatePrincipal(c *call, in *wire.SimulatePrincipalPolicyRequest) (*wire.SimulatePolicyResponse, error) {
	source := in.PolicySourceARN
	of, ok := refOf(source)
	if !ok {
		return nil, &fault.Fault{Code: string(account.InvalidInput), Message: fmt.Sprintf("Invalid Entity Arn: %.256s does not clearly define entity type and name.", source)}
	}
	g, err := do[account.Grants](c, account.Resolve{Of: of})
	if err != nil {
		return nil, err
	}
	if g.Entity.ARN(c.owner()) != source {
		return nil, &account.Error{Code: account.NoSuchEntity, Message: "The entity " + source + " cannot be found."}
	}
	preview, err := account.Preview(c.owner(), &g)
	if err != nil {
		return nil, err
	}
	return c.simulate(&simulation{
		asked:     asked{in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ActionNames, in.ResourceArns, in.ContextEntries, page{in.Marker, in.MaxItems}},
		principal: preview.Principal, context: preview.Context, sets: preview.Policies, texts: textsOf(&g),
	})
}

// simulateCustom answers what policies would allow.
func simulateCustom(c *call, in *wire.SimulateCustomPolicyRequest) (*wire.SimulatePolicyResponse, error) {
	return c.simulate(&simulation{
		asked:     asked{in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ActionNames, in.ResourceArns, in.ContextEntries, page{in.Marker, in.MaxItems}},
		principal: c.caller.Principal, texts: map[string]string{},
	})
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

func (c *call) simulate(s *simulation) (*wire.SimulatePolicyResponse, error) {
	if err := s.addPolicies("PolicyInputList", s.policies, &s.sets.Identity); err != nil {
		return nil, err
	}
	if len(s.boundaries) > 0 {
		s.sets.Boundary = nil
		if err := s.addPolicies("PermissionsBoundaryPolicyInputList", s.boundaries, &s.sets.Boundary); err != nil {
			return nil, err
		}
	}
	s.readContext()
	resources := s.resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	if len(s.actions)*len(resources) > questionsMax {
		return nil, fault.Invalid(fmt.Sprintf("At most %d actions times resources can be simulated at once", questionsMax))
	}
	dearest := policy.Request{Principal: s.principal, Context: s.context} // has the longest values
	for _, resource := range resources {
		if len(resource) > len(dearest.Resource) {
			dearest.Resource = resource
		}
	}
	var all []answer
	for _, action := range s.actions {
		if len(action) > len(dearest.Action) {
			dearest.Action = action
		}
		for _, resource := range resources {
			asked := policy.Request{Principal: s.principal, Action: action, Resource: resource, Context: s.context}
			all = append(all, answer{place: len(all), request: asked, sets: &s.sets})
		}
	}
	key := func(a answer) string { return fmt.Sprintf("%06d", a.place) }
	shown, next, err := cut(s.page, all, key)
	if err != nil {
		return nil, err
	}
	price := policy.Price(&dearest, &s.sets, policy.StepsMax)
	if price > policy.StepsMax {
		return nil, fault.Invalid("The policies and context keys take too long to be simulated")
	}
	steps, matches := 0, 0
	for i := range shown {
		if i > 0 && (steps+2*price > stepsMax || matches > matchesMax) {
			shown, next = shown[:i], restAfter(markerOf(key(shown[i-1])))
			break
		}
		if err := c.Err(); err != nil { // nobody is there any more
			return nil, err
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
	results := within(pageBytesMax, shown, func(a answer) wire.EvaluationResult { return a.result(s.places) })
	if n := len(results); n < len(shown) {
		next = restAfter(markerOf(key(shown[n-1])))
	}
	return &wire.SimulatePolicyResponse{EvaluationResults: results, IsTruncated: next.truncated, Marker: next.marker}, nil
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
func (s *simulation) addPolicies(param string, documents []string, to *[]policy.Attached) error {
	for i, document := range documents {
		if s.given += len(document); s.given > givenPoliciesMax {
			return fault.Invalid(fmt.Sprintf("At most %d bytes of policies can be simulated at once", givenPoliciesMax))
		}
		p, err := policy.Parse([]byte(document))
		if err != nil {
			return &fault.Fault{Code: string(account.InvalidInput), Message: fmt.Sprintf("Invalid Input Policies: %v", err)}
		}
		source := fmt.Sprintf("%s.%d", param, i+1)
		s.texts[source] = document
		*to = append(*to, policy.Attached{Source: source, Policy: p})
	}
	return nil
}

// readContext reads what conditions are to be told; it replaces what is known of
// the principal.
func (s *simulation) readContext() {
	var given policy.Context
	for _, e := range s.entries {
		key := value(e.ContextKeyName)
		s.context = slices.DeleteFunc(slices.Clone(s.context), func(v policy.Value) bool { return strings.EqualFold(v.Key, key) })
		for _, value := range e.ContextKeyValues {
			given = append(given, policy.Value{Key: key, Value: value})
		}
	}
	s.context = append(s.context, given...)
}

// result is the answer as it is written.
func (a *answer) result(places map[string][]place) wire.EvaluationResult {
	d := a.decided
	decision := wire.PolicyEvaluationDecisionTypeImplicitDeny
	switch {
	case d.Allowed:
		decision = wire.PolicyEvaluationDecisionTypeAllowed
	case d.Explicit:
		decision = wire.PolicyEvaluationDecisionTypeExplicitDeny
	}
	matches := a.matches
	// The one that decided comes first.
	if i := slices.Index(matches, d); i > 0 {
		matches = slices.Insert(slices.Delete(matches, i, i+1), 0, d)
	}
	r := wire.EvaluationResult{
		EvalActionName: a.request.Action, EvalResourceName: &a.request.Resource, EvalDecision: decision,
		MatchedStatements:    within(pageBytesMax/2, matches, func(d policy.Decision) wire.Statement { return statementOf(d, places[d.Source][d.Statement]) }),
		MissingContextValues: []string{},
	}
	if a.sets.Boundary != nil {
		allowed := slices.ContainsFunc(matches, func(d policy.Decision) bool { return d.Layer == policy.Boundary && d.Allowed })
		refused := slices.ContainsFunc(matches, func(d policy.Decision) bool { return d.Layer == policy.Boundary && d.Explicit })
		r.PermissionsBoundaryDecisionDetail = &wire.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(allowed && !refused)}
	}
	return r
}

// statementOf names a statement by its policy and where it stands there.
func statementOf(d policy.Decision, at place) wire.Statement {
	return wire.Statement{
		SourcePolicyID: &d.Source, SourcePolicyType: new(sourceType(d)),
		StartPosition: at.start.written(), EndPosition: at.end.written(),
	}
}

func sourceType(d policy.Decision) string {
	entityType, _, _ := strings.Cut(d.Source, "/")
	managed, err := arn.Parse(d.Source)
	switch {
	case err == nil && managed.Account == account.BuiltIn:
		return "aws-managed"
	case err == nil:
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

func (p position) written() *wire.Position {
	return &wire.Position{Line: new(int64(p.line)), Column: new(int64(p.column))}
}

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
