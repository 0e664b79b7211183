package server

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"

	"heddle/internal/sfn/execution"
	"heddle/test/linear"
)

// crowded creates the state machines of a crowd: a task that is done again and again.
func (m *machine) crowded() error {
	for _, id := range []string{"m0", "m1"} {
		definition := `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + statesARN + "activity:" + id + `","Catch":[{"ErrorEquals":["never"],"Next":"S"}],"Next":"T"},"S":{"Type":"Succeed"}}}`
		for _, call := range []struct{ action, body string }{{"CreateActivity", `{"name":"` + id + `"}`}, {"CreateStateMachine", createMachine(id, definition)}} {
			if a := m.states(call.action, call.body); !a.ok() {
				return a.failure(call.action)
			}
		}
	}
	return nil
}

// heldTask is a task of an activity that a client has taken.
type heldTask struct {
	id, token string
	scheduled int
}

// actOnMachine is act for the one execution of a state machine.
func (c *crowd) actOnMachine(ctx context.Context, client int, id, mark string, random *rand.Rand) {
	call := linear.Call{WorkflowID: id, Machine: true}
	arn := `{"executionArn":"` + statesARN + "execution:" + id + `:e"`
	ask := func(action linear.Action, name, body string, refusals ...string) (heard, func(linear.Outcome)) {
		call.Action = action
		end := c.history.Begin(client, call)
		a := c.states(ctx, name, body)
		if !a.ok() && !a.unknown() && !slices.Contains(refusals, a.fault) {
			c.t.Errorf("%s: refused with %s", name, a.body)
		}
		return a, end
	}
	plain := func(a heard, end func(linear.Outcome)) {
		end(linear.Outcome{Unknown: a.unknown(), Refused: !a.unknown() && !a.ok()})
	}
	const missing = "ExecutionDoesNotExist"
	switch n := random.IntN(20); {
	case n < 4:
		call.Mark = string("ab"[random.IntN(2)])
		plain(ask(linear.Start, "StartExecution", `{"stateMachineArn":"`+statesARN+"stateMachine:"+id+`","name":"e","input":"\"<`+call.Mark+`>\""}`, "ExecutionAlreadyExists"))
	case n < 6:
		call.Mark = mark
		plain(ask(linear.Terminate, "StopExecution", arn+`,"cause":"<`+mark+`>"}`, missing))
	case n < 9:
		plain(ask(linear.Redrive, "RedriveExecution", arn+"}", missing, "ExecutionNotRedrivable"))
	case n < 12:
		a, end := ask(linear.Poll, "GetActivityTask", `{"activityArn":"`+statesARN+"activity:"+id+`"}`)
		if a.unknown() {
			return
		}
		var out struct{ TaskToken string }
		c.decode(a, &out)
		if out.TaskToken == "" {
			end(linear.Outcome{})
			return
		}
		token, ok := execution.ParseToken(out.TaskToken)
		if !ok {
			c.t.Errorf("GetActivityTask gave token %q", out.TaskToken)
		}
		c.mu.Lock()
		c.held = append(c.held, heldTask{id, out.TaskToken, int(token.Scheduled)})
		c.mu.Unlock()
		end(linear.Outcome{Count: int(token.Scheduled)})
	case n < 16:
		c.mu.Lock()
		if len(c.held) == 0 {
			c.mu.Unlock()
			return
		}
		i := len(c.held) - 1 - random.IntN(min(3, len(c.held)))
		task := c.held[i]
		if random.IntN(4) > 0 {
			c.held = append(c.held[:i], c.held[i+1:]...)
		}
		c.mu.Unlock()
		call.WorkflowID, call.Mark, call.Started, call.Close = task.id, mark, task.scheduled, random.IntN(4) == 0
		action, body := "SendTaskSuccess", `,"output":"\"<`+mark+`>\""}`
		if call.Close {
			action, body = "SendTaskFailure", `,"cause":"<`+mark+`>"}`
		}
		plain(ask(linear.Respond, action, `{"taskToken":"`+task.token+`"`+body, "TaskTimedOut"))
	case n < 18:
		a, end := ask(linear.Read, "GetExecutionHistory", arn+`,"maxResults":1000}`, missing)
		var out struct{ Events []json.RawMessage }
		if a.ok() {
			c.decode(a, &out)
		}
		end(linear.Outcome{Unknown: a.unknown(), Refused: !a.unknown() && !a.ok(), Events: c.shortOfMachine(out.Events)})
	case n < 19:
		a, end := ask(linear.Describe, "DescribeExecution", arn+"}", missing)
		var out struct{ Status string }
		if a.ok() {
			c.decode(a, &out)
		}
		end(linear.Outcome{Unknown: a.unknown(), Refused: !a.unknown() && !a.ok(), Open: out.Status == execution.Running})
	default:
		what, filter := linear.CountOpen, `,"statusFilter":"RUNNING"`
		if random.IntN(2) == 0 {
			what, filter = linear.CountClosed, "" // of all that are listed
		}
		a, end := ask(what, "ListExecutions", `{"stateMachineArn":"`+statesARN+"stateMachine:"+id+`"`+filter+"}")
		if a.unknown() {
			return
		}
		var out struct{ Executions []struct{ Status string } }
		c.decode(a, &out)
		n := 0
		for _, e := range out.Executions {
			if what == linear.CountOpen || e.Status != execution.Running {
				n++
			}
		}
		end(linear.Outcome{Count: n})
	}
}

// shortOfMachine writes events as the model has them.
func (c *crowd) shortOfMachine(events []json.RawMessage) string {
	var b strings.Builder
	for _, text := range events {
		var e struct{ Type string }
		if err := json.Unmarshal(text, &e); err != nil {
			c.t.Error(err)
		}
		_, after, _ := strings.Cut(string(text), "<")
		mark, _, _ := strings.Cut(after, ">")
		event, err := linear.MachineEvent(e.Type, mark)
		if err != nil {
			c.t.Error(err)
		}
		b.WriteString(event)
	}
	return b.String()
}
