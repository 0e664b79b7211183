// Package layout keeps the shape of the source tree: who may import whom, that
// every package says what it is for, and that only the server reads a clock. It
// parses the files, so that Go's test cache sees every change.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// arrows are the imports inside the module that each package may have; test files
// may have more. A package that is not here may import nothing of ours.
var arrows = map[string][]string{
	"cmd/heddle": {"internal/rootkey", "internal/server", "internal/engine", "internal/swf/execution", "internal/swf/lambda", "internal/swf/registry"},

	"internal/server": {
		"internal/audit", "internal/aws/throttle", "internal/blob", "internal/blob/dir", "internal/blob/s3", "internal/lifecycle",
		"internal/aws/authn", "internal/aws/awsjson", "internal/aws/awsquery", "internal/aws/credentials", "internal/aws/policy", "internal/aws/operation", "internal/aws/sigv4",
		"internal/engine", "internal/iam/account", "internal/iam", "internal/matching", "internal/rootkey", "internal/runlog", "internal/shard", "internal/store",
		"internal/store/keys", "internal/store/memstore", "internal/store/pebblestore", "internal/store/sealed", "internal/swf",
		"internal/swf/wire", "internal/swf/execution", "internal/swf/lambda", "internal/swf/registry",
		"internal/token", "internal/visibility",
	},
	"internal/swf": {
		"internal/aws/awsjson", "internal/aws/policy", "internal/aws/operation", "internal/engine", "internal/matching", "internal/pack",
		"internal/swf/wire", "internal/swf/execution", "internal/swf/permission", "internal/swf/registry", "internal/token", "internal/visibility",
	},
	"internal/swf/lambda":        {"internal/engine", "internal/matching", "internal/swf/wire", "internal/swf/execution"},
	"internal/swf/execution":     {"internal/engine", "internal/pack", "internal/swf/wire"},
	"internal/swf/registry":      {"internal/engine", "internal/engine/collection", "internal/pack"},
	"internal/swf/permission":    {"internal/aws/arn", "internal/aws/policy", "internal/swf/wire"},
	"internal/aws/authn":         {"internal/aws/awsjson", "internal/aws/credentials", "internal/aws/sigv4"},
	"internal/aws/awsquery":      {"internal/aws/awsjson"},
	"internal/aws/policy":        {"internal/aws/arn"},
	"internal/aws/operation":     {"internal/aws/awsjson", "internal/aws/policy"},
	"internal/iam/account":       {"internal/aws/arn", "internal/aws/credentials", "internal/aws/policy", "internal/engine", "internal/engine/collection", "internal/pack"},
	"internal/iam":               {"internal/aws/arn", "internal/aws/awsquery", "internal/aws/policy", "internal/engine", "internal/iam/account"},
	"internal/engine":            {"internal/blob", "internal/pack"},
	"internal/engine/collection": {"internal/engine", "internal/pack"},
	"internal/runlog":            {"internal/engine", "internal/pack", "internal/store", "internal/store/keys"},
	"internal/shard":             {"internal/blob", "internal/engine", "internal/runlog", "internal/store", "internal/store/keys"},
	"internal/visibility":        {"internal/engine", "internal/store", "internal/store/keys"},
	"internal/matching":          {"internal/engine"},
	"internal/blob/dir":          {"internal/blob"},
	"internal/blob/s3":           {"internal/blob"},
	"internal/token":             {"internal/engine", "internal/pack"},
	"internal/store/memstore":    {"internal/store"},
	"internal/store/pebblestore": {"internal/store"},
	"internal/store/sealed":      {"internal/store"},
	// No arrow leads to what serves tests alone.
	"internal/engine/enginetest": {"internal/engine"},
	"internal/store/storetest":   {"internal/store"},
	"internal/blob/blobtest":     {"internal/blob", "internal/blob/dir"},
	"internal/golden":            {},
}

// kernel packages must not hear the words of any service.
var kernel = []string{"internal/blob", "internal/engine", "internal/runlog", "internal/shard", "internal/matching", "internal/visibility", "internal/store", "internal/pack"}

// file is a parsed source file of the module.
type file struct {
	path, pkg string // relative to the root
	test      bool
	ast       *ast.File
}

func files(t *testing.T) []file {
	t.Helper()
	var all []file
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch name := d.Name(); {
			case name == "node_modules", name == "testdata", strings.HasPrefix(name, ".") && name != "..":
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		all = append(all, file{rel, path.Dir(rel), strings.HasSuffix(rel, "_test.go"), parsed})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportsFollowTheArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t) {
		if f.test || !strings.HasPrefix(f.pkg, "internal/") && !strings.HasPrefix(f.pkg, "cmd/") {
			continue
		}
		seen[f.pkg] = true
		for _, i := range f.ast.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, ok := strings.CutPrefix(name, "heddle/"); ok && !slices.Contains(arrows[f.pkg], ours) {
				t.Errorf("%s imports %s; the graph in this file has no such arrow", f.path, ours)
			}
		}
	}
	for pkg := range arrows {
		if !seen[pkg] {
			t.Errorf("the graph in this file has %s, which does not exist", pkg)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	var packages []string
	for _, f := range files(t) {
		if f.test && !(f.pkg == "internal/layout") {
			continue
		}
		if !slices.Contains(packages, f.pkg) {
			packages = append(packages, f.pkg)
		}
		if f.ast.Doc != nil && len(f.ast.Doc.Text()) > 40 {
			documented[f.pkg] = true
		}
	}
	for _, pkg := range packages {
		if !documented[pkg] {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

func TestOnlyTheServerReadsAClock(t *testing.T) {
	forbidden := []string{"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"}
	for _, f := range files(t) {
		if f.test || !strings.HasPrefix(f.pkg, "internal/") || f.pkg == "internal/server" || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(forbidden, s.Sel.Name) {
				t.Errorf("%s uses time.%s; time is handed in", f.path, s.Sel.Name)
			}
			return true
		})
	}
}

func TestKernelKnowsNoService(t *testing.T) {
	for _, f := range files(t) {
		if f.test || !slices.ContainsFunc(kernel, func(k string) bool { return f.pkg == k || strings.HasPrefix(f.pkg, k+"/") }) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			for _, word := range []string{"swf", "workflow", "domain", "activity", "decision"} {
				if strings.Contains(strings.ToLower(id.Name), word) {
					t.Errorf("%s has the name %s; the kernel knows no service", f.path, id.Name)
				}
			}
			return true
		})
	}
}
