package execution

import (
	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Notes about a task. Their subject is the task's Scheduled event.
const (
	// noteAttempt tells of the latest attempt, if it is not the first or if its
	// answer could not be written.
	noteAttempt engine.NoteKind = iota + engine.NoteDelivered + 1
	// noteHeartbeat is an activity's latest heartbeat.
	noteHeartbeat
)

// task is what all tasks have in common: decision, activity and Lambda tasks.
//
// A started task whose answer may not have reached its poller is held: it is not
// offered, but may be taken once more, as the next attempt of the same Started
// event. Timeouts that begin with the start begin anew with each attempt.
type task struct {
	scheduled   int64
	scheduledAt engine.Time
	list        string // the task list as the wire names it
	full        string // as the kernel does
	priority    int32

	started   int64
	since     engine.Time // when the latest attempt began
	attempt   int64
	delivered bool // a worker has the task: its answer was written, or it has sent a heartbeat
	back      bool // the latest attempt's answer could not be written
}

func (k *task) start(id int64, at engine.Time) {
	k.started, k.since, k.attempt = id, at, 1
}

// onOffer tells whether a poller may take the task.
func (k *task) onOffer() bool { return k.scheduled != 0 && !k.delivered }

// within gives the end of a timeout that began with the latest attempt.
func (k *task) within(timeout int64) engine.Time {
	if k.started == 0 {
		return 0
	}
	return after(k.since, timeout)
}

// appendOffer adds the task's offer, if it has one. An attempt from before the
// shard was taken over at up is known to have missed its poller.
func (k *task) appendOffer(offers []engine.Offer, up engine.Time) []engine.Offer {
	if !k.onOffer() {
		return offers
	}
	return append(offers, engine.Offer{
		List: k.full, ID: k.scheduled, Priority: k.priority, At: k.scheduledAt,
		Held: k.held(up),
	})
}

// held tells whether the latest attempt is on its way to its poller.
func (k *task) held(up engine.Time) bool { return k.started != 0 && !k.back && k.since >= up }

func (k *task) code(c *pack.Coder) {
	c.Int(&k.scheduled)
	if k.scheduled == 0 {
		return
	}
	k.scheduledAt.Code(c)
	c.Text(&k.list)
	pack.Signed(c, &k.priority)
	c.Int(&k.started)
	if k.started == 0 {
		return
	}
	k.since.Code(c)
	c.Int(&k.attempt)
	// Whether it was delivered its note says, which may go again after a snapshot.
	c.Bool(&k.back)
}

// openTask gives the open task of a Scheduled event, or nil.
func (s *State) openTask(scheduled int64) *task {
	if s.decision.scheduled == scheduled {
		return &s.decision.task
	}
	if a := s.activity(scheduled); a != nil {
		return &a.task
	}
	if l := at(s.lambdas, scheduled, (*lambda).id); l != nil {
		return &l.task
	}
	return nil
}

// startAgain begins the next attempt of a started task.
func (t *turn) startAgain(k *task) {
	t.noteAttempt(k, k.attempt+1, t.in.Now, false)
}

func (t *turn) noteAttempt(k *task, attempt int64, since engine.Time, back bool) {
	c := pack.Writing(nil)
	codeAttempt(c, &attempt, &since, &back)
	t.note(engine.Note{Subject: k.scheduled, Kind: noteAttempt, Value: c.Written()})
}

// noteDelivered says that a worker has the task. If it was handed back, the worker
// goes on with an attempt of its own.
func (t *turn) noteDelivered(k *task) {
	if k.back {
		t.noteAttempt(k, k.attempt+1, k.since, false)
	}
	t.note(engine.Note{Subject: k.scheduled, Kind: engine.NoteDelivered, Value: []byte{1}})
}

func codeAttempt(c *pack.Coder, attempt *int64, since *engine.Time, back *bool) {
	c.Int(attempt)
	since.Code(c)
	c.Bool(back)
}

// delivered takes in that an attempt's answer was written, or that it did not
// arrive, which may turn out later. What comes too late, because the task is
// closed or has a newer attempt, is ignored.
func (t *turn) delivered(scheduled, attempt int64, reached bool) {
	k := t.s.openTask(scheduled)
	if !t.s.isOpen() || k == nil || k.started == 0 || k.attempt != attempt || k.back {
		return
	}
	switch {
	case reached && !k.delivered:
		t.noteDelivered(k)
	case !reached:
		if a := t.s.activity(scheduled); a != nil && a.beatAt >= k.since {
			return // the worker was heard of
		}
		if k.delivered {
			t.notes = append(t.notes, engine.Note{Subject: scheduled, Kind: engine.NoteDelivered})
		}
		t.noteAttempt(k, attempt, k.since, true)
	}
}

// dropNotes takes away the notes of a task that closed in this turn. The state needs
// no telling: the task went with the event.
func (t *turn) dropNotes(k *task) {
	if k.delivered {
		t.notes = append(t.notes, engine.Note{Subject: k.scheduled, Kind: engine.NoteDelivered})
	}
	if k.attempt > 1 || k.back {
		t.notes = append(t.notes, engine.Note{Subject: k.scheduled, Kind: noteAttempt})
	}
}
