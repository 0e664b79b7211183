// Package flowcheck finds what workflow code must not do: read the clock, throw dice, do I/O, start
// goroutines, use channels, go by the order of a map, or by variables that others change. Such code
// decides otherwise when it is replayed, and its run is parked.
//
// Workflow code is every function whose first parameter is a flow.Context, and all that it calls:
// what a function of another package does is known from that package's facts, and the finding names
// the chain of calls. What is given to flow.Effect, and activities, may do anything. A loop over a
// map passes if its order can't be seen: if it only adds up, fills other maps, or collects what is
// then sorted. The comment //flow:ok on a line, or alone on the line above, excuses it.
//
// The standard library is judged by a list (stdlib.go), never by its source. Calls through
// interfaces and function values that are kept in variables are not followed: replaying histories
// finds those.
package flowcheck

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// Analyzer is the check, for whoever runs several.
var Analyzer = &analysis.Analyzer{
	Name:      "flowcheck",
	Doc:       "finds what workflow code (functions of a flow.Context) must not do, since a replay would decide otherwise",
	FactTypes: []analysis.Fact{new(impure), new(changed), new(registered)},
	Run:       run,
}

// flowPath is the package of workflow code. It and what is below it are trusted.
const flowPath = "heddle/flow"

// impure is a fact of a function: what it does that workflow code must not.
type impure struct {
	What   string   // "reads the clock"
	Chain  []string // who calls whom, from the function itself to what is at fault
	Remedy string   // "use flow.Now"
}

func (*impure) AFact() {}

func (i *impure) String() string { return i.What + ": " + strings.Join(i.Chain, " → ") }

// changed is a fact of a package's variable: something assigns to it after its package was initialized.
type changed struct{ By string }

func (*changed) AFact() {}

func (c *changed) String() string { return "changed by " + c.By }

// registered is a fact of a package: the types that it declares.
type registered struct{ Types []string }

func (*registered) AFact() {}

func (r *registered) String() string { return strings.Join(r.Types, ", ") }

// checker is the check of one package.
type checker struct {
	*analysis.Pass
	excused     map[string]map[int]bool // by file and line
	changes     map[*types.Var]string   // variables of this package, and who changes them
	helpers     map[*types.Func]*impure // functions that are no workflow code themselves
	bound       map[*types.Func]bool    // methods given to By
	orderUnseen map[*ast.CallExpr]bool  // iterators over maps whose loops pass
}

func run(pass *analysis.Pass) (any, error) {
	path := pass.Pkg.Path()
	if path == flowPath || strings.HasPrefix(path, flowPath+"/") || standard(pass) {
		return nil, nil
	}
	c := &checker{pass, map[string]map[int]bool{}, map[*types.Var]string{}, map[*types.Func]*impure{}, map[*types.Func]bool{}, map[*ast.CallExpr]bool{}}
	c.findExcuses()
	c.findChanges()
	c.findHelpers()
	c.checkRoots()
	c.checkTypes()
	return nil, nil
}

// standard tells whether the package lies in the tree of Go's own, beside package unsafe.
func standard(pass *analysis.Pass) bool {
	if len(pass.Files) == 0 {
		return false
	}
	dir := filepath.Dir(pass.Fset.File(pass.Files[0].FileStart).Name())
	root, ok := strings.CutSuffix(filepath.ToSlash(dir), "/"+pass.Pkg.Path())
	if !ok {
		return false
	}
	_, err := os.Stat(filepath.Join(root, "unsafe", "unsafe.go"))
	return err == nil
}

func (c *checker) findExcuses() {
	for _, f := range c.Files {
		for _, group := range f.Comments {
			for _, comment := range group.List {
				if rest, ok := strings.CutPrefix(comment.Text, "//flow:ok"); ok && (rest == "" || rest[0] == ' ') {
					p := c.Fset.Position(comment.Pos())
					if c.excused[p.Filename] == nil {
						c.excused[p.Filename] = map[int]bool{}
					}
					c.excused[p.Filename][p.Line] = true
					if p.Column == 1 || alone(c.Fset, f, comment) {
						c.excused[p.Filename][p.Line+1] = true
					}
				}
			}
		}
	}
}

// alone tells whether nothing but the comment is on its line.
func alone(set *token.FileSet, f *ast.File, comment *ast.Comment) bool {
	line, is := set.Position(comment.Pos()).Line, true
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil || !is {
			return false
		}
		switch n.(type) {
		case *ast.Comment, *ast.CommentGroup:
			return false
		}
		from, to := set.Position(n.Pos()).Line, set.Position(n.End()).Line
		if n != f && (from == line || to == line && n.End() <= comment.Pos()) {
			is = false
		}
		return from <= line && to >= line || n == f
	})
	return is
}

func (c *checker) isExcused(pos token.Pos) bool {
	p := c.Fset.Position(pos)
	return c.excused[p.Filename][p.Line]
}

// eachFunc calls f for every function that is declared with a body.
func (c *checker) eachFunc(f func(*types.Func, *ast.FuncDecl)) {
	for _, file := range c.Files {
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.FuncDecl); ok && decl.Body != nil {
				if fn, ok := c.TypesInfo.Defs[decl.Name].(*types.Func); ok {
					f(fn, decl)
				}
			}
		}
	}
}

// findChanges finds the variables of the package that change after it was initialized, and the
// methods that are given to By.
func (c *checker) findChanges() {
	c.eachFunc(func(fn *types.Func, decl *ast.FuncDecl) {
		initial := decl.Recv == nil && decl.Name.Name == "init"
		note := func(e ast.Expr) {
			if v := c.packageVar(e); v != nil && !initial && c.changes[v] == "" && !c.isExcused(e.Pos()) {
				c.changes[v] = c.name(fn)
				if v.Pkg() == c.Pkg {
					c.ExportObjectFact(v, &changed{c.name(fn)})
				}
			}
		}
		ast.Inspect(decl.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						note(e)
					}
				}
			case *ast.IncDecStmt:
				note(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					note(n.X)
				}
			case *ast.CallExpr:
				if s, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok {
					if f, ok := c.TypesInfo.Uses[s.Sel].(*types.Func); ok && changesReceiver[f.FullName()] {
						note(s.X)
					}
				}
				if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
					note(n.Args[0])
				}
			}
			return true
		})
	})
	for _, f := range c.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if s, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && s.Sel.Name == "By" && fromFlow(c.TypesInfo.Uses[s.Sel]) {
				if m, ok := ast.Unparen(call.Args[0]).(*ast.SelectorExpr); ok {
					if fn, ok := c.TypesInfo.Uses[m.Sel].(*types.Func); ok {
						c.bound[fn.Origin()] = true
					}
				}
			}
			return true
		})
	}
}

// packageVar is the variable of a package that an assignment to e changes, itself or a part of it.
func (c *checker) packageVar(e ast.Expr) *types.Var {
	v, _ := c.TypesInfo.ObjectOf(c.rootIdent(e)).(*types.Var)
	if v == nil || v.IsField() || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return nil
	}
	return v
}

// rootIdent is the variable at the root of x.y[z], or nil.
func (c *checker) rootIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				if _, isPackage := c.TypesInfo.Uses[id].(*types.PkgName); isPackage {
					return x.Sel
				}
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// findHelpers finds out what is impure of the functions that are no workflow code, until nothing changes,
// since they call each other.
func (c *checker) findHelpers() {
	for again := true; again; {
		again = false
		c.eachFunc(func(fn *types.Func, decl *ast.FuncDecl) {
			if c.helpers[fn] != nil || isRoot(fn.Signature()) {
				return
			}
			c.walk(decl.Body, decl, func(pos token.Pos, i *impure) {
				if c.helpers[fn] == nil && len(i.Chain) < 12 {
					c.helpers[fn] = &impure{i.What, append([]string{c.name(fn)}, i.Chain...), i.Remedy}
					again = true
				}
			})
		})
	}
	for fn, i := range c.helpers {
		c.ExportObjectFact(fn, i)
	}
}

func (c *checker) checkRoots() {
	type mistake struct {
		file       string
		line       int
		what, call string
	}
	told := map[mistake]bool{}
	report := func(pos token.Pos, i *impure) {
		p := c.Fset.Position(pos)
		m := mistake{p.Filename, p.Line, i.What, ""}
		if len(i.Chain) > 1 {
			m.call = i.Chain[0] // two functions of ours are two mistakes; http.Get(…) and what is done with its answer are one
		}
		if !told[m] {
			told[m] = true
			c.Reportf(pos, "workflow code %s: %s; %s", i.What, strings.Join(i.Chain, " → "), i.Remedy)
		}
	}
	for _, file := range c.Files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				fn, ok := c.TypesInfo.Defs[n.Name].(*types.Func)
				if ok && n.Body != nil && isRoot(fn.Signature()) {
					c.walk(n.Body, n, report)
					if c.bound[fn] {
						c.checkShared(n.Body, n.Recv.Pos(), n.Recv.End(), "its receiver, which all runs share")
					}
					return false
				}
			case *ast.FuncLit:
				if sig, ok := c.TypesInfo.TypeOf(n).(*types.Signature); ok && isRoot(sig) {
					c.walk(n.Body, n, report)
					c.checkShared(n.Body, token.NoPos, n.Pos(), "a variable from outside, which all runs share")
					return false
				}
			}
			return true
		})
	}
}

// checkShared reports assignments of a body to variables that are declared between two places outside of it.
func (c *checker) checkShared(body *ast.BlockStmt, from, to token.Pos, what string) {
	check := func(e ast.Expr) {
		id := c.rootIdent(e)
		v, _ := c.TypesInfo.ObjectOf(id).(*types.Var)
		if v != nil && !v.IsField() && v.Pkg() == c.Pkg && v.Parent() != c.Pkg.Scope() && v.Pos() >= from && v.Pos() < to && !c.isExcused(e.Pos()) {
			c.Reportf(e.Pos(), "workflow code changes %s: %s; keep what belongs to a run in variables of its function", what, id.Name)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					check(e)
				}
			}
		case *ast.IncDecStmt:
			check(n.X)
		}
		return true
	})
}

// checkTypes reports types that are declared twice.
func (c *checker) checkTypes() {
	where := map[string]string{}
	for _, f := range c.AllPackageFacts() {
		if r, ok := f.Fact.(*registered); ok && f.Package != c.Pkg {
			for _, name := range r.Types {
				where[name] = "package " + f.Package.Path()
			}
		}
	}
	var own registered
	for _, file := range c.Files {
		if strings.HasSuffix(c.Fset.Position(file.Pos()).Filename, "_test.go") {
			continue // a test may bind others
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			named, ok := types.Unalias(c.TypesInfo.TypeOf(lit)).(*types.Named)
			if !ok || !fromFlow(named.Obj()) || named.Obj().Name() != "Workflow" && named.Obj().Name() != "Activity" {
				return true
			}
			name, version := c.text(lit, "Name"), c.text(lit, "Version")
			if name == "" {
				return true
			}
			key := fmt.Sprintf("%s %q version %q", strings.ToLower(named.Obj().Name()), name, version)
			p := c.Fset.Position(lit.Pos())
			if other := where[key]; other != "" {
				if !c.isExcused(lit.Pos()) {
					c.Reportf(lit.Pos(), "%s is declared in %s, too: one of them would get the other's tasks; give it another name or version", key, other)
				}
				return true
			}
			where[key] = filepath.Base(p.Filename) + ":" + strconv.Itoa(p.Line)
			own.Types = append(own.Types, key)
			return true
		})
	}
	if len(own.Types) > 0 {
		c.ExportPackageFact(&own)
	}
}

// text is the constant that a literal gives a field, or "".
func (c *checker) text(lit *ast.CompositeLit, field string) string {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if id, ok := kv.Key.(*ast.Ident); ok && id.Name == field {
			if v := c.TypesInfo.Types[kv.Value].Value; v != nil && v.Kind() == constant.String {
				return constant.StringVal(v)
			}
		}
	}
	return ""
}

// isRoot tells whether a function is workflow code by itself.
func isRoot(sig *types.Signature) bool {
	return sig.Params().Len() > 0 && isContext(sig.Params().At(0).Type())
}

// isContext tells whether a type is flow.Context.
func isContext(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && fromFlow(named.Obj()) && named.Obj().Name() == "Context"
}

func fromFlow(o types.Object) bool { return o != nil && o.Pkg() != nil && o.Pkg().Path() == flowPath }

// isActivity tells whether a function has a context.Context: what it does is done outside.
func isActivity(sig *types.Signature) bool {
	if sig.Params().Len() == 0 {
		return false
	}
	named, ok := types.Unalias(sig.Params().At(0).Type()).(*types.Named)
	return ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "context" && named.Obj().Name() == "Context"
}

// name is a function's, as somebody of this package would call it.
func (c *checker) name(fn *types.Func) string {
	name := fn.Name()
	if recv := fn.Signature().Recv(); recv != nil {
		t := recv.Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if named, ok := types.Unalias(t).(*types.Named); ok {
			name = named.Obj().Name() + "." + name
		}
	}
	if fn.Pkg() != nil {
		name = fn.Pkg().Name() + "." + name
	}
	return name
}
