package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// names are what is in a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// wantFile wants a folder to hold one file and nothing else.
func wantFile(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s: %v, %v, want mode %v", path, info, err, mode)
	}
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, []string{filepath.Base(path)}) {
		t.Errorf("beside it there is %v", got)
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "root.key")
	if err := Create(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "first", 0o600)
	for dir := filepath.Dir(path); filepath.Base(dir) == "a" || filepath.Base(dir) == "b"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("folder %s: %v, %v", dir, info.Mode(), err)
		}
	}
	if err := Create(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another: %v, want ErrExist", err)
	}
	wantFile(t, path, "first", 0o600)
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for _, text := range []string{"first", "the second, which is longer", ""} {
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, text, 0o600)
	}
	if err := ReplacePublic(path, []byte("for all")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "for all", 0o644)
	if err := Replace(path, []byte("for one")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "for one", 0o600)
}

// TestFailures leave nothing behind that was not there before.
func TestFailures(t *testing.T) {
	for name, write := range map[string]func(string, []byte) error{"create": Create, "replace": Replace, "public": ReplacePublic} {
		dir := t.TempDir()
		path := filepath.Join(dir, "key")
		if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil { // a folder that can't be replaced
			t.Fatal(err)
		}
		if err := write(path, []byte("text")); err == nil {
			t.Errorf("%s: a folder gave way to a file", name)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"key"}) {
			t.Errorf("%s left %v", name, got)
		}
		file := filepath.Join(dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := write(filepath.Join(file, "key"), []byte("text")); err == nil {
			t.Errorf("%s: wrote below a file", name)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := Replace(path, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); string(got) != "text" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	for _, mode := range []fs.FileMode{0o660, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "chmod it to 0600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, 10<<20)); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); len(got) != bytesMax || err != nil {
		t.Errorf("of a large file %d bytes, %v", len(got), err)
	}
}

func TestSyncDir(t *testing.T) {
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
}

// TestMountedSecrets: what the system owns may be for a group, as a mounted secret is; what is
// another's own may not.
func TestMountedSecrets(t *testing.T) {
	for mode, private := range map[fs.FileMode][2]bool{ // of whoever runs this, of root
		0o600: {true, true}, 0o400: {true, true}, 0o640: {false, true}, 0o440: {false, true},
		0o660: {false, false}, 0o644: {false, false}, 0o444: {false, false}, 0o450: {false, false}, 0o604: {false, false},
	} {
		if own, root := isPrivate(mode, false), isPrivate(mode, true); own != private[0] || root != private[1] {
			t.Errorf("mode %04o: %v, of root %v", mode, own, root)
		}
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(path, []byte("s"), 0o600), os.Chmod(path, 0o440)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); (err == nil) != (os.Geteuid() == 0) {
		t.Errorf("as user %d: %v", os.Geteuid(), err)
	}
}
