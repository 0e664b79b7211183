// Package links holds the documents to what they point at: each file that a page
// names is there, and so is each section.
package links

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

func TestLinks(t *testing.T) {
	pages := map[string]*page{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "testdata", "dist", "build"}, d.Name())) {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			pages[path] = read(string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 20 {
		t.Fatalf("only %d pages found", len(pages))
	}
	site, err := os.ReadFile(filepath.Join(root, "docs", "mkdocs.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for path, p := range pages {
		if name := strings.TrimPrefix(path, root+"/"); strings.HasPrefix(name, "docs/") && !strings.HasPrefix(name, "docs/adr/") && !strings.Contains(string(site), "- "+name+"\n") {
			t.Errorf("docs/mkdocs.yml: nobody finds %s by the site's menu", name)
		}
		for _, l := range p.links {
			if wrong := check(pages, path, l.target); wrong != "" {
				t.Errorf("%s:%d: the link to %s: %s", path, l.line, l.target, wrong)
			}
		}
	}
}

// check tells what is wrong with a link of a page.
func check(pages map[string]*page, path, target string) string {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return err.Error()
	case u.Scheme != "": // others' pages come and go
		return ""
	}
	to := path
	if u.Path != "" {
		to = filepath.Join(filepath.Dir(path), filepath.FromSlash(u.Path))
	}
	if _, err := os.Stat(to); err != nil {
		return "there is no such file"
	}
	if u.Fragment == "" {
		return ""
	}
	if p := pages[to]; p == nil || !slices.Contains(p.anchors, u.Fragment) {
		return "there is no such section"
	}
	return ""
}

type page struct {
	links   []link
	anchors []string
}

type link struct {
	line   int
	target string
}

var (
	inline = regexp.MustCompile("`[^`]*`")
	linked = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headed = regexp.MustCompile(`^#+ +(.*?) *$`)
)

// read finds what a page links to and can be linked at, outside of code.
func read(text string) *page {
	p, code := &page{}, false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		if code {
			continue
		}
		if h := headed.FindStringSubmatch(line); h != nil {
			p.anchors = append(p.anchors, anchor(h[1], p.anchors))
		}
		for _, found := range linked.FindAllStringSubmatch(inline.ReplaceAllString(line, ""), -1) {
			p.links = append(p.links, link{i + 1, found[1]})
		}
	}
	return p
}

// anchor is the name that a heading gets where the pages are shown: small letters,
// with hyphens for spaces and without punctuation; a further one of that name is
// numbered.
func anchor(heading string, before []string) string {
	heading = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '-':
			return '-'
		case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
	again := 0
	for _, b := range before {
		if b == name || strings.HasPrefix(b, name+"-") && strings.Trim(b[len(name)+1:], "0123456789") == "" {
			again++
		}
	}
	if again > 0 {
		name += "-" + string(rune('0'+again))
	}
	return name
}

func TestWhatIsALink(t *testing.T) {
	pages := map[string]*page{"links_test.go": read("# A `b`: c_d\n[x](#a-b-c_d) `[y](gone.md)`\n```\n[z](gone.md)\n```\n# Two\n# Two\n[two](#two-1) [three](#two-2) [gone](gone.md) [far](https://example.com/)")}
	var wrong []string
	for _, l := range pages["links_test.go"].links {
		if check(pages, "links_test.go", l.target) != "" {
			wrong = append(wrong, l.target)
		}
	}
	if !slices.Equal(wrong, []string{"#two-2", "gone.md"}) {
		t.Errorf("wrong links: %q", wrong)
	}
}
