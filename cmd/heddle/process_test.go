//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"heddle/bench/process"
)

// TestMain lets tests start this binary as the command itself, or as a decider.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "decider" {
		fmt.Fprintln(os.Stderr, runDecider(os.Getenv("HEDDLE_TEST_DECIDER")))
		os.Exit(1)
	}
	if os.Getenv(asCommand) != "" {
		os.Unsetenv(asCommand)
		main()
		os.Exit(0)
	}
	os.Exit(runTests(m))
}

// runTests runs them with a program: this binary, or one without the race detector where that
// would slow whole processes down tenfold. Their parts run under it in internal/server's tests,
// and TestReadyLine has such a process here.
func runTests(m *testing.M) (code int) {
	var err error
	if program, err = os.Executable(); racing && err == nil {
		var dir string
		if dir, err = os.MkdirTemp("", "heddle-command-*"); err == nil {
			defer os.RemoveAll(dir)
			program, err = process.Build(context.Background(), dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// program is the path of a binary that is the command.
var program string

const asCommand = "HEDDLE_TEST_PROCESS" // has a test binary be the command

// killsProcesses leaves a test out under the race detector, which would see nothing of it: it
// kills processes that are built without, for as long as half a minute. make test/crash has it.
func killsProcesses(t *testing.T) {
	t.Helper()
	if racing {
		t.Skip("it kills binaries that are built without the race detector; make test and make test/crash do")
	}
}

// heddle is a command, which has not begun.
func heddle(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

// running is the whole binary at work.
type running struct {
	*exec.Cmd
	url string
	log *written
}

// written is what a process has written so far.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// launch starts the binary in a shell that has first done what setup says; it returns
// when it listens, or has ended.
func launch(t *testing.T, setup string, args ...string) (*running, error) {
	t.Helper()
	c := heddle(t, args...)
	p := &running{Cmd: exec.Command("/bin/sh", append([]string{"-c", setup + `; exec "$0" "$@"`}, c.Args...)...), log: new(written)}
	p.Env, p.Stderr = c.Env, p.log
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // which has ended, if all is well
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), " listens on "); ok {
			p.url, _, _ = strings.Cut(rest, " ")
			go func() {
				for lines.Scan() { // so that it can write on
				}
			}()
			return p, nil
		}
	}
	return p, errors.Join(p.Wait(), errors.New(p.log.String()))
}

// end ends the process by a signal.
func (p *running) end(t *testing.T, by syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(by); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil && by == syscall.SIGTERM {
		t.Fatalf("%v: %s", err, p.log)
	}
}

// looseFiles are those below a folder that others than its owner may read or write, but
// for what is meant for all.
func looseFiles(t *testing.T, dir string) (loose []string, all int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has gone meanwhile
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		all++
		if info.Mode().Perm()&0o077 != 0 && d.Name() != "ca.pem" {
			loose = append(loose, info.Mode().String()+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return loose, all
}

// TestFilesArePrivate whatever the umask: those of Heddle and those of the libraries below
// it, while it runs, when it was killed, and after its other commands.
func TestFilesArePrivate(t *testing.T) {
	seen := 0
	for _, args := range [][]string{
		{"--tls-self-signed"},
		{"--sealing", "off"},
		{"--store", "memory", "--audit", "file", "--tls-self-signed"},
	} {
		for _, umask := range []string{"umask 0", "umask 022", "umask 0777"} {
			data := filepath.Join(t.TempDir(), "a", "data")
			look := func(when string) {
				t.Helper()
				loose, all := looseFiles(t, filepath.Dir(data))
				if len(loose) > 0 {
					t.Errorf("%s, %v, %s: %d of %d are open to others: %s", umask, args, when, len(loose), all, strings.Join(loose, ", "))
				}
				seen += all
			}
			serve := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, args...)
			for _, by := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
				p, err := launch(t, umask, serve...)
				if err != nil {
					t.Fatal(err)
				}
				look("while it runs")
				p.end(t, by)
			}
			look("in the end")
			if args[0] == "--tls-self-signed" {
				p, _ := launch(t, umask, "rekey", "--data", data)
				if !p.ProcessState.Success() {
					t.Fatalf("rekey: %s", p.log)
				}
				look("after rekeying")
			}
		}
	}
	t.Logf("looked at %d files and folders", seen)
}

// TestLooseDataFolderIsRefused, before anything is made in it.
func TestLooseDataFolderIsRefused(t *testing.T) {
	for _, part := range []string{"", "store", "audit", "blobs", "tls", "blob-spool"} {
		data := filepath.Join(t.TempDir(), "data")
		dir := filepath.Join(data, part)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), os.Chmod(dir, 0o777)); err != nil {
			t.Fatal(err)
		}
		_, err := launch(t, "umask 022", "serve", "--listen", "127.0.0.1:0", "--data", data)
		if err == nil || !strings.Contains(err.Error(), "has mode 0777, which lets others in") {
			t.Errorf("%q with mode 0777: %v", part, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%q: %v, %v", part, entries, err)
		}
	}
}

// TestLeftSecretsGo: whatever the first start writes in one step, a kill in the middle of it
// would leave, and the next start takes away.
func TestLeftSecretsGo(t *testing.T) {
	data, rootKey := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "elsewhere", "my.key")
	serve := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--tls-self-signed", "--root-key-file", rootKey}
	p, err := launch(t, "umask 022", serve...)
	if err != nil {
		t.Fatal(err)
	}
	p.end(t, syscall.SIGTERM)
	var left []string
	leave := func(path string) {
		draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // as secretfile does
		if err != nil {
			t.Fatal(err)
		}
		if _, err := draft.WriteString("half a secret"); err != nil {
			t.Fatal(err)
		}
		left = append(left, draft.Name())
		if err := draft.Close(); err != nil {
			t.Fatal(err)
		}
	}
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "store" {
			return fs.SkipDir // Pebble's
		}
		if err == nil && !d.IsDir() {
			leave(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	leave(rootKey)
	if len(left) < 5 {
		t.Fatalf("only %q were left", left)
	}
	if p, err = launch(t, "umask 022", serve...); err != nil {
		t.Fatal(err)
	}
	p.end(t, syscall.SIGTERM)
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	t.Logf("%d files were left, none is there", len(left))
}
