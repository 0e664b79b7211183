package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	states "heddle/internal/sfn/wire"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/swf/wire"
)

// coverage counts what simulations reached, alone and in combination.
type coverage struct {
	worlds, steps int
	calls         map[string]int // answered, by operation
	refusals      map[string]int // by operation and fault
	decisions     map[string]int
	events        map[string]int // by type and, if it has one, cause or kind of timeout
	pairs         map[string]int // neighbours in a history
	faults        map[string]int
	struck        map[string]int // by fault and operation that was in the server
	written       map[string]int // by fault of a commit and type of event in it
	machines      map[string]int // events of state machines, by type
}

func newCoverage() *coverage {
	return &coverage{
		calls: map[string]int{}, refusals: map[string]int{}, decisions: map[string]int{}, events: map[string]int{},
		pairs: map[string]int{}, faults: map[string]int{}, struck: map[string]int{}, written: map[string]int{}, machines: map[string]int{},
	}
}

func (c *coverage) call(name string)    { c.calls[name]++ }
func (c *coverage) refusal(what string) { c.refusals[what]++ }

func (c *coverage) decision(d *wire.Decision) { c.decisions[d.DecisionType]++ }

func (c *coverage) fault(f fault, inFlight []string) {
	c.faults[f.String()]++
	for _, name := range inFlight {
		c.struck[f.String()+" "+name]++
	}
}

func (c *coverage) event(e *wire.HistoryEvent, before []string) {
	if n := len(before); n > 0 {
		c.pairs[before[n-1]+" "+e.EventType]++
	}
	kind := e.EventType
	switch {
	case e.ActivityTaskTimedOutEventAttributes != nil:
		kind += " " + e.ActivityTaskTimedOutEventAttributes.TimeoutType
	case e.DecisionTaskTimedOutEventAttributes != nil:
		kind += " " + e.DecisionTaskTimedOutEventAttributes.TimeoutType
	case e.WorkflowExecutionTerminatedEventAttributes != nil:
		kind += " " + *e.WorkflowExecutionTerminatedEventAttributes.Cause
	case e.StartChildWorkflowExecutionFailedEventAttributes != nil:
		kind += " " + e.StartChildWorkflowExecutionFailedEventAttributes.Cause
	case e.ScheduleActivityTaskFailedEventAttributes != nil:
		kind += " " + e.ScheduleActivityTaskFailedEventAttributes.Cause
	case e.ScheduleLambdaFunctionFailedEventAttributes != nil:
		kind += " " + e.ScheduleLambdaFunctionFailedEventAttributes.Cause
	case e.StartTimerFailedEventAttributes != nil:
		kind += " " + e.StartTimerFailedEventAttributes.Cause
	case e.ContinueAsNewWorkflowExecutionFailedEventAttributes != nil:
		kind += " " + e.ContinueAsNewWorkflowExecutionFailedEventAttributes.Cause
	}
	c.events[kind]++
}

// writeUnder notes what events a commit of unknown outcome carries.
func (c *coverage) writeUnder(written bool, s *store.Section) {
	f := unknownLost
	if written {
		f = unknownWritten
	}
	for i := range s.Ops {
		if s.Ops[i].Kind != store.Put || s.Ops[i].Space != store.ShardSpace || s.Ops[i].Key[0] != keys.History {
			continue
		}
		for rest := s.Ops[i].Value; ; {
			_, after, found := bytes.Cut(rest, []byte(`"eventType":"`))
			if !found {
				break
			}
			kind, _, _ := bytes.Cut(after, []byte(`"`))
			c.written[f.String()+" "+string(kind)]++
			rest = after
		}
	}
}

// add adds another's counts.
func (c *coverage) add(o *coverage) {
	c.worlds += o.worlds
	c.steps += o.steps
	for _, m := range []struct{ to, from map[string]int }{
		{c.calls, o.calls}, {c.refusals, o.refusals}, {c.decisions, o.decisions}, {c.events, o.events},
		{c.pairs, o.pairs}, {c.faults, o.faults}, {c.struck, o.struck}, {c.written, o.written}, {c.machines, o.machines},
	} {
		for k, n := range m.from {
			m.to[k] += n
		}
	}
}

// report prints tables: what was reached how often, and what never was.
func (c *coverage) report(w io.Writer) {
	fmt.Fprintf(w, "%d seeds, %d steps\n", c.worlds, c.steps)
	table(w, "decisions", c.decisions, wire.DecisionTypeValues)
	table(w, "events", c.events, nil)
	var missing []string
	for _, kind := range wire.EventTypeValues {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.events)), func(k string) bool { return k == kind || strings.HasPrefix(k, kind+" ") }) {
			missing = append(missing, kind)
		}
	}
	fmt.Fprintf(w, "\nevents never seen: %s\n", strings.Join(missing, ", "))
	table(w, "events of state machines", c.machines, states.HistoryEventTypeValues)
	fmt.Fprintf(w, "neighbours in histories: %d pairs of types\n", len(c.pairs))
	table(w, "refusals", c.refusals, nil)
	table(w, "faults", c.faults, faultNames[:])
	var operations []string
	for _, op := range wire.Operations {
		operations = append(operations, op.Name)
	}
	matrix(w, "faults while an operation was in the server", c.struck, operations)
	matrix(w, "faults of commits that carried an event", c.written, wire.EventTypeValues)
	table(w, "calls answered", c.calls, operations)
}

// table prints counts; names that must be there and are not show as 0.
func table(w io.Writer, title string, counts map[string]int, names []string) {
	names = slices.Clone(names)
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, k := range names {
		fmt.Fprintf(w, "%9d  %s\n", counts[k], k)
	}
}

// matrix prints counts by fault, across, and something else, down.
func matrix(w io.Writer, title string, counts map[string]int, rows []string) {
	var columns []string
	for _, f := range faultNames {
		if slices.ContainsFunc(slices.Collect(maps.Keys(counts)), func(k string) bool { return strings.HasPrefix(k, f+" ") }) {
			columns = append(columns, f)
		}
	}
	fmt.Fprintf(w, "\n%s\n", title)
	widest := len(slices.MaxFunc(append(rows, ""), func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
	for i, f := range columns {
		fmt.Fprintf(w, "%*s  %c = %s\n", widest, "", 'A'+i, f)
	}
	fmt.Fprintf(w, "%*s", widest, "")
	for i := range columns {
		fmt.Fprintf(w, " %6c", 'A'+i)
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		fmt.Fprintf(w, "%*s", widest, row)
		for _, f := range columns {
			fmt.Fprintf(w, " %6d", counts[f+" "+row])
		}
		fmt.Fprintln(w)
	}
}
