package history

import (
	"strings"

	"heddle/internal/engine"
)

// Outcome is what has become of a state that was entered.
type Outcome string

// Values of Outcome.
const (
	Running   Outcome = "running"
	Retrying  Outcome = "to be tried again"
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	TimedOut  Outcome = "timed out"
	Caught    Outcome = "caught" // it failed, and a Catcher took it
	Aborted   Outcome = "aborted"
)

// Open tells whether it has not ended.
func (o Outcome) Open() bool { return o == Running || o == Retrying }

// Entry is one time that a state was entered.
type Entry struct {
	State, Type   string
	Entered, Left int64 // ids of its events; Left is 0 of what was not left
	From, To      engine.Time
	Outcome       Outcome
	Error, Cause  string // with which it failed last
	Attempts      []Attempt
	Items         Items  // of Map
	MapRun        string // ARN, of a distributed Map
	// Past: what it is in was begun anew since, so it counts no more.
	Past bool

	before   int64  // the event before it was entered
	resource string // of its last try
	within   *Entry // Parallel or Map
	begun    int    // how often that had begun
	begins   int    // how often it has begun, of Parallel and Map
	pending  bool   // it failed, and nobody has dealt with that yet
	last     engine.Time
}

// Attempt is one try of a task, or of a Parallel or Map state.
type Attempt struct {
	Event        int64
	From, To     engine.Time // To is 0: it has not ended
	Outcome      Outcome
	Error, Cause string
}

// Items are the iterations of a Map state since it began last.
type Items struct{ Total, Started, Succeeded, Failed, Aborted int64 }

// Running is how many iterations are under way.
func (i Items) Running() int64 { return max(0, i.Started-i.Succeeded-i.Failed-i.Aborted) }

// Way is how one comes to a state: from which one, and whether that had failed.
type Way struct {
	State  string
	Caught bool
}

// State is what has become of a state in an execution.
type State struct {
	Entries []*Entry    // in the order in which it was entered
	From    map[Way]int // how often it was entered from a state beside it
	Retries int         // how often it was tried again
	Counts  map[Outcome]int
	Outcome Outcome // what it shows: it runs, it failed, or what became of it last
}

// States tells of each state by its name what has become of it; one that is missing was not
// entered. Events are all of a history.
func States(events []Event) map[string]*State {
	w := &walk{at: make(map[int64]*Entry, len(events)), types: make(map[int64]string, len(events)), of: map[string]*State{}}
	for i := range events {
		w.step(&events[i])
	}
	w.end()
	return w.of
}

// walk follows a history: an event goes on where the event before it has left.
type walk struct {
	at     map[int64]*Entry // in which state an event has left
	types  map[int64]string
	all    []*Entry
	of     map[string]*State
	closed bool
}

func (w *walk) step(e *Event) {
	is := func(end string) bool { return strings.HasSuffix(e.Type, end) }
	at := w.at[e.Previous]
	w.types[e.ID] = e.Type
	defer func() {
		if w.at[e.ID] = at; at != nil {
			at.last = e.At
		}
	}()
	switch {
	case is("StateEntered"):
		at = w.enter(e, at)
	case is("StateExited"):
		if at = climb(at, e, func(x *Entry) bool { return x.State == e.Name && x.Left == 0 }); at != nil {
			at.leave(e)
		}
	case e.Type == "ExecutionSucceeded":
		w.closed = true
	case e.Type == "ExecutionFailed", e.Type == "ExecutionTimedOut", e.Type == "ExecutionAborted":
		w.closed = true
		if e.Type != "ExecutionFailed" {
			return
		}
		for x := at; x != nil; x = x.within {
			if x.Outcome.Open() {
				x.fail(e, Failed)
			}
		}
		if at != nil && at.Left == 0 && at.Error == "" {
			at.Error, at.Cause = e.Error, e.Cause
		}
	case e.Type == "ExecutionRedriven":
		w.closed = false
		w.revive()
	case e.Type == "EvaluationFailed": // the event before it is that before its state was entered
		if at = w.evaluated(e); at != nil {
			at.Error, at.Cause, at.pending, at.Outcome = e.Error, e.Cause, true, Retrying
			at.try(e, Failed)
		}
	case at == nil && is("Scheduled"):
		if at = w.resumed(e); at != nil {
			at.schedule(e)
		}
	case at == nil:
	case e.Type == "MapIterationStarted", e.Type == "MapIterationSucceeded":
		if m := climb(at, e, named(e.Name)); m != nil {
			at = m
			if e.Type == "MapIterationStarted" {
				m.Items.Started++
			} else {
				m.Items.Succeeded++
			}
		}
	case e.Type == "MapIterationFailed", e.Type == "MapIterationAborted":
		outcome, m := Failed, at
		if e.Type == "MapIterationAborted" {
			outcome = Aborted
		}
		for ; m != nil && m.State != e.Name; m = m.within {
			if m.Outcome.Open() {
				m.fail(e, outcome)
			}
		}
		if m != nil && outcome == Failed {
			m.Items.Failed++
		} else if m != nil {
			m.Items.Aborted++
		}
	case e.Type == "ParallelStateStarted", e.Type == "MapStateStarted":
		if of := climb(at, e, begins(e.Type)); of != nil {
			at = of
			at.begin(e)
		}
	case e.Type == "ParallelStateFailed", e.Type == "MapStateFailed":
		if of := climb(at, e, begins(e.Type)); of != nil {
			of.Error, of.Cause = at.Error, at.Cause
			of.fail(e, Failed)
		}
	case e.Type == "MapRunStarted", e.Type == "MapRunRedriven":
		if at.reopen(); e.MapRun != "" {
			at.MapRun = e.MapRun
		}
	case is("StateAborted"):
		of := at
		if e.Type != "TaskStateAborted" && e.Type != "WaitStateAborted" {
			if of = climb(at, e, begins(e.Type)); of == nil {
				return
			}
		}
		if of.pending { // it was the one that failed
			of.fail(e, Failed)
		} else {
			of.fail(e, Aborted)
		}
	case is("Scheduled"):
		at.schedule(e)
	case is("Failed"), is("TimedOut"):
		at.Error, at.Cause, at.pending = e.Error, e.Cause, true
		at.Outcome = Retrying
		at.try(e, Failed)
	case is("Succeeded"):
		at.try(e, Succeeded)
	}
}

func named(name string) func(*Entry) bool { return func(x *Entry) bool { return x.State == name } }

// begins finds the Parallel or Map state that an event of a type may be about.
func begins(of string) func(*Entry) bool {
	kind, _, _ := strings.Cut(of, "State")
	return func(x *Entry) bool { return x.Type == kind && x.Outcome.Open() }
}

// climb gives the first state that fits, from one outwards. What is open on the way and has
// failed can't go on any more.
func climb(from *Entry, e *Event, fits func(*Entry) bool) *Entry {
	for x := from; x != nil; x = x.within {
		if fits(x) {
			for y := from; y != x; y = y.within {
				if y.Outcome.Open() {
					y.fail(e, Failed)
				}
				x.pending = x.pending || y.pending
			}
			if x.pending && x.Error == "" && from != x {
				x.Error, x.Cause = from.Error, from.Cause
			}
			return x
		}
	}
	return nil
}

// enter begins an entry: in the state that has just begun, or beside the one that was left.
func (w *walk) enter(e *Event, at *Entry) *Entry {
	within := at
	if at != nil && !strings.HasSuffix(w.types[e.Previous], "Started") {
		within = at.within
	}
	x := &Entry{State: e.Name, Type: strings.TrimSuffix(e.Type, "StateEntered"), Entered: e.ID, From: e.At, Outcome: Running, before: e.Previous, within: within}
	if within != nil {
		x.begun = within.begins
	}
	w.all = append(w.all, x)
	s := w.of[e.Name]
	if s == nil {
		s = &State{Counts: map[Outcome]int{}, From: map[Way]int{}}
		w.of[e.Name] = s
	}
	s.Entries = append(s.Entries, x)
	if at != nil && at != within {
		s.From[Way{at.State, at.Outcome == Caught}]++
	}
	return x
}

func (x *Entry) leave(e *Event) {
	x.Left, x.To = e.ID, e.At
	if x.Outcome = Succeeded; x.pending {
		x.Outcome = Caught
	}
	x.try(e, Succeeded)
}

// fail ends what can't go on.
func (x *Entry) fail(e *Event, as Outcome) {
	if as == Failed && strings.HasSuffix(e.Type, "TimedOut") {
		as = TimedOut
	}
	x.Outcome, x.To, x.pending = as, e.At, as != Aborted
	x.try(e, as)
}

// try ends the last attempt.
func (x *Entry) try(e *Event, as Outcome) {
	if n := len(x.Attempts); n > 0 && x.Attempts[n-1].Outcome == Running {
		a := &x.Attempts[n-1]
		if as == Failed && strings.HasSuffix(e.Type, "TimedOut") {
			as = TimedOut
		}
		a.To, a.Outcome = e.At, as
		if as != Succeeded {
			a.Error, a.Cause = x.Error, x.Cause
		}
	}
}

// begin begins a Parallel or Map state, perhaps not for the first time.
func (x *Entry) begin(e *Event) {
	if x.Attempts = append(x.Attempts, Attempt{Event: e.ID, From: e.At, Outcome: Running}); x.begins > 0 {
		x.Attempts[len(x.Attempts)-2].To = max(x.Attempts[len(x.Attempts)-2].To, x.Attempts[len(x.Attempts)-2].From)
		if a := &x.Attempts[len(x.Attempts)-2]; a.Outcome == Running {
			a.Outcome, a.To, a.Error, a.Cause = Failed, x.last, x.Error, x.Cause
		}
	}
	x.begins++
	x.Items = Items{Total: e.Length}
	x.reopen()
}

// reopen has something go on, and all that it is in.
func (x *Entry) reopen() {
	x.pending = false
	for ; x != nil && x.Left == 0; x = x.within {
		x.Outcome, x.To = Running, 0
	}
}

// revive has all go on that had not ended by itself when the execution closed: some of it
// without an event of its own.
func (w *walk) revive() {
	for _, x := range w.all { // those around it stand before it
		if x.Left != 0 || x.within != nil && (x.within.Outcome != Running || x.begun != x.within.begins) {
			continue
		}
		x.Outcome, x.To, x.pending = Running, 0, false
		x.Items.Failed, x.Items.Aborted = 0, 0
	}
}

// resumed is the task that goes on after a redrive, where no event before says which.
func (w *walk) resumed(e *Event) *Entry {
	for _, x := range w.all {
		n := len(x.Attempts)
		if x.Type == "Task" && x.Outcome == Running && x.resource == e.Resource && (n == 0 || x.Attempts[n-1].Outcome != Running) {
			return x
		}
	}
	return nil
}

// evaluated is the state of which something could not be evaluated.
func (w *walk) evaluated(e *Event) *Entry {
	s := w.of[e.State]
	if s == nil {
		return nil
	}
	var last *Entry
	for _, x := range s.Entries {
		if x.Left == 0 && (last == nil || last.before != e.Previous || x.before == e.Previous) {
			last = x
		}
	}
	return last
}

// schedule begins a try of a task.
func (x *Entry) schedule(e *Event) {
	x.reopen()
	x.resource = e.Resource
	x.Attempts = append(x.Attempts, Attempt{Event: e.ID, From: e.At, Outcome: Running})
}

// end tells what became of what no event ends.
func (w *walk) end() {
	for _, x := range w.all { // those around it stand before it
		if in := x.within; in != nil {
			x.Past = in.Past || x.begun != in.begins
			if x.Outcome.Open() && (x.Past || !in.Outcome.Open()) {
				x.Outcome = Aborted
			}
		}
		if x.Outcome.Open() && w.closed {
			x.Outcome = Aborted
		}
		if x.To == 0 && !x.Outcome.Open() {
			x.To = x.last
		}
	}
	for _, s := range w.of {
		for _, x := range s.Entries {
			s.Counts[x.Outcome]++
			s.Retries += max(0, len(x.Attempts)-1)
			if x.Past && s.Outcome != "" {
				continue
			}
			if weight(x.Outcome) >= weight(s.Outcome) || !x.within.hasItems() {
				s.Outcome = x.Outcome
			}
		}
		for _, open := range []Outcome{Retrying, Running} {
			if s.Counts[open] > 0 {
				s.Outcome = open
			}
		}
	}
}

// hasItems tells whether something is in an iteration: there the worst of all tells most.
func (x *Entry) hasItems() bool {
	for ; x != nil; x = x.within {
		if x.Type == "Map" {
			return true
		}
	}
	return false
}

func weight(o Outcome) int {
	switch o {
	case "":
		return 0
	case Succeeded:
		return 1
	case Aborted:
		return 2
	case Caught:
		return 3
	case TimedOut:
		return 4
	case Failed:
		return 5
	}
	return 6
}
