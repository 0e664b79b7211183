package rootkey

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// service is a key management service that keeps its keys: it seals by them, and
// opens only for who names the key and gives the same context.
type service struct {
	t       *testing.T
	mu      sync.Mutex
	keys    map[string]*Keys
	calls   []string
	failing int // so many answers are 500
}

func newService(t *testing.T, ids ...string) (*service, KMS) {
	s := &service{t: t, keys: map[string]*Keys{}}
	for _, id := range ids {
		s.keys[id] = mustParse(t, newText(t))
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, KMS{KeyIDs: ids, Endpoint: server.URL, Region: "eu-west-1", Access: AccessKey{"AKIDKMS", "kms secret"}}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.calls = append(s.calls, action)
	if signed := r.Header.Get("Authorization"); !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKIDKMS/") || !strings.Contains(signed, "/eu-west-1/kms/") {
		s.t.Errorf("%s was signed %q", action, signed)
	}
	if s.failing > 0 {
		s.failing--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	var in struct {
		KeyID                     string `json:"KeyId"`
		Plaintext, CiphertextBlob []byte
		EncryptionContext         map[string]string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		s.t.Error(err)
	}
	refuse := func(kind string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"`+kind+`","message":"no"}`)
	}
	key := s.keys[in.KeyID]
	if key == nil {
		refuse("NotFoundException")
		return
	}
	if !maps.Equal(in.EncryptionContext, encryptionContext) {
		s.t.Errorf("%s: context %v", action, in.EncryptionContext)
	}
	out := map[string]string{"KeyId": in.KeyID}
	switch action {
	case "Encrypt":
		sealed, err := key.Wrap(r.Context(), in.Plaintext, nil)
		if err != nil {
			s.t.Error(err)
		}
		out["CiphertextBlob"] = base64.StdEncoding.EncodeToString(sealed)
	case "Decrypt":
		plain, err := key.Unwrap(r.Context(), in.CiphertextBlob, nil)
		if err != nil {
			refuse("IncorrectKeyException")
			return
		}
		out["Plaintext"] = base64.StdEncoding.EncodeToString(plain)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

func mustKMS(t *testing.T, cfg KMS) *Keys {
	t.Helper()
	keys, err := NewKMS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKMS(t *testing.T) {
	// What lies about in the environment must not matter.
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s, cfg := newService(t, "old", "new")
	cfg.KeyIDs = []string{"old"}
	before := mustKMS(t, cfg)
	long := strings.Repeat("data keys ", 1000) // more than the service itself would take
	wrapped := wrap(t, before, long)
	wantUnwrapped(t, before, wrapped, long)
	if strings.Join(s.calls, " ") != "Encrypt Decrypt" {
		t.Errorf("calls: %v", s.calls)
	}

	cfg.KeyIDs = []string{"new", "old"}
	after := mustKMS(t, cfg)
	wantUnwrapped(t, after, wrapped, long)
	if after.Current(wrapped) || !after.Current(wrap(t, after, "another")) {
		t.Error("the first key is not the one that wraps")
	}
	local := mustParse(t, newText(t))
	if got, err := local.Unwrap(t.Context(), wrapped, place); err == nil || !strings.Contains(err.Error(), `"kms:old"`) {
		t.Errorf("without the service: %q, %v", got, err)
	}
	wantUnwrapped(t, local.With(before), wrapped, long)
	if _, err := before.Unwrap(t.Context(), bytes.Replace(wrapped, []byte("kms:old"), []byte("kms:new"), 1), place); err == nil {
		t.Error("unwrapped under another name")
	}

	s.failing, s.calls = 1, nil
	wantUnwrapped(t, before, wrapped, long)
	if len(s.calls) != 2 {
		t.Errorf("calls when the first fails: %v", s.calls)
	}
	cfg.KeyIDs = []string{"unknown"}
	if _, err := mustKMS(t, cfg).Wrap(t.Context(), []byte("x"), place); err == nil || !strings.Contains(err.Error(), "NotFoundException") {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestKMSConfig(t *testing.T) {
	good := KMS{KeyIDs: []string{"id"}, Endpoint: "https://kms.example", Region: "eu-west-1", Access: AccessKey{"id", "secret"}}
	if _, err := NewKMS(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*KMS){
		"no endpoint":  func(c *KMS) { c.Endpoint = "" },
		"no host":      func(c *KMS) { c.Endpoint = "https://" },
		"a user":       func(c *KMS) { c.Endpoint = "https://me:secret@kms.example" },
		"no scheme":    func(c *KMS) { c.Endpoint = "kms.example" },
		"no region":    func(c *KMS) { c.Region = "" },
		"no secret":    func(c *KMS) { c.Access.Secret = "" },
		"no key id":    func(c *KMS) { c.KeyIDs = nil },
		"no access id": func(c *KMS) { c.Access.ID = "" },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := NewKMS(cfg); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
