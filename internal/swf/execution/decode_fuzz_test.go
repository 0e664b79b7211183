package execution

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/pack"
	"heddle/internal/swf/wire"
)

// lived is what random executions leave behind: seeds for the decoders.
func lived(f *testing.F) *harness {
	limits := DefaultLimits()
	limits.EventsMax, limits.OpenExecutionsMax = 60, 9
	h := newHarness(f, limits)
	h.quiet = true
	m := &monkey{harness: h, rand: rand.New(rand.NewPCG(11, 1))}
	for range 400 {
		m.act()
	}
	return h
}

// FuzzDecodeState reads bytes as a snapshot.
func FuzzDecodeState(f *testing.F) {
	h := lived(f)
	for _, r := range h.runs {
		f.Add(h.rules.EncodeState(r.state))
	}
	id := engine.Identity{Name: Name(testWorld, testDomain, "a"), Run: engine.NewRunID(7, engine.Seed{1})}
	f.Add(h.rules.EncodeState(h.rules.New(id)))
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.StateReadsBack(t, h.rules, id, b)
	})
}

// FuzzDecodeEvent reads bytes as an event of a history.
func FuzzDecodeEvent(f *testing.F) {
	h := lived(f)
	seen := map[string]bool{}
	for _, r := range h.runs {
		for _, e := range r.events {
			if kind := e.Body.(wire.EventBody).EventType(); !seen[kind] {
				seen[kind] = true
				f.Add(e.ID, e.Public)
			}
		}
	}
	f.Add(int64(1), []byte(`{"eventId":1,"eventTimestamp":1.5,"eventType":"TimerFired"}`))
	f.Fuzz(func(t *testing.T, id int64, public []byte) {
		enginetest.EventReadsBack(t, h.rules, id, public, func(e engine.Event) []byte {
			return appendEvent(nil, id, e.At, e.Body.(wire.EventBody))
		})
	})
}

// FuzzDecodeMessage reads bytes as a message between executions.
func FuzzDecodeMessage(f *testing.F) {
	h := newHarness(f, DefaultLimits())
	text, run := "text", engine.NewRunID(7, engine.Seed{2})
	for kind := range byte(12) {
		m, _ := messageKinds.New(kind)
		f.Add(encodeMessage(m))
	}
	f.Add(encodeMessage(&StartChild{Start: Start{Settings: Settings{Tags: []string{}}, Input: &text, Parent: Parent{"p", run, 5}}, Control: &text}))
	f.Add(encodeMessage(&SignalExternal{External{"p", run, 5, 4, "c", &text, &text}, "go", &text}))
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.ReadsBack(t, b, func(b []byte) ([]byte, error) {
			m, err := h.rules.DecodeMessage(b)
			if err != nil {
				return nil, err
			}
			return encodeMessage(m.(message)), nil
		})
	})
}

// FuzzDecodeSmall reads bytes as a listing, as a header and as each kind of note.
func FuzzDecodeSmall(f *testing.F) {
	h := lived(f)
	for _, r := range h.runs {
		f.Add(r.record.Listing)
		for key, value := range r.notes {
			if key.kind != engine.NoteDelivered {
				f.Add(value)
			}
		}
		f.Add(r.events[0].Private)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.ReadsBack(t, b, func(b []byte) ([]byte, error) {
			l, err := DecodeListing(b)
			if err != nil {
				return nil, err
			}
			c := pack.Writing(nil)
			l.code(c)
			return c.Written(), nil
		})
		for _, code := range []func(*pack.Coder){
			func(c *pack.Coder) {
				var number uint32
				var days int64
				codeHeader(c, &number, &days)
			},
		} {
			code(pack.Reading(b))
		}
	})
}

// TestLengthsOfNothing gives decoders counts and lengths that no bytes follow:
// they must not make room for them.
func TestLengthsOfNothing(t *testing.T) {
	h := newHarness(t, DefaultLimits())
	id := engine.Identity{Name: Name(testWorld, testDomain, "a")}
	whole := h.rules.EncodeState(h.rules.New(id))
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	var before, after runtime.MemStats
	for i := range whole {
		b := append(bytes.Clone(whole[:i]), huge...)
		runtime.ReadMemStats(&before)
		_, _ = h.rules.DecodeState(id, b) // whether it is an error depends on the place
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<16 {
			t.Errorf("a length at byte %d of a state took %d bytes", i, took)
		}
	}
}
