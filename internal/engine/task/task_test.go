package task

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// run is a run with one task, scheduled by event 2 and started by event 3, and the notes
// that are kept beside its history.
type run struct {
	Task
	kept map[engine.NoteKind][]byte
}

func newRun() *run {
	return &run{Task{Scheduled: 2, ScheduledAt: 1000, List: "l", Full: "all/l", Priority: -7}, map[engine.NoteKind][]byte{}}
}

func (r *run) note(n engine.Note) {
	if n.Subject != r.Scheduled {
		panic(fmt.Sprintf("a note about event %d", n.Subject))
	}
	if len(n.Value) == 0 {
		delete(r.kept, n.Kind)
		return
	}
	r.kept[n.Kind] = n.Value
	r.Fold(n)
}

// restarted is the task as a snapshot and the notes have it.
func (r *run) restarted() *run {
	back := &run{Task{}, r.kept}
	c := pack.Reading(r.written())
	back.Code(c)
	if c.Done() != nil {
		panic(c.Err())
	}
	back.Full = r.Full
	for kind, value := range r.kept {
		back.Fold(engine.Note{Subject: r.Scheduled, Kind: kind, Value: value})
	}
	return back
}

func (r *run) written() []byte {
	c := pack.Writing(nil)
	r.Code(c)
	return c.Written()
}

// shown is what pollers and workers can tell of a task, after the shard was last taken
// over at up.
func (r *run) shown(up engine.Time) string {
	var words []string
	say := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	offers := r.AppendOffer(nil, up)
	say(r.Started != 0, "attempt %d since %d", r.Attempt, r.Since)
	say(len(offers) == 1 && offers[0].Held, "held")
	say(len(offers) == 1 && !offers[0].Held, "offered")
	say(r.Delivered, "delivered")
	say(r.Beat.At != 0, "heard of at %d", r.Beat.At)
	if r.Takeable(up) != (len(offers) == 1 && !offers[0].Held) {
		words = append(words, "offered and takeable differ")
	}
	return strings.Join(words, ", ")
}

func TestLife(t *testing.T) {
	details := "half"
	start := func(r *run) { r.Start(3, 2000) }
	reached := func(attempt int64) func(*run) { return func(r *run) { r.Reached(attempt, r.note) } }
	missed := func(attempt int64) func(*run) { return func(r *run) { r.Missed(attempt, r.note) } }
	again := func(at engine.Time) func(*run) { return func(r *run) { r.StartAgain(at, r.note) } }
	beat := func(at engine.Time) func(*run) { return func(r *run) { r.Heartbeat(at, &details, r.note) } }
	for _, c := range []struct {
		what string
		do   []func(*run)
		want string // while the shard lives
		up   string // after it was taken over at 5000
	}{
		{"scheduled", nil, "offered", "offered"},
		{"started", []func(*run){start}, "attempt 1 since 2000, held", "attempt 1 since 2000, offered"},
		{"delivered", []func(*run){start, reached(1)}, "attempt 1 since 2000, delivered", "attempt 1 since 2000, delivered"},
		{"missed", []func(*run){start, missed(1)}, "attempt 1 since 2000, offered", "attempt 1 since 2000, offered"},
		{"written, and yet missed", []func(*run){start, reached(1), missed(1)}, "attempt 1 since 2000, offered", "attempt 1 since 2000, offered"},
		{"missed, then too late", []func(*run){start, missed(1), reached(1)}, "attempt 1 since 2000, offered", "attempt 1 since 2000, offered"},
		{"taken again", []func(*run){start, missed(1), again(3000)}, "attempt 2 since 3000, held", "attempt 2 since 3000, offered"},
		{"taken again, late word of the first", []func(*run){start, missed(1), again(3000), missed(1), reached(1)}, "attempt 2 since 3000, held", "attempt 2 since 3000, offered"},
		{"taken again and delivered", []func(*run){start, missed(1), again(3000), reached(2)}, "attempt 2 since 3000, delivered", "attempt 2 since 3000, delivered"},
		{"a heartbeat is a delivery", []func(*run){start, beat(2500)}, "attempt 1 since 2000, delivered, heard of at 2500", "attempt 1 since 2000, delivered, heard of at 2500"},
		{"heard of, so not missed", []func(*run){start, beat(2000), missed(1)}, "attempt 1 since 2000, delivered, heard of at 2000", "attempt 1 since 2000, delivered, heard of at 2000"},
		{"missed, then heard of: it goes on with an attempt of its own", []func(*run){start, missed(1), beat(2500), missed(1)}, "attempt 2 since 2000, delivered, heard of at 2500", "attempt 2 since 2000, delivered, heard of at 2500"},
	} {
		r := newRun()
		for _, do := range c.do {
			do(r)
		}
		if got := r.shown(0); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		if got := r.restarted().shown(5000); got != c.up {
			t.Errorf("%s, and the shard is taken over: %q, want %q", c.what, got, c.up)
		}
		if r.Drop(r.note); len(r.kept) != 0 {
			t.Errorf("%s, and it closes: notes %v are left", c.what, r.kept)
		}
	}
}

// TestRestartsKeepTasks has snapshot and notes give the task again, whatever it went
// through, and notes go with it.
func TestRestartsKeepTasks(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		r, now := newRun(), engine.Time(2000)
		r.Start(3, now)
		for range random.IntN(12) {
			now += engine.Time(random.IntN(2))
			attempt := max(1, r.Attempt-int64(random.IntN(2)))
			switch random.IntN(4) {
			case 0:
				r.Reached(attempt, r.note)
			case 1:
				r.Missed(attempt, r.note)
			case 2:
				r.Heartbeat(now, nil, r.note)
			case 3:
				if r.Takeable(now) {
					r.StartAgain(now, r.note)
				}
			}
			if back := r.restarted(); !reflect.DeepEqual(back, r) {
				t.Fatalf("seed %d: read back %+v, want %+v", seed, back, r)
			}
		}
		if r.Drop(r.note); len(r.kept) != 0 {
			t.Fatalf("seed %d: notes %v are left of %+v", seed, r.kept, r.Task)
		}
	}
}

func TestTimeouts(t *testing.T) {
	r := newRun()
	if r.Within(60) != 0 || r.BeatBy(0, 60) != 0 {
		t.Error("a task that was not started times out as if it were")
	}
	r.Start(3, 2000)
	if got := r.Within(60); got != 62000 {
		t.Errorf("within 60 s: until %d", got)
	}
	if r.Within(engine.Unlimited) != 0 || r.BeatBy(0, engine.Unlimited) != 0 {
		t.Error("an unlimited timeout ends")
	}
	if got := r.BeatBy(0, 60); got != 62000 {
		t.Errorf("the first heartbeat is late at %d", got)
	}
	r.Heartbeat(5000, nil, r.note)
	if got := r.BeatBy(0, 60); got != 65000 {
		t.Errorf("the second heartbeat is late at %d", got)
	}
	if got := r.BeatBy(9000, 60); got != 69000 {
		t.Errorf("after a takeover at 9000 a heartbeat is late at %d", got)
	}
	if got := r.Within(60); got != 62000 {
		t.Errorf("a heartbeat moved the timeout to %d", got)
	}
}

// TestStored holds the bytes of tasks, of heartbeats and of notes.
func TestStored(t *testing.T) {
	r := newRun()
	scheduled := []byte{2 << 1, 0xd0, 0x0f, 1, 'l', 13, 0}
	if got := r.written(); !bytes.Equal(got, scheduled) {
		t.Errorf("a task is stored as % x, want % x", got, scheduled)
	}
	r.Start(3, 2000)
	r.Missed(1, r.note)
	started := append(scheduled[:len(scheduled)-1:len(scheduled)-1], 3<<1, 0xa0, 0x1f, 1<<1, 1)
	if got := r.written(); !bytes.Equal(got, started) {
		t.Errorf("a started task is stored as % x, want % x", got, started)
	}
	text := "d"
	r.Heartbeat(2000, &text, r.note)
	for kind, want := range map[engine.NoteKind][]byte{
		1: {1},
		2: {2 << 1, 0xa0, 0x1f, 0},
		3: {0xa0, 0x1f, 1, 1, 'd'},
	} {
		if got := r.kept[kind]; !bytes.Equal(got, want) {
			t.Errorf("note %d is % x, want % x", kind, got, want)
		}
	}
	var none Task
	c := pack.Writing(nil)
	if none.Code(c); !bytes.Equal(c.Written(), []byte{0}) {
		t.Errorf("no task is stored as % x", c.Written())
	}
}

func TestDamagedNotesPanic(t *testing.T) {
	for _, n := range []engine.Note{
		{Kind: NoteAttempt, Value: []byte{1}},
		{Kind: NoteHeartbeat, Value: []byte{1, 1, 9}},
		{Kind: NoteHeartbeat + 1, Value: []byte{1}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("note %d with % x was folded", n.Kind, n.Value)
				}
			}()
			newRun().Fold(n)
		}()
	}
}

func FuzzCode(f *testing.F) {
	r := newRun()
	f.Add(r.written())
	r.Start(3, 2000)
	f.Add(r.written())
	f.Fuzz(func(t *testing.T, b []byte) {
		var k Task
		c := pack.Reading(b)
		if k.Code(c); c.Done() != nil {
			return
		}
		if got := (&run{Task: k}).written(); !bytes.Equal(got, b) {
			t.Errorf("% x was read as %+v and written as % x", b, k, got)
		}
	})
}
