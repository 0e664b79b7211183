package flowcheck

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// walk tells found of all in body that workflow code must not do. outer is the whole function.
func (c *checker) walk(body ast.Node, outer ast.Node, found func(token.Pos, *impure)) {
	tell := func(pos token.Pos, what, thing, remedy string) {
		if !c.isExcused(pos) {
			found(pos, &impure{what, []string{thing}, remedy})
		}
	}
	const coroutines, channels = "starts a goroutine", "uses a channel"
	const goRemedy = "use flow.Go, or do it in an activity"
	const chanRemedy = "use futures, flow.First and flow.Await: a channel blocks the worker"
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			tell(n.Pos(), coroutines, "go", goRemedy)
			return false
		case *ast.SelectStmt:
			tell(n.Pos(), channels, "select", chanRemedy)
			return false
		case *ast.SendStmt:
			tell(n.Pos(), channels, "send", chanRemedy)
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				tell(n.Pos(), channels, "receive", chanRemedy)
			}
		case *ast.RangeStmt:
			c.walkRange(n, outer, tell)
		case *ast.CallExpr:
			return c.walkCall(n, outer, tell, visit)
		case *ast.FuncLit:
			if sig, ok := c.TypesInfo.TypeOf(n).(*types.Signature); ok && isActivity(sig) {
				return false
			}
		case *ast.Ident:
			if i := c.judge(c.TypesInfo.Uses[n]); i != nil && !c.isExcused(n.Pos()) {
				found(n.Pos(), i)
			}
		}
		return true
	}
	ast.Inspect(body, visit)
}

type teller func(pos token.Pos, what, thing, remedy string)

// walkCall is a call's part of walk.
func (c *checker) walkCall(call *ast.CallExpr, outer ast.Node, tell teller, visit func(ast.Node) bool) bool {
	switch fun := c.callee(call); {
	case fun == nil:
		if id, ok := ast.Unparen(call.Fun).(*ast.Ident); ok && len(call.Args) > 0 && isBuiltin(c.TypesInfo.Uses[id]) {
			if _, isChan := c.TypesInfo.TypeOf(call.Args[0]).Underlying().(*types.Chan); isChan && (id.Name == "make" || id.Name == "close") {
				tell(call.Pos(), "uses a channel", id.Name, "use futures, flow.First and flow.Await: a channel blocks the worker")
			}
		}
	case fromFlow(fun) && fun.Name() == "Effect" && len(call.Args) == 2:
		c.walkEffect(call.Args[1], tell)
		return false
	case fromFlow(fun) && fun.Name() == "By":
		return false // what is bound is not called here
	case fun.Pkg() != nil && fun.Pkg().Path() == "slices" && strings.HasPrefix(fun.Name(), "Sorted") && len(call.Args) > 0:
		if inner, ok := ast.Unparen(call.Args[0]).(*ast.CallExpr); ok && c.mapIterator(inner) {
			for _, a := range append(inner.Args, call.Args[1:]...) { // sorted at once: its order can't be seen
				ast.Inspect(a, visit)
			}
			return false
		}
	case c.mapIterator(call):
		if !c.orderUnseen[call] {
			tell(call.Pos(), "goes by the order of a map", "maps."+fun.Name(), mapRemedy)
		}
	}
	return true
}

const mapRemedy = "range over slices.Sorted(maps.Keys(m))"

// mapIterator tells whether a call gives an iterator in the order of a map.
func (c *checker) mapIterator(call *ast.CallExpr) bool {
	fun := c.callee(call)
	return fun != nil && fun.Pkg() != nil && fun.Pkg().Path() == "maps" && (fun.Name() == "Keys" || fun.Name() == "Values" || fun.Name() == "All")
}

// walkEffect looks for calls that need the run, in a function that is called once and never replayed.
func (c *checker) walkEffect(f ast.Expr, tell teller) {
	lit, ok := ast.Unparen(f).(*ast.FuncLit)
	if !ok {
		return
	}
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 && isContext(c.TypesInfo.TypeOf(call.Args[0])) {
			thing := "a function"
			if fun := c.callee(call); fun != nil {
				thing = c.name(fun)
			}
			tell(call.Pos(), "gives its flow.Context to something inside an effect", thing, "an effect runs once, a replay would miss what it decides: do it outside")
		}
		return true
	})
}

// callee is the function or method that is called, if it is known.
func (c *checker) callee(call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch f := fun.(type) {
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return nil
	}
	fn, _ := c.TypesInfo.Uses[id].(*types.Func)
	return fn
}

// judge says what using a function or variable is, or nil.
func (c *checker) judge(o types.Object) *impure {
	switch o := o.(type) {
	case *types.Func:
		o = o.Origin()
		if o.Pkg() == nil || fromFlow(o) || isRoot(o.Signature()) {
			return nil // it is checked where it is declared
		}
		if i := judgeStandard(o); i != nil {
			return i
		}
		if o.Pkg() == c.Pkg {
			return c.helpers[o]
		}
		var i impure
		if c.ImportObjectFact(o, &i) {
			return &i
		}
	case *types.Var:
		if o.IsField() || o.Pkg() == nil || o.Parent() != o.Pkg().Scope() {
			return nil
		}
		if i := judgeStandard(o); i != nil {
			return i
		}
		by := c.changes[o]
		if by == "" && o.Pkg() != c.Pkg {
			var f changed
			if c.ImportObjectFact(o, &f) {
				by = f.By
			}
		}
		if by != "" {
			return &impure{"goes by a variable that others change", []string{o.Pkg().Name() + "." + o.Name(), by}, "give it in the input, or read it by flow.Effect"}
		}
	}
	return nil
}

func isBuiltin(o types.Object) bool { _, is := o.(*types.Builtin); return is }

// walkRange is a loop's part of walk.
func (c *checker) walkRange(loop *ast.RangeStmt, outer ast.Node, tell teller) {
	what := ""
	switch c.TypesInfo.TypeOf(loop.X).Underlying().(type) {
	case *types.Chan:
		tell(loop.Pos(), "uses a channel", "range", "use an Inbox, or futures: a channel blocks the worker")
		return
	case *types.Map:
		what = "range"
	}
	call, isCall := ast.Unparen(loop.X).(*ast.CallExpr)
	if what == "" && !(isCall && c.mapIterator(call)) {
		return
	}
	o := order{c: c, outer: outer, loop: loop}
	if o.unseen(loop.Body.List) && !(o.effects && o.leaves) {
		if isCall {
			c.orderUnseen[call] = true
		}
		return
	}
	if what != "" {
		tell(loop.Pos(), "goes by the order of a map", what, mapRemedy)
	}
}

// order finds out whether the order of a loop's rounds can be seen.
type order struct {
	c       *checker
	outer   ast.Node // the function
	loop    *ast.RangeStmt
	effects bool // it does more than to set something to a constant
	leaves  bool // it may end before all rounds
}

func (o *order) unseen(list []ast.Stmt) bool {
	for _, s := range list {
		if !o.statement(s) {
			return false
		}
	}
	return true
}

func (o *order) statement(s ast.Stmt) bool {
	switch s := s.(type) {
	case nil, *ast.EmptyStmt:
		return true
	case *ast.DeclStmt:
		return o.value(s)
	case *ast.BlockStmt:
		return o.unseen(s.List)
	case *ast.IncDecStmt:
		o.effects = true
		return o.whole(s.X) && o.value(s.X)
	case *ast.BranchStmt:
		if s.Tok == token.BREAK {
			o.leaves = true
		}
		return s.Label == nil && s.Tok != token.GOTO
	case *ast.ReturnStmt:
		o.leaves = true
		for _, e := range s.Results {
			if !o.constant(e) {
				return false
			}
		}
		return true
	case *ast.IfStmt:
		if o.extreme(s) {
			o.effects = true
			return true
		}
		return o.statement(s.Init) && o.value(s.Cond) && o.unseen(s.Body.List) && o.statement(s.Else)
	case *ast.SwitchStmt:
		ok := o.statement(s.Init) && (s.Tag == nil || o.value(s.Tag))
		for _, clause := range s.Body.List {
			cc := clause.(*ast.CaseClause)
			for _, e := range cc.List {
				ok = ok && o.value(e)
			}
			ok = ok && o.unseen(cc.Body)
		}
		return ok
	case *ast.RangeStmt:
		return o.value(s.X) && o.unseen(s.Body.List)
	case *ast.ForStmt:
		return o.statement(s.Init) && (s.Cond == nil || o.value(s.Cond)) && o.statement(s.Post) && o.unseen(s.Body.List)
	case *ast.ExprStmt: // delete
		call, ok := s.X.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		o.effects = true
		return ok && id.Name == "delete" && isBuiltin(o.c.TypesInfo.Uses[id]) && o.value(call.Args[1])
	case *ast.AssignStmt:
		return o.assignment(s)
	}
	return false
}

func (o *order) assignment(s *ast.AssignStmt) bool {
	for _, e := range s.Rhs {
		if !o.value(e) {
			return false
		}
	}
	switch s.Tok {
	case token.DEFINE:
		return true
	case token.ADD_ASSIGN, token.SUB_ASSIGN, token.MUL_ASSIGN, token.OR_ASSIGN, token.XOR_ASSIGN, token.AND_ASSIGN:
		o.effects = true
		return o.whole(s.Lhs[0])
	case token.ASSIGN:
	default:
		return false
	}
	for i, lhs := range s.Lhs {
		lhs = ast.Unparen(lhs)
		id := o.c.rootIdent(lhs)
		if id != nil && o.inside(o.c.TypesInfo.ObjectOf(id)) || id != nil && id.Name == "_" {
			continue // of this round only
		}
		if len(s.Rhs) != len(s.Lhs) {
			return false
		}
		rhs := ast.Unparen(s.Rhs[i])
		if o.constant(rhs) {
			continue
		}
		o.effects = true
		call, isCall := rhs.(*ast.CallExpr)
		if index, ok := lhs.(*ast.IndexExpr); ok {
			if _, isMap := o.c.TypesInfo.TypeOf(index.X).Underlying().(*types.Map); isMap && o.byKey(index.Index) {
				continue // each round fills a place of its own
			}
			return false
		}
		if !isCall {
			return false
		}
		fun, ok := ast.Unparen(call.Fun).(*ast.Ident)
		if !ok || !isBuiltin(o.c.TypesInfo.Uses[fun]) || len(call.Args) == 0 {
			return false
		}
		same := types.ExprString(call.Args[0]) == types.ExprString(lhs)
		for _, a := range call.Args[1:] {
			same = same || fun.Name != "append" && types.ExprString(a) == types.ExprString(lhs)
		}
		switch {
		case !same:
			return false
		case fun.Name == "append" && o.sortedLater(lhs):
		case fun.Name == "max" || fun.Name == "min":
		default:
			return false
		}
	}
	return true
}

// extreme is if v > most { most = v }.
func (o *order) extreme(s *ast.IfStmt) bool {
	cond, ok := s.Cond.(*ast.BinaryExpr)
	if !ok || s.Init != nil || s.Else != nil || len(s.Body.List) != 1 {
		return false
	}
	set, ok := s.Body.List[0].(*ast.AssignStmt)
	if !ok || set.Tok != token.ASSIGN || len(set.Lhs) != 1 {
		return false
	}
	switch cond.Op {
	case token.LSS, token.GTR, token.LEQ, token.GEQ:
	default:
		return false
	}
	x, y, l, r := types.ExprString(cond.X), types.ExprString(cond.Y), types.ExprString(set.Lhs[0]), types.ExprString(set.Rhs[0])
	return x == l && y == r || x == r && y == l
}

// byKey tells whether an index is the loop's key itself.
func (o *order) byKey(e ast.Expr) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	key, isIdent := o.loop.Key.(*ast.Ident)
	return ok && isIdent && o.c.TypesInfo.ObjectOf(id) == o.c.TypesInfo.ObjectOf(key)
}

// inside tells whether a variable is declared in the loop.
func (o *order) inside(v types.Object) bool {
	return v != nil && v.Pos() >= o.loop.Pos() && v.Pos() < o.loop.End()
}

// whole tells whether sums of e are the same in any order: those of floats and strings are not.
func (o *order) whole(e ast.Expr) bool {
	basic, ok := o.c.TypesInfo.TypeOf(e).Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsInteger != 0
}

func (o *order) constant(e ast.Expr) bool {
	tv := o.c.TypesInfo.Types[e]
	return tv.Value != nil || tv.IsNil()
}

// value tells whether finding a value changes nothing and asks nothing of the run.
func (o *order) value(n ast.Node) bool {
	ok := true
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			ok = false
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		case *ast.CallExpr:
			for _, a := range n.Args {
				ok = ok && !isContext(o.c.TypesInfo.TypeOf(a))
			}
			fun := o.c.callee(n)
			if fun != nil && fun.Signature().Recv() != nil {
				_, pointer := fun.Signature().Recv().Type().(*types.Pointer)
				ok = ok && !pointer
			}
		}
		return ok
	})
	return ok
}

// sortedLater tells whether a list is given to a function that sorts, after the loop.
func (o *order) sortedLater(list ast.Expr) bool {
	name, found := types.ExprString(list), false
	ast.Inspect(o.outer, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || call.Pos() < o.loop.End() || len(call.Args) == 0 {
			return true
		}
		fun := o.c.callee(call)
		if fun != nil && fun.Pkg() != nil && (fun.Pkg().Path() == "sort" || fun.Pkg().Path() == "slices" && strings.HasPrefix(fun.Name(), "Sort")) {
			ast.Inspect(call.Args[0], func(n ast.Node) bool { // sort.Sort(byName(list)), too
				e, ok := n.(ast.Expr)
				found = found || ok && types.ExprString(e) == name
				return true
			})
		}
		return true
	})
	return found
}
