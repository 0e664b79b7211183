package crash

import (
	"encoding/json"
	"fmt"
	"strings"
)

// event is an entry of a history.
type event struct {
	ID         int64
	Type       string
	At         float64
	Attributes map[string]any
}

type history []event

func (e *event) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	attributes := 0
	for name, value := range members {
		var err error
		switch {
		case name == "eventId":
			err = json.Unmarshal(value, &e.ID)
		case name == "eventType":
			err = json.Unmarshal(value, &e.Type)
		case name == "eventTimestamp":
			err = json.Unmarshal(value, &e.At)
		case strings.HasSuffix(name, "EventAttributes"):
			attributes++
			err = json.Unmarshal(value, &e.Attributes)
		default:
			err = fmt.Errorf("member %q", name)
		}
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
	}
	if attributes != 1 {
		return fmt.Errorf("event %d has %d attributes", e.ID, attributes)
	}
	return nil
}

func (e *event) text(name string) string {
	s, _ := e.Attributes[name].(string)
	return s
}

func (e *event) number(name string) int64 {
	n, _ := e.Attributes[name].(float64)
	return int64(n)
}

// mark is the mark of the attempt that made the event; empty: none did.
func (e *event) mark() string {
	switch e.Type {
	case "WorkflowExecutionStarted":
		if e.number("parentInitiatedEventId") == 0 && e.text("continuedExecutionRunId") == "" {
			return e.text("input")
		}
	case "WorkflowExecutionSignaled":
		if e.number("externalInitiatedEventId") == 0 {
			return e.text("input")
		}
	case "DecisionTaskCompleted":
		return e.text("executionContext")
	case "ActivityTaskCompleted":
		return e.text("result")
	}
	return ""
}

// count gives how many events have a type.
func (h history) count(eventType string) int {
	n := 0
	for _, e := range h {
		if e.Type == eventType {
			n++
		}
	}
	return n
}

// signals counts the signals of a name.
func (h history) signals(name string) int {
	n := 0
	for _, e := range h {
		if e.Type == "WorkflowExecutionSignaled" && e.text("signalName") == name {
			n++
		}
	}
	return n
}

// chain is a thing that begins with one event and has one event of each further
// kind, each of which names the beginning by the member.
type chain struct {
	begin, member string
	further       []string
}

var chains = []chain{
	{"DecisionTaskScheduled", "scheduledEventId", []string{"DecisionTaskStarted", "DecisionTaskCompleted"}},
	{"ActivityTaskScheduled", "scheduledEventId", []string{"ActivityTaskStarted", "ActivityTaskCompleted"}},
	{"TimerStarted", "startedEventId", []string{"TimerFired"}},
	{"StartChildWorkflowExecutionInitiated", "initiatedEventId", []string{"ChildWorkflowExecutionStarted", "ChildWorkflowExecutionCompleted"}},
	{"SignalExternalWorkflowExecutionInitiated", "initiatedEventId", []string{"ExternalWorkflowExecutionSignaled"}},
}

// dense checks that ids have no gap and times do not go back.
func (h history) dense() error {
	for i, e := range h {
		if e.ID != int64(i+1) {
			return fmt.Errorf("event %d stands at place %d", e.ID, i+1)
		}
		if i > 0 && e.At < h[i-1].At {
			return fmt.Errorf("event %d is earlier than the one before", e.ID)
		}
	}
	if len(h) == 0 || h[0].Type != "WorkflowExecutionStarted" {
		return fmt.Errorf("the history does not begin with the start")
	}
	return nil
}

// inTime checks that nothing timed out.
func (h history) inTime() error {
	for _, e := range h {
		if strings.HasSuffix(e.Type, "TimedOut") {
			return fmt.Errorf("event %d is %s", e.ID, e.Type)
		}
	}
	return nil
}

// closed checks a history that ended as it should: each thing that began went
// its way once.
func (h history) closed(by string) error {
	if err := h.dense(); err != nil {
		return err
	}
	if err := h.inTime(); err != nil {
		return err
	}
	if last := h[len(h)-1].Type; last != by {
		return fmt.Errorf("the last event is %s, want %s", last, by)
	}
	for _, c := range chains {
		for _, further := range c.further {
			if err := h.onceEach(c, further); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h history) onceEach(c chain, further string) error {
	followed := map[int64]int{}
	for _, e := range h {
		if e.Type == further {
			followed[e.number(c.member)]++
		}
	}
	for _, e := range h {
		if e.Type != c.begin {
			continue
		}
		if n := followed[e.ID]; n != 1 {
			return fmt.Errorf("event %d %s has %d events %s", e.ID, e.Type, n, further)
		}
		delete(followed, e.ID)
	}
	for id := range followed {
		return fmt.Errorf("%s names event %d, which is no %s", further, id, c.begin)
	}
	return nil
}

// String is the history in short, for messages.
func (h history) String() string {
	var b strings.Builder
	for _, e := range h {
		fmt.Fprintf(&b, "%d %s %v\n", e.ID, e.Type, e.Attributes)
	}
	return b.String()
}
