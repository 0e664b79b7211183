// Package history reads histories of executions of state machines as the wire carries them,
// as far as they tell what became of what: which state went wrong, who works on a task, and
// what there was when, as lanes of a timeline. It is pure.
package history

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-faster/jx"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
)

// Event is an event with those of its details that say what it is about.
type Event struct {
	ID       int64
	Previous int64
	Type     string
	At       engine.Time
	Details
}

// Details are members of events' details, of all types.
type Details struct {
	Name     string
	Resource string
	Error    string
	Cause    string
	Worker   string
	State    string
	Length   int64  // of MapStateStarted: iterations
	MapRun   string // of MapRunStarted
}

// Number is its id.
func (e Event) Number() int64 { return e.ID }

// Bad tells whether it is bad news.
func (e *Event) Bad() bool {
	return wentWrong(e.Type) || e.Type == "ExecutionAborted"
}

// Reader reads events.
type Reader struct{ diagnose.Reader }

// Read reads an event, into one that is empty.
func (r *Reader) Read(b []byte, e *Event) error {
	err := r.Members(b, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "id":
			return r.Whole(d, &e.ID)
		case "previousEventId":
			return r.Whole(d, &e.Previous)
		case "type":
			return r.Text(d, &e.Type)
		case "timestamp":
			return r.Moment(d, &e.At)
		}
		if !bytes.HasSuffix(key, []byte("EventDetails")) || d.Next() != jx.Object {
			return d.Skip()
		}
		return d.ObjBytes(func(d *jx.Decoder, key []byte) error { return r.detail(&e.Details, d, key) })
	})
	switch {
	case err != nil:
		return fmt.Errorf("event %d: %w", e.ID, err)
	case e.Type == "":
		return fmt.Errorf("event %d: it has no type", e.ID)
	}
	return nil
}

// UnmarshalJSON reads an event.
func (e *Event) UnmarshalJSON(b []byte) error {
	var r Reader
	*e = Event{}
	return r.Read(b, e)
}

// detail reads what is known of an event's details.
func (r *Reader) detail(to *Details, d *jx.Decoder, key []byte) error {
	switch string(key) {
	case "name":
		return r.Text(d, &to.Name)
	case "resource":
		return r.Text(d, &to.Resource)
	case "error":
		return r.Text(d, &to.Error)
	case "cause":
		return r.Text(d, &to.Cause)
	case "workerName":
		return r.Text(d, &to.Worker)
	case "state":
		return r.Text(d, &to.State)
	case "length":
		return r.Whole(d, &to.Length)
	case "mapRunArn":
		return r.Text(d, &to.MapRun)
	}
	return d.Skip()
}

// What is what an event is about, in a few words.
func (e *Event) What() string {
	var words []string
	for _, of := range []struct{ what, text string }{
		{"state ", e.Name}, {"", e.Resource}, {"by ", e.Worker}, {"error ", e.Error}, {"cause ", e.Cause},
	} {
		if of.text != "" {
			words = append(words, of.what+diagnose.Short(of.text, 64))
		}
	}
	return strings.Join(words, " ")
}

// Failure tells which state went wrong last. Events are the last ones, the oldest first,
// with the one that closed the execution; find gives earlier ones, or nil.
func Failure(events []Event, find func(id int64) *Event) (f diagnose.Failure) {
	if len(events) == 0 {
		return f
	}
	last := events[len(events)-1]
	f.Event, f.Reason, f.Details = last.ID, last.Error, last.Cause
	if last.Type != "ExecutionFailed" {
		return f
	}
	for e := find(last.Previous); e != nil && e.ID > 0; e = find(e.Previous) {
		switch {
		case f.Led == 0 && wentWrong(e.Type):
			f.Led, f.LedHow, f.LedReason, f.LedDetails = e.ID, "failed", e.Error, e.Cause
			if strings.HasSuffix(e.Type, "TimedOut") {
				f.LedHow = "timed out"
			}
			f.LedBy = "a state"
			if e.State != "" {
				f.LedBy = "state " + e.State
				return f
			}
		case strings.HasSuffix(e.Type, "StateEntered"):
			if f.Led == 0 {
				f.Led, f.LedHow = e.ID, "ended it"
			}
			f.LedBy = "state " + e.Name
			return f
		}
	}
	return f
}

func wentWrong(of string) bool {
	return strings.HasSuffix(of, "Failed") || strings.HasSuffix(of, "TimedOut")
}

// Lanes are the rows of a timeline of a whole history: one for each state, in the order in
// which they were entered first.
func Lanes(events []Event) []timeline.Lane {
	type bar struct{ lane, bar int }
	var all []timeline.Lane
	byName := map[string]int{}
	of := map[int64]*bar{} // which bar an event is about: that of the event before it
	for i := range events {
		e := &events[i]
		if strings.HasSuffix(e.Type, "StateEntered") {
			at, is := byName[e.Name]
			if !is {
				at = len(all)
				byName[e.Name] = at
				all = append(all, timeline.Lane{
					Name: e.Name, Where: strings.ToLower(strings.TrimSuffix(e.Type, "StateEntered")), Kind: timeline.State, Event: e.ID,
				})
			}
			l := &all[at]
			l.Attempts++
			l.Outcome = timeline.Running
			b := timeline.Bar{From: e.At, Taken: e.At, Outcome: timeline.Running, Event: e.ID}
			l.Bars = append(l.Bars, b)
			of[e.ID] = &bar{at, len(l.Bars) - 1}
			continue
		}
		p := of[e.Previous]
		if p == nil {
			continue
		}
		if at, is := byName[e.Name]; is && strings.HasSuffix(e.Type, "StateExited") && at != p.lane {
			// Before the exit of a state with branches is the last event of a branch.
			bars := all[at].Bars
			for j := len(bars) - 1; j >= 0; j-- {
				if bars[j].Outcome.Open() {
					p = &bar{at, j}
					break
				}
			}
		}
		of[e.ID] = p
		l := &all[p.lane]
		b := &l.Bars[p.bar]
		latest := p.bar == len(l.Bars)-1
		set := func(o timeline.Outcome, to engine.Time) {
			if b.Outcome, b.To = o, to; latest {
				l.Outcome = o
			}
		}
		switch {
		case strings.HasSuffix(e.Type, "StateExited"):
			if b.Outcome.Open() { // else what it caught is told
				set(timeline.Completed, e.At)
			}
		case e.Type == "ActivityScheduled", e.Type == "LambdaFunctionScheduled", e.Type == "TaskScheduled":
			l.Where = diagnose.ShortARN(e.Resource)
			if !b.Outcome.Open() { // it is tried again
				l.Attempts++
				l.Bars = append(l.Bars, timeline.Bar{From: e.At, Event: e.ID})
				b, latest = &l.Bars[len(l.Bars)-1], true
				of[e.ID] = &bar{p.lane, len(l.Bars) - 1}
			}
			if b.Taken = 0; e.Type == "ActivityScheduled" {
				set(timeline.Waits, 0)
			} else {
				b.Taken = b.From
				set(timeline.Running, 0)
			}
		case e.Type == "ActivityStarted":
			b.Taken, b.Who = e.At, e.Worker
			set(timeline.Running, 0)
		case strings.HasSuffix(e.Type, "TimedOut"):
			set(timeline.TimedOut, e.At)
		case strings.HasSuffix(e.Type, "Aborted"):
			set(timeline.Canceled, e.At)
		case e.Type == "ExecutionFailed":
			if b.Outcome.Open() { // the state by which it failed, such as a Fail state
				set(timeline.Failed, e.At)
			}
		case strings.HasSuffix(e.Type, "Failed"):
			set(timeline.Failed, e.At)
		}
	}
	return all
}
