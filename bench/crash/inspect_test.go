package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// info is an entry of a list of executions.
type info struct {
	Execution struct {
		ID  string `json:"workflowId"`
		Run string `json:"runId"`
	} `json:"execution"`
	Closed string  `json:"closeStatus"`
	Start  float64 `json:"startTimestamp"`
}

// list gives all executions of an action that lists them.
func (c *crowd) list(ctx context.Context, caller *caller, action string) (all []info, err error) {
	next := ""
	for {
		answer, err := caller.read(ctx, action, fmt.Sprintf(
			`{"domain":"crash","startTimeFilter":{"oldestDate":0},"maximumPageSize":100%s}`, next))
		if err != nil {
			return nil, err
		}
		var page struct {
			Infos []info `json:"executionInfos"`
			Next  string `json:"nextPageToken"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Infos...)
		if page.Next == "" {
			return all, nil
		}
		next = fmt.Sprintf(`,"nextPageToken":%q`, page.Next)
	}
}

// history reads a run's history page by page, forwards or backwards.
func (c *crowd) history(ctx context.Context, caller *caller, workflowID, run string, size int, reverse bool) (h history, err error) {
	next := ""
	for {
		answer, err := caller.read(ctx, "GetWorkflowExecutionHistory", fmt.Sprintf(
			`{"domain":"crash","execution":{"workflowId":%q,"runId":%q},"maximumPageSize":%d,"reverseOrder":%t%s}`, workflowID, run, size, reverse, next))
		if err != nil {
			return nil, err
		}
		var page struct {
			Events history `json:"events"`
			Next   string  `json:"nextPageToken"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, err
		}
		h = append(h, page.Events...)
		if page.Next == "" {
			break
		}
		next = fmt.Sprintf(`,"nextPageToken":%q`, page.Next)
	}
	if reverse {
		slices.Reverse(h)
	}
	return h, nil
}

// inspect holds the histories against the ledger and the workflows' own rules,
// and the lists against both.
func (c *crowd) inspect(ctx context.Context, retained bool) error {
	caller := c.caller()
	defer caller.conn.Close()
	if open, err := c.list(ctx, caller, "ListOpenWorkflowExecutions"); err != nil || len(open) > 0 {
		return fmt.Errorf("%d executions are listed as open: %v, %w", len(open), open, err)
	}
	closed, err := c.list(ctx, caller, "ListClosedWorkflowExecutions")
	if err != nil {
		return err
	}
	if !retained {
		if len(closed) > 0 {
			return fmt.Errorf("%d executions are listed as closed: %v", len(closed), closed)
		}
		return nil
	}
	slices.SortStableFunc(closed, func(a, b info) int { return int(1000*a.Start) - int(1000*b.Start) })
	all := map[string][]history{}
	c.histories = map[string]history{}
	for i, e := range closed {
		h, err := c.history(ctx, caller, e.Execution.ID, e.Execution.Run, 5+i%50, i%2 == 1)
		if err != nil {
			return err
		}
		if err := c.ledger.see(h); err != nil {
			return fmt.Errorf("workflow %s: %w", e.Execution.ID, err)
		}
		all[e.Execution.ID] = append(all[e.Execution.ID], h)
		c.histories[e.Execution.Run] = h
	}
	for n := 1; n <= c.executions; n++ {
		if id := fmt.Sprintf("order-%d", n); len(all[id]) == 0 {
			return fmt.Errorf("workflow %s is not listed", id)
		}
	}
	c.ledger.settle(c.fail)
	return c.workflows.inspect(all)
}

// stuck shows executions that are not closed, for the message of a failed test.
func (c *crowd) stuck(ctx context.Context) string {
	caller := c.caller()
	defer caller.conn.Close()
	open, err := c.list(ctx, caller, "ListOpenWorkflowExecutions")
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%d executions are open\n", len(open))
	for _, e := range open[:min(3, len(open))] {
		h, err := c.history(ctx, caller, e.Execution.ID, e.Execution.Run, 1000, false)
		text += fmt.Sprintf("workflow %s, run %s: %v\n%s", e.Execution.ID, e.Execution.Run, err, h)
	}
	return text
}
