// Package history reads histories of executions of state machines as the wire carries them,
// as far as they tell what became of what: which state went wrong, who works on a task, and
// what there was when, as lanes of a timeline. It is pure.
package history

import (
	"encoding/json"
	"fmt"
	"strings"

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
	Name     string `json:"name"`
	Resource string `json:"resource"`
	Error    string `json:"error"`
	Cause    string `json:"cause"`
	Worker   string `json:"workerName"`
	State    string `json:"state"`
	Length   int64  `json:"length"`    // of MapStateStarted: iterations
	MapRun   string `json:"mapRunArn"` // of MapRunStarted
}

// Number is its id.
func (e Event) Number() int64 { return e.ID }

// UnmarshalJSON reads an event.
func (e *Event) UnmarshalJSON(b []byte) error {
	var head struct {
		ID       int64           `json:"id"`
		Previous int64           `json:"previousEventId"`
		Type     string          `json:"type"`
		At       json.RawMessage `json:"timestamp"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if head.Type == "" {
		return fmt.Errorf("event %d: it has no type", head.ID)
	}
	at, err := diagnose.ReadMoment(head.At)
	if err != nil {
		return fmt.Errorf("event %d: %w", head.ID, err)
	}
	*e = Event{ID: head.ID, Previous: head.Previous, Type: head.Type, At: at}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	for name, details := range all {
		if strings.HasSuffix(name, "EventDetails") {
			if err := json.Unmarshal(details, &e.Details); err != nil {
				return fmt.Errorf("event %d: %w", e.ID, err)
			}
		}
	}
	return nil
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
			l.Where = e.Resource[strings.LastIndexByte(e.Resource, ':')+1:]
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
		case strings.HasSuffix(e.Type, "Failed") && e.Type != "ExecutionFailed":
			set(timeline.Failed, e.At)
		}
	}
	return all
}
