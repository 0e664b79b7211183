package notify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func testHook(t *testing.T, url string, secrets ...string) *webhook {
	t.Helper()
	w := &Webhook{URL: url}
	for _, s := range secrets {
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil {
			t.Fatal(err)
		}
		w.secrets = append(w.secrets, b)
	}
	return newWebhook(w, time.Now)
}

// TestWebhookSignatures: the reference library verifies what is posted, under each secret.
func TestWebhookSignatures(t *testing.T) {
	const other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	var body []byte
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header.Clone()
	}))
	defer server.Close()
	hook := testHook(t, server.URL, testSecret, other)
	for _, events := range [][]event{{{id: "id1", body: []byte(`{"a":1}`)}}, {{id: "id1", body: []byte(`{"a":1}`)}, {id: "id2", body: []byte(`{"b":"é"}`)}}} {
		var ids []string
		for range 2 {
			if err := hook.send(context.Background(), events); err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{testSecret, other} {
				wh, err := standardwebhooks.NewWebhook(secret)
				if err != nil {
					t.Fatal(err)
				}
				if err := wh.Verify(body, header); err != nil {
					t.Errorf("under %s: %v", secret, err)
				}
				if err := wh.Verify(append([]byte(" "), body...), header); err == nil {
					t.Error("another body is verified")
				}
			}
			ids = append(ids, header.Get("webhook-id"))
		}
		if ids[0] != ids[1] || ids[0] == "" || (ids[0] == "id1") != (len(events) == 1) {
			t.Errorf("the same %d events have the ids %q", len(events), ids)
		}
		var got []json.RawMessage
		if err := json.Unmarshal(body, &got); err != nil || len(got) != len(events) || string(got[0]) != `{"a":1}` {
			t.Errorf("body %s, %v", body, err)
		}
	}
	wh, _ := standardwebhooks.NewWebhook("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)))
	if err := wh.Verify(body, header); err == nil {
		t.Error("a strange secret verifies")
	}
}

// TestWebhookAnswers: 2xx takes the events, 4xx refuses them for good but for four, all else
// may pass. A redirect is not followed.
func TestWebhookAnswers(t *testing.T) {
	code, elsewhere := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			elsewhere++
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
		_, _ = w.Write(make([]byte, 1<<20)) // of which a little is read
	}))
	defer server.Close()
	hook := testHook(t, server.URL, testSecret)
	for _, code = range []int{200, 202, 204, 299, 301, 302, 307, 308, 400, 401, 403, 404, 408, 409, 410, 413, 422, 425, 429, 500, 503} {
		err := hook.send(context.Background(), []event{{id: "id", body: []byte("{}")}})
		_, never := errors.AsType[*refusedError](err)
		wantNever := code >= 400 && code < 500 && code != 408 && code != 409 && code != 425 && code != 429
		if (err == nil) != (code < 300) || never != wantNever {
			t.Errorf("%d: %v, never %v", code, err, never)
		}
	}
	if elsewhere != 0 {
		t.Error("a redirect was followed")
	}
	server.Close()
	if err := hook.send(context.Background(), []event{{id: "id", body: []byte("{}")}}); err == nil || strings.Contains(err.Error(), "http://") {
		t.Errorf("nobody is there: %v", err)
	}
}
