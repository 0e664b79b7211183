package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/bench/client"
)

const (
	statesARN   = "arn:aws:states:us-east-1:123456789012:"
	killedSteps = 6 // of an execution: its start, and five tasks
)

// killedMachine has an activity, a Map of three of them, two at a time, an execution of another
// machine, a wait, and branches of which one has an activity.
var killedMachine = strings.ReplaceAll(strings.ReplaceAll(`{"StartAt":"First","States":{
"First":{"Type":"Task","Resource":"ACTIVITY","ResultPath":null,"Parameters":{"id.$":"$$.Execution.Name","step":"first"},"Next":"Each"},
"Each":{"Type":"Map","MaxConcurrency":2,"ItemsPath":"$.items","ItemSelector":{"n.$":"$$.Map.Item.Value"},"ResultPath":"$.done",
 "ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Task","Resource":"ACTIVITY","Parameters":{"id.$":"$$.Execution.Name","step.$":"$.n"},
  "OutputPath":"$.step","End":true}}},"Next":"Part"},
"Part":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"PART","Input":{"of.$":"$$.Execution.Name"}},
 "ResultSelector":{"of.$":"$.Output.of"},"ResultPath":"$.part","Next":"Pause"},
"Pause":{"Type":"Wait","Seconds":1,"Next":"Both"},
"Both":{"Type":"Parallel","Branches":[
 {"StartAt":"Last","States":{"Last":{"Type":"Task","Resource":"ACTIVITY","Parameters":{"id.$":"$$.Execution.Name","step":"last"},"OutputPath":"$.step","End":true}}},
 {"StartAt":"Beside","States":{"Beside":{"Type":"Pass","OutputPath":"$.done","End":true}}}],"End":true}}}`,
	"ACTIVITY", statesARN+"activity:work"), "PART", statesARN+"stateMachine:part")

// partMachine is what each execution runs once; it gives back its input.
const partMachine = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}`

// killedOutput is what every execution gives in the end.
const killedOutput = `["last",["a","b","c"]]`

// crashMachines kills the server under executions of a state machine: what was
// acknowledged, a start or a task's success, is in the history once, and every execution
// gives what its machine gives.
func crashMachines(t *testing.T, binary string, toKill int, random *rand.Rand) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fail := func(err error) {
		t.Error(err)
		cancel()
	}
	many := *executions
	if many == 0 {
		many = max(150, toKill*40)
	}
	v := newVictim(t, binary, "", *storeFlag, fail)
	c := &machines{victim: v, ledger: newLedger(), executions: many, fail: fail, done: make(chan struct{})}
	c.left.Store(int64(many))
	if err := c.declare(ctx); err != nil {
		t.Fatal(err)
	}
	k := &killer{victim: v, random: random, checkEvery: *checkEvery, opens: v.server.Opened}
	var killing sync.WaitGroup
	killing.Go(func() { k.kill(ctx, toKill, int64(many*killedSteps)*9/10, fail) })
	began := time.Now()
	stalled := v.watch(ctx, cancel)
	c.run(ctx)
	took := time.Since(began)
	if stalled() {
		t.Errorf("nothing has happened for %s; %d of %d executions did not end", patience, c.left.Load(), many)
	}
	cancelled := ctx.Err() != nil
	killing.Wait()
	t.Logf("%d executions in %s, %s; %d steps acknowledged; %d tasks delivered again",
		many, took.Round(time.Millisecond), k, v.acknowledged.Load(), c.ledger.twice)
	if cancelled {
		return
	}
	if err := c.inspect(ctx); err != nil {
		t.Error(err)
	}
	if err := v.stop(); err != nil {
		t.Error(err)
	}
	if err := v.check(v.rootKey); err != nil {
		t.Error(err)
	}
}

// machines is all clients of one test.
type machines struct {
	victim     *victim
	ledger     *ledger
	executions int
	fail       func(error)

	started, left atomic.Int64
	closed        sync.Map // names of executions
	done          chan struct{}
}

func (c *machines) caller(of client.Service) *caller {
	return &caller{victim: c.victim, ledger: c.ledger, conn: client.New(c.victim.addr, credentials).Of(of)}
}

func (c *machines) declare(ctx context.Context) error {
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	role := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"states"}, "AssumeRolePolicyDocument": {trust}}
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"states:StartExecution","Resource":"` + statesARN + `stateMachine:part"}]}`
	policy := url.Values{"Action": {"PutRolePolicy"}, "Version": {"2010-05-08"}, "RoleName": {"states"}, "PolicyName": {"part"}, "PolicyDocument": {may}}
	for _, call := range []struct {
		of           client.Service
		action, body string
	}{
		{client.IAM, "", role.Encode()},
		{client.IAM, "", policy.Encode()},
		{client.StepFunctions, "CreateStateMachine", fmt.Sprintf(`{"name":"part","roleArn":"arn:aws:iam::123456789012:role/states","definition":%s}`, quoted(partMachine))},
		{client.StepFunctions, "CreateActivity", `{"name":"work"}`},
		{client.StepFunctions, "CreateStateMachine", fmt.Sprintf(`{"name":"order","roleArn":"arn:aws:iam::123456789012:role/states","definition":%s}`, quoted(killedMachine))},
	} {
		caller := c.caller(call.of)
		_, err := caller.read(ctx, call.action, call.body)
		caller.conn.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// run has all clients work until all executions have ended.
func (c *machines) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	join := func(role func(context.Context, *caller) error) {
		all.Go(func() {
			caller := c.caller(client.StepFunctions)
			defer context.AfterFunc(ctx, caller.conn.Close)()
			defer caller.conn.Close()
			if err := role(ctx, caller); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				c.fail(err)
			}
		})
	}
	for range starters {
		join(c.starter)
	}
	for range workers {
		join(c.worker)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	cancel()
	all.Wait()
}

func (c *machines) starter(ctx context.Context, caller *caller) error {
	for {
		n := c.started.Add(1)
		if n > int64(c.executions) {
			return nil
		}
		name := "order-" + strconv.FormatInt(n, 10)
		_, err := caller.step(ctx, "StartExecution", name, func(mark string) string {
			input := fmt.Sprintf(`{"mark":%q,"items":["a","b","c"]}`, mark)
			return fmt.Sprintf(`{"stateMachineArn":%q,"name":%q,"input":%s}`, statesARN+"stateMachine:order", name, quoted(input))
		})
		// An attempt that was lost may have counted; its input was another one.
		if err != nil && !(client.IsFault(err, "ExecutionAlreadyExists") && caller.lost > 0) {
			return err
		}
	}
}

func (c *machines) worker(ctx context.Context, caller *caller) error {
	for {
		answer, err := caller.read(ctx, "GetActivityTask", fmt.Sprintf(`{"activityArn":%q}`, statesARN+"activity:work"))
		if err != nil {
			return err
		}
		var task struct{ TaskToken, Input string }
		if err := json.Unmarshal(answer, &task); err != nil {
			return err
		}
		if task.TaskToken == "" {
			continue
		}
		var input struct{ ID, Step string }
		if err := json.Unmarshal([]byte(task.Input), &input); err != nil {
			return err
		}
		c.ledger.deliver(task.TaskToken)
		_, err = caller.step(ctx, "SendTaskSuccess", input.ID, func(mark string) string {
			output := fmt.Sprintf(`{"mark":%q,"step":%q}`, mark, input.Step)
			return fmt.Sprintf(`{"taskToken":%q,"output":%s}`, task.TaskToken, quoted(output))
		})
		if client.IsFault(err, "TaskTimedOut") {
			if caller.lost == 0 && c.ledger.deliveries(task.TaskToken) < 2 {
				return fmt.Errorf("a task of %s was delivered once and refused at the first answer: %w", input.ID, err)
			}
			err = nil
		}
		if err == nil && input.Step == "last" {
			err = c.see(ctx, caller, input.ID)
		}
		if err != nil {
			return err
		}
	}
}

// see looks how an execution has ended, of which the last task is done.
func (c *machines) see(ctx context.Context, caller *caller, name string) error {
	answer, err := caller.read(ctx, "DescribeExecution", fmt.Sprintf(`{"executionArn":%q}`, statesARN+"execution:order:"+name))
	if err != nil {
		return err
	}
	var is struct{ Status, Output string }
	if err := json.Unmarshal(answer, &is); err != nil {
		return err
	}
	if is.Status != "SUCCEEDED" || is.Output != killedOutput {
		return fmt.Errorf("execution %s is %s with output %s, want %s", name, is.Status, is.Output, killedOutput)
	}
	if _, known := c.closed.LoadOrStore(name, true); !known && c.left.Add(-1) == 0 {
		close(c.done)
	}
	return nil
}

var markInText = regexp.MustCompile(`mark-\d+`)

// inspect holds all histories against what was acknowledged.
func (c *machines) inspect(ctx context.Context) error {
	caller := c.caller(client.StepFunctions)
	defer caller.conn.Close()
	var wrong []error
	for n := range c.executions {
		name := fmt.Sprintf("order-%d", n+1)
		answer, err := caller.read(ctx, "GetExecutionHistory", fmt.Sprintf(`{"executionArn":%q,"maxResults":1000}`, statesARN+"execution:order:"+name))
		if err != nil {
			return fmt.Errorf("execution %s: %w", name, err)
		}
		var h struct {
			Events []struct {
				ID              int64
				PreviousEventID int64
				Type            string
				Started         struct{ Input string }  `json:"executionStartedEventDetails"`
				Succeeded       struct{ Output string } `json:"activitySucceededEventDetails"`
				Part            struct{ Output string } `json:"taskSucceededEventDetails"`
			}
		}
		if err := json.Unmarshal(answer, &h); err != nil {
			return err
		}
		counts := map[string]int{}
		for i, e := range h.Events {
			counts[e.Type]++
			if e.ID != int64(i+1) || e.PreviousEventID >= e.ID {
				wrong = append(wrong, fmt.Errorf("execution %s: event %d is the %dth, after %d", name, e.ID, i+1, e.PreviousEventID))
			}
			if e.Type == "TaskSucceeded" && !strings.Contains(e.Part.Output, `"Output":{"of":"`+name+`"}`) {
				wrong = append(wrong, fmt.Errorf("execution %s: another one ran for it: %s", name, e.Part.Output))
			}
			if mark := markInText.FindString(e.Started.Input + e.Succeeded.Output); mark != "" {
				c.ledger.mu.Lock()
				if a := c.ledger.marks[mark]; a == nil || a.workflowID != name {
					wrong = append(wrong, fmt.Errorf("execution %s: event %d has the mark %s, which is none of its own", name, e.ID, mark))
				} else {
					a.seen++
				}
				c.ledger.mu.Unlock()
			}
		}
		for of, want := range map[string]int{
			"ActivityScheduled": 5, "ActivityStarted": 5, "ActivitySucceeded": 5, "ActivityTimedOut": 0, "MapIterationSucceeded": 3,
			"WaitStateExited": 1, "ParallelStateSucceeded": 1, "ExecutionSucceeded": 1, "TaskSubmitted": 1, "TaskSucceeded": 1,
		} {
			if counts[of] != want {
				wrong = append(wrong, fmt.Errorf("execution %s has %d events %s, want %d", name, counts[of], of, want))
			}
		}
	}
	parts, page := 0, ""
	for {
		answer, err := caller.read(ctx, "ListExecutions", fmt.Sprintf(`{"stateMachineArn":%q,"maxResults":1000%s}`, statesARN+"stateMachine:part", page))
		if err != nil {
			return err
		}
		var list struct {
			Executions []struct{ Name, Status string }
			NextToken  string
		}
		if err := json.Unmarshal(answer, &list); err != nil {
			return err
		}
		for _, e := range list.Executions {
			if parts++; e.Status != "SUCCEEDED" {
				wrong = append(wrong, fmt.Errorf("the part %s is %s, and all executions have ended", e.Name, e.Status))
			}
		}
		if list.NextToken == "" {
			break
		}
		page = fmt.Sprintf(`,"nextToken":%q`, list.NextToken)
	}
	if parts != c.executions {
		wrong = append(wrong, fmt.Errorf("%d executions ran %d parts", c.executions, parts))
	}
	c.ledger.settle(func(err error) { wrong = append(wrong, err) })
	return errors.Join(wrong[:min(len(wrong), 20)]...)
}
