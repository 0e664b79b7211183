package engine

import "time"

// Listener is told what shards do, once it is durable. Each function may be nil; it is
// called by the goroutine that steps the shard, so it must be quick and wait for nobody.
// What it is given is only its own until it returns.
type Listener struct {
	// TurnDone: a batch has moved a run.
	TurnDone func(*TurnDone)
	// BatchDone: a batch was let out.
	BatchDone func(*BatchDone)
	// CommitDone: so many sections were written at once, and took so long.
	CommitDone func(sections int, took time.Duration)
	// Stepped: a shard has evaluated for so long. It is told of some steps only.
	Stepped func(took time.Duration)
	// Quarantined: a run takes no more commands until the process ends.
	Quarantined func(id Identity, why error)
	// Dropped: a shard has forgotten its memory and answers ErrUnavailable until it has
	// read the store again.
	Dropped func(shard uint16, why error)
	// TookOver: a shard has read the store and takes commands.
	TookOver func(shard uint16, openRuns int)
}

// TurnDone is what a batch did to a run.
type TurnDone struct {
	Identity
	Events   []Event
	Measures []Measure
	// Before is the record before the batch; its Status is zero for a new run.
	Before, After *Record
}

// BatchDone is what a batch was. A batch that wrote nothing has no Ops.
type BatchDone struct {
	Shard uint16
	Calls int // commands and messages
	Ops   int // rows written or deleted
	Bytes int // of keys and values put
	// States are the commands that needed a run's state, and Read those of them whose state was
	// not in memory.
	States, Read int
	Late         []Time // of each deadline that was handled: for how long it had been due
	// From the evaluation of its first command to the commit, and the commit itself; zero
	// without a stopwatch.
	Wait, Commit time.Duration
}
