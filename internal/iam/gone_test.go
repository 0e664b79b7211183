package iam

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
)

// TestFailedLook has the store fail, or the caller hang up, while what the call touches is
// looked up: it must not be taken for something without tags, which nothing denies.
func TestFailedLook(t *testing.T) {
	t.Run("the caller hangs up", func(t *testing.T) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		failedLook(t, gone, func(*harness) {})
	})
	t.Run("the store fails", func(t *testing.T) {
		failedLook(t, t.Context(), func(h *harness) {
			h.directory = account.NewDirectory(account.Config{Runs: &failsOnce{Runs: h.node}, Rules: account.NewRules(account.DefaultLimits())})
		})
	})
}

// failsOnce are runs whose first command fails.
type failsOnce struct {
	account.Runs
	failed bool
}

func (f *failsOnce) Do(ctx context.Context, c engine.Command) (any, error) {
	if !f.failed {
		f.failed = true
		return nil, errors.New("the store is out of order")
	}
	return f.Runs.Do(ctx, c)
}

func failedLook(t *testing.T, ctx context.Context, spoil func(*harness)) {
	h := newHarness(t)
	policies := policy.PolicySets{}
	for _, document := range []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/kept":"yes"}}}}`,
	} {
		p, err := policy.Parse([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		policies.Identity = append(policies.Identity, policy.Attached{Policy: p})
	}
	kept := account.Entity{Ref: account.Ref{Type: account.User, Name: "kept"}, Path: "/", ID: "AIDAKEPT", Tags: []account.Tag{{Key: "kept", Value: "yes"}}}
	if _, err := h.directory.Do(t.Context(), accountID, account.CreateEntity{New: kept}); err != nil {
		t.Fatal(err)
	}
	caller := &account.Caller{Credential: credentials.Credential{Account: accountID}, Of: account.Ref{Type: account.User, Name: "ann"}, Policies: policies}
	whole := h.directory
	spoil(h)
	handler := h.serving(always{callerOf(caller)})
	handler.Log = slog.New(slog.DiscardHandler) // of the failure
	r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader("Action=DeleteUser&Version=2010-05-08&UserName=kept"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if _, err := whole.Do(t.Context(), accountID, account.GetEntity{Of: kept.Ref}); err != nil {
		t.Error(err)
	}
}

// always takes everybody for one caller.
type always struct{ caller operation.Caller }

func (a always) Recognise(*http.Request, []string) (operation.Sender, error) { return a, nil }

func (a always) Verify([]string, operation.Body) (operation.Caller, error) { return a.caller, nil }
