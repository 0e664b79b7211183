// Package past reads the histories of executions for those who show them, from a server as
// any client would: whole, in pages, of either service; or from files.
package past

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"heddle/internal/console/client"
	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	states "heddle/internal/sfn/history"
	workflows "heddle/internal/swf/history"
)

// Events are all of a history.
type Events struct {
	Raw    []json.RawMessage
	states bool // of Step Functions
}

// eventsMax is how many events are read at most.
const eventsMax = 50000

// Read reads the history of an execution that was inspected.
func Read(ctx context.Context, c *client.Client, of *wire.InspectExecutionOutput) (*Events, error) {
	all := &Events{states: of.Execution.ExecutionARN != nil}
	err := pages(ctx, c, of, false, func(raw []json.RawMessage) (more bool, err error) {
		all.Raw = append(all.Raw, raw...)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// ReadRun reads the history of a run of SWF.
func ReadRun(ctx context.Context, c *client.Client, domain, workflowID, runID string) (*Events, error) {
	return Read(ctx, c, &wire.InspectExecutionOutput{Execution: wire.ExecutionRef{Domain: &domain, WorkflowID: &workflowID, RunID: &runID}})
}

// Run names a run of SWF.
type Run struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
}

// OpenRuns gives the executions of a domain that are open, so many at most, those that started
// last first; of one type of workflow, if it is not empty.
func OpenRuns(ctx context.Context, c *client.Client, domain, workflowType string, most int) (runs []Run, err error) {
	in := map[string]any{"domain": domain, "startTimeFilter": map[string]any{"oldestDate": 0}, "maximumPageSize": min(most, 1000)}
	if workflowType != "" {
		in["typeFilter"] = map[string]any{"name": workflowType}
	}
	for {
		raw, err := c.Call(ctx, client.SWF, "ListOpenWorkflowExecutions", in)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Infos []struct {
				Execution Run `json:"execution"`
			} `json:"executionInfos"`
			Page string `json:"nextPageToken"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return nil, fmt.Errorf("read the answer to ListOpenWorkflowExecutions: %w", err)
		}
		for _, info := range answer.Infos {
			runs = append(runs, info.Execution)
		}
		if len(runs) >= most || answer.Page == "" {
			return runs[:min(len(runs), most)], nil
		}
		in["nextPageToken"] = answer.Page
	}
}

// More reads what has come since, and tells how many events that are.
func (e *Events) More(ctx context.Context, c *client.Client, of *wire.InspectExecutionOutput) (n int, err error) {
	known, err := e.last()
	if err != nil {
		return 0, err
	}
	var come []json.RawMessage // the newest first
	err = pages(ctx, c, of, true, func(raw []json.RawMessage) (more bool, err error) {
		for _, one := range raw {
			if id, err := e.id(one); err != nil || id <= known {
				return false, err
			}
			come = append(come, one)
		}
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	slices.Reverse(come)
	e.Raw = append(e.Raw, come...)
	return len(come), nil
}

// last is the id of the last event; 0: there is none.
func (e *Events) last() (int64, error) {
	if len(e.Raw) == 0 {
		return 0, nil
	}
	return e.id(e.Raw[len(e.Raw)-1])
}

func (e *Events) id(raw json.RawMessage) (int64, error) {
	var head struct {
		EventID int64 `json:"eventId"`
		ID      int64 `json:"id"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return 0, fmt.Errorf("read an event: %w", err)
	}
	return head.EventID + head.ID, nil
}

// pages visits the pages of a history, until it has no more or nobody wants more.
func pages(ctx context.Context, c *client.Client, of *wire.InspectExecutionOutput, reverse bool, visit func([]json.RawMessage) (bool, error)) error {
	service, action, page := client.SWF, "GetWorkflowExecutionHistory", "nextPageToken"
	in := map[string]any{"reverseOrder": reverse}
	if of.Execution.ExecutionARN != nil {
		service, action, page = client.States, "GetExecutionHistory", "nextToken"
		in["executionArn"], in["maxResults"] = *of.Execution.ExecutionARN, 1000
	} else {
		in["domain"], in["execution"] = of.Execution.Domain, map[string]any{"workflowId": of.Execution.WorkflowID, "runId": of.Execution.RunID}
	}
	for n := 0; ; {
		raw, err := c.Call(ctx, service, action, in)
		if err != nil {
			return err
		}
		var answer struct {
			Events []json.RawMessage `json:"events"`
			Page   string            `json:"nextPageToken"`
			Token  string            `json:"nextToken"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return fmt.Errorf("read the answer to %s: %w", action, err)
		}
		more, err := visit(answer.Events)
		next := answer.Page + answer.Token
		if err != nil || !more || next == "" {
			return err
		}
		if n += len(answer.Events); n >= eventsMax {
			return fmt.Errorf("%s: the history goes on after %d events", action, n)
		}
		in[page] = next
	}
}

// LastRun gives the run of a workflowId that started last, of those that are closed; "":
// there is none.
func LastRun(ctx context.Context, c *client.Client, domain, workflowID string) (string, error) {
	raw, err := c.Call(ctx, client.SWF, "ListClosedWorkflowExecutions", map[string]any{
		"domain": domain, "startTimeFilter": map[string]any{"oldestDate": 0}, "executionFilter": map[string]any{"workflowId": workflowID}, "maximumPageSize": 1,
	})
	if err != nil {
		return "", err
	}
	var answer struct {
		Infos []struct {
			Execution Run `json:"execution"`
		} `json:"executionInfos"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", fmt.Errorf("read the answer to ListClosedWorkflowExecutions: %w", err)
	}
	if len(answer.Infos) == 0 {
		return "", nil
	}
	return answer.Infos[0].Execution.RunID, nil
}

func decode[E any](raw []json.RawMessage) ([]E, error) {
	events := make([]E, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &events[i]); err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
	}
	return events, nil
}

// Lanes are those of the timeline. What is open ends when the inspection was made, or when
// the execution closed.
func (e *Events) Lanes(of *wire.InspectExecutionOutput) (lanes []timeline.Lane, err error) {
	if e.states {
		var events []states.Event
		if events, err = decode[states.Event](e.Raw); err == nil {
			lanes = states.Lanes(events)
		}
	} else {
		var events []workflows.Event
		if events, err = decode[workflows.Event](e.Raw); err == nil {
			lanes = workflows.Lanes(events)
		}
	}
	end := engine.Time(of.ServerTimestamp)
	if of.CloseTimestamp != nil {
		end = engine.Time(*of.CloseTimestamp)
	}
	timeline.End(lanes, end)
	return lanes, err
}

// Head are the columns of Rows.
var Head = []string{"event", "time", "", "type", "what"}

// Rows are the events as a table: id, how long after the one before, type, what it is about.
func (e *Events) Rows() ([][]string, error) {
	rows := [][]string{Head}
	var before engine.Time
	add := func(id int64, at engine.Time, of, what string) {
		since := ""
		if before != 0 {
			since = "+" + diagnose.Span(at-before)
		}
		before = at
		rows = append(rows, []string{strconv.FormatInt(id, 10), diagnose.Moment(at), since, of, what})
	}
	if e.states {
		events, err := decode[states.Event](e.Raw)
		for i := range events {
			add(events[i].ID, events[i].At, events[i].Type, events[i].What())
		}
		return rows, err
	}
	events, err := decode[workflows.Event](e.Raw)
	for i := range events {
		add(events[i].ID, events[i].At, events[i].Type, events[i].What())
	}
	return rows, err
}
