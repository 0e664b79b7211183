package mutants

import (
	"os"
	"strings"
	"testing"
)

const root = "../.."

// TestEveryBugHasItsPlace keeps the list in step with the source.
func TestEveryBugHasItsPlace(t *testing.T) {
	source, err := Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range All() {
		if m.Name == "" || strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz-") != "" || seen[m.Name] {
			t.Errorf("mutant %q: want a name of its own, of small letters and dashes", m.Name)
		}
		seen[m.Name] = true
		if m.Bug == "" || strings.Contains(m.Bug, "|") {
			t.Errorf("mutant %q: its line %q does not fit a table", m.Name, m.Bug)
		}
		if _, err := source.Find(&m); err != nil {
			t.Errorf("mutant %q: %v", m.Name, err)
		}
		if m.Old == m.New {
			t.Errorf("mutant %q changes nothing", m.Name)
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d mutants", len(seen))
	}
}

// TestEveryBugWasTried holds that a new mutant has been run.
func TestEveryBugWasTried(t *testing.T) {
	caught, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	rows := readRows(string(caught))
	for _, m := range All() {
		if rows[m.Name] == "" {
			t.Errorf("mutant %q is not in %s; run make test/mutants MUTANT=%s", m.Name, table, m.Name)
		}
		delete(rows, m.Name)
	}
	for name := range rows {
		t.Errorf("%s has %q, which is no mutant; run make test/mutants", table, name)
	}
}

// table is where the run writes what caught each mutant.
const table = "testdata/caught.md"

// readRows gives the rows of a table by their mutants.
func readRows(text string) map[string]string {
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && !strings.HasPrefix(line, "|---") && !strings.HasPrefix(line, "| Bug") {
			rows[strings.TrimSpace(cells[1])] = line
		}
	}
	return rows
}
