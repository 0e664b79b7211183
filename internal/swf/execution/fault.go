package execution

import (
	"errors"
	"fmt"

	"heddle/internal/engine"
)

// The errors that Handle returns. None of them has changed the state. The handler
// of an action turns them into the service's faults.

// UnknownExecution: the execution is closed.
type UnknownExecution struct {
	WorkflowID string
	RunID      string
}

func (e *UnknownExecution) Error() string {
	return fmt.Sprintf("execution %q, run %s, is not open", e.WorkflowID, e.RunID)
}

// UnknownDecisionTask: no such decision task is open, or none that can be taken.
type UnknownDecisionTask struct{ ScheduledEventID int64 }

func (e *UnknownDecisionTask) Error() string {
	return fmt.Sprintf("no decision task of event %d", e.ScheduledEventID)
}

// UnknownActivity: no such activity task is open, or none that can be taken.
type UnknownActivity struct{ ScheduledEventID int64 }

func (e *UnknownActivity) Error() string {
	return fmt.Sprintf("no activity task of event %d", e.ScheduledEventID)
}

// UnknownLambda: no such Lambda task is open, or none that can be taken.
type UnknownLambda struct{ ScheduledEventID int64 }

func (e *UnknownLambda) Error() string {
	return fmt.Sprintf("no Lambda task of event %d", e.ScheduledEventID)
}

// TooManyOpen: the domain has as many open executions as it may have.
type TooManyOpen struct{ Limit int }

func (e *TooManyOpen) Error() string {
	return fmt.Sprintf("domain has %d open executions", e.Limit)
}

// Validation: the decisions of a decision task don't hold together. Text is for
// the caller, in the service's words.
type Validation struct{ Text string }

func (e *Validation) Error() string { return "decisions refused: " + e.Text }

// IsGone tells whether a run would not take a command since it is closed or
// forgotten, or since the task is closed or was started meanwhile.
func IsGone(err error) bool {
	var (
		noRun    *engine.UnknownRunError
		closed   *UnknownExecution
		decision *UnknownDecisionTask
		activity *UnknownActivity
		lambda   *UnknownLambda
	)
	return errors.As(err, &noRun) || errors.As(err, &closed) || errors.As(err, &decision) ||
		errors.As(err, &activity) || errors.As(err, &lambda)
}
