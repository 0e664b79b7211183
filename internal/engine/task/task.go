// Package task is the life of a task in the rules of a kind whose runs have workers: how
// it is offered, started, delivered, and offered again if its worker never got it; what
// heartbeats it had; and the notes that keep all this beside the history.
//
// A kind has a Task in its state for each open task, and moves it by Apply (Start, when
// the event that starts it is folded) and Note (Fold) alone. The other methods that
// change something give notes to a function, which has to fold and record them:
//
//	case *StartTask:
//		k := s.open(c.ScheduledEventID)
//		if k == nil || !k.Takeable(in.Up) { return unknown }
//		if k.Started != 0 { k.StartAgain(in.Now, t.note) } else { t.emit(TaskStarted{…}) }
//	case *task.Delivered:
//		k.Reached(c.Attempt, t.note)
//	case *task.Undelivered:
//		k.Missed(c.Attempt, t.note)
//	case *CompleteTask:
//		gone := *k
//		t.emit(TaskSucceeded{…}) // Apply takes k out of the state
//		gone.Drop(t.note)
//
// A started task whose answer may not have reached its poller is held: it is not offered,
// but may be taken once more, as the next attempt of the same Started event. Timeouts
// that begin with the start begin anew with each attempt. Any attempt may close the task.
package task

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Notes about a task, beside engine.NoteDelivered. Their subject is the task's Scheduled
// event. A kind's own notes come after NoteHeartbeat.
const (
	// NoteAttempt tells of the latest attempt, if it is not the first or if its
	// answer could not be written.
	NoteAttempt engine.NoteKind = iota + engine.NoteDelivered + 1
	// NoteHeartbeat is the worker's latest heartbeat.
	NoteHeartbeat
)

// Task is an open task; the zero value is none.
type Task struct {
	Scheduled   int64 // event id; also the id of its offer
	ScheduledAt engine.Time
	List        string // the task list as the kind calls it, and stores it
	Full        string // as the kernel does; not stored, since it follows from List
	Priority    int32

	Started   int64       // event id; 0: not yet
	Since     engine.Time // when the latest attempt began
	Attempt   int64
	Delivered bool // a worker has the task: its answer was written, or it has sent a heartbeat
	Back      bool // the latest attempt's answer could not be written

	// Beat is the latest heartbeat of a task whose worker sends them. The kind has it
	// coded beside the task.
	Beat Beat
}

// Beat is a heartbeat; the zero value is none.
type Beat struct {
	At      engine.Time
	Details *string
}

// Delivered is a command: the answer with an attempt was written to its poller. A task that
// is closed or was started anew meanwhile does not mind.
type Delivered struct{ ScheduledEventID, Attempt int64 }

// Undelivered is a command: the answer with an attempt could not be written, which may turn
// out later than that it was. The task is offered again. Attempt 0 is the latest, unless it is
// known to be delivered: of one whose node has gone.
type Undelivered struct{ ScheduledEventID, Attempt int64 }

// Start is for Apply: the event id has started the task.
func (k *Task) Start(id int64, at engine.Time) {
	k.Started, k.Since, k.Attempt = id, at, 1
}

// OnOffer tells whether a poller may take the task, or could if it were not held.
func (k *Task) OnOffer() bool { return k.Scheduled != 0 && !k.Delivered }

// Held tells whether the latest attempt is on its way to its poller. One from before the
// shard was taken over at up is known to have missed it.
func (k *Task) Held(up engine.Time) bool { return k.Started != 0 && !k.Back && k.Since >= up }

// Takeable tells whether the task may be started for a poller: for the first time or, if
// it is Started, again.
func (k *Task) Takeable(up engine.Time) bool { return k.OnOffer() && !k.Held(up) }

// AppendOffer adds the task's offer, if it has one.
func (k *Task) AppendOffer(offers []engine.Offer, up engine.Time) []engine.Offer {
	if !k.OnOffer() {
		return offers
	}
	return append(offers, engine.Offer{
		List: k.Full, ID: k.Scheduled, Priority: k.Priority, At: k.ScheduledAt,
		Held: k.Held(up),
	})
}

// Within gives the end of a timeout, in seconds, that began with the latest attempt;
// zero: never.
func (k *Task) Within(seconds int64) engine.Time {
	if k.Started == 0 {
		return 0
	}
	return engine.After(k.Since, seconds)
}

// BeatBy is when the next heartbeat is late, if there are at most so many seconds between
// them; zero: never. While the server was down, until up, no worker could send one.
func (k *Task) BeatBy(up engine.Time, seconds int64) engine.Time {
	if k.Started == 0 {
		return 0
	}
	return engine.After(max(k.Since, k.Beat.At, up), seconds)
}

// StartAgain begins the next attempt of a started task.
func (k *Task) StartAgain(now engine.Time, note func(engine.Note)) {
	k.noteAttempt(k.Attempt+1, now, false, note)
}

// Heartbeat takes in that a started task's worker was heard of.
func (k *Task) Heartbeat(now engine.Time, details *string, note func(engine.Note)) {
	b, c := Beat{now, details}, pack.Writing(nil)
	b.Code(c)
	note(engine.Note{Subject: k.Scheduled, Kind: NoteHeartbeat, Value: c.Written()})
	if !k.Delivered { // whatever became of the answer: a worker has the task
		k.noteDelivered(note)
	}
}

// Reached takes in that an attempt's answer was written. What comes too late, because the
// task has a newer attempt, is ignored.
func (k *Task) Reached(attempt int64, note func(engine.Note)) {
	if k.isLatest(attempt) && !k.Delivered {
		k.noteDelivered(note)
	}
}

// Missed takes in that an attempt's answer did not arrive.
func (k *Task) Missed(attempt int64, note func(engine.Note)) {
	if attempt == 0 && !k.Delivered {
		attempt = k.Attempt
	}
	if !k.isLatest(attempt) || k.Beat.At != 0 && k.Beat.At >= k.Since { // the worker was heard of
		return
	}
	if k.Delivered {
		note(engine.Note{Subject: k.Scheduled, Kind: engine.NoteDelivered})
	}
	k.noteAttempt(attempt, k.Since, true, note)
}

func (k *Task) isLatest(attempt int64) bool {
	return k.Started != 0 && k.Attempt == attempt && !k.Back
}

// Drop takes away the notes of a task that closed in this turn. The state needs no
// telling: the task went with the event.
func (k *Task) Drop(note func(engine.Note)) {
	if k.Delivered {
		note(engine.Note{Subject: k.Scheduled, Kind: engine.NoteDelivered})
	}
	if k.Attempt > 1 || k.Back {
		note(engine.Note{Subject: k.Scheduled, Kind: NoteAttempt})
	}
	if k.Beat.At != 0 {
		note(engine.Note{Subject: k.Scheduled, Kind: NoteHeartbeat})
	}
}

// noteDelivered says that a worker has the task. If it was handed back, the worker goes
// on with an attempt of its own.
func (k *Task) noteDelivered(note func(engine.Note)) {
	if k.Back {
		k.noteAttempt(k.Attempt+1, k.Since, false, note)
	}
	note(engine.Note{Subject: k.Scheduled, Kind: engine.NoteDelivered, Value: []byte{1}})
}

func (k *Task) noteAttempt(attempt int64, since engine.Time, back bool, note func(engine.Note)) {
	c := pack.Writing(nil)
	codeAttempt(c, &attempt, &since, &back)
	note(engine.Note{Subject: k.Scheduled, Kind: NoteAttempt, Value: c.Written()})
}

// Fold is for Note: it folds a note that has a value. It panics if the note is damaged or
// not about tasks.
func (k *Task) Fold(n engine.Note) {
	switch n.Kind {
	case engine.NoteDelivered:
		k.Delivered = true
	case NoteAttempt:
		c := pack.Reading(n.Value)
		codeAttempt(c, &k.Attempt, &k.Since, &k.Back)
		mustRead(c, n)
		if k.Back {
			k.Delivered = false
		}
	case NoteHeartbeat:
		c := pack.Reading(n.Value)
		k.Beat.Code(c)
		mustRead(c, n)
	default:
		panic(fmt.Sprintf("task: no rule for note %d", n.Kind))
	}
}

func mustRead(c *pack.Coder, n engine.Note) {
	if err := c.Done(); err != nil {
		panic(fmt.Sprintf("task: note %d about event %d: %v", n.Kind, n.Subject, err))
	}
}

func codeAttempt(c *pack.Coder, attempt *int64, since *engine.Time, back *bool) {
	c.Int(attempt)
	since.Code(c)
	c.Bool(back)
}

// Code writes a task, or reads it back without its Full name and its Beat.
func (k *Task) Code(c *pack.Coder) {
	c.Int(&k.Scheduled)
	if k.Scheduled == 0 {
		return
	}
	k.ScheduledAt.Code(c)
	c.Text(&k.List)
	pack.Signed(c, &k.Priority)
	c.Int(&k.Started)
	if k.Started == 0 {
		return
	}
	k.Since.Code(c)
	c.Int(&k.Attempt)
	// Whether it was delivered its note says, which may go again after a snapshot.
	c.Bool(&k.Back)
}

// Code writes a heartbeat or reads it back.
func (b *Beat) Code(c *pack.Coder) {
	b.At.Code(c)
	c.Optional(&b.Details)
}
