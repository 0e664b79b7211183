package kms

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam"
	"heddle/internal/iam/account"
	"heddle/internal/kms/datakey"
	"heddle/internal/kms/keyring"
	"heddle/internal/matching"
	"heddle/internal/service"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
	"heddle/internal/token"
)

const accountID = "123456789012"

var rootKey = credentials.KeyPair{KeyID: "AKIAROOTROOTROOTROOT", Secret: "root secret"}

// harness is a node with keys and accounts in it, and a handler before it. It runs in a
// bubble of synctest, so that what goes on by itself has come to its end when a call has.
type harness struct {
	t         testing.TB
	store     *memstore.Store
	node      *shard.Node
	matcher   *matching.Matcher
	directory *account.Directory
	handler   http.Handler
	keys      datakey.Keys
	parts     []service.Part
	trusting  bool
	throttled bool

	mu     sync.Mutex
	now    time.Time
	doubt  time.Duration
	random uint64
}

func newHarness(t testing.TB) *harness {
	h := &harness{t: t, store: memstore.New(4), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.start()
	t.Cleanup(h.stop)
	return h
}

// start begins on the store as a process does.
func (h *harness) start() {
	rules := account.NewRules(account.DefaultLimits())
	h.matcher = matching.New(matching.Config{PollsPerListMax: 10})
	var err error
	h.node, err = shard.OpenNode(context.Background(), shard.Config{
		Store: h.store, Shards: h.store.Shards(), Hash: &keys.Hash{1},
		Rules:  map[engine.Kind]engine.Rules{account.Kind: rules, keyring.Kind: keyring.NewRules(keyring.DefaultLimits())},
		Offers: h.matcher, Log: slog.New(slog.DiscardHandler), CachedStates: 4,
	}, h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.directory = account.NewDirectory(account.Config{
		Runs: h.node, Rules: rules, Sealer: account.NewSealer(account.SealerKeys{Secrets: [32]byte{7}, Sessions: [32]byte{8}}),
		Roots: []credentials.Credential{credentials.Root(accountID, rootKey)},
	})
	h.parts = nil
	var all []*service.Opened
	for _, s := range []*service.Service{iam.Service(), iam.STS(), Service()} {
		opened, err := s.Open(h.kernel())
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, opened)
		h.parts, h.keys = append(h.parts, opened.Parts...), opened.Keys
	}
	for _, p := range h.parts {
		if err := p.Start(context.Background()); err != nil {
			h.t.Fatal(err)
		}
	}
	h.mount(all...)
}

func (h *harness) kernel() *service.Kernel {
	return &service.Kernel{
		Runs: h.node, Performed: h.matcher, Accounts: h.directory, Tokens: token.New([32]byte{9}, h), Secret: [32]byte{10}, Trusting: h.trusting,
		Now: h.clock, Random: h, Within: context.WithTimeout, PollsPerListMax: 10, Log: slog.New(slog.DiscardHandler),
		Throttle: func(engine.World, string) bool { return !h.throttled },
	}
}

// mount has services answer calls: IAM, STS and KMS, or the last one alone.
func (h *harness) mount(all ...*service.Opened) {
	names := []string{"iam", "sts", "kms"}
	handler := operation.New(operation.Config{
		Authenticator: h, Log: slog.New(slog.NewTextHandler(complaints{h.t}, &slog.HandlerOptions{Level: slog.LevelError})), Now: h.clock,
		Random: func() (id [16]byte) { return id },
	}, awsjson.New(), awsquery.New())
	for i, opened := range all {
		name := names[len(names)-len(all)+i]
		handler.Mount(&operation.API{Service: name, SigningNames: []string{name}, Model: opened.Model, Operations: opened.Operations})
	}
	h.handler = handler
}

func (h *harness) stop() {
	for _, p := range h.parts {
		_ = p.Stop(context.Background())
	}
	h.node.Stop(context.Background())
}

// restart ends the process without a word and begins anew on what is durable.
func (h *harness) restart() {
	h.stop()
	h.store = h.store.Crash(0)
	h.start()
}

// Now implements shard.Clock.
func (h *harness) Now() engine.Time { return engine.Time(h.clock().UnixMilli()) }

// Confirmed implements shard.Clock.
func (h *harness) Confirmed() engine.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return engine.Time(h.now.Add(-h.doubt).UnixMilli())
}

func (h *harness) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// advance lets time pass, and has what comes by it come to its end.
func (h *harness) advance(d time.Duration) {
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
	for range 3 { // what a turn leaves goes on in the next
		h.node.Advance()
		synctest.Wait()
	}
}

// Read is a source of bytes that are the same in every run of a test.
func (h *harness) Read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 0; i < len(b); i += sha256.Size {
		h.random++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, h.random))
		copy(b[i:], sum[:])
	}
	return len(b), nil
}

// Recognise implements operation.Authenticator: a request says its access key and token.
func (h *harness) Recognise(r *http.Request, _ []string) (operation.Sender, error) {
	who, err := h.directory.Lookup(r.Context(), r.Header.Get("X-Key"), r.Header.Get("X-Token"))
	if err != nil {
		return nil, err
	}
	return operation.Believe(callerOf(who, r.Header.Get("X-Region"))), nil
}

func callerOf(c *account.Caller, region string) operation.Caller {
	known := append(policy.Context{{Key: "aws:SourceIp", Value: "10.0.0.1"}, {Key: "aws:ViaAWSService", Value: "false"}}, c.Context...)
	caller := operation.Caller{Account: c.Account, Region: region, Principal: c.Principal, Identity: c, Known: slices.Clip(known)}
	if !c.Unlimited() {
		caller.Policies = &c.Policies
	}
	return caller
}

// person has credentials.
type person struct{ AccessKeyID, SessionToken string }

var root = person{AccessKeyID: rootKey.KeyID}

// call calls an action of KMS.
func (h *harness) call(who person, region, action, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "TrentService."+action)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	return h.ask(r, who, region)
}

func (h *harness) ask(r *http.Request, who person, region string) (status int, answer string) {
	r.Header.Set("X-Key", who.AccessKeyID)
	r.Header.Set("X-Token", who.SessionToken)
	r.Header.Set("X-Region", region)
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	synctest.Wait() // what it has set going has come to rest
	return w.Code, strings.TrimSpace(w.Body.String())
}

// must calls an action of KMS as the root user, and gives a member of the answer.
func (h *harness) must(action, body string, member ...string) string {
	h.t.Helper()
	status, answer := h.call(root, region, action, body)
	if status != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", action, body, status, answer)
	}
	if len(member) == 0 {
		return answer
	}
	return memberOf(h.t, answer, member...)
}

func memberOf(t testing.TB, answer string, path ...string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	text, ok := v.(string)
	if !ok {
		t.Fatalf("no %s in %s", path, answer)
	}
	return text
}

const region = "us-east-1"

// iam calls an action of IAM or STS as the root user, with parameters as names and values.
func (h *harness) iam(action string, parameters ...string) string {
	h.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	if action == "AssumeRole" {
		form.Set("Version", "2011-06-15")
	}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, answer := h.ask(r, root, region)
	if status != http.StatusOK {
		h.t.Fatalf("%s %q: %d %s", action, parameters, status, answer)
	}
	return answer
}

// user makes a user with a policy of statements; none: without.
func (h *harness) user(name, statements string) person {
	h.t.Helper()
	h.iam("CreateUser", "UserName", name)
	if statements != "" {
		h.iam("PutUserPolicy", "UserName", name, "PolicyName", "p", "PolicyDocument", policyOf(statements))
	}
	return credentialsIn(h.t, h.iam("CreateAccessKey", "UserName", name))
}

// role makes a role that the account trusts, or the service of states, and gives a session
// of it.
func (h *harness) role(name, statements string) person {
	h.t.Helper()
	h.iam("CreateRole", "RoleName", name, "AssumeRolePolicyDocument", policyOf(
		`{"Effect":"Allow","Principal":{"AWS":"`+accountID+`","Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}`))
	if statements != "" {
		h.iam("PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument", policyOf(statements))
	}
	assumer := h.user("assumes-"+name, `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`)
	form := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {"arn:aws:iam::" + accountID + ":role/" + name}, "RoleSessionName": {"session"}}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, answer := h.ask(r, assumer, region)
	if status != http.StatusOK {
		h.t.Fatalf("assume %s: %d %s", name, status, answer)
	}
	return credentialsIn(h.t, answer)
}

func policyOf(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

// credentialsIn are those of the first element of an answer that has any.
func credentialsIn(t testing.TB, answer string) (p person) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(answer))
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("no credentials in %s", answer)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "AccessKey" && start.Name.Local != "Credentials" {
			continue
		}
		var c struct{ AccessKeyId, SessionToken string }
		if err := d.DecodeElement(&c, &start); err != nil {
			t.Fatal(err)
		}
		return person{c.AccessKeyId, c.SessionToken}
	}
}

// rows gives everything that is stored, one after the other.
func (h *harness) rows() (all []byte) {
	h.stop()
	h.store = h.store.Crash(0)
	for id := range h.store.Shards() {
		if err := h.store.Scan(context.Background(), id, store.Range{}, func(key, value []byte) bool {
			all = append(append(all, key...), value...)
			return true
		}); err != nil {
			h.t.Fatal(err)
		}
	}
	h.start()
	return all
}

// complaints fails a test for each line that is logged: a handler has failed, or its fault
// is none that the model declares.
type complaints struct{ t testing.TB }

func (c complaints) Write(line []byte) (int, error) {
	c.t.Errorf("logged: %s", line)
	return len(line), nil
}

// inBubble runs a test in a bubble.
func inBubble(t *testing.T, f func(t *testing.T, h *harness)) {
	synctest.Test(t, func(t *testing.T) {
		f(t, newHarness(t))
	})
}
