package operation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
)

// insider is a caller from inside, with a policy of these statements; of none, he may do
// anything.
func insider(t *testing.T, statements string) *Caller {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/", nil)
	r.Header.Set("User-Agent", "heddle-console")
	c := &Caller{
		Account: "123456789012", Region: "eu-west-1", AccessKey: "AKIAGUEST", Request: r,
		Principal: policy.Principal{ARN: "arn:aws:iam::123456789012:user/ann", Account: "123456789012"},
	}
	if statements != "" {
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = &policy.PolicySets{Identity: []policy.Attached{{Source: "test", Policy: p}}}
	}
	return c
}

// TestCallsFromInsideTakeTheSameRoad compares, for each thing that may happen to a call, what
// a request is answered with what a call from inside gets, and what is told of both.
func TestCallsFromInsideTakeTheSameRoad(t *testing.T) {
	const own = `{"Effect":"Allow","Action":"shop:*","Resource":"arn:aws:shop:*:*:domain/d"}`
	for _, c := range []struct {
		name, action string
		in           order
		statements   string
		arrange      func(*openShop, *turnstile, *API)
		text, code   string
	}{
		{name: "served", action: "Buy", in: order{Domain: "d", Text: "x"}, text: "x"},
		{name: "as the caller", action: "Buy", in: order{Domain: "d", Do: "who"}, text: "123456789012 eu-west-1 AKIAGUEST"},
		{name: "permitted", action: "Buy", in: order{Domain: "d", Text: "x"}, statements: own, text: "x"},
		{name: "not permitted", action: "Buy", in: order{Domain: "e", Text: "x"}, statements: own, code: codeClosed},
		{name: "not declared", action: "Cancel", in: order{Domain: "e"}, statements: own, code: "com.amazon.coral.service#AccessDeniedException"},
		{name: "not valid", action: "Buy", in: order{}, code: "com.amazon.coral.validate#ValidationException"},
		{name: "a fault", action: "Buy", in: order{Domain: "d", Do: "fault"}, code: codeSoldOut},
		{name: "an error", action: "Buy", in: order{Domain: "d", Do: "error"}, code: "com.amazon.coral.service#InternalFailure"},
		{name: "a panic", action: "Buy", in: order{Domain: "d", Do: "panic"}, code: "com.amazon.coral.service#InternalFailure"},
		{name: "throttled", action: "Buy", in: order{Domain: "d"}, code: "com.amazon.coral.availability#ThrottlingException", arrange: func(_ *openShop, _ *turnstile, api *API) {
			api.Throttle = func(account, region, action string) bool { return false }
		}},
		{name: "not now", action: "Buy", in: order{Domain: "d"}, code: codeSoldOut, arrange: func(_ *openShop, _ *turnstile, api *API) {
			api.Refuse = func(string) *fault.Fault { return &fault.Fault{Code: codeSoldOut} }
		}},
		{name: "no place", action: "Buy", in: order{Domain: "d"}, code: "com.amazon.coral.availability#ThrottlingException", arrange: func(_ *openShop, g *turnstile, _ *API) { g.shut = true }},
		{name: "no room for its record", action: "BuyBig", in: order{Domain: "d"}, code: "com.amazon.coral.availability#ThrottlingException", arrange: func(o *openShop, _ *turnstile, _ *API) {
			o.Keep = func(*Caller, Resource) error { return fault.Throttled() }
		}},
		{name: "a record that was not kept", action: "Buy", in: order{Domain: "d"}, code: "com.amazon.coral.service#InternalFailure", arrange: func(o *openShop, _ *turnstile, _ *API) {
			audit := o.Audit
			o.Audit = func(a *Answered) error { _ = audit(a); return errors.New("no disk") }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var text [2]string
			var told [2]*Answered
			for i := range 2 {
				o, g := newShop(), &turnstile{most: 1000}
				o.Gate = g
				var observed *Answered
				o.Keep = func(*Caller, Resource) error { return nil }
				o.Audit = func(a *Answered) error { own := *a; told[i] = &own; return nil }
				o.Observe = func(a *Answered, _ time.Duration) { observed = a }
				api := o.api()
				if c.arrange != nil {
					c.arrange(o, g, api)
				}
				o.Handler = New(o.Config, protocols()...)
				o.Mount(api)
				caller := insider(t, c.statements)
				if i == 0 {
					o.Authenticator = known{caller}
					w := call(o, c.action, c.in.json())
					text[i] = w.Body.String()
				} else {
					out, err := o.Call(t.Context(), caller, "shop", c.action, &c.in)
					text[i] = written(out, err)
				}
				if g.in != 0 {
					t.Errorf("%d places were not given back", g.in)
				}
				if observed == nil || told[i] == nil || observed.Fault == nil != (c.code == "") {
					t.Fatalf("told %v, observed %v", told[i], observed)
				}
			}
			if text[0] != text[1] {
				t.Errorf("a request gets %s, a call from inside %s", text[0], text[1])
			}
			want := `{"text":"` + c.text + `"}`
			if c.code != "" {
				want = c.code
			}
			if !bytes.Contains([]byte(text[1]), []byte(want)) {
				t.Errorf("got %s, want %s", text[1], want)
			}
			a, b := told[0], told[1]
			if a.Touched != b.Touched || a.AccessKey != b.AccessKey || a.Kept != b.Kept || (a.Input == nil) != (b.Input == nil) || (a.Fault == nil) != (b.Fault == nil) || a.Operation.Name != b.Operation.Name {
				t.Errorf("told of a request %+v, of a call from inside %+v", a, b)
			}
			if b.Request.UserAgent() != "heddle-console" || b.Caller.Principal.ARN != "arn:aws:iam::123456789012:user/ann" {
				t.Errorf("told %q %q", b.Request.UserAgent(), b.Caller.Principal.ARN)
			}
		})
	}
}

// TestPermitsAsksAndDoesNothing: it says what a call would be refused with, and no record,
// no place and no rate is taken.
func TestPermitsAsksAndDoesNothing(t *testing.T) {
	o := newShop()
	o.Audit = func(*Answered) error { t.Error("a record"); return nil }
	caller := insider(t, `{"Effect":"Allow","Action":"shop:*","Resource":"arn:aws:shop:*:*:domain/d"}`)
	if err := o.Permits(t.Context(), caller, "shop", "Buy", &order{Domain: "d", Do: "panic"}); err != nil {
		t.Error(err)
	}
	err := o.Permits(t.Context(), caller, "shop", "Buy", &order{Domain: "e", Do: "panic"})
	o.Audit = nil
	_, refusal := o.Call(t.Context(), caller, "shop", "Buy", &order{Domain: "e"})
	if err == nil || err.Error() != refusal.Error() {
		t.Errorf("permits: %v, call: %v", err, refusal)
	}
}

// TestCallsThatNeedAConnection are not done from inside, nor what there is not.
func TestCallsThatNeedAConnection(t *testing.T) {
	o := newShop()
	for _, action := range []string{"Wait", "Steal"} {
		if out, err := o.Call(t.Context(), insider(t, ""), "shop", action, &order{Domain: "d"}); err == nil {
			t.Errorf("%s: %v", action, out)
		}
	}
	if out, err := o.Call(t.Context(), insider(t, ""), "shop", "Buy", "d"); err == nil {
		t.Errorf("of a text: %v", out)
	}
}

// known is an Authenticator that knows its caller.
type known struct{ caller *Caller }

func (k known) Recognise(r *http.Request, _ []string) (Sender, error) {
	c := *k.caller
	c.Request = r
	return Believe(c), nil
}

func (o *order) json() string {
	b, err := json.Marshal(map[string]string{"domain": o.Domain, "do": o.Do, "text": o.Text})
	if err != nil {
		panic(err)
	}
	if o.Domain == "" {
		return "{}"
	}
	return string(b)
}

// written is what a protocol would have written.
func written(out any, err error) string {
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		w := httptest.NewRecorder()
		if err := protocols()[0].WriteFault(w, &Call{Request: httptest.NewRequest(http.MethodPost, "/", nil)}, f); err != nil {
			return err.Error()
		}
		return w.Body.String()
	}
	if err != nil {
		return "an error that is no fault: " + err.Error()
	}
	if out == nil {
		return ""
	}
	return string(out.(interface{ AppendJSON([]byte) []byte }).AppendJSON(nil))
}
