package bucket

import (
	"context"
	"slices"
	"sync"
)

// RoomBytesDefault is what a Room has, if nobody wants another: a few parts.
const RoomBytesDefault = 32 << 20

// Room bounds the bytes of objects that are in memory at a time, of all who share it.
// Who waits for room holds none, so that all come to their turn; the longest waiting is
// the first.
type Room struct {
	max int64

	mu   sync.Mutex // guards what is below
	held int64
	line []*waiting
}

type waiting struct {
	bytes int64
	came  chan struct{} // closed when it has its bytes
}

// NewRoom makes a room of so many bytes.
func NewRoom(bytes int64) *Room { return &Room{max: bytes} }

// Take waits for room for n bytes. Who wants more than all gets all. Give gives them
// back. Errors: those of the context; then nothing was taken.
func (r *Room) Take(ctx context.Context, n int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	w := &waiting{min(n, r.max), make(chan struct{})}
	r.line = append(r.line, w)
	r.serve()
	r.mu.Unlock()
	select {
	case <-w.came:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.line, w); i >= 0 {
		r.line = slices.Delete(r.line, i, i+1)
	} else { // it came at this moment
		r.held -= w.bytes
	}
	r.serve()
	return ctx.Err()
}

// Give gives back what Take took.
func (r *Room) Give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= min(n, r.max)
	r.serve()
}

// serve lets in whoever is first, as long as there is room.
func (r *Room) serve() {
	for len(r.line) > 0 && r.held+r.line[0].bytes <= r.max {
		r.held += r.line[0].bytes
		close(r.line[0].came)
		r.line = r.line[1:]
	}
}
