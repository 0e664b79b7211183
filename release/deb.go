package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // the format
	"github.com/goreleaser/nfpm/v2/files"
)

// debian writes the package for Debian, which brings the unit and does not start it.
func (r *release) debian(w io.Writer, t target, packed []file) error {
	places := map[string]string{
		"heddle": "/usr/bin/heddle", "heddle.1": "/usr/share/man/man1/heddle.1.gz", "heddle.service": "/usr/lib/systemd/system/heddle.service",
		"completion/heddle.bash": "/usr/share/bash-completion/completions/heddle", "completion/_heddle": "/usr/share/zsh/vendor-completions/_heddle",
		"completion/heddle.fish": "/usr/share/fish/vendor_completions.d/heddle.fish",
		"LICENSE":                "/usr/share/doc/heddle/copyright", "LICENSES.txt": "/usr/share/doc/heddle/LICENSES.txt", "NOTICE": "/usr/share/doc/heddle/NOTICE",
		"README.md": "/usr/share/doc/heddle/README.md", "CHANGELOG.md": "/usr/share/doc/heddle/CHANGELOG.md",
	}
	dir, err := os.MkdirTemp(r.work, "deb")
	if err != nil {
		return err
	}
	var contents files.Contents
	put := func(name, place string, mode int64, body []byte) error {
		path := filepath.Join(dir, filepath.Base(place))
		contents = append(contents, &files.Content{Source: path, Destination: place, FileInfo: &files.ContentFileInfo{Mode: os.FileMode(mode), MTime: r.made, Owner: "root", Group: "root"}})
		if filepath.Ext(place) == ".gz" {
			var b bytes.Buffer
			z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
			if _, err := z.Write(body); err != nil {
				return err
			}
			if err := z.Close(); err != nil {
				return err
			}
			body = b.Bytes()
		}
		return os.WriteFile(path+name, body, 0o644)
	}
	for i, f := range packed {
		mark := string(rune('a' + i)) // two places may have one name
		if err := put(mark, places[f.name], f.mode, f.body); err != nil {
			return err
		}
		contents[i].Source += mark
	}
	script := filepath.Join(r.root, "deploy", "debian")
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "heddle", Version: r.version, Arch: t.arch, Platform: "linux", Section: "net", Priority: "optional",
		Maintainer:  "The Heddle authors",
		Description: "durable workflow server\nSpeaks Amazon SWF, AWS Step Functions and AWS Data Exchange.",
		License:     "Apache-2.0", MTime: r.made,
		Overridables: nfpm.Overridables{
			Contents: contents,
			Scripts:  nfpm.Scripts{PostInstall: filepath.Join(script, "postinst"), PreRemove: filepath.Join(script, "prerm"), PostRemove: filepath.Join(script, "postrm")},
		},
	})
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return err
	}
	packager, err := nfpm.Get("deb")
	if err != nil {
		return err
	}
	return packager.Package(info, w)
}
