package dataexchange

import (
	"errors"
	"fmt"
	"net/http"

	"heddle/internal/aws/fault"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

// Faults in the words of the service. AWS's texts are not known; these are our own.

// invalid is ValidationException.
func invalid(format string, args ...any) error { return fault.Invalid(fmt.Sprintf(format, args...)) }

// invalidFor is ValidationException with its ExceptionCause.
func invalidFor(cause, format string, args ...any) error {
	return &fault.Fault{Kind: fault.Validation, Message: fmt.Sprintf(format, args...), Members: fault.Members{{Name: "ExceptionCause", Value: cause}}}
}

// kinds are what faults call things.
var kinds = map[engine.Kind]string{
	catalog.KindDataSet: wire.ResourceTypeDataSet, catalog.KindRevision: wire.ResourceTypeRevision, catalog.KindJob: wire.ResourceTypeJob,
	catalog.KindAccount: wire.ResourceTypeEventAction, kindAsset: wire.ResourceTypeAsset, catalog.KindGrant: wire.ResourceTypeDataGrant,
	catalog.KindEntitled: wire.ResourceTypeDataSet,
}

// kindAsset is what missing and conflict call an asset, which is no run.
const kindAsset engine.Kind = "asset"

func concerning(kind engine.Kind, id string) fault.Members {
	return fault.Members{{Name: "ResourceId", Value: id}, {Name: "ResourceType", Value: kinds[kind]}}
}

// missing is the fault for what is not there, or is another account's.
func missing(kind engine.Kind, id string) error {
	return &fault.Fault{
		Code: wire.CodeResourceNotFoundException, Status: http.StatusNotFound, Message: fmt.Sprintf("Resource %s of type %s was not found.", id, kinds[kind]),
		Members: concerning(kind, id),
	}
}

func isNotFound(err error) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && f.Code == wire.CodeResourceNotFoundException
}

// conflict is the fault for what the thing's state forbids.
func conflict(kind engine.Kind, id, format string, args ...any) error {
	return &fault.Fault{Code: wire.CodeConflictException, Status: http.StatusConflict, Message: fmt.Sprintf(format, args...), Members: concerning(kind, id)}
}

// faultOf is the fault for what the rules said of a thing.
func faultOf(err error, kind engine.Kind, id string) error {
	var (
		noRun *engine.UnknownRunError
		gone  *catalog.MissingError
		state *catalog.StateError
		wrong *catalog.InvalidError
		limit *catalog.LimitError
		tag   *catalog.TagError
		many  *catalog.TooManyTagsError
	)
	switch {
	case errors.As(err, &noRun), errors.As(err, &gone):
		return missing(kind, id)
	case errors.As(err, &state):
		return conflict(kind, id, "%s", state.Reason)
	case errors.As(err, &wrong):
		return invalid("%s", wrong.Reason)
	case errors.As(err, &limit):
		return &fault.Fault{
			Code: wire.CodeServiceLimitExceededException, Status: http.StatusPaymentRequired, Message: fmt.Sprintf("The limit %q is %d.", limit.Name, limit.Max),
			Members: fault.Members{{Name: "LimitName", Value: limit.Name}, {Name: "LimitValue", Value: limit.Max}},
		}
	case errors.As(err, &tag):
		return invalid("Tag %q: %s", tag.Key, tag.Reason)
	case errors.As(err, &many):
		return invalid("A resource may have at most %d tags.", catalog.TagsMax)
	}
	return err
}
