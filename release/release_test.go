package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNotice: the notice in the repository is what the binaries link today.
func TestNotice(t *testing.T) {
	made := filepath.Join(t.TempDir(), "NOTICE")
	if err := writeNotice(t.Context(), "..", made); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("../NOTICE"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("NOTICE is not what is linked (%v); make notice writes it anew", err)
	}
}

// TestLicencesAreAllowed: a module without a licence, or with one that asks for more, is not linked.
func TestLicencesAreAllowed(t *testing.T) {
	dir := t.TempDir()
	if _, err := readModule("example.org/none", "v1", dir); err == nil {
		t.Error("a module without a licence was taken")
	}
	gpl := "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n\nThis program is free software: you can redistribute it and/or modify it under the terms of the " +
		"GNU General Public License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version."
	if err := os.WriteFile(filepath.Join(dir, "COPYING"), []byte(gpl), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := readModule("example.org/gpl", "v1", dir); err == nil {
		t.Errorf("a module under %v was taken", m.licences)
	}
}

// papersOfTest are files as a release has them.
func papersOfTest() []file {
	return []file{
		{"heddle", 0o755, []byte("binary")}, {"LICENSE", 0o644, []byte("licence")}, {"completion/_heddle", 0o644, []byte("zsh")},
		{"completion/heddle.bash", 0o644, []byte("bash")}, {"heddle.1", 0o644, []byte("manual")}, {"heddle.service", 0o644, []byte("unit")},
	}
}

// TestArchivesAreReproducible: the same files make the same bytes, and come out again.
func TestArchivesAreReproducible(t *testing.T) { synctest.Test(t, archivesAreReproducible) }

func archivesAreReproducible(t *testing.T) {
	r := &release{version: "0.1.0", root: "..", made: time.Unix(1_700_000_000, 0).UTC(), work: t.TempDir()}
	for name, pack := range map[string]func(io.Writer) error{
		"tar": func(w io.Writer) error { return tarred(w, "heddle", papersOfTest(), r.made) },
		"zip": func(w io.Writer) error { return zipped(w, "heddle", papersOfTest(), r.made) },
		"deb": func(w io.Writer) error { return r.debian(w, target{"linux", "amd64"}, papersOfTest()) },
	} {
		var first, second bytes.Buffer
		if err := pack(&first); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		time.Sleep(time.Hour) // the clock must not be in it
		if err := pack(&second); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: two have other bytes", name)
		}
	}
	var b bytes.Buffer
	if err := tarred(&b, "heddle", papersOfTest(), r.made); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	first, err := tar.NewReader(z).Next()
	if err != nil || first.Name != "heddle/heddle" || first.Mode != 0o755 || !first.ModTime.Equal(r.made) {
		t.Errorf("it begins with %+v, %v", first, err)
	}
}

// TestDebianPackage: dpkg finds each file at its place, with the mode that it has to have.
func TestDebianPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("there is no dpkg-deb to read it")
	}
	r := &release{version: "0.1.0", root: "..", made: time.Unix(1_700_000_000, 0).UTC(), work: t.TempDir()}
	name := filepath.Join(t.TempDir(), "heddle.deb")
	var b bytes.Buffer
	if err := r.debian(&b, target{"linux", "amd64"}, papersOfTest()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	listed, err := output(context.Background(), ".", nil, "dpkg-deb", "-c", name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"-rwxr-xr-x root/root         6 2023-11-14 22:13 ./usr/bin/heddle", "./usr/share/man/man1/heddle.1.gz", "./usr/lib/systemd/system/heddle.service",
		"./usr/share/bash-completion/completions/heddle", "./usr/share/zsh/vendor-completions/_heddle", "./usr/share/doc/heddle/copyright",
	} {
		if !strings.Contains(listed, want) {
			t.Errorf("the package has no %q:\n%s", want, listed)
		}
	}
}

// TestUnitIsConfined: systemd finds nothing wrong with the unit, and rates what it can do below 2.0.
func TestUnitIsConfined(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze to judge it")
	}
	unit, err := filepath.Abs("../deploy/systemd/heddle.service")
	if err != nil {
		t.Fatal(err)
	}
	if said, err := output(t.Context(), ".", nil, "systemd-analyze", "security", "--offline=true", "--threshold=20", unit); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestAReleaseIsInTheChangelog: a version that users can't read about is not built.
func TestAReleaseIsInTheChangelog(t *testing.T) {
	err := build(t.Context(), "..", "99.0.0", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), `CHANGELOG.md has no heading "## 99.0.0 - YYYY-MM-DD"`) {
		t.Error(err)
	}
}
