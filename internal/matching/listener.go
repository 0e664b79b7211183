package matching

import "heddle/internal/engine"

// Listener is told what a Matcher does. Each function may be nil; it is called by the
// goroutine that did it, after it has let go of its locks. So it may call the Matcher,
// but it makes a caller wait, and what happens on one list at the same time may be told
// in another order. In sums it comes out right:
//
//	tasks of a list  Offered - Withdrawn - ended claims whose task was there and was
//	                 not returned
//	polls that wait  PollBegan - PollEnded - Paired
//	claims           Paired - Accepted - Refused - Returned
//
// The Matcher has no clock: how long a task has waited is what passed since Task.At,
// how long a poll, its caller knows.
type Listener struct {
	// Offered: a task is on a list that was not there. That it has changed is not told.
	Offered func(Task)
	// Withdrawn: so many tasks of a list were taken back, claimed ones too.
	Withdrawn func(list string, tasks int)
	// PollBegan: a poll waits, for the first time or after a refusal.
	PollBegan func(list string)
	// PollEnded: so many polls wait no more, and have no task.
	PollEnded func(list string, polls int, why PollEnd)
	// Paired: a poll that waited has a task that waited.
	Paired func(Pairing)
	// Accepted, Refused, Returned: a claim has ended so. Gone says that its task was
	// withdrawn before; else it goes now, or waits again if it was returned.
	Accepted, Refused, Returned func(list string, gone bool)
}

// Task is a task on a list.
type Task struct {
	List     string
	Run      engine.RunID
	ID       int64
	Priority int32
	At       engine.Time // when it was scheduled; the offer says so
}

// Pairing is a claim that was made.
type Pairing struct {
	Task
	// PollWaited: the task met a poll that was there before; else a poll met a task.
	PollWaited bool
}

// PollEnd is why a poll ended without a task.
type PollEnd uint8

// Values of PollEnd.
const (
	PollOver     PollEnd = iota // its time was over
	PollGone                    // its caller went
	PollsDrained                // the matcher was drained
)

func (l *Listener) offered(t Task) {
	if l.Offered != nil {
		l.Offered(t)
	}
}

func (l *Listener) withdrawn(list string, tasks int) {
	if l.Withdrawn != nil && tasks > 0 {
		l.Withdrawn(list, tasks)
	}
}

func (l *Listener) pollBegan(list string) {
	if l.PollBegan != nil {
		l.PollBegan(list)
	}
}

func (l *Listener) pollEnded(list string, polls int, why PollEnd) {
	if l.PollEnded != nil && polls > 0 {
		l.PollEnded(list, polls, why)
	}
}

func (l *Listener) paired(p Pairing) {
	if l.Paired != nil {
		l.Paired(p)
	}
}

// served tells of a poll that waited and has a task from elsewhere, as of one that had it from here.
func (l *Listener) served(list string, s *Served) {
	t := Task(*s)
	t.List = list
	l.offered(t)
	l.paired(Pairing{t, true})
	tell(l.Accepted, list, false)
}

func tell(ended func(string, bool), list string, gone bool) {
	if ended != nil {
		ended(list, gone)
	}
}
