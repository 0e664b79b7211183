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
		parsed, err := parser.ParseFile(token.NewFileSet(), list, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if of, ok := n.(*ast.IndexExpr); ok && types.ExprString(of.X) == "reflect.TypeFor" {
				registered[typeText(of.Index, folders, "")] = true
			}
			return true
		})
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
		asserts := asserting(t, folder)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, reply := range replies(parsed, folder, asserts) {
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
var basic = []string{"any", "bool", "string", "int", "int32", "int64", "uint64", "float64", "error", "[]string", "[]byte"}

// typeText is a type as it is written, with the folders of packages in place of their names.
func typeText(e ast.Expr, folders map[string]string, own string) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "*" + typeText(e.X, folders, own)
	case *ast.ArrayType:
		return "[]" + typeText(e.Elt, folders, own)
	case *ast.IndexExpr:
		return typeText(e.X, folders, own) + "[" + typeText(e.Index, folders, own) + "]"
	case *ast.SelectorExpr:
		return folders[types.ExprString(e.X)] + "." + e.Sel.Name
	case *ast.Ident:
		if !slices.Contains(basic, e.Name) && own != "" {
			return own + "." + e.Name
		}
	}
	return types.ExprString(e)
}

// asserting are the functions of a folder that take replies to be what their callers name: of a type parameter that they assert, or
// hand on to such a function.
func asserting(t *testing.T, folder string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob("../../" + folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var generic []*ast.FuncDecl
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Type.TypeParams != nil {
				generic = append(generic, f)
			}
		}
	}
	for more := true; more; {
		more = false
		for _, f := range generic {
			name, parameter := f.Name.Name, f.Type.TypeParams.List[0].Names[0].Name
			ast.Inspect(f, func(n ast.Node) bool {
				asserts := false
				switch n := n.(type) {
				case *ast.TypeAssertExpr:
					asserts = n.Type != nil && types.ExprString(n.Type) == parameter
				case *ast.IndexExpr:
					asserts = all[types.ExprString(n.X)] && types.ExprString(n.Index) == parameter
				}
				if asserts && !all[name] {
					all[name], more = true, true
				}
				return true
			})
		}
	}
	return all
}

// replies are the types that a file takes replies to be, but for basic ones: by an assertion, or by the type that it names
// to a function that asserts.
func replies(file *ast.File, folder string, asserts map[string]bool) (names []string) {
	folders := map[string]string{}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		folders[filepath.Base(path)] = strings.TrimPrefix(path, "heddle/")
	}
	for _, d := range file.Decls {
		parameters := map[string]bool{}
		if f, ok := d.(*ast.FuncDecl); ok && f.Type.TypeParams != nil {
			for _, field := range f.Type.TypeParams.List {
				for _, name := range field.Names {
					parameters[name.Name] = true
				}
			}
		}
		ast.Inspect(d, func(n ast.Node) bool {
			var of ast.Expr
			switch n := n.(type) {
			case *ast.TypeAssertExpr:
				if id, ok := n.X.(*ast.Ident); ok && id.Name == "reply" {
					of = n.Type
				}
			case *ast.IndexExpr:
				if asserts[types.ExprString(n.X)] {
					of = n.Index
				}
			}
			if of == nil || parameters[types.ExprString(of)] {
				return true
			}
			if text := strings.TrimPrefix(typeText(of, folders, folder), "*"); !slices.Contains(basic, text) {
				names = append(names, text)
			}
			return true
		})
	}
	return names
}
