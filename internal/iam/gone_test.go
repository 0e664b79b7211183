package iam

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
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
	handler := h.serving(always{callerOf(caller)})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(gone, "POST", "/", strings.NewReader("Action=DeleteUser&Version=2010-05-08&UserName=kept"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if _, err := h.directory.Do(t.Context(), accountID, account.GetEntity{Of: kept.Ref}); err != nil {
		t.Error(err)
	}
}

// always takes everybody for one caller.
type always struct{ caller operation.Caller }

func (a always) Recognise(*http.Request, []string) (operation.Sender, error) { return a, nil }

func (a always) Verify([]string, operation.Body) (operation.Caller, error) { return a.caller, nil }
