package audit

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// The files of changes must stay for a time, so the room that they may fill is shared
// out: a caller who may change something may not, by doing it without end, keep others from it.
const (
	// principalPart is the part of the room that one principal may fill at once, and
	// again in each principalDay.
	principalPart = 16
	principalDay  = 24 * time.Hour
	// freePart is the part of what is still free that one may fill at most: so a few who
	// go on for days, or one who makes himself many, leave something to whoever comes next.
	freePart = 4
	// principalPlaces is how many changes of one principal may be on their way at a time.
	principalPlaces = 16 << 20 / placeBytes / 2
	// rootPart is the part of the room that is left for the root user, who can
	// take away from others what they may do.
	rootPart = 8
	// principalsMax is how many principals are told apart; further ones share.
	principalsMax = 10_000
	forgetEvery   = time.Minute
	// lookEvery is how often it is looked whether there is room again.
	lookEvery = time.Second
)

// changes share out the room for records of changes.
type changes struct {
	files   *files // nil: the records go to no files
	refused atomic.Int64

	mu         sync.Mutex // guards the fields below
	spent      map[string]spending
	onTheirWay map[string]int // by principals
	forgot     time.Time
	looked     time.Time
	told       map[error]time.Time // when the log was told of refusals, by their causes
}

// spending is what a principal has filled, and when that was so.
type spending struct {
	bytes float64
	at    time.Time
}

// Keep takes room for the record of a change that is to be done: Record with Kept fills
// it or leaves it. Root tells whether it is the root user's. An error is for the
// log, which has been told; the change must not be done.
func (t *Trail) Keep(by *Identity, root bool) error {
	to := t.files[Changes]
	if to == nil {
		return nil
	}
	principal := by.spender()
	err := t.mayChange(principal, root)
	if err == nil && !t.changes.enter(principal) {
		err = errManyAtOnce
	}
	if err == nil {
		if err = to.queue.take(); err != nil {
			t.changes.exit(principal)
		}
	}
	if err != nil {
		t.changes.refused.Add(1)
		t.tellRefused(by.principal(), err)
	}
	return err
}

// Failing tells whether records can't be written to files now.
func (t *Trail) Failing() bool {
	for _, d := range t.files {
		if d != nil && d.queue.fails() {
			return true
		}
	}
	return false
}

// Leave gives back the room that Keep took for a change of which there will be no record.
func (t *Trail) Leave(by *Identity) { t.leave(by.spender()) }

// leave gives back room that was taken for a principal.
func (t *Trail) leave(principal string) {
	if to := t.files[Changes]; to != nil {
		t.changes.exit(principal)
		to.queue.leave()
	}
}

// enter counts a change of a principal that is on its way, if it may have another one.
func (c *changes) enter(principal string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onTheirWay[principal] == principalPlaces {
		return false
	}
	if c.onTheirWay == nil {
		c.onTheirWay = map[string]int{}
	}
	c.onTheirWay[principal]++
	return true
}

// exit takes it off the count.
func (c *changes) exit(principal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onTheirWay[principal]--; c.onTheirWay[principal] <= 0 {
		delete(c.onTheirWay, principal)
	}
}

func (t *Trail) mayChange(principal string, root bool) error {
	if t.Failing() || t.Fails != nil && t.Fails() { // it is one disk
		return errFailing
	}
	c := &t.changes
	if c.files == nil {
		return nil
	}
	room := c.files.changesRoom()
	if !c.roomFor(room, root) {
		c.lookAgain(t.Now())
		if !c.roomFor(room, root) {
			return errRoomUsed
		}
	}
	if !root && !c.has(principal, t.Now(), room) {
		return errPartUsed
	}
	return nil
}

var (
	errRoomUsed   = errors.New("the files of changes have no room left but what the root user has, and none is old enough to go; raise --audit-keep, or move files elsewhere")
	errManyAtOnce = errors.New("this caller has too many changes on their way at a time")
	errPartUsed   = errors.New("this caller has filled its part of the room for a day")
)

// now is how many changes are on their way.
func (c *changes) now() (n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, some := range c.onTheirWay {
		n += int64(some)
	}
	return n
}

// roomFor tells whether the files have room.
func (c *changes) roomFor(room int64, root bool) bool {
	if !root {
		room -= room / rootPart
	}
	return c.files.used.Load() < room
}

// lookAgain looks whether files were taken away, or may go now.
func (c *changes) lookAgain(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := now.Sub(c.looked); since >= 0 && since < lookEvery {
		return
	}
	c.looked = now
	if err := c.files.tidy(); err != nil {
		c.files.log.Warn("look for room in the audit trail", "cause", err)
	}
}

// has tells whether a principal has not filled its part.
func (c *changes) has(principal string, now time.Time, room int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.spent[principal]; !known && len(c.spent) >= principalsMax {
		principal = ""
	}
	free := room - room/rootPart - c.files.used.Load()
	return c.spent[principal].now(now, room).bytes < float64(min(room/principalPart, max(1, free/freePart)))
}

// charge counts bytes that a principal has filled.
func (c *changes) charge(principal string, bytes int, now time.Time) {
	if c.files == nil {
		return
	}
	room := c.files.changesRoom()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.spent[principal]; !known && len(c.spent) >= principalsMax {
		c.forget(now, room)
		if len(c.spent) >= principalsMax {
			principal = ""
		}
	}
	if c.spent == nil {
		c.spent = map[string]spending{}
	}
	s := c.spent[principal].now(now, room)
	s.bytes += float64(bytes)
	c.spent[principal] = s
}

// forget forgets those of whose filling nothing is left. It looks at all, so not often.
func (c *changes) forget(now time.Time, room int64) {
	if since := now.Sub(c.forgot); since >= 0 && since < forgetEvery {
		return
	}
	c.forgot = now
	for who, s := range c.spent {
		if s.now(now, room).bytes == 0 {
			delete(c.spent, who)
		}
	}
}

// now is what is left of a spending.
func (s spending) now(now time.Time, room int64) spending {
	if since := now.Sub(s.at); since > 0 {
		s.bytes = max(0, s.bytes-float64(room/principalPart)*float64(since)/float64(principalDay))
	}
	s.at = now
	return s
}

// tellEvery is how often the log is told that changes are refused.
const tellEvery = time.Minute

func (t *Trail) tellRefused(principal string, err error) {
	c, now := &t.changes, t.Now()
	c.mu.Lock()
	since := now.Sub(c.told[err])
	tell := since < 0 || since >= tellEvery
	if tell {
		if c.told == nil {
			c.told = map[error]time.Time{}
		}
		c.told[err] = now
	}
	c.mu.Unlock()
	if !tell {
		return
	}
	var used, room int64
	if c.files != nil {
		used, room = c.files.used.Load(), c.files.changesRoom()
	}
	t.Log.Error("changes are refused: there is no room for their audit records", "principal", principal, "cause", err, "refused", c.refused.Load(), "bytes", used, "bytes_max", room)
}
