package sfn

import (
	"context"
	"sync"
)

// nestedMax is how many executions there are at a time that tasks wait for, in memory, of all accounts. One that
// begins others without end comes to it.
const nestedMax = 500

// nested are the executions in memory that tasks wait for: those of StartSyncExecution that a task calls. An
// account may have more as long as it has less than is free (package fair has the same rule).
type nested struct {
	mu  sync.Mutex
	all int
	by  map[string]int
}

// enter counts one more of an account, if there may be one.
func (n *nested) enter(account string) (leave func(), ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by[account] >= nestedMax-n.all {
		return nil, false
	}
	if n.by == nil {
		n.by = map[string]int{}
	}
	n.all++
	n.by[account]++
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all--
		if n.by[account]--; n.by[account] == 0 {
			delete(n.by, account)
		}
	}, true
}

// taskKey marks the context of a call that a task makes.
type taskKey struct{}

func fromTask(ctx context.Context) context.Context { return context.WithValue(ctx, taskKey{}, true) }

// isFromTask tells whether a task has made the call.
func isFromTask(ctx context.Context) bool { return ctx.Value(taskKey{}) != nil }
