package engine

// Notification tells those outside of an event of a run. It is durable with its turn, and
// kept until all have had it who want it.
type Notification struct {
	Event int64  // whose it is; an event has one of each sort at most
	Body  []byte // what they get, of which the kernel knows nothing
}

// Notify says which sorts of notifications somebody wants.
type Notify uint8

const (
	NotifyPublic Notify = 1 << iota // of events that the service tells of by itself
	NotifyOthers                    // of all others
	NotifyLogs                      // of events that users want to be logged
	NotifySpans                     // of what an event ends, in a trace

	NotifyNone Notify = 0 // nobody wants any
	NotifyAll         = NotifyPublic | NotifyOthers
)

// Any tells whether one of some sorts is wanted.
func (n Notify) Any(of Notify) bool { return n&of != 0 }

// Notified is a notification as it is kept. Those of a shard are numbered from 1, in the
// order of their turns, so that those of a run are in the order of its events.
type Notified struct {
	Number uint64
	Bytes  uint64 // of all bodies up to this one
	Run    RunID
	At     Time
	Notification
}

// Position is how far one of those outside has come with the notifications of a shard.
type Position struct {
	Number uint64 // of the last that it has had, or that was given up
	Bytes  uint64 // Notified.Bytes of it
	// Lost counts those that were given up, and of which it has not been told yet; they were
	// of a time from LostFrom to LostTo.
	Lost             uint64
	LostFrom, LostTo Time
}

// Notices is what shards tell whoever delivers notifications. It is called by the goroutines
// that step shards, so it must be quick and wait for nobody.
type Notices interface {
	// Targets are the names of those outside, each of which has a position of its own.
	Targets() []string
	// Notify is how much they want to hear; not NotifyNone.
	Notify() Notify
	// Wants tells whether one of them at least wants a notification.
	Wants(*Notification) bool
	// Opened: a shard was taken over. The positions are in the order of Targets, last is the
	// last notification that there is. The generation goes back with what was delivered.
	Opened(shard uint16, generation uint64, positions []Position, last Position)
	// Came: so far the notifications of a shard are durable.
	Came(shard uint16, last Position)
	// Lost: nothing more is to be delivered of a shard before it was opened again.
	Lost(shard uint16)
}
