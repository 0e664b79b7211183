// Command release builds what users install: archives with static binaries, Debian packages,
// a bill of materials of each binary and the checksums of all. Two builds of one commit give
// the same bytes.
//
//	go run . -version 0.1.0 -out ../dist
//	go run . -notice ../NOTICE
//
// With -notice it only writes which modules the binaries link, and under which licences.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is what a binary runs on.
type target struct{ os, arch string }

var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

func (t target) String() string { return t.os + "-" + t.arch }

func (t target) binary() string {
	if t.os == "windows" {
		return "heddle.exe"
	}
	return "heddle"
}

// release is what is built.
type release struct {
	version string
	root    string // of the repository
	out     string
	made    time.Time // the moment of the commit, which all files have
	work    string    // for binaries, before they are packed
}

func main() {
	version := flag.String("version", "", "what the release is called, as 0.1.0")
	out := flag.String("out", "../dist", "folder for what is built; it is made anew")
	notice := flag.String("notice", "", "write the notice of licences to this file, and build nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := func() error {
		if *notice != "" {
			return writeNotice(ctx, "..", *notice)
		}
		return build(ctx, "..", *version, *out)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

// build builds a release of the repository's commit.
func build(ctx context.Context, root, version, out string) error {
	if version == "" || strings.Trim(version, "0123456789.") != "" {
		return fmt.Errorf("-version %q: want one as 0.1.0", version)
	}
	if changes, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md")); err != nil {
		return err
	} else if !strings.Contains(string(changes), "\n## "+version+" - ") {
		return fmt.Errorf("CHANGELOG.md has no heading %q: say there what is new, and when it was released", "## "+version+" - YYYY-MM-DD")
	}
	changed, err := output(ctx, root, nil, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("the work tree is not its commit; commit or take away:\n%s", changed)
	}
	seconds, err := output(ctx, root, nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	if err != nil {
		return fmt.Errorf("when the commit was made: %w", err)
	}
	work, err := os.MkdirTemp("", "heddle-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := &release{version, root, out, time.Unix(at, 0).UTC(), work}
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	for _, t := range targets {
		if err := r.compile(ctx, t); err != nil {
			return err
		}
	}
	papers, err := r.papers(ctx)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := r.pack(ctx, t, papers); err != nil {
			return fmt.Errorf("pack %s: %w", t, err)
		}
	}
	return r.sum()
}

// compile builds the binary of a target.
func (r *release) compile(ctx context.Context, t target) error {
	_, err := output(ctx, r.root, []string{"CGO_ENABLED=0", "GOOS=" + t.os, "GOARCH=" + t.arch, "GOFLAGS="},
		"go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", r.built(t), "./cmd/heddle")
	return err
}

func (r *release) built(t target) string { return filepath.Join(r.work, t.String(), t.binary()) }

// file is something that is packed.
type file struct {
	name string // in the archive
	mode int64
	body []byte
}

// papers are what goes with each binary: what it says of itself, and licences.
func (r *release) papers(ctx context.Context) ([]file, error) {
	here := r.built(target{runtime.GOOS, runtime.GOARCH})
	manual, err := output(ctx, r.root, nil, here, "manual")
	if err != nil {
		return nil, fmt.Errorf("%w (the release is built on one of its own targets)", err)
	}
	files := []file{{"heddle.1", 0o644, []byte(manual)}}
	for shell, name := range map[string]string{"bash": "heddle.bash", "zsh": "_heddle", "fish": "heddle.fish"} {
		code, err := output(ctx, r.root, nil, here, "completion", "-c", shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"completion/" + name, 0o644, []byte(strings.ReplaceAll(code, here, "heddle"))})
	}
	for _, name := range []string{"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "deploy/systemd/heddle.service"} {
		body, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.Base(name), 0o644, body})
	}
	linked, err := linkedModules(ctx, r.root)
	if err != nil {
		return nil, err
	}
	files = append(files, file{"LICENSES.txt", 0o644, licenceTexts(linked)})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// pack makes the archive, the packages and the bill of materials of a target.
func (r *release) pack(_ context.Context, t target, papers []file) error {
	binary, err := os.ReadFile(r.built(t))
	if err != nil {
		return err
	}
	name := "heddle-" + r.version + "-" + t.String()
	files := append([]file{{t.binary(), 0o755, binary}}, papers...)
	if t.os == "windows" {
		err = r.write(name+".zip", func(w io.Writer) error { return zipped(w, name, files, r.made) })
	} else {
		err = r.write(name+".tar.gz", func(w io.Writer) error { return tarred(w, name, files, r.made) })
	}
	if err != nil {
		return err
	}
	if t.os == "linux" {
		err = r.write("heddle_"+r.version+"_"+t.arch+".deb", func(w io.Writer) error { return r.debian(w, t, files) })
		if err != nil {
			return err
		}
	}
	return r.write(name+".cdx.json", func(w io.Writer) error { return r.bill(w, r.built(t)) })
}

func (r *release) write(name string, body func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(r.out, name))
	if err != nil {
		return err
	}
	return errors.Join(body(f), f.Close())
}

// sum writes the checksums of all files, as sha256sum -c reads them.
func (r *release) sum() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	return r.write("SHA256SUMS", func(w io.Writer) error {
		for _, e := range entries {
			body, err := os.ReadFile(filepath.Join(r.out, e.Name()))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(body), e.Name()); err != nil {
				return err
			}
		}
		return nil
	})
}

// output runs a command in a folder, with more in its environment, and gives what it prints.
func output(ctx context.Context, dir string, more []string, name string, arguments ...string) (string, error) {
	c := exec.CommandContext(ctx, name, arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(), more...)
	var said strings.Builder
	c.Stderr = &said
	b, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, said.String())
	}
	return string(b), nil
}
