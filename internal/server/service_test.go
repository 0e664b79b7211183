package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"heddle/internal/engine"
)

// TestServiceIsMountedByOneLine runs a whole service beside the others: of each protocol
// an action, an execution, a performer, rates, the trail, options and permissions.
func TestServiceIsMountedByOneLine(t *testing.T) {
	var turns atomic.Int64
	toy := toyService(func(done *engine.TurnDone) {
		if done.Name.Kind != "toy-cake" {
			t.Errorf("the toy hears of %q", done.Name.Kind)
		}
		turns.Add(1)
	})
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second, Throttle: ThrottleAWS}
	cfg.Services = append(Services(), toy)
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	ann := h.user("ann", `{"Effect":"Allow","Action":["toy:Order","toy:GetCake"],"Resource":"arn:aws:toy:::cake/plum*"}`)
	ask := func(key aws.Credentials, method, path, contentType, body string, headers ...string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		sum := sha256.Sum256([]byte(body))
		digest := hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", digest)
		if err := v4.NewSigner().SignHTTP(t.Context(), key, r, digest, "toy", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Content-Type"), " ", answer.Header.Get("X-Toy-Oven"), " ", strings.TrimSpace(string(b)))
	}
	json := func(key aws.Credentials, body string) string {
		return ask(key, "POST", "/", "application/x-amz-json-1.1", body, "X-Amz-Target", "Toy.Order")
	}
	form := func(key aws.Credentials, name string) string {
		return ask(key, "POST", "/", "application/x-www-form-urlencoded", "Action=GetCake&Version=2026-01-01&Name="+name)
	}
	want := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("got %s\nwithout %s", got, part)
			}
		}
	}

	want(json(h.root, `{"name":"plum","count":7}`), "200 application/x-amz-json-1.1", `{"name":"plum","count":3,"baked":false}`) // limit-cakes
	waitUntil(t, "a performer has baked it", func() bool { return strings.Contains(form(h.root, "plum"), "<Baked>true</Baked>") })
	want(form(ann, "plum"), "200 text/xml", `<GetCakeResponse xmlns="https://toy/"><GetCakeResult><Name>plum</Name><Baked>true</Baked></GetCakeResult>`)
	if turns.Load() < 2 {
		t.Errorf("the service heard of %d turns", turns.Load())
	}

	recipe := strings.Repeat("flour ", 1<<18) // 1.5 MB, and bodies that are read whole end at 64 KB
	want(ask(h.root, "PUT", "/toys/plum/recipes/a/b%20c?topping=nuts&topping=honey", "application/octet-stream", recipe, "X-Toy-Oven", "hot"),
		"201 application/json hot", `{"key":"a/b c","toppings":"honey+nuts","size":1572864}`)

	want(json(h.root, `{"count":1}`), "400", "com.amazon.coral.validate#ValidationException", "at 'name'")
	want(json(ann, `{"name":"cheese"}`), "400", "AccessDeniedException", "not authorized to perform: toy:Order on resource: arn:aws:toy:::cake/cheese")
	want(form(ann, "cheese"), "403", "<Code>AccessDenied</Code>", "toy:GetCake")
	want(ask(ann, "PUT", "/toys/plum/recipes/a", "text/plain", "x"), "403", "toy:PutRecipe")
	want(ask(h.root, "DELETE", "/toys/plum/recipes/a", "text/plain", "x"), "405")
	for range 5 {
		json(h.root, `{"name":"plum","count":1}`)
	}
	want(json(h.root, `{"name":"plum","count":1}`), "400", "ThrottlingException", "Rate exceeded")

	closeServer(t, s)
	var trail strings.Builder
	if err := ReadAudit(t.Context(), AuditReading{Data: cfg.Data, Wrong: func(err error) { t.Error(err) }, Log: slog.New(slog.DiscardHandler)}, &trail); err != nil {
		t.Fatal(err)
	}
	records := trail.String()
	for _, part := range []string{
		`"eventSource":"toy.amazonaws.com","eventName":"Order"`, `"eventName":"GetCake"`, `"eventName":"PutRecipe"`,
		`"resources":[{"ARN":"arn:aws:toy:::cake/plum","accountId":"123456789012","type":"AWS::Toy::Cake"}]`, `"eventCategory":"Data"`,
	} {
		want(records, part)
	}
	cfg.Services = append(Services(), toyService(nil)) // as another process would
	s = start(t, cfg)
	want(form(h.root, "plum"), "<Baked>true</Baked>")
	closeServer(t, s)
}

// TestToyIsSmall holds what is said of a service: that it needs little.
func TestToyIsSmall(t *testing.T) {
	source, err := os.ReadFile("toy_test.go")
	if n := bytes.Count(source, []byte("\n")); err != nil || n > 200 {
		t.Errorf("the toy has %d lines, %v", n, err)
	}
}
