package crash

import (
	"fmt"
	"strconv"
	"sync"
)

// ledger is what the clients know, outside of the server.
type ledger struct {
	mu        sync.Mutex
	marks     map[string]*attempt
	order     int64               // of acknowledgements
	acked     map[string][]string // marks by workflowId, in the order of acknowledgement
	delivered map[string]int      // tasks by run and startedEventId
	twice     int                 // deliveries after a task's first
}

// attempt is one attempt of one step.
type attempt struct {
	action, workflowID string
	acknowledged       int64 // its place in the order; 0: its outcome is not known
	seen               int   // in histories
}

func newLedger() *ledger {
	return &ledger{marks: map[string]*attempt{}, acked: map[string][]string{}, delivered: map[string]int{}}
}

// attempt makes the mark of a new attempt.
func (l *ledger) attempt(action, workflowID string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	mark := "mark-" + strconv.Itoa(len(l.marks))
	l.marks[mark] = &attempt{action: action, workflowID: workflowID}
	return mark
}

func (l *ledger) acknowledge(mark string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order++
	a := l.marks[mark]
	a.acknowledged = l.order
	l.acked[a.workflowID] = append(l.acked[a.workflowID], mark)
}

// now is the order so far: what is acknowledged later has a higher one.
func (l *ledger) now() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.order
}

// deliver counts that a task was given to a poll.
func (l *ledger) deliver(task string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered[task]++
	if l.delivered[task] > 1 {
		l.twice++
	}
}

func (l *ledger) deliveries(task string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.delivered[task]
}

// missing tells which step of a workflow was acknowledged before a moment and is
// not in its history.
func (l *ledger) missing(workflowID string, before int64, h history) error {
	there := map[string]bool{}
	for _, e := range h {
		there[e.mark()] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, mark := range l.acked[workflowID] {
		if a := l.marks[mark]; a.acknowledged <= before && !there[mark] {
			return fmt.Errorf("workflow %s: %s (%s) was acknowledged and is not in the history of %d events", workflowID, a.action, mark, len(h))
		}
	}
	return nil
}

// see counts the marks of a history.
func (l *ledger) see(h history) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range h {
		mark := e.mark()
		if mark == "" {
			continue
		}
		a := l.marks[mark]
		if a == nil {
			return fmt.Errorf("event %d %s has the mark %q, which no client made", e.ID, e.Type, mark)
		}
		a.seen++
	}
	return nil
}

// settle holds the histories that were seen against what was acknowledged.
func (l *ledger) settle(fail func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for mark, a := range l.marks {
		switch {
		case a.seen > 1:
			fail(fmt.Errorf("workflow %s: %s (%s) is in its history %d times", a.workflowID, a.action, mark, a.seen))
		case a.acknowledged > 0 && a.seen == 0:
			fail(fmt.Errorf("workflow %s: %s (%s) was acknowledged and is in no history", a.workflowID, a.action, mark))
		}
	}
}
