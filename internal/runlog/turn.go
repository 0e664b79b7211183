package runlog

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// The first byte of a stored turn tells whether its events are packed by S2. What goes
// from state to state, or from a task to its execution, stands in several of them.
const (
	turnPlain  = 1
	turnPacked = 2
)

// Turn is the events of one turn as the store keeps them. The public bytes
// stand together with commas between them: a page of history copies them out as
// they are.
type Turn struct {
	Seq     uint64 // the shard's batch that wrote it
	At      engine.Time
	First   int64 // id of the first event
	lens    []int // public bytes of each event
	privs   []int // private bytes of each event
	public  []byte
	private []byte
}

// AppendTurn encodes events, which have dense ids and one time. It tells how many bytes
// they are, unpacked.
func AppendTurn(b []byte, seq uint64, events []engine.Event) (_ []byte, size int) {
	start := len(b)
	b = append(b, turnPlain)
	b = pack.Uint(b, seq)
	b = pack.Int(b, int64(events[0].At))
	b = pack.Int(b, events[0].ID)
	b = pack.Uint(b, uint64(len(events)))
	for i := range events {
		b = pack.Uint(b, uint64(len(events[i].Public)))
		b = pack.Uint(b, uint64(len(events[i].Private)))
	}
	body := len(b)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, events[i].Public...)
	}
	for i := range events {
		b = append(b, events[i].Private...)
	}
	end := len(b)
	b = slices.Grow(b, s2.MaxEncodedLen(end-body))
	if packed := s2.Encode(b[end:cap(b)], b[body:]); len(packed) < end-body {
		b[start] = turnPacked
		b = append(b[:body], packed...)
	}
	return b, end - body
}

// ReadTurn reads a turn; its parts may point into b.
func ReadTurn(b []byte) (*Turn, error) {
	t := &Turn{}
	if err := t.read(b, nil); err != nil {
		return nil, err
	}
	return t, nil
}

// read reads a turn, whose parts may point into b, and into room if that is large enough.
func (t *Turn) read(b, room []byte) error {
	r := pack.Read(b)
	format := r.Byte()
	if format != turnPlain && format != turnPacked {
		return fmt.Errorf("turn: format %d, want %d or %d", format, turnPlain, turnPacked)
	}
	t.Seq, t.At, t.First = r.Uint(), engine.Time(r.Int()), r.Int()
	n := r.Count()
	if n == 0 {
		return fmt.Errorf("turn: no events: %w", pack.ErrMalformed)
	}
	t.lens, t.privs = slices.Grow(t.lens[:0], n)[:n], slices.Grow(t.privs[:0], n)[:n]
	public, private := n-1, 0
	for i := range n {
		t.lens[i], t.privs[i] = int(r.Uint()), int(r.Uint())
		if uint(t.lens[i]) > engine.TurnBytesMax || uint(t.privs[i]) > engine.TurnBytesMax {
			return fmt.Errorf("turn at event %d: %w", t.First, pack.ErrMalformed)
		}
		public += t.lens[i]
		private += t.privs[i]
	}
	body := b[len(b)-r.Len():]
	size, err := len(body), r.Err()
	if format == turnPacked && err == nil {
		size, err = s2.DecodedLen(body)
	}
	if err == nil && size != public+private {
		err = pack.ErrMalformed
	}
	if format == turnPacked && err == nil {
		body, err = s2.Decode(room[:cap(room)], body)
	}
	if err != nil {
		return fmt.Errorf("turn at event %d: %w", t.First, err)
	}
	t.public, t.private = body[:public], body[public:]
	return nil
}

// Last is the id of the last event.
func (t *Turn) Last() int64 { return t.First + int64(len(t.lens)) - 1 }

// Each visits the stored bytes of the events from id on.
func (t *Turn) Each(from int64, visit func(id int64, public, private []byte) error) error {
	public, private := 0, 0
	for i, n := range t.lens {
		if id := t.First + int64(i); id >= from {
			if err := visit(id, t.public[public:public+n], t.private[private:private+t.privs[i]]); err != nil {
				return fmt.Errorf("event %d: %w", id, err)
			}
		}
		public += n + 1
		private += t.privs[i]
	}
	return nil
}

// AppendPublic appends the public bytes of the events from..to, with commas
// between them, to b.
func (t *Turn) AppendPublic(b []byte, from, to int64) []byte {
	start := 0
	for i := t.First; i < from; i++ {
		start += t.lens[i-t.First] + 1
	}
	end := start - 1
	for i := from; i <= to; i++ {
		end += t.lens[i-t.First] + 1
	}
	return append(b, t.public[start:end]...)
}

// fitting gives the last of the events from..to that have room, with their commas, behind
// length bytes, if most is how many there may be. The first of all has room always.
func (t *Turn) fitting(from, to int64, length, most int) (last int64) {
	for last = from - 1; last < to; last++ {
		more := t.lens[last+1-t.First]
		if length > 0 {
			if more++; length+more > most {
				break
			}
		}
		length += more
	}
	return last
}
