package registry

import (
	"strconv"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Domain is what the registry knows of a domain. Its Tags are not to be changed.
type Domain struct {
	Name        string
	Number      uint32 // names the domain for short; never given to another
	Description string
	Retention   string // as it was registered: NONE or days
	Deprecated  bool
	Sweep       Sweep
	CreatedAt   engine.Time
	Tags        []Tag // sorted by key
}

// Sweep says how often, and when last, a domain was deprecated, and its types
// with it.
type Sweep struct {
	Count uint64
	At    engine.Time
}

// RetentionDays is how long closed runs are kept; with 0 they go at once.
func (d *Domain) RetentionDays() int {
	days, _ := retentionDays(d.Retention)
	return days
}

// retentionDays reads NONE or a number of days.
func retentionDays(retention string) (days int, ok bool) {
	if retention == "NONE" {
		return 0, true
	}
	n, err := strconv.ParseUint(retention, 10, 31)
	return int(n), err == nil
}

// Bodies of commands for a world's domains. Writing ones reply with the Domain
// as it became. All but RegisterDomain fail with UnknownDomainError.
type (
	// RegisterDomain serves RegisterDomain. Errors: DomainExistsError,
	// LimitError, RetentionError, TagError, TooManyTagsError.
	RegisterDomain struct {
		Name        string
		Description string
		Retention   string
		Tags        []Tag
	}

	// DeprecateDomain serves DeprecateDomain; the domain's types go with it.
	// Errors: DomainDeprecatedError.
	DeprecateDomain struct{ Name string }

	// UndeprecateDomain serves UndeprecateDomain; types stay deprecated.
	// Errors: DomainExistsError.
	UndeprecateDomain struct{ Name string }

	// TagDomain serves TagResource. Errors: TagError, TooManyTagsError.
	TagDomain struct {
		Name string
		Tags []Tag
	}

	// UntagDomain serves UntagResource. Keys that are not there are passed over.
	UntagDomain struct {
		Name string
		Keys []string
	}

	// DescribeDomain serves DescribeDomain and ListTagsForResource, and tells
	// every other action what it must know of its domain. It replies with a
	// Domain.
	DescribeDomain struct{ Name string }

	// FindDomain serves the actions that take a task token, which holds a
	// domain's number. It replies with a Domain. Errors: UnknownDomainError with
	// no name.
	FindDomain struct{ Number uint32 }

	// ListDomains serves ListDomains. It replies with a DomainPage.
	ListDomains struct {
		Deprecated bool
		Reverse    bool
		After      string // the last name of the page before; empty: from the start
		Limit      int    // 0: PageMax
	}
)

// DomainPage is a part of the domains in order of name.
type DomainPage struct {
	Domains []Domain
	More    bool // the list goes on after the last of Domains
}

// SortKey is what lists of domains are sorted by.
func (d *Domain) SortKey() collection.Name { return collection.Name(d.Name) }

func (d *Domain) code(c *pack.Coder) {
	c.Text(&d.Name)
	pack.Unsigned(c, &d.Number)
	c.Text(&d.Description)
	c.Text(&d.Retention)
	c.Bool(&d.Deprecated)
	c.Uint(&d.Sweep.Count)
	d.Sweep.At.Code(c)
	d.CreatedAt.Code(c)
	collection.CodeTags(c, &d.Tags)
}
