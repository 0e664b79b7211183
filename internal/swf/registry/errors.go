package registry

import "fmt"

// UnknownDomainError: UnknownResourceFault.
type UnknownDomainError struct{ Name string }

func (e *UnknownDomainError) Error() string { return fmt.Sprintf("no domain %q", e.Name) }

// DomainExistsError: DomainAlreadyExistsFault. The domain is registered, or was
// before it was deprecated.
type DomainExistsError struct{ Name string }

func (e *DomainExistsError) Error() string { return fmt.Sprintf("domain %q exists", e.Name) }

// DomainDeprecatedError: DomainDeprecatedFault.
type DomainDeprecatedError struct{ Name string }

func (e *DomainDeprecatedError) Error() string { return fmt.Sprintf("domain %q is deprecated", e.Name) }

// UnknownTypeError: UnknownResourceFault.
type UnknownTypeError struct{ Type TypeID }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("no %s", e.Type) }

// TypeExistsError: TypeAlreadyExistsFault. The type is registered, or was before
// it was deprecated.
type TypeExistsError struct{ Type TypeID }

func (e *TypeExistsError) Error() string { return fmt.Sprintf("%s exists", e.Type) }

// TypeDeprecatedError: TypeDeprecatedFault.
type TypeDeprecatedError struct{ Type TypeID }

func (e *TypeDeprecatedError) Error() string { return fmt.Sprintf("%s is deprecated", e.Type) }

// TypeNotDeprecatedError: TypeNotDeprecatedFault.
type TypeNotDeprecatedError struct{ Type TypeID }

func (e *TypeNotDeprecatedError) Error() string { return fmt.Sprintf("%s is not deprecated", e.Type) }

// LimitError: LimitExceededFault.
type LimitError struct {
	Of  string // "domains" or "types"
	Max int
}

func (e *LimitError) Error() string { return fmt.Sprintf("at most %d %s", e.Max, e.Of) }

// TooManyTagsError: TooManyTagsFault.
type TooManyTagsError struct{ Max int }

func (e *TooManyTagsError) Error() string { return fmt.Sprintf("at most %d tags", e.Max) }

// TagError: a tag is not as tags must be.
type TagError struct{ Key, Reason string }

func (e *TagError) Error() string { return fmt.Sprintf("tag %q: %s", e.Key, e.Reason) }

// RetentionError: a retention is neither NONE nor a number of days up to Max.
type RetentionError struct {
	Given string
	Max   int
}

func (e *RetentionError) Error() string {
	return fmt.Sprintf("retention %q: want NONE or 0 to %d days", e.Given, e.Max)
}
