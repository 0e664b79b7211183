package runlog

import (
	"bytes"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/pack"
)

var fuzzRun = engine.NewRunID(3, engine.Seed{1, 2, 3})

// FuzzReadHead reads bytes as a run's head.
func FuzzReadHead(f *testing.F) {
	name := engine.Name{World: engine.World{Account: "123456789012", Region: "us-east-1"}, Kind: "toy", Key: "shop\x00a"}
	full := Head{
		Identity: engine.Identity{Name: name, Run: fuzzRun},
		Record: engine.Record{
			Status: engine.Open, Group: "g", Started: 1_700_000_000_000, Wake: 1_700_000_060_000, Working: 2, Listing: []byte("listing"),
			Offers: []engine.Offer{
				{List: "list", ID: 2, At: 1_700_000_000_000}, {List: "list", ID: 5, Priority: -1, At: 1_700_000_000_001, Held: true}, {List: "other", ID: 6},
			},
		},
		NextEvent: 7, SnapshotAt: 4, SnapshotLen: 100, TailLen: 200,
	}
	f.Add(full.Append(nil))
	f.Add((&Head{Record: engine.Record{Status: engine.Closed, Closed: 5, Forget: 9}}).Append(nil))
	// Offers without end, in a record that has none.
	empty := (&Head{}).Append(nil)
	f.Add(pack.Uint(empty[:len(empty)-1], 1<<60))
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.ReadsBack(t, b, func(b []byte) ([]byte, error) {
			s, err := ReadHead(fuzzRun, b)
			if err != nil {
				return nil, err
			}
			return s.Append(nil), nil
		})
	})
}

// FuzzReadTurn reads bytes as the events of a turn, and cuts out of them all
// that a page of history or a replay would.
func FuzzReadTurn(f *testing.F) {
	three := []engine.Event{
		{ID: 3, At: 1_700_000_000_000, Public: []byte(`{"a":1}`), Private: []byte("p")}, {ID: 4, Public: []byte(`{}`)}, {ID: 5, Public: []byte(`{"b":2}`), Private: []byte("q")},
	}
	plain, _ := AppendTurn(nil, 9, three)
	f.Add(plain)
	one, _ := AppendTurn(nil, 1, []engine.Event{{ID: 1}})
	f.Add(one)
	three[1].Public = bytes.Repeat([]byte(`{"a":1}`), 20)
	packed, _ := AppendTurn(nil, 9, three)
	f.Add(packed)
	head := pack.Int(pack.Int(pack.Uint([]byte{turnPlain}, 1), 5), 1)
	// More events than bytes.
	f.Add(pack.Uint(head, 1<<40))
	// Lengths that make up for one another.
	two := pack.Uint(head, 2)
	for _, n := range []uint64{1<<64 - 5, 0, 8, 0} {
		two = pack.Uint(two, n)
	}
	f.Add(append(two, "abcd"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		turn, err := ReadTurn(b)
		if err != nil {
			return
		}
		var events []engine.Event
		if err := turn.Each(turn.First, func(id int64, public, private []byte) error {
			events = append(events, engine.Event{ID: id, At: turn.At, Public: public, Private: private})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 || turn.Last() < turn.First {
			return // ids beyond the largest number
		}
		page := turn.AppendPublic(nil, turn.First, turn.Last())
		if !bytes.Equal(page, turn.public) {
			t.Fatalf("the page %q is not the events %q", page, turn.public)
		}
		// The commas between events are not read; they are written.
		written, _ := AppendTurn(nil, turn.Seq, events)
		again, err := ReadTurn(written)
		if err != nil {
			t.Fatalf("%x was written as %x: %v", b, written, err)
		}
		for i := range events {
			id := turn.First + int64(i)
			if got := again.AppendPublic(nil, id, id); !bytes.Equal(got, events[i].Public) {
				t.Fatalf("event %d is %q, then %q", id, events[i].Public, got)
			}
		}
	})
}

// FuzzReadMessage reads bytes as a message between shards.
func FuzzReadMessage(f *testing.F) {
	f.Add(AppendMessage(nil, &engine.Message{
		To:  engine.Name{World: engine.World{Account: "123456789012", Region: "us-east-1"}, Kind: "toy", Key: "k"},
		Run: fuzzRun, Begin: engine.Always, Seed: engine.Seed{7}, Group: "g", Body: []byte("body"),
	}))
	f.Add(AppendMessage(nil, &engine.Message{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		enginetest.ReadsBack(t, b, func(b []byte) ([]byte, error) {
			c, err := ReadMessage(b)
			if err != nil {
				return nil, err
			}
			return AppendMessage(nil, &engine.Message{To: c.Name, Run: c.Run, Begin: c.Begin, Seed: c.Seed, Group: c.Group, Body: c.Body.([]byte)}), nil
		})
	})
}
