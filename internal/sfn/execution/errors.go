package execution

import (
	"fmt"

	"heddle/internal/engine"
)

// TooManyOpenError says that an account has as many open executions as it may.
type TooManyOpenError struct{ Limit int }

func (e *TooManyOpenError) Error() string { return fmt.Sprintf("%d executions are open", e.Limit) }

// ExistsError says that an execution's name is that of another one.
type ExistsError struct{ ARN string }

func (e *ExistsError) Error() string { return fmt.Sprintf("%s exists, and is another one", e.ARN) }

// UnknownTaskError says that a task is not open, or not on offer.
type UnknownTaskError struct{ ScheduledEventID int64 }

func (e *UnknownTaskError) Error() string {
	return fmt.Sprintf("no open task of event %d", e.ScheduledEventID)
}

// TokenError says that a token was not made by its execution, or not for who shows it.
type TokenError struct{}

func (*TokenError) Error() string { return "a token that this execution did not make" }

// NotRedrivableError says why an execution can't be redriven.
type NotRedrivableError struct{ Reason string }

func (e *NotRedrivableError) Error() string { return e.Reason }

var _ engine.GoneError = (*UnknownTaskError)(nil)

// Gone says that the task is over.
func (*UnknownTaskError) Gone() {}

func mustHold(ok bool, format string, args ...any) {
	if !ok {
		panic("execution: " + fmt.Sprintf(format, args...))
	}
}
