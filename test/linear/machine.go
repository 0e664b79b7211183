package linear

import (
	"fmt"
	"strings"
)

// An execution of a state machine is a name that begins once. The machine is one task of an
// activity that is done again and again; a failure ends it, and a redrive goes on.
const (
	entered   = "e"
	scheduled = "d"
	taken     = "t"
	succeeded = "c"
	exited    = "x"
	failed    = "f"
	ended     = "F" // since its task has failed
	aborted   = "X"
	redriven  = "R"
)

var machineLetters = map[string]string{
	"ExecutionStarted": started, "TaskStateEntered": entered, "ActivityScheduled": scheduled, "ActivityStarted": taken, "ActivitySucceeded": succeeded,
	"TaskStateExited": exited, "ActivityFailed": failed, "ExecutionFailed": ended, "ExecutionAborted": aborted, "ExecutionRedriven": redriven,
}

// MachineEvent is Event for the history of a state machine's execution. Its marks stand in
// the start, whose mark is the input, in the ends of tasks and in the end by a stop.
func MachineEvent(eventType, mark string) (string, error) {
	letter, known := machineLetters[eventType]
	switch {
	case !known:
		return "", fmt.Errorf("the model knows no event %q", eventType)
	case !strings.Contains(started+succeeded+failed+aborted, letter):
		mark = ""
	}
	return letter + mark + " ", nil
}

// machineStep is step for a state machine: the state is the one execution of its name.
func machineStep(state string, c Call) (next string, told Outcome) {
	run := strings.TrimSuffix(state, bar)
	events := strings.Fields(run)
	last := ""
	if len(events) > 0 {
		last = events[len(events)-1][:1]
	}
	open := last != "" && last != ended && last != aborted
	becomes := func(more ...string) (string, Outcome) {
		return run + strings.Join(more, " ") + " " + bar, Outcome{}
	}
	task := 0 // the open one
	for i, event := range events {
		switch event[:1] {
		case scheduled:
			task = i + 1
		case succeeded, failed, aborted:
			task = 0
		}
	}
	switch c.Action {
	case Start:
		switch {
		case last == "":
			return becomes(started+c.Mark, entered, scheduled)
		case open && events[0] == started+c.Mark:
			return state, Outcome{}
		}
		return state, Outcome{Refused: true}
	case Read:
		return state, Outcome{Refused: last == "", Events: run}
	case Describe:
		return state, Outcome{Refused: last == "", Open: open}
	case CountOpen, CountClosed:
		if last != "" && open == (c.Action == CountOpen) {
			return state, Outcome{Count: 1}
		}
		return state, Outcome{}
	case Terminate:
		if open {
			return becomes(aborted + c.Mark)
		}
		return state, Outcome{Refused: last == ""}
	case Redrive:
		if last == "" || open {
			return state, Outcome{Refused: true}
		}
		return becomes(redriven, scheduled)
	case Poll:
		switch {
		case task == 0:
			return state, Outcome{}
		case last == taken: // it was not delivered, and goes out once more
			return state, Outcome{Count: task}
		}
		next, _ := becomes(taken)
		return next, Outcome{Count: task}
	case Respond:
		switch {
		case task == 0 || task != c.Started:
			return state, Outcome{Refused: true}
		case c.Close:
			return becomes(failed+c.Mark, ended)
		}
		return becomes(succeeded+c.Mark, exited, entered, scheduled)
	}
	panic(fmt.Sprintf("linear: no rule for action %q of a state machine", c.Action))
}
