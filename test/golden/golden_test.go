package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Error(args ...any)                 { r.failure = fmt.Sprint(args...) }
func (r *recorder) Errorf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func TestCompare(t *testing.T) {
	defer func(was bool) { *rewrite = was }(*rewrite)
	file := filepath.Join(t.TempDir(), "story.txt")
	compare := func(got, failure string) {
		t.Helper()
		r := &recorder{}
		if Compare(r, file, got); !strings.Contains(r.failure, failure) || (r.failure == "") != (failure == "") {
			t.Errorf("%q failed with %q, want %q", got, r.failure, failure)
		}
	}
	*rewrite = false
	compare("a\nb\n", "no such file")
	*rewrite = true
	compare("a\nb\n", "")
	*rewrite = false
	compare("a\nb\n", "")
	compare("a\nc\n", "line 2\n got: c\n\nwant: b\n\n")
	compare("a\nb\nc\n", "line 3\n got: c\n\nwant: \n")
	compare("a\n", "line 2\n got: \nwant: b\n\n")
	compare("a\nb", "line 3\n got: \nwant: \n")
	*rewrite = true
	compare("c\n", "")
	if now, err := os.ReadFile(file); string(now) != "c\n" {
		t.Errorf("the file has %q, %v", now, err)
	}
}

func TestFilesWantsSome(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no file, and no failure")
		}
	}()
	for file := range Files(&recorder{}, filepath.Join(t.TempDir(), "*.txt")) {
		t.Error(file)
	}
}

func TestLines(t *testing.T) {
	got := Lines("# Two.\nadd 1\n  old\n  older\n\nnothing\nadd 2", func(command string) []string {
		if command == "nothing" {
			return nil
		}
		return []string{command, "added"}
	})
	if want := "# Two.\nadd 1\n  add 1\n  added\n\nnothing\nadd 2\n  add 2\n  added\n"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestBlocks(t *testing.T) {
	got := Blocks("# Two.\n# Three.\n\nadd\n  1\n----\nold\n\nnothing\n\nempty\n\nadd 2", func(command string) (string, bool) {
		if command == "empty" {
			return "", true
		}
		return command + "\n", command != "nothing"
	})
	if want := "# Two.\n# Three.\n\nadd\n  1\n----\nadd\n  1\n\nnothing\n\nempty\n----\n\nadd 2\n----\nadd 2\n"; got != want {
		t.Errorf("got %q", got)
	}
}
