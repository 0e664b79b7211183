package dir

import (
	"io/fs"
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	n := func(n int) string { return strings.Repeat("n", n) }
	for key, want := range map[string]string{
		"data.csv": "data.csv",
		"2026-03-01T12:00:00.000Z/日本/a b.csv": "2026-03-01T12:00:00.000Z/日本/a b.csv",
		".hidden":           ".hidden",
		"...":               "...",
		".":                 "%2E",
		"../a/..":           "%2E%2E/a/%2E%2E",
		"/a//b/":            "%-/a/%-/b/%-",
		"100%":              "100%25",
		"%heddle":           "%25heddle",
		"a\x00\x1f\x7f\xff": "a%00%1F%7F%FF",
		n(240):              n(240),
		n(241):              n(240) + "%+/n",
		n(500) + "/x":       n(240) + "%+/" + n(240) + "%+/" + n(20) + "/x",
		n(239) + "é":        n(239) + "%+/é",
		n(238) + "%":        n(238) + "%+/%25",
		n(240) + ".":        n(240) + "%+/%2E",
		n(240) + "..":       n(240) + "%+/%2E%2E",
		n(239) + "..":       n(239) + ".%+/%2E",
		n(240) + "...":      n(240) + "%+/...",
	} {
		if got := escape(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
		if got, ok := unescape(want); !ok || got != key {
			t.Errorf("%q back: %q, %v", want, got, ok)
		}
	}
	for _, path := range []string{"", ".", "..", "%41", "%2e", "%2", "%", "%f", "a%f", "%heddle", "%heddle/about", "a%+", "a%+/b", "%+", "%-%+", "a\x01", "%25%2", n(241)} {
		if key, ok := unescape(path); ok {
			t.Errorf("%q is the path of %q", path, key)
		}
	}
}

// FuzzEscape holds that a key has one path, a path at most one key, and that no path
// leads out of a folder, into the store's own or to a moved object.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"a/b", "../..", "//", "%25", "a%+/b", "\x00\xff", strings.Repeat("é", 200), strings.Repeat("%", 100) + "/.", strings.Repeat("n", 240) + ".."} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, key, other string) {
		path := escape(key)
		if key != "" && (!fs.ValidPath(path) || path == ".") {
			t.Fatalf("%q: %q is no path", key, path)
		}
		for _, name := range strings.Split(path, "/") {
			if len(name) > nameMax+len(moved) || name == own || strings.HasSuffix(name, moved) {
				t.Fatalf("%q: the name %q", key, name)
			}
		}
		if got, ok := unescape(path); !ok || got != key {
			t.Fatalf("%q: %q, and back %q, %v", key, path, got, ok)
		}
		if key != other && path == escape(other) {
			t.Fatalf("%q and %q are both %q", key, other, path)
		}
		// Any text as a path.
		if got, ok := unescape(other); ok && escape(got) != other {
			t.Fatalf("path %q: %q, whose path is %q", other, got, escape(got))
		}
	})
}
