package registry

import (
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
)

// TestStatesTellTheirWeight weighs sets of small and of large things.
func TestStatesTellTheirWeight(t *testing.T) {
	for _, size := range []int{1, 200, 1024} {
		text := strings.Repeat("\u00e9", size)
		types := newFull(t, NewTypes(DefaultLimits()))
		domains := newFull(t, NewDomains(DefaultLimits()))
		for n := range 100 {
			types.do(RegisterType{ID: TypeID{WorkflowType, long(10, n), text}, Description: text, Defaults: Defaults{TaskList: text, ChildPolicy: "TERMINATE"}})
			domains.do(RegisterDomain{Name: long(10, n), Description: text, Retention: "90", Tags: []Tag{{Key: long(5, 1), Value: "v"}, {Key: long(5, 2)}}})
		}
		for _, f := range []*full{types, domains} {
			enginetest.Weighed(t, f.rules, engine.Identity{}, f.state)
		}
	}
}
