package keyring

import "fmt"

// Code is what an Error is called on the wire.
type Code string

// The codes of the rules' errors.
const (
	NotFound      Code = "NotFoundException"
	IsDisabled    Code = "DisabledException"
	InvalidState  Code = "KMSInvalidStateException"
	AlreadyExists Code = "AlreadyExistsException"
	LimitExceeded Code = "LimitExceededException"
	WrongTag      Code = "TagException"
)

// Error refuses a command, in words for the caller.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func refuse(code Code, format string, a ...any) error {
	return &Error{code, fmt.Sprintf(format, a...)}
}

// NoKey refuses what is about a key that is not there.
func NoKey(arn string) error { return refuse(NotFound, "Key '%s' does not exist", arn) }

// NoAlias refuses what is about an alias that is not there.
func NoAlias(arn string) error { return refuse(NotFound, "Alias %s is not found.", arn) }

// Usable refuses what can't be done with a key that is not enabled.
func (k *Key) Usable(arn string) error {
	if k.State == Disabled {
		return refuse(IsDisabled, "%s is disabled.", arn)
	}
	return k.Standing(arn)
}

// Standing refuses what can't be done with a key that will be deleted.
func (k *Key) Standing(arn string) error {
	if k.State == PendingDeletion {
		return refuse(InvalidState, "%s is pending deletion.", arn)
	}
	return nil
}
