package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/engine"
)

// toyRuns are shards that keep notifications in memory.
type toyRuns struct {
	d *Deliverer

	mu   sync.Mutex
	rows [][]engine.Notified // by shard
	had  []string
	fail bool // reads fail
}

func (r *toyRuns) Notified(_ context.Context, shard uint16, after, last uint64, visit func(*engine.Notified) bool) error {
	r.mu.Lock()
	rows, fail := slices.Clone(r.rows[shard]), r.fail
	r.mu.Unlock()
	if fail {
		return errors.New("the disk can't be read")
	}
	for i := range rows {
		row := rows[i]
		row.Body = slices.Clone(row.Body)
		if row.Number > after && row.Number <= last {
			more := visit(&row)
			clear(row.Body) // it was the visitor's only until it returned
			if !more {
				break
			}
		}
	}
	return nil
}

func (r *toyRuns) Had(shard uint16, generation uint64, target int, p engine.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.had = append(r.had, fmt.Sprintf("%d.%d target %d at %d lost %d", shard, generation, target, p.Number, p.Lost))
}

// add makes notifications durable.
func (r *toyRuns) add(shard int, bodies ...string) {
	r.mu.Lock()
	for _, b := range bodies {
		n := len(r.rows[shard])
		row := engine.Notified{Number: uint64(n + 1), Run: engine.RunID{1: byte(shard)}, At: now()}
		row.Event, row.Body = int64(n+1), []byte(`{"body":"`+b+`"}`)
		row.Bytes = uint64(len(row.Body))
		if n > 0 {
			row.Bytes += r.rows[shard][n-1].Bytes
		}
		r.rows[shard] = append(r.rows[shard], row)
	}
	last := r.last(shard)
	r.mu.Unlock()
	r.d.Came(uint16(shard), last)
}

func (r *toyRuns) last(shard int) engine.Position {
	n := len(r.rows[shard])
	if n == 0 {
		return engine.Position{}
	}
	return engine.Position{Number: uint64(n), Bytes: r.rows[shard][n-1].Bytes}
}

// lastHad is what a shard heard last.
func (r *toyRuns) lastHad() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.had) == 0 {
		return ""
	}
	return r.had[len(r.had)-1]
}

func now() engine.Time { return engine.Time(time.Now().UnixMilli()) }

// toySink remembers what it took, and when.
type toySink struct {
	answer func(events []event) error // nil: it takes all

	mu    sync.Mutex
	took  []string
	tried []time.Time
	sizes []int
	bytes []int
}

func (s *toySink) send(ctx context.Context, events []event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = append(s.tried, time.Now())
	s.sizes = append(s.sizes, len(events))
	bytes := 0
	for _, e := range events {
		bytes += len(e.body)
	}
	s.bytes = append(s.bytes, bytes)
	if s.answer != nil {
		if err := s.answer(events); err != nil {
			return err
		}
	}
	for _, e := range events {
		s.took = append(s.took, bodyOf(e.body))
	}
	return nil
}

// set says what it answers.
func (s *toySink) set(answer func(events []event) error) {
	s.mu.Lock()
	s.answer = answer
	s.mu.Unlock()
}

func (*toySink) close() error { return nil }

func (s *toySink) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.took, " ")
}

// bodyOf is what a test called an event.
func bodyOf(b []byte) string {
	var e struct {
		Body   string
		Type   string `json:"detail-type"`
		Detail struct{ Count int }
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return err.Error()
	}
	if e.Type != "" {
		return fmt.Sprintf("%s:%d", e.Type, e.Detail.Count)
	}
	return e.Body
}

// deliver runs a test in simulated time, with so many targets and two shards.
func deliver(t *testing.T, targets []*Target, change func(*Config), test func(r *toyRuns, sinks []*toySink)) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{
			Targets: targets, Shards: 2, Dir: t.TempDir(), Account: "1", Region: "r",
			Clock: now, Now: time.Now, Within: context.WithTimeout, Log: slog.New(slog.DiscardHandler),
		}
		if change != nil {
			change(&c)
		}
		d := New(c)
		r := &toyRuns{d: d, rows: make([][]engine.Notified, 2)}
		var sinks []*toySink
		for _, target := range d.targets {
			s := &toySink{}
			target.sink = s
			sinks = append(sinks, s)
		}
		for shard := range uint16(2) {
			d.Opened(shard, 1, make([]engine.Position, len(targets)), engine.Position{})
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			d.Run(ctx, r)
		}()
		test(r, sinks)
		end()
		<-done
	})
}

func aTarget(name string) *Target { return &Target{Name: name, File: &File{Path: "/nowhere"}} }

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestDeadTargetDelaysNobody: one that fails is tried again after 1 s, 2 s and so on up to
// 5 min; the other one gets all at once, and the first in the end all in order.
func TestDeadTargetDelaysNobody(t *testing.T) {
	deliver(t, []*Target{aTarget("dead"), aTarget("live")}, nil, func(r *toyRuns, sinks []*toySink) {
		var failing atomic.Bool
		failing.Store(true)
		sinks[0].set(func([]event) error {
			if failing.Load() {
				return errors.New("no")
			}
			return nil
		})
		r.add(0, "a", "b")
		synctest.Wait()
		want(t, "the live one", sinks[1].taken(), "a b")
		began := time.Now()
		time.Sleep(30 * time.Minute)
		var pauses []string
		sinks[0].mu.Lock()
		tried := slices.Clone(sinks[0].tried)
		sinks[0].mu.Unlock()
		if len(tried) < 12 {
			t.Fatalf("the dead one was tried %d times", len(tried))
		}
		for i, at := range tried[1:] {
			pauses = append(pauses, at.Sub(tried[i]).String())
		}
		want(t, "pauses", strings.Join(pauses[:11], " "), "1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s 5m0s 5m0s")
		r.add(0, "c")
		r.add(1, "z")
		synctest.Wait()
		if got := sinks[1].taken(); got != "a b c z" && got != "a b z c" {
			t.Errorf("the live one: %q", got)
		}
		failing.Store(false)
		time.Sleep(5 * time.Minute)
		got := strings.Fields(sinks[0].taken())
		if slices.Index(got, "a") > slices.Index(got, "b") || slices.Index(got, "b") > slices.Index(got, "c") || len(got) != 4 {
			t.Errorf("the dead one got %v", got)
		}
		if time.Since(began) < 30*time.Minute {
			t.Error("no time has passed")
		}
	})
}

// TestRefusedEventIsSetAside: after ten answers of "never"; those behind it follow, and those
// of other shards do not wait.
func TestRefusedEventIsSetAside(t *testing.T) {
	dir := t.TempDir()
	deliver(t, []*Target{aTarget("x")}, func(c *Config) { c.Dir = dir }, func(r *toyRuns, sinks []*toySink) {
		refusals := 0
		sinks[0].set(func(events []event) error {
			for _, e := range events {
				if bodyOf(e.body) == "bad" {
					refusals++
					return &refusedError{"it says never"}
				}
			}
			return nil
		})
		r.add(0, "a", "bad", "b", "c")
		r.add(1, "y")
		synctest.Wait()
		if got := sinks[0].taken(); !strings.Contains(got, "a") || !strings.Contains(got, "y") || strings.Contains(got, "b") {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(time.Hour)
		if got := sinks[0].taken(); !strings.HasSuffix(got, "b c") {
			t.Errorf("in the end: %q", got)
		}
		if refusals < refusalsMax || refusals > refusalsMax+3 {
			t.Errorf("%d refusals", refusals)
		}
		dead, err := r.d.Dead("x", 10, 1<<20)
		if err != nil || len(dead) != 1 || bodyOf(dead[0].Event) != "bad" || dead[0].Error != "it says never" || dead[0].Run == "" || !dead[0].At.Before(time.Now()) {
			t.Errorf("set aside is %v, %v", dead, err)
		}
		if text := textOf(t, filepath.Join(dir, "x.dead")); strings.Count(text, "\n") != 1 || strings.ContainsAny(text, `{" `) {
			t.Errorf("it lies there as %q", text)
		}
		want(t, "position", r.lastHad(), "0.1 target 0 at 4 lost 0")
	})
}

// TestPartlyRefused: what a target refuses for itself is set aside at once, and nothing waits for it;
// what was set aside can be sent again.
func TestPartlyRefused(t *testing.T) {
	deliver(t, []*Target{aTarget("x")}, nil, func(r *toyRuns, sinks []*toySink) {
		sinks[0].set(func(events []event) error {
			var bad []int
			for i, e := range events {
				if strings.HasPrefix(bodyOf(e.body), "bad") {
					bad = append(bad, i)
				}
			}
			if len(bad) > 0 {
				return &partlyRefusedError{bad, "no such group"}
			}
			return nil
		})
		r.add(0, "a", "bad1", "b", "bad2", "c")
		r.add(1, "bad3")
		synctest.Wait() // without any time
		dead, err := r.d.Dead("x", 10, 1<<20)
		if err != nil || len(dead) != 3 || dead[0].Error != "no such group" {
			t.Fatalf("set aside is %v, %v", dead, err)
		}
		if had := strings.Join(r.had, ", "); !strings.Contains(had, "0.1 target 0 at 5 lost 0") || !strings.Contains(had, "1.1 target 0 at 1 lost 0") {
			t.Errorf("positions: %s", had)
		}
		if s, _, err := r.d.Status(t.Context(), "x"); err != nil || s.Sent != 3 || s.Dead != 3 {
			t.Errorf("status %+v, %v", s, err)
		}
		sinks[0].set(nil)
		r.d.Redeliver("x")
		time.Sleep(time.Minute)
		if got := sinks[0].taken(); !strings.HasSuffix(got, "bad1 bad2 bad3") {
			t.Errorf("sent again: %q", got)
		}
	})
}

// TestTooOld: a target that is dead for four days gets what is younger than three, and hears
// how many it has lost, before them.
func TestTooOld(t *testing.T) {
	deliver(t, []*Target{aTarget("x")}, nil, func(r *toyRuns, sinks []*toySink) {
		var failing atomic.Bool
		failing.Store(true)
		sinks[0].set(func([]event) error {
			if failing.Load() {
				return errors.New("no")
			}
			return nil
		})
		r.add(0, "a", "b")
		time.Sleep(48 * time.Hour)
		r.add(0, "c")
		time.Sleep(26 * time.Hour)
		synctest.Wait()
		want(t, "position", r.lastHad(), "0.1 target 0 at 2 lost 2")
		failing.Store(false)
		time.Sleep(10 * time.Minute)
		want(t, "what comes", sinks[0].taken(), "Heddle Notifications Lost:2 c")
		want(t, "position", r.lastHad(), "0.1 target 0 at 3 lost 0")
	})
}

// TestTooMuch: of a backlog that is too large the oldest go, and no more than a part.
func TestTooMuch(t *testing.T) {
	deliver(t, []*Target{aTarget("x")}, func(c *Config) { c.BytesMax = 16 * 16 }, func(r *toyRuns, sinks []*toySink) {
		var failing atomic.Bool
		failing.Store(true)
		sinks[0].set(func([]event) error {
			if failing.Load() {
				return errors.New("no")
			}
			return nil
		})
		for i := range 40 {
			r.add(0, fmt.Sprintf("%03d", i)) // 14 bytes
		}
		synctest.Wait()
		failing.Store(false)
		time.Sleep(time.Hour)
		got := strings.Fields(sinks[0].taken())
		lost := 0
		if _, err := fmt.Sscanf(sinks[0].taken(), "Heddle Notifications Lost:%d", &lost); err != nil {
			t.Fatal(err, got)
		}
		kept := got[3:]
		if lost+len(kept) != 40 || kept[len(kept)-1] != "039" || kept[0] != fmt.Sprintf("%03d", lost) || len(kept) > 18 || len(kept) < 15 {
			t.Errorf("%d are lost, and %q kept", lost, kept)
		}
	})
}

// TestReopened: nothing of a shard goes out that is lost; one that is opened again hears of
// what it does not know.
func TestReopened(t *testing.T) {
	deliver(t, []*Target{aTarget("x")}, nil, func(r *toyRuns, sinks []*toySink) {
		r.add(0, "a", "b")
		synctest.Wait()
		r.d.Lost(0)
		r.add(0, "c")
		time.Sleep(time.Hour)
		want(t, "while it is lost", sinks[0].taken(), "a b")
		r.d.Opened(0, 2, []engine.Position{{Number: 1}}, r.last(0))
		synctest.Wait()
		want(t, "opened again", sinks[0].taken(), "a b c")
		if !slices.Contains(r.had, "0.2 target 0 at 2 lost 0") {
			t.Errorf("it hears %q", r.had)
		}
		r.d.Lost(0)
		r.d.Opened(0, 3, []engine.Position{{Number: 3}}, r.last(0)) // as another node left it
		r.add(0, "d")
		synctest.Wait()
		want(t, "as another has left it", sinks[0].taken(), "a b c d")

		r.mu.Lock()
		r.fail = true
		r.mu.Unlock()
		r.add(0, "e")
		synctest.Wait()
		r.mu.Lock()
		r.fail = false
		r.mu.Unlock()
		time.Sleep(2 * time.Second)
		want(t, "after a read failed", sinks[0].taken(), "a b c d e")
	})
}

// TestBatchesAreBounded: in number and in bytes, over all shards.
func TestBatchesAreBounded(t *testing.T) {
	deliver(t, []*Target{aTarget("x")}, nil, func(r *toyRuns, sinks []*toySink) {
		r.d.Lost(0)
		r.d.Lost(1)
		var bodies []string
		for i := range 250 {
			bodies = append(bodies, fmt.Sprint(i))
		}
		r.add(0, bodies...)
		large := strings.Repeat("x", 400_000)
		r.add(1, large, large, large, large+large+large)
		for shard := range 2 {
			r.d.Opened(uint16(shard), 2, []engine.Position{{}}, r.last(shard))
		}
		synctest.Wait()
		all := 0
		sinks[0].mu.Lock()
		defer sinks[0].mu.Unlock()
		for i, n := range sinks[0].sizes {
			all += n
			if n > eventsMax || n > 1 && sinks[0].bytes[i] > batchBytesMax {
				t.Errorf("a batch of %d with %d bytes", n, sinks[0].bytes[i])
			}
		}
		if all != 254 {
			t.Errorf("%d events in %v", all, sinks[0].sizes)
		}
	})
}

// TestWhoWantsWhat: patterns, and types that services do not tell by themselves.
func TestWhoWantsWhat(t *testing.T) {
	with := func(name, types, pattern string) *Target {
		one := aTarget(name)
		one.Types = types
		if pattern != "" {
			var err error
			if one.pattern, err = eventbridge.ParsePattern([]byte(pattern)); err != nil {
				t.Fatal(err)
			}
		}
		return one
	}
	usual, extra, other := `{"source":"aws.swf","n":1}`, `{"source":"heddle.swf","n":1}`, `{"source":"aws.swf","n":2}`
	for _, c := range []struct {
		targets []*Target
		most    engine.Notify
		wanted  string // usual, extra, other
		by      string // the first target
	}{
		{[]*Target{with("a", "", "")}, engine.NotifyPublic, "yyy", "yyy"}, // nobody makes the extra ones then
		{[]*Target{with("a", "all", "")}, engine.NotifyAll, "yyy", "yyy"},
		{[]*Target{with("a", "", `{"n":[1]}`)}, engine.NotifyPublic, "yn", "yn"},
		{[]*Target{with("a", "", ""), with("b", "all", `{"n":[1]}`)}, engine.NotifyAll, "yyy", "yny"},
		{[]*Target{with("a", "all", `{"n":[1]}`), with("b", "", `{"n":[2]}`)}, engine.NotifyAll, "yyy", "yyn"},
		{[]*Target{with("a", "", `{"n":[3]}`), with("b", "", `{"n":[4]}`)}, engine.NotifyPublic, "n", "n"},
	} {
		d := New(Config{Targets: c.targets, Shards: 1})
		if d.Notify() != c.most {
			t.Errorf("%v: notify %d", c.targets[0], d.Notify())
		}
		bodies := []string{usual, extra, other}
		if c.most == engine.NotifyPublic && len(c.wanted) < 3 {
			bodies = []string{usual, other}
		}
		for i, body := range bodies[:len(c.wanted)] {
			if got := d.Wants(&engine.Notification{Body: []byte(body)}); got != (c.wanted[i] == 'y') {
				t.Errorf("%s of %s: %s is wanted: %v", c.targets[0].Types, d.names, body, got)
			}
			if got := d.targets[0].wants([]byte(body)); got != (c.by[i] == 'y') {
				t.Errorf("%s of %s: %s is wanted by the first: %v", c.targets[0].Types, d.names, body, got)
			}
		}
	}
}
