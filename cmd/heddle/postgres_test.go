package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsNotForPostgres: commands that are for folders alone refuse one whose store is in
// PostgreSQL, before they write anything, and say what to do instead.
func TestWhatIsNotForPostgres(t *testing.T) {
	clearEnvironment(t)
	data, place := t.TempDir(), filepath.Join(t.TempDir(), "backups")
	if err := os.WriteFile(filepath.Join(data, "node"), []byte("node 0011\nstore 2233\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"backup " + place + " --keys with": "pg_dump",
		"rekey":                            "another root key is taken up while the server runs",
	} {
		_, command, err := parse(t, append(strings.Fields(args), "--data", data)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Run(t.Context(), thisProcess()); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "its store is in PostgreSQL") {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := os.Stat(place); !os.IsNotExist(err) {
		t.Errorf("the place of backups is there: %v", err)
	}
}
