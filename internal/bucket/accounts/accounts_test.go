package accounts

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/bucket"
	"heddle/internal/options"
)

const (
	own   = "111122223333"
	other = "444455556666"
	third = "777788889999"
)

func config() Config {
	return Config{Own: own, Room: bucket.NewRoom(1 << 20), Now: func() time.Time { return time.Unix(1, 0) }, Within: context.WithTimeout}
}

func open(t *testing.T, o Options) *Accounts {
	t.Helper()
	if err := options.Fill(&o); err != nil {
		t.Fatal(err)
	}
	a, err := Open(o, config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// try makes each call, and gives its error.
func try(t *testing.T, s bucket.Store, name string) (all []error) {
	t.Helper()
	_, head := s.Head(t.Context(), name, "k")
	_, _, get := s.Get(t.Context(), name, "k", bucket.Range{})
	_, put := s.Put(t.Context(), &bucket.Put{Bucket: name, Key: "k", Source: bucket.Bytes("x"), Size: 1})
	list := s.List(t.Context(), name, "", "", func(bucket.Object) bool { return true })
	return []error{head, get, put, list, s.Delete(t.Context(), name, "k")}
}

// TestFolders: an account has its own buckets, whatever it asks for.
func TestFolders(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "things", "k"), "of its own")
	write(t, filepath.Join(root, "@"+other, "theirs", "k"), "of the other")
	a := open(t, Options{Dir: root})
	if o, err := a.Of(own).Head(t.Context(), "things", "k"); err != nil || o.Size != 10 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := a.Of(other).Head(t.Context(), "theirs", "k"); err != nil || o.Size != 12 {
		t.Errorf("%+v, %v", o, err)
	}
	for account, names := range map[string][]string{
		own:   {"theirs", "@" + other, "@" + other + "/theirs"},
		other: {"things", "..", "../things", "@" + other},
		third: {"things", "theirs"},
	} {
		for _, name := range names {
			for i, err := range try(t, a.Of(account), name) {
				if !errors.Is(err, bucket.ErrNoSuchBucket) {
					t.Errorf("call %d of %s in %q: %v", i, account, name, err)
				}
			}
		}
	}
	for _, account := range []string{"", "..", "../" + other, "things", own + "/things"} {
		for i, err := range try(t, a.Of(account), "things") {
			if !errors.Is(err, bucket.ErrDenied) {
				t.Errorf("call %d of %q: %v", i, account, err)
			}
		}
	}
	if a.Of(own) != a.Of(own) {
		t.Error("opened twice")
	}
}

// TestS3: each account signs with its own key, and one that has none makes no call.
func TestS3(t *testing.T) {
	var mu sync.Mutex
	var signers []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		signer, _, _ := strings.Cut(rest, "/")
		mu.Lock()
		signers = append(signers, signer)
		mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	file := write(t, filepath.Join(t.TempDir(), "credentials"), "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s\n["+other+"]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = s\n")
	a := open(t, Options{Endpoint: server.URL, AccessKey: "AKIDOWN", SecretKey: "secret", Credentials: file})
	for account, want := range map[string]string{own: "AKIDOWN", other: "AKIDOTHER", third: "", "default": "", "": ""} {
		signers = nil
		for i, err := range try(t, a.Of(account), "things") {
			if !errors.Is(err, bucket.ErrDenied) {
				t.Errorf("call %d of %q: %v", i, account, err)
			}
		}
		if want == "" && len(signers) > 0 || want != "" && (len(signers) != 5 || slices.ContainsFunc(signers, func(s string) bool { return s != want })) {
			t.Errorf("calls of %q were signed by %q, want %q", account, signers, want)
		}
	}
	// A profile that comes later is found.
	write(t, file, "["+third+"]\naws_access_key_id = AKIDTHIRD\naws_secret_access_key = s\n")
	signers = nil
	_ = try(t, a.Of(third), "things")
	if len(signers) != 5 || signers[0] != "AKIDTHIRD" {
		t.Errorf("signed by %q", signers)
	}
	// With the access key alone, others have none.
	a = open(t, Options{Endpoint: server.URL, AccessKey: "AKIDOWN", SecretKey: "secret"})
	signers = nil
	for _, err := range try(t, a.Of(other), "things") {
		refusal := (*bucket.Error)(nil)
		if !errors.As(err, &refusal) || refusal.Kind != bucket.ErrDenied || !strings.Contains(refusal.Message, "no credentials") {
			t.Error(err)
		}
	}
	if len(signers) != 0 {
		t.Errorf("signed by %q", signers)
	}
}

func TestNowhere(t *testing.T) {
	for _, err := range try(t, open(t, Options{}).Of(own), "things") {
		if !errors.Is(err, bucket.ErrDenied) || !strings.Contains(err.Error(), "--buckets") {
			t.Error(err)
		}
	}
}

func TestRefused(t *testing.T) {
	good := write(t, filepath.Join(t.TempDir(), "credentials"), "["+own+"]\naws_access_key_id = A\naws_secret_access_key = hush-hush\n")
	open9 := write(t, filepath.Join(t.TempDir(), "credentials"), "["+own+"]\naws_access_key_id = A\naws_secret_access_key = hush-hush\n")
	if err := os.Chmod(open9, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"both":                {Dir: t.TempDir(), Endpoint: "http://s3.example", AccessKey: "A", SecretKey: "hush-hush"},
		"no folder":           {Dir: filepath.Join(t.TempDir(), "none")},
		"no keys":             {Endpoint: "http://s3.example"},
		"no secret":           {AccessKey: "A"},
		"no key":              {SecretKey: "hush-hush"},
		"no endpoint":         {Endpoint: "s3.example", AccessKey: "A", SecretKey: "hush-hush"},
		"no file":             {Credentials: filepath.Join(t.TempDir(), "none")},
		"a file for all":      {Credentials: open9},
		"two keys of its own": {Credentials: good, AccessKey: "A", SecretKey: "hush-hush"},
	} {
		if err := options.Fill(&o); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(o, config()); err == nil || strings.Contains(err.Error(), "hush-hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
	open(t, Options{Credentials: good})
}
