package rootkey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func newText(t *testing.T) string {
	t.Helper()
	text, err := New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func mustParse(t *testing.T, text string) *Keys {
	t.Helper()
	keys, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var place = []byte("a place")

func wrap(t *testing.T, keys *Keys, plain string) []byte {
	t.Helper()
	wrapped, err := keys.Wrap(t.Context(), []byte(plain), place)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, []byte(plain)) {
		t.Fatalf("wrapped %q is not hidden in %q", plain, wrapped)
	}
	return wrapped
}

func wantUnwrapped(t *testing.T, keys *Keys, wrapped []byte, plain string) {
	t.Helper()
	if got, err := keys.Unwrap(t.Context(), wrapped, place); err != nil || string(got) != plain {
		t.Fatalf("unwrapped %q, %v, want %q", got, err, plain)
	}
}

func TestTheFirstKeyWrapsAllUnwrap(t *testing.T) {
	one, two := newText(t), newText(t)
	before, after := mustParse(t, one), mustParse(t, two+one)
	old := wrap(t, before, "the old")
	wantUnwrapped(t, before, old, "the old")
	wantUnwrapped(t, after, old, "the old")
	wantUnwrapped(t, mustParse(t, two).With(before), old, "the old")
	if !before.Current(old) || after.Current(old) {
		t.Errorf("current: %v by the key that wrapped, %v by another", before.Current(old), after.Current(old))
	}

	wrapped := wrap(t, after, "the new")
	wantUnwrapped(t, after, wrapped, "the new")
	_, err := before.Unwrap(t.Context(), wrapped, place)
	if err == nil || !strings.Contains(err.Error(), after.Name()) || !strings.Contains(err.Error(), before.Name()) {
		t.Errorf("without its key: %v, want an error that names the key that wrapped, and the one given", err)
	}
}

func TestWhatWasWrappedIsWhole(t *testing.T) {
	keys := mustParse(t, newText(t))
	wrapped := wrap(t, keys, "plain")
	if got, err := keys.Unwrap(t.Context(), wrapped, []byte("another place")); err == nil {
		t.Errorf("at another place: %q", got)
	}
	for i := range len(wrapped) * 8 {
		flipped := bytes.Clone(wrapped)
		flipped[i/8] ^= 1 << (i % 8)
		if got, err := keys.Unwrap(t.Context(), flipped, place); err == nil {
			t.Fatalf("bit %d flipped: %q", i, got)
		}
	}
	for length := range wrapped {
		if got, err := keys.Unwrap(t.Context(), wrapped[:length], place); err == nil {
			t.Fatalf("cut to %d bytes: %q", length, got)
		}
	}
}

func TestParse(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, keyBytes))
	keys := mustParse(t, "\n# a comment\r\n  "+key+"\t\r\n"+key)
	if len(keys.all) != 2 || keys.all[0].name != "1ff2a106bc1ad66d" || strings.Contains(keys.String(), key) {
		t.Errorf("%d keys: %s", len(keys.all), keys)
	}
	for text, want := range map[string]string{
		"":                           "no key",
		"# only a comment\n":         "no key",
		key + "\nsecret":             "line 2",
		key[:len(key)-4] + "\n":      "line 1",
		"\n" + key + " " + key:       "line 2",
		strings.ToLower(key[:43]):    "line 1",
		key + "\n\n#\n" + key[:43]:   "line 4",
		"\x00" + key:                 "line 1",
		"MTIzNDU2Nzg5MDEyMzQ1Njc4OQ": "line 1",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), key[:8]) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "root.key")
	if _, err := ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	text := newText(t)
	if err := CreateFile(path, text); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("made with mode %v, %v", info.Mode(), err)
	}
	if err := CreateFile(path, newText(t)); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("made again: %v, want fs.ErrExist", err)
	}
	if got, err := ReadFile(path); err != nil || got != text {
		t.Fatalf("read %q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Fatalf("%d files, %v, want the key alone", len(left), err)
	}
	for _, mode := range []fs.FileMode{0o660, 0o604, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
