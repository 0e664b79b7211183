package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"heddle/internal/server"
)

// run runs a command in this process, and gives what it prints and how it exits.
func run(t *testing.T, arguments ...string) (printed string, code int) {
	t.Helper()
	var out bytes.Buffer
	parser, err := newParser(t.Context(), newCommands(), kong.Writers(&out, &out), kong.Exit(func(c int) { panic(c) }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		printed = out.String()
		if c, ok := recover().(int); ok {
			code = c
		}
	}()
	chosen, err := parser.Parse(asked(arguments))
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(chosen.Run(parser))
	return "", 0
}

// TestVersion: the command and the flag say the same, and all that a report of a fault needs.
func TestVersion(t *testing.T) {
	printed, code := run(t, "version")
	byFlag, codeByFlag := run(t, "--version")
	if printed != byFlag || code != 0 || codeByFlag != 0 {
		t.Errorf("version prints %q and exits with %d, --version %q with %d", printed, code, byFlag, codeByFlag)
	}
	for _, want := range []string{"heddle development\n", "\ncommit ", "\ngo1.", fmt.Sprintf("\nstore format %d\n", server.StoreFormat)} {
		if !strings.Contains(printed, want) {
			t.Errorf("version prints %q, want %q in it", printed, want)
		}
	}
}

// TestHelpOfACommand: help and the name of a command is its --help.
func TestHelpOfACommand(t *testing.T) {
	for _, c := range [][]string{nil, {"check"}} {
		asked, code := run(t, append([]string{"help"}, c...)...)
		want, _ := run(t, append(slices.Clone(c), "--help")...)
		if asked != want || code != 0 || !strings.Contains(asked, "Usage: heddle") {
			t.Errorf("help %v prints %q and exits with %d, want %q", c, asked, code, want)
		}
	}
}

// TestExportOfNoStore says why there is nothing to be exported.
func TestExportOfNoStore(t *testing.T) {
	said, code := run(t, "export", "--data", t.TempDir(), "--domain", "d", "--workflow-id", "w")
	if code != 1 || !strings.Contains(said, "open store") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// TestManual: the page has each command and each flag of it, and man can set it.
func TestManual(t *testing.T) {
	page, code := run(t, "manual")
	if code != 0 {
		t.Fatalf("it exits with %d", code)
	}
	parser, err := newParser(t.Context(), newCommands())
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(page, `\-`, "-")
	for _, command := range parser.Model.Children {
		if command.Hidden {
			continue
		}
		for _, flag := range command.Flags {
			if !flag.Hidden && !strings.Contains(plain, "--"+flag.Name) {
				t.Errorf("the manual has no --%s of %s", flag.Name, command.Name)
			}
		}
	}
	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("there is no man to set it")
	}
	set := exec.Command(man, "--warnings", "-l", "-")
	set.Stdin = strings.NewReader(page)
	var warned bytes.Buffer
	set.Stderr = &warned
	if out, err := set.Output(); err != nil || warned.Len() > 0 || !bytes.Contains(out, []byte("accept-time")) {
		t.Errorf("man: %v %s", err, &warned)
	}
}
