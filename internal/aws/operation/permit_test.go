package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
)

// guest is a caller who has a policy.
type guest struct{ policies *policy.PolicySets }

func (g guest) Recognise(*http.Request, []string) (Sender, error) { return g, nil }

func (g guest) Verify([]string, Body) (Caller, error) {
	return Caller{
		Account: "123456789012", Region: "us-east-1", AccessKey: "AKIAGUEST",
		Principal: policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: "123456789012"},
		Policies:  g.policies,
		Known:     policy.Context{{Key: "aws:username", Value: "ann"}},
	}, nil
}

// governed is a subject that says itself who may.
type governed struct {
	asking
	refusal error
}

func (g governed) Permit(ctx context.Context) error {
	if CallerOf(ctx).Account == "" {
		return errors.New("permission was asked of nobody")
	}
	return g.refusal
}

// TestGovernedSubjectsSayWhoMay: not the caller's policies, and of callers who may do
// anything too.
func TestGovernedSubjectsSayWhoMay(t *testing.T) {
	for _, who := range []Authenticator{guest{&policy.PolicySets{}}, Anyone{Account: "123456789012", Region: "us-east-1"}} {
		for _, refusal := range []error{nil, fault.Of(fault.AccessDenied, "not by its policy")} {
			o := newShop()
			api := o.api()
			for i := range api.Operations {
				op := &api.Operations[i]
				subject := op.Subject
				op.Subject = func(ctx context.Context, in any) (Subject, error) {
					s, err := subject(ctx, in)
					return governed{s.(asking), refusal}, err
				}
			}
			o.Handler = New(Config{Authenticator: who, Log: slog.New(slog.DiscardHandler), Now: time.Now, Random: func() [16]byte { return [16]byte{} }}, awsjson.New(), awsquery.New())
			o.Mount(api)
			w := call(o, "Buy", `{"domain":"d","text":"x"}`)
			if allowed := w.Code == http.StatusOK; allowed != (refusal == nil) || !allowed && !strings.Contains(w.Body.String(), "not by its policy") {
				t.Errorf("%T, %v: %d %s", who, refusal, w.Code, w.Body)
			}
		}
	}
}

func TestPermission(t *testing.T) {
	const text = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: %s on resource: arn:aws:shop:us-east-1:123456789012:domain/"
	for _, c := range []struct {
		name, statements, operation, body string
		code, message                     string // empty: permitted
	}{
		{"all", `{"Effect":"Allow","Action":"shop:*","Resource":"*"}`, "Buy", `{"domain":"d","text":"x"}`, "", ""},
		{"own domain", `{"Effect":"Allow","Action":"shop:*","Resource":"arn:aws:shop:*:*:domain/${aws:username}"}`, "Buy", `{"domain":"ann"}`, "", ""},
		{"another's domain", `{"Effect":"Allow","Action":"shop:*","Resource":"arn:aws:shop:*:*:domain/${aws:username}"}`, "Buy", `{"domain":"bob"}`,
			codeClosed, strings.Replace(text, "%s", "shop:Buy", 1) + "bob because no identity-based policy allows the shop:Buy action"},
		{"the second question", `{"Effect":"Allow","Action":"shop:Buy","Resource":"*"}`, "Buy", `{"domain":"d"}`,
			codeClosed, strings.Replace(text, "%s", "shop:Enter", 1) + "d because no identity-based policy allows the shop:Enter action"},
		{"fault that is not declared", `{"Effect":"Deny","Action":"*","Resource":"*"}`, "Cancel", `{"domain":"d"}`,
			"com.amazon.coral.service#AccessDeniedException", strings.Replace(text, "%s", "shop:Cancel", 1) + "d with an explicit deny in an identity-based policy"},
		{"nothing", ``, "Wait", `{"domain":"d","do":"until gone"}`,
			"com.amazon.coral.service#AccessDeniedException", strings.Replace(text, "%s", "shop:Wait", 1) + "d because no identity-based policy allows the shop:Wait action"},
		{"valid first", ``, "Buy", `{"domain":""}`,
			"com.amazon.coral.validate#ValidationException", "1 validation error detected: Value null at 'domain' failed to satisfy constraint: Member must not be null"},
		{"unknown", `{"Effect":"Allow","Action":"shop:*","Resource":"*"}`, "Buy", `{"domain":"d","do":"ask in vain"}`, "com.amazon.coral.service#InternalFailure", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			policies := &policy.PolicySets{}
			if c.statements != "" {
				p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + c.statements + `]}`))
				if err != nil {
					t.Fatal(err)
				}
				policies.Identity = []policy.Attached{{Source: "test", Policy: p}}
			}
			o := newShop()
			o.Authenticator = guest{policies}
			w := call(o, c.operation, c.body)
			var got struct {
				Type    string `json:"__type"`
				Message string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.Type != c.code || got.Message != c.message {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

// In the query protocol, too, a service's own fault is only for the operations that
// declare it.
func TestPermissionByQuery(t *testing.T) {
	for action, code := range map[string]string{"AskFor": "AccessDenied", "Forget": codeClosed} {
		o := newShop()
		o.Authenticator = guest{&policy.PolicySets{}}
		if w := query(o, action, "d", ""); !strings.Contains(w.Body.String(), "<Code>"+code+"</Code><Message>User: arn:aws:iam::123456789012:user/ann is not authorized to perform: shop:"+action+" on") {
			t.Errorf("%s: got %d %s", action, w.Code, w.Body)
		}
	}
}

func TestContextIsAskedForOnce(t *testing.T) {
	asked := 0
	c := Caller{Account: "1", Ask: func(c *Caller) policy.Context {
		asked++
		return policy.Context{{Key: "account", Value: c.Account}}
	}}
	for range 2 {
		if got := c.Context(); len(got) != 1 || got[0].Value != "1" {
			t.Errorf("got %v", got)
		}
	}
	if none := (&Caller{}).Context(); asked != 1 || none != nil {
		t.Errorf("asked %d times; of nobody %v is known", asked, none)
	}
}

func TestDeniedForAHandler(t *testing.T) {
	o := newShop()
	for do, code := range map[string]string{"Buy": codeClosed, "BuyBig": "com.amazon.coral.service#AccessDeniedException"} {
		w := call(o, do, `{"domain":"d","do":"deny"}`)
		if want := `{"__type":"` + code + `","message":"not for you"}`; w.Code != 400 || w.Body.String() != want {
			t.Errorf("%s: got %d %s", do, w.Code, w.Body)
		}
	}
}
