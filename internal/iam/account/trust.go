package account

import (
	"context"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/policy"
)

// A trust policy is kept with ids where it was written with names of users, roles and
// sessions of roles, so that it trusts those who were meant, whatever they are called
// later, and nobody else who takes their names. Whoever reads it sees names again, but
// for those who are no more. It is bound when it becomes part of the state: those of
// events and of states that were stored with names, too, to who had the names then.

// formerID stands for a name that nobody had when a policy was bound that had been
// stored with it. Nobody has this id.
const formerID = "AIDAHADNOBODYWHENBOUND"

// bind gives a trust policy with ids for names, and the principals that are nobody's.
func (a *account) bind(document string) (bound string, unknown []string) {
	bound, err := policy.RewritePrincipals(document, func(principal string) string {
		to := a.bindPrincipal(principal)
		if !to.There {
			unknown = append(unknown, principal)
		}
		return to.ID
	})
	if err != nil {
		return document, nil // who evaluates it will say so
	}
	return bound, unknown
}

func (a *account) bindPrincipal(principal string) Bound {
	id, ok := a.principalID(principal)
	if name, err := arn.Parse(principal); err == nil && name.Partition != a.owner.Partition {
		ok = false // even an account's root: accounts of other partitions are others
	}
	return Bound{id, ok}
}

func (a *account) bindPrincipals(c BindPrincipals) Bounds {
	all := make(Bounds, len(c.Names))
	for i, name := range c.Names {
		all[i] = a.bindPrincipal(name)
	}
	return all
}

func (a *account) namePrincipals(c NamePrincipals) []string {
	all := make([]string, len(c.IDs))
	for i, id := range c.IDs {
		all[i] = a.principalName(id)
	}
	return all
}

// bindStored is bind for what is stored: a name that nobody has is given up for good.
func (a *account) bindStored(document string) string {
	if !strings.Contains(document, "arn:") && !strings.Contains(document, `\`) {
		return document // it has no names, not even escaped ones
	}
	bound, err := policy.RewritePrincipals(document, func(principal string) string {
		id, ok := a.principalID(principal)
		if _, err := arn.Parse(id); !ok && err == nil {
			return formerID
		}
		return id
	})
	if err != nil {
		return document
	}
	return bound
}

// principalID gives what a principal of a trust policy is bound to: the id of a user or
// role, one's session with the id of its role, all else itself. Ok is false if it names
// somebody who is not there.
func (a *account) principalID(principal string) (id string, ok bool) {
	if isBound(principal) {
		return principal, true
	}
	name, err := arn.Parse(principal)
	if err != nil {
		if id, _, _ := strings.Cut(principal, ":"); strings.HasPrefix(id, idPrefixes[User]) || strings.HasPrefix(id, idPrefixes[Role]) {
			_, ok = a.ids[id]
			return principal, ok
		}
		return principal, true // an account, everybody, or no principal at all
	}
	if name.Service == "iam" && name.Resource == "root" {
		return principal, true
	}
	if role, session, found := strings.Cut(strings.TrimPrefix(name.Resource, sessionPath), "/"); found && name.Service == "sts" {
		e, ok := a.find(Ref{Role, role})
		if !ok || AssumedRoleARN(a.owner, role, session) != principal {
			return principal, false
		}
		return e.ID + ":" + session, true
	}
	for _, entityType := range [...]EntityType{User, Role} {
		last := name.Resource[strings.LastIndexByte(name.Resource, '/')+1:]
		if e, ok := a.find(Ref{entityType, last}); ok && e.ARN(a.owner) == principal {
			return e.ID, true
		}
	}
	return principal, false
}

// principalName is the opposite of principalID. An id that is nobody's any more stays.
func (a *account) principalName(principal string) string {
	if isBound(principal) {
		return nameIn(principal)
	}
	id, session, ofSession := strings.Cut(principal, ":")
	e, ok := a.ids[id]
	switch {
	case !ok:
		return principal
	case ofSession:
		return AssumedRoleARN(a.owner, e.Name, session)
	}
	return e.ARN(a.owner)
}

// shown gives an entity as its readers see it.
func (a *account) shown(e *Entity) *Entity {
	if e == nil || e.Type != Role || !strings.Contains(e.Trust, idPrefixes[User]) && !strings.Contains(e.Trust, idPrefixes[Role]) {
		return e
	}
	document, err := policy.RewritePrincipals(e.Trust, a.principalName)
	if err != nil || document == e.Trust {
		return e
	}
	with := *e
	with.named = document
	return &with
}

// TrustDocument is a role's trust policy with names, as its readers see it.
func (e *Entity) TrustDocument() string {
	if e.named != "" {
		return e.named
	}
	return e.Trust
}

// Those of other accounts are bound by the Directory before a policy comes to the rules, as
// "ID ARN": the id decides, and readers see the name as it was written. Neither who writes
// it nor who reads it learns whether the other account has anybody of that name: a name
// that nobody has is taken, and trusts nobody.

// isBound tells whether the Directory has bound a principal.
func isBound(principal string) bool { return strings.Contains(principal, " ") }

// nameIn is the name that it was bound from.
func nameIn(principal string) string { return principal[strings.Index(principal, " ")+1:] }

// asWritten is a policy as it was before the Directory bound it.
func asWritten(document string) string {
	written, err := policy.RewritePrincipals(document, nameIn)
	if err != nil {
		return document
	}
	return written
}

// Bind gives what a policy of a resource of an account is to have in the place of names of
// principals, in their order; see BindPrincipals.
func (d *Directory) Bind(ctx context.Context, account string, names []string) (Bounds, error) {
	all := make(Bounds, len(names))
	var own []string
	for i, name := range names {
		to, err := d.bindForeign(ctx, account, name)
		if err != nil {
			return nil, err
		}
		all[i] = Bound{to, to != name}
		if to == name && !isBound(name) {
			own = append(own, name)
		}
	}
	reply, err := d.Do(ctx, account, BindPrincipals{own})
	if err != nil {
		return nil, err
	}
	next := reply.(Bounds)
	for i, name := range names {
		if all[i].ID == name && !isBound(name) {
			all[i], next = next[0], next[1:]
		}
	}
	return all, nil
}

// bindTrust binds those of other accounts in the trust policy that a command has.
func (d *Directory) bindTrust(ctx context.Context, account string, body any) (any, error) {
	switch c := body.(type) {
	case CreateEntity:
		if c.New.Type == Role {
			trust, err := d.bindDocument(ctx, account, c.New.Trust)
			c.New.Trust = trust
			return c, err
		}
	case UpdateEntity:
		if c.Trust != nil {
			trust, err := d.bindDocument(ctx, account, *c.Trust)
			c.Trust = &trust
			return c, err
		}
	}
	return body, nil
}

func (d *Directory) bindDocument(ctx context.Context, account, document string) (string, error) {
	var wrong error
	bound, err := policy.RewritePrincipals(document, func(principal string) string {
		if isBound(principal) && wrong == nil { // only we may write that
			wrong = refuse(MalformedPolicy, "Invalid principal in policy: %q:%q", "AWS", principal)
		}
		to, err := d.bindForeign(ctx, account, principal)
		if err != nil && wrong == nil {
			wrong = err
		}
		return to
	})
	if err != nil {
		return document, nil // the rules will say so
	}
	return bound, wrong
}

// bindForeign gives the bound form of a user, role or session of another account; all else
// as it is.
func (d *Directory) bindForeign(ctx context.Context, account, principal string) (string, error) {
	name, err := arn.Parse(principal)
	if err != nil || name.Account == account || name.Resource == "root" || !d.namesSomebody(name) {
		return principal, nil
	}
	id := formerID
	if d.Has(name.Account) {
		reply, err := d.Do(ctx, name.Account, BindPrincipals{[]string{principal}})
		if err != nil {
			return principal, err
		}
		if found := reply.(Bounds)[0]; found.There {
			id = found.ID
		}
	}
	return id + " " + principal, nil
}

// namesSomebody tells whether a name may be of a user, a role or a role's session.
func (d *Directory) namesSomebody(name arn.ARN) bool {
	if name.Partition != d.Owner("").Partition || name.Region != "" || len(name.Account) != 12 || strings.ContainsAny(name.Resource, "*?") {
		return false
	}
	kind, rest, _ := strings.Cut(name.Resource, "/")
	switch {
	case rest == "":
		return false
	case name.Service == "iam":
		return kind == User.String() || kind == Role.String()
	}
	return name.Service == "sts" && strings.HasPrefix(name.Resource, sessionPath) && strings.Count(rest, "/") == 1
}
