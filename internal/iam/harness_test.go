package iam

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/service"
	"heddle/internal/shard"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
)

const accountID = "123456789012"

// otherID is an account beside it.
const otherID = "111122223333"

var otherRootKey = credentials.KeyPair{KeyID: "AKIAOTHEROTHEROTHERO", Secret: "other root secret"}

var rootKey = credentials.KeyPair{KeyID: "AKIAROOTROOTROOTROOT", Secret: "root secret"}

// harness is a node with accounts in it, and a handler before it.
type harness struct {
	t         testing.TB
	store     *memstore.Store
	node      *shard.Node
	directory *account.Directory
	handler   http.Handler

	mu     sync.Mutex
	now    time.Time
	random uint64
}

func newHarness(t testing.TB) *harness {
	h := &harness{t: t, store: memstore.New(4), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.start()
	t.Cleanup(func() { h.node.Stop(context.Background()) })
	return h
}

// start begins on the store as a process does.
func (h *harness) start() {
	rules := account.NewRules(account.DefaultLimits())
	var err error
	h.node, err = shard.OpenNode(context.Background(), shard.Config{
		Store: h.store, Shards: h.store.Shards(), Hash: &keys.Hash{1},
		Rules:  map[engine.Kind]engine.Rules{account.Kind: rules},
		Offers: noOffers{}, Log: slog.New(slog.DiscardHandler), CachedStates: 4,
	}, h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.directory = account.NewDirectory(account.Config{
		Runs: h.node, Rules: rules, Sealer: account.NewSealer(account.SealerKeys{Secrets: [32]byte{7}, Sessions: [32]byte{8}}),
		Roots: []credentials.Credential{credentials.Root(accountID, rootKey), credentials.Root(otherID, otherRootKey)},
	})
	h.handler = h.serving(h)
}

// serving is a handler of both services.
func (h *harness) serving(who operation.Authenticator) *operation.Handler {
	handler := operation.New(operation.Config{
		Authenticator: who, Log: slog.New(slog.NewTextHandler(complaints{h.t}, &slog.HandlerOptions{Level: slog.LevelError})), Now: h.clock,
		Random: func() (id [16]byte) { _, _ = h.Read(id[:]); return id },
	}, awsquery.New())
	for _, s := range []*service.Service{Service(), STS()} {
		opened, err := s.Open(&service.Kernel{Accounts: h.directory, Now: h.clock, Random: h})
		if err != nil {
			h.t.Fatal(err)
		}
		handler.Mount(&operation.API{Service: s.Name, SigningNames: []string{s.Name}, Model: opened.Model, Operations: opened.Operations})
	}
	return handler
}

// restart ends the process without a word and begins anew on what is durable.
func (h *harness) restart() {
	h.node.Stop(context.Background())
	h.store = h.store.Crash(0)
	h.start()
}

type noOffers struct{}

func (noOffers) Offer(engine.RunID, engine.Offer)     {}
func (noOffers) Withdraw(string, engine.RunID, int64) {}
func (noOffers) WithdrawShard(uint16)                 {}

// Now implements shard.Clock.
func (h *harness) Now() engine.Time       { return engine.Time(h.clock().UnixMilli()) }
func (h *harness) Confirmed() engine.Time { return h.Now() }

func (h *harness) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *harness) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
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

// Recognise implements operation.Authenticator. It takes who does not sign for the
// root user.
func (h *harness) Recognise(r *http.Request, _ []string) (operation.Sender, error) {
	return sender{h, r}, nil
}

type sender struct {
	*harness
	*http.Request
}

// Verify implements operation.Sender.
func (s sender) Verify(services []string, body operation.Body) (operation.Caller, error) {
	h, r := s.harness, s.Request
	if r.Header.Get("Authorization") == "" {
		root, err := h.directory.Lookup(r.Context(), rootKey.KeyID, "")
		return callerOf(root), err
	}
	a := authn.New(authn.Config[*account.Caller]{Keys: h.directory, Now: h.clock})
	c, scope, err := a.Identify(r, services, body)
	if err != nil {
		return operation.Caller{}, err
	}
	h.directory.Used(c.Account, c.KeyID, account.Use{At: h.clock(), Service: scope.Service, Region: scope.Region})
	return callerOf(c), nil
}

func callerOf(c *account.Caller) operation.Caller {
	known := append(policy.Context{{Key: "aws:SourceIp", Value: "10.0.0.1"}}, c.Context...)
	caller := operation.Caller{Account: c.Account, Principal: c.Principal, Identity: c, Known: slices.Clip(known)}
	if !c.Unlimited() {
		caller.Policies = &c.Policies
	}
	return caller
}

// rows gives everything that is stored, one after the other.
func (h *harness) rows() (all []byte) {
	h.node.Stop(context.Background())
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
