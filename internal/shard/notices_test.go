package shard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// toyNotices are targets that are stepped by hand.
type toyNotices struct {
	names  []string
	most   engine.Notify
	wants  func(body string) bool
	shards map[uint16]*toyNoticed
}

// toyNoticed is what is known of a shard.
type toyNoticed struct {
	generation uint64
	at         []engine.Position
	last       engine.Position
	lost       bool
}

func newToyNotices(names ...string) *toyNotices {
	return &toyNotices{names: names, most: engine.NotifyPublic, wants: func(string) bool { return true }, shards: map[uint16]*toyNoticed{}}
}

func (n *toyNotices) Targets() []string                   { return n.names }
func (n *toyNotices) Notify() engine.Notify               { return n.most }
func (n *toyNotices) Wants(one *engine.Notification) bool { return n.wants(string(one.Body)) }

func (n *toyNotices) Opened(shard uint16, generation uint64, at []engine.Position, last engine.Position) {
	was := n.shards[shard]
	if was != nil { // it has delivered more than the store knows
		for i := range at {
			if was.at[i].Number >= at[i].Number {
				at[i] = was.at[i]
			}
		}
	}
	n.shards[shard] = &toyNoticed{generation, at, last, false}
}

func (n *toyNotices) Came(shard uint16, last engine.Position) { n.shards[shard].last = last }

func (n *toyNotices) Lost(shard uint16) {
	if s := n.shards[shard]; s != nil {
		s.lost = true
	}
}

// next gives up to so many notifications that a target has not had, and the position behind
// them.
func (h *harness) next(shard uint16, target, most int) (bodies []string, runs []engine.Notified, at engine.Position) {
	s := h.notices.shards[shard]
	at = s.at[target]
	err := h.Notified(context.Background(), shard, at.Number, s.last.Number, func(n *engine.Notified) bool {
		if n.Number != at.Number+1 {
			h.t.Errorf("shard %d: notification %d follows %d", shard, n.Number, at.Number)
		}
		at.Number, at.Bytes = n.Number, n.Bytes
		bodies = append(bodies, string(n.Body))
		row := *n
		row.Body = slices.Clone(n.Body)
		runs = append(runs, row)
		return len(bodies) < most
	})
	if err != nil && h.failRead == nil {
		h.t.Error(err)
	}
	return bodies, runs, at
}

// had says that a target has had all up to a position.
func (h *harness) hadOne(shard uint16, target int, at engine.Position) {
	s := h.notices.shards[shard]
	s.at[target] = at
	h.Had(shard, s.generation, target, at)
}

// noticeRows are the numbers of the notifications that a shard keeps, and who was told.
func (h *harness) noticeRows(shard uint16) string {
	h.t.Helper()
	var rows []string
	err := h.store.Scan(context.Background(), shard, store.Range{Start: []byte{keys.Notification}, End: []byte{keys.Notification + 1}}, func(key, _ []byte) bool {
		rows = append(rows, fmt.Sprint(keys.NotificationNumber(key)))
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	values, err := h.store.Get(context.Background(), []store.Place{{Shard: shard, Key: []byte{keys.Told}}})
	if err != nil {
		h.t.Fatal(err)
	}
	if values[0] == nil {
		return strings.Join(rows, " ")
	}
	told, err := runlog.ReadTold(values[0])
	if err != nil {
		h.t.Fatal(err)
	}
	for _, t := range told.Targets {
		rows = append(rows, fmt.Sprintf("%s:%d", t.Name, t.Number))
	}
	return strings.Join(rows, " ")
}

func (h *harness) wantRows(want string) {
	h.t.Helper()
	if got := h.noticeRows(0); got != want {
		h.t.Errorf("rows %q, want %q", got, want)
	}
	h.check()
}

func TestNotifications(t *testing.T) {
	h := newHarness(t, 1)
	h.must("a", toyPut{"zero"}) // nobody wants any
	h.wantRows("")

	h.notices = newToyNotices("x", "y")
	h.notices.wants = func(body string) bool { return body != "put no" }
	h.start()
	h.must("a", toyPut{"one"})
	h.must("a", toyPut{"no"})
	h.must("b", toyPut{"two"})
	h.must("b", toyClose{Forget: 1}) // deletes it at once
	h.settle()
	h.wantRows("1 2 x:0 y:0")

	got, rows, at := h.next(0, 0, 10)
	if fmt.Sprint(got) != "[put one put two]" || rows[0].Event != 3 || rows[1].Event != 2 || rows[0].At < h.now || rows[0].Run == rows[1].Run {
		t.Errorf("x gets %q: %+v", got, rows)
	}
	h.hadOne(0, 0, at)
	h.settle()
	h.wantRows("1 2 x:0 y:0") // it waits for another batch
	h.now += 2 * ackDelay
	h.settle()
	h.wantRows("1 2 x:2 y:0")

	_, _, at = h.next(0, 1, 1)
	h.hadOne(0, 1, at)
	h.must("a", toyPut{"three"}) // whose batch it goes with
	h.wantRows("2 3 x:2 y:1")

	// What was delivered since then comes again.
	_, _, at = h.next(0, 1, 10)
	h.hadOne(0, 1, at)
	h.notices = newToyNotices("y", "z") // x has gone, z is new
	h.kill()
	if got, _, _ := h.next(0, 0, 10); fmt.Sprint(got) != "[put two put three]" {
		t.Errorf("after a kill y gets %q", got)
	}
	if got, _, _ := h.next(0, 1, 10); got != nil {
		t.Errorf("z, which is new, gets %q", got)
	}
	h.wantRows("2 3 x:2 y:1")
	h.must("a", toyPut{"four"})
	h.wantRows("2 3 4 y:1 z:3")
	h.kill() // z began
	h.notices.shards[0].at[0] = engine.Position{Number: 4, Bytes: h.notices.shards[0].last.Bytes}
	h.hadOne(0, 0, h.notices.shards[0].at[0])
	h.must("a", toyPut{"five"})
	h.wantRows("4 5 y:4 z:3")

	// What comes from before does not count.
	h.Had(0, h.notices.shards[0].generation-1, 1, engine.Position{Number: 5})
	h.settle()
	h.now += 2 * ackDelay
	h.settle()
	h.wantRows("4 5 y:4 z:3")

	// Without targets all stays as it is.
	h.notices = nil
	h.kill()
	h.must("a", toyPut{"six"})
	h.wantRows("4 5 y:4 z:3")
	h.notices = newToyNotices("z", "y")
	h.kill()
	if got, _, _ := h.next(0, 0, 10); fmt.Sprint(got) != "[put four put five]" {
		t.Errorf("z, which is back, gets %q", got)
	}
}

// TestManyNotifications: when many can go at once they do.
func TestManyNotifications(t *testing.T) {
	h := newHarness(t, 1)
	h.notices = newToyNotices("x")
	h.notices.most = engine.NotifyAll
	h.start()
	h.must("a", toyBulk{Events: 3 * pointDeletesMax})
	_, _, at := h.next(0, 0, 10_000)
	if at.Number != 3*pointDeletesMax+2 {
		t.Errorf("%d came", at.Number)
	}
	h.hadOne(0, 0, at)
	h.must("a", toyAdd{})
	h.wantRows(fmt.Sprintf("%d x:%d", at.Number+1, at.Number))
}

// TestCheckFindsMissingNotifications: each row that is gone, and each that is wrong.
func TestCheckFindsMissingNotifications(t *testing.T) {
	h := newHarness(t, 1)
	h.notices = newToyNotices("x")
	h.start()
	for i := range 4 {
		h.must("a", toyPut{fmt.Sprint(i)})
	}
	d := &damage{harness: h}
	removed := 0
	for _, r := range d.rows() {
		if r.key[0] != keys.Notification && r.key[0] != keys.Told {
			continue
		}
		removed++
		r.remove(d)
		if len(d.wrong()) == 0 {
			t.Errorf("row %q was removed, and nothing is found", r.key)
		}
		r.put(d, append(slices.Clone(r.value), 0))
		if len(d.wrong()) == 0 {
			t.Errorf("row %q is too long, and nothing is found", r.key)
		}
		r.put(d, r.value)
	}
	if removed != 5 || len(d.wrong()) > 0 {
		t.Errorf("%d rows; in the end %v is found", removed, d.wrong())
	}
	extra := damaged{key: keys.AppendNotification(nil, 9), value: runlog.AppendNotified(nil, &engine.Notified{})}
	if extra.put(d, extra.value); len(d.wrong()) == 0 {
		t.Error("a notification above the last, and nothing is found")
	}
}

// heardBy is what a target has had.
type heardBy struct {
	bodies []string // each once, in the order in which it came first
	last   map[engine.RunID]int64
}

func newHeardBy() *heardBy { return &heardBy{last: map[engine.RunID]int64{}} }

// deliver has a target get something, as far as it can be read; perhaps it is not believed.
func (s *sim) deliver() {
	shard, target := uint16(s.IntN(len(s.shards))), s.IntN(2)
	n := s.notices.shards[shard]
	if n == nil {
		return
	}
	if n.lost {
		if s.IntN(3) > 0 {
			return
		}
		s.model.seen["delivered by one that was lost"]++
	}
	s.deliverTo(shard, target, 1+s.IntN(3), s.IntN(4) > 0)
}

func (s *sim) deliverTo(shard uint16, target, most int, believed bool) {
	_, rows, at := s.harness.next(shard, target, most)
	by := s.heard[s.notices.names[target]]
	for i := range rows {
		r := &rows[i]
		body := string(r.Body)
		s.tell("%s gets %d of %d: %s", s.notices.names[target], r.Number, shard, body)
		if slices.Contains(by.bodies, body) {
			s.model.seen["delivered again"]++
			continue
		}
		s.model.seen["delivered"]++
		if m := s.model.runs[r.Run]; m == nil || r.Event <= by.last[r.Run] && !m.reborn {
			s.model.fail("event %d of run %s comes after %d", r.Event, r.Run, by.last[r.Run])
		}
		by.last[r.Run] = r.Event
		by.bodies = append(by.bodies, body)
	}
	if believed && len(rows) > 0 {
		s.hadOne(shard, target, at)
	}
}

// deliverAll has all targets get the rest, and holds that they got what is stored.
func (s *sim) deliverAll() {
	for shard := range s.shards {
		for target := range 2 {
			s.deliverTo(uint16(shard), target, 1<<30, true)
		}
	}
	for name, by := range s.heard {
		got, want := slices.Sorted(slices.Values(by.bodies)), slices.Sorted(slices.Values(s.model.notified))
		if !slices.Equal(got, want) {
			s.model.fail("%s has had %q, want %q", name, got, want)
		}
		tokens := 0
		for _, runs := range s.model.tokens {
			tokens += len(runs)
		}
		if len(want) != tokens {
			s.model.fail("%d notifications of %d events", len(want), tokens)
		}
	}
}
