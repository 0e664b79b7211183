package account

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
)

// ledger keeps accounts in memory, one command at a time.
type ledger struct {
	mu       sync.Mutex
	rules    *Rules
	accounts map[string]engine.State
	resolved int          // commands that were a Resolve
	fail     func() error // of commands; may be nil
}

func (l *ledger) Do(_ context.Context, c engine.Command) (any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail()
	}
	if _, ok := c.Body.(Resolve); ok {
		l.resolved++
	}
	account := c.Name.World.Account + c.Name.World.Region
	state := l.accounts[account]
	if state == nil {
		if c.Begin == engine.Never {
			return nil, &engine.UnknownRunError{Name: c.Name}
		}
		state = l.rules.New(engine.Identity{Name: c.Name})
	}
	turn, err := l.rules.Handle(state, c.Body, engine.Input{Now: 1000})
	if err != nil {
		return nil, err
	}
	l.accounts[account] = state
	return turn.Reply, nil
}

// counter is a source of bytes that never repeats itself.
type counter struct{ n uint64 }

func (c *counter) Read(b []byte) (int, error) {
	for i := 0; i < len(b); i += sha256.Size {
		c.n++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.n))
		copy(b[i:], sum[:])
	}
	return len(b), nil
}

type town struct {
	*Directory
	t      *testing.T
	ledger *ledger
	random *counter
}

// newTown is a town of one account, and of others that have no keys yet.
func newTown(t *testing.T, others ...string) *town {
	rules := NewRules(DefaultLimits())
	l := &ledger{rules: rules, accounts: map[string]engine.State{}}
	roots := []credentials.Credential{credentials.Root(storyAccount, credentials.KeyPair{KeyID: "AKIAROOT", Secret: "root"})}
	for _, other := range others {
		roots = append(roots, credentials.Root(other, credentials.KeyPair{KeyID: "AKIAROOT" + other, Secret: "root"}))
	}
	return &town{NewDirectory(Config{Runs: l, Rules: rules, Sealer: NewSealer(SealerKeys{Secrets: [32]byte{1}, Sessions: [32]byte{3}}), Roots: roots}), t, l, &counter{}}
}

func (d *town) do(body any) any {
	d.t.Helper()
	reply, err := d.Do(context.Background(), storyAccount, body)
	if err != nil {
		d.t.Fatal(err)
	}
	return reply
}

func (d *town) user(name string) {
	d.t.Helper()
	d.do(CreateEntity{Entity{Ref: Ref{User, name}, Path: "/", ID: "AIDA" + name}})
}

func (d *town) key(user string) credentials.KeyPair {
	d.t.Helper()
	pair, err := credentials.NewKeyPair(storyAccount, d.random)
	if err != nil {
		d.t.Fatal(err)
	}
	d.do(CreateKey{User: user, ID: pair.KeyID, Sealed: d.Sealer.SealSecret(pair)})
	return pair
}

func (d *town) lookup(keyID, token string) *Caller {
	d.t.Helper()
	c, err := d.Lookup(context.Background(), keyID, token)
	if err != nil {
		d.t.Fatalf("look up %q: %v", keyID, err)
	}
	return c
}

func (d *town) unknown(keyID, token string) {
	d.t.Helper()
	if c, err := d.Lookup(context.Background(), keyID, token); !errors.Is(err, credentials.ErrUnknown) {
		d.t.Errorf("look up %q: %+v, %v; want ErrUnknown", keyID, c, err)
	}
}

// may tells whether a caller is allowed something, and the source of the answer.
func may(c *Caller, action string) string {
	d := policy.Evaluate(&policy.Request{Principal: c.Principal, Action: action, Resource: "*", Context: c.Context}, &c.Policies)
	return fmt.Sprintf("%v %s", d.Allowed, d.Source)
}

func document(effect, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":"*"}]}`, effect, action)
}

func TestEveryChangeCountsForTheNextLookup(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	d.do(CreateEntity{Entity{Ref: Ref{Group, "ops"}, Path: "/", ID: "AGPAops"}})
	d.do(CreatePolicy{Policy{Name: "p", Path: "/", ID: "ANPAp"}, document("Allow", "swf:Count*")})
	pair := d.key("ann")
	const policy = "arn:aws:iam::" + storyAccount + ":policy/p"
	ann := Ref{User, "ann"}
	for _, step := range []struct {
		change any
		action string
		want   string
	}{
		{nil, "swf:ListDomains", "false "},
		{PutInline{ann, Inline{"i", document("Allow", "swf:List*")}}, "swf:ListDomains", "true user/ann/i"},
		{PutInline{ann, Inline{"i", document("Allow", "swf:Get*")}}, "swf:ListDomains", "false "},
		{Join{"ann", "ops"}, "swf:CountX", "false "},
		{Attach{Ref{Group, "ops"}, policy}, "swf:CountX", "true " + policy},
		{CreateVersion{policy, document("Deny", "swf:Count*"), true}, "swf:CountX", "false " + policy},
		{SetDefaultVersion{policy, 1}, "swf:CountX", "true " + policy},
		{SetBoundary{ann, "arn:aws:iam::aws:policy/IAMFullAccess"}, "swf:CountX", "false "},
		{SetBoundary{ann, policy}, "swf:CountX", "true " + policy},
		{SetBoundary{ann, ""}, "swf:CountX", "true " + policy},
		{PutInline{Ref{Group, "ops"}, Inline{"no", document("Deny", "*")}}, "swf:CountX", "false group/ops/no"},
		{Leave{"ann", "ops"}, "swf:CountX", "false "},
	} {
		if step.change != nil {
			d.do(step.change)
		}
		if got := may(d.lookup(pair.KeyID, ""), step.action); got != step.want {
			t.Errorf("after %+v: %s: %s, want %s", step.change, step.action, got, step.want)
		}
	}
	d.do(UpdateKey{"ann", pair.KeyID, true})
	d.unknown(pair.KeyID, "")
	d.do(UpdateKey{"ann", pair.KeyID, false})
	d.lookup(pair.KeyID, "")
	d.do(DeleteKey{"ann", pair.KeyID})
	d.unknown(pair.KeyID, "")
}

func TestWhatIsKnownIsNotAskedAgain(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	pair := d.key("ann")
	first := d.lookup(pair.KeyID, "")
	asked := d.ledger.resolved
	if second := d.lookup(pair.KeyID, ""); second != first || d.ledger.resolved != asked {
		t.Error("a second lookup asked again")
	}
	if first.Secret != pair.Secret || first.Credential.Account != storyAccount {
		t.Errorf("credential %+v of %q", first.Credential, first.Secret)
	}
	d.do(GetEntity{Ref{User, "ann"}})
	d.lookup(pair.KeyID, "")
	if d.ledger.resolved != asked {
		t.Error("a read made the directory forget")
	}
}

// TestLookupDuringAChange has a lookup that read before a change finish after it.
// What it read must not be remembered.
func TestLookupDuringAChange(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	pair := d.key("ann")
	read, changed, done := make(chan bool), make(chan bool), make(chan bool)
	slow := &slowRuns{d.ledger, read, changed}
	d.Runs = slow
	go func() {
		defer close(done)
		d.lookup(pair.KeyID, "")
	}()
	<-read
	d.do(PutInline{Ref{User, "ann"}, Inline{"i", document("Allow", "*")}})
	close(changed)
	<-done
	if got := may(d.lookup(pair.KeyID, ""), "swf:ListDomains"); got != "true user/ann/i" {
		t.Errorf("after the change: %s", got)
	}
}

// slowRuns holds the answer of the first Resolve back until something changed.
type slowRuns struct {
	*ledger
	read    chan bool
	changed chan bool
}

func (s *slowRuns) Do(ctx context.Context, c engine.Command) (any, error) {
	reply, err := s.ledger.Do(ctx, c)
	if _, ok := c.Body.(Resolve); ok {
		select {
		case s.read <- true:
			<-s.changed
		case <-s.changed:
		}
	}
	return reply, err
}

func TestChangesAreSeenThroughEvenIfTheCallerHangsUp(t *testing.T) {
	d := newTown(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.Runs = &contextRuns{d.ledger}
	if _, err := d.Do(ctx, storyAccount, CreateEntity{Entity{Ref: Ref{User, "ann"}, Path: "/", ID: "AIDA1"}}); err != nil {
		t.Fatal(err)
	}
}

// contextRuns refuses callers whose context ended.
type contextRuns struct{ *ledger }

func (c *contextRuns) Do(ctx context.Context, cmd engine.Command) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.ledger.Do(ctx, cmd)
}

func TestCallersContext(t *testing.T) {
	d := newTown(t)
	d.do(CreateEntity{Entity{Ref: Ref{User, "ann"}, Path: "/x/", ID: "AIDA1", Tags: []Tag{{Key: "team", Value: "red"}}}})
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}]}`
	d.do(CreateEntity{Entity{Ref: Ref{Role, "r"}, Path: "/", ID: "AROA1", Trust: trust, Tags: []Tag{{Key: "Team", Value: "red"}, {Key: "x", Value: "y"}}}})
	session, token := d.session(&Session{Of: Ref{Role, "r"}, ID: "AROA1", Name: "s", Tags: []Tag{{Key: "team", Value: "blue"}}, Issued: time.Unix(1_000_000, 0)})
	for _, test := range []struct {
		caller *Caller
		want   string
	}{
		{d.lookup("AKIAROOT", ""), "arn:aws:iam::123456789012:root;aws:PrincipalArn=arn:aws:iam::123456789012:root;aws:PrincipalAccount=123456789012;aws:PrincipalType=Account;aws:userid=123456789012;aws:PrincipalIsAWSService=false"},
		{d.lookup(d.key("ann").KeyID, ""), "arn:aws:iam::123456789012:user/x/ann;aws:PrincipalArn=arn:aws:iam::123456789012:user/x/ann;aws:PrincipalAccount=123456789012;aws:PrincipalType=User;aws:userid=AIDA1;aws:PrincipalIsAWSService=false;aws:PrincipalTag/team=red;aws:username=ann"},
		{d.lookup(session.KeyID, token), "arn:aws:sts::123456789012:assumed-role/r/s;aws:PrincipalArn=arn:aws:iam::123456789012:role/r;aws:PrincipalAccount=123456789012;aws:PrincipalType=AssumedRole;aws:userid=AROA1:s;aws:PrincipalIsAWSService=false;aws:PrincipalTag/x=y;aws:PrincipalTag/team=blue;aws:TokenIssueTime=1970-01-12T13:46:40Z;aws:MultiFactorAuthPresent=false"},
	} {
		got := test.caller.Credential.Principal
		for _, v := range test.caller.Context {
			got += ";" + v.Key + "=" + v.Value
		}
		if got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
		if len(test.caller.Context) != cap(test.caller.Context) {
			t.Error("the context has spare room, in which two requests would meet")
		}
	}
}

// session makes a session of the story's account.
func (d *town) session(s *Session) (pair credentials.KeyPair, token string) {
	d.t.Helper()
	pair, err := credentials.NewSessionPair(storyAccount, d.random)
	if err != nil {
		d.t.Fatal(err)
	}
	s.KeyPair, s.Account = pair, storyAccount
	if s.From.Key == "" {
		s.From = d.lookup("AKIAROOT", "").from
	}
	if s.Expires.IsZero() {
		s.Expires = time.Unix(2_000_000_000, 0)
	}
	return pair, string(d.Sealer.SealSession(s))
}

func TestSessionTokens(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	d.user("bob")
	a, tokenA := d.session(&Session{Of: Ref{User, "ann"}, ID: "AIDAann"})
	b, tokenB := d.session(&Session{Of: Ref{User, "bob"}, ID: "AIDAbob"})
	if c := d.lookup(a.KeyID, tokenA); c.Secret != a.Secret || string(c.Token) != tokenA || !c.Session || c.Of.Name != "ann" || c.Expires.Unix() != 2_000_000_000 {
		t.Errorf("caller %+v", c)
	}
	d.unknown(a.KeyID, "")
	d.unknown(a.KeyID, tokenB) // also when the session of the key is known
	d.unknown(b.KeyID, tokenA)
	d.unknown(a.KeyID, tokenA+"A")
	d.unknown(a.KeyID, "x"+tokenA[1:])
	d.unknown(a.KeyID, tokenA+"\n")
	d.unknown(a.KeyID, strings.Repeat("h", TokenBytesMax*2))
	for i := range tokenB {
		changed := []byte(tokenB)
		changed[i] ^= 1
		d.unknown(b.KeyID, string(changed))
	}
	// A token of another server's.
	other := NewSealer(SealerKeys{Secrets: [32]byte{2}, Sessions: [32]byte{4}})
	d.unknown(b.KeyID, string(other.SealSession(&Session{KeyPair: b, Account: storyAccount, Of: Ref{User, "bob"}, ID: "AIDAbob"})))
	// A key for good has no token.
	pair := d.key("ann")
	d.unknown(pair.KeyID, tokenA)
	d.lookup(pair.KeyID, "")
	d.unknown(pair.KeyID, tokenA)
	// Another user of the name is another.
	d.do(DeleteEntity{Ref{User, "bob"}})
	d.unknown(b.KeyID, tokenB)
	d.do(CreateEntity{Entity{Ref: Ref{User, "bob"}, Path: "/", ID: "AIDAnew"}})
	d.unknown(b.KeyID, tokenB)
	// What nobody can be.
	for _, id := range []string{"", "AKIA", "AKIAROOTx", "AKIA1111111111111111", "ASIA" + a.KeyID[4:] + "A", strings.Repeat("A", 20)} {
		d.unknown(id, tokenA)
	}
}

func TestSessionLimits(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	d.do(PutInline{Ref{User, "ann"}, Inline{"all", document("Allow", "*")}})
	d.do(CreatePolicy{Policy{Name: "p", Path: "/", ID: "ANPAp"}, document("Allow", "swf:List*")})
	const policy = "arn:aws:iam::" + storyAccount + ":policy/p"
	for _, test := range []struct {
		session Session
		want    string // for swf:ListDomains, then swf:CountX
	}{
		{Session{}, "true user/ann/all, true user/ann/all"},
		{Session{Limited: true}, "false , false "},
		{Session{Limited: true, Policy: document("Allow", "swf:List*")}, "true user/ann/all, false "},
		{Session{Limited: true, Policies: []NamedPolicy{{policy, "ANPAp"}}}, "true user/ann/all, false "},
		{Session{Limited: true, Policy: document("Allow", "swf:Count*"), Policies: []NamedPolicy{{policy, "ANPAp"}}}, "true user/ann/all, true user/ann/all"},
		{Session{Limited: true, Policy: document("Deny", "swf:List*")}, "false session, false "},
		{Session{Limited: true, Policies: []NamedPolicy{{policy + "gone", "ANPAp"}}}, "false , false "},
		{Session{Limited: true, Policies: []NamedPolicy{{policy, "ANPAbefore"}}}, "false , false "},
	} {
		s := test.session
		s.Of, s.ID = Ref{User, "ann"}, "AIDAann"
		pair, token := d.session(&s)
		c := d.lookup(pair.KeyID, token)
		if got := may(c, "swf:ListDomains") + ", " + may(c, "swf:CountX"); got != test.want {
			t.Errorf("session %+v: %s, want %s", test.session, got, test.want)
		}
	}
	root, token := d.session(&Session{Limited: true, Policy: document("Allow", "swf:List*")})
	if c := d.lookup(root.KeyID, token); may(c, "swf:ListDomains") != "true root" || may(c, "swf:CountX") != "false " {
		t.Error("the root user's session is not limited")
	}
}

func TestSealedSecretsBelongToTheirKey(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	pair := d.key("ann")
	stolen := d.Sealer.SealSecret(credentials.KeyPair{KeyID: "AKIAOTHER", Secret: "other"})
	if bytes.Contains(stolen, []byte("other")) {
		t.Error("the secret is in the clear")
	}
	other, err := credentials.NewKeyPair(storyAccount, d.random)
	if err != nil {
		t.Fatal(err)
	}
	d.do(CreateKey{User: "ann", ID: other.KeyID, Sealed: d.Sealer.SealSecret(pair)}) // a row that was swapped
	if c, err := d.Lookup(context.Background(), other.KeyID, ""); err == nil || errors.Is(err, credentials.ErrUnknown) {
		t.Errorf("the secret of another key: %+v, %v; want an error for the log", c, err)
	}
}

// TestPolicyThatCannotBeRead must not pass over what might deny.
func TestPolicyThatCannotBeRead(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	pair := d.key("ann")
	state := d.ledger.accounts[storyAccount].(*account)
	e := *state.entities[User][0]
	e.Inline = []Inline{{"fine", document("Allow", "*")}, {"odd", "{"}}
	state.entities[User].Put(&e)
	d.changed(storyAccount)
	if c, err := d.Lookup(context.Background(), pair.KeyID, ""); err == nil {
		t.Errorf("caller %+v, want an error", c)
	}
}

func TestErrorsOfRunsArePassedOn(t *testing.T) {
	d := newTown(t)
	d.user("ann")
	pair := d.key("ann")
	broken := errors.New("the shard is away")
	d.ledger.fail = func() error { return broken }
	if _, err := d.Lookup(context.Background(), pair.KeyID, ""); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

func TestEmptyAccountsAnswer(t *testing.T) {
	d := newTown(t)
	if all := d.do(ListEntities{User}).([]*Entity); len(all) != 0 {
		t.Errorf("users %v", all)
	}
	var refusal *Error
	if _, err := d.Do(context.Background(), storyAccount, DeleteEntity{Ref{User, "ann"}}); !errors.As(err, &refusal) || refusal.Code != NoSuchEntity {
		t.Errorf("%v, want NoSuchEntity", err)
	}
	if p := d.do(GetPolicy{"arn:aws:iam::aws:policy/SimpleWorkflowFullAccess"}).(PolicyUse); p.Name != "SimpleWorkflowFullAccess" {
		t.Errorf("policy %+v", p)
	}
}

func TestAccountsApart(t *testing.T) {
	const elsewhere = "000000000001"
	d := newTown(t, elsewhere)
	d.user("ann")
	pair := d.key("ann")
	if _, err := d.Do(context.Background(), elsewhere, CreateEntity{Entity{Ref: Ref{User, "ann"}, Path: "/", ID: "AIDAelse"}}); err != nil {
		t.Fatal(err)
	}
	foreign, err := credentials.NewKeyPair(elsewhere, d.random)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Do(context.Background(), elsewhere, CreateKey{"ann", foreign.KeyID, d.Sealer.SealSecret(foreign)}); err != nil {
		t.Fatal(err)
	}
	if got := d.lookup(pair.KeyID, "").UserID + d.lookup(foreign.KeyID, "").UserID; got != "AIDAannAIDAelse" {
		t.Errorf("users %s", got)
	}
	for account, id := range map[string]string{storyAccount: pair.KeyID, elsewhere: foreign.KeyID} {
		if got, ok := credentials.AccountOf(id); !ok || got != account {
			t.Errorf("account of %q: %q, want %q", id, got, account)
		}
	}
	if _, err := credentials.NewKeyPair("none", d.random); err == nil {
		t.Error("a key for no account")
	}
}

func TestBuiltInPoliciesAreRead(t *testing.T) {
	for _, p := range managed {
		if _, err := policy.Parse([]byte(p.Document())); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if len(p.ID) != 21 {
			t.Errorf("%s has the id %q", p.Name, p.ID)
		}
	}
	read, err := policy.Parse([]byte(managed[len(managed)-1].Document()))
	if err != nil || managed[len(managed)-1].Name != "SimpleWorkflowReadOnlyAccess" {
		t.Fatal(managed[len(managed)-1].Name, err)
	}
	sets := &policy.PolicySets{Identity: []policy.Attached{{Policy: read}}}
	for action, want := range map[string]bool{
		"swf:GetWorkflowExecutionHistory": true, "swf:ListDomains": true, "swf:CountPendingActivityTasks": true, "swf:DescribeDomain": true,
		"swf:PollForDecisionTask": false, "swf:StartWorkflowExecution": false, "swf:RegisterDomain": false,
	} {
		if got := policy.Evaluate(&policy.Request{Action: action, Resource: "*"}, sets).Allowed; got != want {
			t.Errorf("%s: %v, want %v", action, got, want)
		}
	}
}

func TestLastUse(t *testing.T) {
	d := newTown(t)
	if use := d.LastUse(storyAccount, "AKIA1"); !use.At.IsZero() {
		t.Errorf("used %+v", use)
	}
	at := time.Unix(1000, 0)
	d.Used(storyAccount, "AKIA1", Use{at, "swf", "r"})
	d.Used(storyAccount, "AKIA1", Use{at.Add(time.Millisecond), "swf", "r"}) // not worth a lock
	d.Used(storyAccount, "AKIA1", Use{at.Add(2 * time.Millisecond), "iam", "r"})
	if use := d.LastUse(storyAccount, "AKIA1"); use != (Use{at.Add(2 * time.Millisecond), "iam", "r"}) {
		t.Errorf("used %+v", use)
	}
	for n := range usesMax + 1 { // which anybody may begin
		d.Used(storyAccount, fmt.Sprint("ASIA", n), Use{at, "swf", "r"})
		d.Used("000000000001", fmt.Sprint("AKIA", n), Use{at, "swf", "r"})
	}
	if use := d.LastUse(storyAccount, "AKIA1"); use.At.IsZero() {
		t.Error("sessions, or keys of another account, made us forget when a key was used")
	}
}

func BenchmarkLookup(b *testing.B) {
	rules := NewRules(DefaultLimits())
	l := &ledger{rules: rules, accounts: map[string]engine.State{}}
	sealer := NewSealer(SealerKeys{Secrets: [32]byte{1}, Sessions: [32]byte{3}})
	d := NewDirectory(Config{Runs: l, Rules: rules, Sealer: sealer, Roots: []credentials.Credential{{Account: storyAccount}}})
	ctx := context.Background()
	if _, err := d.Do(ctx, storyAccount, CreateEntity{Entity{Ref: Ref{User, "ann"}, Path: "/", ID: "AIDA1"}}); err != nil {
		b.Fatal(err)
	}
	pair, err := credentials.NewKeyPair(storyAccount, &counter{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.Do(ctx, storyAccount, CreateKey{"ann", pair.KeyID, sealer.SealSecret(pair)}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Lookup(ctx, pair.KeyID, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPartitionsAreApart has a server that moves to a region of another partition, and back:
// there nobody is known, and names are of that partition.
func TestPartitionsAreApart(t *testing.T) {
	d, ctx := newTown(t), context.Background()
	d.user("ann")
	key := d.key("ann")
	moved := d.Config
	moved.Partition = arn.China
	there := NewDirectory(moved)
	if c, err := there.Lookup(ctx, key.KeyID, ""); err == nil {
		t.Errorf("%s is known in another partition", c.Principal.ARN)
	}
	if root := there.Root(storyAccount).Principal.ARN; root != "arn:aws-cn:iam::"+storyAccount+":root" {
		t.Errorf("the root user is %s", root)
	}
	if _, err := there.Do(ctx, storyAccount, CreateEntity{Entity{Ref: Ref{User, "ann"}, Path: "/", ID: "AIDAother"}}); err != nil {
		t.Errorf("another user of that name: %v", err)
	}
	for _, moved := range []*Directory{there, NewDirectory(d.Config)} {
		reply, err := moved.Do(ctx, storyAccount, ListEntities{User})
		if err != nil || len(reply.([]*Entity)) != 1 {
			t.Fatalf("%v, %v", reply, err)
		}
		name := reply.([]*Entity)[0].ARN(moved.Owner(storyAccount))
		if want := "arn:" + cmp.Or(moved.Partition, arn.AWS) + ":iam::" + storyAccount + ":user/ann"; name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
	if c, err := NewDirectory(d.Config).Lookup(ctx, key.KeyID, ""); err != nil || c.Principal.ARN != "arn:aws:iam::"+storyAccount+":user/ann" {
		t.Errorf("back home: %+v, %v", c, err)
	}
}

// TestListsLeaveOut: a list has nothing of what is large and is not shown in lists: policies and tags. With all
// that an account may have it would be hundreds of megabytes, and no frame between nodes.
func TestListsLeaveOut(t *testing.T) {
	d := newTown(t)
	large := document("Allow", "swf:"+strings.Repeat("x", 1000))
	tags := []Tag{{Key: "k", Value: strings.Repeat("x", 200)}}
	d.do(CreatePolicy{New: Policy{Name: "p", Path: "/", ID: "ANPA1", Tags: tags}, Document: large})
	arn := ofAccount + ":policy/p"
	for _, of := range []Ref{{User, "ann"}, {Group, "g"}, {Role, "r"}} {
		e := Entity{Ref: of, Path: "/", ID: "ID" + of.Name}
		if of.Type != Group {
			e.Tags = tags
		}
		if of.Type == Role {
			e.Trust = trusting(storyAccount)
		}
		d.do(CreateEntity{e})
		d.do(PutInline{Of: of, Inline: Inline{"i", large}})
		d.do(Attach{Of: of, Policy: arn})
	}
	d.do(Join{User: "ann", Group: "g"})
	for _, list := range []any{ListEntities{User}, ListEntities{Group}, ListEntities{Role}, ListGroups{"ann"}, ListMembers{"g"}, ListHolders{Policy: arn}, ListPolicies{}} {
		b, err := json.Marshal(d.do(list))
		if err != nil {
			t.Fatal(err)
		}
		if text := string(b); !strings.Contains(text, `"Name":`) || strings.Contains(text, strings.Repeat("x", 50)) {
			t.Errorf("%T gives %s", list, b)
		}
	}
}
