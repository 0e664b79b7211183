package policy

import (
	"encoding/json"
	"strings"

	"heddle/internal/aws/arn"
)

// principals are whom a statement of a policy of a resource is about.
type principals struct {
	except   bool // NotPrincipal: all but these
	anybody  bool
	accounts []string
	ids      []string // of users, roles and sessions
	services []string
}

// bond is how a statement of a policy of a resource names a principal.
type bond uint8

const (
	unnamed   bond = iota
	byAccount      // leaves it to the account's own policies
	directly
)

// bond tells how p is named.
func (s *principals) bond(p *Principal) bond {
	b := unnamed
	switch {
	case s.anybody, p.Service != "" && contains(s.services, p.Service),
		p.ID != "" && contains(s.ids, p.ID), p.SessionID != "" && contains(s.ids, p.SessionID):
		b = directly
	case p.Account != "" && contains(s.accounts, p.Account):
		b = byAccount
	}
	if !s.except {
		return b
	}
	if b == unnamed {
		return directly
	}
	return unnamed
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// add reads one principal; ok is false if it is none. The name of a user or role is
// one, but speaks of nobody: somebody else may have it later. Whoever keeps a policy puts
// ids in the place of names (RewritePrincipals).
func (s *principals) add(sort, value string) (ok bool) {
	switch {
	case sort == "AWS" && value == "*":
		s.anybody = true
	case sort == "AWS" && isAccount(value):
		s.accounts = append(s.accounts, value)
	case sort == "AWS" && isID(value):
		s.ids = append(s.ids, value)
	case sort == "AWS" && strings.Contains(value, " "): // an id, and the name that it was written with
		id, _, _ := strings.Cut(value, " ")
		s.ids = append(s.ids, id)
		return isID(id)
	case sort == "AWS":
		a, err := arn.Parse(value)
		if err != nil || a.Service != "iam" && a.Service != "sts" || !isAccount(a.Account) || strings.ContainsAny(value, "*?") {
			return false
		}
		if a.Resource == "root" {
			s.accounts = append(s.accounts, a.Account)
		}
	case sort == "Service":
		if !strings.Contains(value, ".") || strings.ContainsAny(value, "*?:") {
			return false
		}
		s.services = append(s.services, value)
	case sort == "Federated", sort == "CanonicalUser":
		// Nobody comes here that way, so these name nobody.
		return value != "" && value != "*"
	default:
		return false
	}
	return true
}

// isID tells whether a text may be the id of a user or role, or of a role's session.
func isID(s string) bool {
	id, session, ofSession := strings.Cut(s, ":")
	if ofSession && (!strings.HasPrefix(id, "AROA") || session == "" || strings.ContainsAny(session, "*?:")) {
		return false
	}
	if !strings.HasPrefix(id, "AIDA") && !strings.HasPrefix(id, "AROA") {
		return false
	}
	for i := range len(id) {
		if c := lower(id[i]); (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// RewritePrincipals gives a policy of a resource in which f has replaced each principal under
// "AWS"; all else stays byte for byte. Errors: *MalformedError.
func RewritePrincipals(document string, f func(principal string) string) (string, error) {
	root, err := readDocument([]byte(document))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	read := 0
	for _, statement := range root.member("Statement").each() {
		for _, element := range []string{"Principal", "NotPrincipal"} {
			for _, n := range statement.member(element).member("AWS").each() {
				if n.kind != stringNode || n.end == 0 {
					continue
				}
				to := f(n.text)
				if to == n.text {
					continue
				}
				text, err := json.Marshal(to)
				if err != nil {
					return "", malformed(syntaxErrors, n.path, err.Error())
				}
				b.WriteString(document[read : n.from+strings.IndexByte(document[n.from:n.end], '"')])
				b.Write(text)
				read = n.end
			}
		}
	}
	b.WriteString(document[read:])
	return b.String(), nil
}

// member gives a member of an object; of anything else, and of an object that has none
// such, an empty list.
func (n *node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return &node{kind: listNode}
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
