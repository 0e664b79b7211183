// Package diagnose tells why an execution does not move. It is pure: what is open in an
// execution, who polls the lists that its tasks wait on, who was refused, the limits and the
// time go in; verdicts come out, the most severe first, in words for people who look for
// what to do. Services fill in what their rules know; the words are the same for all.
package diagnose

import (
	"cmp"
	"slices"

	"heddle/internal/engine"
)

// Ref names an execution as requests do: of SWF by its domain and workflowId, and perhaps
// its run; of Step Functions by its ARN.
type Ref struct {
	Domain, WorkflowID, RunID string
	ARN                       string
}

// Execution is what is open in an execution, and what it waits for.
type Execution struct {
	Service string // as policies have it: swf, states
	Ref
	Type     string // of workflow, or the state machine
	Status   string // OPEN or RUNNING; else how it closed
	IsOpen   bool
	Started  engine.Time
	Closed   engine.Time // zero: it is open
	TimesOut engine.Time // when its own timeout ends it
	// Events is how many its history has. It ends at EventsMax.
	Events, EventsMax int64
	CancelRequested   bool

	// What is open, or was when it closed, in the order of its events.
	Tasks    []Task
	Waits    []Wait
	Children []Child
	Groups   []Group // of Step Functions
	// DecidedAt is when a decider last decided; zero: never. Of SWF.
	DecidedAt engine.Time
	// Context is the event that has what a decider last said besides; 0: none has. Of SWF.
	Context int64
	// CodeWaits are the places where workflow code waits, as package flow tells: order.go:41 flow.First.
	CodeWaits []string
	// Parked is why that code could not decide when it was asked last.
	Parked Parked

	// What the last events say.
	Loop    Loop
	Failure Failure
	// OpenMax is how many tasks of a kind may be open: NEAR_LIMIT.
	OpenMax map[Kind]int
}

// Kind is of tasks.
type Kind string

// Values of Kind.
const (
	Decision    Kind = "decision"
	Activity    Kind = "activity"
	Lambda      Kind = "lambda"
	Integration Kind = "integration" // that the server does itself
	Callback    Kind = "callback"    // whoever has its token ends it
)

// Task is an open task.
type Task struct {
	Kind     Kind
	Name     string // activity type, function or state
	ID       string // activityId, or the decision's id; "": it has none
	List     string // as its users call it; "": only the server itself polls it
	Full     string // as matching knows it
	Priority int32

	Scheduled   int64 // event id
	ScheduledAt engine.Time
	Started     int64 // event id; 0: not yet
	Since       engine.Time
	Attempt     int64
	// Waits: it is on offer, for the first time or since its worker never got it.
	Waits           bool
	BeatAt          engine.Time
	BeatDetails     *string
	CancelRequested bool
	// Deadlines may end what it waits for now, the soonest first; none: it may be for ever.
	Deadlines []Deadline
	// Lacking are the timeouts that would end it and that its type or its decider left NONE.
	Lacking []string
	// Holder is who has it, as the event that started it says.
	Holder string
}

// Deadline is a timeout that would end something.
type Deadline struct {
	Timeout string // START_TO_CLOSE, HEARTBEAT, …
	At      engine.Time
}

// Soonest keeps those deadlines that there are, in order.
func Soonest(all ...Deadline) []Deadline {
	all = slices.DeleteFunc(all, func(d Deadline) bool { return d.At == 0 })
	slices.SortStableFunc(all, func(a, b Deadline) int { return cmp.Compare(a.At, b.At) })
	return all
}

// Wait is something that goes on at a moment by itself.
type Wait struct {
	Name  string // timerId, or the state
	Event int64
	Until engine.Time
	Retry int64 // which try comes; 0: it is no retry
}

// Child is an execution that another one waits for.
type Child struct {
	Ref
	Event   int64
	Started bool // it is known to have begun
	// Verdict is the child's own first one; zero: nobody asked.
	Verdict Verdict
}

// Group is a Parallel or Map state under way.
type Group struct {
	State                string
	Event                int64
	Running, Done, Total int64
}

// Loop is what decision tasks ended in, one after the other: the last ones all in the same.
type Loop struct {
	Cause string // TIMED_OUT, or the cause of the …Failed events
	Of    string // type of those events
	Text  string // what the last one says besides
	Count int    // decision tasks
}

// Parked is what package flow recorded in place of a decision. The zero value: it has decided.
type Parked struct {
	Event int64
	Why   string // with lines, and perhaps a stack
}

// Failure is why an execution closed as it did.
type Failure struct {
	Event   int64  // that closed it
	Reason  string // reason, cause or error
	Details string
	// Led is the event before that went wrong; 0: nobody knows of one.
	Led        int64
	LedBy      string // what it was of: activity charge-card
	LedHow     string // failed, timed out
	LedReason  string
	LedDetails string
}

// List is what is known of a task list. Of what the caller may not see only whether
// somebody polls is told.
type List struct {
	Polls  int         // waiting
	Polled engine.Time // when somebody last polled; zero: nobody knows of anybody
	Last   string      // who that was; "": not known, or not told
	// Told: the numbers below may be told.
	Told       bool
	Backlog    int
	OutAMinute int
	// Ahead tells how many tasks are before one at most; nil: nobody knows.
	Ahead func(priority int32, at engine.Time) int
	// Alike are lists with a name like this one's that somebody polls.
	Alike []Alike
}

// Alike is a list that somebody polls and whose name is like another's.
type Alike struct {
	Name  string
	Polls int
}

// Seen is when somebody last polled any list.
type Seen struct {
	Waits bool        // a poll of his waits
	Last  engine.Time // zero: nobody knows
}

// Refusal is a call about the execution that was refused.
type Refusal struct {
	At        engine.Time
	Action    string
	Code      string
	Text      string // "": not told
	Principal string // "": not told
	Throttled bool   // refused for its rate
}

// Facts are all that a diagnosis goes by.
type Facts struct {
	*Execution
	Now         engine.Time
	Quarantined bool            // its rules panicked: nothing else of it is known
	Lists       map[string]List // by full name
	Holders     map[string]Seen // by identity
	Refusals    []Refusal       // the newest first
	Up          engine.Time     // since when polls are known at all
	PollHold    engine.Time     // how long a poll waits
}

// Code says what kind of verdict it is.
type Code string

// Values of Code, the most severe first.
const (
	Quarantined     Code = "QUARANTINED"
	FailedBy        Code = "FAILED_BY"
	DecisionRefused Code = "DECISION_REFUSED"
	DecisionParked  Code = "PARKED"
	DeciderLoops    Code = "DECIDER_LOOPS"
	NoWorker        Code = "NO_WORKER"
	HolderSilent    Code = "HOLDER_SILENT"
	Unlimited       Code = "UNLIMITED"
	DeciderIdle     Code = "DECIDER_IDLE"
	Throttled       Code = "THROTTLED"
	NearLimit       Code = "NEAR_LIMIT"
	Backlog         Code = "BACKLOG"
	Held            Code = "HELD"
	LambdaRuns      Code = "LAMBDA"
	ChildRuns       Code = "CHILD"
	Retry           Code = "RETRY"
	TimerRuns       Code = "TIMER"
	Waiting         Code = "WAIT"
	Moving          Code = "MOVING" // a state is about to be entered
	Closed          Code = "CLOSED" // it ended well
)

// codes are all codes in order.
var codes = []Code{
	Quarantined, FailedBy, DecisionRefused, DecisionParked, DeciderLoops, NoWorker, HolderSilent, Unlimited, DeciderIdle, Throttled, NearLimit, Backlog,
	Held, LambdaRuns, ChildRuns, Retry, TimerRuns, Waiting, Moving, Closed,
}

// Severe tells whether somebody should do something.
func (c Code) Severe() bool { return slices.Index(codes, c) <= slices.Index(codes, Backlog) }

// Verdict is one reason why an execution does not move, or is as it is.
type Verdict struct {
	Code  Code
	Text  string // a sentence
	Do    string // what to do; "": nothing
	Event int64  // what it is about; 0: the execution
	List  string // the task list that it is about
	Child Ref    // the execution that it waits for
	Until engine.Time
	More  int // how many others it holds of as well
}
