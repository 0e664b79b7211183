package main

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"

	"heddle/internal/cluster/wire"
)

// TestNextReleasesCanBeMade: the places are still there where the releases after the tree differ from it, what is put
// there is Go, and their tables of numbers go on where the tree's ends. That they can be built the event "upgrade" finds.
func TestNextReleasesCanBeMade(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("internal/server/crossing.txt")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := wire.ParseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	for level := tree.To + 1; level <= tree.To+2; level++ {
		list, err := overlayOf(t.TempDir(), tree.To, level)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		var overlay struct{ Replace map[string]string }
		if err := json.Unmarshal(b, &overlay); err != nil {
			t.Fatal(err)
		}
		tables := 0
		for file, with := range overlay.Replace {
			if filepath.Ext(file) == ".go" {
				if _, err := parser.ParseFile(token.NewFileSet(), with, nil, parser.SkipObjectResolution); err != nil {
					t.Errorf("level %d: %s: %v", level, file, err)
				}
				continue
			}
			tables++
			next, err := os.ReadFile(with)
			if err != nil {
				t.Fatal(err)
			}
			if table, err := wire.ParseTable(next); err != nil || table.From != level-1 || table.To != level {
				t.Errorf("level %d: %s: %v", level, file, err)
			}
		}
		if tables != 1 {
			t.Errorf("level %d has %d tables", level, tables)
		}
	}
}
