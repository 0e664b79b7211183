package flow

import (
	"context"
	"time"
)

// RunInfo says which run, and of what.
type RunInfo struct {
	Domain, Workflow, Version string
	WorkflowID, RunID         string
}

// DecisionInfo is a decision task that a worker handles.
type DecisionInfo struct {
	Run      RunInfo
	Attempt  int64 // the id of the event DecisionTaskStarted
	Events   int   // how many came with it
	Replayed bool  // the run was not at hand: its whole history was read
}

// DecisionOutcome is what became of a decision task.
type DecisionOutcome struct {
	Decisions int
	Parked    string // why, if the code could not decide
	Err       error  // the answer was not taken
	Took      time.Duration
}

// ActivityInfo is an activity task that a worker handles.
type ActivityInfo struct {
	Run                         RunInfo // its Workflow and Version are empty: the task does not say
	Activity, Version           string
	ActivityID                  string
	Attempt                     int // 1 is the first
	StartedID                   int64
	StartToClose, HeartbeatTime time.Duration // zero: not known here
	Token                       string        // for Complete and Fail, if a person will answer
}

// Hooks are told of what a worker does. Each may be nil; all may be called at once by many
// goroutines; they should return soon. A context that a Start hook returns is that of what follows:
// of the activity's code, too.
type Hooks struct {
	DecisionStart func(ctx context.Context, d DecisionInfo) context.Context
	DecisionEnd   func(ctx context.Context, d DecisionInfo, o DecisionOutcome)
	ActivityStart func(ctx context.Context, a ActivityInfo) context.Context
	ActivityEnd   func(ctx context.Context, a ActivityInfo, err error, took time.Duration)
	// Effect is told of each effect that was made, not of those that a replay knows.
	Effect func(ctx context.Context, r RunInfo, took time.Duration)
	// Polled is told of each poll that came back: "decision" or "activity", and whether with a task.
	Polled func(ctx context.Context, kind string, found bool)
	// Slots is told how many tasks of a kind are under way, whenever that changes.
	Slots func(ctx context.Context, kind string, used, most int)
	// Evicted is told that a run is no longer kept at hand: it was the one used longest ago, or it does not fit what the task says.
	Evicted func(ctx context.Context, r RunInfo)
	// Parked is told why workflow code could not decide: the whole text.
	Parked func(ctx context.Context, r RunInfo, why string)
	// Closed is told of a run that closed here, and of the names of signals that nobody has read.
	Closed func(ctx context.Context, r RunInfo, unread []string)
	// Long is told once of a run whose history has come to 15,000 events: SWF ends an execution with 25,000.
	Long func(ctx context.Context, r RunInfo, events int64)
	// Payload is told the length in bytes of what was sent ("out") or read ("in"), in clear.
	Payload func(ctx context.Context, direction string, bytes int)
}
