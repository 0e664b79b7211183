package registry

import "fmt"

// ExistsError: ActivityAlreadyExists, StateMachineAlreadyExists. What has the name is set
// up in another way.
type ExistsError struct{}

func (*ExistsError) Error() string { return "something else has the name" }

// DeletingError: StateMachineDeleting.
type DeletingError struct{}

func (*DeletingError) Error() string { return "the state machine is being deleted" }

// TooManyTagsError: TooManyTags.
type TooManyTagsError struct{}

func (*TooManyTagsError) Error() string { return fmt.Sprintf("more than %d tags", TagsMax) }

// TagError: a tag is not as tags must be.
type TagError struct{ Key, Reason string }

func (e *TagError) Error() string { return fmt.Sprintf("tag %q: %s", e.Key, e.Reason) }

// LimitError: ServiceQuotaExceededException.
type LimitError struct {
	Of  string // "versions" or "aliases"
	Max int
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Max, e.Of) }

// SealedError: ConflictException. The machine's encryption was changed meanwhile.
type SealedError struct{}

func (*SealedError) Error() string { return "the definition is not sealed as the machine's data is" }

// RevisionError: ConflictException. The machine has another revision than the one that was
// to be published.
type RevisionError struct{ Wanted, Current string }

func (e *RevisionError) Error() string {
	return fmt.Sprintf("revision %s was wanted, and %s is current", e.Wanted, e.Current)
}

// VersionInUseError: ConflictException. Aliases point to the version.
type VersionInUseError struct{ Aliases []string }

func (e *VersionInUseError) Error() string { return fmt.Sprintf("aliases %q point to it", e.Aliases) }

// AliasExistsError: ConflictException. An alias of the name is set up in another way.
type AliasExistsError struct{}

func (*AliasExistsError) Error() string { return "another alias has the name" }

// MissingError: ResourceNotFound. The machine has no such version or alias.
type MissingError struct{}

func (*MissingError) Error() string { return "there is no such version or alias" }
