package linear

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// model is one workflowId. Its state is the histories of all runs, in the order
// of their starts, each ended by a bar. Final is how they end, by workflowId; nil:
// nobody knows.
func model(final map[string][]string) porcupine.Model {
	return porcupine.Model{
		Partition: partition,
		Init:      func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			before, call, told := state.(string), input.(Call), output.(Outcome)
			next, gave := step(before, call)
			fits := final == nil || leadsTo(next, final[call.WorkflowID])
			switch {
			case told.Unknown && fits && (final == nil || next != before):
				return true, next
			case told.Unknown && call.Action == Poll:
				// It took nothing, which can as well be said in the end.
				return isAll(before, final[call.WorkflowID]), before
			case told.Unknown:
				return false, before
			case call.Action == Poll && told == Outcome{}:
				return true, before // whoever finds no task at one moment says nothing of another
			}
			return gave == told && fits, next
		},
		DescribeOperation: func(input, output any) string {
			call, told := input.(Call), output.(Outcome)
			text := fmt.Sprintf("%s %s%s", call.Action, call.Mark, call.Run)
			switch {
			case told.Unknown:
				return text + ": ?"
			case told.Refused:
				return text + ": refused"
			}
			return fmt.Sprintf("%s: %s %v %d", text, told.Events, told.Open, told.Count)
		},
		DescribeState: func(state any) string { return state.(string) },
	}
}

// partition keeps workflowIds apart: they share nothing.
func partition(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	place := map[string]int{}
	for _, op := range history {
		id := op.Input.(Call).WorkflowID
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
