package execution

import (
	"bytes"
	"runtime"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/pack"
)

// lived is what some random executions leave behind: seeds for the decoders.
func lived(t testing.TB) []*randomLife {
	var lives []*randomLife
	for seed := int64(900); len(lives) < 6; seed++ {
		r := newRandomLife(t, seed, false)
		r.run = r.begun()
		for steps := 0; steps < 25 && r.run.state.(*State).isOpen(); steps++ {
			r.step()
		}
		if len(r.run.events) > 8 {
			lives = append(lives, r)
		}
	}
	return lives
}

// FuzzDecodeState reads bytes as a snapshot.
func FuzzDecodeState(f *testing.F) {
	lives := lived(f)
	for _, r := range lives {
		f.Add(r.rules.EncodeState(r.run.state))
	}
	rules, id := lives[0].rules, lives[0].run.id
	f.Add(rules.EncodeState(rules.New(id)))
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.StateReadsBack(t, rules, id, b)
	})
}

// FuzzDecodeEvent reads bytes as an event of a history, and as what it says in private.
func FuzzDecodeEvent(f *testing.F) {
	lives := lived(f)
	rules := lives[0].rules
	seen := map[Type]bool{}
	for _, r := range lives {
		for _, e := range r.run.events {
			if of := e.Body.(*Body).Type; !seen[of] {
				seen[of] = true
				f.Add(e.ID, e.Public, e.Private)
			}
		}
	}
	f.Fuzz(func(t *testing.T, id int64, public, private []byte) {
		e, err := rules.DecodeEvent(id, houseStart, public, private)
		if err != nil {
			return
		}
		body := e.Body.(*Body)
		written := appendEvent(nil, id, houseStart, body, true)
		again, err := rules.DecodeEvent(id, houseStart, written, privateOf(body))
		if err != nil {
			t.Fatalf("%s is written as %s: %v", public, written, err)
		}
		second := again.Body.(*Body)
		if b := appendEvent(nil, id, houseStart, second, true); !bytes.Equal(b, written) || !bytes.Equal(privateOf(second), privateOf(body)) {
			t.Fatalf("%s is written as %s and then as %s", public, written, b)
		}
	})
}

// FuzzDecodeMessage reads bytes as a message between executions.
func FuzzDecodeMessage(f *testing.F) {
	rules := newHarness(f, DefaultLimits()).rules
	for kind := range byte(4) {
		m, _ := messageKinds.New(kind)
		f.Add(encodeMessage(m))
	}
	why := "why"
	f.Add(encodeMessage(&ChildClosed{Scheduled: 5, ARN: "a", Status: Failed, Input: "{}", Error: &why, Cause: &why, Started: 7}))
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.ReadsBack(t, b, func(b []byte) ([]byte, error) {
			m, err := rules.DecodeMessage(b)
			if err != nil {
				return nil, err
			}
			return encodeMessage(m.(message)), nil
		})
	})
}

// FuzzDecodeListing reads bytes as what a list shows.
func FuzzDecodeListing(f *testing.F) {
	for _, r := range lived(f) {
		f.Add(r.run.record.Listing)
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
	})
}

// FuzzParseToken reads texts as tokens: each token has one text.
func FuzzParseToken(f *testing.F) {
	f.Add(Token{Run: engine.NewRunID(7, engine.Seed{1}), Scheduled: 3}.String())
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if token, ok := ParseToken(s); ok && (token.String() != s || token.Scheduled <= 0) {
			t.Errorf("%q is read as %+v, which is %q", s, token, token.String())
		}
	})
}

// TestLengthsOfNothing gives decoders counts and lengths that no bytes follow: they must not
// make room for them.
func TestLengthsOfNothing(t *testing.T) {
	r := lived(t)[0]
	whole := r.rules.EncodeState(r.run.state)
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	var before, after runtime.MemStats
	for i := range whole {
		b := append(bytes.Clone(whole[:i]), huge...)
		runtime.ReadMemStats(&before)
		_, _ = r.rules.DecodeState(r.run.id, b) // whether it is an error depends on the place
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<16 {
			t.Errorf("a length at byte %d of a state took %d bytes", i, took)
		}
	}
}

func privateOf(e *Body) []byte {
	c := pack.Writing(nil)
	e.hidden.code(c, e.Type)
	return c.Written()
}
