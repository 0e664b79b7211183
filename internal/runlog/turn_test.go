package runlog

import (
	"bytes"
	"strings"
	"testing"

	"heddle/internal/engine"
)

// turnEvents are events as a state machine's are: what one says stands in the next.
func turnEvents(payload string) []engine.Event {
	events := make([]engine.Event, 3)
	for i := range events {
		events[i] = engine.Event{
			ID: int64(i + 1), At: 1_700_000_000_000,
			Public:  []byte(`{"type":"TaskStateExited","id":` + string('1'+rune(i)) + `,"output":"` + payload + `"}`),
			Private: []byte{byte(i)},
		}
	}
	return events
}

// TestTurnIsPackedIfShorter: what events repeat is stored once; what nothing is gained by is
// stored as it is. Either way its events read back, and its size is theirs.
func TestTurnIsPackedIfShorter(t *testing.T) {
	for name, c := range map[string]struct {
		events []engine.Event
		format byte
	}{
		"repeated": {turnEvents(strings.Repeat("0123456789abcdef", 100)), turnPacked},
		"short":    {[]engine.Event{{ID: 1, Public: []byte(`{"a":1}`)}}, turnPlain},
		"empty":    {[]engine.Event{{ID: 1}}, turnPlain},
	} {
		want, private, size := []byte(nil), []byte(nil), len(c.events)-1
		for i, e := range c.events {
			if i > 0 {
				want = append(want, ',')
			}
			want, private = append(want, e.Public...), append(private, e.Private...)
			size += len(e.Public) + len(e.Private)
		}
		before := []byte("before")
		b, told := AppendTurn(before, 7, c.events)
		if !bytes.HasPrefix(b, before) || told != size || b[len(before)] != c.format {
			t.Errorf("%s: wrote %q, size %d; want format %d after %q, size %d", name, b, told, c.format, before, size)
		}
		if b = b[len(before):]; c.format == turnPacked && len(b) > size/2 {
			t.Errorf("%s: %d bytes of %d", name, len(b), size)
		}
		turn, err := ReadTurn(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := turn.AppendPublic(nil, 1, turn.Last()); !bytes.Equal(got, want) || !bytes.Equal(turn.private, private) {
			t.Errorf("%s: read %q and %q, want %q and %q", name, got, turn.private, want, private)
		}
	}
}

// TestTurnOfOtherSizeIsMalformed: a packed turn that is not as long as its lengths say.
func TestTurnOfOtherSizeIsMalformed(t *testing.T) {
	events := turnEvents(strings.Repeat("x", 100))
	b, _ := AppendTurn(nil, 7, events)
	short, _ := AppendTurn(nil, 7, turnEvents(strings.Repeat("x", 99)))
	header := func(b []byte) int { return bytes.IndexByte(b, '{') } // in the first literal
	mixed := append(b[:header(b)-4:header(b)-4], short[header(short)-4:]...)
	for name, b := range map[string][]byte{"mixed": mixed, "cut": b[:len(b)-3], "unknown": append([]byte{9}, b[1:]...)} {
		if _, err := ReadTurn(b); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func BenchmarkTurn(b *testing.B) {
	for name, payload := range map[string]int{"small": 40, "large": 10_000} {
		events := turnEvents(strings.Repeat("0123456789", payload/10))
		room, size := AppendTurn(nil, 7, events)
		b.Run("append/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				room, _ = AppendTurn(room[:0], 7, events)
			}
		})
		b.Run("read/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := ReadTurn(room); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
