package shard

import (
	"fmt"
	"slices"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// model is what an outside observer knows for certain: what was committed, read off the
// sections themselves, and what was answered.
type model struct {
	runs     map[engine.RunID]*modelRun
	open     map[engine.Name]engine.RunID
	tokens   map[string][]engine.RunID // in which runs a token is durable, by event
	parked   map[string]bool
	places   map[string]int    // of tokens, in the order in which they became durable
	said     map[string][]said // tokens that were acknowledged, by whom they were for
	handled  map[string]int    // reports, by parent and child
	wrong    string            // the first thing that must not be
	seen     map[string]int    // what was reached
	outcomes map[string]string // of tokens
	notified []string          // bodies of notifications
}

// modelRun is a run that was ever stored.
type modelRun struct {
	engine.Identity
	status     engine.Status // zero: deleted
	forget     engine.Time
	openedAt   int // step
	last       int64
	everClosed bool
	children   int      // that it began
	reborn     bool     // it was deleted, and its seed was used again
	acked      []string // tokens, in the order of their answers
}

func newModel() *model {
	return &model{
		runs: map[engine.RunID]*modelRun{}, open: map[engine.Name]engine.RunID{}, tokens: map[string][]engine.RunID{},
		parked: map[string]bool{}, places: map[string]int{}, said: map[string][]said{}, handled: map[string]int{}, seen: map[string]int{},
	}
}

func (m *model) fail(format string, args ...any) {
	if m.wrong == "" {
		m.wrong = fmt.Sprintf(format, args...)
	}
}

// commit takes in a section that was written in truth.
func (m *model) commit(section *store.Section, step int) {
	now := engine.Time(section.Stamp)
	var moved []*modelRun
	parts := 0
	for i := range section.Ops {
		op := &section.Ops[i]
		if op.Space != store.ShardSpace {
			continue
		}
		switch op.Key[0] {
		case keys.Snapshot:
			if op.Kind == store.Put {
				if _, part := keys.SnapshotPart(op.Key); part > 0 {
					parts++
				}
			}
		case keys.Parked:
			m.parked[string(op.Key)] = op.Kind == store.Put
			if op.Kind == store.Put {
				m.seen["parked"]++
			} else {
				m.seen["a parked message was handled"]++
			}
		case keys.OpenRun, keys.ClosedRun:
			id := engine.RunID(keys.Run(op.Key))
			r := m.runs[id]
			if op.Kind == store.Delete {
				if r == nil {
					continue // it began and closed in this section
				}
				if status := statusOf(op.Key[0]); r.status == status {
					r.status = 0
				}
				moved = append(moved, r)
				continue
			}
			head, err := runlog.ReadHead(id, op.Value)
			if err != nil {
				m.fail("%v", err)
				return
			}
			if r == nil {
				r = &modelRun{Identity: head.Identity}
				m.runs[id] = r
			}
			if r.Name == (engine.Name{}) { // its events came first
				r.Name = head.Name
			}
			if r.Name != head.Name {
				m.fail("run %s was called %v and is called %v", id, r.Name, head.Name)
			}
			if r.status != engine.Open && head.Status == engine.Open {
				r.openedAt = step
				if r.status == engine.Closed {
					m.seen["opened again"]++
				}
			}
			r.everClosed = r.everClosed || head.Status == engine.Closed
			r.status, r.forget = head.Status, head.Forget
			moved = append(moved, r)
		case keys.Notification:
			if op.Kind != store.Put {
				m.seen["notifications deleted"]++
				continue
			}
			n, err := runlog.ReadNotified(op.Key, op.Value)
			if err != nil {
				m.fail("%v", err)
				return
			}
			m.notified = append(m.notified, string(n.Body))
		case keys.History:
			if op.Kind == store.Put {
				m.turn(engine.RunID(keys.Run(op.Key)), op.Value)
			}
		}
	}
	if parts > 0 {
		m.seen["a snapshot in parts"]++
	}
	for _, r := range moved {
		m.settleNames(r, now)
	}
}

func statusOf(kind byte) engine.Status {
	if kind == keys.OpenRun {
		return engine.Open
	}
	return engine.Closed
}

// turn takes in events.
func (m *model) turn(id engine.RunID, value []byte) {
	t, err := runlog.ReadTurn(value)
	if err != nil {
		m.fail("%v", err)
		return
	}
	r := m.runs[id]
	if r == nil {
		r = &modelRun{Identity: engine.Identity{Run: id}}
		m.runs[id] = r
	}
	if t.First == 1 && r.last > 0 && r.status == 0 { // deleted before in this section
		r.Identity = engine.Identity{Run: id}
		r.last, r.acked, r.reborn = 0, nil, true
	}
	if t.First != r.last+1 {
		m.fail("run %s: event %d is written after event %d", id, t.First, r.last)
	}
	r.last = t.Last()
	err = t.Each(t.First, func(event int64, public, private []byte) error {
		e, err := toyRules{}.DecodeEvent(event, t.At, public, private)
		if err != nil {
			return err
		}
		b := e.Body.(toyEvent)
		switch b.What {
		case "put":
			m.tokens[b.Text] = append(m.tokens[b.Text], id)
			m.places[b.Text] = len(m.places)
		case "begun":
			r.children += b.Size
		case "report":
			m.handled[fmt.Sprintf("%s/%d", id, b.Size)]++
		case "begin":
			if e.ID != 1 {
				m.fail("run %s begins at event %d", id, e.ID)
			}
		}
		m.seen["event "+b.What]++
		return nil
	})
	if err != nil {
		m.fail("%v", err)
	}
}

// settleNames holds that a name has one open run, and one that is kept if it is used
// once.
func (m *model) settleNames(r *modelRun, now engine.Time) {
	if m.open[r.Name] == r.Run {
		delete(m.open, r.Name)
	}
	for _, other := range m.runs {
		if other.Name != r.Name || other.Run == r.Run || other.status == 0 {
			continue
		}
		if other.status == engine.Open && r.status == engine.Open {
			m.fail("%q has the open runs %s and %s", r.Name.Key, r.Run, other.Run)
		}
		if isOnce(r.Name) && other.isKept(now) && r.isKept(now) {
			m.fail("%q has the runs %s and %s", r.Name.Key, r.Run, other.Run)
		}
	}
	if r.status == engine.Open {
		m.open[r.Name] = r.Run
	}
	if r.status == 0 {
		r.last, r.acked, r.reborn = 0, nil, true
	}
}

func (r *modelRun) isKept(now engine.Time) bool {
	return r.status == engine.Open || r.status == engine.Closed && (r.forget == 0 || r.forget > now)
}

// isOnce tells whether all runs of a name begin once.
func isOnce(n engine.Name) bool { return strings.HasPrefix(n.Key, "once") }

// said is a token that somebody put, and when it was asked.
type said struct {
	token string
	at    int
}

// inOrder holds that what was asked of one target, or sent to it by one sender in one
// turn, was done in that order.
func (m *model) inOrder() {
	for target, all := range m.said {
		slices.SortFunc(all, func(a, b said) int { return a.at - b.at })
		last := map[engine.RunID]said{}
		for _, s := range all {
			if len(m.tokens[s.token]) == 0 {
				continue
			}
			run := m.tokens[s.token][0]
			if before, ok := last[run]; ok && m.places[before.token] > m.places[s.token] {
				m.fail("%s was asked of %s before %s, and was done after it", before.token, target, s.token)
			}
			last[run] = s
		}
	}
}

// Outcomes of a token, as its caller knows them.
const (
	acknowledged = "acknowledged"
	refusedNow   = "refused"
	unknown      = "unknown"
)

// holds compares what callers heard with what is durable.
func (m *model) holds(token, outcome string) {
	n := len(m.tokens[token])
	switch {
	case outcome == acknowledged && n != 1:
		m.fail("token %s was acknowledged, and is there %d times", token, n)
	case outcome == refusedNow && n != 0:
		m.fail("token %s was refused, and is there %d times", token, n)
	case n > 1:
		m.fail("token %s is there %d times", token, n)
	}
}
