package audit

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-faster/jx"
)

// Whoever is refused may ask again at full speed, and strangers need not even be known.
// So of each sort of refusal (by whom, of what, why) only the first in a window are
// recorded whole, and all in all not more than some bytes. The others are counted, and
// the end of the window writes a record for each sort (eventName CallsRefused). How
// many sorts are told apart is bounded too. So no flood fills more than 2 MiB a
// window, and what the memory holds of it is bounded likewise.
const (
	refusedWindow = time.Minute
	// sortWhole is how many refusals of a sort are recorded whole.
	sortWhole = 10
	// fromWhole and crowdWhole are how many bytes of records there are whole of one
	// caller, and of all callers of a crowd.
	fromWhole  = 32 << 10
	crowdWhole = 128 << 10
	// fromSorts is how many sorts are told apart of one caller, crowdSorts of a crowd.
	fromSorts  = 16
	crowdSorts = 256
)

// refusals are those of a window.
type refusals struct {
	opened chan struct{} // has an element when a window was opened
	merged atomic.Int64

	mu     sync.Mutex // guards the fields below
	open   bool
	crowds [2]crowd // strangers, and callers who are known: neither crowds out the other
}

// crowd are callers who share bounds.
type crowd struct {
	bytes int // recorded whole
	from  map[string]*refusedFrom
	sorts int
	rest  refusedSort // what is told apart no more
}

// refusedFrom is what one caller was refused.
type refusedFrom struct {
	bytes int // recorded whole
	sorts map[refusal]*refusedSort
	rest  refusedSort // what is told apart no more
}

// refusal is what was refused, and why.
type refusal struct{ service, action, code string }

// refusedSort counts refusals of a sort.
type refusedSort struct {
	whole       int
	merged      int64 // not recorded whole
	first, last time.Time
}

func (s *refusedSort) merge(at time.Time) {
	if s.merged == 0 || at.Before(s.first) {
		s.first = at
	}
	if at.After(s.last) {
		s.last = at
	}
	s.merged++
}

// whole tells whether a refused call is recorded whole. If not, it is counted.
func (r *refusals) whole(c *Call, bytes int) bool {
	from, crowd := c.Identity.principal(), &r.crowds[1]
	if from == "" {
		from, crowd = network(c.SourceIP), &r.crowds[0]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		r.open = true
		r.opened <- struct{}{} // there is room: the one before was taken when its window ended
	}
	whole, sort := crowd.count(from, refusal{c.Service, c.Action, c.ErrorCode}, bytes)
	if !whole {
		sort.merge(c.Time)
		r.merged.Add(1)
	}
	return whole
}

// count counts a refusal that is recorded whole, or gives what it is merged into.
func (w *crowd) count(who string, what refusal, bytes int) (bool, *refusedSort) {
	from := w.from[who]
	if from == nil {
		if w.sorts == crowdSorts {
			return false, &w.rest
		}
		if w.from == nil {
			w.from = map[string]*refusedFrom{}
		}
		from = &refusedFrom{sorts: map[refusal]*refusedSort{}}
		w.from[who] = from
	}
	sort := from.sorts[what]
	if sort == nil {
		if w.sorts == crowdSorts || len(from.sorts) == fromSorts {
			return false, &from.rest
		}
		sort = &refusedSort{}
		from.sorts[what] = sort
		w.sorts++
	}
	if sort.whole == sortWhole || from.bytes+bytes > fromWhole || w.bytes+bytes > crowdWhole {
		return false, sort
	}
	sort.whole++
	from.bytes += bytes
	w.bytes += bytes
	return true, nil
}

// network is by what strangers are told apart: an address, or the part of a longer one
// that a network has.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	n, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return n.String()
}

// runWindows ends each window in its time, the last one when the trail is closed.
func (t *Trail) runWindows() {
	for {
		select {
		case <-t.refusals.opened:
			rest, cancel := t.Within(t.closing, refusedWindow)
			<-rest.Done()
			cancel()
			t.endWindow()
		case <-t.closing.Done():
			t.endWindow()
			return
		}
	}
}

// endWindow writes what was counted.
func (t *Trail) endWindow() {
	r := &t.refusals
	r.mu.Lock()
	crowds := r.crowds
	r.crowds, r.open = [2]crowd{}, false
	select {
	case <-r.opened:
	default:
	}
	r.mu.Unlock()
	var line []byte
	tell := func(stranger bool, who string, what refusal, s *refusedSort) {
		if s.merged == 0 {
			return
		}
		line = t.appendRefused(line[:0], stranger, who, what, s)
		t.files[Refused].put(line)
		t.webhook[Refused].put(line)
	}
	for i := range crowds {
		stranger := i == 0
		for who, from := range crowds[i].from {
			for what, s := range from.sorts {
				tell(stranger, who, what, s)
			}
			tell(stranger, who, refusal{}, &from.rest)
		}
		tell(stranger, "", refusal{}, &crowds[i].rest)
	}
}

// appendRefused appends the record that stands for refusals. What is not told apart is
// not in it.
func (t *Trail) appendRefused(b []byte, stranger bool, who string, what refusal, s *refusedSort) []byte {
	w := jx.Writer{Buf: b}
	t.beginNotice(&w, "CallsRefused")
	w.RawStr(`{"calls":`)
	w.Int64(s.merged)
	w.RawStr(`,"callersAre":`)
	if stranger {
		w.RawStr(`"unknown"`)
		present(&w, `,"sourceIPAddress":`, who)
	} else {
		w.RawStr(`"known"`)
		present(&w, `,"arn":`, who)
	}
	if what.service != "" {
		text(&w, `,"eventSource":`, what.service+".amazonaws.com")
		text(&w, `,"eventName":`, what.action)
		text(&w, `,"errorCode":`, what.code)
	}
	w.RawStr(`,"firstTime":"`)
	w.Buf = s.first.UTC().AppendFormat(w.Buf, time.RFC3339)
	w.RawStr(`","lastTime":"`)
	w.Buf = s.last.UTC().AppendFormat(w.Buf, time.RFC3339)
	w.RawStr("\"}}\n")
	return w.Buf
}
