package history

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
)

// Event is an event with those of its attributes that say what it is about.
type Event struct {
	ID   int64
	Type string
	At   engine.Time
	Attributes
}

// Attributes are members of events' attributes, of all types.
type Attributes struct {
	ActivityID   string
	ActivityType Named
	WorkflowType Named
	TaskList     Named
	Execution    Workflow // workflowExecution
	WorkflowID   string
	Name         string // of a function
	ID           string
	TimerID      string
	SignalName   string
	MarkerName   string
	Identity     string
	Reason       string
	Details      string
	Message      string
	Cause        string
	TimeoutType  string
	Scheduled    int64  // scheduledEventId
	Started      int64  // startedEventId
	Initiated    int64  // initiatedEventId
	Decided      int64  // decisionTaskCompletedEventId
	Context      string // executionContext
}

// Number is its id.
func (e Event) Number() int64 { return e.ID }

// Bad tells whether it is bad news.
func (e *Event) Bad() bool {
	return strings.HasSuffix(e.Type, "Failed") || strings.HasSuffix(e.Type, "TimedOut") || strings.HasSuffix(e.Type, "Terminated")
}

// Named is something with a name.
type Named struct{ Name, Version string }

// Workflow names an execution.
type Workflow struct{ WorkflowID, RunID string }

// Reader reads events.
type Reader struct{ diagnose.Reader }

// Read reads an event, into one that is empty.
func (r *Reader) Read(b []byte, e *Event) error {
	err := r.Members(b, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "eventId":
			return r.Whole(d, &e.ID)
		case "eventType":
			return r.Text(d, &e.Type)
		case "eventTimestamp":
			return r.Moment(d, &e.At)
		}
		if !bytes.HasSuffix(key, []byte("EventAttributes")) || d.Next() != jx.Object {
			return d.Skip()
		}
		return d.ObjBytes(func(d *jx.Decoder, key []byte) error { return r.attribute(&e.Attributes, d, key) })
	})
	switch {
	case err != nil:
		return fmt.Errorf("event %d: %w", e.ID, err)
	case e.Type == "":
		return fmt.Errorf("event %d: it has no eventType", e.ID)
	}
	return nil
}

// UnmarshalJSON reads an event.
func (e *Event) UnmarshalJSON(b []byte) error {
	var r Reader
	*e = Event{}
	return r.Read(b, e)
}

// attribute reads what is known of an event's attributes.
func (r *Reader) attribute(a *Attributes, d *jx.Decoder, key []byte) error {
	switch string(key) {
	case "activityId":
		return r.Text(d, &a.ActivityID)
	case "activityType":
		return r.named(d, &a.ActivityType)
	case "workflowType":
		return r.named(d, &a.WorkflowType)
	case "taskList":
		return r.named(d, &a.TaskList)
	case "workflowExecution":
		return r.members(d, "workflowId", &a.Execution.WorkflowID, "runId", &a.Execution.RunID)
	case "workflowId":
		return r.Text(d, &a.WorkflowID)
	case "name":
		return r.Text(d, &a.Name)
	case "id":
		return r.Text(d, &a.ID)
	case "timerId":
		return r.Text(d, &a.TimerID)
	case "signalName":
		return r.Text(d, &a.SignalName)
	case "markerName":
		return r.Text(d, &a.MarkerName)
	case "identity":
		return r.Text(d, &a.Identity)
	case "reason":
		return r.Text(d, &a.Reason)
	case "details":
		return r.Text(d, &a.Details)
	case "message":
		return r.Text(d, &a.Message)
	case "cause":
		return r.Text(d, &a.Cause)
	case "timeoutType":
		return r.Text(d, &a.TimeoutType)
	case "executionContext":
		return r.Text(d, &a.Context)
	case "scheduledEventId":
		return r.Whole(d, &a.Scheduled)
	case "startedEventId":
		return r.Whole(d, &a.Started)
	case "initiatedEventId":
		return r.Whole(d, &a.Initiated)
	case "decisionTaskCompletedEventId":
		return r.Whole(d, &a.Decided)
	}
	return d.Skip()
}

func (r *Reader) named(d *jx.Decoder, to *Named) error {
	return r.members(d, "name", &to.Name, "version", &to.Version)
}

// members reads two members of an object.
func (r *Reader) members(d *jx.Decoder, one string, first *string, other string, second *string) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case one:
			return r.Text(d, first)
		case other:
			return r.Text(d, second)
		}
		return d.Skip()
	})
}
