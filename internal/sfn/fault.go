package sfn

import (
	"errors"
	"fmt"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// Faults in the words of the service.

func refusal(code, message string) error { return &fault.Fault{Code: code, Message: message} }

// invalid is the fault of a request that breaks a rule beyond the model's constraints. It
// is not declared for all operations.
func invalid(message string) error { return fault.Invalid(message) }

var errInvalidToken = refusal(wire.CodeInvalidToken, "Invalid Token: 'Invalid token'")

// errMissing is the fault for versions and aliases that are not there.
var errMissing = refusal(wire.CodeResourceNotFound, "Request references a resource that does not exist.")

func noMachine(arn string) error {
	return refusal(wire.CodeStateMachineDoesNotExist, "State Machine Does Not Exist: '"+arn+"'")
}

func noActivity(arn string) error {
	return refusal(wire.CodeActivityDoesNotExist, "Activity Does Not Exist: '"+arn+"'")
}

func noResource(arn string) error {
	return refusal(wire.CodeResourceNotFound, "Resource not found: '"+arn+"'")
}

// parse reads an ARN of one of some types. Errors: InvalidArn.
func parse(arn string, types ...resource.Type) (resource.Name, error) {
	n, err := resource.ParseAs(arn, types...)
	if err != nil {
		return n, refusal(wire.CodeInvalidArn, err.Error())
	}
	return n, nil
}

// checkName refuses a name that nothing may have.
func checkName(s string) error {
	if !resource.IsName(s) {
		return refusal(wire.CodeInvalidName, "Invalid Name: '"+s+"'")
	}
	return nil
}

// isMissing tells whether a command found nobody.
func isMissing(err error) bool {
	_, missing := errors.AsType[*engine.UnknownRunError](err)
	return missing
}

// faultOf is the fault for what the registry said of the thing that an ARN names; missing
// is that for what is not there.
func faultOf(err error, n resource.Name, missing error) error {
	var (
		noRun    *engine.UnknownRunError
		exists   *registry.ExistsError
		deleting *registry.DeletingError
		many     *registry.TooManyTagsError
		tag      *registry.TagError
		limit    *registry.LimitError
		revision *registry.RevisionError
		used     *registry.VersionInUseError
		alias    *registry.AliasExistsError
		absent   *registry.MissingError
		sealed   *registry.SealedError
	)
	switch {
	case errors.As(err, &noRun):
		return missing
	case errors.As(err, &exists) && n.Type == resource.Activity:
		return refusal(wire.CodeActivityAlreadyExists, "Activity Already Exists: '"+n.String()+"'")
	case errors.As(err, &exists):
		return refusal(wire.CodeStateMachineAlreadyExists, "State Machine Already Exists: '"+n.String()+"'")
	case errors.As(err, &deleting):
		return refusal(wire.CodeStateMachineDeleting, "State Machine is being deleted: '"+n.Qualified("").String()+"'")
	case errors.As(err, &many):
		return refusal(wire.CodeTooManyTags, fmt.Sprintf("Too many tags: '%s' may have at most %d", n, registry.TagsMax))
	case errors.As(err, &tag):
		return invalid(fmt.Sprintf("Tag %q: %s", tag.Key, tag.Reason))
	case errors.As(err, &limit):
		return refusal(wire.CodeServiceQuotaExceededException, fmt.Sprintf("The limit of %d %s of a state machine is reached.", limit.Max, limit.Of))
	case errors.As(err, &revision):
		return refusal(wire.CodeConflictException, fmt.Sprintf("Failed to publish the State Machine version for revision %s. The current State Machine revision is %s.", revision.Wanted, revision.Current))
	case errors.As(err, &sealed):
		return refusal(wire.CodeConflictException, "The encryption configuration of the State Machine was changed by another call. Try again.")
	case errors.As(err, &used):
		return refusal(wire.CodeConflictException, "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: ["+strings.Join(used.Aliases, ", ")+"]")
	case errors.As(err, &alias):
		return refusal(wire.CodeConflictException, "Failed to create alias because an alias with the same name and a different routing configuration already exists.")
	case errors.As(err, &absent):
		return errMissing
	}
	return err
}
