package listen

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// hall is a room with a clock that is moved by hand.
type hall struct {
	*room
	t   *testing.T
	now time.Duration
	log bytes.Buffer
}

func newHall(t *testing.T, bytes int64, count, percent int) *hall {
	h := &hall{t: t}
	h.room = newRoom(RoomConfig{What: "things", Bytes: bytes, Count: count, ClientPercent: percent}, time.Second,
		func() time.Duration { return h.now }, slog.New(slog.NewTextHandler(&h.log, nil)))
	return h
}

func clientNo(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 32)
}

// thing is a parcel that knows whether it was cut.
type thing struct {
	parcel
	name string
	cut  int
	in   bool
}

func (h *hall) enters(client int, bytes int64) *thing {
	x := &thing{name: fmt.Sprintf("%d bytes of %d after %s", bytes, client, h.now)}
	x.in = h.enter(&x.parcel, clientNo(client), bytes, func() { x.cut++ })
	return x
}

func (h *hall) want(in bool, things ...*thing) {
	h.t.Helper()
	for _, x := range things {
		if here := x.guest != nil; here != in || !in && x.in && x.cut != 1 || in && x.cut != 0 {
			h.t.Errorf("%s: it is there: %v, it was cut %d times", x.name, here, x.cut)
		}
	}
}

// TestSlowestOfWhoHasMost: when there is no room left for what comes, the slowest of the
// client with the most gives way, however fast others of it are, and however slow those
// of others.
func TestSlowestOfWhoHasMost(t *testing.T) {
	h := newHall(t, 1000, 5, 80)
	honest := h.enters(1, 1)
	var greedy []*thing
	for range 4 {
		greedy = append(greedy, h.enters(2, 10))
		h.now++
	}
	h.now = 10 * time.Second
	for _, quick := range []int{0, 1, 3} {
		if !greedy[quick].grow(10) {
			t.Fatal("there is room")
		}
	}
	other := h.enters(3, 1) // of number, there is no more
	h.want(true, honest, other, greedy[0], greedy[1], greedy[3])
	h.want(false, greedy[2])

	h.now++
	third := h.enters(3, 500)
	if !greedy[3].grow(440) {
		t.Error("of bytes there is room")
	}
	h.want(false, greedy[0])
	h.want(true, third, honest, greedy[1], greedy[3])
	// Who has most of the bytes now is the third, and all that it has is slow.
	if !honest.grow(100) {
		t.Error("who has little must give way")
	}
	h.want(true, honest, greedy[1], greedy[3])
	h.want(false, other, third)
	if taken, _ := h.taken(); taken > 1000 {
		t.Errorf("%d bytes", taken)
	}
	if n := strings.Count(h.log.String(), "the slowest gives way"); n != 1 {
		t.Errorf("logged %d times within a minute", n)
	}
}

// TestOwnShare: who has all of its share makes room with what is slow of its own, if
// anything is; what has only begun is not.
func TestOwnShare(t *testing.T) {
	h := newHall(t, 1000, 100, 10)
	first := h.enters(1, 60)
	if second := h.enters(1, 60); second.in {
		t.Error("it has more than its share")
	}
	h.want(true, first)
	h.now = time.Second
	third := h.enters(1, 60)
	h.want(true, third)
	h.want(false, first)
	if third.grow(41) {
		t.Error("it has outgrown the share of its client")
	}
	if bytes, waiting := h.taken(); bytes != 0 || waiting != 0 || len(h.guests) != 0 {
		t.Errorf("%d bytes, %d waiting, %d guests", bytes, waiting, len(h.guests))
	}
}

// TestWhatHasComeStays: what has come, and is being handled, never gives way; what comes
// then is refused.
func TestWhatHasComeStays(t *testing.T) {
	h := newHall(t, 100<<10, 10, 50)
	for client := range 2 {
		x := h.enters(client, 50<<10)
		if !x.settle() {
			t.Fatal("it has come")
		}
		defer h.want(true, x)
	}
	h.now = time.Hour
	if x := h.enters(2, 1); x.in {
		t.Error("there is no room")
	}
	small := h.enters(0, 0)
	if small.in && (!small.settle() || small.guest != nil) {
		t.Error("what is small and has come is still counted")
	}
}

// TestRoomCloses: what waits is cut, what has come is not.
func TestRoomCloses(t *testing.T) {
	h := newHall(t, 100<<10, 10, 100)
	waits, come := h.enters(1, 10<<10), h.enters(1, 10<<10)
	come.settle()
	h.close()
	h.want(false, waits)
	h.want(true, come)
	if waits.settle() || waits.grow(1) {
		t.Error("what was cut has come")
	}
	come.leave()
	come.leave()
	if bytes, _ := h.taken(); bytes != 0 || len(h.guests) != 0 {
		t.Errorf("%d bytes", bytes)
	}
}

// TestMayTake: who has all of its share of what is not read gets no more, unless
// something of it is slow.
func TestMayTake(t *testing.T) {
	h := newHall(t, 1000, 10, 50)
	x := h.enters(1, 500)
	if h.mayTake(clientNo(1)) || !h.mayTake(clientNo(2)) {
		t.Error("the one has all of its share, the other nothing")
	}
	h.now = time.Second
	if !h.mayTake(clientNo(1)) {
		t.Error("what is slow does not give way")
	}
	h.want(false, x)
}

// TestRoomAlwaysAddsUp does anything in any order: nothing is counted twice or lost, and
// no bound is ever passed.
func TestRoomAlwaysAddsUp(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		h := newHall(t, 100<<10, 8, 1+random.IntN(100))
		var all []*thing
		for range 200 {
			h.now += time.Duration(random.IntN(400)) * time.Millisecond
			switch x := random.IntN(6); {
			case x < 2 || len(all) == 0:
				all = append(all, h.enters(random.IntN(4), int64(random.IntN(30<<10))))
			case x < 4:
				all[random.IntN(len(all))].grow(int64(random.IntN(20 << 10)))
			case x == 4:
				all[random.IntN(len(all))].settle()
			default:
				all[random.IntN(len(all))].leave()
			}
			var bytes int64
			waiting := 0
			byClient := map[*guest]int64{}
			for _, one := range all {
				if one.guest == nil {
					continue
				}
				bytes += one.bytes
				byClient[one.guest] += one.bytes
				if one.waits {
					waiting++
				}
			}
			if got, waits := h.taken(); got != bytes || waits != waiting || got > h.cfg.Bytes || waits > h.cfg.Count {
				t.Fatalf("seed %d: %d bytes and %d waiting, want %d and %d", seed, got, waits, bytes, waiting)
			}
			for g, bytes := range byClient {
				if g.bytes != bytes || bytes > h.bytesEach || len(g.waiting) > h.countEach {
					t.Fatalf("seed %d: %d bytes of a client, counted as %d", seed, bytes, g.bytes)
				}
			}
			if len(byClient) != len(h.guests) {
				t.Fatalf("seed %d: %d guests, want %d", seed, len(h.guests), len(byClient))
			}
		}
	}
}
