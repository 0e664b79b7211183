package execution

import (
	"heddle/internal/engine"
	"heddle/internal/pack"
)

// How a turn stays below engine.TurnBytesMax, and a record small.
//
// What a request or a message makes is as large as what it says, and a little more: of a
// signal one event, of a child that has closed one event. Three things make more.
//
// What is due together (wake): after wakeBytes the rest waits for the next wake.
//
// The end of an execution with many children, which are told by one message each: there
// are never more of them than tellBytesMax allows. A thousand with the longest names,
// which is the service's quota, take 2.3 MB, so only a higher quota notices it.
//
// Decisions, of which a request may hold 14,000 short ones: see fits.
//
// Whoever wants notifications adds one to each event: of a start or a close that is little,
// and what is due together waits the sooner. Decisions that come close to the bound may be
// refused then, and would not be without.
const (
	wakeBytes    = 1 << 20
	tellBytesMax = 5 << 19

	// offerBytesMax bounds what the offers of tasks take in a record: a thousand
	// activity tasks, each on a list of its own with the longest name, are 2.1 MB.
	offerBytesMax = 5 << 19

	// partBytes is what engine counts for each event, note, message and notification beside its bytes.
	partBytes = 256

	// textBytesMax is the longest that a name of 256 characters may be.
	textBytesMax = 1024

	// tellOneMax is what the message that tells one child takes at most.
	tellOneMax = partBytes + 2*textBytesMax + 32
)

// DecisionsBytesMax is how many bytes the texts of a CompleteDecision take at most, as
// JSON. Whoever makes the command sees to it; a request as large is the largest.
const DecisionsBytesMax = 1<<20 + 64<<10

// decisionBytes is the most that a decision makes beside twice its own texts, which go
// into an event and perhaps a message. Largest is StartChildWorkflowExecution by a type
// with the longest defaults: a Lambda role of 1,600 characters takes 12,800 bytes in
// event and message together; domain, task list and the parent's name 1,024 each time.
const decisionBytes = 19 << 10

// decisionsTooLarge is what a decider hears who makes too much history at once.
const decisionsTooLarge = "The decisions are too many or too large to be recorded together; respond with fewer"

// bytes is what engine.Turn.Bytes will count.
func (t *turn) bytes() int {
	return partBytes*(len(t.events)+len(t.notes)+len(t.messages)+len(t.notifications)) + len(t.public) + t.others
}

// fits tells whether the decisions make a turn that is small enough. A hundred always
// do, unless they may fill the history; clients' libraries send no more. Others are tried
// on a copy of the state first: what decisions have done can't be undone, and none that
// was answered may be lost.
func (t *turn) fits(c *CompleteDecision) bool {
	n := len(c.Decisions)
	most := 2*DecisionsBytesMax + (n+1)*decisionBytes
	if t.s.last+2*int64(n)+2 >= int64(t.limits.EventsMax) {
		most += t.s.tellBytes() + n*tellOneMax // they may fill the history, which ends it
	}
	if t.in.Notify.Any(engine.NotifySpans) {
		most += spansBytes
	}
	if t.in.Notify.Any(engine.NotifyPublic) {
		most += (n + 2) * t.s.notificationBytes() // of each, and of the events around them
	}
	if most <= engine.TurnBytesMax {
		return true
	}
	trial := turn{s: t.s.clone(), in: t.in, limits: t.limits}
	trial.takeDecisions(c)
	turn := trial.finish()
	return turn.Bytes() <= engine.TurnBytesMax
}

func (s *State) clone() *State {
	written := pack.Writing(nil)
	other := newState(s.id)
	s.code(written)
	read := pack.Reading(written.Written())
	other.code(read)
	mustHold(read.Done() == nil, "copy of %q: %v", s.workflowID, read.Err())
	return other
}

// tellBytes is what the messages take that tell all children of the execution's end.
func (s *State) tellBytes() int {
	n := 0
	for i := range s.children {
		n += tellOneMax - 2*textBytesMax + len(s.domain) + len(s.children[i].workflowID)
	}
	return n
}

// mayTellOneMore tells whether there is room for one more child, whatever its name.
func (s *State) mayTellOneMore() bool {
	return (len(s.children)+1)*tellOneMax <= tellBytesMax || s.tellBytes()+tellOneMax <= tellBytesMax
}

// mayOfferOneMore tells whether there is room for one more activity or Lambda task, on
// whatever list.
func (s *State) mayOfferOneMore() bool {
	const most = 2*textBytesMax + 128
	if (len(s.activities)+len(s.lambdas)+1)*most <= offerBytesMax {
		return true
	}
	const other = 32
	n := len(s.lambdas) * (len(LambdaList) + other)
	for i := range s.activities {
		n += len(s.activities[i].Full) + other
	}
	return n+most <= offerBytesMax
}
