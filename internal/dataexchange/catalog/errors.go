package catalog

import "fmt"

// LimitError: ServiceLimitExceededException.
type LimitError struct {
	Name string
	Max  int
}

func (e *LimitError) Error() string { return fmt.Sprintf("the limit of %s is %d", e.Name, e.Max) }

// StateError: ConflictException. The state of the thing forbids it.
type StateError struct{ Reason string }

func (e *StateError) Error() string { return e.Reason }

// InvalidError: ValidationException.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

// MissingError: ResourceNotFoundException. The run has no such asset or event action.
type MissingError struct{ ID string }

func (e *MissingError) Error() string { return fmt.Sprintf("there is no %s", e.ID) }

// TagError: ValidationException. A tag is not as tags must be.
type TagError struct{ Key, Reason string }

func (e *TagError) Error() string { return fmt.Sprintf("tag %q: %s", e.Key, e.Reason) }

// TooManyTagsError: ValidationException.
type TooManyTagsError struct{}

func (*TooManyTagsError) Error() string { return fmt.Sprintf("more than %d tags", TagsMax) }
