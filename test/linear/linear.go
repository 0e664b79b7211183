// Package linear judges what concurrent clients saw of executions: whether there
// is one order of all calls, each somewhere between its begin and its answer, in
// which a simple model of an execution would have given the same answers.
//
// The model is one workflowId: its runs, and of each the whole history, in short.
// It knows starts, signals, terminations, decision tasks from poll to response,
// descriptions, histories and counts. It knows no activities, timers or children;
// the simulation judges those. The other model is an execution of a state machine with an
// activity: its starts, stops, redrives, and tasks from poll to answer. A call whose outcome
// is not known may have happened at any time after its begin, or never.
//
// The search for an order is porcupine's. The package is for tests only.
package linear

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Action is what a call asks for.
type Action string

const (
	Start       Action = "start"
	Signal      Action = "signal"
	Terminate   Action = "terminate"
	Poll        Action = "poll"
	Respond     Action = "respond"
	Read        Action = "read"
	Describe    Action = "describe"
	CountOpen   Action = "count open"
	CountClosed Action = "count closed"
	Redrive     Action = "redrive" // of state machines alone
)

// Call is what a client asked.
type Call struct {
	Action     Action
	WorkflowID string
	// Mark tells the attempts to start, signal, terminate and respond apart. It
	// stands in the event that an attempt makes.
	Mark string
	// Run is the mark of the start of the run that is meant; of the others, the
	// open run is.
	Run     string
	Started int  // Respond: the startedEventId of the task
	Close   bool // Respond: with a decision to complete the execution, or as failed
	// Machine: WorkflowID is the one execution of a state machine. A start's Mark is its input,
	// which others may give too; Started of a Respond is the task's Scheduled event, and a
	// Terminate is a stop.
	Machine bool
}

// Outcome is what the client was told.
type Outcome struct {
	Unknown bool // nothing that he could be sure of
	Refused bool // there is no such run or task; for a start, there is an open run
	// Events are what Read showed, or a Poll with its task; "" is no task. See Event.
	Events string
	Open   bool // Describe: the run is
	Count  int  // CountOpen, CountClosed: runs; Describe: decision tasks, 0 or 1; Poll of a machine: the Scheduled event
}

// Event writes an event of a history as Outcome.Events has it: its type and its
// mark, if it has one, and a space.
func Event(eventType, mark string) (string, error) {
	letter, known := letters[eventType]
	if !known {
		return "", fmt.Errorf("the model knows no event %q", eventType)
	}
	return letter + mark + " ", nil
}

const (
	started       = "S"
	signaled      = "s"
	terminated    = "X"
	completed     = "E"
	closeFailed   = "f"
	taskScheduled = "d"
	taskStarted   = "t"
	taskCompleted = "c"
)

var letters = map[string]string{
	"WorkflowExecutionStarted":        started,
	"WorkflowExecutionSignaled":       signaled,
	"WorkflowExecutionTerminated":     terminated,
	"WorkflowExecutionCompleted":      completed,
	"CompleteWorkflowExecutionFailed": closeFailed,
	"DecisionTaskScheduled":           taskScheduled,
	"DecisionTaskStarted":             taskStarted,
	"DecisionTaskCompleted":           taskCompleted,
}

// History is what clients asked and were told, empty at first. Any goroutine may
// write it.
type History struct {
	mu    sync.Mutex
	clock int64 // counts begins and ends: their order is all that matters
	calls []porcupine.Operation
	final map[string][]string // by workflowId: the events of each run, in the end; nil: not known
}

// Begin notes a call of a client. The outcome is noted by the function that it
// returns; if that is never called, it is not known.
func (h *History) Begin(client int, c Call) (end func(Outcome)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := len(h.calls)
	h.calls = append(h.calls, porcupine.Operation{
		ClientId: client, Input: c, Call: h.now(), Output: Outcome{Unknown: true}, Return: never,
	})
	return func(o Outcome) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls[i].Output = o
		if !o.Unknown {
			h.calls[i].Return = h.now()
		}
	}
}

// never is when a call returns whose outcome is not known: after all others.
const never = 1 << 62

func (h *History) now() int64 {
	h.clock++
	return h.clock
}

// Run is a run as it is in the end.
type Run struct {
	WorkflowID string
	Machine    bool // it is an execution of a state machine
	Events     string
}

// Settle ends a history: everybody has stopped, and these are all runs. They are judged as if
// a client had read them now. And they shorten the search: events are never taken back, so no
// order is of use whose events don't begin as the last ones do.
func (h *History) Settle(runs []Run) {
	final := map[string][]string{}
	for _, r := range runs {
		read := Call{Action: Read, WorkflowID: r.WorkflowID, Machine: r.Machine}
		if !r.Machine {
			read.Run = strings.Fields(r.Events)[0][len(started):]
		}
		h.Begin(0, read)(Outcome{Events: r.Events})
		final[r.WorkflowID] = append(final[r.WorkflowID], r.Events)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.final = final
}

// Len is the number of calls, and how many of them have no known outcome.
func (h *History) Len() (calls, unknown int) {
	for _, c := range h.all() {
		if c.Output.(Outcome).Unknown {
			unknown++
		}
	}
	return len(h.all()), unknown
}

func (h *History) all() []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// Altered is a copy of the history in which change has altered one call, the
// first that it takes. Tests of the judge tell lies by it.
func (h *History) Altered(change func(Call, *Outcome) bool) (*History, bool) {
	copied := &History{calls: h.all(), final: h.final}
	for i := range copied.calls {
		o := copied.calls[i].Output.(Outcome)
		if !o.Unknown && change(copied.calls[i].Input.(Call), &o) {
			copied.calls[i].Output = o
			return copied, true
		}
	}
	return copied, false
}

// Verdict is what Judge found.
type Verdict string

const (
	Linearizable    Verdict = "linearizable"
	NotLinearizable Verdict = "not linearizable"
	// Undecided: the time was over.
	Undecided Verdict = "undecided"
)

// Judge looks for an order of all calls for at most so long. If there is none, it
// gives a page for a browser that shows how far the search came.
func (h *History) Judge(within time.Duration) (Verdict, string) {
	calls, lost := h.relevant()
	m := model(h.final, lost)
	result, info := porcupine.CheckOperationsVerbose(m, calls, within)
	switch result {
	case porcupine.Ok:
		return Linearizable, ""
	case porcupine.Unknown:
		return Undecided, ""
	}
	var page strings.Builder
	if err := porcupine.Visualize(m, info, &page); err != nil {
		return NotLinearizable, err.Error()
	}
	return NotLinearizable, page.String()
}

// relevant gives the calls as the model takes them, and how many of them are lost. It leaves
// out those of unknown outcome that changed nothing: that never do, and whose mark is not there
// in the end.
func (h *History) relevant() (calls []porcupine.Operation, all map[string]lost) {
	marks := map[string]bool{}
	for _, runs := range h.final {
		for _, events := range runs {
			for event := range strings.FieldsSeq(events) {
				marks[event[1:]] = true
			}
		}
	}
	all = map[string]lost{}
	groups := map[string][]Call{} // by workflowId, what those of each group ask
	for _, op := range h.all() {
		c := asked{Call: op.Input.(Call)}
		if op.Output.(Outcome).Unknown {
			switch {
			case !c.changes(), h.final != nil && c.Mark != "" && !marks[c.Mark]:
				continue
			case !c.marked():
				id := c.WorkflowID
				i := slices.Index(groups[id], c.Call)
				if i < 0 {
					i = len(groups[id])
					groups[id] = append(groups[id], c.Call)
				}
				n := all[id]
				c.group, c.nth = i+1, n[i]
				n[i]++
				all[id] = n
			}
		}
		op.Input = c
		calls = append(calls, op)
	}
	return calls, all
}

// changes tells whether a call may change something.
func (c *Call) changes() bool {
	switch c.Action {
	case Read, Describe, CountOpen, CountClosed:
		return false
	}
	return true
}

// marked tells whether no other call makes the event that a call makes.
func (c *Call) marked() bool {
	return c.Mark != "" && !(c.Machine && c.Action == Start)
}
