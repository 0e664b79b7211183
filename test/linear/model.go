package linear

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// state is what the model remembers of a workflowId.
type state struct {
	runs string // the histories of all runs, in the order of their starts, each ended by a bar
	lost lost   // of the lost calls, how many have been taken
}

// lost is how many lost calls there are, by group. A lost call is one of unknown outcome that
// leaves no mark: nobody can tell by the events that it was this one. Those of a group ask the
// same. If some of them did something, as many that began first may have done it as well. So
// they are taken in the order in which they began, and the search need not try every choice
// among them.
type lost [4]int // of a machine: polls, redrives, and starts with either input

// asked is a call as the model gets it.
type asked struct {
	Call
	group int // of a lost call, from 1; 0: it is none
	nth   int // place in its group, from 0
}

// model is one workflowId, or one execution of a state machine. Final is how its runs end, by
// workflowId; nil: nobody knows. All are the lost calls, by workflowId.
func model(final map[string][]string, all map[string]lost) porcupine.Model {
	return porcupine.Model{
		Partition: partition,
		Init:      func() any { return state{} },
		Step: func(from, input, output any) (bool, any) {
			before, call, told := from.(state), input.(asked), output.(Outcome)
			if call.Action == Poll && told == (Outcome{}) {
				return true, before // whoever finds no task at one moment says nothing of another
			}
			next := before
			var gave Outcome
			next.runs, gave = step(before.runs, call.Call)
			fits := final == nil || leadsTo(next.runs, final[call.WorkflowID])
			if !told.Unknown {
				return fits && gave == told, next
			}
			if call.group > 0 {
				if before.lost[call.group-1] != call.nth {
					return false, before
				}
				next.lost[call.group-1]++
			}
			switch {
			case fits && (final == nil || next.runs != before.runs):
				return true, next
			case call.group > 0:
				// It did nothing, which can as well be said in the end, of one group after the other.
				next.runs = before.runs
				first, whole := call.group-1, all[call.WorkflowID]
				return isAll(before.runs, final[call.WorkflowID]) && slices.Equal(before.lost[:first], whole[:first]), next
			}
			return false, before
		},
		DescribeOperation: func(input, output any) string {
			call, told := input.(asked), output.(Outcome)
			text := fmt.Sprintf("%s %s%s", call.Action, call.Mark, call.Run)
			switch {
			case told.Unknown:
				return text + ": ?"
			case told.Refused:
				return text + ": refused"
			}
			return fmt.Sprintf("%s: %s %v %d", text, told.Events, told.Open, told.Count)
		},
		DescribeState: func(at any) string { return at.(state).runs },
	}
}

// partition keeps workflowIds apart: they share nothing.
func partition(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	place := map[string]int{}
	for _, op := range history {
		id := op.Input.(asked).WorkflowID
		i, known := place[id]
		if !known {
			i = len(parts)
			place[id] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], op)
	}
	return parts
}

// leadsTo tells whether each run of a state begins one of the final ones.
func leadsTo(state string, final []string) bool {
	for r := range strings.SplitSeq(strings.TrimSuffix(state, bar), bar) {
		if !slices.ContainsFunc(final, func(f string) bool { return strings.HasPrefix(f, r) }) && state != "" {
			return false
		}
	}
	return true
}

// isAll tells whether the runs of a state are the final ones.
func isAll(state string, final []string) bool {
	return strings.Count(state, bar) == len(final) && !slices.ContainsFunc(final, func(f string) bool {
		return !strings.Contains(bar+state, bar+f+bar)
	})
}

const bar = "|"

// step gives what becomes of the state by a call, and what the caller is told.
func step(state string, c Call) (next string, told Outcome) {
	if c.Machine {
		return machineStep(state, c)
	}
	switch c.Action {
	case CountOpen, CountClosed:
		n := 0
		for r := range strings.SplitSeq(strings.TrimSuffix(state, bar), bar) {
			if state != "" && isOpen(r) == (c.Action == CountOpen) {
				n++
			}
		}
		return state, Outcome{Count: n}
	}
	before, r, found := find(state, c)
	switch c.Action {
	case Start:
		if found && isOpen(r) {
			return state, Outcome{Refused: true}
		}
		return state + started + c.Mark + " " + taskScheduled + " " + bar, Outcome{}
	case Read:
		return state, Outcome{Refused: !found, Events: r}
	case Describe:
		t := tasksOf(r)
		return state, Outcome{Refused: !found, Open: isOpen(r), Count: t.waiting}
	}
	if !found || !isOpen(r) {
		return state, Outcome{Refused: c.Action != Poll}
	}
	t := tasksOf(r)
	events := ""
	switch c.Action {
	case Signal:
		events = signaled + c.Mark + " "
		if t.waiting == 0 || t.started > 0 && t.queued == 0 {
			events += taskScheduled + " "
		}
	case Terminate:
		events = terminated + c.Mark + " "
	case Poll:
		switch {
		case t.waiting == 0:
			return state, Outcome{}
		case t.started > 0: // it was not delivered, and goes out once more
			shown := strings.SplitAfterN(r, " ", t.started+1)
			return state, Outcome{Events: strings.Join(shown[:t.started], "")}
		}
		return state[:before] + r + taskStarted + " " + state[before+len(r):], Outcome{Events: r + taskStarted + " "}
	case Respond:
		if t.started == 0 || t.started != c.Started {
			return state, Outcome{Refused: true}
		}
		events = taskCompleted + c.Mark + " "
		switch {
		case c.Close && t.queued > 0:
			events += closeFailed + " "
		case c.Close:
			events += completed + " "
		}
	default:
		panic(fmt.Sprintf("linear: no rule for action %q", c.Action))
	}
	return state[:before] + r + events + state[before+len(r):], Outcome{}
}

// find gives the run that a call means: the one with a mark, else the latest; and
// where it begins.
func find(state string, c Call) (at int, run string, found bool) {
	if c.Run == "" {
		whole := strings.TrimSuffix(state, bar)
		at = strings.LastIndex(whole, bar) + 1
		return at, whole[at:], state != ""
	}
	at = strings.Index(bar+state, bar+started+c.Run+" ")
	if at < 0 {
		return 0, "", false
	}
	run, _, _ = strings.Cut(state[at:], bar)
	return at, run, true
}

func isOpen(run string) bool {
	return run != "" && !strings.Contains(run, terminated) && !strings.Contains(run, completed)
}

// tasks are the decision tasks of an open run.
type tasks struct {
	waiting int // 1: one is scheduled, and maybe started
	started int // its startedEventId; 0: it is not
	queued  int // 1: one more was scheduled while it was started
}

func tasksOf(run string) (t tasks) {
	if !isOpen(run) {
		return t
	}
	id := 0
	for event := range strings.FieldsSeq(run) {
		id++
		switch event[:1] {
		case taskScheduled:
			t.queued = t.waiting
			t.waiting = 1
		case taskStarted:
			t.started = id
		case taskCompleted:
			t = tasks{waiting: t.queued}
		}
	}
	return t
}
