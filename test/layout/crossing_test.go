package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWhatCrossesIsRegistered: each command and message body that rules tell apart, each
// error of theirs, and what services take their replies to be, is among what its service says crosses between servers.
// One that is not can't be sent to the server that has the shard, or from it.
func TestWhatCrossesIsRegistered(t *testing.T) {
	lists, err := filepath.Glob("../../internal/*/crossing.go")
	if err != nil || len(lists) < 7 {
		t.Fatalf("%d lists of what crosses, %v", len(lists), err)
	}
	registered, rules := map[string]bool{}, map[string]bool{}
	imports := regexp.MustCompile(`"heddle/(internal/[^"]+)"`)
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range imports.FindAllStringSubmatch(string(text), -1) {
			rules[m[1]] = true
		}
		folders := map[string]string{} // by the name they have in this list
		for _, m := range imports.FindAllStringSubmatch(string(text), -1) {
			folders[filepath.Base(m[1])] = m[1]
		}
		for _, m := range regexp.MustCompile(`TypeFor\[(\w+)\.(\w+)\]`).FindAllStringSubmatch(string(text), -1) {
			registered[folders[m[1]]+"."+m[2]] = true
		}
	}
	found, replied := 0, 0
	look := maps.Clone(rules)
	for _, list := range lists {
		look[filepath.ToSlash(strings.TrimPrefix(filepath.Dir(list), "../../"))] = true
	}
	for folder := range look {
		files, err := filepath.Glob("../../" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, reply := range replies(parsed, folder) {
				replied++
				if !registered[reply] {
					t.Errorf("%s: a reply is taken to be %s, which is not among what crosses between servers", filepath.Base(file), reply)
				}
			}
			if !rules[folder] {
				continue
			}
			for _, name := range crossers(parsed) {
				found++
				full := folder + "." + name
				if !registered[full] {
					t.Errorf("%s: %s is not among what crosses between servers (crossing.go of its service)", filepath.Base(file), full)
				}
			}
		}
	}
	if found < 150 || replied < 50 {
		t.Errorf("only %d types and %d replies were looked at: commands, errors or replies are written in another way now", found, replied)
	}
}

// crossers are the types of a file's own package that a type switch on a body or a message
// has, and those that are errors. Bodies that are not exported are of messages, which cross
// as the rows that they are; an error that is not exported nobody can register.
func crossers(file *ast.File) (names []string) {
	own := func(e ast.Expr, private bool) {
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		if id, ok := e.(*ast.Ident); ok && (private || id.IsExported()) {
			names = append(names, id.Name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv != nil && n.Name.Name == "Error" {
				own(n.Recv.List[0].Type, true)
			}
		case *ast.TypeSwitchStmt:
			var on ast.Expr
			switch s := n.Assign.(type) {
			case *ast.ExprStmt:
				on = s.X
			case *ast.AssignStmt:
				on = s.Rhs[0]
			}
			if id, ok := on.(*ast.TypeAssertExpr).X.(*ast.Ident); !ok || id.Name != "body" && id.Name != "m" {
				return true
			}
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					own(e, false)
				}
			}
		}
		return true
	})
	return names
}

// basic are types that cross without being registered.
var basic = []string{"bool", "string", "int", "int32", "int64", "uint64", "float64", "error", "[]string", "[]byte"}

// replies are the types that a file takes replies to be, but for basic ones: each with the folder of its package. A type without a
// name has its text, since nothing but a named one can be registered.
func replies(file *ast.File, folder string) (names []string) {
	folders := map[string]string{}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		folders[filepath.Base(path)] = strings.TrimPrefix(path, "heddle/")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		assertion, ok := n.(*ast.TypeAssertExpr)
		if !ok || assertion.Type == nil {
			return true
		}
		if id, ok := assertion.X.(*ast.Ident); !ok || id.Name != "reply" {
			return true
		}
		of := assertion.Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		switch of := of.(type) {
		case *ast.SelectorExpr:
			names = append(names, folders[types.ExprString(of.X)]+"."+of.Sel.Name)
		case *ast.Ident:
			if of.Name != "T" && !slices.Contains(basic, of.Name) { // a T is what the caller names
				names = append(names, folder+"."+of.Name)
			}
		default:
			if text := types.ExprString(of); !slices.Contains(basic, text) {
				names = append(names, text)
			}
		}
		return true
	})
	return names
}
