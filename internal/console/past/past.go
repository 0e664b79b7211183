// Package past reads the histories of executions for those who show them, from a server as
// any client would: whole, in pages, of either service.
package past

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

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
	if isMapRun(of) {
		return &Events{}, nil
	}
	q := questionOf(of)
	return Pages(q.action, q.states, func(token string) ([]byte, error) { return q.ask(ctx, c, token) })
}

// isMapRun tells whether a map run was inspected: it has no events.
func isMapRun(of *wire.InspectExecutionOutput) bool {
	return of.Execution.ExecutionARN != nil && strings.Contains(*of.Execution.ExecutionARN, ":mapRun:")
}

// question is what is asked for the history of an execution.
type question struct {
	service      client.Service
	action, next string
	in           map[string]any
	states       bool
}

func questionOf(of *wire.InspectExecutionOutput) *question {
	if of.Execution.ExecutionARN != nil {
		in := map[string]any{"executionArn": *of.Execution.ExecutionARN, "maxResults": 1000}
		return &question{client.States, "GetExecutionHistory", "nextToken", in, true}
	}
	in := map[string]any{"maximumPageSize": 1000, "domain": of.Execution.Domain, "execution": map[string]any{"workflowId": of.Execution.WorkflowID, "runId": of.Execution.RunID}}
	return &question{client.SWF, "GetWorkflowExecutionHistory", "nextPageToken", in, false}
}

// ask asks for the page that a token names.
func (q *question) ask(ctx context.Context, c *client.Client, token string) ([]byte, error) {
	if token != "" {
		q.in[q.next] = token
	}
	return c.Call(ctx, q.service, q.action, q.in)
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
	if isMapRun(of) {
		return 0, nil
	}
	known, err := e.last()
	if err != nil {
		return 0, err
	}
	q := questionOf(of)
	q.in["reverseOrder"] = true
	var come []json.RawMessage // the newest first
	for token := ""; ; {
		raw, err := q.ask(ctx, c, token)
		if err != nil {
			return 0, err
		}
		var page []json.RawMessage
		if page, token, err = answered(raw, nil); err != nil {
			return 0, fmt.Errorf("read the answer to %s: %w", q.action, err)
		}
		for _, one := range page {
			id, err := e.id(one)
			if err != nil {
				return 0, err
			}
			if id <= known {
				token = ""
				break
			}
			come = append(come, one)
		}
		if token == "" {
			break
		}
		if len(come) >= eventsMax {
			return 0, fmt.Errorf("%s: the history goes on after %d events", q.action, len(come))
		}
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

// Pages reads all pages of a history, of the service that says which: ask gives an answer to
// the action that reads it, of the page that a token names, first "".
func Pages(action string, states bool, ask func(token string) ([]byte, error)) (*Events, error) {
	all, token := &Events{states: states}, ""
	for {
		raw, err := ask(token)
		if err != nil {
			return nil, err
		}
		if all.Raw, token, err = answered(raw, all.Raw); err != nil {
			return nil, fmt.Errorf("read the answer to %s: %w", action, err)
		}
		if token == "" {
			return all, nil
		}
		if len(all.Raw) >= eventsMax {
			return nil, fmt.Errorf("%s: the history goes on after %d events", action, len(all.Raw))
		}
	}
}

// Page is one page of a workflow's history, of an answer or a file, and the token of the next.
func Page(raw []byte) (*Events, string, error) {
	events, next, err := answered(raw, nil)
	if err != nil {
		return nil, "", fmt.Errorf("read a page of a history: %w", err)
	}
	return &Events{Raw: events}, next, nil
}

// answered adds the events of an answer, or of a file, to those before.
func answered(raw []byte, before []json.RawMessage) (events []json.RawMessage, next string, err error) {
	d := jx.DecodeBytes(raw)
	events = before
	err = d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "events":
			return d.Arr(func(d *jx.Decoder) error {
				e, err := d.Raw()
				events = append(events, json.RawMessage(e))
				return err
			})
		case "nextPageToken", "nextToken":
			if d.Next() == jx.Null {
				return d.Null()
			}
			next, err = d.Str()
			return err
		}
		return d.Skip()
	})
	return events, next, err
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
			Execution struct {
				RunID string `json:"runId"`
			} `json:"execution"`
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

// Workflow reads the events as those of a workflow.
func (e *Events) Workflow() ([]workflows.Event, error) {
	var r workflows.Reader
	return decode(e.Raw, r.Read)
}

// Machine reads the events as those of a state machine's execution.
func (e *Events) Machine() ([]states.Event, error) {
	var r states.Reader
	return decode(e.Raw, r.Read)
}

func decode[E any](raw []json.RawMessage, read func([]byte, *E) error) ([]E, error) {
	events := make([]E, len(raw))
	for i := range raw {
		if err := read(raw[i], &events[i]); err != nil {
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
		if events, err = e.Machine(); err == nil {
			lanes = states.Lanes(events)
		}
	} else {
		var events []workflows.Event
		if events, err = e.Workflow(); err == nil {
			lanes = workflows.Lanes(events)
		}
	}
	if of.CloseTimestamp != nil {
		timeline.Close(lanes, engine.Time(*of.CloseTimestamp))
	} else {
		timeline.End(lanes, engine.Time(of.ServerTimestamp))
	}
	return lanes, err
}

// Entry is what a line tells of an event, of either service.
type Entry struct {
	ID         int64
	At         engine.Time
	Type, What string
	Bad        bool // it is bad news
}

// EntryOf reads an event of an execution.
func EntryOf(of *wire.ExecutionRef, event string) (Entry, error) {
	entries, err := (&Events{Raw: []json.RawMessage{json.RawMessage(event)}, states: of.ExecutionARN != nil}).entries()
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

func (e *Events) entries() ([]Entry, error) {
	entries := make([]Entry, 0, len(e.Raw))
	if e.states {
		events, err := e.Machine()
		for i := range events {
			e := &events[i]
			entries = append(entries, Entry{e.ID, e.At, e.Type, e.What(), e.Bad()})
		}
		return entries, err
	}
	events, err := e.Workflow()
	for i := range events {
		e := &events[i]
		entries = append(entries, Entry{e.ID, e.At, e.Type, e.What(), e.Bad()})
	}
	return entries, err
}

// Rows are the events as a table: id, how long after the one before, type, what it is about.
func (e *Events) Rows() ([][]string, error) {
	rows := [][]string{{"event", "time", "", "type", "what"}}
	var before engine.Time
	entries, err := e.entries()
	for i := range entries {
		one, since := &entries[i], ""
		if before != 0 {
			since = "+" + diagnose.Span(one.At-before)
		}
		before = one.At
		rows = append(rows, []string{strconv.FormatInt(one.ID, 10), diagnose.Moment(one.At), since, one.Type, one.What})
	}
	return rows, err
}
