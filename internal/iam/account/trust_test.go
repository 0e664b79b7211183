package account

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
	"heddle/internal/engine"
)

// trusting is a trust policy that names one principal.
func trusting(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":%q}}]}`, principal)
}

const ofAccount = "arn:aws:iam::" + storyAccount

// trusts tells whether a role's policy lets a caller in by itself.
func (d *town) trusts(role string, c *Caller) bool {
	d.t.Helper()
	g := d.do(Resolve{Of: Ref{Role, role}}).(Grants)
	trust, err := policy.ParseTrust([]byte(g.Entity.Trust))
	if err != nil {
		d.t.Fatal(err)
	}
	r := policy.Request{Principal: c.Principal, Action: "sts:AssumeRole", Resource: g.Entity.ARN(storyOwner), Context: c.Context}
	return policy.EvaluateTrust(&r, policy.Attached{Policy: trust}, &policy.PolicySets{}).Allowed
}

func (d *town) role(name, trust string) {
	d.t.Helper()
	d.do(CreateEntity{Entity{Ref: Ref{Role, name}, Path: "/", ID: "AROA" + name, Trust: trust}})
}

// shownTrust is what readers see of a role's trust policy, in each way of reading it.
func (d *town) shownTrust(role string) string {
	d.t.Helper()
	shown := d.do(GetEntity{Ref{Role, role}}).(*Entity).TrustDocument()
	for _, e := range d.do(ListEntities{Role}).([]*Entity) {
		if e.Name == role && e.TrustDocument() != shown {
			d.t.Errorf("listed %s, got %s", e.TrustDocument(), shown)
		}
	}
	return shown
}

// TestTrustIsInWhoWasMeant: names of a trust policy are names of today's holders.
func TestTrustIsInWhoWasMeant(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	d.role("old", trusting(storyAccount))
	d.do(CreateEntity{Entity{Ref: Ref{User, "deep"}, Path: "/a/b/", ID: "AIDAdeep"}})
	for _, c := range []struct{ principal, shown string }{
		{ofAccount + ":user/ann", ofAccount + ":user/ann"},
		{ofAccount + ":user/a/b/deep", ofAccount + ":user/a/b/deep"},
		{ofAccount + ":role/old", ofAccount + ":role/old"},
		{"arn:aws:sts::" + storyAccount + ":assumed-role/old/x", "arn:aws:sts::" + storyAccount + ":assumed-role/old/x"},
		{"AIDAann", ofAccount + ":user/ann"},
		{ofAccount + ":root", ofAccount + ":root"},
		{storyAccount, storyAccount},
		{"999999999999", "999999999999"},
		{"*", "*"},
	} {
		d.role("r", trusting(c.principal))
		if got := d.shownTrust("r"); got != trusting(c.shown) {
			t.Errorf("%s: shown %s", c.principal, got)
		}
		if stored := d.do(Resolve{Of: Ref{Role, "r"}}).(Grants).Entity.Trust; strings.Contains(stored, ":user/") || strings.Contains(stored, "role/") {
			t.Errorf("%s: kept as %s", c.principal, stored)
		}
		d.do(DeleteEntity{Ref{Role, "r"}})
	}
	d.role("r", trusting(storyAccount))
	for _, principal := range []string{
		ofAccount + ":user/eve", ofAccount + ":user/Ann", ofAccount + ":user/x/ann", ofAccount + ":user//ann", ofAccount + ":user/deep",
		ofAccount + ":role/none", ofAccount + ":role/self", ofAccount + ":group/ann",
		"arn:aws:iam::999999999999:group/ann", "arn:aws:iam::999999999999:user/", "arn:aws:iam::999999999999:user",
		"arn:aws-cn:iam::999999999999:user/ann", "arn:aws:sts::999999999999:assumed-role/r", "arn:aws:sts::999999999999:assumed-role/r/s/t", "arn:aws:sts::999999999999:user/ann",
		"AIDAann " + ofAccount + ":user/eve", "AIDAann arn:aws:iam::999999999999:user/ann", formerID + " x", "arn:aws:iam::999999999999:user/a b", "arn:aws:iam:us-east-1:" + storyAccount + ":user/ann",
		"arn:aws:sts::" + storyAccount + ":assumed-role/none/x", "arn:aws:sts::" + storyAccount + ":federated-user/ann",
		"AIDAeve", "AROAnone:x",
	} {
		want := "MalformedPolicyDocument: Invalid principal in policy: \"AWS\":\"" + principal + "\""
		trust := trusting(principal)
		for _, body := range []any{
			CreateEntity{Entity{Ref: Ref{Role, "self"}, Path: "/", ID: "AROAself", Trust: trust}},
			UpdateEntity{Of: Ref{Role, "r"}, Trust: &trust},
		} {
			_, err := d.Do(t.Context(), storyAccount, body)
			if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Error() != want {
				t.Errorf("%s: %T: %v", principal, body, err)
			}
		}
	}
}

// TestTrustFollowsRenamesOnly: who is renamed is trusted still, who takes a name is not.
func TestTrustFollowsRenamesOnly(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	d.role("old", trusting(storyAccount))
	d.role("by-user", trusting(ofAccount+":user/ann"))
	d.role("by-role", trusting(ofAccount+":role/old"))
	d.role("by-session", trusting("arn:aws:sts::"+storyAccount+":assumed-role/old/s"))
	session := func(role string) *Caller {
		pair, token := d.session(&Session{Of: Ref{Role, role}, ID: d.do(Resolve{Of: Ref{Role, role}}).(Grants).Entity.ID, Name: "s"})
		return d.lookup(pair.KeyID, token)
	}
	want := func(when string, role string, c *Caller, want bool) {
		t.Helper()
		if got := d.trusts(role, c); got != want {
			t.Errorf("%s: %s trusts %s: %v", when, role, c.Principal.ARN, got)
		}
	}
	ann := d.key("ann")
	want("at first", "by-user", d.lookup(ann.KeyID, ""), true)
	want("at first", "by-role", session("old"), true)
	want("at first", "by-session", session("old"), true)

	name := "anna"
	d.do(UpdateEntity{Of: Ref{User, "ann"}, NewName: &name})
	want("renamed", "by-user", d.lookup(ann.KeyID, ""), true)
	if got := d.shownTrust("by-user"); got != trusting(ofAccount+":user/anna") {
		t.Errorf("renamed: shown %s", got)
	}
	d.do(CreateEntity{Entity{Ref: Ref{User, "ann"}, Path: "/", ID: "AIDAthief"}})
	want("name taken", "by-user", d.lookup(d.key("ann").KeyID, ""), false)

	d.do(DeleteKey{"anna", ann.KeyID})
	d.do(DeleteEntity{Ref{User, "anna"}})
	d.do(CreateEntity{Entity{Ref: Ref{User, "anna"}, Path: "/", ID: "AIDAnext"}})
	want("made again", "by-user", d.lookup(d.key("anna").KeyID, ""), false)
	if got := d.shownTrust("by-user"); got != trusting("AIDAann") {
		t.Errorf("deleted: shown %s", got)
	}
	d.do(DeleteEntity{Ref{Role, "old"}})
	d.do(CreateEntity{Entity{Ref: Ref{Role, "old"}, Path: "/", ID: "AROAnew", Trust: trusting(storyAccount)}})
	want("made again", "by-role", session("old"), false)
	want("made again", "by-session", session("old"), false)
	for role, id := range map[string]string{"by-role": "AROAold", "by-session": "AROAold:s"} {
		if got := d.shownTrust(role); got != trusting(id) {
			t.Errorf("deleted: shown %s", got)
		}
	}
}

// TestStoredTrustIsBound reads events and states that hold names: they mean who had
// the names there and then.
func TestStoredTrustIsBound(t *testing.T) {
	rules := NewRules(DefaultLimits())
	named := func(r *Rules, to engine.State) {
		at := engine.Time(0)
		for i, body := range []eventBody{
			&entityCreated{Entity{Ref: Ref{User, "ann"}, Path: "/", ID: "AIDAann"}},
			&entityCreated{Entity{Ref: Ref{Role, "r"}, Path: "/", ID: "AROAr", Trust: trusting(ofAccount + ":user/ann")}},
			&entityCreated{Entity{Ref: Ref{Role, "ghost"}, Path: "/", ID: "AROAghost", Trust: trusting(ofAccount + ":user/eve")}},
			&entityCreated{Entity{Ref: Ref{Role, "escaped"}, Path: "/", ID: "AROAescaped", Trust: strings.Replace(trusting(ofAccount+":user/ann"), "arn", `\u0061rn`, 1)}},
		} {
			r.Apply(to, engine.Event{ID: int64(i + 1), At: at, Body: body})
		}
	}
	want := map[string]string{"r": trusting("AIDAann"), "ghost": trusting(formerID), "escaped": trusting("AIDAann")}
	check := func(what string, s engine.State) {
		t.Helper()
		for _, e := range s.(*account).entities[Role] {
			if e.Trust != want[e.Name] {
				t.Errorf("%s: %s: %s", what, e.Name, e.Trust)
			}
		}
	}
	s := rules.New(storyID)
	named(rules, s)
	check("events", s)

	// A state as it was stored: with names.
	state := s.(*account)
	for name, principal := range map[string]string{"r": "ann", "ghost": "eve", "escaped": "ann"} {
		state.change(Ref{Role, name}, func(e *Entity) { e.Trust = trusting(ofAccount + ":user/" + principal) })
	}
	read, err := rules.DecodeState(storyID, rules.EncodeState(state))
	if err != nil {
		t.Fatal(err)
	}
	check("a state", read)

	// Once bound it stays, whoever takes the names.
	again := read.(*account)
	again.take(again.ids["AIDAann"])
	for _, name := range []string{"ann", "eve"} {
		again.place(&Entity{Ref: Ref{User, name}, Path: "/", ID: "AIDAnew" + name})
	}
	if read, err = rules.DecodeState(storyID, rules.EncodeState(again)); err != nil {
		t.Fatal(err)
	}
	check("after others took the names", read)
}
