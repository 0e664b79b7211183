package registry

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Domains is the rules of KindDomains.
type Domains struct {
	*collection.Rules[*domainList]
	limits Limits
}

var _ engine.Rules = (*Domains)(nil)

// NewDomains makes the rules of KindDomains.
func NewDomains(l Limits) *Domains { return &Domains{domainRules, l} }

var domainRules = collection.NewRules(collection.Config[*domainList]{
	Package: "registry",
	Of:      "domains",
	New:     func(engine.Identity) *domainList { return &domainList{} },
	Version: 1,
	Events: map[byte]collection.Event[*domainList]{
		1: &domainRegistered{},
		2: &domainDeprecated{},
		3: &domainUndeprecated{},
		4: &domainTagged{},
	},
})

// domainList is the state of KindDomains.
type domainList struct {
	collection.Log
	domains collection.Set[collection.Name, *Domain] // none is ever taken away
}

// Code says the fields.
func (l *domainList) Code(c *pack.Coder) { collection.Code(c, &l.domains, (*Domain).code) }

func (l *domainList) find(name string) (*Domain, error) {
	if d, ok := l.domains.Find(collection.Name(name)); ok {
		return d, nil
	}
	return nil, &UnknownDomainError{name}
}

// change puts in a domain's place what f makes of a copy.
func (l *domainList) change(name string, f func(d *Domain)) {
	old, err := l.find(name)
	if err != nil {
		panic(fmt.Sprintf("registry: event %d: %v", l.LastEventID, err))
	}
	d := *old
	f(&d)
	l.domains.Put(&d)
}

// Events of KindDomains.
type (
	domainRegistered   struct{ domain Domain }
	domainDeprecated   struct{ name string }
	domainUndeprecated struct{ name string }
	domainTagged       struct {
		name string
		collection.TagChange
	}
)

func (e *domainRegistered) Code(c *pack.Coder)   { e.domain.code(c) }
func (e *domainDeprecated) Code(c *pack.Coder)   { c.Text(&e.name) }
func (e *domainUndeprecated) Code(c *pack.Coder) { c.Text(&e.name) }
func (e *domainTagged) Code(c *pack.Coder) {
	c.Text(&e.name)
	e.TagChange.Code(c)
}

func (e *domainRegistered) Apply(l *domainList, _ engine.Time) {
	if !l.domains.Add(&e.domain) {
		panic(fmt.Sprintf("registry: event %d: domain %q exists", l.LastEventID, e.domain.Name))
	}
}

func (e *domainDeprecated) Apply(l *domainList, at engine.Time) {
	l.change(e.name, func(d *Domain) {
		d.Deprecated = true
		d.Sweep = Sweep{Count: d.Sweep.Count + 1, At: at}
	})
}

func (e *domainUndeprecated) Apply(l *domainList, _ engine.Time) {
	l.change(e.name, func(d *Domain) { d.Deprecated = false })
}

func (e *domainTagged) Apply(l *domainList, _ engine.Time) {
	l.change(e.name, func(d *Domain) { d.Tags = e.Change(d.Tags) })
}

// Handle decides a command; domain.go lists them.
func (d *Domains) Handle(s engine.State, body any, in engine.Input) (engine.Turn, error) {
	l := s.(*domainList)
	switch c := body.(type) {
	case RegisterDomain:
		return d.register(l, c, in.Now)
	case DeprecateDomain:
		return d.deprecate(l, c, in.Now)
	case UndeprecateDomain:
		return d.undeprecate(l, c, in.Now)
	case TagDomain:
		return d.tag(l, c, in.Now)
	case UntagDomain:
		return d.untag(l, c, in.Now)
	case DescribeDomain:
		return describeDomain(l, c.Name)
	case FindDomain:
		for _, found := range l.domains {
			if found.Number == c.Number {
				return engine.Turn{Reply: *found}, nil
			}
		}
		return engine.Turn{}, &UnknownDomainError{}
	case ListDomains:
		return listDomains(l, c), nil
	default:
		panic(fmt.Sprintf("registry: no rule of domains for command %T", body))
	}
}

// write makes a turn of one event, which is about the domain called name.
func (d *Domains) write(l *domainList, now engine.Time, name string, body collection.Event[*domainList]) (engine.Turn, error) {
	var t engine.Turn
	d.Emit(&t, l, now, body)
	found, err := l.find(name)
	t.Reply = *found
	return t, err
}

func (d *Domains) register(l *domainList, c RegisterDomain, now engine.Time) (engine.Turn, error) {
	if _, err := l.find(c.Name); err == nil {
		return engine.Turn{}, &DomainExistsError{c.Name}
	}
	if days, ok := retentionDays(c.Retention); !ok || days > d.limits.RetentionDaysMax {
		return engine.Turn{}, &RetentionError{c.Retention, d.limits.RetentionDaysMax}
	}
	tags, err := withTags(nil, c.Tags, d.limits.TagsPerDomainMax)
	if err != nil {
		return engine.Turn{}, err
	}
	if len(l.domains) >= d.limits.DomainsMax {
		return engine.Turn{}, &LimitError{"domains", d.limits.DomainsMax}
	}
	return d.write(l, now, c.Name, &domainRegistered{Domain{
		Name:        c.Name,
		Number:      uint32(len(l.domains)) + 1, // free, since no domain is ever taken away
		Description: c.Description,
		Retention:   c.Retention,
		CreatedAt:   now,
		Tags:        tags,
	}})
}

func (d *Domains) deprecate(l *domainList, c DeprecateDomain, now engine.Time) (engine.Turn, error) {
	found, err := l.find(c.Name)
	if err != nil {
		return engine.Turn{}, err
	}
	if found.Deprecated {
		return engine.Turn{}, &DomainDeprecatedError{c.Name}
	}
	return d.write(l, now, c.Name, &domainDeprecated{c.Name})
}

func (d *Domains) undeprecate(l *domainList, c UndeprecateDomain, now engine.Time) (engine.Turn, error) {
	found, err := l.find(c.Name)
	if err != nil {
		return engine.Turn{}, err
	}
	if !found.Deprecated {
		return engine.Turn{}, &DomainExistsError{c.Name}
	}
	return d.write(l, now, c.Name, &domainUndeprecated{c.Name})
}

func (d *Domains) tag(l *domainList, c TagDomain, now engine.Time) (engine.Turn, error) {
	found, err := l.find(c.Name)
	if err != nil {
		return engine.Turn{}, err
	}
	tags, err := withTags(found.Tags, c.Tags, d.limits.TagsPerDomainMax)
	if err != nil {
		return engine.Turn{}, err
	}
	return d.setTags(l, found, tags, now)
}

func (d *Domains) untag(l *domainList, c UntagDomain, now engine.Time) (engine.Turn, error) {
	found, err := l.find(c.Name)
	if err != nil {
		return engine.Turn{}, err
	}
	return d.setTags(l, found, collection.Exactly.Without(found.Tags, c.Keys), now)
}

func (d *Domains) setTags(l *domainList, found *Domain, tags []Tag, now engine.Time) (engine.Turn, error) {
	c := collection.TagsBetween(found.Tags, tags)
	if c.IsEmpty() {
		return engine.Turn{Reply: *found}, nil
	}
	return d.write(l, now, found.Name, &domainTagged{found.Name, c})
}

func describeDomain(l *domainList, name string) (engine.Turn, error) {
	found, err := l.find(name)
	if err != nil {
		return engine.Turn{}, err
	}
	return engine.Turn{Reply: *found}, nil
}

func listDomains(l *domainList, c ListDomains) engine.Turn {
	domains := l.domains
	if c.After != "" {
		domains = domains.After(collection.Name(c.After), c.Reverse)
	}
	shown, more := collection.Page(domains, c.Reverse, pageLimit(c.Limit), func(d *Domain) (Domain, bool) {
		return *d, d.Deprecated == c.Deprecated
	})
	return engine.Turn{Reply: DomainPage{Domains: shown, More: more}}
}
