package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"heddle/bench/client"
)

// How many clients of each role work at the same time.
const (
	starters = 8
	deciders = 12 // on each decision list
	workers  = 12
)

// crowd is all clients of one test.
type crowd struct {
	victim     *victim
	ledger     *ledger
	workflows  workflows
	executions int
	fail       func(error)

	started atomic.Int64
	closed  sync.Map // workflowIds of executions that are known to be closed
	left    atomic.Int64
	done    chan struct{} // closed when none is left

	histories map[string]history // by run, as they were in the end; nil: they are gone
}

func newCrowd(v *victim, w workflows, executions int, fail func(error)) *crowd {
	c := &crowd{victim: v, ledger: newLedger(), workflows: w, executions: executions, fail: fail, done: make(chan struct{})}
	c.left.Store(int64(executions))
	return c
}

func (c *crowd) caller() *caller {
	return &caller{victim: c.victim, ledger: c.ledger, conn: client.New(c.victim.addr, credentials), fickle: c.workflows.fickle}
}

// declare registers the domain and the types. Its answers may be lost.
func (c *crowd) declare(ctx context.Context, retentionDays int) error {
	caller := c.caller()
	defer caller.conn.Close()
	domain := fmt.Sprintf(`{"name":"crash","workflowExecutionRetentionPeriodInDays":"%d"}`, retentionDays)
	// Longer than any test: a task that waits for them is noticed.
	timeouts := `"defaultTaskStartToCloseTimeout":"36000"`
	workflowType := func(name, list string) string {
		return fmt.Sprintf(`{"domain":"crash","name":%q,"version":"1","defaultTaskList":{"name":%q},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"36000",%s}`, name, list, timeouts)
	}
	for _, call := range []struct{ action, body string }{
		{"RegisterDomain", domain},
		{"RegisterWorkflowType", workflowType("order", "orders")},
		{"RegisterWorkflowType", workflowType("child", "children")},
		{"RegisterActivityType", `{"domain":"crash","name":"work","version":"1","defaultTaskList":{"name":"work"},"defaultTaskScheduleToStartTimeout":"36000","defaultTaskScheduleToCloseTimeout":"36000","defaultTaskHeartbeatTimeout":"36000",` + timeouts + `}`},
	} {
		if _, err := caller.read(ctx, call.action, call.body); err != nil {
			return err
		}
	}
	return nil
}

// run has all clients work until all executions are closed.
func (c *crowd) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	join := func(role func(context.Context, *caller) error) {
		all.Go(func() {
			caller := c.caller()
			defer context.AfterFunc(ctx, caller.conn.Close)()
			defer caller.conn.Close()
			err := role(ctx, caller)
			if err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				c.fail(err)
			}
		})
	}
	for range starters {
		join(c.starter)
	}
	for _, list := range c.workflows.lists {
		for range deciders {
			join(func(ctx context.Context, caller *caller) error { return c.decider(ctx, caller, list) })
		}
	}
	for range workers {
		join(c.worker)
		if c.workflows.silent {
			join(c.silentWorker)
		}
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	cancel()
	all.Wait()
}

func (c *crowd) starter(ctx context.Context, caller *caller) error {
	for {
		n := c.started.Add(1)
		if n > int64(c.executions) {
			return nil
		}
		id := "order-" + strconv.FormatInt(n, 10)
		_, err := caller.step(ctx, "StartWorkflowExecution", id, func(mark string) string {
			return fmt.Sprintf(`{"domain":"crash","workflowId":%q,"workflowType":{"name":"order","version":"1"},"input":%q}`, id, mark)
		})
		if err != nil && !(client.IsFault(err, "WorkflowExecutionAlreadyStartedFault") && caller.lost > 0) {
			return err
		}
		if !c.workflows.signaled {
			continue
		}
		_, err = caller.step(ctx, "SignalWorkflowExecution", id, func(mark string) string {
			return fmt.Sprintf(`{"domain":"crash","workflowId":%q,"signalName":"go","input":%q}`, id, mark)
		})
		// After a lost attempt that counted, the execution may have closed.
		if err != nil && !(client.IsFault(err, unknownResource) && caller.lost > 0) {
			return err
		}
	}
}

// decisionTask is the answer to a poll.
type decisionTask struct {
	Token     string `json:"taskToken"`
	Started   int64  `json:"startedEventId"`
	Execution struct {
		ID  string `json:"workflowId"`
		Run string `json:"runId"`
	} `json:"workflowExecution"`
	Events history `json:"events"`
}

func (c *crowd) decider(ctx context.Context, caller *caller, list string) error {
	for {
		before := c.ledger.now()
		answer, err := caller.poll(ctx, "PollForDecisionTask", list)
		if err != nil {
			return err
		}
		var task decisionTask
		if err := json.Unmarshal(answer, &task); err != nil {
			return err
		}
		if task.Token == "" {
			continue
		}
		if err := c.decide(ctx, caller, &task, before); err != nil {
			return err
		}
	}
}

func (c *crowd) decide(ctx context.Context, caller *caller, task *decisionTask, before int64) error {
	id := task.Execution.ID
	name := fmt.Sprintf("%s of workflow %s, run %s", strconv.FormatInt(task.Started, 10), id, task.Execution.Run)
	c.ledger.deliver(name)
	if err := c.wellFormed(task.Events); err != nil {
		return fmt.Errorf("decision task %s: %w\n%s", name, err, task.Events)
	}
	if last := task.Events[len(task.Events)-1].ID; last != task.Started {
		return fmt.Errorf("decision task %s: its events end with %d", name, last)
	}
	child := len(id) > len(childPrefix) && id[:len(childPrefix)] == childPrefix // it has two histories
	if !child {
		if err := c.upToDate(ctx, caller, task, before); err != nil {
			return fmt.Errorf("decision task %s: %w", name, err)
		}
	}
	closes := false
	var failed error
	err := caller.respond(ctx, "RespondDecisionTaskCompleted", id, name, func(mark string) string {
		var decisions []string
		decisions, closes, failed = c.workflows.decide(id, mark, task.Events)
		return fmt.Sprintf(`{"taskToken":%q,"executionContext":%q,"decisions":[%s]}`, task.Token, mark, join(decisions))
	})
	if err = errors.Join(failed, err); err != nil || !closes || child {
		return err
	}
	return c.see(ctx, caller, task)
}

// upToDate checks that a task shows what was acknowledged before it was asked
// for. One that was started for somebody else shows what there was then; the rest
// must have come after.
func (c *crowd) upToDate(ctx context.Context, caller *caller, task *decisionTask, before int64) error {
	if c.ledger.missing(task.Execution.ID, before, task.Events) == nil {
		return nil
	}
	h, err := c.history(ctx, caller, task.Execution.ID, task.Execution.Run, 1000, false)
	if client.IsFault(err, unknownResource) {
		return nil // it was closed meanwhile, and kept for 0 days
	}
	if err != nil {
		return err
	}
	return c.ledger.missing(task.Execution.ID, before, h)
}

func (c *crowd) wellFormed(h history) error {
	if err := h.dense(); err != nil || c.workflows.silent {
		return err
	}
	return h.inTime()
}

func join(decisions []string) string {
	var b bytes.Buffer
	for i, d := range decisions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d)
	}
	return b.String()
}

// see asks whether an execution is closed: a decision to close it is refused if
// something else happened meanwhile.
func (c *crowd) see(ctx context.Context, caller *caller, task *decisionTask) error {
	answer, err := caller.read(ctx, "DescribeWorkflowExecution", fmt.Sprintf(
		`{"domain":"crash","execution":{"workflowId":%q,"runId":%q}}`, task.Execution.ID, task.Execution.Run))
	gone := client.IsFault(err, unknownResource) // it was kept for 0 days
	if err != nil && !gone {
		return err
	}
	if !gone && string(client.Text(answer, "executionStatus")) != "CLOSED" {
		return nil
	}
	if _, known := c.closed.LoadOrStore(task.Execution.ID, true); !known && c.left.Add(-1) == 0 {
		close(c.done)
	}
	return nil
}

func (c *crowd) worker(ctx context.Context, caller *caller) error {
	for {
		answer, err := caller.poll(ctx, "PollForActivityTask", "work")
		if err != nil {
			return err
		}
		if client.Text(answer, "taskToken") == nil {
			continue
		}
		token, id := string(client.Text(answer, "taskToken")), string(client.Text(answer, "workflowId"))
		started := client.Int(answer, "startedEventId")
		name := fmt.Sprintf("%d of workflow %s, run %s", started, id, client.Text(answer, "runId"))
		c.ledger.deliver(name)
		if started%2 == 0 {
			_, err := caller.read(ctx, "RecordActivityTaskHeartbeat", fmt.Sprintf(`{"taskToken":%q,"details":"half"}`, token))
			if client.IsFault(err, unknownResource) && c.ledger.deliveries(name) > 1 {
				continue // the other one who has it was faster
			}
			if err != nil {
				return err
			}
		}
		err = caller.respond(ctx, "RespondActivityTaskCompleted", id, name, func(mark string) string {
			return fmt.Sprintf(`{"taskToken":%q,"result":%q}`, token, mark)
		})
		if err != nil {
			return err
		}
	}
}

// silentWorker takes tasks and does nothing.
func (c *crowd) silentWorker(ctx context.Context, caller *caller) error {
	for {
		if _, err := caller.poll(ctx, "PollForActivityTask", "silent"); err != nil {
			return err
		}
	}
}
