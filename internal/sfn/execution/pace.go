package execution

import (
	"heddle/internal/engine"
)

// Pace says when executions of standard state machines may enter states, or try them again. Whoever asks
// later gets a later moment, so each asks once, and what is above the rate waits in its shard, by its
// Record.Wake.
//
// Source: Step Functions Developer Guide, "Quotas related to state throttling", and of metrics
// ExecutionThrottled: of entered states and of retries. That those wait is what it is for (U: how).
type Pace interface {
	// Reserve takes n out of what a world may do, and gives the moment from which on they may be done.
	Reserve(w engine.World, now engine.Time, n int) engine.Time
	// Return gives back n that are not done.
	Return(w engine.World, n int)
}

// Paced gives rules by which executions go on as they may.
func (r *Rules) Paced(by Pace) *Rules {
	r.pace = by
	return r
}

// pacedMost is for how many threads an execution asks at a time: as many as go on together.
const pacedMost = 100

// isPaced tells whether what the execution does is paced. Express executions are not.
func (t *turn) isPaced() bool {
	return t.rules.pace != nil && !t.s.express && !t.s.settings.Parent.Express
}

// mayStep tells whether a thread that is ready may go on now.
func (t *turn) mayStep(th *thread) bool { return th.next == "" && !th.again || t.mayEnter() }

// mayEnter tells whether a state may be entered now, or tried again. If not, the execution waits.
func (t *turn) mayEnter() bool {
	s := t.s
	if s.paced > t.in.Now {
		return false
	}
	if s.paced != 0 {
		if s.asked >= t.in.Up { // else who granted it is gone, and does not know
			t.grants = s.grants
		}
		t.change(change{kind: changePaced})
	}
	if t.grants == 0 && t.isPaced() {
		n := s.wanting(t.in.Now)
		if at := t.rules.pace.Reserve(s.id.Name.World, t.in.Now, n); at > t.in.Now {
			t.change(change{kind: changePaced, at: at, grants: int64(n), asked: t.in.Now})
			t.times(machineMeters, s.measured(), executionsThrottled, n)
			return false
		}
		t.grants = int64(n)
	}
	t.grants = max(0, t.grants-1)
	t.entered++
	return true
}

// wanting is how many threads would enter a state now, or try it again.
func (s *State) wanting(now engine.Time) (n int) {
	for _, th := range s.threads {
		if th.ready() && (th.next != "" || th.again) || !th.halted && th.retrying() && th.wake != 0 && th.wake <= now {
			if n++; n == pacedMost {
				break
			}
		}
	}
	return max(1, n)
}

// retrying tells whether a moment that the thread waits for is that of a retry.
func (t *thread) retrying() bool { return t.retried > 0 }

// unpace gives back what the execution has asked for, and will not do.
func (t *turn) unpace() {
	s := t.s
	unused := t.grants
	if s.paced != 0 && s.asked >= t.in.Up {
		unused += s.grants
	}
	if unused > 0 && t.isPaced() {
		t.rules.pace.Return(s.id.Name.World, int(unused))
	}
	t.grants = 0
}
