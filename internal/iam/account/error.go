package account

import "fmt"

// Code is what an Error is called on the wire.
type Code string

// The codes of the rules' errors.
const (
	EntityAlreadyExists Code = "EntityAlreadyExists"
	NoSuchEntity        Code = "NoSuchEntity"
	DeleteConflict      Code = "DeleteConflict"
	LimitExceeded       Code = "LimitExceeded"
	MalformedPolicy     Code = "MalformedPolicyDocument"
	InvalidInput        Code = "InvalidInput"
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

func noEntity(r Ref) error {
	return refuse(NoSuchEntity, "The %s with name %s cannot be found.", r.Type, r.Name)
}

func noPolicy(arn string) error {
	return refuse(NoSuchEntity, "Policy %s does not exist or is not attachable.", arn)
}

func overQuota(of string, max int) error {
	return refuse(LimitExceeded, "Cannot exceed quota for %s: %d", of, max)
}
