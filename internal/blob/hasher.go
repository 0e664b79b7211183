package blob

import (
	"hash"
	"sync"
)

// copyBytes is how many bytes of a blob Put reads at a time.
const copyBytes = 64 << 10

var copyRooms = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// roomsBeside is how many rooms a Put has: the one that is read and written, and those that
// are yet to be hashed.
const roomsBeside = 4

// hasher hashes what a Put reads beside what else is done with it. Of a blob that has one room
// at most it does so at once.
type hasher struct {
	sum  hash.Hash
	free chan *[copyBytes]byte // hashed, or never used
	line chan []byte           // to be hashed; nil: nothing goes on beside
	made int                   // rooms
	done chan struct{}         // all of the line is hashed
}

func newHasher(sum hash.Hash) *hasher {
	return &hasher{sum: sum, free: make(chan *[copyBytes]byte, roomsBeside)}
}

// room gives a room that may be filled. The one before must be done with.
func (h *hasher) room() *[copyBytes]byte {
	if len(h.free) == 0 && h.made < roomsBeside {
		h.made++
		return copyRooms.Get().(*[copyBytes]byte)
	}
	return <-h.free
}

// add hashes the first n bytes of a room, which stay as they are until room gives it again.
func (h *hasher) add(room *[copyBytes]byte, n int) {
	if h.line == nil && n < copyBytes { // all there is
		h.sum.Write(room[:n])
		h.free <- room
		return
	}
	if h.line == nil {
		h.line, h.done = make(chan []byte, roomsBeside), make(chan struct{})
		go func() {
			defer close(h.done)
			for b := range h.line {
				h.sum.Write(b)
				h.free <- (*[copyBytes]byte)(b[:copyBytes])
			}
		}()
	}
	h.line <- room[:n:copyBytes]
}

// end gives the sum of all, and lets the rooms go. A second call does nothing.
func (h *hasher) end(b []byte) []byte {
	if h.line != nil {
		close(h.line)
		<-h.done
		h.line = nil
	}
	for range len(h.free) {
		copyRooms.Put(<-h.free)
	}
	return h.sum.Sum(b)
}
