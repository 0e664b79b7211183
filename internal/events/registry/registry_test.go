package registry

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/engine/enginetest"
	"heddle/test/golden"
)

var testID = engine.Identity{Name: Name(engine.World{Account: "123456789012", Region: "us-east-1"})}

// bookRun is a book, of which each command is checked.
type bookRun struct {
	*enginetest.Run
	t   testing.TB
	now engine.Time
}

func newBookRun(t testing.TB, l Limits) *bookRun {
	return &bookRun{enginetest.NewRun(t, NewRules(l), testID), t, 1000}
}

func (r *bookRun) do(body any) any {
	r.t.Helper()
	turn, err := r.Handle(r.now, body)
	if err != nil {
		r.t.Fatalf("%T: %v", body, err)
	}
	return turn.Reply
}

func (r *bookRun) refuse(code Code, body any) {
	r.t.Helper()
	_, err := r.Handle(r.now, body)
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Code != code {
		r.t.Errorf("%T: %v, want %s", body, err, code)
	}
}

func (r *bookRun) find(name string) *Connection {
	r.t.Helper()
	c, _ := r.do(Find{name}).(*Connection)
	return c
}

func (r *bookRun) offers() []engine.Offer { return r.Rules.Record(r.State, 0).Offers }

func create(name string, state State, sealed string) Create {
	return Create{New: Connection{Name: name, ID: "id-" + name, Secret: "secret-" + name, Type: "BASIC", State: state}, Sealed: []byte(sealed)}
}

// TestWhatIsSecretIsNoPartOfEventsAndState: it is in notes alone, which go as soon as the
// connection has something else.
func TestWhatIsSecretIsNoPartOfEventsAndState(t *testing.T) {
	r := newBookRun(t, DefaultLimits())
	has := func(want ...string) {
		t.Helper()
		var got []string
		for _, n := range r.Notes {
			got = append(got, string(n.Value))
		}
		if len(got) != len(want) {
			t.Errorf("the notes are %q, want %q", got, want)
		}
		for _, secret := range want {
			if !strings.Contains(strings.Join(got, " "), secret) {
				t.Errorf("the notes are %q, want %q", got, want)
			}
		}
	}
	r.do(create("a", Authorized, "hush1"))
	r.do(create("b", Authorized, "hush2"))
	has("hush1", "hush2")
	a := r.find("a")
	r.do(Change{Name: "a", Revision: a.Revision, Description: new(string)})
	has("hush1", "hush2")
	r.do(Change{Name: "a", Revision: r.find("a").Revision, Type: "API_KEY", State: Authorized, Sealed: []byte("hush3")})
	if got := r.find("a"); string(got.Sealed) != "hush3" || got.Type != "API_KEY" || string(a.Sealed) != "hush1" {
		t.Errorf("changed to %+v, and what was handed out is %+v", got, a)
	}
	has("hush3", "hush2")
	r.do(Deauthorize{"a"})
	if got := r.find("a"); got.Event != 0 || got.Sealed != nil || got.State != Deauthorized || got.SecretARN(testID.Name.World) != "" {
		t.Errorf("deauthorised to %+v", got)
	}
	has("hush2")
	r.do(Delete{"b"})
	has()
	for _, e := range r.Log {
		if bytes.Contains(e.Public, []byte("hush")) || bytes.Contains(e.Private, []byte("hush")) {
			t.Errorf("event %d has a secret", e.ID)
		}
	}
	if bytes.Contains(r.Rules.EncodeState(r.State), []byte("hush")) {
		t.Error("the state has a secret")
	}
}

// TestRefusals of the rules.
func TestRefusals(t *testing.T) {
	r := newBookRun(t, Limits{ConnectionsMax: 2, BytesMax: 20})
	r.refuse(LimitExceeded, create("a", Authorized, strings.Repeat("x", 21)))
	r.do(create("a", Authorized, "0123456789"))
	r.refuse(AlreadyExists, create("a", Authorized, "1"))
	r.refuse(NotFound, Change{Name: "b"})
	r.refuse(NotFound, Deauthorize{"b"})
	r.refuse(NotFound, Delete{"b"})
	r.refuse(Concurrent, Change{Name: "a", Revision: r.find("a").Revision - 1})
	r.do(create("b", Authorized, "0123456789"))
	r.refuse(LimitExceeded, create("c", Authorized, "1"))
	r.refuse(LimitExceeded, Seed{New: Connection{Name: "a", Digest: []byte("1")}, Sealed: []byte("0123456789a")})
	r.refuse(LimitExceeded, Change{Name: "a", Revision: r.find("a").Revision, Sealed: []byte("0123456789a")})
	r.do(Deauthorize{"a"}) // which has room for others' bytes
	r.do(Change{Name: "b", Revision: r.find("b").Revision, Type: "BASIC", State: Authorized, Sealed: []byte("0123456789a")})
}

// TestAuthorizationsAreOffered until they have an outcome: some at a time, and of what the
// connection has now.
func TestAuthorizationsAreOffered(t *testing.T) {
	r := newBookRun(t, DefaultLimits())
	const many = offersAtOnce + 10
	for n := range many {
		r.do(create(fmt.Sprint(n), Authorizing, "s"))
	}
	done := 0
	for ; len(r.offers()) > 0; done++ {
		if len(r.offers()) > offersAtOnce {
			t.Fatalf("%d offers", len(r.offers()))
		}
		due := r.offers()[0]
		c := r.do(FindDue{due.ID}).(*Connection)
		if due.List != AuthorizationList || due.At != c.ModifiedAt || c.State != Authorizing || c.AuthorizedAt != 0 {
			t.Errorf("offer %+v of %+v", due, c)
		}
		r.now++
		r.do(Outcome{Name: c.Name, Event: due.ID, Reason: strings.Repeat("é", done*300)})
		want := Authorized
		if done > 0 {
			want = Deauthorized
		}
		if got := r.find(c.Name); got.State != want || len(got.Reason) > reasonBytesMax || (got.AuthorizedAt == r.now) != (want == Authorized) || got.Event != due.ID {
			t.Errorf("%+v", got)
		}
		if r.do(FindDue{due.ID}) != nil {
			t.Error("it is due, though it has an outcome")
		}
	}
	if done != many {
		t.Errorf("%d outcomes", done)
	}
	// A later try counts; of something that the connection had before none does.
	c := r.find("1")
	r.do(Outcome{Name: "1", Event: c.Event})
	if got := r.find("1"); got.State != Authorized || got.Reason != "" {
		t.Errorf("%+v", got)
	}
	r.do(Change{Name: "1", Revision: r.find("1").Revision, Type: "OAUTH_CLIENT_CREDENTIALS", State: Authorizing, Sealed: []byte("t")})
	if got := r.do(Outcome{Name: "1", Event: c.Event, Reason: "no"}); got != nil || r.find("1").State != Authorizing {
		t.Errorf("an outcome of what is past: %+v", r.find("1"))
	}
	r.do(Deauthorize{"1"})
	if len(r.offers()) != 0 || r.do(Outcome{Name: "1"}) != nil {
		t.Error("what was deauthorised is offered, or has an outcome")
	}
}

// TestSeeds make connections, and change them only when the file says something else.
func TestSeeds(t *testing.T) {
	r := newBookRun(t, DefaultLimits())
	seed := func(digest, sealed, id string) *Connection {
		c := Connection{Name: "a", ID: id, AnyID: id == "made", Secret: "s-" + digest, Type: "BASIC", State: Authorized, Digest: []byte(digest)}
		return r.do(Seed{New: c, Sealed: []byte(sealed)}).(*Connection)
	}
	first := seed("1", "one", "made")
	r.now++
	if again := seed("1", "two", "made"); again.Revision != first.Revision || string(again.Sealed) != "one" {
		t.Errorf("the same again: %+v", again)
	}
	r.do(Change{Name: "a", Revision: first.Revision, Type: "BASIC", State: Authorized, Sealed: []byte("users")})
	if got := seed("1", "one", "made"); string(got.Sealed) != "users" {
		t.Errorf("what a user changed is changed back: %+v", got)
	}
	if got := seed("2", "two", "made"); string(got.Sealed) != "two" || got.ID != first.ID || got.CreatedAt != first.CreatedAt || got.Secret != first.Secret || got.ModifiedAt != r.now || !got.AnyID {
		t.Errorf("a changed file: %+v", got)
	}
	if got := seed("3", "two", "certain"); got.ID != "certain" || got.AnyID {
		t.Errorf("a certain ID: %+v", got)
	}
	r.do(Delete{"a"})
	if got := seed("3", "three", "certain"); string(got.Sealed) != "three" {
		t.Errorf("after it was deleted: %+v", got)
	}
}

// TestLists go from page to page.
func TestLists(t *testing.T) {
	r := newBookRun(t, DefaultLimits())
	for n := range 5 {
		r.do(create(fmt.Sprintf("a%d", n), []State{Authorized, Authorizing}[n%2], "s"))
		r.do(create(fmt.Sprintf("b%d", n), Authorized, "s"))
	}
	var got []string
	for list := (List{Prefix: "a", State: Authorized, Limit: 2}); ; {
		page := r.do(list).(Page)
		for _, c := range page.Items {
			got = append(got, c.Name)
			list.After = c.Name
		}
		if !page.More {
			break
		}
	}
	if fmt.Sprint(got) != "[a0 a2 a4]" {
		t.Errorf("listed are %v", got)
	}
}

// TestLargestConnectionsWeighWhatTheySay fills a book.
func TestLargestConnectionsWeighWhatTheySay(t *testing.T) {
	rules, l := NewRules(DefaultLimits()), DefaultLimits()
	s := rules.New(testID)
	var sizes enginetest.Sizes
	for n := range l.ConnectionsMax {
		c := Connection{
			Name: fmt.Sprintf("%064d", n), ID: strings.Repeat("i", 64), Secret: strings.Repeat("s", 43), Description: strings.Repeat("d", 512), Type: "OAUTH_CLIENT_CREDENTIALS",
			State: Authorizing, Digest: make([]byte, 32),
		}
		turn, err := rules.Handle(s, Seed{New: c, Sealed: make([]byte, l.BytesMax/l.ConnectionsMax)}, engine.Input{Now: 1000})
		if err != nil {
			t.Fatal(err)
		}
		sizes.Add(t, &turn)
	}
	sizes.AddState(rules, s)
	t.Logf("the largest turn has %d bytes, the record %d, the state %d", sizes.Turn, sizes.Record, sizes.State)
	enginetest.Weighed(t, rules, testID, s)
}

// everything gives a book an event of each mark.
func everything(t testing.TB) *bookRun {
	r, description := newBookRun(t, DefaultLimits()), "what it is for"
	r.do(create("a", Authorizing, "s1"))
	r.do(Outcome{Name: "a", Event: 1, Reason: "no token"})
	r.do(Change{Name: "a", Revision: 2, Description: &description, Type: "BASIC", State: Authorized, Sealed: []byte("s2")})
	r.do(Seed{New: Connection{Name: "b", ID: "i", AnyID: true, Secret: "t", Type: "API_KEY", State: Authorized, Digest: []byte{1, 2}}, Sealed: []byte("s3")})
	r.do(create("c", Authorized, "s4"))
	r.do(Delete{"c"})
	r.do(create("d", Authorized, "s5"))
	r.do(Deauthorize{"d"})
	return r
}

// TestStoredBytesStay compares events and states with the bytes that stores have of them.
// The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	r, told, marks := everything(t), "", map[byte]bool{}
	for _, e := range r.Log {
		told += fmt.Sprintf("event %x\n", e.Public)
		marks[e.Public[0]] = true
	}
	for mark := range events {
		if !marks[mark] {
			t.Errorf("there is no event of mark %d", mark)
		}
	}
	for _, n := range r.Notes {
		told += fmt.Sprintf("note about %d, kind %d: %x\n", n.Subject, n.Kind, n.Value)
	}
	golden.Compare(t, "testdata/stored.hex", told+fmt.Sprintf("state %x\n", r.Rules.EncodeState(r.State)))
}

// FuzzDecode reads bytes as the state of a book and as an event. What can be read is written so
// that it reads the same.
func FuzzDecode(f *testing.F) {
	everything(f).AddSeeds(f)
	rules := NewRules(DefaultLimits())
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.StateReadsBack(t, rules, testID, b)
		enginetest.EventReadsBack(t, rules, 1, b, func(e engine.Event) []byte { return rules.Pack(e.Body.(collection.Event[*book])) })
	})
}
