package swf

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
	"heddle/internal/token"
)

// typeFault is the fault for what the registry said about a type.
func typeFault(err error, id registry.TypeID) error {
	var (
		noRun      *engine.UnknownRunError
		unknown    *registry.UnknownTypeError
		exists     *registry.TypeExistsError
		deprecated *registry.TypeDeprecatedError
		registered *registry.TypeNotDeprecatedError
		limit      *registry.LimitError
	)
	switch {
	case errors.As(err, &noRun), errors.As(err, &unknown):
		return unknownResource("Unknown type: " + id.String())
	case errors.As(err, &exists):
		return refusal(wire.CodeTypeAlreadyExistsFault, id.String())
	case errors.As(err, &deprecated):
		return refusal(wire.CodeTypeDeprecatedFault, id.String())
	case errors.As(err, &registered):
		return refusal(wire.CodeTypeNotDeprecatedFault, "The type is currently registered and cannot be deleted in its current state")
	case errors.As(err, &limit):
		return refusal(wire.CodeLimitExceededFault, "Limit on "+limit.Of+" reached ("+strconv.Itoa(limit.Max)+")")
	}
	return err
}

// askType gives a command about a type to the registry of its domain.
func (s *actions) askType(ctx context.Context, domain string, id registry.TypeID, body any) (any, error) {
	reply, err := s.Runs.Do(ctx, registry.TypesCommand(worldOf(ctx), domain, body))
	if err != nil {
		return nil, typeFault(err, id)
	}
	return reply, nil
}

// changeType gives a writing command, which build makes from what the domain is
// right now.
func (s *actions) changeType(ctx context.Context, domain string, id registry.TypeID, build func(registry.Sweep) any) error {
	d, err := domainOf(ctx)
	if err != nil {
		return err
	}
	_, err = s.askType(ctx, domain, id, build(d.Sweep))
	s.catalog.invalidate()
	return err
}

func (s *actions) registerType(ctx context.Context, domain string, id registry.TypeID, description *string, defaults registry.Defaults) error {
	d, err := domainOf(ctx)
	if err == nil {
		err = mustBeRegistered(d)
	}
	if err != nil {
		return err
	}
	_, err = s.askType(ctx, domain, id, registry.RegisterType{
		Sweep: d.Sweep, ID: id, Description: text(description), Defaults: defaults,
	})
	s.catalog.invalidate()
	return err
}

func (s *actions) deprecateType(ctx context.Context, domain string, id registry.TypeID) error {
	return s.changeType(ctx, domain, id, func(sweep registry.Sweep) any { return registry.DeprecateType{Sweep: sweep, ID: id} })
}

func (s *actions) undeprecateType(ctx context.Context, domain string, id registry.TypeID) error {
	return s.changeType(ctx, domain, id, func(sweep registry.Sweep) any { return registry.UndeprecateType{Sweep: sweep, ID: id} })
}

func (s *actions) deleteType(ctx context.Context, domain string, id registry.TypeID) error {
	return s.changeType(ctx, domain, id, func(sweep registry.Sweep) any { return registry.DeleteType{Sweep: sweep, ID: id} })
}

func (s *actions) describeType(ctx context.Context, domain string, id registry.TypeID) (*registry.Type, error) {
	d, err := domainOf(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := s.askType(ctx, domain, id, registry.DescribeType{Sweep: d.Sweep, ID: id})
	if err != nil {
		return nil, err
	}
	t := reply.(registry.Type)
	return &t, nil
}

// typeList is what ListWorkflowTypes and ListActivityTypes ask for.
type typeList struct {
	domain, status string
	sort           registry.TypeKind
	name, next     *string
	reverse        *bool
	size           *int64
}

// listTypes gives a page of types, as show has them, and the token of the next.
func listTypes[T any, P jsonOf[T]](ctx context.Context, s *actions, asked typeList, show func(*registry.Type) T) ([]T, *string, error) {
	w := worldOf(ctx)
	d, err := domainOf(ctx)
	if err != nil {
		return nil, nil, err
	}
	list := registry.ListTypes{
		Sweep: d.Sweep, Kind: asked.sort, Name: text(asked.name),
		Deprecated: asked.status == wire.RegistrationStatusDeprecated,
		Reverse:    asked.reverse != nil && *asked.reverse,
		Limit:      pageSize(asked.size),
	}
	query := queryHash("types", asked.sort.String(), asked.domain, asked.status, list.Name, fmt.Sprint(list.Reverse))
	if next := text(asked.next); next != "" {
		position, err := s.Tokens.OpenPage(familyRegistryPage, w, query, next)
		if err != nil {
			return nil, nil, errInvalidToken
		}
		r := pack.Read(position)
		list.After = registry.TypePosition{Name: r.Text(), Version: r.Text()}
		if r.Done() != nil {
			return nil, nil, errInvalidToken
		}
	}
	reply, err := s.Runs.Do(ctx, registry.TypesCommand(w, asked.domain, list))
	var none *engine.UnknownRunError
	if errors.As(err, &none) {
		return []T{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	page := reply.(registry.TypePage)
	types, err := fitting[registry.Type, T, P](page.Types, func(t *registry.Type) (T, error) { return show(t), nil })
	if err != nil || !page.More && len(types) == len(page.Types) {
		return types, nil, err
	}
	last := page.Types[len(types)-1].ID
	next, err := s.nextPage(familyRegistryPage, w, query, pack.Text(pack.Text(nil, last.Name), last.Version))
	return types, next, err
}

// nextPage makes a page token.
func (s *actions) nextPage(family token.Family, w engine.World, query [16]byte, position []byte) (*string, error) {
	next, err := s.Tokens.SealPage(family, w, query, position)
	if err != nil {
		return nil, err
	}
	return &next, nil
}

func deprecationDate(t *registry.Type) *wire.Timestamp {
	if t.DeprecatedAt == 0 {
		return nil
	}
	at := wire.Timestamp(t.DeprecatedAt)
	return &at
}
