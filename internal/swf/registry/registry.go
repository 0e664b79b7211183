// Package registry holds the rules of SWF's registry: the domains of a world,
// and the workflow and activity types of a domain.
//
// There are two kinds of execution, both begun by the first registration and
// never closed. "swf-domains" is the list of a world's domains; each world has
// one. "swf-types" is the list of a domain's types, with their defaults; each
// domain has one. Reads are commands too, so they answer what is durable.
//
// Deprecating a domain deprecates all its types, but writes nothing to them: the
// domain counts its deprecations (Sweep), and a type remembers the count at
// which it was last registered or undeprecated. A type that remembers less than
// its domain counts is deprecated since the domain's last deprecation. So every
// command for types carries the Sweep of the domain, and undeprecating a domain
// leaves its types deprecated. Whoever registers or undeprecates a type must
// have read the domain afresh: an old Sweep would leave the type swept. Whether
// the domain is known and registered is checked there as well.
//
// A command for a run that was never begun gets engine.UnknownRunError: the
// world has no domain, or the domain no type.
package registry

import (
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/options"
)

const (
	// KindDomains is the kind of a world's list of domains. Its key is empty.
	KindDomains engine.Kind = "swf-domains"
	// KindTypes is the kind of a domain's list of types. Its key is the domain.
	KindTypes engine.Kind = "swf-types"
)

// Limits are what the rules hold users to.
type Limits struct {
	DomainsMax        int `name:"domains" env:"DOMAINS" default:"100" min:"1" max:"1000000000" help:"Domains per account and region."`       // deprecated ones too
	TypesPerDomainMax int `name:"types" env:"TYPES" default:"10000" min:"1" max:"1000000000" help:"Workflow and activity types per domain."` // every version, deprecated ones too
	TagsPerDomainMax  int `name:"tags-per-resource" env:"TAGS_PER_RESOURCE" default:"50" min:"1" max:"1000000000" help:"Resource tags of a domain."`
	RetentionDaysMax  int `name:"retention-days" env:"RETENTION_DAYS" default:"90" min:"1" max:"1000000000" help:"Longest retention of a domain, in days."`
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits { return options.Defaults[Limits]() }

// PageMax bounds the entries of one page, and is what a limit of 0 means.
const PageMax = 1000

func pageLimit(limit int) int {
	if limit <= 0 || limit > PageMax {
		return PageMax
	}
	return limit
}

// DomainsCommand addresses a command to a world's domains.
func DomainsCommand(world engine.World, body any) engine.Command {
	_, begins := body.(RegisterDomain)
	return collection.Command(engine.Name{World: world, Kind: KindDomains}, body, begins)
}

// TypesCommand addresses a command to the types of a domain.
func TypesCommand(world engine.World, domain string, body any) engine.Command {
	_, begins := body.(RegisterType)
	return collection.Command(engine.Name{World: world, Kind: KindTypes, Key: domain}, body, begins)
}
