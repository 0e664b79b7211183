package history

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-faster/jx"

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

// Reader reads events, many of which have the same texts: it keeps those once.
type Reader struct {
	texts map[string]string
	json  jx.Decoder
}

const (
	textsMax = 4096 // how many texts a Reader keeps
	textMax  = 64   // how long they are
)

// Read reads an event, into one that is empty.
func (r *Reader) Read(b []byte, e *Event) error {
	r.json.ResetBytes(b)
	d := &r.json
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "eventId":
			return whole(d, &e.ID)
		case "eventType":
			return r.text(d, &e.Type)
		case "eventTimestamp":
			return moment(d, &e.At)
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
		return r.text(d, &a.ActivityID)
	case "activityType":
		return r.named(d, &a.ActivityType)
	case "workflowType":
		return r.named(d, &a.WorkflowType)
	case "taskList":
		return r.named(d, &a.TaskList)
	case "workflowExecution":
		return r.members(d, "workflowId", &a.Execution.WorkflowID, "runId", &a.Execution.RunID)
	case "workflowId":
		return r.text(d, &a.WorkflowID)
	case "name":
		return r.text(d, &a.Name)
	case "id":
		return r.text(d, &a.ID)
	case "timerId":
		return r.text(d, &a.TimerID)
	case "signalName":
		return r.text(d, &a.SignalName)
	case "markerName":
		return r.text(d, &a.MarkerName)
	case "identity":
		return r.text(d, &a.Identity)
	case "reason":
		return r.text(d, &a.Reason)
	case "details":
		return r.text(d, &a.Details)
	case "message":
		return r.text(d, &a.Message)
	case "cause":
		return r.text(d, &a.Cause)
	case "timeoutType":
		return r.text(d, &a.TimeoutType)
	case "executionContext":
		return r.text(d, &a.Context)
	case "scheduledEventId":
		return whole(d, &a.Scheduled)
	case "startedEventId":
		return whole(d, &a.Started)
	case "initiatedEventId":
		return whole(d, &a.Initiated)
	case "decisionTaskCompletedEventId":
		return whole(d, &a.Decided)
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
			return r.text(d, first)
		case other:
			return r.text(d, second)
		}
		return d.Skip()
	})
}

func (r *Reader) text(d *jx.Decoder, to *string) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	b, err := d.StrBytes()
	if err != nil {
		return err
	}
	known, is := r.texts[string(b)]
	if !is {
		known = string(b)
		if len(b) <= textMax && len(r.texts) < textsMax {
			if r.texts == nil {
				r.texts = map[string]string{}
			}
			r.texts[known] = known
		}
	}
	*to = known
	return nil
}

// moment reads a time: seconds, or as the AWS CLI writes it.
func moment(d *jx.Decoder, to *engine.Time) error {
	if d.Next() == jx.String {
		text, err := d.Str()
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, text)
		*to = engine.Time(at.UnixMilli())
		return err
	}
	seconds, err := d.Float64()
	*to = engine.Time(math.Round(seconds * 1000))
	return err
}

func whole(d *jx.Decoder, to *int64) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	n, err := d.Int64()
	*to = n
	return err
}
