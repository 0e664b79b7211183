package execution

import (
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// State is one execution, folded from its history and notes. Inputs, results and
// contexts stay in the history; the state knows their event ids.
type State struct {
	id         engine.Identity
	domain     string // part of id.Name.Key, as are
	workflowID string
	group      string
	runID      string // id.Run as the wire carries it
	listing    []byte // what Record gives; nil: to be made anew

	settings      Settings
	domainNumber  uint32
	retentionDays int64
	parent        Parent
	trace         string // header that it was started with

	last            int64 // id of the last event
	started         engine.Time
	closed          engine.Time
	closeStatus     string // "": open
	cancelRequested bool

	list          string // where decision tasks go
	override      string // where they go until one is late; "": no override
	overrideStart string // how long one may wait there

	decision decisionTask // scheduled or started
	queued   decisionTask // scheduled while decision is started
	handled  int64        // DecisionTaskStarted of the last decision task that was completed
	context  int64        // the last DecisionTaskCompleted with a context

	latestActivity engine.Time

	// Each in the order of its events.
	activities []activity
	timers     []timer
	children   []child
	lambdas    []lambda
}

// New is an execution before its first event.
func (r *Rules) New(id engine.Identity) engine.State { return newState(id) }

func newState(id engine.Identity) *State {
	s := &State{id: id}
	s.domain, s.workflowID = Split(id.Name.Key)
	s.group = Group(id.Name.World, s.domain)
	s.runID = FormatRun(id.Run)
	return s
}

func (s *State) isOpen() bool { return s.last > 0 && s.closeStatus == "" }

// find gives the place of the element with an event id in a list ordered by it.
func find[T any](list []T, id int64, idOf func(*T) int64) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(e T, id int64) int { return cmp.Compare(idOf(&e), id) })
}

// at gives the element with an event id, or nil.
func at[T any](list []T, id int64, idOf func(*T) int64) *T {
	if i, ok := find(list, id, idOf); ok {
		return &list[i]
	}
	return nil
}

// without removes the element with an event id, which must be there.
func without[T any](list []T, id int64, idOf func(*T) int64) []T {
	i, ok := find(list, id, idOf)
	if !ok {
		panic(fmt.Sprintf("execution: nothing of event %d is open", id))
	}
	return slices.Delete(list, i, i+1)
}

// seconds reads a resolved timeout; absent ones are unlimited.
func seconds(timeout *string) int64 {
	if timeout == nil {
		return engine.Unlimited
	}
	return secondsOf(*timeout)
}

func secondsOf(timeout string) int64 {
	if n, limited := wire.Seconds(timeout); limited {
		return n
	}
	return engine.Unlimited
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	set := s // only what is set goes to the heap
	return &set
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
