package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSequentialPackagesDoOneThingAtATime: the packages that make test/race tests without the race
// detector start nothing beside themselves, in their code or in their tests.
func TestSequentialPackagesDoOneThingAtATime(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^SEQUENTIAL = (.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("Makefile: no SEQUENTIAL")
	}
	sequential := strings.Fields(string(line[1]))
	for i, pkg := range sequential {
		sequential[i] = strings.TrimPrefix(pkg, "./")
	}
	found := map[string]bool{}
	for _, f := range files(t) {
		if !slices.Contains(sequential, f.pkg) {
			continue
		}
		found[f.pkg] = true
		if what := beside(f.ast); what != "" {
			t.Errorf("%s: %s; the package is not for SEQUENTIAL in the Makefile", f.path, what)
		}
	}
	for _, pkg := range sequential {
		if !found[pkg] {
			t.Errorf("Makefile: SEQUENTIAL: %s has no files", pkg)
		}
	}
}

// beside gives what a file does that can start something beside it; empty: nothing.
func beside(file *ast.File) (what string) {
	for _, i := range file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err.Error()
		}
		for _, of := range []string{"sync", "net", "testing/synctest", "os/exec", "heddle/internal/shard", "heddle/internal/server", "heddle/internal/store", "heddle/internal/matching"} {
			if name == of || strings.HasPrefix(name, of+"/") {
				return "imports " + name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "has a go statement"
		case *ast.SelectorExpr:
			x, _ := n.X.(*ast.Ident)
			if name := n.Sel.Name; name == "Go" || name == "AfterFunc" || name == "Parallel" && x != nil && x.Name == "t" {
				what = "calls " + name
			}
		}
		return what == ""
	})
	return what
}

func TestBesideIsSeen(t *testing.T) {
	for source, want := range map[string]string{
		`import "sync/atomic"`:                                 "imports sync/atomic",
		`func f() { go f() }`:                                  "has a go statement",
		`func f(t *testing.T) { t.Parallel() }`:                "calls Parallel",
		`func f(w interface{ Go(func()) }) { w.Go(f) }`:        "calls Go",
		"import \"strings\"\nfunc f() { strings.Title(\"\") }": "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := beside(f); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// TestSkippedUnderRaceIsRun: what a test skips because it would race, or be slow, under the race
// detector is run without it, by name.
func TestSkippedUnderRaceIsRun(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(makefile), "\nUNRACED = ^(")
	list, _, ok := strings.Cut(rest, ")$$\n")
	if !ok {
		t.Fatal("Makefile: no UNRACED")
	}
	named := map[string]bool{}
	for name := range strings.SplitSeq(list, "|") {
		named[name] = false
	}
	for _, f := range files(t) {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !f.test || !strings.HasPrefix(fn.Name.Name, "Test") || !skipsUnderRace(fn) {
				continue
			}
			if _, ok := named[fn.Name.Name]; !ok {
				t.Errorf("%s: %s skips itself under the race detector, and UNRACED in the Makefile does not have it run without", f.path, fn.Name.Name)
			}
			named[fn.Name.Name] = true
		}
	}
	for name, is := range named {
		if !is {
			t.Errorf("Makefile: UNRACED names %s, which skips nothing under the race detector", name)
		}
	}
}

// skipsUnderRace tells whether a test skips itself where racing is true.
func skipsUnderRace(fn *ast.FuncDecl) (skips bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		branch, ok := n.(*ast.IfStmt)
		if !ok {
			return true
		}
		racing := false
		ast.Inspect(branch.Cond, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			racing = racing || ok && id.Name == "racing"
			return true
		})
		ast.Inspect(branch.Body, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			skips = skips || racing && ok && s.Sel.Name == "Skip"
			return true
		})
		return true
	})
	return skips
}
