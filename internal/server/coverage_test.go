package server

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"heddle/internal/aws/shape"
	"heddle/internal/swf/wire"
)

// coverage is what the sessions showed of each action: its success, and each
// fault that its model declares.
type coverage struct {
	played atomic.Int64
	mu     sync.Mutex
	seen   map[string]map[string]bool // action, then "success" or the fault's code
}

func newCoverage() *coverage { return &coverage{seen: map[string]map[string]bool{}} }

func (c *coverage) add(action, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[action] == nil {
		c.seen[action] = map[string]bool{}
	}
	c.seen[action][outcome] = true
}

// success takes in an answer without a fault: whether it has a body is up to the
// model.
func (c *coverage) success(t *testing.T, action string, body []byte) {
	t.Helper()
	i := slices.IndexFunc(wire.Operations, func(op shape.Operation) bool { return op.Name == action })
	if i < 0 {
		t.Errorf("%s was answered, but is no action", action)
		return
	}
	if has := len(body) > 0; has != (wire.Operations[i].Output != "") {
		t.Errorf("%s: answered %q, its output is %q", action, body, wire.Operations[i].Output)
	}
	c.add(action, "success")
}

// fault takes in a fault: only common ones and those that the model declares may
// come.
func (c *coverage) fault(t *testing.T, action, code string) {
	t.Helper()
	if strings.HasPrefix(code, "com.amazon.coral.") {
		return
	}
	if !slices.Contains(wire.Faults()[action], code) {
		t.Errorf("%s: the model does not declare %s", action, code)
	}
	c.add(action, code)
}

// cannotCome are declared faults that this server has no cause for.
func cannotCome(action, code string) bool {
	switch code {
	case wire.CodeLimitExceededFault:
		switch action {
		case "TagResource", "UntagResource", "ListTagsForResource":
			return true // what a resource may have is told by TooManyTagsFault
		case "PollForActivityTask", "PollForDecisionTask":
			return true // takes two polls at a time: TestPolls
		}
	}
	return false
}

func (c *coverage) check(t *testing.T) {
	for _, op := range wire.Operations {
		if !c.seen[op.Name]["success"] {
			t.Errorf("no session shows %s succeed", op.Name)
		}
		for _, code := range op.Faults {
			if seen := c.seen[op.Name][code]; seen == cannotCome(op.Name, code) {
				t.Errorf("%s, %s: shown %t, can come %t", op.Name, code, seen, !cannotCome(op.Name, code))
			}
		}
	}
}
