package audit

import (
	"context"
	"errors"
	"sync"
	"time"
)

// queueKept is how large a buffer is at most that stays when it is empty.
const queueKept = 4 << 20

// placeBytes is what a place for a line counts that is still to come. The line may be
// longer; it is queued all the same. What it is made of is in memory already.
const placeBytes = 16 << 10

// queue holds whole lines between those who record and the one who writes.
type queue struct {
	max    int                                                                        // bytes of lines
	wait   time.Duration                                                              // how long one waits for room; zero: nobody does
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc) // ends that wait
	filled chan struct{}                                                              // has an element when there is something to take

	mu      sync.Mutex // guards the fields below
	lines   []byte
	places  int           // that are taken, for lines to come
	room    chan struct{} // closed when there may be room again; nil: nobody waits
	lost    int64         // lines since the last take
	batch   *batch        // the lines that are queued, for those who wait until they are written; nil: nobody does
	failing bool          // what was taken before can't be written
	closed  bool
}

// batch is what becomes of lines that are queued together.
type batch struct {
	settled chan struct{}
	err     error // nil: they are written; to be read when it is settled
}

func (b *batch) settle(err error) {
	if b != nil {
		b.err = err
		close(b.settled)
	}
}

var (
	errFailing = errors.New("what was recorded before can't be written now")
	errNoRoom  = errors.New("records come faster than they are written")
	errEnded   = errors.New("the trail has ended")
	errUnsaved = errors.New("the record was lost")
)

func newQueue(max int, wait time.Duration, within func(context.Context, time.Duration) (context.Context, context.CancelFunc)) *queue {
	return &queue{max: max, wait: wait, within: within, filled: make(chan struct{}, 1)}
}

// fate is what became of a line.
type fate uint8

const (
	queued fate = iota
	lost
	lostFirst // since lines were taken
)

// put queues a line, or loses it. Once a line was lost, nobody waits for room
// until there is some: else every call would be slowed down, to no good.
func (q *queue) put(line []byte) fate {
	if q.await(func() (<-chan struct{}, error) { return q.enter(line) }) == nil {
		return queued
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost++
	q.signal()
	if q.lost == 1 {
		return lostFirst
	}
	return lost
}

// await tries until it succeeds or fails, or until there was no room for too long. What
// is tried gives what is closed when there may be room, if there is none.
func (q *queue) await(try func() (room <-chan struct{}, err error)) error {
	room, err := try()
	if room == nil {
		return err
	}
	if q.wait == 0 {
		return errNoRoom
	}
	patience, cancel := q.within(context.Background(), q.wait)
	defer cancel()
	for room != nil {
		if patience.Err() != nil {
			return errNoRoom
		}
		select {
		case <-room:
		case <-patience.Done():
		}
		room, err = try()
	}
	return err
}

// enter queues a line. If there is no room, it gives what is closed when there may be.
func (q *queue) enter(line []byte) (<-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, errEnded
	case q.lost > 0:
		return nil, errNoRoom
	case len(q.lines)+len(line) > q.max:
		return q.untilRoom(), nil
	}
	q.lines = append(q.lines, line...)
	q.signal()
	return nil, nil
}

// untilRoom is closed when there may be room. mu is held.
func (q *queue) untilRoom() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// madeRoom wakes those who wait for room. mu is held.
func (q *queue) madeRoom() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// take takes a place for a line to come. Who has one either fills it or leaves it.
func (q *queue) take() error {
	return q.await(func() (<-chan struct{}, error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		switch {
		case q.closed:
			return nil, errEnded
		case q.failing:
			return nil, errFailing
		case len(q.lines)+(q.places+1)*placeBytes > q.max:
			return q.untilRoom(), nil
		}
		q.places++
		return nil, nil
	})
}

// leave gives a place back.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.places--
	q.madeRoom()
}

// fill queues a line in a place that was taken, and gives what becomes of it.
func (q *queue) fill(line []byte) *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.places--
	if q.closed {
		q.lost++
		b := &batch{settled: make(chan struct{})}
		b.settle(errEnded)
		return b
	}
	q.lines = append(q.lines, line...)
	if q.batch == nil {
		q.batch = &batch{settled: make(chan struct{})}
	}
	q.signal()
	return q.batch
}

// fail says whether what was taken can't be written.
func (q *queue) fail(failing bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failing = failing
	q.madeRoom() // who waits need not, or may hope
}

// fails tells whether what was taken can't be written now.
func (q *queue) fails() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failing
}

// signal wakes the goroutine that writes. mu is held.
func (q *queue) signal() {
	if q.closed {
		return
	}
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// drawn is what was in a queue.
type drawn struct {
	lines []byte
	batch *batch // nil: nobody waits for what becomes of them
	lost  int64  // lines after these
}

// draw waits for lines, and then for a while until there are more. It gives all of
// them. It is not ok once the queue is closed and empty. The lines drawn before are given
// back for their memory.
func (q *queue) draw(before []byte, gather func()) (d drawn, ok bool) {
	if cap(before) > queueKept {
		before = nil
	}
	for open := true; open; {
		_, open = <-q.filled
		gather()
		if d = q.swap(before[:0]); len(d.lines) > 0 || d.lost > 0 {
			return d, true
		}
		before = d.lines
	}
	return drawn{}, false
}

func (q *queue) swap(empty []byte) drawn {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := drawn{q.lines, q.batch, q.lost}
	q.lines, q.batch, q.lost = empty, nil, 0
	q.madeRoom()
	return d
}

// losing is how many lines were lost since the last were drawn.
func (q *queue) losing() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lost
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.filled)
}
