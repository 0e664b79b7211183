package iam

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
	"heddle/internal/iam/account"
)

// TestGoneCaller hangs up while what the call touches is looked up: it must not be
// taken for something without tags, which nothing denies.
func TestGoneCaller(t *testing.T) {
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
	handler := New(Config{
		Directory: h.directory, Now: h.clock, Random: h, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(*http.Request, []byte) (*account.Caller, error) { return caller, nil },
		Context:      func(*http.Request) policy.Context { return nil },
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(gone, "POST", "/", strings.NewReader("Action=DeleteUser&Version=2010-05-08&UserName=kept"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if _, err := h.directory.Do(t.Context(), accountID, account.GetEntity{Of: kept.Ref}); err != nil {
		t.Error(err)
	}
}
