package shard

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
)

// bareKind has the toy's rules without their optional parts.
const bareKind engine.Kind = "bare"

type bareRules struct{ engine.Rules }

// TestMessageForAKindThatTakesNone is dropped with a line in the log; those behind it are
// handled, and nobody is told.
func TestMessageForAKindThatTakesNone(t *testing.T) {
	h := newHarness(t, 2)
	var log strings.Builder
	h.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	h.ok(h.begin(engine.IfAbsent, nameOf(bareKind, "there"), toyPut{"1"}))
	h.must("other", toyBegin{})
	var messages []engine.Message
	for i, key := range []string{"there", "not there"} {
		messages = append(messages, engine.Message{
			To: nameOf(bareKind, key), Begin: engine.IfAbsent, Group: "g", Seed: engine.DeriveSeed(h.now, engine.RunID{}, int64(i)), Body: []byte("u1"),
		})
	}
	messages = append(messages, engine.Message{To: toyName("other"), Body: []byte("u1")})
	h.must("sender", toySend{messages})
	h.settle()
	if n := strings.Count(log.String(), "message dropped: it can't be read"); n != 2 || strings.Count(log.String(), "its kind takes no messages") != 2 {
		t.Errorf("the log says %d times that a message was dropped:\n%s", n, &log)
	}
	if got := h.ok(h.submit(engine.Command{Name: nameOf(bareKind, "there"), Body: toyRead{}})).(toyState); len(got.Tokens) != 1 {
		t.Errorf("the message left the tokens %q", got.Tokens)
	}
	refused[*engine.UnknownRunError](h, h.submit(engine.Command{Name: nameOf(bareKind, "not there"), Body: toyRead{}}))
	if got := h.read("other"); len(got.Tokens) != 1 {
		t.Errorf("the message behind them left the tokens %q", got.Tokens)
	}
	h.now += 2 * ackDelay
	h.settle()
	for _, row := range (&damage{harness: h}).rows() {
		if row.key[0] == keys.Outgoing {
			t.Errorf("message %q is still there", row.value)
		}
	}
	h.quiet()
	h.check()
}

// TestNotesOfAKindThatKnowsNone: who writes one is quarantined, and nothing is stored of
// the turn; one that is stored makes the run unreadable, and no other.
func TestNotesOfAKindThatKnowsNone(t *testing.T) {
	h := newHarness(t, 1)
	bad, good := nameOf(bareKind, "bad"), nameOf(bareKind, "good")
	task := h.ok(h.begin(engine.IfAbsent, bad, toyOffer{})).(int64)
	h.ok(h.begin(engine.IfAbsent, good, toyPut{"1"}))
	if _, err := h.answer(h.submit(engine.Command{Name: bad, Body: toyReach{task}})); !errors.Is(err, ErrQuarantined) {
		t.Errorf("a note is answered %v", err)
	}
	h.ok(h.submit(engine.Command{Name: good, Body: toyPut{"2"}}))
	h.check()
	h.kill()
	run := h.ok(h.submit(engine.Command{Name: bad, Body: toyRead{}})).(toyState).ID.Run

	d := &damage{harness: h}
	note := damaged{key: keys.AppendNote(nil, run, task, byte(engine.NoteDelivered))}
	note.put(d, []byte{1})
	h.start()
	_, err := h.answer(h.submit(engine.Command{Name: bad, Body: toyRead{}}))
	if want := "a note of kind 1 about event 2, and the rules know no notes"; !errors.Is(err, engine.ErrUnusable) || !strings.Contains(err.Error(), want) {
		t.Errorf("a run with a note is answered %v, want %s", err, want)
	}
	h.ok(h.submit(engine.Command{Name: good, Body: toyPut{"3"}}))
	if wrong := h.wrong(); len(wrong) != 1 || !strings.Contains(wrong[0], "the rules know no notes") {
		t.Errorf("the check finds %q", wrong)
	}
	note.remove(d)
	h.start()
	h.ok(h.submit(engine.Command{Name: bad, Body: toyPut{"1"}}))
	h.check()
}

// TestBareRulesAreEnough: a kind without optional parts is in no index, and its end can
// be awaited.
func TestBareRulesAreEnough(t *testing.T) {
	h := newHarness(t, 1)
	name := nameOf(bareKind, "a")
	h.ok(h.begin(engine.IfAbsent, name, toyPut{"1"}))
	for _, row := range (&damage{harness: h}).rows() {
		if row.key[0] == keys.Name || row.space != 0 {
			t.Errorf("it has the row %q of space %d", row.key, row.space)
		}
	}
	awaiting := h.awaits(name, engine.Never, engine.Peek{})
	h.ok(h.submit(engine.Command{Name: name, Body: toyClose{}}))
	if reply := h.ok(awaiting); reply != nil {
		t.Errorf("who awaits its end is answered %v", reply)
	}
	refused[*engine.UnknownRunError](h, h.submit(engine.Command{Name: name, Body: toyRead{}}))
	h.check()
}
