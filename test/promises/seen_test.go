package promises

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notOurs are parts of what operators see that no text of the program has, with who says them.
var notOurs = map[string]string{
	"no space left on device":  "the system",
	"input/output error":       "the system",
	"deadline exceeded":        "Go, of a context",
	"call CreateCheckpoint at": "built of the action's name",
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	// What stands in a text for what differs each time, and what joins an error with its cause.
	differs = regexp.MustCompile(`"[^"]*"|\b[A-Z]+\b|\.\.\.|…|[0-9]+|[,:;]`)
)

// TestWhatOperatorsSee: the program says what the tables "you see, it is, do" show, word by word.
func TestWhatOperatorsSee(t *testing.T) {
	var source strings.Builder
	for _, dir := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	said := source.String()
	for doc, least := range map[string]int{"CLUSTER.md": 25, "OPERATING.md": 25} {
		text, err := os.ReadFile(filepath.Join("../../docs", doc))
		if err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(string(text), "\n| you see |")
		table, _, _ = strings.Cut(table, "\n\n")
		shown := 0
		for _, row := range strings.Split(table, "\n")[1:] {
			cells := strings.Split(row, "|")
			if len(cells) < 2 {
				continue
			}
			for _, see := range quoted.FindAllStringSubmatch(cells[1], -1) {
				shown++
				for _, part := range differs.Split(see[1], -1) {
					part = strings.Trim(part, " '()")
					if len(part) > 4 && notOurs[part] == "" && !strings.Contains(said, part) {
						t.Errorf("%s: who looks for `%s` does not find it: nothing says %q", doc, see[1], part)
					}
				}
			}
		}
		if shown < least {
			t.Errorf("%s shows %d texts; want %d at least, or this test has not found its table", doc, shown, least)
		}
	}
}
