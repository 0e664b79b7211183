package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"heddle/internal/sfn/wire"
)

// states asks the process for an action of Step Functions.
func (m *machine) states(action, body string) heard { return m.statesIn(m.ended, action, body) }

func (m *machine) statesIn(ctx context.Context, action, body string) heard {
	return m.ask(ctx, wire.TargetPrefix, action, body)
}

// stateMachine is what the clients of the machine run: an activity of their own, another
// machine, and the activity once more.
func stateMachine(id string) string {
	task := func(more string) string {
		return `{"Type":"Task","Resource":"` + statesARN + "activity:" + id + `","HeartbeatSeconds":30000,"TimeoutSeconds":36000,` + more + `}`
	}
	return `{"StartAt":"Charge","States":{
		"Charge":` + task(`"ResultPath":null,"Next":"Wait"`) + `,
		"Wait":{"Type":"Wait","Seconds":0,"Next":"Part"},
		"Part":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"` + statesARN + `stateMachine:part"},"ResultPath":null,"Next":"Pack"},
		"Pack":` + task(`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"End"}],"Next":"End"`) + `,
		"End":{"Type":"Succeed"}}}`
}

// partMachine runs in the others.
const partMachine = `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"part","End":true}}}`

func createMachine(name, definition string) string {
	body, err := json.Marshal(map[string]string{"name": name, "definition": definition, "roleArn": "arn:aws:iam::" + defaults.Account + ":role/r"})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// stateOrder is order for an execution of a state machine: what it needs is created, it is
// started twice, its activity is done, fails and is caught, or it is stopped and redriven.
func (m *machine) stateOrder(id string, complete bool) {
	ask := func(action, body string) (heard, bool) {
		a := m.states(action, body)
		if !a.ok() && !a.unknown() {
			m.t.Errorf("%s for %q: %s", action, id, a.body)
		}
		return a, a.ok()
	}
	// step is ask for what leaves a mark.
	step := func(action string, body func(mark string) string) (heard, bool) {
		mark := m.ledger.mark(id)
		a, ok := ask(action, body(mark))
		if ok {
			var out struct{ ExecutionARN string }
			if err := a.into(&out); err != nil {
				m.t.Error(err)
			}
			m.ledger.ack(m, mark, out.ExecutionARN)
		}
		return a, ok
	}
	token := func() string {
		a := m.states("GetActivityTask", `{"activityArn":"`+statesARN+"activity:"+id+`"}`)
		var out struct{ TaskToken string }
		if a.unknown() || a.into(&out) != nil {
			return ""
		}
		if out.TaskToken == "" && m.alive() {
			m.t.Errorf("GetActivityTask: the task of %q was not there", id)
		}
		return out.TaskToken
	}
	if _, ok := ask("CreateActivity", `{"name":"`+id+`"}`); !ok {
		return
	}
	if _, ok := ask("CreateStateMachine", createMachine(id, stateMachine(id))); !ok {
		return
	}
	start := func(mark string) string {
		return `{"stateMachineArn":"` + statesARN + "stateMachine:" + id + `","name":"e","input":"{\"mark\":\"` + mark + `\"}"}`
	}
	var first string
	began, ok := step("StartExecution", func(mark string) string {
		first = mark
		return start(mark)
	})
	if !ok {
		return
	}
	if again, ok := ask("StartExecution", start(first)); !ok {
		return
	} else if string(again.body) != string(began.body) {
		m.t.Errorf("%q was started twice: %s, %s", id, began.body, again.body)
	}
	if other := m.states("StartExecution", start("other")); other.fault != "ExecutionAlreadyExists" && !other.unknown() {
		m.t.Errorf("%q was started with another input: %d %s", id, other.status, other.body)
	}
	first = token()
	if first == "" {
		return
	}
	if _, ok := ask("SendTaskHeartbeat", `{"taskToken":"`+first+`"}`); !ok {
		return
	}
	if _, ok := step("SendTaskSuccess", func(mark string) string {
		return `{"taskToken":"` + first + `","output":"\"` + mark + `\""}`
	}); !ok {
		return
	}
	second := token()
	if second == "" {
		return
	}
	if complete {
		step("SendTaskFailure", func(mark string) string {
			return `{"taskToken":"` + second + `","error":"Broken","cause":"` + mark + `"}`
		})
		return
	}
	execution := statesARN + "execution:" + id + ":e"
	if _, ok := step("StopExecution", func(mark string) string {
		return `{"executionArn":"` + execution + `","cause":"` + mark + `"}`
	}); ok {
		ask("RedriveExecution", `{"executionArn":"`+execution+`"}`)
	}
}

// readMachines asks for all executions of all state machines, and their histories.
func (m *machine) readMachines() (runs []*shownRun, err error) {
	tell := func(action, body string, v any) error {
		return m.tellWith(m.statesIn, action, body, v)
	}
	for page := ""; ; {
		var list struct {
			StateMachines []struct{ Name, StateMachineARN string }
			NextToken     string
		}
		if err := tell("ListStateMachines", `{"maxResults":7`+page+`}`, &list); err != nil {
			return nil, err
		}
		for _, of := range list.StateMachines {
			var executions struct {
				Executions []struct{ ExecutionARN, Status string }
			}
			if err := tell("ListExecutions", `{"stateMachineArn":"`+of.StateMachineARN+`","maxResults":1000}`, &executions); err != nil {
				return nil, err
			}
			for _, e := range executions.Executions {
				r := &shownRun{workflowID: of.Name, id: e.ExecutionARN, open: e.Status == "RUNNING", machine: true}
				var described struct{ Status string }
				if err := tell("DescribeExecution", `{"executionArn":"`+e.ExecutionARN+`"}`, &described); err != nil {
					return nil, err
				}
				if described.Status != e.Status {
					return nil, &unsettled{fmt.Sprintf("%s is listed as %s, and described as %s", e.ExecutionARN, e.Status, described.Status)}
				}
				if err := m.readMachineHistory(tell, r); err != nil {
					return nil, err
				}
				runs = append(runs, r)
			}
		}
		if list.NextToken == "" {
			return runs, nil
		}
		page = `,"nextToken":"` + list.NextToken + `"`
	}
}

// marking are the members of events in which clients' marks stand, once each.
var marking = map[string]string{
	"ExecutionStarted": "executionStartedEventDetails", "ActivitySucceeded": "activitySucceededEventDetails",
	"ActivityFailed": "activityFailedEventDetails", "ExecutionAborted": "executionAbortedEventDetails",
}

func (m *machine) readMachineHistory(tell func(action, body string, v any) error, r *shownRun) error {
	for page := ""; ; {
		var history struct {
			Events    []json.RawMessage
			NextToken string
		}
		if err := tell("GetExecutionHistory", `{"executionArn":"`+r.id+`","maxResults":5`+page+`}`, &history); err != nil {
			return err
		}
		r.raw = append(r.raw, history.Events...)
		for _, text := range history.Events {
			var e map[string]json.RawMessage
			if err := json.Unmarshal(text, &e); err != nil {
				return err
			}
			var kind string
			var id, previous int64
			for text, to := range map[string]any{"type": &kind, "id": &id, "previousEventId": &previous} {
				if err := json.Unmarshal(e[text], to); err != nil {
					return err
				}
			}
			if previous < 0 || previous >= id {
				return fmt.Errorf("event %d of %s comes after event %d", id, r.id, previous)
			}
			r.events = append(r.events, shownEvent{id, kind})
			r.text += string(e[marking[kind]])
		}
		if history.NextToken == "" {
			return nil
		}
		page = `,"nextToken":"` + history.NextToken + `"`
	}
}

// wellFormedMachine checks what every history of an execution promises.
func (r *shownRun) wellFormedMachine() error {
	ended := false
	for i, e := range r.events {
		switch {
		case e.ID != int64(i)+1:
			return fmt.Errorf("event %d has the id %d", i+1, e.ID)
		case (i == 0) != (e.Type == "ExecutionStarted"):
			return fmt.Errorf("event %d is %s", e.ID, e.Type)
		case ended != (e.Type == "ExecutionRedriven"):
			return fmt.Errorf("event %d is %s, and it has ended: %v", e.ID, e.Type, ended)
		}
		ended = strings.HasPrefix(e.Type, "Execution") && e.Type != "ExecutionStarted" && e.Type != "ExecutionRedriven"
	}
	if len(r.events) == 0 || ended == r.open {
		return fmt.Errorf("listed as open: %v; events: %d, the end among them: %v", r.open, len(r.events), ended)
	}
	if r.open && r.workflowID == "part" {
		return fmt.Errorf("a machine that waits for nothing is open")
	}
	return nil
}
