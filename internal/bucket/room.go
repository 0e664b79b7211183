package bucket

import (
	"context"
	"slices"
	"sync"
)

// RoomBytesDefault is what a Room has, if nobody wants another: a few parts of one account,
// and as much for others.
const RoomBytesDefault = 64 << 20

// Room bounds the bytes of objects that are in memory at a time, of all who share it.
// Who holds room does not wait for others who need some, so that all come to their turn:
// the source of a Put takes none. The longest waiting is the first. Who holds room may be
// stalled by a bucket that does not answer, so an account gets more as long as it has less
// than is free (package fair has the same rule for places).
type Room struct {
	*room
	account string // empty: nobody's, which is bounded by nothing but the room
}

type room struct {
	max int64

	mu   sync.Mutex // guards what is below
	held int64
	by   map[string]int64 // of accounts that hold any
	line []*waiting
}

type waiting struct {
	account string
	bytes   int64
	came    chan struct{} // closed when it has its bytes
}

// NewRoom makes a room of so many bytes.
func NewRoom(bytes int64) *Room { return &Room{room: &room{max: bytes, by: map[string]int64{}}} }

// For gives an account its share of the room.
func (r *Room) For(account string) *Room { return &Room{r.room, account} }

// Take waits for room for n bytes. Who wants more than all gets all. Give gives them
// back. Errors: those of the context; then nothing was taken.
func (r *Room) Take(ctx context.Context, n int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	w := &waiting{r.account, min(n, r.max), make(chan struct{})}
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
		r.take(w.account, -w.bytes)
	}
	r.serve()
	return ctx.Err()
}

// Give gives back what Take took.
func (r *Room) Give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take(r.account, -min(n, r.max))
	r.serve()
}

// serve lets in whoever is first, as long as there is room. Who has their part lets others
// pass.
func (r *room) serve() {
	for i := 0; i < len(r.line); {
		w, free := r.line[i], r.max-r.held
		switch {
		case w.account != "" && r.by[w.account] >= free:
			i++
		case w.bytes > free:
			return
		default:
			r.take(w.account, w.bytes)
			close(w.came)
			r.line = slices.Delete(r.line, i, i+1)
		}
	}
}

func (r *room) take(account string, n int64) {
	r.held += n
	if account == "" {
		return
	}
	if r.by[account] += n; r.by[account] == 0 {
		delete(r.by, account)
	}
}
