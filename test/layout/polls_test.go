package layout

import (
	"go/ast"
	"testing"
)

// TestOwnPollsMayBeCutOff: what the server itself polls for, as a poller without a name, may be at a node that this
// one is cut off from. Operators hear of that once, from the cluster: each poll tells that error from others.
func TestOwnPollsMayBeCutOff(t *testing.T) {
	polls := 0
	for _, f := range files(t) {
		if f.test {
			continue
		}
		own, tells := false, false
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called, ok := n.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Poll" && len(n.Args) > 0 {
					poller, ok := n.Args[len(n.Args)-1].(*ast.CompositeLit)
					own = own || ok && len(poller.Elts) == 0
				}
			case *ast.SelectorExpr:
				tells = tells || n.Sel.Name == "ErrCutOff"
			}
			return true
		})
		if own {
			polls++
		}
		if own && !tells {
			t.Errorf("%s polls for the server itself, and takes matching.ErrCutOff for trouble of its own", f.path)
		}
	}
	if polls < 3 {
		t.Errorf("%d files poll for the server itself", polls)
	}
}
