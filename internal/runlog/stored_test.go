package runlog

import (
	"fmt"
	"reflect"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
	"heddle/test/golden"
)

var (
	storedName = engine.Name{World: engine.World{Account: "123456789012", Region: "us-east-1"}, Kind: "toy", Key: "shop\x00a"}
	storedHead = Head{
		Identity: engine.Identity{Name: storedName, Run: engine.NewRunID(3, engine.Seed{1, 2, 3})},
		Record: engine.Record{
			Status: engine.Open, Group: "g", Started: 1_700_000_000_000, Closed: -1, Wake: 1_700_000_060_000, Timer: 7, Working: 2, Forget: 9,
			Listing: []byte("listing"),
			Offers: []engine.Offer{
				{List: "list", ID: 2, At: 1_700_000_000_000}, {List: "list", ID: 5, Priority: -1, At: 1_700_000_000_001, Held: true}, {List: "lift", ID: 6},
			},
		},
		NextEvent: 7, SnapshotAt: 4, SnapshotLen: 100_000, SnapshotSlot: 1, TailLen: 200,
	}
	storedMessage = engine.Message{
		To: storedName, Run: engine.NewRunID(3, engine.Seed{1}), Begin: engine.Once, Seed: engine.Seed{4}, Group: "g", Body: []byte("body"),
	}
)

// TestStoredBytesStay compares heads and messages with the bytes that stores have of
// them. The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	empty := Head{Identity: engine.Identity{Run: storedHead.Run}}
	told := ""
	for _, h := range []Head{storedHead, empty} {
		b := h.Append(nil)
		told += fmt.Sprintf("head %x\n", b)
		got, err := ReadHead(h.Run, b)
		if err != nil || !reflect.DeepEqual(*got, h) {
			t.Errorf("read %+v, error %v, want %+v", got, err, h)
		}
	}
	for _, m := range []engine.Message{storedMessage, {}} {
		b := AppendMessage(nil, &m)
		told += fmt.Sprintf("message %x\n", b)
		got, err := ReadMessage(b)
		want := engine.Command{Name: m.To, Run: m.Run, Begin: m.Begin, Seed: m.Seed, Group: m.Group, Body: m.Body}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, error %v, want %+v", got, err, want)
		}
	}
	for _, n := range []engine.Notified{
		{Number: 7, Bytes: 300, Run: storedHead.Run, At: 1_700_000_000_000, Notification: engine.Notification{Event: 5, Body: []byte("body")}}, {Number: 1, Notification: engine.Notification{Body: []byte{}}},
	} {
		b := AppendNotified(nil, &n)
		told += fmt.Sprintf("notified %x\n", b)
		if got, err := ReadNotified(keys.AppendNotification(nil, n.Number), b); err != nil || !reflect.DeepEqual(got, n) {
			t.Errorf("read %+v, error %v, want %+v", got, err, n)
		}
	}
	for _, one := range []Told{
		{First: 3, Last: engine.Position{Number: 7, Bytes: 300}, Targets: []ToldTarget{{"a", engine.Position{Number: 2, Bytes: 5, Lost: 4, LostFrom: 6, LostTo: 7}}, {"b", engine.Position{Number: 7, Bytes: 300}}}}, {First: 1},
	} {
		b := one.Append(nil)
		told += fmt.Sprintf("told %x\n", b)
		if got, err := ReadTold(b); err != nil || !reflect.DeepEqual(got, one) {
			t.Errorf("read %+v, error %v, want %+v", got, err, one)
		}
	}
	golden.Compare(t, "testdata/stored.hex", told)
}

func BenchmarkHead(b *testing.B) {
	room := storedHead.Append(nil)
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			room = storedHead.Append(room[:0])
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := ReadHead(storedHead.Run, room); err != nil {
				b.Fatal(err)
			}
		}
	})
}
