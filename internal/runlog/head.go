package runlog

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// headFormat is the first byte of a stored head.
const headFormat = 1

// What a head takes about, and each of its offers on a list of its own.
const (
	headBytes  = 256
	offerBytes = 96
)

// Head is what the store keeps of a run beside its log: who the run is, what the rules
// derived, and where the log stands. It is the row of an open or of a closed run.
type Head struct {
	engine.Identity
	engine.Record
	NextEvent    int64 // id of the next event
	SnapshotAt   int64 // NextEvent when the snapshot was taken; 0: none
	SnapshotLen  int   // bytes of the snapshot
	SnapshotSlot byte  // which of the run's two places the snapshot is in
	TailLen      int   // bytes of events since the snapshot
}

// View is what others see of the head.
func (s *Head) View() *engine.RunView {
	return &engine.RunView{Identity: s.Identity, Record: s.Record, LastEvent: s.NextEvent - 1}
}

// Bytes is about what Append will write.
func (s *Head) Bytes() int { return headBytes + offerBytes*len(s.Offers) + len(s.Listing) }

// Append encodes the head.
func (s *Head) Append(b []byte) []byte {
	b = append(b, headFormat)
	b = appendName(b, s.Name)
	b = append(b, byte(s.Status))
	b = pack.Text(b, s.Group)
	b = pack.Int(b, int64(s.Started))
	b = pack.Int(b, int64(s.Closed))
	b = pack.Int(b, int64(s.Wake))
	b = pack.Int(b, int64(s.Timer))
	b = pack.Uint(b, uint64(s.Working))
	b = pack.Int(b, int64(s.Forget))
	b = pack.Text(b, s.Listing)
	b = pack.Int(b, s.NextEvent)
	b = pack.Int(b, s.SnapshotAt)
	b = pack.Uint(b, uint64(s.SnapshotLen))
	b = append(b, s.SnapshotSlot)
	b = pack.Uint(b, uint64(s.TailLen))
	return s.appendOffers(b)
}

// appendOffers writes of each list's name only what is not as in the one before: a run
// may owe a thousand offers, on the same list or on lists of one place.
func (s *Head) appendOffers(b []byte) []byte {
	b = pack.Uint(b, uint64(len(s.Offers)))
	last := ""
	for _, o := range s.Offers {
		b = pack.Bool(b, o.List == last)
		if o.List != last {
			shared := sharedPrefix(last, o.List)
			b = pack.Uint(b, uint64(shared))
			b = pack.Text(b, o.List[shared:])
			last = o.List
		}
		b = pack.Int(b, o.ID)
		b = pack.Int(b, int64(o.Priority))
		b = pack.Int(b, int64(o.At-s.Started))
		b = pack.Bool(b, o.Held)
	}
	return b
}

func sharedPrefix(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// ReadHead reads what Append wrote of a run.
func ReadHead(run engine.RunID, b []byte) (*Head, error) {
	r := pack.Read(b)
	if f := r.Byte(); f != headFormat {
		return nil, fmt.Errorf("record of run %s: format %d, want %d", run, f, headFormat)
	}
	s := &Head{Identity: engine.Identity{Name: readName(r), Run: run}}
	s.Status = engine.Status(r.Byte())
	s.Group = r.Text()
	s.Started = engine.Time(r.Int())
	s.Closed = engine.Time(r.Int())
	s.Wake = engine.Time(r.Int())
	s.Timer = engine.Time(r.Int())
	s.Working = int(r.Uint())
	s.Forget = engine.Time(r.Int())
	s.Listing = append([]byte(nil), r.Bytes()...)
	s.NextEvent = r.Int()
	s.SnapshotAt = r.Int()
	s.SnapshotLen = int(r.Uint())
	s.SnapshotSlot = r.Byte()
	s.TailLen = int(r.Uint())
	n := r.Count()
	if n > 0 {
		s.Offers = make([]engine.Offer, n)
	}
	last := ""
	for i := range s.Offers {
		if !r.Bool() {
			shared := r.Uint()
			if shared > uint64(len(last)) {
				return nil, fmt.Errorf("record of run %s: %w", run, pack.ErrMalformed)
			}
			last = last[:shared] + r.Text()
		}
		s.Offers[i] = engine.Offer{
			List: last, ID: r.Int(), Priority: int32(r.Int()), At: s.Started + engine.Time(r.Int()), Held: r.Bool(),
		}
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("record of run %s: %w", run, err)
	}
	return s, nil
}

// Agree compares what must be the same in two records of a run, however old they
// are.
func Agree(what string, a *engine.Record, other string, b *engine.Record) error {
	for _, c := range []struct {
		of   string
		a, b any
	}{
		{"status", a.Status, b.Status},
		{"group", a.Group, b.Group},
		{"start time", a.Started, b.Started},
		{"close time", a.Closed, b.Closed},
		{"end of retention", a.Forget, b.Forget},
		{"next user timer", a.Timer, b.Timer},
		{"number of tasks at work", a.Working, b.Working},
		{"listing", string(a.Listing), string(b.Listing)},
		{"having a deadline", a.Wake != 0, b.Wake != 0},
	} {
		if c.a != c.b {
			return fmt.Errorf("%s and %s disagree about its %s: %v and %v", what, other, c.of, c.a, c.b)
		}
	}
	return nil
}
