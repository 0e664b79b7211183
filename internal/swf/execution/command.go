package execution

import (
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// Commands are the bodies of engine.Command for kind Kind. They are handed in as
// pointers. Each names its reply; where it names none, the reply is nil. A reply
// may be an *UnknownExecutionError instead: the command found the history full and
// closed the execution, and nothing else of it was recorded.

// KeepForever as RetentionDays keeps a closed execution for good.
const KeepForever = -1

// KeepFor as RetentionDays keeps a closed execution for a span, which is less than any
// number of days: logs have room for one number.
func KeepFor(span engine.Time) int64 { return KeepForever - int64(span) }

// forgetAt is when a closed execution goes; zero: never.
func (s *State) forgetAt() engine.Time {
	switch days := s.retentionDays; {
	case days == KeepForever:
		return 0
	case days < KeepForever:
		return s.closed + engine.Time(KeepForever-days)
	default:
		return s.closed + engine.Time(days*dayMillis)
	}
}

// Settings are what an execution runs with, defaults resolved. Timeouts are
// seconds or NONE; an empty TaskPriority or LambdaRole is not set.
type Settings struct {
	Type                         wire.WorkflowType
	TaskList                     string
	TaskPriority                 string
	ExecutionStartToCloseTimeout string
	TaskStartToCloseTimeout      string
	ChildPolicy                  string
	LambdaRole                   string
	Tags                         []string
}

// Parent links a child execution to the decision that started it.
type Parent struct {
	WorkflowID       string
	Run              engine.RunID
	InitiatedEventID int64
}

// Start begins an execution; its engine.Command has Begin Always. The reply is a
// *Started. Errors: *TooManyOpenError.
type Start struct {
	Settings
	Input         *string
	DomainNumber  uint32
	RetentionDays int64        // 0: deleted when closed; KeepForever, KeepFor
	Parent        Parent       // zero: a root
	Continued     engine.RunID // the run that continues as this one; zero: none
	Trace         string       // header of W3C or X-Ray; "": it is of no trace yet
}

// Started is the reply to Start.
type Started struct {
	RunID string // as the wire carries it
}

// Signal records a signal that came by the API.
type Signal struct {
	Name  string
	Input *string
}

// RequestCancel asks the decider to cancel the execution.
type RequestCancel struct{}

// Terminate closes the execution at once. An empty ChildPolicy means the
// execution's own.
type Terminate struct {
	Reason      *string
	Details     *string
	ChildPolicy string
}

// StartDecision says that a poll was matched with the offer of a decision task.
// The reply is a *DecisionTask. Errors: *UnknownDecisionTaskError if the task is no
// longer on offer.
type StartDecision struct {
	ScheduledEventID int64
	Identity         *string
}

// DecisionTask is what a poll for a decision task answers. The history that
// belongs to it ends with StartedEventID.
type DecisionTask struct {
	WorkflowID             string
	RunID                  string
	Type                   wire.WorkflowType
	DomainNumber           uint32
	ScheduledEventID       int64
	StartedEventID         int64
	PreviousStartedEventID int64
	Attempt                int64
	Trace                  string `json:",omitempty"` // header for its decider; "": there is none
}

// ShowsUpTo implements engine.Showing.
func (t *DecisionTask) ShowsUpTo() int64 { return t.StartedEventID }

// CompleteDecision answers a decision task. Errors: *UnknownDecisionTaskError,
// *ValidationError; after either nothing has changed.
type CompleteDecision struct {
	ScheduledEventID               int64
	StartedEventID                 int64
	ExecutionContext               *string
	TaskList                       string // "": no override
	TaskListScheduleToStartTimeout *string
	Decisions                      []wire.Decision
	// Facts has an element for each decision; empty: nothing is denied and no
	// decision names a type.
	Facts []Fact
	// LambdaAvailable tells whether this region has a Lambda service.
	LambdaAvailable bool
}

// TypeStatus is what the registry says of a type.
type TypeStatus uint8

const (
	TypeUnknown TypeStatus = iota
	TypeRegistered
	TypeDeprecated
)

// Fact is what had to be looked up for one decision: whether the caller may make
// it, and make it now, and, for ScheduleActivityTask, StartChildWorkflowExecution and
// ContinueAsNewWorkflowExecution, the named type and its defaults.
type Fact struct {
	Denied    bool
	Throttled bool // there were too many such decisions lately
	Type      TypeStatus
	Activity  *wire.ActivityTypeConfiguration
	Workflow  *wire.WorkflowTypeConfiguration
}

// StartActivity says that a poll was matched with the offer of an activity task.
// The reply is an *ActivityTask. Errors: *UnknownActivityError if the task is no
// longer on offer.
type StartActivity struct {
	ScheduledEventID int64
	Identity         *string
}

// ActivityTask is what a poll for an activity task answers. The input is in the
// event ScheduledEventID.
type ActivityTask struct {
	WorkflowID       string
	RunID            string
	ActivityID       string
	Type             wire.ActivityType
	DomainNumber     uint32
	ScheduledEventID int64
	StartedEventID   int64
	Attempt          int64
	Trace            string `json:",omitempty"` // header for its worker; "": there is none
}

// ActivityRef names a started activity task as its token does. Errors of all
// commands that hold it: *UnknownActivityError. Which attempt speaks does not matter:
// the first that closes the task wins.
type ActivityRef struct {
	ScheduledEventID int64
	StartedEventID   int64
}

// Heartbeat reports that a worker is alive. The reply is a *HeartbeatReply.
type Heartbeat struct {
	ActivityRef
	Details *string
}

// HeartbeatReply tells the worker whether its task should stop.
type HeartbeatReply struct {
	CancelRequested bool
}

// CompleteActivity closes an activity task with a result.
type CompleteActivity struct {
	ActivityRef
	Result *string
}

// FailActivity closes an activity task as failed.
type FailActivity struct {
	ActivityRef
	Reason  *string
	Details *string
}

// CancelActivity closes an activity task as canceled. As with the service it is
// up to the worker to have been asked.
type CancelActivity struct {
	ActivityRef
	Details *string
}

// StartLambda says that the performer takes a Lambda task. The reply is a
// *LambdaTask, or nil if the execution has no role: the task then has failed.
// Errors: *UnknownLambdaError if the task is no longer on offer.
type StartLambda struct {
	ScheduledEventID int64
}

// LambdaTask is what the performer needs. The input is in the event
// ScheduledEventID.
type LambdaTask struct {
	WorkflowID          string
	RunID               string
	ID                  string
	Name                string
	Role                string
	StartToCloseTimeout string
	ScheduledEventID    int64
	StartedEventID      int64
	Attempt             int64
	Trace               string `json:",omitempty"` // header for the function; "": there is none
}

// CompleteLambda closes a started Lambda task with a result. Errors:
// *UnknownLambdaError.
type CompleteLambda struct {
	ScheduledEventID int64
	StartedEventID   int64
	Result           *string
}

// FailLambda closes a started Lambda task as failed. Errors: *UnknownLambdaError.
type FailLambda struct {
	ScheduledEventID int64
	StartedEventID   int64
	Reason           *string
	Details          *string
}

// StartLambdaFailed says that the execution's role could not be used. Errors:
// *UnknownLambdaError.
type StartLambdaFailed struct {
	ScheduledEventID int64
	Message          string
}

// Describe asks for what DescribeWorkflowExecution shows; it changes nothing, and
// closed executions answer too. The reply is a *Description.
type Describe struct{}

// Description is the reply to Describe. The latest execution context is in the
// DecisionTaskCompleted event ContextEventID; 0: there is none.
type Description struct {
	Detail         wire.WorkflowExecutionDetail
	ContextEventID int64
}
