//go:build mutants

package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var chosen = flag.String("mutant", "", "run the mutants whose names match this pattern; empty: all")

// suiteTime is how long a suite may take. A mutant that hangs is caught, too, but a
// test that says why would be better.
const suiteTime = 10 * time.Minute

// TestMutants runs the list and writes the table.
func TestMutants(t *testing.T) {
	pattern, err := regexp.Compile("^(" + *chosen + ")$")
	if err != nil {
		t.Fatal(err)
	}
	var some []Mutant
	for _, m := range All() {
		if *chosen == "" || pattern.MatchString(m.Name) {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		t.Fatalf("no mutant matches %q", *chosen)
	}
	written, err := os.ReadFile(table)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	rows := readRows(string(written))
	source, err := Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	began, sound := time.Now(), map[string]bool{}
	for _, m := range some {
		if caught := m.catch(t, source, sound); caught != "" {
			rows[m.Name] = fmt.Sprintf("| %s | %s | %s |\n", m.Name, m.Bug, caught)
		} else {
			delete(rows, m.Name)
		}
		writeTable(t, rows) // a long run that is cut off has not been for nothing
	}
	t.Logf("%d mutants in %v", len(some), time.Since(began).Round(time.Second))
}

// catch tries the suites until one fails, and tells which test it was. Sound are the
// suites that are known to pass without a mutant.
func (m *Mutant) catch(t *testing.T, source *Source, sound map[string]bool) (caught string) {
	place, err := source.Find(m)
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	overlay, err := overlay(t.TempDir(), place.File, source.Mutate(place, m))
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	began := time.Now()
	for _, suite := range m.Suites(place.Folder()) {
		if !sound[suite] {
			if o, text := run(suite, ""); o != passed {
				t.Fatalf("%s fails without a mutant:\n%s", suite, text)
			}
			sound[suite] = true
			began = time.Now() // this was no work of the mutant's
		}
		o, text := run(suite, overlay)
		switch o {
		case passed:
			continue
		case unbuilt:
			t.Errorf("%s does not compile, so it is no mutant:\n%s", m.Name, text)
			return ""
		case hung:
			caught = "hangs in " + folder(suite)
		default:
			caught = failure(suite, text)
		}
		t.Logf("%-36s %5.1f s  %s", m.Name, time.Since(began).Seconds(), caught)
		if testing.Verbose() {
			t.Log(excerpt(text))
		}
		return caught
	}
	t.Errorf("%s SURVIVED: %s No suite notices.", m.Name, m.Bug)
	return ""
}

// overlay writes the mutated file, and the one that puts it over the real one.
func overlay(dir, file, text string) (string, error) {
	place, err := filepath.Abs(filepath.Join(root, file))
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{place: mutated}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// outcome is what a suite came to.
type outcome uint8

const (
	passed outcome = iota
	failed
	hung
	unbuilt
)

// run runs a suite.
func run(suite, overlay string) (outcome, string) {
	// Compiling comes on top of the suite's own time.
	ctx, cancel := context.WithTimeout(context.Background(), 2*suiteTime)
	defer cancel()
	args := []string{"test", "-vet=off", "-failfast", "-timeout", suiteTime.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	c := exec.CommandContext(ctx, "go", append(args, strings.Fields(suite)...)...)
	c.Dir = root
	c.WaitDelay = time.Second // for what a test had started
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	text := out.String()
	switch {
	case ctx.Err() != nil || strings.Contains(text, "panic: test timed out after"):
		return hung, text
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		return unbuilt, text
	case err != nil:
		return failed, text
	}
	return passed, text
}

// folder is where a suite's tests are.
func folder(suite string) string {
	return strings.TrimPrefix(strings.Fields(suite)[0], "./internal/")
}

var failedTest = regexp.MustCompile(`--- FAIL: (\S+)`)

// failure names the test that failed, with the subtest of it, if there is one. One
// that panics has no name.
func failure(suite, text string) string {
	name := ""
	for _, m := range failedTest.FindAllStringSubmatch(text, -1) {
		if name == "" || strings.HasPrefix(m[1], name+"/") {
			name = m[1]
		}
	}
	if name == "" {
		return folder(suite)
	}
	return folder(suite) + ", " + name
}

// excerpt is the beginning of what a suite said, for whoever doubts that it failed
// for the right reason.
func excerpt(text string) string {
	const linesMax, lineMax = 12, 300
	lines := strings.Split(text, "\n")
	lines = lines[:min(len(lines), linesMax)]
	for i, l := range lines {
		lines[i] = l[:min(len(l), lineMax)]
	}
	return strings.Join(lines, "\n")
}

// writeTable writes the rows in the order of the list.
func writeTable(t *testing.T, rows map[string]string) {
	var b strings.Builder
	b.WriteString("# What catches each bug\n\nWritten by `make test/mutants`.\n\n| Bug | What it does | Caught by |\n|---|---|---|\n")
	for _, m := range All() {
		b.WriteString(rows[m.Name])
	}
	if err := os.WriteFile(table, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
