package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreThoseOfTheLists: each file is what the list says, has a licence beside it, and
// none lies there of which no list tells.
func TestFilesAreThoseOfTheLists(t *testing.T) {
	for _, list := range lists {
		list = filepath.Join("../../../..", list)
		all, err := read(list)
		if err != nil {
			t.Fatal(err)
		}
		dir, known := filepath.Dir(list), map[string]bool{"VENDOR.json": true}
		for _, v := range all {
			if v.Licence == "" || !strings.HasPrefix(v.Integrity, "sha512-") {
				t.Errorf("%s: licence %q, integrity %q", v.Package, v.Licence, v.Integrity)
			}
			licensed := false
			for _, f := range v.Files {
				b, err := os.ReadFile(filepath.Join(dir, f.As))
				if err != nil {
					t.Error(err)
				} else if got := digest(b); got != f.SHA256 {
					t.Errorf("%s is %s, want %s", f.As, got, f.SHA256)
				}
				known[filepath.FromSlash(f.As)] = true
				licensed = licensed || strings.HasPrefix(f.Path, "LICENSE")
			}
			if !licensed {
				t.Errorf("%s comes without its licence", v.Package)
			}
		}
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if name, _ := filepath.Rel(dir, path); err == nil && !d.IsDir() && !known[name] {
				t.Errorf("%s is in no list", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOnlyWhatIsStatedIsUnpacked: a tarball or a file that is another one is refused.
func TestOnlyWhatIsStatedIsUnpacked(t *testing.T) {
	var tarball bytes.Buffer
	z := gzip.NewWriter(&tarball)
	w := tar.NewWriter(z)
	text := []byte("let x = 1")
	err := w.WriteHeader(&tar.Header{Name: "package/x.js", Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil || w.Close() != nil || z.Close() != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(tarball.Bytes())
	stated := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	for _, c := range []struct {
		name, want string
		v          vendored
	}{
		{"as stated", "", vendored{Integrity: stated, Files: []file{{"x.js", "a/x.js", digest(text)}}}},
		{"another tarball", "the tarball is", vendored{Integrity: "sha512-x", Files: []file{{"x.js", "a/x.js", digest(text)}}}},
		{"another file", "want y", vendored{Integrity: stated, Files: []file{{"x.js", "a/x.js", "y"}}}},
		{"no file", "no \"y.js\"", vendored{Integrity: stated, Files: []file{{"y.js", "a/x.js", digest(text)}}}},
	} {
		dir := t.TempDir()
		err := c.v.unpack(tarball.Bytes(), dir)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, missing := os.Stat(filepath.Join(dir, "a/x.js")); (missing == nil) != (c.want == "") {
			t.Errorf("%s: the file: %v", c.name, missing)
		}
	}
}
