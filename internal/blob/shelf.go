package blob

import (
	"context"
	"io"
	"time"
)

// Shelf is where a Library keeps blobs, under the IDs that it is told. It knows
// nothing of what they say.
type Shelf interface {
	// Begin begins a blob.
	Begin(ctx context.Context) (Draft, error)
	// Open, List and Delete are as those of a Store, but nothing is checked.
	Open(ctx context.Context, id ID, offset int64) (io.ReadCloser, error)
	// Stat tells of one blob. Errors: ErrNotFound.
	Stat(ctx context.Context, id ID) (Info, error)
	List(ctx context.Context, after ID, visit func(Info) bool) error
	Delete(ctx context.Context, id ID) error
}

// AsSeen is a Shelf that several processes put to: who has looked at a blob can delete it only if
// nobody has put it again since.
type AsSeen interface {
	DeleteAsSeen(ctx context.Context, seen Info) error
}

// deleteAsSeen deletes a blob of a shelf that is an AsSeen in that way.
func deleteAsSeen(ctx context.Context, s Shelf, seen Info) error {
	if exact, ok := s.(AsSeen); ok {
		return exact.DeleteAsSeen(ctx, seen)
	}
	return s.Delete(ctx, seen.ID)
}

// Draft is a blob that is being written. Nobody sees it before Keep, and a draft
// that a crash has left never looks like a blob. One goroutine uses it.
type Draft interface {
	io.Writer
	// WriteAt replaces what was written before.
	io.WriterAt
	// Keep makes the draft the blob of this ID, put at this time, whole and durable
	// when it returns. It takes the place of one that is there, whose readers go on or
	// get an error. Since the bytes are new each time, it mends a blob that is
	// damaged, and one that was not yet durable. After an error the blob may be there.
	Keep(ctx context.Context, id ID, at time.Time) error
	// Discard throws away what was not kept, and frees what the draft holds. It is
	// called in the end whatever happened.
	Discard() error
}
