package credentials_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
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

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "credentials")
	made, created, err := LoadOrCreate(path, rand.Reader)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(made.KeyID) ||
		!regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(string(made.Secret)) {
		t.Errorf("made %q %q", made.KeyID, string(made.Secret))
	}
	read, created, err := LoadOrCreate(path, rand.Reader)
	if err != nil || created || read != made {
		t.Errorf("read %v, created %v, %v", read, created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	another, err := NewKeyPair(rand.Reader)
	if err != nil || another.KeyID == made.KeyID || another.Secret == made.Secret {
		t.Errorf("two key pairs are alike, %v", err)
	}

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreate(path, rand.Reader); err == nil || !strings.Contains(err.Error(), "mode 0640 lets others read it") {
		t.Errorf("got %v", err)
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
	if _, err := NewKeyPair(strings.NewReader("too little")); err == nil {
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
