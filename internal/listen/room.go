package listen

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// RoomConfig says how much may be under way of one sort at a time.
type RoomConfig struct {
	What          string // for the log
	Bytes         int64
	Count         int // of parcels that wait for their peers
	ClientPercent int // the part of either that one client may have
}

// room bounds what is under way: requests that come, or answers that go. When it is
// full, the client that has most gives way, with what is slowest: what has moved the
// fewest bytes in its time. So neither many slow parcels nor large ones keep others out,
// and who is alone may be slow.
type room struct {
	cfg       RoomConfig
	bytesEach int64 // of one client
	countEach int
	grace     time.Duration // what is younger gives way only to clients who have less
	elapsed   func() time.Duration
	log       *slog.Logger

	mu        sync.Mutex // guards what follows, and what parcels and guests hold
	bytes     int64
	waiting   int
	guests    map[netip.Prefix]*guest
	closed    bool          // nobody is waited for any more
	complains time.Duration // from when on
}

// guest is a client of whom something is under way.
type guest struct {
	client  netip.Prefix
	bytes   int64
	waiting map[*parcel]struct{}
	firm    int // parcels that wait for nobody
}

// freeBytes of a request, or of an answer, every connection has room for. They are not
// counted once nobody is waited for.
const freeBytes = 4 << 10

// parcel is a request that comes, or an answer that goes. It waits for its peer, and may
// have to give way, until it is firm. Its bytes count until it leaves; it enters once.
type parcel struct {
	room  *room
	guest *guest // nil: it is not in the room
	began time.Duration
	bytes int64
	moved int64
	waits bool

	mu  sync.Mutex
	cut func() // ends the wait; nil: there is nothing to end
}

func newRoom(cfg RoomConfig, grace time.Duration, elapsed func() time.Duration, log *slog.Logger) *room {
	part := int64(cfg.ClientPercent)
	return &room{
		cfg: cfg, bytesEach: (cfg.Bytes*part + 99) / 100, countEach: int((int64(cfg.Count)*part + 99) / 100),
		grace: grace, elapsed: elapsed, log: log, guests: map[netip.Prefix]*guest{},
	}
}

// enter takes in a parcel that waits for its peer, with the bytes that are there. False:
// there is no room.
func (r *room) enter(p *parcel, client netip.Prefix, bytes int64, cut func()) bool {
	p.room, p.began, p.cut = r, r.elapsed(), cut
	r.mu.Lock()
	if r.guests[client] == nil {
		r.guests[client] = &guest{client: client, waiting: map[*parcel]struct{}{}}
	}
	p.guest, p.waits = r.guests[client], true
	p.guest.waiting[p] = struct{}{}
	r.waiting++
	return r.add(p, bytes)
}

// grow counts bytes that have come. False: the parcel had to give way.
func (p *parcel) grow(bytes int64) bool {
	p.room.mu.Lock()
	p.moved += bytes
	return p.room.add(p, bytes)
}

// pass is grow for bytes that are not held.
func (p *parcel) pass(bytes int64) bool {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.moved += bytes
	return p.guest != nil
}

// add counts bytes of a parcel, and has others give way to it, or it to others. It
// unlocks mu.
func (r *room) add(p *parcel, bytes int64) bool {
	if p.guest == nil {
		r.mu.Unlock()
		return false
	}
	r.count(p, bytes)
	var gone []*parcel
	for p.guest != nil {
		loser := r.loser(p)
		if loser == nil {
			break
		}
		gone = append(gone, loser)
		r.remove(loser)
	}
	in := p.guest != nil
	now := r.elapsed()
	due := len(gone) > 0 && now >= r.complains
	if due {
		r.complains = now + complainEvery
	}
	taken := r.bytes
	r.mu.Unlock()
	if due {
		r.log.Warn("too much at a time; the slowest gives way", "what", r.cfg.What, "bytes", taken, "of", r.cfg.Bytes)
	}
	for _, g := range gone {
		if g != p {
			g.interrupt()
		}
	}
	return in
}

// count adds bytes to a parcel; mu is held.
func (r *room) count(p *parcel, bytes int64) {
	p.bytes += bytes
	p.guest.bytes += bytes
	r.bytes += bytes
}

// loser is what must give way now that p has come or grown; nil: nothing need. It is p
// itself if nothing else may be made to. mu is held.
func (r *room) loser(p *parcel) *parcel {
	own := p.guest
	if own.bytes > r.bytesEach || len(own.waiting) > r.countEach {
		return r.slowest(own, p, r.grace)
	}
	var most *guest
	switch {
	case r.bytes > r.cfg.Bytes:
		most = r.most(own, func(g *guest) int64 { return g.bytes })
	case r.waiting > r.cfg.Count:
		most = r.most(own, func(g *guest) int64 { return int64(len(g.waiting)) })
	default:
		return nil
	}
	if most == own {
		return r.slowest(own, p, r.grace)
	}
	return r.slowest(most, p, 0)
}

// most is the guest who has more than own, and most, of those who have something that may
// give way; else it is own.
func (r *room) most(own *guest, of func(*guest) int64) *guest {
	most := own
	for _, g := range r.guests {
		if len(g.waiting) > 0 && of(g) > of(most) {
			most = g
		}
	}
	return most
}

// slowest is what a guest has that moves slowest, but for what is younger than grace; if
// there is nothing else, p.
func (r *room) slowest(g *guest, p *parcel, grace time.Duration) *parcel {
	var slowest *parcel
	var least float64
	now := r.elapsed()
	for one := range g.waiting {
		age := now - one.began
		if age < grace {
			continue
		}
		// What is young has had no time to be quick.
		speed := float64(one.moved) / max(age, r.grace, 1).Seconds()
		if slowest == nil || speed < least || speed == least && one.began < slowest.began {
			slowest, least = one, speed
		}
	}
	if slowest == nil {
		return p
	}
	return slowest
}

// remove forgets a parcel, if it is there; mu is held.
func (r *room) remove(p *parcel) {
	g := p.guest
	if g == nil {
		return
	}
	r.count(p, -p.bytes)
	if p.waits {
		delete(g.waiting, p)
		r.waiting--
	} else {
		g.firm--
	}
	if p.guest = nil; len(g.waiting) == 0 && g.firm == 0 {
		delete(r.guests, g.client)
	}
}

// settle makes a parcel firm: it has come. One that is small leaves. False: it had to give
// way before.
func (p *parcel) settle() bool {
	r := p.room
	r.mu.Lock()
	in := p.guest != nil
	if in && p.bytes <= freeBytes {
		r.remove(p)
	} else if in && p.waits {
		p.waits = false
		delete(p.guest.waiting, p)
		r.waiting--
		p.guest.firm++
	}
	r.mu.Unlock()
	p.forget()
	return in
}

// leave gives the room of a parcel to others, if it has any. It may be called again.
func (p *parcel) leave() {
	if p.room == nil {
		return
	}
	p.room.mu.Lock()
	p.room.remove(p)
	p.room.mu.Unlock()
	p.forget()
}

// forget has the wait not be ended any more.
func (p *parcel) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = nil
}

// interrupt ends the wait. No lock of the room is held: it may take a while.
func (p *parcel) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut != nil {
		p.cut()
	}
}

// close has all that waits give way, and what comes later wait little.
func (r *room) close() {
	var gone []*parcel
	r.mu.Lock()
	r.closed = true
	for _, g := range r.guests {
		for p := range g.waiting {
			gone = append(gone, p)
		}
	}
	for _, p := range gone {
		r.remove(p)
	}
	r.mu.Unlock()
	for _, p := range gone {
		p.interrupt()
	}
}

// isClosed tells whether close was called.
func (r *room) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// mayTake tells whether a client has not all of its share, and has what is slowest of it
// give way if it has.
func (r *room) mayTake(client netip.Prefix) bool {
	r.mu.Lock()
	g := r.guests[client]
	if g == nil || g.bytes < r.bytesEach {
		r.mu.Unlock()
		return true
	}
	slowest := r.slowest(g, nil, r.grace)
	if slowest != nil {
		r.remove(slowest)
	}
	r.mu.Unlock()
	if slowest == nil {
		return false
	}
	slowest.interrupt()
	return true
}

// taken is how many bytes are under way, and how many parcels wait.
func (r *room) taken() (bytes int64, waiting int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes, r.waiting
}
