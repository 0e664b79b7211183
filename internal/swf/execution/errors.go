package execution

import (
	"fmt"

	"heddle/internal/engine"
)

// The errors that Handle returns. None of them has changed the state. The handler
// of an action turns them into the service's faults.

// UnknownExecutionError: the execution is closed.
type UnknownExecutionError struct {
	WorkflowID string
	RunID      string
}

func (e *UnknownExecutionError) Error() string {
	return fmt.Sprintf("execution %q, run %s, is not open", e.WorkflowID, e.RunID)
}

// UnknownDecisionTaskError: no such decision task is open, or none that can be taken.
type UnknownDecisionTaskError struct{ ScheduledEventID int64 }

func (e *UnknownDecisionTaskError) Error() string {
	return fmt.Sprintf("no decision task of event %d", e.ScheduledEventID)
}

// UnknownActivityError: no such activity task is open, or none that can be taken.
type UnknownActivityError struct{ ScheduledEventID int64 }

func (e *UnknownActivityError) Error() string {
	return fmt.Sprintf("no activity task of event %d", e.ScheduledEventID)
}

// UnknownLambdaError: no such Lambda task is open, or none that can be taken.
type UnknownLambdaError struct{ ScheduledEventID int64 }

func (e *UnknownLambdaError) Error() string {
	return fmt.Sprintf("no Lambda task of event %d", e.ScheduledEventID)
}

// TooManyOpenError: the domain has as many open executions as it may have.
type TooManyOpenError struct{ Limit int }

func (e *TooManyOpenError) Error() string {
	return fmt.Sprintf("domain has %d open executions", e.Limit)
}

// ValidationError: the decisions of a decision task don't hold together, or make more
// than a turn may hold. Text is for the caller, in the service's words.
type ValidationError struct{ Text string }

func (e *ValidationError) Error() string { return "decisions refused: " + e.Text }

// Who takes a task learns by these that it is over.
var _ = []engine.GoneError{&UnknownExecutionError{}, &UnknownDecisionTaskError{}, &UnknownActivityError{}, &UnknownLambdaError{}}

func (e *UnknownExecutionError) Gone()    {}
func (e *UnknownDecisionTaskError) Gone() {}
func (e *UnknownActivityError) Gone()     {}
func (e *UnknownLambdaError) Gone()       {}
