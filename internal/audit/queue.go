package audit

import (
	"context"
	"sync"
	"time"
)

const (
	// queueMax is how many bytes of lines wait for a destination; as many again
	// may be on their way to it.
	queueMax = 8 << 20
	// queueKept is how large a buffer is at most that stays when it is empty.
	queueKept = 4 << 20
)

// queue holds whole lines between those who record and the one who writes.
type queue struct {
	wait   time.Duration                                                              // how long put waits for room; zero: it does not
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc) // ends that wait
	filled chan struct{}                                                              // has an element when there is something to take

	mu     sync.Mutex // guards the fields below
	lines  []byte
	room   chan struct{} // closed when there is room again; nil: nobody waits
	lost   int64         // lines since the last take
	closed bool
}

func newQueue(wait time.Duration, within func(context.Context, time.Duration) (context.Context, context.CancelFunc)) *queue {
	return &queue{wait: wait, within: within, filled: make(chan struct{}, 1)}
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
	room := q.enter(line)
	if room == nil {
		return queued
	}
	if room != never && q.wait > 0 {
		patience, cancel := q.within(context.Background(), q.wait)
		defer cancel()
		for room != never && patience.Err() == nil {
			select {
			case <-room:
			case <-patience.Done():
			}
			if room = q.enter(line); room == nil {
				return queued
			}
		}
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

// never is closed never: it is no use to wait.
var never <-chan struct{} = make(chan struct{})

// enter queues a line and gives nil. If there is no room, it gives what is closed
// when there may be.
func (q *queue) enter(line []byte) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.lost > 0 {
		return never
	}
	if len(q.lines)+len(line) > queueMax {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return q.room
	}
	q.lines = append(q.lines, line...)
	q.signal()
	return nil
}

// signal wakes the goroutine that takes. mu is held.
func (q *queue) signal() {
	if q.closed {
		return
	}
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// take waits for lines, and then for a while until there are more. It gives all of
// them, and how many were lost after them. It is not ok once the queue is closed
// and empty. The lines taken before are given back for their memory.
func (q *queue) take(before []byte, gather func()) (lines []byte, lost int64, ok bool) {
	if cap(before) > queueKept {
		before = nil
	}
	for open := true; open; {
		_, open = <-q.filled
		gather()
		if lines, lost = q.swap(before[:0]); len(lines) > 0 || lost > 0 {
			return lines, lost, true
		}
		before = lines
	}
	return nil, 0, false
}

func (q *queue) swap(empty []byte) (lines []byte, lost int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, lost = q.lines, q.lost
	q.lines, q.lost = empty, 0
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return lines, lost
}

// losing is how many lines were lost since the last take.
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
