// Package replay runs workflow code over the history of its execution: a history goes in,
// decisions come out, and nothing else may matter. It does no I/O and has no clock.
//
// A history is cut into batches, one for each decision task that was answered and the present one:
// the news since the batch before. The news are delivered one by one, and after each the code runs
// until all of it is blocked. What it decided is then compared with what the history says that
// was decided; what the present batch decides is for the caller to send.
//
// A decision task that timed out, or that was parked (answered with a marker that says why the
// code could not decide), counts as not having been.
package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// What an answer holds at most; what is left is decided with the next task.
const (
	mostDecisions = 100
	mostBytes     = 1_000_000
	sealedMore    = 1.5 // what a text grows by when it is sealed, at most
)

// mostOpen is how many of a kind may be open at once; the next wait in line. Some timers are
// left for this package's own.
const (
	mostOpen   = 1000
	mostTimers = 990
)

// Config says what is run.
type Config struct {
	RunID string
	// Code starts with the run. What it returns closes the run.
	Code func(r *Run, root *Scope, started *types.WorkflowExecutionStartedEventAttributes, input string) *Close
	// Check has calls verify that the goroutine is the right one, which costs 1.5 µs each.
	Check bool
	// Strict compares inputs and durations with the history, too.
	Strict bool
	// Line is where the code begins: order.go:33.
	Line string
}

// Close is how code ends its run: a decision, made when it is sent.
type Close struct {
	Decision types.Decision
	// Carry sets the input of a run that continues this one; nil: it is no such decision.
	Carry func(d *types.Decision, unread []Signal)
}

// Signal is one that arrived.
type Signal struct {
	Name  string `json:"name"`
	Input string `json:"input"`
	since uint64
}

// Run is the state of a run's code. It is not for several goroutines at once.
type Run struct {
	cfg     Config
	started *types.WorkflowExecutionStartedEventAttributes
	root    *Scope

	coroutines []*coroutine // that have not ended
	ready      []*coroutine // woken, in order
	current    *coroutine
	watched    atomic.Pointer[coroutine] // current, for Stack
	moments    uint64
	numbers    int // of operations
	failed     error
	event      int64           // that was delivered last: no pointer, which would hold the whole history
	eventOf    types.EventType // and its type

	now       time.Time
	lastID    int64 // of the newest event
	lastStart int64 // DecisionTaskStarted of the batch that ran last
	task      int   // its number
	live      bool  // what it decides is not in the history
	pending   bool  // its outcome is not known yet
	marks     map[identity]json.RawMessage

	outbox []*command
	open   map[int64]*command // by the event that its decision wrote
	counts map[types.DecisionType]int
	line   map[types.DecisionType][]func()
	more   int // lists that were cut

	inboxes  map[string]*Inbox
	children map[string]bool // ids of those that are open
	versions map[string]int

	unwinding bool
	returned  bool
	after     string // the last call of code that has returned, and its line
	close     *Close
	refused   string // why the closing decision failed, if not by news
	closed    bool
	canceled  bool // was requested
	cancelErr error

	status json.RawMessage
	said   []byte // what was sent last
}

// command is a decision on its way: in the outbox until the history has it.
type command struct {
	identity
	decision types.Decision
	at       *place // the call that decided it
	began    *place // the call that began what it is about, if the former is none of the code's
	on       func(e *types.HistoryEvent)
	removed  bool
	closes   bool // the run
}

// New starts nothing yet.
func New(cfg Config, canceled error) *Run {
	r := &Run{cfg: cfg, open: map[int64]*command{}, counts: map[types.DecisionType]int{}, cancelErr: canceled}
	r.root = r.NewScope(nil)
	return r
}

// Now is the time of the present decision task.
func (r *Run) Now() time.Time { return r.now }

// Live tells whether code runs for the first time here, not again over its history.
func (r *Run) Live() bool { return r.live }

// LastEvent is the id of the newest event.
func (r *Run) LastEvent() int64 { return r.lastID }

// LastStarted is the DecisionTaskStarted of the batch that ran last.
func (r *Run) LastStarted() int64 { return r.lastStart }

// Started is the event that began the run.
func (r *Run) Started() *types.WorkflowExecutionStartedEventAttributes { return r.started }

// Returned tells whether the code has returned.
func (r *Run) Returned() bool { return r.returned }

// Closed tells whether the history has the end.
func (r *Run) Closed() bool { return r.closed }

// CancelRequested tells whether somebody wants it canceled.
func (r *Run) CancelRequested() bool { return r.canceled }

// SetStatus is what its context says.
func (r *Run) SetStatus(v json.RawMessage) { r.status = v }

// mostName is how many bytes of a name are in ids, which have 256 at most.
const mostName = 200

// Next numbers an operation.
func (r *Run) Next(name string) string {
	r.numbers++
	if len(name) > mostName {
		name = strings.ToValidUTF8(name[:mostName], "")
	}
	return name + "-" + strconv.Itoa(r.numbers)
}

// End unwinds the code.
func (r *Run) End() { r.unwind() }

// Advance takes the events after those that it had, runs the code over them, and compares. The
// decision task that began with the event startedID is the present one; zero: there is none, and
// the code is left where the last one that was answered left it.
func (r *Run) Advance(events []types.HistoryEvent, startedID int64) error {
	for len(events) > 0 && events[0].EventId <= r.lastStart {
		events = events[1:]
	}
	if len(events) > 0 && events[0].EventId != r.lastStart+1 {
		return fmt.Errorf("replay: the history begins with event %d, want %d", events[0].EventId, r.lastStart+1)
	}
	all := completions(events)
	if n := len(events); n > 0 {
		r.lastID = events[n-1].EventId
	}
	var tasks []*completed
	parks := 0
	for _, c := range all {
		if c.parked {
			parks++
			continue
		}
		if c.unrecorded != "" {
			return &Refused{Text: c.unrecorded}
		}
		parks = 0
		tasks = append(tasks, c)
	}
	if startedID != 0 {
		tasks = append(tasks, &completed{started: startedID})
	}
	for i, c := range tasks {
		present := startedID != 0 && i == len(tasks)-1
		if r.pending && c.started != r.lastStart {
			return fmt.Errorf("replay: the history goes on after event %d, not %d", c.started, r.lastStart)
		}
		if !r.pending {
			at, found := index(events, c.started)
			if !found {
				return fmt.Errorf("replay: the history lacks event %d, which began a decision task", c.started)
			}
			r.foresee(tasks[i:])
			news, _ := index(events, r.lastStart+1)
			if err := r.batch(events[news:at], &events[at]); err != nil {
				return err
			}
		}
		if present {
			if r.refused != "" && parks == 0 {
				return &Refused{Text: r.refused}
			}
			r.pending = true
			return nil
		}
		r.pending = false
		if err := r.match(c); err != nil {
			return err
		}
	}
	return nil
}

// foresee learns which markers the outcome of a batch has: its own, and that of what was cut off.
func (r *Run) foresee(tasks []*completed) {
	r.marks = map[identity]json.RawMessage{}
	for _, c := range tasks {
		if c.id == 0 {
			r.live = true
			return
		}
		for _, e := range c.outcome {
			if m := e.MarkerRecordedEventAttributes; m != nil {
				r.marks[identityOf(e)] = markOf(m.Details).Value
			}
		}
		if !c.cut {
			r.live = false
			return
		}
	}
	r.live = true // it was cut, and the rest is not decided yet
}

// index is where an event stands, or would.
func index(events []types.HistoryEvent, id int64) (int, bool) {
	i := sort.Search(len(events), func(i int) bool { return events[i].EventId >= id })
	return i, i < len(events) && events[i].EventId == id
}

// batch delivers the news before start.
func (r *Run) batch(events []types.HistoryEvent, start *types.HistoryEvent) error {
	r.task++
	r.now = aws.ToTime(start.EventTimestamp)
	for i := range events {
		e := &events[i]
		if by, news := written(e); by != 0 && !news {
			continue
		}
		r.event, r.eventOf = e.EventId, e.EventType
		r.deliver(e)
		r.settle()
		if r.failed != nil {
			return r.failed
		}
	}
	r.lastStart = start.EventId
	if r.returned {
		r.outbox = slices.DeleteFunc(r.outbox, func(c *command) bool { return c.closes })
		d := r.close.Decision
		if r.close.Carry != nil {
			r.close.Carry(&d, r.Unread())
		}
		r.outbox = append(r.outbox, &command{identity: identity{kind: string(d.DecisionType)}, decision: d, closes: true})
	}
	return nil
}

// deliver tells the code, or what waits for it, of an event.
func (r *Run) deliver(e *types.HistoryEvent) {
	switch {
	case e.WorkflowExecutionStartedEventAttributes != nil:
		r.begin(e.WorkflowExecutionStartedEventAttributes)
		return
	case e.WorkflowExecutionSignaledEventAttributes != nil:
		a := e.WorkflowExecutionSignaledEventAttributes
		if name := aws.ToString(a.SignalName); !strings.HasPrefix(name, Reserved) {
			r.signaled(name, aws.ToString(a.Input))
		}
		return
	case e.WorkflowExecutionCancelRequestedEventAttributes != nil:
		r.canceled = true
		if !r.returned {
			r.root.Cancel(r.cancelErr)
		}
		return
	}
	if cause := closeRefusal(e); cause != "" {
		r.refused = ""
		if cause != "UNHANDLED_DECISION" {
			r.refused = fmt.Sprintf("the run can't be closed: %s failed with %s", identityOf(e).kind, cause)
		}
		return
	}
	if c := r.open[about(e)]; c != nil {
		if ends(e) {
			delete(r.open, about(e))
		}
		if c.on != nil && !r.returned {
			c.on(e)
		}
	}
}

func (r *Run) begin(a *types.WorkflowExecutionStartedEventAttributes) {
	r.started = a
	input, carried := Carried(aws.ToString(a.Input))
	for _, s := range carried {
		r.signaled(s.Name, s.Input)
	}
	r.start(func() {
		r.close = r.cfg.Code(r, r.root, a, input)
		r.after = r.current.lastCall()
		r.returned = true
	})
}

// closeRefusal is the cause for which a run was not closed, continued as new or canceled.
func closeRefusal(e *types.HistoryEvent) string {
	switch {
	case e.CompleteWorkflowExecutionFailedEventAttributes != nil:
		return string(e.CompleteWorkflowExecutionFailedEventAttributes.Cause)
	case e.FailWorkflowExecutionFailedEventAttributes != nil:
		return string(e.FailWorkflowExecutionFailedEventAttributes.Cause)
	case e.CancelWorkflowExecutionFailedEventAttributes != nil:
		return string(e.CancelWorkflowExecutionFailedEventAttributes.Cause)
	case e.ContinueAsNewWorkflowExecutionFailedEventAttributes != nil:
		return string(e.ContinueAsNewWorkflowExecutionFailedEventAttributes.Cause)
	}
	return ""
}

// match compares what was decided with what the history has of it.
func (r *Run) match(c *completed) error {
	boxed := r.unsent()
	last := c.id
	for _, e := range c.outcome {
		id := identityOf(e)
		if id.kind == string(types.DecisionTypeStartTimer) && strings.HasPrefix(id.id, TimerMore) {
			r.more++
			continue
		}
		if len(boxed) == 0 {
			return r.mismatch(e, nil, last)
		}
		head := boxed[0]
		if !head.fits(e) || r.cfg.Strict && !head.says(e) {
			return r.mismatch(e, head, last)
		}
		last = e.EventId
		boxed = boxed[1:]
		if head.on != nil {
			r.open[e.EventId] = head
		}
		if a := e.TimerCanceledEventAttributes; a != nil {
			delete(r.open, a.StartedEventId)
		}
		switch e.EventType {
		case types.EventTypeWorkflowExecutionCompleted, types.EventTypeWorkflowExecutionFailed, types.EventTypeWorkflowExecutionCanceled, types.EventTypeWorkflowExecutionContinuedAsNew:
			r.closed = true
		}
	}
	if len(boxed) > 0 && !c.cut {
		return r.mismatch(nil, boxed[0], last)
	}
	r.outbox = append([]*command(nil), boxed...)
	return nil
}

// unsent is the outbox without what was taken out.
func (r *Run) unsent() (left []*command) {
	for _, c := range r.outbox {
		if !c.removed {
			left = append(left, c)
		}
	}
	return left
}

// Decisions are what the present batch decides.
func (r *Run) Decisions() (all []types.Decision) {
	sum := 0
	boxed := r.unsent()
	for i, c := range boxed {
		sum += int(float64(size(&c.decision)) * sealedMore)
		last := i == len(boxed)-1
		if len(all) == mostDecisions-1 && !last || sum > mostBytes && len(all) > 0 {
			return append(all, StartTimer(TimerMore+"-"+strconv.Itoa(r.more+1), 0))
		}
		all = append(all, c.decision)
	}
	return all
}

// Format numbers what the package itself decides. The first answer of a run says by which it is led, for ever: whoever changes
// ids, their order or how lists are cut makes it one more, and keeps the former for runs that have that number.
const Format = 1

// FormatOf reads the number from what an answer said besides; zero: it is not of this package.
func FormatOf(context string) int {
	var said struct{ Flow int }
	if json.Unmarshal([]byte(context), &said) != nil {
		return 0
	}
	return said.Flow
}

// Said is what an answer says besides: the executionContext.
type Said struct {
	Flow   int             `json:"flow"`
	Status json.RawMessage `json:"status,omitempty"`
	Sealed string          `json:"sealed,omitempty"` // the status, if it is not to be read by all, or too long
	Waits  []string        `json:"waits,omitempty"`
}

// Context is what the answer says besides, and whether that is new.
func (r *Run) Context() (said Said, changed bool) {
	said = Said{Flow: Format, Status: r.status, Waits: r.Waits()}
	b, err := json.Marshal(said)
	if err != nil {
		return said, false
	}
	changed = !bytes.Equal(b, r.said)
	r.said = b
	return said, changed
}

// decide puts a decision in the outbox.
func (r *Run) decide(id identity, d types.Decision, on func(e *types.HistoryEvent)) *command {
	return r.decideAt(here(), id, d, on)
}

func (r *Run) decideAt(at *place, id identity, d types.Decision, on func(e *types.HistoryEvent)) *command {
	c := &command{identity: id, decision: d, at: at, on: on}
	if r.unwinding {
		return c // deferred calls of code that is ended decide nothing
	}
	if r.current != nil {
		r.current.decided = at
	}
	r.outbox = append(r.outbox, c)
	return c
}

// takeOut removes a decision that was not sent.
func (r *Run) takeOut(c *command) bool {
	for i, o := range r.outbox {
		if o == c && !c.removed {
			c.removed = true
			r.outbox = append(r.outbox[:i:i], r.outbox[i+1:]...)
			return true
		}
	}
	return false
}

// Nondeterminism is code that does not decide what its history has.
type Nondeterminism struct {
	Task   int    // number of the decision task
	Had    string // what the history has, with its event
	Code   string // what the code decides
	At     string // where
	Waits  []string
	Remedy string
}

func (n *Nondeterminism) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "workflow code does not fit its history, at decision task %d\n", n.Task)
	fmt.Fprintf(&b, "  the history has  %s\n", n.Had)
	fmt.Fprintf(&b, "  the code decides %s", n.Code)
	if n.At != "" {
		fmt.Fprintf(&b, ", %s", n.At)
	}
	for _, w := range n.Waits {
		fmt.Fprintf(&b, "\n  it waits at %s", w)
	}
	return b.String() + "\n" + n.Remedy
}

// What people can do about it.
const (
	remedy = "  Was the code changed since? Guard the change by flow.Version, or give the workflow type a new version.\n" +
		"  Or does it depend on time, chance, maps or goroutines? Run flowcheck."
	remedyVersion = "  The run has asked flow.Version for %q there: keep that call as long as such runs are open."
	remedyStrict  = "  Only a strict replay minds: a running execution goes on, with what its history has."
)

// mismatch says what the history has, e or nothing after the event last, and what the code decides, c or nothing.
func (r *Run) mismatch(e *types.HistoryEvent, c *command, last int64) error {
	n := &Nondeterminism{Task: r.task, Had: fmt.Sprintf("nothing more after event %d", last), Code: "nothing more", Remedy: remedy}
	if e != nil {
		id := identityOf(e)
		n.Had = fmt.Sprintf("%s, event %d", id, e.EventId)
		if _, asked := r.versions[id.id]; id.of == MarkerVersion && !asked {
			n.Remedy = fmt.Sprintf(remedyVersion, id.id)
		}
	}
	if c == nil {
		n.Waits = r.Waits()
		return n
	}
	n.Code = c.identity.String()
	if c.closes {
		n.At = r.ending()
	} else {
		n.At = "at " + c.line()
	}
	if e != nil && c.fits(e) {
		n.Remedy = remedyStrict
		had, decides := c.payloads(e)
		n.Had += " with " + short(had)
		n.Code += " with " + short(decides)
	}
	return n
}

// ending tells where code has returned.
func (r *Run) ending() string {
	said := ""
	if a := r.close.Decision.FailWorkflowExecutionDecisionAttributes; a != nil {
		said = fmt.Sprintf(" %q", aws.ToString(a.Reason))
	}
	if r.after == "" {
		return "since the code at " + r.cfg.Line + " returned" + said + " at once"
	}
	return "since it returned" + said + " after " + r.after
}

// mostShown is how many bytes of a payload are shown.
const mostShown = 100

func short(text string) string {
	if len(text) > mostShown {
		return strings.ToValidUTF8(text[:mostShown], "") + "…"
	}
	if text == "" {
		return "nothing"
	}
	return text
}

// Panic is one of workflow code.
type Panic struct {
	Value, Stack string
	Task         int
	At           string // the line
	Event        int64  // that was delivered last
	Of           types.EventType
}

func (p *Panic) Error() string { return p.text(p.Value) }

// Sealed is the error without what the code said, which may be of a payload.
func (p *Panic) Sealed() string { return p.text("what it said is sealed, as payloads are") }

func (p *Panic) text(said string) string {
	return fmt.Sprintf("workflow code panicked, at decision task %d: %s\n  at %s, after event %d (%s)\n"+
		"  Repair the code: a worker that has it goes on where the run stands; nothing is lost.\n%s", p.Task, said, p.At, p.Event, p.Of, p.Stack)
}

// panicked makes one of what was recovered; a deferred function calls it.
func (r *Run) panicked(why any) error {
	p := &Panic{Value: fmt.Sprint(why), Stack: string(debug.Stack()), Task: r.task, At: here().String(), Event: r.event, Of: r.eventOf}
	if b, ok := why.(*broken); ok {
		p.Stack = b.stack + p.Stack
	}
	return p
}

// Refused is a decision that failed, and without which the run can't go on.
type Refused struct{ Text string }

func (e *Refused) Error() string { return e.Text }

// carriedMark begins the input of a run that its predecessor left unread signals.
const carriedMark = "flow+signals:"

// Carry is an input that has signals with it.
func Carry(input string, unread []Signal) string {
	if len(unread) == 0 {
		return input
	}
	b, _ := json.Marshal(struct {
		Input   string   `json:"input"`
		Signals []Signal `json:"signals"`
	}{input, unread})
	return carriedMark + string(b)
}

// Carried takes such an input apart.
func Carried(text string) (input string, unread []Signal) {
	rest, ok := strings.CutPrefix(text, carriedMark)
	if !ok {
		return text, nil
	}
	var c struct {
		Input   string   `json:"input"`
		Signals []Signal `json:"signals"`
	}
	if json.Unmarshal([]byte(rest), &c) != nil {
		return text, nil
	}
	return c.Input, c.Signals
}
