package execution

import (
	"testing"

	"heddle/internal/engine/enginetest"
	"heddle/internal/swf/wire"
)

// TestStatesTellTheirWeight weighs the smallest execution, and those with as many open things
// as there may be, all with the longest names.
func TestStatesTellTheirWeight(t *testing.T) {
	small := newFull(t, DefaultLimits(), wire.ChildPolicyTerminate)
	enginetest.Weighed(t, small.rules, small.id, small.state)
	f := newFull(t, DefaultLimits(), wire.ChildPolicyTerminate)
	f.decide(many(1000, activityDecision))
	enginetest.Weighed(t, f.rules, f.id, f.state)
	f.decide(many(1000, childDecision))
	f.decide(many(1000, timerDecision))
	enginetest.Weighed(t, f.rules, f.id, f.state)
}
