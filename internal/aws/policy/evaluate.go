package policy

import "strings"

// Attached is a policy with what it is called where it is attached.
type Attached struct {
	Source string // such as a managed policy's ARN, or user/ann/reader for an inline one
	Policy *Policy
}

// PolicySets are the policies that count for a principal. Those of Identity and
// Groups add up. Boundary and Session limit what they allow: nil sets no limit,
// an empty set allows nothing.
type PolicySets struct {
	Identity []Attached // of the user or role itself
	Groups   []Attached // of the user's groups
	Boundary []Attached
	Session  []Attached
}

// Layer is a set of policies, as a decision names it.
type Layer uint8

const (
	Identity Layer = iota
	Group
	Boundary
	Session
	Trust
	Resource
)

// layers are those of PolicySets.
const layers = int(Trust)

func (p *PolicySets) layer(l Layer) []Attached {
	switch l {
	case Identity:
		return p.Identity
	case Group:
		return p.Groups
	case Boundary:
		return p.Boundary
	}
	return p.Session
}

// String is the layer as AWS calls it.
func (l Layer) String() string {
	switch l {
	case Boundary:
		return "permissions boundary"
	case Session:
		return "session policy"
	case Trust:
		return "role trust policy"
	case Resource:
		return "resource-based policy"
	}
	return "identity-based policy"
}

// Decision is the answer to a request. A statement that allows or denies is
// named by its policy, its place (from 0) and its id. What no statement allows
// is denied implicitly: then Layer is the one that should have allowed it.
type Decision struct {
	Allowed   bool
	Explicit  bool // denied by a statement
	Layer     Layer
	Source    string
	Statement int
	Sid       string
	TooDear   bool // too many steps were needed to find out: nothing is allowed
}

// Explain says in AWS's words why r was refused.
func (d Decision) Explain(r *Request) string {
	called := r.Called
	if called == "" {
		called = r.Resource
	}
	var b strings.Builder
	b.WriteString("User: " + r.Principal.Name() + " is not authorized to perform: " + r.Action + " on resource: " + called)
	article := "a "
	if d.Layer <= Group {
		article = "an "
	}
	if d.TooDear {
		b.WriteString(" because its policies take too long to evaluate")
	} else if d.Explicit {
		b.WriteString(" with an explicit deny in " + article + d.Layer.String())
	} else {
		b.WriteString(" because no " + d.Layer.String() + " allows the " + r.Action + " action")
	}
	return b.String()
}

// query is a request that is being evaluated.
type query struct {
	*Request
	*Meter
	resource name
	alias    name
}

func queryOf(r *Request, m *Meter) query {
	m.steps += len(r.Resource) + len(r.Alias)
	return query{Request: r, Meter: m, resource: nameOf(r.Resource), alias: nameOf(r.Alias)}
}

// Evaluate decides whether policies allow a request.
func Evaluate(r *Request, policies *PolicySets) Decision {
	return new(Meter).Evaluate(r, policies)
}

// Evaluate is the function, for one of several evaluations whose steps count together.
func (m *Meter) Evaluate(r *Request, policies *PolicySets) Decision {
	q := queryOf(r, m)
	return q.decide(policies, Decision{})
}

// decide asks all layers. Granted is an allowance from elsewhere that stands for
// one of the identity's.
func (q *query) decide(policies *PolicySets, granted Decision) Decision {
	var found [layers]found
	for l := range Layer(layers) {
		if found[l] = q.ask(policies.layer(l)); found[l].denies() {
			return found[l].decision(l)
		}
		if q.spent() {
			return Decision{Layer: l, TooDear: true}
		}
	}
	switch {
	case granted.Allowed:
	case found[Identity].policy != nil:
		granted = found[Identity].decision(Identity)
	case found[Group].policy != nil:
		granted = found[Group].decision(Group)
	default:
		return Decision{Layer: Identity}
	}
	switch {
	case policies.Boundary != nil && found[Boundary].policy == nil:
		return Decision{Layer: Boundary}
	case policies.Session != nil && found[Session].policy == nil:
		return Decision{Layer: Session}
	}
	return granted
}

// Matches gives every statement that is about a request, of all layers: what
// Evaluate combines.
func (m *Meter) Matches(r *Request, policies *PolicySets) []Decision {
	q := queryOf(r, m)
	var all []Decision
	for l := range Layer(layers) {
		attached := policies.layer(l)
		for i := range attached {
			f := found{policy: &attached[i]}
			for f.statement = range f.policy.Policy.statements {
				if f.policy.Policy.statements[f.statement].applies(&q) {
					all = append(all, f.decision(l))
				}
			}
		}
	}
	return all
}

// EvaluateTrust decides whether the principal of r may assume the role that is
// the resource of r. Trust is the role's trust policy, policies are the
// principal's own. Where the trust policy names the principal itself and both
// are of one account, that is enough; where it names the account, or the role is
// of another one, the principal's policies must allow it too. A service has no
// policies.
func EvaluateTrust(r *Request, trust Attached, policies *PolicySets) Decision {
	q := queryOf(r, new(Meter))
	best, of := q.askNamed(trust, Trust)
	if best == unnamed || !of.Allowed {
		return of
	}
	if r.Principal.Service != "" {
		return of
	}
	var granted Decision
	if best == directly && q.resource.isARN && r.Principal.Account == q.resource.parts[4] {
		granted = of
	}
	if d := q.decide(policies, granted); !d.Allowed {
		return d
	}
	return of
}

// EvaluateResource decides whether a principal may do something to a resource that has a
// policy of its own, and is of the principal's account. Where that policy names the
// principal itself, that is enough; where it names the account, the principal's policies
// must allow it too; and where neither, they don't count. Granted stands for an allowance
// of the resource's to the principal itself that is in no policy.
func (m *Meter) EvaluateResource(r *Request, resource Attached, policies *PolicySets, granted bool) Decision {
	q := queryOf(r, m)
	best, of := q.askNamed(resource, Resource)
	if best != unnamed && !of.Allowed || of.TooDear {
		return of
	}
	var itself Decision
	if best == directly {
		itself = of
	} else if granted {
		itself = Decision{Allowed: true, Layer: Resource}
	}
	d := q.decide(policies, itself)
	if best == unnamed && !granted && !d.Explicit {
		return of
	}
	return d
}

// EvaluateForeign is EvaluateResource for a principal of another account: the resource's
// policy, or what granted stands for, must allow it, and the principal's own policies too
// (IAM User Guide, "Cross-account policy evaluation logic").
func (m *Meter) EvaluateForeign(r *Request, resource Attached, policies *PolicySets, granted bool) Decision {
	q := queryOf(r, m)
	best, of := q.askNamed(resource, Resource)
	if of.TooDear || of.Explicit || !granted && best == unnamed {
		return of
	}
	return q.decide(policies, Decision{})
}

// askNamed asks a policy that says whom it is about, and tells how it names the principal
// in what it allows. One that denies names it directly.
func (q *query) askNamed(policy Attached, l Layer) (bond, Decision) {
	best, f := unnamed, found{policy: &policy}
	allow := Decision{Layer: l}
	for i := range policy.Policy.statements {
		s := &policy.Policy.statements[i]
		if q.spent() {
			return unnamed, Decision{Layer: l, TooDear: true}
		}
		b := s.principals.bond(&q.Principal)
		if b == unnamed || !s.applies(q) {
			continue
		}
		f.statement = i
		if s.deny {
			return directly, f.decision(l)
		}
		if b > best {
			best, allow = b, f.decision(l)
		}
	}
	return best, allow
}

// found is a statement that is about a request; without a policy, none is.
type found struct {
	policy    *Attached
	statement int
}

func (f found) denies() bool {
	return f.policy != nil && f.policy.Policy.statements[f.statement].deny
}

func (f found) decision(l Layer) Decision {
	s := &f.policy.Policy.statements[f.statement]
	return Decision{Allowed: !s.deny, Explicit: s.deny, Layer: l, Source: f.policy.Source, Statement: f.statement, Sid: s.sid}
}

// ask finds the first statement of a layer that denies, or else the first that
// allows.
func (q *query) ask(policies []Attached) found {
	var allow found
	for i := range policies {
		statements := policies[i].Policy.statements
		for j := range statements {
			s := &statements[j]
			if q.spent() {
				return found{}
			}
			if !s.deny && allow.policy != nil || !s.applies(q) {
				continue
			}
			f := found{&policies[i], j}
			if s.deny {
				return f
			}
			allow = f
		}
	}
	return allow
}

// applies tells whether a statement is about the request.
func (s *statement) applies(q *query) bool {
	q.steps++
	return s.hasAction(q) && s.hasResource(q) && s.holds(q)
}

func (s *statement) hasAction(q *query) bool {
	for _, p := range s.actions {
		if p.match(q.Action, q, true) {
			return !s.notActions
		}
	}
	return s.notActions
}

func (s *statement) hasResource(q *query) bool {
	if s.principals != nil && s.resources == nil {
		return true // of a trust policy
	}
	for i := range s.resources {
		p := &s.resources[i]
		if p.match(&q.resource, q) || q.Alias != "" && p.match(&q.alias, q) {
			return !s.notResources
		}
	}
	return s.notResources
}

func (s *statement) holds(q *query) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(q, s.deny) {
			return false
		}
	}
	return true
}
