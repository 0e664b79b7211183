package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	"heddle/internal/secretfile"
)

// sharedPieces are pieces that a server reads while a test sets them.
type sharedPieces struct {
	mu sync.Mutex // guards p
	p  *pieces
}

func (s *sharedPieces) count() time.Duration { s.mu.Lock(); defer s.mu.Unlock(); return s.p.count() }
func (s *sharedPieces) look() reading        { s.mu.Lock(); defer s.mu.Unlock(); return s.p.look() }
func (s *sharedPieces) boot() string         { return s.p.name }
func (s *sharedPieces) wait(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p.wait(ctx, d)
}

// pass lets time pass for a server, in steps, and waits after each until what is due was
// done.
func (s *sharedPieces) pass(t *testing.T, on *Server, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= lookEvery / 2 {
		s.mu.Lock()
		s.p.passed += min(d, lookEvery/2)
		s.mu.Unlock()
		now := on.clock.Now()
		on.node.Advance()
		waitUntil(t, "what is due was done", func() bool {
			next := on.node.NextWake()
			return (next == 0 || next > now) && !on.node.Unfinished()
		})
	}
}

func (s *sharedPieces) set(off time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.p.off = off }

// TestWrongWallClockEndsNothing runs executions that a wall clock which is 40 days ahead
// would time out, and others that it would delete. Then the clock is right about it, and
// does so by the operator's word; and after a restart by what the wall clock says for
// long enough, but deletes only later.
func TestWrongWallClockEndsNothing(t *testing.T) {
	const far = 40 * 24 * time.Hour
	clocks := &sharedPieces{p: newPieces()}
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone, timepieces: clocks}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	mustCall(t, s, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
	mustCall(t, s, "RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"none"},"defaultChildPolicy":"TERMINATE",
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"NONE"}`)
	const each = 20
	start := func(id string) {
		t.Helper()
		mustCall(t, s, "StartWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"}}`)
	}
	for i := range each {
		id := string(rune('a' + i))
		start("open-" + id)
		start("closed-" + id)
		mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"closed-`+id+`"}`)
	}
	count := func() (open, closed int) {
		t.Helper()
		for _, c := range []struct {
			action string
			n      *int
		}{{"CountOpenWorkflowExecutions", &open}, {"CountClosedWorkflowExecutions", &closed}} {
			a := call(t.Context(), s, c.action, `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`)
			var out struct{ Count int }
			if err := json.Unmarshal([]byte(a.body), &out); a.status != 200 || err != nil {
				t.Fatalf("%s: %d %s %v", c.action, a.status, a.body, err)
			}
			*c.n = out.Count
		}
		return open, closed
	}
	want := func(when string, wantOpen, wantClosed int) {
		t.Helper()
		if open, closed := count(); open != wantOpen || closed != wantClosed {
			t.Fatalf("%s %d are open and %d closed, want %d and %d", when, open, closed, wantOpen, wantClosed)
		}
	}
	want("at first", each, each)

	clocks.set(far)
	clocks.pass(t, s, 2500*time.Millisecond)
	clocks.set(0)
	clocks.pass(t, s, time.Minute)
	want("after 2.5 s of 40 days ahead", each, each)

	clocks.set(far)
	clocks.pass(t, s, time.Minute)
	want("after a minute of 40 days ahead", each, each)
	clocks.mu.Lock()
	word := time.Unix(0, int64(clocks.p.look().wall))
	clocks.mu.Unlock()
	if err := secretfile.Replace(WordFile(cfg.Data), []byte(word.UTC().Format(time.RFC3339)+"\n")); err != nil {
		t.Fatal(err)
	}
	s.hearWord()
	if _, err := os.Stat(WordFile(cfg.Data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the word is left: %v", err)
	}
	clocks.pass(t, s, time.Second)
	want("after the operator's word", 0, each) // the closed ones are gone, the others have just timed out
	start("late")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	// The machine is off for a month.
	clocks.p.passed += 30 * 24 * time.Hour
	clocks.p.name, clocks.p.up = "second", time.Minute-clocks.p.passed
	before := clocks.p.passed
	if s, err = Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if waited := clocks.p.passed - before; waited < steadyFor || waited > 2*steadyFor {
		t.Errorf("the start waited for %s", waited)
	}
	clocks.pass(t, s, time.Second)
	want("after a month", 0, each+1)
	clocks.pass(t, s, 8*time.Hour)
	want("and when that is confirmed", 0, 1)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestWordsAreOfTheirTime: a word that the clock did not ask for, or whose reason went
// before it was taken, does not stand until a wall clock is wrong again.
func TestWordsAreOfTheirTime(t *testing.T) {
	const day = 24 * time.Hour
	for name, given := range map[string]time.Duration{ // by what the wall clock was ahead then
		"not asked for": 0, "of a wall clock that was set right": 40 * day,
	} {
		clocks := &sharedPieces{p: newPieces()}
		cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone, timepieces: clocks}
		s, err := Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		began := s.clock.Now()
		clocks.set(given)
		clocks.pass(t, s, 2*time.Second) // not yet steady
		clocks.mu.Lock()
		word := time.Unix(0, int64(clocks.p.look().wall))
		clocks.mu.Unlock()
		if err := secretfile.Replace(WordFile(cfg.Data), []byte(word.UTC().Format(time.RFC3339)+"\n")); err != nil {
			t.Fatal(err)
		}
		clocks.set(0)
		clocks.pass(t, s, time.Second)
		s.hearWord()
		clocks.set(60 * day)
		clocks.pass(t, s, time.Minute)
		s.hearWord()
		if moved := time.Duration(s.clock.Now()-began) * time.Millisecond; moved > 2*time.Minute {
			t.Errorf("%s: the clock has moved by %s", name, moved)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAcceptTimeWantsAFolder: a word for nobody is not "accepted".
func TestAcceptTimeWantsAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := AcceptTime(dir, time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is no server's: %v", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("it left %v, %v", left, err)
	}
}
