package iam

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
)

// simulation of hostile policies: as many patterns as fit into what may be given, against
// the longest values.
func hostileSimulation(pattern string, actions, resources int) url.Values {
	form := url.Values{"Action": {"SimulateCustomPolicy"}, "Version": {"2010-05-08"}, "MaxItems": {"1000"}}
	list := `"` + pattern + `"`
	values := list + strings.Repeat(","+list, (60<<10)/(len(list)+1))
	form.Set("PolicyInputList.member.1", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotLike":{"aa:va":[`+values+`]}}}}`)
	form.Set("ContextEntries.member.1.ContextKeyName", "aa:va")
	form.Set("ContextEntries.member.1.ContextKeyType", "string")
	form.Set("ContextEntries.member.1.ContextKeyValues.member.1", strings.Repeat("a", 2048))
	for i := range actions {
		form.Set(fmt.Sprintf("ActionNames.member.%d", i+1), fmt.Sprintf("a:%d", i))
	}
	for i := range resources {
		form.Set(fmt.Sprintf("ResourceArns.member.%d", i+1), fmt.Sprintf("arn:aws:a:::%d", i))
	}
	return form
}

func (h *harness) post(ctx context.Context, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// TestSimulationsArePriced asks a thousand questions of the dearest policies that may be
// given: each page answers those that it may take the time for, by their price, and all of
// them are answered in the end. What no page has the time for is refused.
func TestSimulationsArePriced(t *testing.T) {
	h := newHarness(t)
	for _, pattern := range []string{
		"*a*b", "*a*a*b*", "*" + strings.Repeat("a", 60) + "b*", "*" + strings.Repeat("a?", 30) + "b*", "*?b*", "*?*?b*", strings.Repeat("*?a", 60) + "b*",
		"*" + strings.Repeat("a", 2000) + "?b*", "*${aa:va}b*", "${aa:va}*", "*" + strings.Repeat("${aa:va}", 3) + "*",
	} {
		form := hostileSimulation(pattern, 25, 40)
		p, err := policy.Parse([]byte(form.Get("PolicyInputList.member.1")))
		if err != nil {
			t.Fatal(err)
		}
		sets := &policy.PolicySets{Identity: []policy.Attached{{Policy: p}}}
		r := &policy.Request{Action: "a:0", Resource: "arn:aws:a:::10", Context: policy.Context{{Key: "aa:va", Value: form.Get("ContextEntries.member.1.ContextKeyValues.member.1")}}}
		price := policy.Price(r, sets, 1<<40)
		var m policy.Meter
		m.Evaluate(r, sets)
		answered, pages, most := 0, 0, 0
		for {
			w := h.post(t.Context(), form)
			if price > policy.StepsMax {
				if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "take too long") {
					t.Errorf("%.20s: a question costs %d steps: %d %.300s", pattern, price, w.Code, w.Body)
				}
				break
			}
			if w.Code != http.StatusOK {
				t.Fatalf("%.20s: %d %.300s", pattern, w.Code, w.Body)
			}
			n := strings.Count(w.Body.String(), "<EvalDecision>")
			answered, pages, most = answered+n, pages+1, max(most, n)
			if n > 1 && 2*n*m.Steps() > stepsMax { // each is evaluated twice

				t.Errorf("%.20s: a page of %d questions of %d steps each", pattern, n, m.Steps())
			}
			_, marker, _ := strings.Cut(w.Body.String(), "<Marker>")
			marker, _, _ = strings.Cut(marker, "<")
			if marker == "" {
				if answered != 1000 {
					t.Errorf("%.20s: %d of 1000 questions were answered", pattern, answered)
				}
				break
			}
			if pages == 2 { // enough of them
				break
			}
			form.Set("Marker", marker)
		}
		t.Logf("%-24.24s a question has %9d steps, its price is %9d; %4d questions a page", pattern, m.Steps(), price, most)
	}
}

// TestSimulationsEndWithTheirCaller counts the questions that are evaluated for a caller who
// hangs up: none is, once he has.
func TestSimulationsEndWithTheirCaller(t *testing.T) {
	h := newHarness(t)
	form := hostileSimulation("*a*b", 5, 4)
	ctx := &leaving{Context: t.Context()}
	whole := h.post(ctx, form)
	asked := ctx.asked
	if whole.Code != http.StatusOK || asked < 2 {
		t.Fatalf("%d; it was asked %d times whether the caller is there", whole.Code, asked)
	}
	for at := 1; at < asked; at++ {
		ctx := &leaving{Context: t.Context(), after: at}
		w := h.post(ctx, form)
		if n := strings.Count(w.Body.String(), "<EvalDecision>"); n > 0 || ctx.asked > at+10 {
			t.Fatalf("gone when asked for the %d. time: %d answers were made, and it was asked %d times more", at, n, ctx.asked-at)
		}
	}
}

// leaving is the context of a caller who is gone once it was asked so often.
type leaving struct {
	context.Context
	after, asked int
}

func (l *leaving) Err() error {
	if l.asked++; l.after > 0 && l.asked > l.after {
		return context.Canceled
	}
	return nil
}
