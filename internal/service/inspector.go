package service

import (
	"context"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/matching"
)

// Group is a quota group of open runs.
type Group struct {
	World  engine.World
	Within string // what in the world; empty: nothing
	Limit  string // what is limited, as metrics have it: OpenExecutions, or something else
	Most   int    // how many there may be; 0: they are not limited
}

// OpenExecutions is the limit of groups whose runs are executions.
const OpenExecutions = "open_executions"

// Inspector is how a service shows operators its executions and its task lists. It answers
// for the caller of a handler's context.
type Inspector interface {
	// Serves tells whether it is that of a service.
	Serves(service string) bool
	// Inspects tells whether a reference is to an execution of this service.
	Inspects(ref diagnose.Ref) bool
	// InspectSubject is what must be allowed to who inspects an execution: all that the
	// service's own calls ask of him who would read the same.
	InspectSubject(ctx context.Context, ref diagnose.Ref) (operation.Subject, error)
	// Inspect tells what is open, and what the last events say. Run is for Refusals. Errors:
	// engine.ErrUnusable with what is known, faults of the service's own.
	Inspect(ctx context.Context, ref diagnose.Ref) (e *diagnose.Execution, run engine.RunID, err error)
	// Look reads where an execution is and how far it has come, and no more. Errors: faults of the
	// service's own.
	Look(ctx context.Context, ref diagnose.Ref) (*engine.RunView, error)

	// ListPrefixes are what the full names of task lists of a world begin with, of those
	// within something or of all if it is empty, in order; no other lists' names do.
	ListPrefixes(w engine.World, within string) []string
	// ListOf reads the full name of a task list; ok is false of what is not the service's,
	// or not for callers.
	ListOf(full string) (l TaskList, ok bool)
	// GroupOf reads a quota group of open runs; ok is false of what is not the service's.
	GroupOf(group string) (of Group, ok bool)
	// FullName is how matching knows a task list of a world; "": it can't be one.
	FullName(w engine.World, l TaskList) string
	// Execution names the execution of a run of the service, for links; ok is false if it
	// is not there any more.
	Execution(ctx context.Context, run engine.RunID) (ref diagnose.Ref, ok bool)
}

// Teller is an Inspector of runs whose events are told as they become durable.
type Teller interface {
	Inspector
	// ToldSubject is what must be allowed to who is told of all executions within something, as
	// Told has it, of one execution if ref names it by its ARN, or of all if both are empty.
	// Errors: faults.
	ToldSubject(ctx context.Context, within string, ref diagnose.Ref) (operation.Subject, error)
	// Told gives an event of a run as everyone may see it who may read its history; ok is false
	// if it is not of the service, or of an execution whose history can't be read. Listing is of
	// the run's record, public what is stored of the event.
	Told(id engine.Identity, listing, public []byte) (told Told, ok bool)
}

// Told is an event that has become durable.
type Told struct {
	diagnose.Ref
	Within string // the domain, or the ARN of the state machine
	Type   string // of the execution
	Event  string // as the wire carries it
}

// Searcher is an Inspector of executions that can be looked for by several things at once.
type Searcher interface {
	Inspector
	// SearchSubject is what must be allowed to who searches: all that the service's own lists
	// ask of him who would see the same.
	SearchSubject(ctx context.Context, q *Search) (operation.Subject, error)
	// Search looks at a part of what there may be, and tells how far it has looked. Errors:
	// faults of the service's own.
	Search(ctx context.Context, q *Search) (*Found, error)
}

// Search is what is looked for. What is empty or zero does not count; all others must hold.
type Search struct {
	Within                 string // a domain, or the ARN of a state machine
	Closed                 bool   // closed executions; else open ones
	CloseStatus            string
	ID, IDPrefix, IDPart   string
	Type, Version, Tag     string
	StartedFrom, StartedTo engine.Time // both included
	ClosedFrom, ClosedTo   engine.Time
	ByClose                bool   // in the order of closing; else of starting
	Oldest                 bool   // the oldest first; else the newest
	After                  []byte // Found.Next of the search before; nil: from the beginning
	Limit                  int    // how many are found at most
}

// Found is what a search has found.
type Found struct {
	Executions []FoundExecution
	Looked     int         // how many were looked at
	UpTo       engine.Time // when the last of those started, or closed, as the order is
	Next       []byte      // where to look further; nil: there is no more
}

// FoundExecution is an execution as lists show it.
type FoundExecution struct {
	diagnose.Ref
	Type, Status    string // OPEN, or how it closed
	Tags            []string
	Started, Closed engine.Time // Closed is zero: it is open
	CancelRequested bool
}

// TaskList names a task list as its users do.
type TaskList struct {
	Service string // as policies have it
	World   engine.World
	Kind    diagnose.Kind // of its tasks
	Within  string        // as its service has it; empty: that has none
	Name    string
	ARN     string // what policies are asked about
}

// Overview is what a server knows of its own doings, for its operators.
type Overview interface {
	TaskLists(prefix, after string, n int) (page []matching.Listed, more bool)
	TaskList(full string, tasks int) matching.View
	IdentitySeen(account, identity string) (last engine.Time, waits bool)
	// Refusals are the calls of an account that were refused lately, the newest first.
	Refusals(account string) []Refusal
	Status() Status
	// Series are the last hour of what is in something of a world, or if that is empty of the
	// server: until a moment, a value for each ten seconds.
	Series(w engine.World, within string) (all []Series, until time.Time)
	// Up is when the server came up, by the clock of executions.
	Up() engine.Time
	// DiskUsage is what the data folder has on the disk.
	DiskUsage(context.Context) (DiskUsage, error)
}

// Refusal is a call that was refused.
type Refusal struct {
	At        engine.Time
	Service   string
	Action    string
	RequestID string
	Principal string // ARN; empty: nobody knows who it was
	AccessKey string
	Address   string
	Code      string
	Message   string
	Resource  string       // ARN
	Run       engine.RunID // zero: it was about no run that is known
	Throttled bool
}

// Series is something that was counted or looked at each ten seconds, the oldest first.
type Series struct {
	Name, Unit string
	Adds       bool // it was counted: values add up
	Values     []int64
}

// Status is how a server is.
type Status struct {
	Account   string // its own
	Version   string // of the program, and the revision that it was built from; empty: nobody knows
	Revision  string
	Began     time.Time
	Store     string
	Shards    int
	Totals    matching.Totals
	Requests  int // in flight, but for polls that wait
	DiskRoom  string
	CommitP99 time.Duration // of the last commits; zero: there were none
	// AuditFails: records can't be written.
	AuditFails bool
	Open       int // executions, in the shards of this node
	// Node is the server's name in a cluster; empty: it is alone. Then Members are all of the cluster,
	// itself among them, and Vacant is how many shards nobody of them has.
	Node    string
	Members []Member
	Vacant  int
	// Standbys are those of a database in PostgreSQL.
	Standbys []Standby
	// Homes are those of a store that has several.
	Homes []Home
}

// Home is one of the databases of a store that has several.
type Home struct {
	Name     string
	Database string // where it is; empty: it was away since the start
	Shards   int    // that are there
	Away     bool   // it does not answer this server, so calls for what is there fail
}

// Member is a server of a cluster, as another one sees it.
type Member struct {
	Name, Address         string
	Self, Linked, Leaving bool
	Shards                int
	Status                *Status // as it says itself, without Members; nil: it has not answered
	Error                 string  // why not
}

// Standby is one of a database's: State is "streaming" when all is well, Sync how commits wait for
// it ("sync", "quorum", "potential", "async"); both are empty if nobody may see them.
type Standby struct {
	Name, State, Sync string
	Lag               time.Duration // until it has replayed what is written; 0: it has, or nobody knows
	LagBytes          int64
}

// Batcher is a Searcher to whose executions something can be done in a batch, each by a call of
// the service's own.
type Batcher interface {
	Searcher
	// DeedSubject is what must be allowed to who does something to executions within something.
	DeedSubject(ctx context.Context, d *Deed, within string) (operation.Subject, error)
	// Call is the call by which it is done to one. Errors: faults, of what makes no sense.
	Call(d *Deed, of diagnose.Ref) (service string, in any, err error)
	// IsGone tells whether a call has failed since the execution is not open any more.
	IsGone(err error) bool
}

// Deed is what is done to executions: an action of the service, and what it takes besides.
type Deed struct {
	Action                       string
	Reason, Details, ChildPolicy *string // of who terminates
	Signal, Input                *string // of who signals
	Error, Cause                 *string // of who stops
}
