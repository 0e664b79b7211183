package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/rootkey"
)

// rotatingKMS seals under the newest of its keys and opens under all of them, as a
// service does that rotates what is inside a key. It has no other calls.
type rotatingKMS struct {
	t     *testing.T
	url   string
	mu    sync.Mutex
	keys  *rootkey.Keys
	calls []string
}

func newRotatingKMS(t *testing.T) *rotatingKMS {
	k := &rotatingKMS{t: t}
	k.rotate()
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	k.url = server.URL
	return k
}

func (k *rotatingKMS) rotate() {
	_, next := newRootKeys(k.t)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys != nil {
		next = next.With(k.keys)
	}
	k.keys = next
}

// made are the calls since the last time.
func (k *rotatingKMS) made() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	made := k.calls
	k.calls = nil
	return made
}

func (k *rotatingKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	k.calls = append(k.calls, call)
	if signed := r.Header.Get("Authorization"); !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKIDKMS/") || !strings.Contains(signed, "/eu-west-1/kms/") {
		k.t.Errorf("%s was signed %q", call, signed)
	}
	body, err := io.ReadAll(r.Body)
	var in struct{ Plaintext, CiphertextBlob []byte }
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	var out []byte
	field := "Plaintext"
	switch call {
	case "Encrypt":
		field = "CiphertextBlob"
		out, err = k.keys.Wrap(r.Context(), in.Plaintext, nil)
	case "Decrypt":
		out, err = k.keys.Unwrap(r.Context(), in.CiphertextBlob, nil)
	default:
		k.t.Errorf("called %q, for which there may be no permission", call)
	}
	if err != nil {
		k.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]string{"KeyId": "id", field: base64.StdEncoding.EncodeToString(out)})
}

// TestKMSIsCalledAtStart, to open the store and the trail and to seal a new data key, and
// not while the server serves; what lies about on the machine and in the environment does
// not count; and a key that the service rotates needs nothing.
func TestKMSIsCalledAtStart(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("somebody else was asked: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(stranger.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_REGION": "ap-south-1", "AWS_PROFILE": "missing", "AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"),
		"AWS_ENDPOINT_URL": stranger.URL, "AWS_ENDPOINT_URL_KMS": stranger.URL,
		"HTTP_PROXY": stranger.URL, "HTTPS_PROXY": stranger.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT": stranger.URL,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": stranger.URL,
	} {
		t.Setenv(name, value)
	}
	k := newRotatingKMS(t)
	cfg := onDisk(t)
	cfg.Audit.Data = true
	cfg.RootKeys.KMS = rootkey.KMS{
		KeyIDs: []string{"id"}, Endpoint: k.url, Region: "eu-west-1", Access: rootkey.AccessKey{ID: "AKIDKMS", Secret: "secret"},
	}
	for life := range 3 {
		s := start(t, cfg)
		want := "Decrypt Decrypt Encrypt"
		if life == 0 {
			want = "Encrypt Encrypt"
		}
		if made := strings.Join(k.made(), " "); made != want {
			t.Errorf("life %d: called %q to start, want %q", life, made, want)
		}
		if life == 0 {
			plant(t, s)
			putBlob(t, s, "x")
		}
		for n := range 3 {
			mustCall(t, s, "RegisterDomain", fmt.Sprintf(`{"name":"%d of life %d","workflowExecutionRetentionPeriodInDays":"1"}`, n, life))
			s.clock.skip(s.clock.Now() + engine.Time(24*time.Hour/time.Millisecond))
			s.node.Advance()
		}
		if s.roots != nil {
			t.Error("a file of root keys is watched")
		}
		closeServer(t, s)
		if made := k.made(); len(made) > 0 {
			t.Errorf("life %d: called %q while it served", life, made)
		}
		k.rotate()
	}
	if found := plantedIn(t, cfg.Data); len(found) > 0 {
		t.Errorf("found %v", found)
	}

	// A server that skips time writes nothing until it is asked to.
	cfg.Data, cfg.TimeSkip = t.TempDir(), SkipTimers
	for life := range 2 {
		s := start(t, cfg)
		k.made()
		mustCall(t, s, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		for n := range 2 {
			mustCall(t, s, "RegisterDomain", fmt.Sprintf(`{"name":"%d of life %d","workflowExecutionRetentionPeriodInDays":"1"}`, n, life))
		}
		closeServer(t, s)
		want := ""
		if life > 0 {
			want = "Encrypt"
		}
		if made := strings.Join(k.made(), " "); made != want {
			t.Errorf("skipping time, life %d: called %q while it served, want %q", life, made, want)
		}
	}
}
