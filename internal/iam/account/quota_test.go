package account

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
)

// The largest that the API lets through.
var (
	longPath        = "/" + strings.Repeat("p", 510) + "/"
	longDescription = strings.Repeat("\U00020000", 1000)
)

func longName(of string, n int) string { return fmt.Sprintf("%s%0*d", of, 64-len(of), n) }

// longDocument is a policy of so many characters of two bytes, and white space.
func longDocument(characters, spaces int) string {
	const head, tail = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:s3:::`, `"}]}`
	return head + strings.Repeat("ÿ", characters-len(head+tail)) + tail + strings.Repeat(" ", spaces)
}

func longTrust(characters int) string {
	const head, tail = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"},"Sid":"`, `"}]}`
	return head + strings.Repeat("s", characters-len(head+tail)) + tail
}

func longTags(n int) []Tag {
	var tags []Tag
	for i := range n {
		tags = append(tags, Tag{Key: fmt.Sprintf("%02d%s", i, strings.Repeat("\U00020000", 126)), Value: strings.Repeat("\U00020000", 256)})
	}
	return tags
}

func refusedFor(err error, code Code) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Code == code
}

// full is an account that is filled as far as it goes.
type full struct {
	*enginetest.Run
	t     testing.TB
	sizes enginetest.Sizes
}

func newFull(t testing.TB) *full {
	return &full{Run: enginetest.NewRun(t, NewRules(DefaultLimits()), storyID), t: t}
}

// handle gives a command without looking at the whole account each time.
func (f *full) handle(body any) (engine.Turn, error) {
	f.t.Helper()
	turn, err := f.Rules.Handle(f.State, body, engine.Input{Now: 1000})
	f.sizes.Add(f.t, &turn)
	f.Log = append(f.Log, turn.Events...)
	return turn, err
}

// do gives a command that must be taken, and tells how many bytes of events it made.
func (f *full) do(body any) int {
	f.t.Helper()
	turn, err := f.handle(body)
	if err != nil {
		f.t.Fatalf("%T: %v", body, err)
	}
	n := 0
	for _, e := range turn.Events {
		n += len(e.Public)
	}
	return n
}

// refuse gives a command that is one too many.
func (f *full) refuse(body any) {
	f.t.Helper()
	if _, err := f.handle(body); !refusedFor(err, LimitExceeded) {
		f.t.Errorf("%T beyond the quota: %v", body, err)
	}
}

// end looks at the whole account, and tells how large everything was.
func (f *full) end() {
	f.t.Helper()
	if _, err := f.Handle(1000, Summarize{}); err != nil {
		f.t.Error(err)
	}
	f.sizes.AddState(f.Rules, f.State)
	f.t.Logf("largest turn %d, record %d, state %d bytes", f.sizes.Turn, f.sizes.Record, f.sizes.State)
}

// fillEntity gives an entity all that one may have, after which nothing more goes in.
func (f *full) fillEntity(e Entity) {
	f.t.Helper()
	l := DefaultLimits()
	e.Path = longPath
	if e.Type != Group {
		e.Tags = longTags(l.TagsMax)
		e.Boundary = "arn:aws:iam::123456789012:policy" + longPath + longName("p", 0)
	}
	f.do(CreateEntity{e})
	for n := range l.AttachedPerEntityMax {
		f.do(Attach{e.Ref, "arn:aws:iam::123456789012:policy" + longPath + longName("p", n)})
	}
	f.refuse(Attach{e.Ref, "arn:aws:iam::aws:policy/AdministratorAccess"})
	most := [...]int{User: l.UserInlineMax, Group: l.GroupInlineMax, Role: l.RoleInlineMax}[e.Type]
	for n := range 10 {
		document := longDocument(most/10, 0)
		document += strings.Repeat(" ", inlineSpacedMax/10-len(document))
		f.do(PutInline{e.Ref, Inline{longName("i", n), document}})
	}
	f.refuse(PutInline{e.Ref, Inline{"more", longDocument(120, 0)}})
	f.do(PutInline{e.Ref, Inline{longName("i", 9), longDocument(120, 0)}})
	f.refuse(PutInline{e.Ref, Inline{longName("i", 9), longDocument(120, 20_000)}})
	if e.Type != Group {
		f.refuse(TagEntity{e.Ref, []Tag{{Key: "more", Value: ""}}})
	}
}

// TestQuotasOfOne fills one of everything with the largest that it may have.
func TestQuotasOfOne(t *testing.T) {
	f := newFull(t)
	l := DefaultLimits()
	const spaces = 100_000
	for n := range l.AttachedPerEntityMax {
		p := Policy{Name: longName("p", n), Path: longPath, ID: longName("", n), Description: longDescription}
		if n == 0 {
			p.Tags = longTags(l.TagsMax)
		}
		f.do(CreatePolicy{p, longDocument(l.PolicyMax, spaces)})
	}
	arn := "arn:aws:iam::123456789012:policy" + longPath + longName("p", 0)
	for range l.VersionsPerPolicyMax - 1 {
		f.do(CreateVersion{arn, longDocument(l.PolicyMax, spaces), false})
	}
	f.refuse(CreateVersion{arn, longDocument(120, 0), false})
	f.refuse(CreatePolicy{Policy{Name: "more"}, longDocument(l.PolicyMax+1, 0)})
	f.refuse(TagPolicy{arn, []Tag{{Key: "more", Value: ""}}})

	for n := range l.GroupsPerUserMax + 1 {
		f.do(CreateEntity{Entity{Ref: Ref{Group, longName("other", n)}, Path: longPath, ID: longName("", n)}})
	}
	user := Ref{User, longName("u", 1)}
	f.fillEntity(Entity{Ref: Ref{Group, longName("g", 1)}, ID: longName("G", 1)})
	f.fillEntity(Entity{
		Ref: Ref{Role, longName("r", 1)}, ID: longName("R", 1),
		Trust: longTrust(l.TrustMax), Description: longDescription, SessionSecondsMax: 43_200,
	})
	f.fillEntity(Entity{Ref: user, ID: longName("U", 1)})
	for n := range l.GroupsPerUserMax {
		f.do(Join{user.Name, longName("other", n)})
	}
	f.refuse(Join{user.Name, longName("other", l.GroupsPerUserMax)})
	for n := range l.KeysPerUserMax {
		f.do(CreateKey{user.Name, longName("AKIA", n), bytes.Repeat([]byte{1}, 68)})
	}
	f.refuse(CreateKey{user.Name, "AKIAMORE", nil})

	whole := func(of Ref) int {
		e, _ := f.State.(*account).find(of)
		return len(rules.Pack(&entityCreated{*e}))
	}
	tag := f.do(TagEntity{user, []Tag{{Key: longTags(1)[0].Key, Value: "x"}}})
	key := f.do(UpdateKey{user.Name, longName("AKIA", 0), true})
	f.do(DeleteVersion{arn, 2})
	version := f.do(CreateVersion{arn, longDocument(120, 0), true})
	if tag > 1024 || key > 256 || version > 512 {
		t.Errorf("a tag's event takes %d bytes, a key's %d, a small version's %d", tag, key, version)
	}
	f.do(DeleteVersion{arn, 1})
	largest := f.do(CreateVersion{arn, longDocument(l.PolicyMax, spaces), true})
	p, _ := findPolicy(f.State.(*account).policies, longName("p", 0))
	t.Logf("the user takes %d bytes; one tag changes by %d, a key by %d", whole(user), tag, key)
	t.Logf("the role takes %d bytes, the group %d", whole(Ref{Role, longName("r", 1)}), whole(Ref{Group, longName("g", 1)}))
	t.Logf("the policy takes %d bytes; a small version is %d, the largest %d", len(rules.Pack(&policyCreated{*p})), version, largest)
	enginetest.Weighed(t, f.Rules, storyID, f.State)
	f.end()
}

// TestQuotasOfAnAccount makes as many of everything as there may be.
func TestQuotasOfAnAccount(t *testing.T) {
	f := newFull(t)
	l := DefaultLimits()
	for entityType, most := range map[EntityType]int{User: l.UsersMax, Group: l.GroupsMax, Role: l.RolesMax} {
		one := func(n int) CreateEntity {
			return CreateEntity{Entity{Ref: Ref{entityType, longName("n", n)}, Path: "/", Trust: longTrust(200), ID: longName("I", n)}}
		}
		for n := range most {
			f.do(one(n))
		}
		f.refuse(one(most))
	}
	for n := range l.PoliciesMax {
		f.do(CreatePolicy{Policy{Name: longName("p", n), Path: "/", ID: longName("P", n)}, longDocument(120, 0)})
	}
	f.refuse(CreatePolicy{Policy{Name: "more"}, longDocument(120, 0)})
	enginetest.Weighed(t, f.Rules, storyID, f.State)
	f.end()
}
