package cluster

import (
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/shard"
)

// Frames are what goes over links, each a pointer to one of these. Those of one link come in
// the order in which they were sent, or the link ends.
type (
	// Announce says that its sender has a shard, and serves it.
	Announce struct {
		Shard uint16
		Epoch uint64
	}
	// Given says that a shard was released for its receiver to take.
	Given struct {
		Shard uint16
		Epoch uint64
	}

	// Command is a command for a run of the receiver's. ID names it for Reply and Cancel; 0:
	// nobody hears of the outcome.
	Command struct {
		ID  uint64
		Cmd engine.Command
	}
	// Cancel says that nobody waits for a command any more.
	Cancel struct{ ID uint64 }
	// Reply is the outcome of a command or a count. Moved: the shard is not there, and nothing
	// was done.
	Reply struct {
		ID    uint64
		Moved bool
		Value any
		Err   error
		// History is what a value that is engine.Showing will show, of a short run; empty: it is read
		// from the store.
		History []byte
	}

	// Message and Ack are those of shards to shards.
	Message struct{ shard.FarMessage }
	Ack     struct{ shard.FarAck }

	// Offer is a task on a list of the receiver's; Withdraw takes it away; WithdrawShard all of
	// a shard. Epoch is that of the shard of the run: what is of an earlier one is ignored.
	Offer struct {
		Run   engine.RunID
		Epoch uint64
		Offer engine.Offer
	}
	Withdraw struct {
		List  string
		Run   engine.RunID
		ID    int64
		Epoch uint64
	}
	WithdrawShard struct {
		Shard uint16
		Epoch uint64
	}

	// Taken is Withdraw of a task that a poll of its sender has.
	Taken struct {
		List  string
		Run   engine.RunID
		ID    int64
		Epoch uint64
		Who   matching.Poller
	}

	// Poll waits for a task of a list of the receiver's, until PollEnd. It is answered by
	// Claimed, and then wants PollEnd too, which after a refusal has it wait on; or by PollOver.
	Poll struct {
		ID   uint64
		List string
		Who  matching.Poller
	}
	Claimed struct {
		ID       uint64
		Run      engine.RunID
		Offer    int64
		More     bool // other tasks of the list wait; Priority and At are of the first of them
		Priority int32
		At       engine.Time
	}
	PollEnd struct {
		ID  uint64
		How matching.Ending // 0: it waits no more
		// Of a poll that waits no more: the task that it has where it is from; a zero Run: it has none. The list is
		// that of the poll, and is not said.
		Run   engine.RunID
		Offer engine.Offer
	}
	PollOver struct {
		ID      uint64
		TooMany bool // polls; else the list is not there
	}
	// Count asks how many tasks a list has.
	Count struct {
		ID   uint64
		List string
	}
)

// CanWait tells whether a frame may wait a little for others that go the same way, since nobody waits for it.
func CanWait(frame any) bool {
	switch f := frame.(type) {
	case *Withdraw, *Ack, *Standing:
		return true
	case *PollEnd:
		return f.How == matching.Accepted || f.How == 0
	case *Command:
		return f.ID == 0 && f.Cmd.Patient
	}
	return false
}
