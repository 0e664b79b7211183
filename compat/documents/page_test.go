package main

import (
	"slices"
	"strings"
	"testing"
)

const page = "# Page\n" +
	"```sh\necho before\n```\n" +
	"```python work.py\nprint(1)\n```\n" +
	"Comes of it:\n```text\nbefore\n```\n" +
	"```text\nof nothing\n```\n" +
	"```sh serve\nmkdir buckets\ngo run ./cmd/heddle serve --buckets buckets --store memory\n```\n" +
	"```sh\necho one\necho two\n```\n" +
	"```json\n{}\n```\n"

func TestParts(t *testing.T) {
	all := parts(page)
	if len(all) != 2 {
		t.Fatalf("%d parts, want 2", len(all))
	}
	first, second := all[0], all[1]
	if first.flags != "" || len(first.steps) != 1 || first.steps[0].script != "echo before\n" {
		t.Errorf("first part: %+v", first)
	}
	if len(first.files) != 1 || first.files[0] != (file{"work.py", "print(1)\n"}) {
		t.Errorf("files: %+v", first.files)
	}
	if second.before != "mkdir buckets" || second.flags != "--buckets buckets --store memory" || second.steps[0].script != "echo one\necho two\n" {
		t.Errorf("second part: %+v", second)
	}
}

// What is done after the server has ended stands anywhere among what is done before.
func TestStopped(t *testing.T) {
	p := parts("```sh stopped\na\n```\n```text\nsaid\n```\n```sh\nb\n```\n")
	if len(p) != 1 || len(p[0].steps) != 1 || p[0].steps[0].script != "b\n" || p[0].steps[0].says != nil {
		t.Fatalf("parts %+v", p)
	}
	if s := p[0].stopped; len(s) != 1 || s[0].script != "a\n" || !slices.Equal(s[0].says, []string{"said"}) {
		t.Errorf("stopped %+v", s)
	}
}

// What one server does that has a folder is known.
func TestFolder(t *testing.T) {
	p := parts("```sh folder\na\n```\n```sh\nb\n```\n```sh stopped folder\nc\n```\n")[0]
	if len(p.steps) != 2 || !p.steps[0].folder || p.steps[1].folder || len(p.stopped) != 1 || !p.stopped[0].folder {
		t.Errorf("parts %+v", p)
	}
}

// Only what stands right below a block, whatever prose is between, is what it says.
func TestSays(t *testing.T) {
	p := parts("```sh\na\n```\nthen\n```text\nb\nc\n```\n# Section\n```text\nd\n```\n")[0]
	if got := p.steps[0].says; !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("says %q", got)
	}
}

func TestLacks(t *testing.T) {
	said := "began 2026-11-21T22:46:09.134000+00:00\nrun 22ADewoGxjL6bDF+tmXP7n+BJttriuBB6+t7zcAX1FTJI=\na\tb\n11  end after 3 s"
	for _, c := range []struct{ lines, missing string }{
		{"began 2025-01-01T00:00:00Z\nrun 22BDewoGxjL6bDF+tmXP7n+BJttriuBB6+t7zcAX1FTJI=", ""},
		{"a b\n…\nend after 12.5 s", ""},
		{"end after 1 s\na b", "a b"}, // in another order
		{"began yesterday", "began yesterday"},
		{"11 end\n11 end", "11 end"}, // twice, but said once
	} {
		if got := lacks(said, strings.Split(c.lines, "\n")); got != c.missing {
			t.Errorf("of %q it lacks %q, want %q", c.lines, got, c.missing)
		}
	}
}
