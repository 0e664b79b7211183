package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/bench/client"
)

// How many work at the same time.
const (
	starters = 160 // each with one workflow in flight
	deciders = 32
	workers  = 24
	readers  = 2
)

const (
	kept         = 1000 // closed executions that lists go through
	keptPages    = 100  // their size
	readPause    = 5 * time.Millisecond
	reconnect    = 100              // calls on one connection
	patience     = 45 * time.Second // for a workflow; tasks time out after ten hours
	chainLength  = 5
	shortSeconds = "1" // of timers, and of timeouts that are meant to pass
)

// load is all clients.
type load struct {
	addr        string
	credentials client.Credentials
	fail        func(error)

	number    atomic.Int64
	finished  atomic.Int64
	waits     [starters]chan string // workflowIds that are closed
	slowest   atomic.Int64          // workflow since somebody last looked, in nanoseconds
	readPages atomic.Int64
}

// kinds of workflows, by the first letter of the workflowId: activity, timer,
// signal, child, new run, cancellation, timeout, termination. Two of them wait for
// a second; the others take turns more often.
const kinds = "ascnkzascnkztaosancs"

const child = 'x'

// caller is one client: a connection that is made anew now and then.
type caller struct {
	*load
	conn  *client.Conn
	calls int
}

func (l *load) caller() *caller { return &caller{load: l, conn: client.New(l.addr, l.credentials)} }

func (c *caller) call(action, body string) ([]byte, error) {
	if c.calls++; c.calls%reconnect == 0 {
		c.conn.HangUp()
	}
	answer, err := c.conn.Call(action, []byte(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", action, body, err)
	}
	return answer, nil
}

// declare makes the domains, the types, and the executions that are kept.
func (l *load) declare() error {
	c := l.caller()
	defer c.conn.Close()
	for _, d := range []struct{ name, days string }{{"gone", "NONE"}, {"kept", "1"}} {
		if _, err := c.call("RegisterDomain", fmt.Sprintf(`{"name":%q,"workflowExecutionRetentionPeriodInDays":%q}`, d.name, d.days)); err != nil {
			return err
		}
		for _, list := range []string{"orders", "children"} {
			if _, err := c.call("RegisterWorkflowType", fmt.Sprintf(`{"domain":%q,"name":%q,"version":"1","defaultTaskList":{"name":"orders"},"defaultChildPolicy":"TERMINATE","defaultTaskStartToCloseTimeout":"36000","defaultExecutionStartToCloseTimeout":"36000"}`, d.name, list)); err != nil {
				return err
			}
		}
	}
	if _, err := c.call("RegisterActivityType", `{"domain":"gone","name":"work","version":"1","defaultTaskList":{"name":"work"},"defaultTaskStartToCloseTimeout":"36000","defaultTaskScheduleToStartTimeout":"36000","defaultTaskScheduleToCloseTimeout":"36000","defaultTaskHeartbeatTimeout":"36000"}`); err != nil {
		return err
	}
	for n := range kept {
		for _, action := range []string{"StartWorkflowExecution", "TerminateWorkflowExecution"} {
			rest := ""
			if action == "StartWorkflowExecution" {
				rest = `,"workflowType":{"name":"orders","version":"1"},"tagList":["kept"],"input":"kept"`
			}
			if _, err := c.call(action, fmt.Sprintf(`{"domain":"kept","workflowId":"kept-%d"%s}`, n, rest)); err != nil {
				return err
			}
		}
	}
	return nil
}

// run has all clients work until ctx is done, and the workflows in flight end.
func (l *load) run(ctx context.Context) {
	var starting, serving sync.WaitGroup
	join := func(all *sync.WaitGroup, role func(*caller) error) *caller {
		c := l.caller()
		all.Go(func() {
			defer c.conn.Close()
			if err := role(c); err != nil && !errors.Is(err, net.ErrClosed) {
				l.fail(err)
			}
		})
		return c
	}
	var pollers []*caller
	for range deciders {
		pollers = append(pollers, join(&serving, (*caller).decider))
	}
	for range workers {
		pollers = append(pollers, join(&serving, (*caller).worker))
	}
	for i := range starters {
		l.waits[i] = make(chan string, 4)
		join(&starting, func(c *caller) error { return c.starter(ctx, i) })
	}
	for range readers {
		join(&starting, func(c *caller) error { return c.reader(ctx) })
	}
	starting.Wait()
	for _, p := range pollers {
		p.conn.Close()
	}
	serving.Wait()
}

func (c *caller) starter(ctx context.Context, slot int) error {
	for ctx.Err() == nil {
		n := c.number.Add(1)
		kind := kinds[n%int64(len(kinds))]
		id := fmt.Sprintf("%c-%d-%d", kind, slot, n)
		input := "order"
		if kind == 'n' {
			input = strconv.Itoa(chainLength - 1)
		}
		began := time.Now()
		if _, err := c.call("StartWorkflowExecution", fmt.Sprintf(`{"domain":"gone","workflowId":%q,"workflowType":{"name":"orders","version":"1"},"input":%q,"tagList":["soak"]}`, id, input)); err != nil {
			return err
		}
		var err error
		switch kind {
		case 's':
			_, err = c.call("SignalWorkflowExecution", fmt.Sprintf(`{"domain":"gone","workflowId":%q,"signalName":"go","input":"now"}`, id))
		case 'k':
			_, err = c.call("RequestCancelWorkflowExecution", fmt.Sprintf(`{"domain":"gone","workflowId":%q}`, id))
		case 'z':
			_, err = c.call("TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"gone","workflowId":%q}`, id))
		}
		if err != nil {
			return err
		}
		if kind != 'z' {
			if err := c.awaitClose(slot, id); err != nil {
				return err
			}
		}
		c.finished.Add(1)
		for took := int64(time.Since(began)); ; {
			most := c.slowest.Load()
			if took <= most || c.slowest.CompareAndSwap(most, took) {
				break
			}
		}
	}
	return nil
}

// awaitClose waits until a decider has closed a workflow. Others that a decider
// closed twice may come first.
func (c *caller) awaitClose(slot int, id string) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case closed := <-c.waits[slot]:
			if closed == id {
				return nil
			}
		case <-late.C:
			return fmt.Errorf("workflow %s was not closed in %s", id, patience)
		}
	}
}

func (c *caller) decider() error {
	for {
		task, err := c.call("PollForDecisionTask", `{"domain":"gone","taskList":{"name":"orders"}}`)
		if err != nil {
			return err
		}
		token := client.Text(task, "taskToken")
		if token == nil {
			continue
		}
		id := string(client.Text(task, "workflowId"))
		body := fmt.Sprintf(`{"taskToken":%q,`, token)
		decision, closes := decide(id, task)
		_, err = c.call("RespondDecisionTaskCompleted", body+`"decisions":[`+decision+`]}`)
		if client.IsFault(err, "UnknownResourceFault") && id[0] == 'z' {
			continue // it was terminated meanwhile
		}
		if err != nil {
			return err
		}
		if closes && id[0] != child {
			slot, err := strconv.Atoi(strings.Split(id, "-")[1])
			if err != nil {
				return fmt.Errorf("workflowId %q: %w", id, err)
			}
			select {
			case c.waits[slot] <- id:
			default: // nobody waits for one that was closed before
			}
		}
	}
}

func attributes(kind, attributes string) string {
	return fmt.Sprintf(`{"decisionType":%q,%q:{%s}}`, kind, strings.ToLower(kind[:1])+kind[1:]+"DecisionAttributes", attributes)
}

// decide gives the decision that a workflow's events call for, if any, and whether
// it ends the workflow.
func decide(id string, task []byte) (decision string, closes bool) {
	has := func(eventType string) bool { return client.Events(task, eventType) > 0 }
	work := func(rest string) string {
		return attributes("ScheduleActivityTask", `"activityType":{"name":"work","version":"1"},"activityId":"1","input":"order"`+rest)
	}
	complete := attributes("CompleteWorkflowExecution", `"result":"done"`)
	switch id[0] {
	case 'a', child:
		if has("ActivityTaskCompleted") {
			return complete, true
		}
		if !has("ActivityTaskScheduled") {
			return work(""), false
		}
	case 't':
		if has("TimerFired") {
			return complete, true
		}
		if !has("TimerStarted") {
			return attributes("StartTimer", `"timerId":"t","startToFireTimeout":"`+shortSeconds+`"`), false
		}
	case 's':
		if has("WorkflowExecutionSignaled") {
			return complete, true
		}
	case 'c':
		if has("ChildWorkflowExecutionCompleted") {
			return complete, true
		}
		if !has("StartChildWorkflowExecutionInitiated") {
			return attributes("StartChildWorkflowExecution", fmt.Sprintf(`"workflowId":"%c%s","workflowType":{"name":"children","version":"1"}`, child, id)), false
		}
	case 'n':
		if left, _ := strconv.Atoi(string(client.Text(task, "input"))); left > 0 {
			return attributes("ContinueAsNewWorkflowExecution", fmt.Sprintf(`"input":"%d"`, left-1)), false
		}
		return complete, true
	case 'k':
		if has("WorkflowExecutionCancelRequested") {
			return attributes("CancelWorkflowExecution", ""), true
		}
	case 'o':
		if has("ActivityTaskTimedOut") {
			return attributes("FailWorkflowExecution", `"reason":"nobody came"`), true
		}
		if !has("ActivityTaskScheduled") {
			return work(`,"taskList":{"name":"nobody"},"scheduleToStartTimeout":"` + shortSeconds + `"`), false
		}
	}
	return "", false
}

func (c *caller) worker() error {
	for {
		task, err := c.call("PollForActivityTask", `{"domain":"gone","taskList":{"name":"work"}}`)
		if err != nil {
			return err
		}
		token := string(client.Text(task, "taskToken"))
		if token == "" {
			continue
		}
		if _, err := c.call("RecordActivityTaskHeartbeat", fmt.Sprintf(`{"taskToken":%q,"details":"half"}`, token)); err != nil {
			return err
		}
		if _, err := c.call("RespondActivityTaskCompleted", fmt.Sprintf(`{"taskToken":%q,"result":"done"}`, token)); err != nil {
			return err
		}
	}
}

// reader goes through lists and histories.
func (c *caller) reader(ctx context.Context) error {
	next := ""
	for ctx.Err() == nil {
		page, err := c.call("ListClosedWorkflowExecutions", fmt.Sprintf(`{"domain":"kept","startTimeFilter":{"oldestDate":0},"maximumPageSize":%d%s}`, keptPages, next))
		if err != nil {
			return err
		}
		if n := strings.Count(string(page), `"closeStatus":"TERMINATED"`); n != keptPages {
			return fmt.Errorf("a page has %d executions, want %d", n, keptPages)
		}
		run := string(client.Text(page, "runId"))
		id := fmt.Sprintf(`{"workflowId":%q,"runId":%q}`, client.Text(page, "workflowId"), run)
		token := client.Text(page, "nextPageToken")
		if next = ""; token != nil {
			next = fmt.Sprintf(`,"nextPageToken":%q`, token)
		}
		for _, read := range []struct{ action, body string }{
			{"GetWorkflowExecutionHistory", `{"domain":"kept","execution":` + id + `}`},
			{"DescribeWorkflowExecution", `{"domain":"kept","execution":` + id + `}`},
			{"CountClosedWorkflowExecutions", `{"domain":"kept","startTimeFilter":{"oldestDate":0},"tagFilter":{"tag":"kept"}}`},
			{"ListOpenWorkflowExecutions", fmt.Sprintf(`{"domain":"gone","startTimeFilter":{"oldestDate":0},"maximumPageSize":%d}`, 1+rand.IntN(100))},
			{"CountPendingActivityTasks", `{"domain":"gone","taskList":{"name":"work"}}`},
		} {
			if _, err := c.call(read.action, read.body); err != nil {
				return err
			}
		}
		c.readPages.Add(1)
		time.Sleep(readPause)
	}
	return nil
}
