package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestRootPairGiven: who has the pair that was given is the root user, and nothing is written.
func TestRootPairGiven(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: dir, Root: RootPair{KeyID: "container", Secret: "short"}}
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := &harness{t, start(t, cfg), aws.Credentials{AccessKeyID: "container", SecretAccessKey: "short"}}
	h.must(h.iam(h.root, "ListUsers"))
	h.refused("InvalidClientTokenId", h.iam(aws.Credentials{AccessKeyID: "other", SecretAccessKey: "short"}, "ListUsers"))
	h.refused("SignatureDoesNotMatch", h.iam(aws.Credentials{AccessKeyID: "container", SecretAccessKey: "wrong"}, "ListUsers"))
	if _, err := os.Stat(CredentialsFile(dir)); err == nil {
		t.Error("a pair was written")
	}
	if strings.Contains(log.String(), "weak") {
		t.Errorf("on the loopback it warns: %s", &log)
	}
	for _, bad := range []RootPair{{KeyID: "a"}, {Secret: "s"}, {KeyID: "a b", Secret: "s"}, {KeyID: "a/b", Secret: "s"}} {
		if _, err := (Config{Root: bad}).Filled(); err == nil || !strings.Contains(err.Error(), "--access-key") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestWeakRootPair is told where others can reach the port.
func TestWeakRootPair(t *testing.T) {
	for secret, weak := range map[string]bool{"short": true, strings.Repeat("x", 40): true, "0123456789abcdefghijABCD": false} {
		var log bytes.Buffer
		cfg := Config{Listen: "0.0.0.0:0", Store: StoreMemory, Root: RootPair{KeyID: "container", Secret: secret}, Data: t.TempDir(), Console: ConsoleOff}
		cfg.TLS.Insecure = true
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		closeServer(t, start(t, cfg))
		if strings.Contains(log.String(), "is weak") != weak || strings.Contains(log.String(), secret) {
			t.Errorf("%s", &log)
		}
	}
}

// TestRootPairsAreExchanged while the server runs: two are good at a time, and what rests on one
// that has gone ends with it. A file of no use changes nothing.
func TestRootPairsAreExchanged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	write := func(profiles ...string) {
		t.Helper()
		text := ""
		for _, p := range profiles {
			name, id, _ := strings.Cut(p, " ")
			text += fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = secret-of-%s\n", name, id, id)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair := func(id string) aws.Credentials {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: "secret-of-" + id}
	}
	write("default ONE")
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Root: RootPair{File: file}}
	h := &harness{t, start(t, cfg), pair("ONE")}
	h.role("r", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole"}`, everything)
	guest := h.user("u", everything)
	session := h.assume(guest, "r")
	good := func(when string, want bool, keys ...aws.Credentials) {
		t.Helper()
		h.lookAtRootPairs(t.Context(), "")
		for _, key := range keys {
			k := h.iam(key, "ListUsers")
			if got := h.ask(k).status == 200; got != want {
				t.Errorf("%s: %s is good: %v", when, key.AccessKeyID, got)
			}
		}
	}
	good("at first", true, pair("ONE"), session)
	write("default TWO", "default-2 ONE")
	good("with two", true, pair("ONE"), pair("TWO"), guest, session)
	write("default TWO")
	good("in the end", true, pair("TWO"), guest, session)
	good("in the end", false, pair("ONE"))
	write("default")
	good("with half a pair", true, pair("TWO"))
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "[default]\naws_access_key_id = \n") {
		t.Errorf("the file was written to: %q, %v", text, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	good("without a file", true, pair("TWO"))
	write("default TWO", "default-2 TWO")
	good("with one pair twice", true, pair("TWO"))

	// The server looks by itself.
	write("default THREE")
	waitUntil(t, "the new pair counts", func() bool { return h.ask(h.iam(pair("THREE"), "ListUsers")).status == 200 })
}
