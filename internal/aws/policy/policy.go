package policy

import (
	"fmt"
	"strings"
)

// Policy is a policy document, ready to be evaluated. It never changes, so many
// may use it at once.
type Policy struct {
	statements []statement
}

type statement struct {
	sid          string
	deny         bool
	actions      []pattern
	notActions   bool
	resources    []resourcePattern // a trust policy has none: its resource is its role
	notResources bool
	principals   *principals // of a policy of a resource
	conditions   []condition
}

// Parse reads a policy that speaks for the identity it is attached to: of a
// user, group, role or session, managed or not, or a permissions boundary.
// Errors: *MalformedError.
func Parse(document []byte) (*Policy, error) { return parse(document, compiler{}) }

// ParseTrust reads a policy that says who may assume a role. Errors:
// *MalformedError.
func ParseTrust(document []byte) (*Policy, error) {
	return parse(document, compiler{trust: true, named: true})
}

// ParseResource reads the policy of a resource, which says who may do what with it.
// Errors: *MalformedError.
func ParseResource(document []byte) (*Policy, error) {
	return parse(document, compiler{named: true})
}

// compiler turns a document into a policy.
type compiler struct {
	trust     bool // it is of a role
	named     bool // it is of a resource, and says whom it is about
	variables bool // policy variables came with version 2012-10-17
}

func parse(document []byte, x compiler) (*Policy, error) {
	root, err := readDocument(document)
	if err != nil {
		return nil, err
	}
	if root.kind != objectNode {
		return nil, malformed(syntaxErrors, "", "the document is no object")
	}
	var statements *node
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Version":
			if m.value.kind != stringNode || m.value.text != "2012-10-17" && m.value.text != "2008-10-17" {
				return nil, malformed(wrongVersion, "Version", "is neither 2012-10-17 nor 2008-10-17")
			}
			x.variables = m.value.text == "2012-10-17"
		case "Id":
			if m.value.kind != stringNode {
				return nil, malformed(syntaxErrors, "Id", "is not a string")
			}
		case "Statement":
			statements = &m.value
		default:
			return nil, unknown(root, m.name)
		}
	}
	if statements == nil || len(statements.each()) == 0 {
		return nil, malformed(syntaxErrors, "Statement", "is missing or empty")
	}
	p := &Policy{}
	sids := map[string]bool{}
	for _, n := range statements.each() {
		s, err := x.statement(&n)
		if err != nil {
			return nil, err
		}
		if s.sid != "" && sids[s.sid] {
			return nil, malformed(sidNotUnique, n.path+".Sid", fmt.Sprintf("%q stands twice", s.sid))
		}
		sids[s.sid] = true
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func unknown(n *node, name string) error {
	return malformed(syntaxErrors, n.path, fmt.Sprintf("has the unknown element %q", name))
}

func (x *compiler) statement(n *node) (s statement, err error) {
	if n.kind != objectNode {
		return s, malformed(syntaxErrors, n.path, "is no object")
	}
	given := map[string]bool{}
	for i := range n.members {
		m := &n.members[i]
		given[m.name] = true
		switch m.name {
		case "Sid":
			s.sid, err = x.sid(&m.value)
		case "Effect":
			if m.value.kind != stringNode || m.value.text != "Allow" && m.value.text != "Deny" {
				err = malformed(syntaxErrors, m.value.path, "is neither Allow nor Deny")
			}
			s.deny = m.value.text == "Deny"
		case "Action", "NotAction":
			s.notActions = m.name == "NotAction"
			s.actions, err = x.actions(&m.value)
		case "Resource", "NotResource":
			s.notResources = m.name == "NotResource"
			s.resources, err = x.resources(&m.value)
		case "Principal", "NotPrincipal":
			s.principals, err = x.principals(&m.value, m.name == "NotPrincipal")
		case "Condition":
			s.conditions, err = x.conditions(&m.value)
		default:
			err = unknown(n, m.name)
		}
		if err != nil {
			return s, err
		}
	}
	for _, element := range []string{"Action", "Resource", "Principal"} {
		if given[element] && given["Not"+element] {
			return s, malformed(syntaxErrors, n.path, fmt.Sprintf("has both %s and Not%s", element, element))
		}
	}
	switch {
	case !given["Effect"]:
		return s, malformed(syntaxErrors, n.path, "has no Effect")
	case len(s.actions) == 0:
		return s, malformed(noActions, n.path, "")
	case x.named && s.principals == nil:
		return s, malformed(noPrincipal, n.path, "")
	case !x.trust && len(s.resources) == 0:
		return s, malformed(noResources, n.path, "")
	}
	return s, nil
}

func (x *compiler) sid(n *node) (string, error) {
	if n.kind != stringNode {
		return "", malformed(syntaxErrors, n.path, "is not a string")
	}
	if x.named && !x.trust {
		return n.text, nil // AWS itself writes "Enable IAM User Permissions"
	}
	for i := range len(n.text) {
		if c := lower(n.text[i]); (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "", malformed(sidNotAlpha, n.path, "")
		}
	}
	return n.text, nil
}

func (x *compiler) actions(n *node) ([]pattern, error) {
	given, err := n.strings()
	if err != nil {
		return nil, err
	}
	var all []pattern
	for _, s := range given {
		service, action, colon := strings.Cut(s, ":")
		switch {
		case s == "*" && !x.trust:
		case s == "*" || colon && x.trust && !strings.EqualFold(service, "sts"):
			return nil, malformed(notAssumeRole, n.path, fmt.Sprintf("has %q", s))
		case !colon || service == "" || action == "":
			return nil, malformed(noVendor, n.path, fmt.Sprintf("has %q", s))
		case strings.Contains(action, ":"):
			return nil, malformed(oneColon, n.path, fmt.Sprintf("has %q", s))
		case strings.ContainsAny(service, "*?") && s != "*:*":
			return nil, malformed(vendorWild, n.path, fmt.Sprintf("has %q", s))
		}
		p, err := syntax{wildcards: true}.parse(s)
		if err != nil {
			return nil, malformed(syntaxErrors, n.path, err.Error())
		}
		all = append(all, p)
	}
	return all, nil
}

func (x *compiler) resources(n *node) ([]resourcePattern, error) {
	if x.trust {
		return nil, malformed(resourceGiven, n.path, "")
	}
	given, err := n.strings()
	if err != nil {
		return nil, err
	}
	var all []resourcePattern
	for _, s := range given {
		p, ok, err := syntax{wildcards: true, variables: x.variables}.parseResource(s)
		if err != nil {
			return nil, malformed(syntaxErrors, n.path, err.Error())
		}
		if len(p.parts) > 2 {
			if service, plain := p.parts[2].literal(); !plain || service == "" {
				return nil, malformed(resourceVendor, n.path, fmt.Sprintf("has %q", s))
			}
		} else if len(p.parts) > 0 {
			ok = false
		}
		if !ok {
			return nil, malformed(fmt.Sprintf(`Resource %s must be in ARN format or "*".`, s), n.path, "")
		}
		all = append(all, p)
	}
	return all, nil
}

func (x *compiler) principals(n *node, except bool) (*principals, error) {
	if !x.named {
		return nil, malformed(principalGiven, n.path, "")
	}
	p := &principals{except: except}
	if n.kind == stringNode && n.text == "*" {
		p.anybody = true
		return p, nil
	}
	if n.kind != objectNode || len(n.members) == 0 {
		return nil, malformed(syntaxErrors, n.path, `is neither "*" nor an object that names principals`)
	}
	for i := range n.members {
		m := &n.members[i]
		given, err := m.value.strings()
		if err != nil {
			return nil, err
		}
		if len(given) == 0 {
			return nil, malformed(noPrincipal, m.value.path, "is empty")
		}
		for _, s := range given {
			if !p.add(m.name, s) {
				return nil, malformed(fmt.Sprintf("%s %q:%q", InvalidPrincipal, m.name, s), m.value.path, "")
			}
		}
	}
	return p, nil
}

func (x *compiler) conditions(n *node) ([]condition, error) {
	if n.kind != objectNode {
		return nil, malformed(syntaxErrors, n.path, "is no object")
	}
	var all []condition
	for i := range n.members {
		m := &n.members[i]
		o, known := parseOperator(m.name)
		if !known {
			return nil, malformed(conditionOperator+" "+m.name+".", n.path, "")
		}
		if m.value.kind != objectNode {
			return nil, malformed(syntaxErrors, m.value.path, "is no object of condition keys")
		}
		for j := range m.value.members {
			key := &m.value.members[j]
			c := o
			if c.key = key.name; strings.Index(c.key, ":") <= 0 {
				return nil, malformed(noVendor, m.value.path, fmt.Sprintf("has %q", c.key))
			}
			c.ofTag = isOfTag(c.key)
			if err := x.conditionValues(&c, &key.value); err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func (x *compiler) conditionValues(c *condition, n *node) error {
	if len(n.each()) == 0 {
		return malformed(syntaxErrors, n.path, "has no values")
	}
	for _, v := range n.each() {
		if v.kind != stringNode && v.kind != scalarNode {
			return malformed(syntaxErrors, v.path, "is neither a string nor a number nor a boolean")
		}
		if err := c.values.add(c.operator, x.variables, v.text); err != nil {
			return malformed(syntaxErrors, v.path, err.Error())
		}
	}
	return nil
}
