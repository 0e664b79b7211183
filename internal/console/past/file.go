package past

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	states "heddle/internal/sfn/history"
	workflows "heddle/internal/swf/history"
)

// fileBytesMax is how large a file of a history may be.
const fileBytesMax = 1 << 30

// ErrNoEvents: what is read has no events.
var ErrNoEvents = errors.New(`want the JSON of a history, with "events"; there are none`)

// ReadFile reads what aws swf get-workflow-execution-history or aws stepfunctions
// get-execution-history has written, or a list of events, in either order.
func ReadFile(r io.Reader) (*Events, error) {
	text, err := io.ReadAll(io.LimitReader(r, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(text) > fileBytesMax {
		return nil, fmt.Errorf("it is larger than %d bytes", fileBytesMax)
	}
	if list := bytes.TrimSpace(text); len(list) > 0 && list[0] == '[' {
		text = slices.Concat([]byte(`{"events":`), list, []byte("}"))
	}
	raw, _, err := answered(text, nil)
	if err != nil {
		return nil, fmt.Errorf("want the JSON of a history: %w", err)
	}
	if len(raw) == 0 {
		return nil, ErrNoEvents
	}
	e := &Events{Raw: raw}
	var head struct {
		EventType string `json:"eventType"`
	}
	if err := json.Unmarshal(e.Raw[0], &head); err != nil {
		return nil, fmt.Errorf("read the first event: %w", err)
	}
	e.states = head.EventType == ""
	ids := make(map[*byte]int64, len(e.Raw))
	for _, raw := range e.Raw {
		if ids[&raw[0]], err = e.id(raw); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(e.Raw, func(a, b json.RawMessage) int { return int(ids[&a[0]] - ids[&b[0]]) })
	for i := 1; i < len(e.Raw); i++ {
		if id := ids[&e.Raw[i][0]]; id == ids[&e.Raw[i-1][0]] {
			return nil, fmt.Errorf("event %d is there twice", id)
		}
	}
	return e, nil
}

// Inspection is what a history alone tells of its execution: what it was, and how it ended;
// of one that has not ended not who should do something, since that is not in it.
func (e *Events) Inspection(name string, now engine.Time) (*wire.InspectExecutionOutput, error) {
	x := &diagnose.Execution{Service: "swf", Status: "OPEN", IsOpen: true, Events: int64(len(e.Raw))}
	var last engine.Time
	if e.states {
		events, err := e.Machine()
		if err != nil {
			return nil, err
		}
		first, end := &events[0], &events[len(events)-1]
		x.Service, x.Status, x.Started, last = "states", "RUNNING", first.At, end.At
		if how, is := strings.CutPrefix(end.Type, "Execution"); is && slices.Contains([]string{"Succeeded", "Failed", "TimedOut", "Aborted"}, how) {
			x.Status, x.IsOpen, x.Closed = constant(how), false, end.At
			x.Failure = states.Failure(events[len(events)-1:], func(id int64) *states.Event { return byID(events, id, states.Event.Number) })
		}
	} else {
		events, err := e.Workflow()
		if err != nil {
			return nil, err
		}
		first, end := &events[0], &events[len(events)-1]
		x.Started, last = first.At, end.At
		x.Type = strings.TrimSpace(first.WorkflowType.Name + " " + first.WorkflowType.Version)
		x.Loop, x.Parked = workflows.Loop(events), workflows.Parked(events)
		for i := range events {
			if said := events[i].Context; said != "" {
				x.CodeWaits = workflows.CodeWaits(said)
			}
		}
		if how, is := strings.CutPrefix(end.Type, "WorkflowExecution"); is && slices.Contains([]string{"Completed", "Failed", "TimedOut", "Canceled", "Terminated", "ContinuedAsNew"}, how) {
			x.Status, x.IsOpen, x.Closed = constant(how), false, end.At
			x.CodeWaits = nil
			x.Failure = workflows.Failure(events, func(id int64) *workflows.Event { return byID(events, id, workflows.Event.Number) })
		}
	}
	out := &wire.InspectExecutionOutput{
		Service: x.Service, Execution: wire.ExecutionRef{WorkflowID: &name}, Type: x.Type, Status: x.Status,
		StartTimestamp: wire.Timestamp(x.Started), ServerTimestamp: wire.Timestamp(last), Events: x.Events,
		CodeWaits: x.CodeWaits,
		Verdicts:  []wire.Verdict{}, Tasks: []wire.OpenTask{}, Waits: []wire.OpenWait{}, Children: []wire.OpenChild{}, Groups: []wire.OpenGroup{},
	}
	if !x.IsOpen {
		closed := wire.Timestamp(x.Closed)
		out.CloseTimestamp = &closed
	}
	for _, v := range diagnose.Diagnose(&diagnose.Facts{Execution: x, Now: now}) {
		if x.IsOpen && v.Code != diagnose.DeciderLoops && v.Code != diagnose.DecisionParked {
			continue // that nothing is open is not known
		}
		shown := wire.Verdict{Code: string(v.Code), Text: v.Text, Severe: v.Code.Severe()}
		if v.Do != "" {
			shown.Advice = &v.Do
		}
		if v.Event != 0 {
			shown.EventID = &v.Event
		}
		out.Verdicts = append(out.Verdicts, shown)
	}
	return out, nil
}

// byID finds an event; nil: it is not there.
func byID[E any](events []E, id int64, number func(E) int64) *E {
	i, found := slices.BinarySearchFunc(events, id, func(e E, id int64) int { return int(number(e) - id) })
	if !found {
		return nil
	}
	return &events[i]
}

// constant writes the name of a status as the APIs do: TimedOut is TIMED_OUT.
func constant(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
