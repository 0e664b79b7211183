// Package engine is the vocabulary that rules and shards share: names, runs,
// commands, events, notes, offers and the record of a run.
//
// A service describes one kind of execution by its Rules: a pure, deterministic
// machine. A shard hands the rules a command and writes what they answer. The
// package knows no service, does no I/O and reads no clock.
package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"heddle/internal/blob"
	"heddle/internal/pack"
)

// Time is a moment in milliseconds since the Unix epoch. Zero means "never".
type Time int64

// Seconds is a span of n seconds, to be added to a Time.
func Seconds(n int64) Time { return Time(n * 1000) }

// Unlimited is a timeout without an end, in seconds.
const Unlimited = -1

// After gives the moment at which a timeout of so many seconds ends that began at from;
// zero: never.
func After(from Time, seconds int64) Time {
	if seconds == Unlimited {
		return 0
	}
	return from + Seconds(seconds)
}

// Code writes a time or reads it back.
func (t *Time) Code(c *pack.Coder) { c.Int((*int64)(t)) }

// World is one account in one region. Two worlds share nothing.
type World struct {
	Account string
	Region  string
}

// Kind names a kind of execution, and so the rules that it follows.
type Kind string

// Name is what a run is called: at most one run of a name is open at a time.
// Key is composed by the service (SWF: domain, NUL, workflowId).
type Name struct {
	World World
	Kind  Kind
	Key   string
}

// RunID names one run for good. Its first two bytes are the shard that holds it.
type RunID [16]byte

// NewRunID gives the run of a shard that grows from a seed.
func NewRunID(shard uint16, seed Seed) RunID {
	var id RunID
	binary.BigEndian.PutUint16(id[:2], shard)
	copy(id[2:], seed[:])
	return id
}

// Shard is the shard that holds the run.
func (id RunID) Shard() uint16 { return binary.BigEndian.Uint16(id[:2]) }

// IsZero tells whether the id names no run.
func (id RunID) IsZero() bool { return id == RunID{} }

// Code writes a run or reads it back.
func (id *RunID) Code(c *pack.Coder) { c.Fixed(id[:]) }

func (id RunID) String() string { return fmt.Sprintf("%x", id[:]) }

// Identity is what the rules know of a run before its first event.
type Identity struct {
	Name Name
	Run  RunID
}

// Begin says whether a command may begin a new run of its name.
type Begin uint8

const (
	// Never: the command is for a run that exists.
	Never Begin = iota
	// IfAbsent: the open run handles the command; without one, a new run does.
	IfAbsent
	// Always: a new run handles the command. If one is open, the command is
	// refused with AlreadyOpenError.
	Always
	// Once: as Always, and a name whose last run is closed but still kept is refused
	// with NameKeptError. Only for kinds whose names are kept (Traits).
	Once
)

// Command asks something of one run.
type Command struct {
	Name  Name
	Run   RunID // the run that is meant; zero: the open run of Name
	Begin Begin
	Seed  Seed   // for a new run: where its id comes from
	Group string // for a new run: that it is counted in until its Record.Group is known
	Body  any    // the rules' own type
	// Await: answered when the run closes, with its Outcome, and not when the command
	// is durable; a command that is refused is answered at once. Who waits is lost with
	// the process, or with the shard's memory (ErrUnavailable), and asks again by
	// name: a Peek that awaits changes nothing.
	Await bool
	// Patient: nobody waits for it, and it may wait a little for others with
	// which to share a write. It goes after them, so what they do may spare it.
	Patient bool
}

// Wake is the body of the command that a shard gives to a run whose
// Record.Wake has come.
type Wake struct{}

// Input is what Handle may know beside state and command.
type Input struct {
	Now Time
	// Confirmed is a time that nobody doubts, no later than Now: what can't be taken back
	// goes by it.
	Confirmed Time
	// Up is when this shard was last taken over. Before it nobody could reach
	// the run: workers could not heartbeat.
	Up Time
	// OpenInGroup counts the open runs of the run's group, without this one.
	OpenInGroup int
	// OpenIn counts the open runs of any group, this one too if it is of it.
	OpenIn func(group string) int
	// NameTaken: the run is closed, and another run of its name is open: it can't open
	// again.
	NameTaken bool
	// Notify is how much the turn is to tell those outside.
	Notify Notify
	// Measure: somebody wants the turn's Measures.
	Measure bool
	// Event gives the stored public bytes of an event of the run that was wanted, nil if
	// there is no such event; Blob the bytes of a blob that was. Neither may be changed.
	Event func(id int64) []byte
	Blob  func(id blob.ID) []byte
	// DataKey gives a data key that was wanted, or the KeyRefusedError for it.
	DataKey func(KeyUse) (DataKey, error)
}

// Want is what Handle must be given beside state and command.
type Want struct {
	Events   []int64 // of the run's own history
	Blobs    []blob.ID
	DataKeys []KeyUse
}

// Event is an entry of a run's history. Ids are dense from 1.
type Event struct {
	ID      int64
	At      Time
	Body    any    // the rules' own type: what Apply folds
	Public  []byte // the entry as the wire carries it
	Private []byte // what Public can't hold; empty for most events
}

// NoteKind distinguishes the notes about one subject.
type NoteKind uint8

// NoteDelivered is the one kind that shards know: its presence says that the
// started task Subject reached its worker. Kinds above it belong to the rules.
const NoteDelivered NoteKind = 1

// Note is a private fact about an event of the run, beside the history. The last
// note of a (Subject, Kind) wins; an empty Value takes the note away.
type Note struct {
	Subject int64
	Kind    NoteKind
	Value   []byte
}

// Message is a command for another run, written in the batch that sends it and
// handled exactly once.
type Message struct {
	To    Name
	Run   RunID // as in Command
	Begin Begin
	Seed  Seed
	Group string
	Body  []byte // what Rules.DecodeMessage of To.Kind reads
}

// Turn is what a command did. Handle has already applied Events and Notes to
// the state.
type Turn struct {
	Events   []Event
	Notes    []Note
	Messages []Message
	// Notifications are for those outside who want to hear of the events; see Input.Notify.
	Notifications []Notification
	// Measures are for who keeps metrics; see Input.Measure. A turn that does nothing else has
	// none.
	Measures []Measure
	// Keep are blobs that the events name: from now on they are kept, until the run is
	// deleted or drops them. Drop are those that it no longer needs.
	Keep, Drop []blob.ID
	// Successor begins the next run of the same name in the same batch; the
	// turn must have closed this one. Its Seed makes the new run's id. That run's
	// first turn has no successor.
	Successor *Command
	// Reply is for the caller, who gets it once the turn is durable. An error is the
	// caller's error; the turn stands all the same.
	Reply any
}

// TurnBytesMax bounds a turn, so that the batch that holds it is small as well. Rules
// must stop below it, whatever a user asks for: what goes on by itself wants a Wake at
// once (Record.Wake = Input.Now) and goes on there, in the next batch. A run whose
// rules exceed it is quarantined, and nothing of the turn is written.
const TurnBytesMax = 4 << 20

// turnPartBytes is what an event, note, message or notification counts beside its own bytes, so that
// TurnBytesMax bounds their number too.
const turnPartBytes = 256

// Bytes is what counts of a turn towards TurnBytesMax.
func (t *Turn) Bytes() int {
	n := turnPartBytes * (len(t.Events) + len(t.Notes) + len(t.Messages) + len(t.Notifications) + 2*len(t.Keep) + 2*len(t.Drop)) // a reference is two rows
	for i := range t.Events {
		n += len(t.Events[i].Public) + len(t.Events[i].Private)
	}
	for i := range t.Notes {
		n += len(t.Notes[i].Value)
	}
	for i := range t.Messages {
		n += len(t.Messages[i].To.Key) + len(t.Messages[i].Group) + len(t.Messages[i].Body)
	}
	for i := range t.Notifications {
		n += len(t.Notifications[i].Body)
	}
	return n
}

// Status of a run.
type Status uint8

const (
	Open Status = iota + 1
	Closed
)

// Record is what a shard must know of a run without loading its state. It is a
// pure function of the state.
type Record struct {
	Status  Status
	Group   string // quota group; open runs are counted by it, and may change it
	Started Time
	Closed  Time
	Wake    Time // when the run next wants a Wake; zero: never
	Timer   Time // the earliest moment that a user waits for, for time skipping
	Working int  // tasks that are in workers' hands, for time skipping
	Forget  Time // for a closed run: when it may be deleted; zero: never
	Offers  []Offer
	Listing []byte // what a list shows of the run, encoded by the service
}

// Offer is a task that waits for a poller. A run and the offer's ID name it.
// Offers are ordered by ID.
type Offer struct {
	List     string // the task list's full name, composed by the service
	ID       int64  // event id of the task's Scheduled event
	Priority int32  // higher first
	At       Time   // when the task was scheduled; older first
	// Held: the task was started, since the shard was taken over, and is on its
	// way to a worker. It is not offered. When the shard is taken over again,
	// every offer without a NoteDelivered is.
	Held bool
}

// Entry is a place of the run in the visibility index: the run is found in
// Family under Value, at Time.
type Entry struct {
	Family byte
	Value  string
	Time   Time
}

// ErrUnavailable is the answer to commands whose batch was lost. What they asked
// may have happened.
var ErrUnavailable = errors.New("the shard lost its batch; the outcome is unknown")

// ErrUnserved is the answer to commands for runs whose shard no node serves that can be reached now, as
// while it is being taken over. Nothing was done, and another try may succeed.
var ErrUnserved = errors.New("nothing was done, and it may be tried again")

// IsAway tells whether an error says that nobody serves a run now, or that whoever did has gone or lost
// its batch. Operators hear of that otherwise: who tries again need not tell them.
func IsAway(err error) bool { return errors.Is(err, ErrUnserved) || errors.Is(err, ErrUnavailable) }

// ErrUnusable is the answer to commands for a run that is there but can't be used:
// its rules panicked, and it rests until a restart, or what is stored of it can't be read.
var ErrUnusable = errors.New("the run can't be used")

// ErrUnread is the answer to commands for which something could not be read from the
// store or from blobs. Nothing was done, and another try may succeed.
var ErrUnread = errors.New("what is stored could not be read")

// UnknownRunError says that a command named a run that is not there.
type UnknownRunError struct {
	Name Name
	Run  RunID
}

func (e *UnknownRunError) Error() string {
	return fmt.Sprintf("no run %s of %s %q", e.Run, e.Name.Kind, e.Name.Key)
}

// Gone marks it a GoneError.
func (e *UnknownRunError) Gone() {}

// GoneError says that a command came too late: its run is closed or forgotten, or its task
// is closed or was started meanwhile. Rules mark such errors, so that who starts tasks
// knows that there is nothing to be tried again.
type GoneError interface {
	error
	Gone()
}

// IsGone tells whether an error is a GoneError.
func IsGone(err error) bool {
	_, gone := errors.AsType[GoneError](err)
	return gone
}

// AlreadyOpenError says that a name has an open run.
type AlreadyOpenError struct {
	Name Name
	Run  RunID
}

func (e *AlreadyOpenError) Error() string {
	return fmt.Sprintf("%s %q has the open run %s", e.Name.Kind, e.Name.Key, e.Run)
}

// NameKeptError says that the last run of a name is closed and still kept.
type NameKeptError struct {
	Name Name
	Run  RunID
}

func (e *NameKeptError) Error() string {
	return fmt.Sprintf("%s %q is the name of the closed run %s", e.Name.Kind, e.Name.Key, e.Run)
}

// RunExistsError says that the seed of a new run is that of a run which is there.
type RunExistsError struct{ Run RunID }

func (e *RunExistsError) Error() string {
	return fmt.Sprintf("run %s can't begin: it exists", e.Run)
}

// Showing is a reply with which its run's events up to one are shown, as with a decision task.
type Showing interface{ ShowsUpTo() int64 }

// Peek is the body of a command that any run answers with a RunView, whatever
// its rules and without loading its state.
type Peek struct{}

// RunView is what a shard knows of a run.
type RunView struct {
	Identity
	Record
	LastEvent int64
}
