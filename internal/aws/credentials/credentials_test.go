package credentials_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "heddle/internal/aws/credentials"
)

func TestSecretsDoNotShow(t *testing.T) {
	c := Credential{KeyID: "AKIA", Secret: "hush-hush", Token: "hush-token"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "c", c, "s", c.Secret)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "c", c, "s", c.Secret)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded) + fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.Secret, c.Secret, c.Secret)
	if strings.Contains(shown, "hush") || strings.Contains(shown, fmt.Sprintf("%x", "hush")) || !strings.Contains(shown, "AKIA") {
		t.Error(shown)
	}
}

const account = "123456789012"

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "credentials")
	made, created, err := LoadOrCreate(path, []string{account}, rand.Reader)
	if err != nil || len(made) != 1 || !slices.Equal(created, []string{account}) {
		t.Fatalf("made %v, created %v, %v", made, created, err)
	}
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(made[0].KeyID) ||
		!regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(string(made[0].Secret)) || made[0].Account != account {
		t.Errorf("made %+v %q", made[0], string(made[0].Secret))
	}
	if of, ok := AccountOf(made[0].KeyID); !ok || of != account {
		t.Errorf("the account in %q: %q, %v", made[0].KeyID, of, ok)
	}
	read, created, err := LoadOrCreate(path, []string{account}, rand.Reader)
	if err != nil || len(created) != 0 || !slices.Equal(read, made) {
		t.Errorf("read %v, created %v, %v", read, created, err)
	}
	if pair, err := ReadFile(path); err != nil || pair.KeyID != made[0].KeyID || pair.Secret != made[0].Secret {
		t.Errorf("read %v, %v", pair, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	another, err := NewKeyPair(account, rand.Reader)
	if err != nil || another.KeyID == made[0].KeyID || another.Secret == made[0].Secret {
		t.Errorf("two key pairs are alike, %v", err)
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreate(path, []string{account}, rand.Reader); err == nil || !strings.Contains(err.Error(), "mode 0644 lets others read it") {
		t.Errorf("got %v", err)
	}
}

// TestLoadOrCreateSeveral: each account has a pair of its own, made once, and none is ever
// taken for another's. What else is in the file stays.
func TestLoadOrCreateSeveral(t *testing.T) {
	const a, b, c = account, "111122223333", "000000000007"
	path := filepath.Join(t.TempDir(), "credentials")
	of := func(file string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	load := func(accounts ...string) map[string]string {
		t.Helper()
		roots, _, err := LoadOrCreate(path, accounts, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]string{}
		for _, r := range roots {
			ids[r.Account] = r.KeyID
		}
		if len(ids) != len(accounts) {
			t.Fatalf("of %q: %v", accounts, ids)
		}
		return ids
	}
	before := of("# mine\n[default]\naws_access_key_id = AKIAOLD\naws_secret_access_key = s\n\n[work]\nrole_arn = x\n[half") // as from before, with what was added
	if got := load(a); got[a] != "AKIAOLD" {
		t.Errorf("an old file: %v", got)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != before {
		t.Errorf("a file of which nothing was wanted became %q, %v", text, err)
	}
	three := load(a, b, c)
	if three[a] != "AKIAOLD" || three[b] == three[c] {
		t.Errorf("three accounts: %v", three)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# mine\n", "\n[work]\nrole_arn = x\n", "[default]\naws_account_id = " + a + "\n", "[" + b + "]\naws_account_id = " + b + "\naws_access_key_id = " + three[b] + "\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if got := load(a, c); got[c] != three[c] || got[a] != three[a] {
		t.Errorf("without one: %v", got)
	}
	if got := load(a, b, c); !maps.Equal(got, three) {
		t.Errorf("with it again: %v, want %v", got, three)
	}
	// Whose the default account is has changed.
	if _, _, err := LoadOrCreate(path, []string{b, a}, rand.Reader); err == nil || !strings.Contains(err.Error(), "the profile [default] is of account "+a) {
		t.Errorf("the pair of one account became another's: %v", err)
	}
	of(strings.Replace(string(text), "[default]", "["+a+"]", 1))
	if got := load(c+"", a); got[a] != three[a] || got[c] == three[c] {
		t.Errorf("after the profile was renamed: %v", got)
	}
	for file, want := range map[string]string{
		"[default]\naws_access_key_id = AKIAOLD\n": "no aws_access_key_id and aws_secret_access_key under [default]",
		"[default]\naws_access_key_id=K\naws_secret_access_key=hush\n[" + b + "]\naws_access_key_id=K\naws_secret_access_key=hush\n":                             "has the access key of account " + a + " too",
		"[default]\naws_access_key_id=K\naws_secret_access_key=hush\n[" + b + "]\naws_access_key_id=L\naws_secret_access_key=hush\naws_account_id = " + c + "\n": "is of account " + c,
	} {
		of(file)
		roots, made, err := LoadOrCreate(path, []string{a, b}, rand.Reader)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, %v, %v", file, roots, made, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != file {
			t.Errorf("%q became %q, %v", file, text, err)
		}
	}
}

func TestAccountOf(t *testing.T) {
	for _, account := range []string{"000000000000", "000000000001", "123456789012", "999999999999"} {
		for _, make := range []func(string, io.Reader) (KeyPair, error){NewKeyPair, NewSessionPair} {
			pair, err := make(account, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := AccountOf(pair.KeyID); got != account || !ok {
				t.Errorf("%s: %q, %v", pair.KeyID, got, ok)
			}
		}
	}
	for _, id := range []string{"", "AKIA", "AKIA1", "AIDAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPLEE", "AKIA================", "ASIA7777777777777777", "AKIAiosfodnn7example"} {
		if account, ok := AccountOf(id); ok {
			t.Errorf("%q: %q", id, account)
		}
	}
	if _, err := NewKeyPair("none", rand.Reader); err == nil {
		t.Error("a key for no account")
	}
}

func TestNothingIsLeftOfAFailedWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, KeyPair{"AKIA", "s"}); err == nil {
		t.Error("a folder was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	if _, err := NewKeyPair(account, strings.NewReader("too little")); err == nil {
		t.Error("a key pair of too few random bytes")
	}
}

func TestReadFile(t *testing.T) {
	for _, c := range []struct {
		text string
		want KeyPair // zero: refused
	}{
		{"[default]\naws_access_key_id=AKIA\naws_secret_access_key=a/b+c==\n", KeyPair{"AKIA", "a/b+c=="}},
		{"# c\r\n[other]\r\naws_access_key_id = NO\r\n[default]\r\n aws_secret_access_key = s \r\naws_access_key_id = AKIA", KeyPair{"AKIA", "s"}},
		{"[default]\naws_access_key_id = AKIA\n[other]\naws_secret_access_key = hush\n", KeyPair{}},
		{"aws_access_key_id = AKIA\naws_secret_access_key = hush\n", KeyPair{}},
		{"", KeyPair{}},
		{"\x00\xff[default]", KeyPair{}},
	} {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(path)
		if got != c.want || (err == nil) != (c.want != KeyPair{}) {
			t.Errorf("%q: got %q %q, %v", c.text, got.KeyID, string(got.Secret), err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestReadProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte("[111122223333]\naws_access_key_id = ONE\naws_secret_access_key = s\n[444455556666]\naws_access_key_id = TWO\naws_secret_access_key = t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]KeyPair{"111122223333": {"ONE", "s"}, "444455556666": {"TWO", "t"}} {
		if got, err := ReadProfile(path, profile); err != nil || got != want {
			t.Errorf("%s: %v, %v", profile, got, err)
		}
	}
	for _, profile := range []string{"default", "1111", ""} {
		if got, err := ReadProfile(path, profile); !errors.Is(err, ErrNoProfile) || got != (KeyPair{}) {
			t.Errorf("%q: %v, %v", profile, got, err)
		}
	}
}

func TestRoot(t *testing.T) {
	want := Credential{KeyID: "AKIA", Secret: "s", Account: "123456789012"}
	if got := Root("123456789012", KeyPair{"AKIA", "s"}); got != want {
		t.Errorf("got %+v", got)
	}
}
