package registry

import (
	"cmp"
	"fmt"
	"slices"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// Domains is the rules of KindDomains.
type Domains struct {
	plain
	limits Limits
}

var (
	_ engine.Rules       = (*Domains)(nil)
	_ engine.TraitsRules = (*Domains)(nil)
)

// NewDomains makes the rules of KindDomains.
func NewDomains(l Limits) *Domains { return &Domains{limits: l} }

// domainList is the state of KindDomains.
type domainList struct {
	head
	domains []*Domain // by name; none is ever taken away
}

func byDomainName(d *Domain, name string) int { return cmp.Compare(d.Name, name) }

func (l *domainList) find(name string) (*Domain, error) {
	if i, ok := slices.BinarySearchFunc(l.domains, name, byDomainName); ok {
		return l.domains[i], nil
	}
	return nil, &UnknownDomainError{name}
}

// Events of KindDomains.
type (
	domainRegistered   struct{ domain *Domain }
	domainDeprecated   struct{ name string }
	domainUndeprecated struct{ name string }
	domainTagged       struct {
		name string
		tagChange
	}
)

// The first byte of a stored event says which it is.
const (
	markDomainRegistered byte = iota + 1
	markDomainDeprecated
	markDomainUndeprecated
	markDomainTagged
)

func (e domainRegistered) pack() []byte {
	return packDomain([]byte{markDomainRegistered}, e.domain)
}
func (e domainDeprecated) pack() []byte   { return pack.Text([]byte{markDomainDeprecated}, e.name) }
func (e domainUndeprecated) pack() []byte { return pack.Text([]byte{markDomainUndeprecated}, e.name) }
func (e domainTagged) pack() []byte {
	return e.tagChange.pack(pack.Text([]byte{markDomainTagged}, e.name))
}

// New is a list of no domains.
func (*Domains) New(engine.Identity) engine.State { return &domainList{} }

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
func (d *Domains) write(l *domainList, now engine.Time, name string, body eventBody) (engine.Turn, error) {
	e := l.emit(now, body)
	d.Apply(l, e)
	turn, err := describeDomain(l, name)
	turn.Events = []engine.Event{e}
	return turn, err
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
	return d.write(l, now, c.Name, domainRegistered{&Domain{
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
	return d.write(l, now, c.Name, domainDeprecated{c.Name})
}

func (d *Domains) undeprecate(l *domainList, c UndeprecateDomain, now engine.Time) (engine.Turn, error) {
	found, err := l.find(c.Name)
	if err != nil {
		return engine.Turn{}, err
	}
	if !found.Deprecated {
		return engine.Turn{}, &DomainExistsError{c.Name}
	}
	return d.write(l, now, c.Name, domainUndeprecated{c.Name})
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
	return d.setTags(l, found, withoutTags(found.Tags, c.Keys), now)
}

func (d *Domains) setTags(l *domainList, found *Domain, tags []Tag, now engine.Time) (engine.Turn, error) {
	c := tagsBetween(found.Tags, tags)
	if len(c.set)+len(c.removed) == 0 {
		return engine.Turn{Reply: *found}, nil
	}
	return d.write(l, now, found.Name, domainTagged{found.Name, c})
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
		domains = follow(domains, c.After, byDomainName, c.Reverse)
	}
	shown, more := page(domains, c.Reverse, c.Limit, func(d *Domain) (Domain, bool) {
		return *d, d.Deprecated == c.Deprecated
	})
	return engine.Turn{Reply: DomainPage{Domains: shown, More: more}}
}

// Apply folds an event into the list.
func (*Domains) Apply(s engine.State, e engine.Event) {
	l := s.(*domainList)
	l.advance(e)
	change := func(name string) *Domain {
		d, err := l.find(name)
		if err != nil {
			panic(fmt.Sprintf("registry: event %d: %v", e.ID, err))
		}
		return d
	}
	switch body := e.Body.(type) {
	case domainRegistered:
		i, found := slices.BinarySearchFunc(l.domains, body.domain.Name, byDomainName)
		if found {
			panic(fmt.Sprintf("registry: event %d: domain %q exists", e.ID, body.domain.Name))
		}
		d := *body.domain // the event stays as it is
		l.domains = slices.Insert(l.domains, i, &d)
	case domainDeprecated:
		d := change(body.name)
		d.Deprecated = true
		d.Sweep = Sweep{Count: d.Sweep.Count + 1, At: e.At}
	case domainUndeprecated:
		change(body.name).Deprecated = false
	case domainTagged:
		d := change(body.name)
		d.Tags = body.tags(d.Tags)
	default:
		panic(fmt.Sprintf("registry: no rule of domains for event %T", e.Body))
	}
}

// Record says that the list is open and wants nothing.
func (*Domains) Record(s engine.State, _ engine.Time) engine.Record {
	return s.(*domainList).record()
}

// DecodeEvent reads an event back.
func (*Domains) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	r := pack.Read(public)
	var body eventBody
	switch mark := r.Byte(); mark {
	case markDomainRegistered:
		body = domainRegistered{readDomain(r)}
	case markDomainDeprecated:
		body = domainDeprecated{r.Text()}
	case markDomainUndeprecated:
		body = domainUndeprecated{r.Text()}
	case markDomainTagged:
		body = domainTagged{r.Text(), readTagChange(r)}
	default:
		return engine.Event{}, fmt.Errorf("registry: decode event %d of domains: unknown mark %d", id, mark)
	}
	if err := r.Done(); err != nil {
		return engine.Event{}, fmt.Errorf("registry: decode event %d of domains: %w", id, err)
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public}, nil
}

const domainListVersion = 1

// EncodeState packs the list.
func (*Domains) EncodeState(s engine.State) []byte {
	l := s.(*domainList)
	b := l.packHead(domainListVersion)
	b = pack.Uint(b, uint64(len(l.domains)))
	for _, d := range l.domains {
		b = packDomain(b, d)
	}
	return b
}

// DecodeState unpacks a list.
func (*Domains) DecodeState(_ engine.Identity, b []byte) (engine.State, error) {
	l := &domainList{}
	r, err := l.readHead(b, domainListVersion)
	if err == nil {
		for range r.Count() {
			l.domains = append(l.domains, readDomain(r))
		}
		err = r.Done()
	}
	if err != nil {
		return nil, fmt.Errorf("registry: decode state of domains: %w", err)
	}
	return l, nil
}
