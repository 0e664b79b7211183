package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"heddle/test/golden"
)

// TestGoldenSettings wants the tables of OPERATING.md to be what the settings say of
// themselves.
func TestGoldenSettings(t *testing.T) {
	const (
		file  = "../../docs/OPERATING.md"
		begin = "<!-- settings: make golden writes them -->\n\n"
		end   = "<!-- end of settings -->\n"
	)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("%s has no place for the settings", file)
	}
	golden.Compare(t, file, before+begin+tables(flagsOf(t, "serve"))+end+after)
}

// TestCommandsOfPages has the parser take every command of ours that a page has in a block: none
// has a flag that is not there any more.
func TestCommandsOfPages(t *testing.T) {
	clearEnvironment(t)
	t.Chdir("../..") // whose files some of them name
	pages := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/guide/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, more...)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(text), "```") {
			if i%2 == 0 {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
				line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
				command, ours := strings.CutPrefix(strings.TrimPrefix(line, "go run ./cmd/"), "heddle ")
				if end := strings.IndexAny(command, "|>#"); end >= 0 {
					command = command[:end]
				}
				written := strings.HasPrefix(page, "docs/guide/") && strings.HasPrefix(command, "test ") // of files that compat/documents writes, and does it
				if !ours || written || strings.ContainsAny(command, "…$<") {
					continue
				}
				found++
				if _, _, err := parse(t, strings.Fields(command)...); err != nil {
					t.Errorf("%s: heddle %s: %v", page, command, err)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("%d commands", found)
	}
}

// tables has a table for each group of flags.
func tables(flags []*kong.Flag) string {
	rows := map[string]string{}
	var groups []string
	for _, f := range flags {
		if f.Name == "help" {
			continue
		}
		title := ""
		if f.Group != nil {
			title = f.Group.Title
		}
		if rows[title] == "" {
			groups = append(groups, title)
		}
		rows[title] += row(f)
	}
	var b strings.Builder
	for _, title := range groups {
		if title != "" {
			fmt.Fprintf(&b, "**%s**\n\n", title)
		}
		fmt.Fprintf(&b, "| flag | environment | default | values | |\n|---|---|---|---|---|\n%s\n", rows[title])
	}
	return b.String()
}

// row is the row of a flag.
func row(f *kong.Flag) string {
	fallback, values, enum := "", "", f.Enum+f.Tag.Get("oneof")
	switch {
	case f.Default != "":
		fallback = code(f.Default)
	case f.IsBool():
		fallback = "off"
	}
	switch {
	case enum != "":
		values = code(strings.ReplaceAll(enum, ",", "`, `"))
	case f.Tag.Get("min") != "":
		values = f.Tag.Get("min") + " to " + f.Tag.Get("max")
	case f.PlaceHolder != "":
		values = code(f.PlaceHolder)
	}
	if f.IsSlice() {
		values += ", several with commas"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", code("--"+f.Name), code(f.Envs[0]), fallback, values, f.Help)
}

func code(s string) string { return "`" + s + "`" }
