// Command vendoring packs anew what pages and their tests have from npm: it wants the package
// of each VENDOR.json with the integrity that stands there, and takes out of it the files that
// are listed, with their licences. A test compares what is there with the list, offline.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// lists are the files that say what is vendored, from the root of the source tree. The files
// lie beside them.
var lists = []string{"internal/console/ui/vendor/VENDOR.json", "test/console/testdata/VENDOR.json"}

// vendored is a package of npm.
type vendored struct {
	Package   string `json:"package"`
	Version   string `json:"version"`
	Licence   string `json:"licence"`
	Integrity string `json:"integrity"` // as npm states it: of the tarball
	Files     []file `json:"files"`
}

// file is a file of a package.
type file struct {
	Path   string `json:"path"` // in the tarball, without "package/"
	As     string `json:"as"`   // beside the list
	SHA256 string `json:"sha256"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "vendoring")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, list := range lists {
		all, err := read(list)
		if err != nil {
			return err
		}
		for _, v := range all {
			if err := v.pack(dir, filepath.Dir(list)); err != nil {
				return fmt.Errorf("%s@%s: %w", v.Package, v.Version, err)
			}
		}
	}
	return nil
}

func read(list string) (all []vendored, err error) {
	b, err := os.ReadFile(list)
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", list, err)
	}
	return all, nil
}

// pack has npm fetch a package, and takes its files out of it.
func (v *vendored) pack(dir, to string) error {
	cmd := exec.Command("npm", "pack", "--json", "--pack-destination", dir, v.Package+"@"+v.Version)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("npm pack: %w", err)
	}
	var packed []struct{ Filename string }
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		return fmt.Errorf("npm pack: answered %s", out)
	}
	tarball, err := os.ReadFile(filepath.Join(dir, filepath.Base(packed[0].Filename)))
	if err != nil {
		return err
	}
	return v.unpack(tarball, to)
}

// unpack takes the files out of a tarball that is what npm has stated.
func (v *vendored) unpack(tarball []byte, to string) error {
	sum := sha512.Sum512(tarball)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != v.Integrity {
		return fmt.Errorf("the tarball is %s, want %s", got, v.Integrity)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return err
	}
	found := map[string][]byte{}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if found[h.Name], err = io.ReadAll(r); err != nil {
			return err
		}
	}
	for _, f := range v.Files {
		b, ok := found["package/"+f.Path]
		if !ok {
			return fmt.Errorf("there is no %q in it", f.Path)
		}
		if got := digest(b); got != f.SHA256 {
			return fmt.Errorf("%q is %s, want %s", f.Path, got, f.SHA256)
		}
		name := filepath.Join(to, filepath.FromSlash(f.As))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
