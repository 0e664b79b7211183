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
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

const (
	// KindDomains is the kind of a world's list of domains. Its key is empty.
	KindDomains engine.Kind = "swf-domains"
	// KindTypes is the kind of a domain's list of types. Its key is the domain.
	KindTypes engine.Kind = "swf-types"
)

// Limits are what the rules hold users to.
type Limits struct {
	DomainsMax        int // domains in a world, deprecated ones too
	TypesPerDomainMax int // types of both sorts, every version, deprecated ones too
	TagsPerDomainMax  int
	RetentionDaysMax  int
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits {
	return Limits{DomainsMax: 100, TypesPerDomainMax: 10_000, TagsPerDomainMax: 50, RetentionDaysMax: 90}
}

// PageMax bounds the entries of one page, and is what a limit of 0 means.
const PageMax = 1000

// DomainsCommand addresses a command to a world's domains.
func DomainsCommand(world engine.World, body any) engine.Command {
	_, begins := body.(RegisterDomain)
	return command(engine.Name{World: world, Kind: KindDomains}, begins, body)
}

// TypesCommand addresses a command to the types of a domain.
func TypesCommand(world engine.World, domain string, body any) engine.Command {
	_, begins := body.(RegisterType)
	return command(engine.Name{World: world, Kind: KindTypes, Key: domain}, begins, body)
}

// command derives the run's seed from its name: a name has only one run, ever.
func command(name engine.Name, begins bool, body any) engine.Command {
	c := engine.Command{Name: name, Body: body}
	if begins {
		c.Begin, c.Seed = engine.IfAbsent, engine.NameSeed(name)
	}
	return c
}

// head is what both kinds of state remember of their log.
type head struct {
	started     engine.Time
	lastEventID int64
}

// advance notes an event; events come in order or not at all.
func (h *head) advance(e engine.Event) {
	if e.ID != h.lastEventID+1 {
		panic(fmt.Sprintf("registry: event %d applied after event %d", e.ID, h.lastEventID))
	}
	if e.ID == 1 {
		h.started = e.At
	}
	h.lastEventID = e.ID
}

func (h *head) record() engine.Record {
	return engine.Record{Status: engine.Open, Started: h.started}
}

// packHead begins an encoded state: version, then the head.
func (h *head) packHead(version byte) []byte {
	b := []byte{version}
	b = pack.Int(b, int64(h.started))
	return pack.Int(b, h.lastEventID)
}

// readHead reads what packHead wrote; the reader goes on with the rest.
func (h *head) readHead(b []byte, version byte) (*pack.Reader, error) {
	r := pack.Read(b)
	if got := r.Byte(); r.Err() == nil && got != version {
		return nil, fmt.Errorf("version %d, want %d", got, version)
	}
	h.started = engine.Time(r.Int())
	h.lastEventID = r.Int()
	return r, r.Err()
}

// eventBody is what the events of both kinds have in common. Each says what has
// changed, and no more.
type eventBody interface{ pack() []byte }

// emit makes the one event of a turn.
func (h *head) emit(now engine.Time, body eventBody) engine.Event {
	return engine.Event{ID: h.lastEventID + 1, At: now, Body: body, Public: body.pack()}
}

// plain is what the rules of both kinds have in common.
type plain struct{}

// Traits says that a registry is its state: nobody reads its log.
func (plain) Traits() engine.Traits { return engine.Traits{CutsLog: true} }

// follow narrows sorted entries to those that come after a position, read in
// either direction.
func follow[E, P any](sorted []E, after P, order func(E, P) int, reverse bool) []E {
	i, found := slices.BinarySearchFunc(sorted, after, order)
	if reverse {
		return sorted[:i]
	}
	if found {
		i++
	}
	return sorted[i:]
}

// page takes up to limit entries from the front, or from the back, and tells
// whether there are more. show says what a reader sees of an entry, if he does.
func page[E, V any](sorted []E, reverse bool, limit int, show func(E) (V, bool)) (shown []V, more bool) {
	if limit <= 0 || limit > PageMax {
		limit = PageMax
	}
	for n := range sorted {
		if reverse {
			n = len(sorted) - 1 - n
		}
		v, ok := show(sorted[n])
		if !ok {
			continue
		}
		if len(shown) == limit {
			return shown, true
		}
		shown = append(shown, v)
	}
	return shown, false
}
