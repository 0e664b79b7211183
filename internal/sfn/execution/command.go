package execution

import (
	"heddle/internal/engine"
)

// Start begins an execution. The reply is a *Started. Errors: *TooManyOpenError.
type Start struct {
	Settings
	Input string // JSON text, as the caller wrote it
}

// Started is the reply to Start and to Same.
type Started struct {
	At  engine.Time
	Run engine.RunID
}

// Same asks of an open execution whether it was started with an input, by the same
// version and alias. The reply is a *Started. Errors: *ExistsError if it was not.
type Same struct{ Input, Version, Alias string }

// StartTask gives a task to who asked for one. The reply is a *Task. Errors:
// *UnknownTaskError if the task is no longer on offer.
type StartTask struct {
	ScheduledEventID int64
	Worker           *string // name of an activity's worker
}

// Look asks what an open task needs; it changes nothing. The reply is a *Task, of which
// nobody may have the task yet. Errors: *UnknownTaskError.
type Look struct{ ScheduledEventID int64 }

// Task is an open task as its worker or performer needs it.
type Task struct {
	ScheduledEventID int64
	StartedEventID   int64
	Attempt          int64
	Token            string
	Trace            string // header for who performs it; "": there is none
	Input            string // JSON text: the task's input, or an integration's parameters
	Resource         string // ARN, or of an integration its action with its pattern
	Service          string // of an integration
	Role             string // ARN: the machine's, or of the task's own credentials
	Credentials      bool   // Role is of the task's credentials
	MachineRole      string // ARN; it assumes Role, if that is another
	Machine          string // ARN
	Execution        string // ARN
	Name             engine.Name
	Started          engine.Time // of the execution
	Since            engine.Time
	Submitted        int64 // event id of TaskSubmitted; 0: not yet
	TimeoutSeconds   int64 // from when it was scheduled; 0: none
	ScheduledAt      engine.Time
}

// Ref names a task to its execution: by its Scheduled event, which is enough of the
// server's own performers, or by what its token says.
type Ref struct {
	ScheduledEventID int64
	Token            *Token
	World            engine.World // of who shows the token
}

// Heartbeat says that a task is being worked on. Errors: *UnknownTaskError, *TokenError.
type Heartbeat struct{ Ref }

// Submit says that what a task asks for was begun, and that its outcome will come by
// itself, or that its performer asks after it. Output is what was answered, a JSON text.
// Errors: *UnknownTaskError.
type Submit struct {
	Ref
	Output string
	Asked  bool // the performer keeps the task: if it is lost, another is to go on
}

// Succeed closes a task with its output, a JSON text. Errors: *UnknownTaskError,
// *TokenError.
type Succeed struct {
	Ref
	Output string
}

// Fail closes a task as failed. Errors: *UnknownTaskError, *TokenError.
type Fail struct {
	Ref
	Error, Cause *string
	Unstarted    bool // the role that was to do it can't be assumed
}

// Stop aborts an execution. The reply is a *Stopped. Nothing changes if it is closed.
type Stop struct{ Error, Cause *string }

// Stopped is the reply to Stop.
type Stopped struct{ At engine.Time }

// Redrive runs a closed execution on from where it failed. The reply is a *Redriven.
// Errors: *NotRedrivableError.
type Redrive struct{ ClientToken string }

// Redriven is the reply to Redrive.
type Redriven struct{ At engine.Time }

// Describe asks what an execution is; it changes nothing, and closed ones answer too. The
// reply is a *Description.
type Describe struct{}

// Description is the reply to Describe.
type Description struct {
	Listing
	Settings      Settings
	Name          string
	Machine       string // ARN
	ARN           string
	Input         string
	Output        string // JSON text; "": there is none
	Error, Cause  *string
	Started       engine.Time
	Closed        engine.Time // zero: open
	Redriven      engine.Time
	NotRedrivable string // why it can't be redriven; "": it can
	Open          bool
}
