package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
)

// far is another account than the story's.
const far = "111122223333"

// doIn takes a command to any account.
func (d *town) doIn(account string, body any) any {
	d.t.Helper()
	reply, err := d.Do(context.Background(), account, body)
	if err != nil {
		d.t.Fatal(err)
	}
	return reply
}

// userIn makes a user of any account, and gives a key.
func (d *town) userIn(account, name, id string) credentials.KeyPair {
	d.t.Helper()
	d.doIn(account, CreateEntity{Entity{Ref: Ref{User, name}, Path: "/", ID: id}})
	pair, err := credentials.NewKeyPair(account, d.random)
	if err != nil {
		d.t.Fatal(err)
	}
	d.doIn(account, CreateKey{name, pair.KeyID, d.Sealer.SealSecret(pair)})
	return pair
}

func (d *town) roleIn(account, name, id, trust string) {
	d.t.Helper()
	d.doIn(account, CreateEntity{Entity{Ref: Ref{Role, name}, Path: "/", ID: id, Trust: trust}})
}

// assume makes a session of a role of any account, which a caller begins.
func (d *town) assume(c *Caller, account, role, id string) (key credentials.KeyPair, token string) {
	d.t.Helper()
	key, err := credentials.NewSessionPair(account, d.random)
	if err != nil {
		d.t.Fatal(err)
	}
	s := &Session{KeyPair: key, Account: account, Of: Ref{Role, role}, ID: id, Name: "s", Expires: time.Unix(2_000_000_000, 0)}
	c.Lend(s)
	return key, string(d.Sealer.SealSession(s))
}

// TestTrustInOtherAccounts: a trust policy may name somebody of another account, who is
// meant as who he is now; it tells nobody whether there is such a one.
func TestTrustInOtherAccounts(t *testing.T) {
	d := newTown(t, far)
	ann := d.userIn(far, "ann", "AIDAfarann")
	d.roleIn(far, "worker", "AROAfarworker", trusting(far))
	const of = "arn:aws:iam::" + far
	session, token := d.assume(d.lookup(ann.KeyID, ""), far, "worker", "AROAfarworker")
	worker := d.lookup(session.KeyID, token)
	bob := d.lookup(d.userIn(far, "bob", "AIDAfarbob").KeyID, "")
	for i, c := range []struct {
		principal        string
		ann, worker, bob bool
	}{
		{of + ":user/ann", true, false, false},
		{of + ":role/worker", false, true, false},
		{"arn:aws:sts::" + far + ":assumed-role/worker/s", false, true, false},
		{"arn:aws:sts::" + far + ":assumed-role/worker/other", false, false, false},
		{of + ":user/nobody", false, false, false},
		{of + ":user/Ann", false, false, false},
		{of + ":user/x/ann", false, false, false},
		{of + ":role/nobody", false, false, false},
		{"arn:aws:sts::" + far + ":assumed-role/nobody/s", false, false, false},
		{"arn:aws:iam::999999999999:user/ann", false, false, false}, // of an account that is not there
	} {
		role := fmt.Sprint("r", i)
		d.role(role, trusting(c.principal))
		trusts := func(c *Caller) bool { // with policies that allow it
			g := d.do(Resolve{Of: Ref{Role, role}}).(Grants)
			trust, err := policy.ParseTrust([]byte(g.Entity.Trust))
			if err != nil {
				t.Fatal(err)
			}
			r := policy.Request{Principal: c.Principal, Action: "sts:AssumeRole", Resource: g.Entity.ARN(storyOwner), Context: c.Context}
			return policy.EvaluateTrust(&r, policy.Attached{Policy: trust}, &policy.PolicySets{Identity: []policy.Attached{{Policy: everything}}}).Allowed
		}
		if got := [...]bool{trusts(d.lookup(ann.KeyID, "")), trusts(worker), trusts(bob)}; got != [...]bool{c.ann, c.worker, c.bob} {
			t.Errorf("%s: ann, worker, bob: %v", c.principal, got)
		}
		if got := d.shownTrust(role); got != trusting(c.principal) {
			t.Errorf("%s: shown %s", c.principal, got)
		}
		if d.trusts(role, d.lookup(ann.KeyID, "")) {
			t.Errorf("%s: without a policy of her own ann is let in", c.principal)
		}
	}

	// Names move; who is meant does not, and what is shown is what was written.
	name := "anna"
	d.doIn(far, UpdateEntity{Of: Ref{User, "ann"}, NewName: &name})
	thief := d.userIn(far, "ann", "AIDAfarthief")
	trust := d.do(Resolve{Of: Ref{Role, "r0"}}).(Grants).Entity.Trust
	for key, want := range map[string]bool{ann.KeyID: true, thief.KeyID: false} {
		c := d.lookup(key, "")
		p, err := policy.ParseTrust([]byte(trust))
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Request{Principal: c.Principal, Action: "sts:AssumeRole", Resource: ofAccount + ":role/r0"}
		if got := policy.EvaluateTrust(&r, policy.Attached{Policy: p}, &policy.PolicySets{Identity: []policy.Attached{{Policy: everything}}}).Allowed; got != want {
			t.Errorf("%s is trusted: %v", c.Principal.ARN, got)
		}
	}
	d.doIn(far, DeleteKey{"anna", ann.KeyID})
	d.doIn(far, DeleteEntity{Ref{User, "anna"}})
	if got := d.shownTrust("r0"); got != trusting(of+":user/ann") {
		t.Errorf("after the user was deleted: shown %s", got)
	}
	d.userIn(far, "nobody", "AIDAfarlate")
	if late := d.do(Resolve{Of: Ref{Role, "r4"}}).(Grants).Entity.Trust; strings.Contains(late, "AIDAfarlate") {
		t.Errorf("who was made later is trusted: %s", late)
	}
	// A limit of the text is one of the text that was written.
	long := strings.Replace(trusting(of+":user/bob"), "{", "{"+strings.Repeat(" ", 100), 1)
	d.ledger.rules.limits.TrustMax = sizeOf(long)
	d.role("full", long)
	d.ledger.rules.limits.TrustMax--
	_, err := d.Do(t.Context(), storyAccount, CreateEntity{Entity{Ref: Ref{Role, "over"}, Path: "/", ID: "AROAover", Trust: long}})
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Code != LimitExceeded {
		t.Errorf("one character too many: %v", err)
	}
}

// TestSessionsAcrossAccounts: what a session rests on in other accounts ends it at once.
func TestSessionsAcrossAccounts(t *testing.T) {
	const third = "000000000007"
	for what, end := range map[string]func(d *town, key credentials.KeyPair){
		"the key is deleted":         func(d *town, key credentials.KeyPair) { d.doIn(far, DeleteKey{"ann", key.KeyID}) },
		"the key is inactive":        func(d *town, key credentials.KeyPair) { d.doIn(far, UpdateKey{"ann", key.KeyID, true}) },
		"the first role is deleted":  func(d *town, _ credentials.KeyPair) { d.doIn(far, DeleteEntity{Ref{Role, "first"}}) },
		"the second role is deleted": func(d *town, _ credentials.KeyPair) { d.doIn(third, DeleteEntity{Ref{Role, "second"}}) },
		"its own role is deleted":    func(d *town, _ credentials.KeyPair) { d.do(DeleteEntity{Ref{Role, "last"}}) },
		"the first role is another": func(d *town, _ credentials.KeyPair) {
			d.doIn(far, DeleteEntity{Ref{Role, "first"}})
			d.roleIn(far, "first", "AROAanother", trusting(far))
		},
		"the account of the key is not there": func(d *town, _ credentials.KeyPair) { d.leave(far) },
		"an account between is not there":     func(d *town, _ credentials.KeyPair) { d.leave(third) },
		"its own account is not there":        func(d *town, _ credentials.KeyPair) { d.leave(storyAccount) },
		"nothing": func(d *town, _ credentials.KeyPair) {
			d.doIn(third, CreateEntity{Entity{Ref: Ref{User, "x"}, Path: "/", ID: "AIDAx"}})
		},
	} {
		d := newTown(t, far, third)
		key := d.userIn(far, "ann", "AIDAfarann")
		d.roleIn(far, "first", "AROAfirst", trusting(far))
		d.roleIn(third, "second", "AROAsecond", trusting(far))
		d.role("last", trusting(third))
		first, firstToken := d.assume(d.lookup(key.KeyID, ""), far, "first", "AROAfirst")
		second, secondToken := d.assume(d.lookup(first.KeyID, firstToken), third, "second", "AROAsecond")
		last, lastToken := d.assume(d.lookup(second.KeyID, secondToken), storyAccount, "last", "AROAlast")
		c := d.lookup(last.KeyID, lastToken)
		if c.Account != storyAccount || c.Principal.Account != storyAccount || c.Principal.Session != "arn:aws:sts::"+storyAccount+":assumed-role/last/s" {
			t.Errorf("%+v", c.Principal)
		}
		d.lookup(last.KeyID, lastToken) // it is remembered
		end(d, key)
		_, err := d.Lookup(t.Context(), last.KeyID, lastToken)
		if want := what != "nothing"; errors.Is(err, credentials.ErrUnknown) != want || !want && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// leave begins anew without an account, as a server whose flags no longer name it.
func (d *town) leave(account string) {
	c := d.Directory.Config
	c.Roots = nil
	for _, root := range d.Config.Roots {
		if root.Account != account {
			c.Roots = append(c.Roots, root)
		}
	}
	d.Directory = NewDirectory(c)
}

// TestAccountsThatAreNotThere: their keys are like unknown ones, and come back with them.
func TestAccountsThatAreNotThere(t *testing.T) {
	d := newTown(t, far)
	ann := d.userIn(far, "ann", "AIDAfarann")
	d.lookup(ann.KeyID, "")
	d.lookup("AKIAROOT"+far, "")
	with := d.Directory
	d.leave(far)
	d.unknown(ann.KeyID, "")
	d.unknown("AKIAROOT"+far, "")
	if d.Has(far) || !d.Has(storyAccount) {
		t.Error("which accounts are there")
	}
	d.Directory = NewDirectory(with.Config)
	d.lookup(ann.KeyID, "")
	d.lookup("AKIAROOT"+far, "")
}

// TestActingAcrossAccounts: a service in a role assumes that of another account if both
// sides say so, and hears the same of one that says no and of one that is not there.
func TestActingAcrossAccounts(t *testing.T) {
	d := newTown(t, far)
	d.roleIn(far, "machine", "AROAmachine", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"states.amazonaws.com"}}]}`)
	d.doIn(far, PutInline{Ref{Role, "machine"}, Inline{"p", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"},{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/denied"}]}`}})
	machine := "arn:aws:iam::" + far + ":role/machine"
	d.role("open", trusting(machine))
	d.role("whole", trusting("arn:aws:iam::"+far+":root"))
	d.role("anybody", trusting("*"))
	d.role("denied", trusting(machine))
	d.role("shut", trusting(storyAccount))
	d.role("bound", strings.Replace(trusting(machine), `"Effect"`, `"Condition":{"StringEquals":{"sts:ExternalId":"here"}},"Effect"`, 1))
	d.role("organised", strings.Replace(trusting("*"), `"Effect"`, `"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}},"Effect"`, 1))
	d.role("from", strings.Replace(trusting("*"), `"Effect"`, `"Condition":{"StringEquals":{"aws:PrincipalAccount":"`+far+`"}},"Effect"`, 1))
	by, err := d.Act(t.Context(), far, RoleUse{Role: machine, Service: "states.amazonaws.com", Session: "states"})
	if err != nil {
		t.Fatal(err)
	}
	act := func(role, external string) string {
		c, err := d.Act(t.Context(), storyAccount, RoleUse{Role: ofAccount + ":role/" + role, Session: "states", By: by, Known: policy.Context{{Key: "sts:ExternalId", Value: external}}})
		if err != nil {
			return strings.ReplaceAll(err.Error(), role, "ROLE")
		}
		return c.Principal.Session
	}
	const refused = "role " + ofAccount + ":role/ROLE: arn:aws:sts::" + far + ":assumed-role/machine/states is not authorized to assume the role"
	for _, c := range []struct{ role, external, want string }{
		{"open", "here", ""}, {"whole", "here", ""}, {"anybody", "here", ""}, {"bound", "here", ""}, {"from", "here", ""},
		{"bound", "there", refused}, {"denied", "here", refused}, {"shut", "here", refused}, {"nobody", "here", refused}, {"organised", "here", refused}, {"x/open", "here", refused},
	} {
		if c.want == "" {
			c.want = AssumedRoleARN(arn.Owner{Partition: arn.AWS, Account: storyAccount}, c.role, "states")
		}
		if got := act(c.role, c.external); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.role, got, c.want)
		}
	}
	d.leave(far)
	if got := act("open", "here"); got != refused {
		t.Errorf("from an account that is not there: %s", got)
	}
	d = newTown(t)
	if got := act("open", "here"); got != refused {
		t.Errorf("into one that is not there: %s", got)
	}
	// A role of one's own is not handed over from elsewhere.
	if _, err := d.Act(t.Context(), storyAccount, RoleUse{Role: machine, Service: "states.amazonaws.com", Session: "states"}); err == nil || !strings.Contains(err.Error(), "this account has no such role") {
		t.Errorf("a machine with another account's role: %v", err)
	}
}
