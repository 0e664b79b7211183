package account

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: commands, and indented beneath each what it
// gave.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string { return golden.Lines(text, newStory(t).do) })
}

// story is one account.
type story struct {
	*enginetest.Run
	t    testing.TB
	now  engine.Time
	made int
}

const storyAccount = "123456789012"

var storyOwner = arn.Owner{Partition: arn.AWS, Account: storyAccount}

var storyID = engine.Identity{Name: command(storyOwner, nil).Name}

func newStory(t testing.TB) *story {
	rules := NewRules(Limits{
		UsersMax: 4, GroupsMax: 3, RolesMax: 2, PoliciesMax: 3,
		GroupsPerUserMax: 2, KeysPerUserMax: 2, AttachedPerEntityMax: 2, VersionsPerPolicyMax: 3, TagsMax: 2,
		UserInlineMax: 200, GroupInlineMax: 300, RoleInlineMax: 400, PolicyMax: 250, TrustMax: 200,
	})
	return &story{Run: enginetest.NewRun(t, rules, storyID), t: t, now: 1000}
}

// documents that stories name by a word.
var documents = map[string]string{
	"allow":   `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"swf:*","Resource":"*"}]}`,
	"deny":    `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"swf:*","Resource":"*"}]}`,
	"spaced":  `{"Version":"2012-10-17",` + strings.Repeat(" \n", 200) + `"Statement":[{"Effect":"Allow","Action":"swf:*","Resource":"*"}]}`,
	"big":     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"swf:*","Resource":["*","arn:aws:swf:*:*:/domain/` + strings.Repeat("x", 200) + `"]}]}`,
	"trust":   `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}}]}`,
	"trust2":  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}]}`,
	"garbled": `{"Version":`,
	"empty":   ``,
}

// command reads a line: a verb, the things it is about, and name=value.
func (s *story) command(line string) any {
	words := strings.Fields(line)
	verb := words[0]
	var plain []string
	arg := map[string]string{}
	var tags []Tag
	for _, w := range words[1:] {
		name, value, named := strings.Cut(w, "=")
		switch {
		case strings.HasPrefix(w, "tag:"):
			tags = append(tags, Tag{Key: strings.TrimPrefix(name, "tag:"), Value: value})
		case named:
			arg[name] = value
		default:
			plain = append(plain, w)
		}
	}
	at := func(i int) string {
		if i >= len(plain) {
			s.t.Fatalf("%q: too few words", line)
		}
		return plain[i]
	}
	document := func(name string) string {
		d, ok := documents[arg[name]]
		if arg[name] != "" && !ok {
			s.t.Fatalf("%q: no document %q", line, arg[name])
		}
		return d
	}
	of := func(i int) Ref {
		entityType, name, _ := strings.Cut(at(i), "/")
		return Ref{EntityType(slices.Index(entityNames[:], entityType)), name}
	}
	policy := func(i int) string {
		if name, ok := strings.CutPrefix(at(i), "aws/"); ok {
			return "arn:aws:iam::aws:policy/" + name
		}
		return "arn:aws:iam::123456789012:policy/" + at(i)
	}
	number := func(i int) int {
		n, err := strconv.Atoi(at(i))
		if err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		return n
	}
	optional := func(name string) *string {
		if v, ok := arg[name]; ok {
			return &v
		}
		return nil
	}
	path := arg["path"]
	if path == "" {
		path = "/"
	}
	switch verb {
	case "create":
		s.made++
		r := of(0)
		e := Entity{Ref: r, Path: path, ID: fmt.Sprintf("%s%d", idPrefixes[r.Type], s.made), Boundary: arg["boundary"], Tags: tags, Trust: document("trust")}
		if r.Type == Role {
			e.SessionSecondsMax = 3600
		}
		return CreateEntity{e}
	case "update":
		u := UpdateEntity{Of: of(0), NewName: optional("name"), NewPath: optional("path"), Description: optional("description")}
		if arg["trust"] != "" {
			trust := document("trust")
			u.Trust = &trust
		}
		return u
	case "delete":
		return DeleteEntity{of(0)}
	case "get":
		return GetEntity{of(0)}
	case "list":
		return ListEntities{of(0).Type}
	case "put-inline":
		return PutInline{of(0), Inline{at(1), document("document")}}
	case "delete-inline":
		return DeleteInline{of(0), at(1)}
	case "attach":
		return Attach{of(0), policy(1)}
	case "detach":
		return Detach{of(0), policy(1)}
	case "bound":
		return SetBoundary{of(0), policy(1)}
	case "unbound":
		return SetBoundary{Of: of(0)}
	case "tag":
		return TagEntity{of(0), tags}
	case "untag":
		return UntagEntity{of(0), plain[1:]}
	case "join":
		return Join{at(0), at(1)}
	case "leave":
		return Leave{at(0), at(1)}
	case "groups":
		return ListGroups{at(0)}
	case "members":
		return ListMembers{at(0)}
	case "create-key":
		return CreateKey{at(0), at(1), []byte("sealed " + at(1))}
	case "deactivate-key":
		return UpdateKey{at(0), at(1), true}
	case "activate-key":
		return UpdateKey{at(0), at(1), false}
	case "delete-key":
		return DeleteKey{at(0), at(1)}
	case "create-policy":
		s.made++
		return CreatePolicy{Policy{Name: at(0), Path: path, ID: fmt.Sprintf("ANPA%d", s.made), Tags: tags}, document("document")}
	case "create-version":
		return CreateVersion{policy(0), document("document"), arg["default"] == "true"}
	case "set-default":
		return SetDefaultVersion{policy(0), number(1)}
	case "delete-version":
		return DeleteVersion{policy(0), number(1)}
	case "delete-policy":
		return DeletePolicy{policy(0)}
	case "tag-policy":
		return TagPolicy{policy(0), tags}
	case "untag-policy":
		return UntagPolicy{policy(0), plain[1:]}
	case "get-policy":
		return GetPolicy{policy(0)}
	case "list-policies":
		return ListPolicies{}
	case "holders":
		return ListHolders{policy(0), arg["boundary"] == "true"}
	case "resolve-key":
		return Resolve{Key: at(0)}
	case "resolve":
		return Resolve{Of: of(0)}
	case "summarize":
		return Summarize{}
	}
	s.t.Fatalf("unknown verb in %q", line)
	return nil
}

// do runs one line, a second after the one before, and tells what it gave.
func (s *story) do(line string) []string {
	s.now += 1000
	body := s.command(line)
	lived := s.State.(*account)
	turn, err := s.Handle(s.now, body)
	if err != nil {
		return []string{err.Error()}
	}
	// Owners are not stored; they are made again with the state.
	if found := s.State.(*account); !reflect.DeepEqual(found.owners, lived.owners) {
		s.t.Fatalf("owners of keys %v, want %v", found.owners, lived.owners)
	}
	if reads(body) {
		if len(turn.Events) > 0 {
			s.t.Errorf("%T counts as reading, but writes", body)
		}
		return tellReply(turn.Reply)
	}
	var told []string
	for _, e := range turn.Events {
		told = append(told, fmt.Sprintf("event %d %s", e.ID, tellEvent(e.Body)))
	}
	return append(told, tellReply(turn.Reply)...)
}

func tellEvent(body any) string {
	of := func(r Ref) string { return r.Type.String() + "/" + r.Name }
	switch e := body.(type) {
	case *entityCreated:
		return "EntityCreated " + tellEntity(&e.entity)
	case *entityUpdated:
		told := "EntityUpdated " + of(e.of)
		for i, name := range [...]string{"name", "path", "boundary", "trust", "description"} {
			if text := *e.texts()[i]; text != nil {
				told += " " + name + "=" + wordOf(*text)
			}
		}
		if e.sessionSecondsMax != nil {
			told += fmt.Sprintf(" session=%d", *e.sessionSecondsMax)
		}
		return told
	case *entityTagged:
		return "EntityTagged " + of(e.of) + tellTags(e.TagChange)
	case *entityRemoved:
		return "EntityRemoved " + of(e.of)
	case *inlinePut:
		return "InlinePut " + of(e.of) + " " + e.Name + "=" + wordOf(e.Document)
	case *inlineRemoved:
		return "InlineRemoved " + of(e.of) + " " + e.name
	case *attached:
		return "Attached " + of(e.of) + " " + e.policy
	case *detached:
		return "Detached " + of(e.of) + " " + e.policy
	case *joined:
		return "Joined " + e.user + " " + e.group
	case *left:
		return "Left " + e.user + " " + e.group
	case *keyPut:
		return "KeyPut " + e.user + " " + tellKey(e.Key)
	case *keyRemoved:
		return "KeyRemoved " + e.user + " " + e.id
	case *policyCreated:
		return "PolicyCreated " + tellPolicy(&e.policy)
	case *policyTagged:
		return "PolicyTagged " + e.name + tellTags(e.TagChange)
	case *policyRemoved:
		return "PolicyRemoved " + e.name
	case *versionCreated:
		return fmt.Sprintf("VersionCreated %s %s default=%v", e.policy, wordOf(e.document), e.counts)
	case *versionRemoved:
		return fmt.Sprintf("VersionRemoved %s v%d", e.policy, e.number)
	case *defaultSet:
		return fmt.Sprintf("DefaultSet %s v%d", e.policy, e.number)
	}
	return fmt.Sprintf("unknown event %T", body)
}

func tellTags(c collection.TagChange) string {
	told := ""
	for _, t := range c.Set {
		told += " tag:" + t.Key + "=" + t.Value
	}
	for _, key := range c.Removed {
		told += " -tag:" + key
	}
	return told
}

func tellKey(k Key) string {
	return fmt.Sprintf("%s(%s inactive=%v created=%d)", k.ID, k.Sealed, k.Inactive, k.CreatedAt)
}

func tellEntity(e *Entity) string {
	told := fmt.Sprintf("%s/%s id=%s path=%s created=%d", e.Type, e.Name, e.ID, e.Path, e.CreatedAt)
	add := func(name, value string) {
		if value != "" {
			told += " " + name + "=" + value
		}
	}
	add("boundary", e.Boundary)
	add("trust", wordOf(e.Trust))
	add("description", e.Description)
	for _, t := range e.Tags {
		add("tag:"+t.Key, t.Value)
	}
	for _, p := range e.Inline {
		add("inline:"+p.Name, wordOf(p.Document))
	}
	add("attached", strings.Join(e.Attached, ","))
	add("groups", strings.Join(e.Groups, ","))
	for _, k := range e.Keys {
		add("key", tellKey(k))
	}
	return told
}

func wordOf(document string) string {
	for word, d := range documents {
		if d == document && d != "" {
			return word
		}
	}
	return document
}

func tellPolicy(p *Policy) string {
	told := fmt.Sprintf("%s id=%s path=%s created=%d updated=%d default=%d last=%d", p.Name, p.ID, p.Path, p.CreatedAt, p.UpdatedAt, p.Default, p.Last)
	for _, t := range p.Tags {
		told += fmt.Sprintf(" tag:%s=%s", t.Key, t.Value)
	}
	for _, v := range p.Versions {
		told += fmt.Sprintf(" v%d=%s", v.Number, wordOf(v.Document))
	}
	return told
}

func tellReply(reply any) []string {
	switch r := reply.(type) {
	case *Entity:
		return []string{tellEntity(r)}
	case []*Entity:
		var told []string
		for _, e := range r {
			told = append(told, e.Type.String()+"/"+e.Name)
		}
		return []string{fmt.Sprint(told)}
	case *Policy:
		return []string{tellPolicy(r)}
	case PolicyUse:
		return []string{fmt.Sprintf("%s attachments=%d boundaries=%d", tellPolicy(r.Policy), r.Attachments, r.Boundaries)}
	case []PolicyUse:
		var told []string
		for _, p := range r {
			told = append(told, fmt.Sprintf("%s:%d:%d", p.Name, p.Attachments, p.Boundaries))
		}
		return []string{fmt.Sprint(told)}
	case Grants:
		told := []string{tellEntity(r.Entity)}
		for _, g := range r.Groups {
			told = append(told, "group "+tellEntity(g))
		}
		var names []string
		for name := range r.Policies {
			names = append(names, name)
		}
		slices.Sort(names)
		return append(told, fmt.Sprint(names))
	case Summary:
		return []string{fmt.Sprintf("users=%d groups=%d roles=%d policies=%d versions=%d", r.Users, r.Groups, r.Roles, r.Policies, r.PolicyVersions)}
	}
	return []string{fmt.Sprintf("unknown reply %T", reply)}
}

// TestDecodingRefusesWhatItDidNotWrite cuts stored bytes short and garbles their
// first byte.
func TestDecodingRefusesWhatItDidNotWrite(t *testing.T) {
	s := newStory(t)
	s.do("create user/ann tag:a=b")
	s.do("create-policy p document=allow")
	for _, e := range s.Log {
		for cut := range e.Public {
			if _, err := s.Rules.DecodeEvent(e.ID, e.At, e.Public[:cut], nil); err == nil {
				t.Errorf("event %d cut to %d bytes is read", e.ID, cut)
			}
		}
		garbled := append([]byte{99}, e.Public[1:]...)
		if _, err := s.Rules.DecodeEvent(e.ID, e.At, garbled, nil); err == nil {
			t.Errorf("event %d of an unknown mark is read", e.ID)
		}
	}
	state := s.Rules.EncodeState(s.State)
	for cut := range state {
		if _, err := s.Rules.DecodeState(storyID, state[:cut]); err == nil {
			t.Errorf("state cut to %d bytes is read", cut)
		}
	}
	var refusal *Error
	if _, err := s.Rules.Handle(s.State, GetEntity{Ref{Role, "ann"}}, engine.Input{}); !errors.As(err, &refusal) || refusal.Code != NoSuchEntity {
		t.Errorf("a user found as a role: %v", err)
	}
}
