package policy

import (
	"strings"

	"heddle/internal/aws/arn"
)

// principals are whom a statement of a trust policy is about.
type principals struct {
	except   bool // NotPrincipal: all but these
	anybody  bool
	accounts []string
	arns     []string // of users, roles and sessions
	services []string
}

// bond is how a statement of a trust policy names a principal.
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
		p.ARN != "" && contains(s.arns, p.ARN), p.Session != "" && contains(s.arns, p.Session):
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

// add reads one principal; ok is false if it is none.
func (s *principals) add(sort, value string) (ok bool) {
	switch {
	case sort == "AWS" && value == "*":
		s.anybody = true
	case sort == "AWS" && isAccount(value):
		s.accounts = append(s.accounts, value)
	case sort == "AWS":
		a, err := arn.Parse(value)
		if err != nil || a.Service != "iam" && a.Service != "sts" || !isAccount(a.Account) || strings.ContainsAny(value, "*?") {
			return false
		}
		if a.Resource == "root" {
			s.accounts = append(s.accounts, a.Account)
		} else {
			s.arns = append(s.arns, value)
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

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
