// Package golden compares what a test gives with a file that people have read,
// and with -rewrite writes the file anew, for people to read the diff. Only tests
// import it.
//
// A story is such a file with both sides in it: commands, and what each gave.
// Lines and Blocks play the two forms of a story; both leave out what the file
// says was given, so that what comes out can be compared with the whole file.
package golden

import (
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests now give into their golden files")

// Files gives the name and the text of each file that pattern matches. A pattern
// that matches none fails the test.
func Files(t testing.TB, pattern string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		t.Helper()
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files %s, %v", len(files), pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !yield(file, string(text)) {
				return
			}
		}
	}
}

// Each gives the text of each file to play, in a subtest named after the file,
// and compares the file with what play returns. It returns how many files there
// are, from which a caller that counts sees whether -run left some out.
func Each(t *testing.T, pattern string, play func(t *testing.T, text string) string) (files int) {
	t.Helper()
	for file, text := range Files(t, pattern) {
		files++
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) {
			Compare(t, file, play(t, text))
		})
	}
	return files
}

// Compare fails the test unless the file says what the test got; with -rewrite
// the file will.
func Compare(t testing.TB, file, got string) {
	t.Helper()
	want, err := os.ReadFile(file)
	switch {
	case err == nil && got == string(want):
	case *rewrite:
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	case err != nil:
		t.Error(err)
	default:
		t.Errorf("%s differs from line %s\ngo test -rewrite writes what the test now gives", file, difference(got, string(want)))
	}
}

// difference shows where two texts part, and the first lines from there.
func difference(got, want string) string {
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	same := 0
	for same < min(len(gotLines), len(wantLines)) && gotLines[same] == wantLines[same] {
		same++
	}
	from := func(lines []string) string { return strings.Join(lines[same:min(same+5, len(lines))], "\n") }
	return fmt.Sprintf("%d\n got: %s\nwant: %s", same+1, from(gotLines), from(wantLines))
}

// Lines plays a story whose commands are lines; what play says that a command
// gave stands indented beneath it. Empty lines and comments, with a #, are kept.
func Lines(story string, play func(command string) []string) string {
	var out strings.Builder
	for line := range strings.Lines(story) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "  ") { // was given
			continue
		}
		fmt.Fprintln(&out, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, gave := range play(line) {
			fmt.Fprintln(&out, "  "+gave)
		}
	}
	return out.String()
}

// Blocks plays a story whose commands are blocks with an empty line between; what
// play says that a command gave stands beneath it, after four dashes. Not every
// command is answered. Blocks that begin with # are comments.
func Blocks(story string, play func(command string) (gave string, answered bool)) string {
	var blocks []string
	for block := range strings.SplitSeq(strings.TrimSpace(story), "\n\n") {
		command, _, _ := strings.Cut(block, "\n----")
		block = command + "\n"
		if !strings.HasPrefix(command, "#") {
			if gave, answered := play(command); answered {
				block += "----\n" + gave
			}
		}
		blocks = append(blocks, block)
	}
	return strings.Join(blocks, "\n")
}
