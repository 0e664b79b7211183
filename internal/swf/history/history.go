// Package history reads histories of SWF as the wire carries them, as far as they tell what
// became of what: why an execution closed, whether its decider goes round in circles, and
// what there was when, as lanes of a timeline. It is pure; the server reads the last events
// by it, the command line whole histories, also of files from AWS.
package history

import (
	"fmt"
	"strings"

	"heddle/internal/diagnose"
)

// Loop tells in what the last decision tasks ended, if all in the same. Events are the last
// ones of a history, the oldest first.
func Loop(events []Event) (l diagnose.Loop) {
	// Of the decision task that was completed last: nothing was wrong with it as far as is
	// known.
	var completed int64
	good := false
	settle := func() {
		if good {
			l = diagnose.Loop{}
		}
		good = false
	}
	add := func(cause, of, text string) {
		if l.Cause != cause || l.Of != of {
			l = diagnose.Loop{Cause: cause, Of: of}
		}
		l.Count++
		l.Text = text
	}
	for i := range events {
		switch e := &events[i]; {
		case e.Type == "DecisionTaskTimedOut":
			settle()
			add("TIMED_OUT", "", "")
		case e.Type == "DecisionTaskCompleted":
			settle()
			completed, good = e.ID, true
		case good && e.Decided == completed && e.Cause != "" && strings.HasSuffix(e.Type, "Failed"):
			good = false
			add(e.Cause, e.Type, e.about())
		}
	}
	settle()
	return l
}

// about is what an event is about, by the name that users gave it.
func (e *Event) about() string {
	for _, of := range []struct{ what, name string }{
		{"activity type ", strings.TrimSpace(e.ActivityType.Name + " " + e.ActivityType.Version)},
		{"activity ", e.ActivityID},
		{"timer ", e.TimerID},
		{"workflow ", e.WorkflowID},
		{"function ", e.Name},
	} {
		if of.name != "" {
			return of.what + of.name
		}
	}
	return ""
}

// What is what an event is about, in a few words.
func (e *Event) What() string {
	words := []string{e.about()}
	for _, of := range []struct{ what, text string }{
		{"signal ", e.SignalName}, {"marker ", e.MarkerName}, {"list ", e.TaskList.Name}, {"by ", e.Identity},
		{"cause ", e.Cause}, {"", e.TimeoutType}, {"reason ", e.Reason},
	} {
		if of.text != "" {
			words = append(words, of.what+diagnose.Short(of.text, 64))
		}
	}
	if e.Scheduled != 0 {
		words = append(words, fmt.Sprintf("of event %d", e.Scheduled))
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// Failure tells what closed an execution, and what went wrong before. Events are the last
// ones, the oldest first, with the one that closed it; find gives earlier ones, or nil.
func Failure(events []Event, find func(id int64) *Event) (f diagnose.Failure) {
	if len(events) == 0 {
		return f
	}
	last := &events[len(events)-1]
	f.Event, f.Reason, f.Details = last.ID, last.Reason, last.Details
	switch last.Type {
	case "WorkflowExecutionTimedOut":
		f.Reason = last.TimeoutType
		return f
	case "WorkflowExecutionTerminated":
		if last.Cause != "" {
			f.Reason = strings.TrimSpace(last.Cause + " " + last.Reason)
		}
		return f
	case "WorkflowExecutionFailed":
	default:
		return f
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		of, how := wrong(e.Type)
		if of == "" {
			continue
		}
		f.Led, f.LedBy, f.LedHow, f.LedReason, f.LedDetails = e.ID, of, how, e.Reason, e.Details
		if f.LedReason == "" {
			f.LedReason = e.TimeoutType + e.Cause
		}
		if f.LedDetails == "" {
			f.LedDetails = e.Message
		}
		origin := e.Scheduled
		if of == "child" {
			origin = e.Initiated
		}
		named := e
		if origin != 0 {
			if found := find(origin); found != nil {
				named = found
			}
		}
		switch {
		case of == "child" && e.Execution.WorkflowID != "":
			f.LedBy += " " + e.Execution.WorkflowID
		case of == "activity" && named.ActivityType.Name != "":
			f.LedBy += " " + named.ActivityType.Name + " (" + named.ActivityID + ")"
		case of == "function" && named.Name != "":
			f.LedBy += " " + named.Name
		case named.about() != "":
			f.LedBy = named.about()
		}
		return f
	}
	return f
}

// wrong tells of what kind a type of event is bad news, and what it says; "": it is not.
func wrong(of string) (kind, how string) {
	switch {
	case of == "ActivityTaskFailed", of == "LambdaFunctionFailed", of == "ChildWorkflowExecutionFailed":
		how = "failed"
	case of == "ActivityTaskTimedOut", of == "LambdaFunctionTimedOut", of == "ChildWorkflowExecutionTimedOut":
		how = "timed out"
	case of == "ChildWorkflowExecutionTerminated":
		how = "was terminated"
	case of == "ScheduleActivityTaskFailed", of == "StartChildWorkflowExecutionFailed", of == "ScheduleLambdaFunctionFailed", of == "StartLambdaFunctionFailed":
		how = "could not be started"
	default:
		return "", ""
	}
	switch {
	case strings.Contains(of, "Activity"):
		return "activity", how
	case strings.Contains(of, "Lambda"):
		return "function", how
	}
	return "child", how
}
