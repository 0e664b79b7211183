package runlog

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// turnFormat is the first byte of a stored turn.
const turnFormat = 1

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

// AppendTurn encodes events, which have dense ids and one time.
func AppendTurn(b []byte, seq uint64, events []engine.Event) []byte {
	b = append(b, turnFormat)
	b = pack.Uint(b, seq)
	b = pack.Int(b, int64(events[0].At))
	b = pack.Int(b, events[0].ID)
	b = pack.Uint(b, uint64(len(events)))
	for i := range events {
		b = pack.Uint(b, uint64(len(events[i].Public)))
		b = pack.Uint(b, uint64(len(events[i].Private)))
	}
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, events[i].Public...)
	}
	for i := range events {
		b = append(b, events[i].Private...)
	}
	return b
}

// ReadTurn reads a turn; its parts point into b.
func ReadTurn(b []byte) (*Turn, error) {
	r := pack.Read(b)
	if f := r.Byte(); f != turnFormat {
		return nil, fmt.Errorf("turn: format %d, want %d", f, turnFormat)
	}
	t := &Turn{Seq: r.Uint(), At: engine.Time(r.Int()), First: r.Int()}
	n := r.Count()
	if n == 0 {
		return nil, fmt.Errorf("turn: no events: %w", pack.ErrMalformed)
	}
	lens := make([]int, 2*n)
	t.lens, t.privs = lens[:n], lens[n:]
	public, private := n-1, 0
	for i := range n {
		t.lens[i], t.privs[i] = int(r.Uint()), int(r.Uint())
		if uint(t.lens[i]) > uint(len(b)) || uint(t.privs[i]) > uint(len(b)) {
			return nil, fmt.Errorf("turn at event %d: %w", t.First, pack.ErrMalformed)
		}
		public += t.lens[i]
		private += t.privs[i]
	}
	if r.Err() != nil || public+private != r.Len() {
		return nil, fmt.Errorf("turn at event %d: %w", t.First, pack.ErrMalformed)
	}
	t.public = b[len(b)-public-private : len(b)-private]
	t.private = b[len(b)-private:]
	return t, nil
}

// Last is the id of the last event.
func (t *Turn) Last() int64 { return t.First + int64(len(t.lens)) - 1 }

// Events decodes the events from id on.
func (t *Turn) Events(rules engine.Rules, from int64, each func(engine.Event) error) error {
	public, private := 0, 0
	for i, n := range t.lens {
		id := t.First + int64(i)
		if id >= from {
			e, err := rules.DecodeEvent(id, t.At, t.public[public:public+n], t.private[private:private+t.privs[i]])
			if err != nil {
				return fmt.Errorf("event %d: %w", id, err)
			}
			if err := each(e); err != nil {
				return err
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
