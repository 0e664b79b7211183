package promises

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

var documents = []string{"docs/ACCESS.md", "docs/OPERATING.md", "docs/ARCHITECTURE.md", "docs/INTEGRATIONS.md"}

func TestEveryPromiseHasATest(t *testing.T) {
	texts := map[string]string{}
	for _, name := range documents {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	ledger, err := os.ReadFile("promises.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parse(string(ledger))
	if err != nil {
		t.Fatal("promises.txt: ", err)
	}
	folders := map[string]*folder{}
	for _, p := range problems(texts, rows, func(test string) string { return missing(t, folders, test) }) {
		t.Error("promises.txt: ", p)
	}
}

// folder is what names tests in a package.
type folder struct {
	functions []string
	texts     []string // literal strings, which subtests are named by
	files     []string // in testdata
}

func missing(t *testing.T, folders map[string]*folder, test string) string {
	where, name, ok := strings.Cut(test, " ")
	if !ok {
		return "want a folder and a test's name"
	}
	info, err := os.Stat(filepath.Join(root, where))
	if err != nil {
		return "there is no " + where
	}
	if !info.IsDir() {
		text, err := os.ReadFile(filepath.Join(root, where))
		if err != nil {
			return err.Error()
		}
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(text) {
			return "the file does not have it"
		}
		return ""
	}
	f := folders[where]
	if f == nil {
		f = read(t, filepath.Join(root, where))
		folders[where] = f
	}
	function, sub, _ := strings.Cut(name, "/")
	if !slices.Contains(f.functions, function) {
		return "there is no " + function
	}
	if sub != "" && !slices.Contains(f.texts, sub) && !slices.Contains(f.files, sub) {
		return "it has no " + sub
	}
	return ""
}

func read(t *testing.T, path string) *folder {
	f := &folder{}
	paths, err := filepath.Glob(filepath.Join(path, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if name := n.Name.Name; n.Recv == nil && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) {
					f.functions = append(f.functions, name)
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					text, err := strconv.Unquote(n.Value)
					if err != nil {
						t.Fatal(err)
					}
					f.texts = append(f.texts, strings.ReplaceAll(text, " ", "_"))
				}
			}
			return true
		})
	}
	testdata := filepath.Join(path, "testdata")
	if _, err := os.Stat(testdata); err != nil {
		return f
	}
	err = filepath.WalkDir(testdata, func(p string, d fs.DirEntry, err error) error {
		f.files = append(f.files, strings.TrimSuffix(filepath.Base(p), filepath.Ext(p)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSentences wants promises to be found wherever they stand, and nowhere else.
func TestSentences(t *testing.T) {
	text := "# It never ends\n\nOne needs\nmore. Two (only.) `Three` ends with it: 1. four at\nmost. Last\n" +
		"- item **nobody.** Never.\n  2. inner always\n\n" +
		"| who | nothing `a\\|b` |\n|---|---|\n| x. Y ends\twith | no other |\n" +
		"```\ncode never\n```\n<!-- settings: x -->\n| only | generated |\n<!-- end of settings -->\nSum: needles, onlyness, read-only.\n"
	var got []string
	for _, s := range sentences(text) {
		if words.MatchString(s) {
			got = append(got, s)
		}
	}
	want := []string{
		"One needs more.", "Two (only.)", "`Three` ends with it: 1. four at most.", "- item **nobody.**", "Never.", "2. inner always",
		"nothing `a\\|b`", "no other",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestProblems wants the check to see each way in which a ledger can be wrong.
func TestProblems(t *testing.T) {
	const text = "It never fails, and needs nothing. It never stops."
	const whole = "# doc\nIt never fails, and needs nothing\n\tpackage TestIt\nIt never stops\n\tadvice: hope\n"
	for _, c := range []struct{ name, text, ledger, want string }{
		{"all is well", text, whole, ""},
		{"two parts", text, strings.Replace(whole, "fails, and", "fails\n\tpackage TestIt\n", 1), ""},
		{"a word without a row", text, strings.Replace(whole, "fails, and needs nothing", "fails", 1), `"needs", and the ledger has no row`},
		{"a sentence without a row", text + " Only.", whole, "no row for it: Only."},
		{"a sentence that is gone", text[:35], whole, "no such sentence"},
		{"a sentence that changed", strings.Replace(text, "stops", "halts", 1), whole, "no such sentence"},
		{"a part of another that is a sentence", text + " It never", whole + "It never\n\tpackage TestIt\n", ""},
		{"a row of another document", text, strings.Replace(whole, "# doc", "# other", 1), "other has no such sentence"},
		{"a part of two sentences", text, "# doc\nnever\n\tpackage TestIt\n", "2 sentences have it"},
		{"a part that promises nothing", text, whole + "stops\n\tpackage TestIt\n", "no word"},
		{"no test", text, strings.Replace(whole, "\tpackage TestIt\n", "", 1), "no test"},
		{"an unknown test", text, strings.Replace(whole, "TestIt", "TestThat", 1), "package TestThat: unknown"},
		{"advice with a test", text, whole + "\tpackage TestIt\n", "not both"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := parse(c.ledger)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(problems(map[string]string{"doc": c.text}, rows, func(test string) string {
				if test == "package TestIt" {
					return ""
				}
				return "unknown"
			}), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	for test, want := range map[string]string{
		"test/promises TestMissing":                     "",
		"test/promises TestProblems/all_is_well":        "",
		"internal/server TestSessions/activity":         "",
		"Makefile PHONY":                                "",
		"Makefile PHON":                                 "does not have it",
		"test/promises TestNone":                        "no TestNone",
		"test/promises TestProblems/none" + "_of_these": "no none_of_these",
		"test/none TestProblems":                        "no test/none",
		"TestProblems":                                  "want a folder",
	} {
		if got := missing(t, map[string]*folder{}, test); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", test, got, want)
		}
	}
}
