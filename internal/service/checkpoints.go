package service

import (
	"context"
	"errors"
	"time"

	"heddle/internal/engine"
)

// Checkpoints are copies of the store at one moment, in the data folder, for who backs it up or
// checks it while the server runs. There is one at a time, for as long as its holder says that
// it is wanted.
type Checkpoints interface {
	// Create makes one. Errors: ErrNoCheckpoint.
	Create(ctx context.Context) (Checkpoint, error)
	// Keep says that one is still wanted; false: it is not there any more.
	Keep(name string) (Checkpoint, bool)
	// Delete says that one is not wanted any more; false: it is not there.
	Delete(name string) bool
}

// Checkpoint is one.
type Checkpoint struct {
	Name string // of its folder
	// At is when it was asked for: what was acknowledged before is in it.
	At    time.Time
	Until time.Time // it is deleted then, if nobody keeps it
}

// ErrNoCheckpoint: a checkpoint can't be made now. The text of an error that wraps it is for
// callers.
var ErrNoCheckpoint = errors.New("no checkpoint can be made")

// DiskUsage is what takes how much of a disk.
type DiskUsage struct {
	Uses        []DiskUse
	Free, Total uint64   // zero: nobody knows
	Archive     *Archive // nil: there is none
}

// Archive is how the place is to which closed executions are written before they are deleted.
type Archive struct {
	Location   string
	Executions int64 // that were written since the start
	Bytes      int64
	Tried      engine.Time // when it was last tried; zero: not yet
	Since      engine.Time // since when it fails; zero: it does not
	Oldest     engine.Time // since when the oldest waits that could not be written; zero: none waits
	Error      string
}

// DiskUse is one thing on a disk.
type DiskUse struct {
	Name        string // a file or folder of the data folder, or a part of one
	Bytes       int64  // that it takes on the disk, also of what is allocated ahead
	Files       int
	Explanation string
}
