package execution

import (
	"heddle/internal/engine"
	"heddle/internal/sfn/asl"
)

// What may be due.
type due uint8

const (
	dueExecution due = iota // the execution's timeout
	dueWake                 // the end of a wait, or a retry
	dueTimeout              // of a task
	dueHeartbeat            // of a task
)

// deadline is the moment at which something of a thread is due; at zero: never.
type deadline struct {
	at     engine.Time
	what   due
	thread *thread
}

// earliest keeps a deadline if it comes before the one that d holds. Of equal ones the first
// stays.
func (d *deadline) earliest(at engine.Time, what due, th *thread) {
	if at != 0 && (d.at == 0 || at < d.at) {
		*d = deadline{at, what, th}
	}
}

// executionSecondsMax is how long an execution runs at most: a year. expressSecondsMax is that
// of one of an express state machine.
const (
	executionSecondsMax = 365 * 24 * 60 * 60
	expressSecondsMax   = 5 * 60
)

// closeBy is when the execution times out.
func (s *State) closeBy() engine.Time {
	seconds, most := s.settings.TimeoutSeconds, int64(executionSecondsMax)
	if s.express || s.settings.Parent.Express {
		most = expressSecondsMax
	}
	if seconds == 0 || seconds > most {
		seconds = most
	}
	return max(s.started, s.redriven) + engine.Seconds(seconds)
}

// next gives the earliest deadline of an open execution.
func (s *State) next(up engine.Time) deadline {
	var d deadline
	d.earliest(s.closeBy(), dueExecution, nil)
	for _, th := range s.threads {
		if th.halted {
			continue
		}
		wake := th.wake
		if wake != 0 && th.retrying() {
			wake = max(wake, s.paced)
		}
		d.earliest(wake, dueWake, th)
		if w := th.work; w != nil {
			if w.timeout > 0 {
				d.earliest(w.ScheduledAt+engine.Seconds(w.timeout), dueTimeout, th)
			}
			d.earliest(w.beatBy(up), dueHeartbeat, th)
		}
	}
	return d
}

// wake does what is due, in the order of its deadlines, and what was left of earlier turns.
func (t *turn) wake() {
	s := t.s
	for s.isOpen() && !t.spent() {
		d := s.next(t.in.Up)
		if d.at == 0 || d.at > t.in.Now {
			break
		}
		switch d.what {
		case dueExecution:
			t.end(TimedOut, nil, nil, 0)
		case dueTimeout:
			t.taskTimedOut(d.thread, false)
		case dueHeartbeat:
			t.taskTimedOut(d.thread, true)
		case dueWake:
			st := t.state(d.thread)
			if st.Type == asl.Wait {
				e := &evaluation{t: t, th: d.thread, st: st}
				e.waited()
				if e.failed != nil {
					t.evaluationFailed(d.thread, st, e.failed)
				}
			} else if t.mayEnter() {
				t.execute(d.thread, st)
			}
		}
	}
	t.run()
}
