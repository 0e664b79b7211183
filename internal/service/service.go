// Package service is what a service is to the server: one value that says its name,
// its options, its kinds of execution and their rules, and what its callers may do and
// how often; and what it is given when it opens. The server ranges over a list of such
// values, so a further service is a folder and a line.
package service

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"heddle/internal/archive"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/throttle"
	"heddle/internal/blob"
	"heddle/internal/bucket"
	"heddle/internal/engine"
	"heddle/internal/events/connection"
	"heddle/internal/iam/account"
	"heddle/internal/kms/datakey"
	"heddle/internal/lambda"
	"heddle/internal/lifecycle"
	"heddle/internal/live"
	"heddle/internal/matching"
	"heddle/internal/notify"
	"heddle/internal/runlog"
	"heddle/internal/token"
	"heddle/internal/visibility"
)

// Service is one service of the server. All fields but Name and Open may be zero.
type Service struct {
	Name string // as policies have it: "swf"
	// SigningNames are in the scopes of signatures; nil: Name.
	SigningNames []string

	// Options points to a struct whose fields are the service's settings, with tags as
	// package options reads them.
	Options any
	// Check tells what of Options makes no sense that their tags can't say.
	Check func() error

	// Global: an account is one in all regions, as its callers see it.
	Global bool

	// Rules are those of its kinds of execution, under Options.
	Rules func() map[engine.Kind]engine.Rules

	// Rates are how often AWS lets an account do something in a region by default.
	// Unlimited are actions that AWS does not limit, though an operator may. Rated are rates of
	// calls that are none of actions, but what an operation.Rated says.
	Rates     throttle.Rates
	Unlimited []string
	Rated     []string

	// Begins are the actions that begin something which stays. When the disk has little room
	// they are refused, and all others are not yet; see Kernel.Scarce.
	Begins []string

	Audit Audit

	// Open makes what answers calls.
	Open func(*Kernel) (*Opened, error)

	// Live are its kinds whose events are told to operators as they become durable, just as the
	// wire carries them.
	Live []engine.Kind

	Metrics Metrics

	// TurnDone hears of what became durable of the runs of its kinds, as
	// engine.Listener has it, also before Open was called: metrics are made of it.
	TurnDone func(*engine.TurnDone)

	// DataKeys are what its rules get data keys from; nil: they want none. They need not have
	// any before Open was called.
	DataKeys engine.DataKeys

	// Archived says what an archive has of a closed run beside its events; false: it is no
	// execution that is kept. Nil: none is.
	Archived func(*engine.RunView) (archive.Execution, bool)

	// Crossing are the types that its commands, replies and errors have, or are made of where
	// an interface stands: between servers that share a store they are written and read.
	Crossing []reflect.Type

	// Export is a command of the command line with its flags: it writes an execution of
	// a stopped store as the service's own API shows it. It has a method
	// Run(context.Context, Stored, io.Writer) error.
	Export any
}

// Metrics are what a service has for who watches it.
type Metrics struct {
	Prefix string // of what is its own, behind heddle_; empty: Name
	Within string // the label for what its task lists and executions are in; empty: they are in nothing
	// Meters are all that its rules measure by.
	Meters []*engine.Meters
}

// Audit is what the audit trail must know of the actions of a service.
type Audit struct {
	// DataEvent tells whether an action is about what users do with what was set up,
	// not about setting it up; nil: none is.
	DataEvent func(action string) bool
	// Changes are actions that change something, though their names, such as Get, say
	// otherwise; Reads are the opposite.
	Changes, Reads []string
	// Members are those of its requests and answers.
	Members Members
}

// Members are names of members of requests and answers, by what a record of the trail
// shows of them, wherever they stand. They begin with a small letter, as in CloudTrail's
// records, whatever the protocol has; each stands once. A member that is in none of the
// lists is never shown, and a test fails for each that a call could have: all members of
// what is asked, and of what is answered by what changes something. Of what lies in a
// member that is not shown nothing is, and it need not be listed.
type Members struct {
	Shown   []string
	Free    []string // of users, in a form of their own: hidden, unless --audit-data
	Secret  []string // tokens, too: hidden always
	Unshown []string // what nobody acts on, or is too much
	Maps    []string // shown with all that is in them: their names are the user's
}

// Runs is the part of the shards that services need.
type Runs interface {
	// Do gives a command to its run and returns the reply once it is durable.
	Do(ctx context.Context, cmd engine.Command) (any, error)
	// Cast gives a command to its run; nobody hears of the outcome.
	Cast(cmd engine.Command)
	// View gives what is known of a run without its state.
	View(ctx context.Context, name engine.Name, run engine.RunID) (*engine.RunView, error)
	// AppendEvents appends the events first..last as the wire carries them.
	AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error)
	// AppendPage is AppendEvents of as many events as most bytes have room for, but of one
	// at least. It tells how many.
	AppendPage(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool, most int) ([]byte, int64, error)
}

// Tasks pairs polls with tasks.
type Tasks interface {
	// Poll waits for a task of a list; nil: the context ended first, or the server stops and
	// there will be no more. Of a caller its identity is enough: the server knows the rest.
	Poll(ctx context.Context, list string, who matching.Poller) (*matching.Claim, error)
	// Refuse gives the place of a claim that could not be used back, first in line, and
	// waits on.
	Refuse(context.Context, *matching.Claim) *matching.Claim
	// Backlog tells how many tasks wait on a list.
	Backlog(list string) int
}

// Blobs keeps what is too large for events.
type Blobs interface {
	// Put keeps bytes, and gives what to remember of them. What no run keeps is deleted
	// after a while (engine.Turn.Keep), so that must follow at once. Errors: blob.ErrScarce, in
	// the midst of what is large.
	Put(ctx context.Context, r io.Reader) (blob.Ref, error)
	// Read gives a whole blob, as rules are given it; it may be shared, and is not changed.
	Read(ctx context.Context, id blob.ID) ([]byte, error)
	// Open reads a blob of any size from an offset on; see blob.Store. The caller closes the
	// reader.
	Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error)
}

// Buckets gives those of an account, where services read and write on its behalf. Whether a
// caller may touch one is for the service to ask.
type Buckets func(account string) bucket.Store

// Kernel is what a service is given when it opens.
type Kernel struct {
	Runs Runs
	// Served tells whether a run can be reached now: else a command for it waits a while, and may
	// fail. Nil: all always can.
	Served    func(engine.RunID) bool
	Blobs     Blobs
	Tasks     Tasks // for callers: their polls are counted, and bounded
	Performed Tasks // for performers of the server's own
	// Buckets are those of users; nil: nobody has any. Room gives an account's share of the
	// memory for the bytes of their objects that are on their way.
	Buckets Buckets
	Room    func(account string) *bucket.Room
	// Lambda invokes functions: the tasks of sources that services add while they open.
	Lambda     *lambda.Performer
	Visibility *visibility.Reader
	Tokens     *token.Sealer
	Accounts   *account.Directory // who there is
	// Secret is the service's own, for what is to be sealed once more before it is stored.
	Secret [32]byte
	// Keys encrypt for users of the server; nil: no service before this one has any.
	Keys datakey.Keys
	// Connections are those of users; nil: no service before this one has any.
	Connections connection.Source
	Trusting    bool // nobody signs: everybody is the root user, and roles are whatever they are said to be

	Region string // of requests that name none
	// Inside answers a request that is for a service of this server, as it would be answered to
	// a caller who signs it for a region; Serves tells, by the name that signatures have, whether
	// there is one here with an operation. The answer's body is whole. Nil: nobody answers.
	Inside func(caller *account.Caller, region string, r *http.Request) *http.Response
	Serves func(signingName, operation string) bool

	RootSeed func() engine.Seed // for the ids of root runs
	Clock    func() engine.Time // may be ahead of the real time, when time is skipped
	Now      func() time.Time   // the real time
	Random   io.Reader
	PollHold time.Duration // how long a poll waits for a task; zero: until it has one, or is given up. See Hold
	// Within ends a context after a while: context.WithTimeout, or what stands for it
	// where time is not real.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// Beside does work n times, each beside the others, and returns when all is done. It is
	// Goroutines, or what stands for that where one thing is done at a time.
	Beside func(n int, work func())
	// PollsPerListMax bounds the polls that wait on a list.
	PollsPerListMax int
	// Throttle tells whether something may be done in a world now that is throttled
	// beside calls, by its name in Rates; nil: always.
	Throttle func(w engine.World, name string) bool
	// Reserve takes n of what is throttled beside calls out of what may be done in a world, by its
	// name in Rates, and gives the moment from which on they may be done: later than now, if there
	// are too many. Return gives back n that are not done. Nil, both: nothing is throttled.
	Reserve func(w engine.World, name string, now engine.Time, n int) engine.Time
	Return  func(w engine.World, name string, n int)
	// Scarce tells whether there is little room, so that nothing should begin beside calls
	// either that stays; nil: there always is room.
	Scarce func() bool
	Log    *slog.Logger
	// Measured takes what was measured beside the shards' turns; nil: nobody wants it.
	Measured func(engine.World, []engine.Measure)

	// Calls are calls from inside, as of callers that CallerOf makes: of who has a key, in a
	// region, and the request that it is for.
	Calls    Calls
	CallerOf func(who *account.Caller, region string, r *http.Request) operation.Caller

	// Overview and Inspectors are for operators: what the server knows of itself, and how
	// the services that opened before show what they have.
	Overview Overview
	// Events delivers events to their targets; nil: there are none.
	Events *notify.Deliverer
	// Live has the events of Service.Live. Who waits for some counts as a poll from AsPoll on,
	// until its end.
	Live       *live.Hub
	AsPoll     func(ctx context.Context) (end func(), err error)
	Inspectors []Inspector
	// Reset has the server forget all that it has, soon; nil: it keeps what it has.
	Reset func()
	// Checkpoints makes copies of the store; nil: it is in memory.
	Checkpoints Checkpoints
	// Losses are of a store that may be behind what was acknowledged, as a standby that was
	// promoted; nil: it can't be.
	Losses Losses
	// ConsoleLink makes a link by which a caller signs in to the console, once and soon: what
	// stands behind the server's own address. Errors: those of callers are faults. Nil: there
	// is no console.
	ConsoleLink func(*operation.Caller) (path string, until time.Time, err error)
}

// Calls does calls from inside the server by the road of all calls; it is operation.Handler.
type Calls interface {
	Call(ctx context.Context, caller *operation.Caller, service, name string, in any) (any, error)
}

// Hold gives the context of a poll, which ends when it has waited for as long as polls do.
func (k *Kernel) Hold(ctx context.Context) (context.Context, context.CancelFunc) {
	if k.PollHold == 0 {
		return context.WithCancel(ctx)
	}
	return k.Within(ctx, k.PollHold)
}

// Goroutines does work n times, each in a goroutine, and returns when all is done.
func Goroutines(n int, work func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(work)
	}
	all.Wait()
}

// Opened is a service that answers calls.
type Opened struct {
	Model      operation.Model
	Operations []operation.Operation
	Parts      []Part       // what has a life besides: performers
	Paths      []Path       // what is asked for past the path of calls; nil: nothing
	Keys       datakey.Keys // what it has for the services behind it; nil: nothing
	// Connections are what it has for the services behind it; nil: nothing.
	Connections connection.Source
	Inspector   Inspector // nil: it has nothing to show to operators
}

// Path is what answers requests whose paths begin with Prefix. Nobody has found out who sends
// them: what they may, they must show themselves. When the disk has little room those that
// bring something, by other methods than GET and HEAD, do not come to it.
type Path struct {
	Prefix string
	http.Handler
}

// Part is something with a life.
type Part struct {
	Name string // for the operator: "Lambda tasks"
	lifecycle.Service
}

// Idler is a Part that does what no list of tasks, record or call shows: time is not skipped
// while it is not idle.
type Idler interface{ Idle() bool }

// Sleeper is a Part that waits for moments of the server's time which no record shows: when
// time is skipped, it is skipped for it too.
type Sleeper interface {
	// Working is how many things it does itself, and how many of the requests and the tasks under way do nothing but
	// wait for one of its that sleeps.
	Working() (busy, waiters int)
	// Timer is the earliest moment that a user waits for, and Wake the earliest of all; zero:
	// there is none.
	Timer() engine.Time
	Wake() engine.Time
	// Skipped says that time was.
	Skipped()
}

// Stored is a stopped store, for reading.
type Stored struct {
	Runs       runlog.Reader
	Visibility *visibility.Reader
}
