package swf

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/fault"
	"heddle/internal/engine"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// domainFault is the fault for what the registry said about the domain called
// name.
func domainFault(err error, name string) error {
	var (
		noRun      *engine.UnknownRunError
		unknown    *registry.UnknownDomainError
		exists     *registry.DomainExistsError
		deprecated *registry.DomainDeprecatedError
		limit      *registry.LimitError
		tags       *registry.TooManyTagsError
		tag        *registry.TagError
		retention  *registry.RetentionError
	)
	switch {
	case errors.As(err, &noRun), errors.As(err, &unknown):
		return unknownDomain(name)
	case errors.As(err, &exists):
		return refusal(wire.CodeDomainAlreadyExistsFault, name)
	case errors.As(err, &deprecated):
		return refusal(wire.CodeDomainDeprecatedFault, name)
	case errors.As(err, &limit):
		return refusal(wire.CodeLimitExceededFault, "Limit on "+limit.Of+" reached ("+strconv.Itoa(limit.Max)+")")
	case errors.As(err, &tags):
		return refusal(wire.CodeTooManyTagsFault, "At most "+strconv.Itoa(tags.Max)+" tags per resource")
	case errors.As(err, &tag):
		return fault.Invalid(fmt.Sprintf("Tag %q: %s", tag.Key, tag.Reason))
	case errors.As(err, &retention):
		return fault.Invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'workflowExecutionRetentionPeriodInDays' failed to satisfy constraint: Member must be NONE or a number of days up to %d", retention.Given, retention.Max))
	}
	return err
}

// mustBeRegistered refuses a deprecated domain, which takes no new executions and
// types. The actions that need it do not declare DomainDeprecatedFault.
func mustBeRegistered(d *registry.Domain) error {
	if d.Deprecated {
		return unknownResource("Domain is deprecated: " + d.Name)
	}
	return nil
}

// changeDomain gives a writing command to the world's domains.
func (s *actions) changeDomain(ctx context.Context, name string, body any) error {
	_, err := s.askDomain(ctx, worldOf(ctx), name, body)
	s.catalog.invalidate()
	return err
}

// registerDomain serves RegisterDomain.
func (s *actions) registerDomain(ctx context.Context, in *wire.RegisterDomainInput) error {
	return s.changeDomain(ctx, in.Name, registry.RegisterDomain{
		Name: in.Name, Description: text(in.Description),
		Retention: in.WorkflowExecutionRetentionPeriodInDays, Tags: tagsOf(in.Tags),
	})
}

// deprecateDomain serves DeprecateDomain.
func (s *actions) deprecateDomain(ctx context.Context, in *wire.DeprecateDomainInput) error {
	return s.changeDomain(ctx, in.Name, registry.DeprecateDomain{Name: in.Name})
}

// undeprecateDomain serves UndeprecateDomain.
func (s *actions) undeprecateDomain(ctx context.Context, in *wire.UndeprecateDomainInput) error {
	return s.changeDomain(ctx, in.Name, registry.UndeprecateDomain{Name: in.Name})
}

// describeDomain serves DescribeDomain.
func (s *actions) describeDomain(ctx context.Context, in *wire.DescribeDomainInput) (*wire.DomainDetail, error) {
	w := worldOf(ctx)
	d, err := domainOf(ctx)
	if err != nil {
		return nil, err
	}
	return &wire.DomainDetail{
		Configuration: wire.DomainConfiguration{WorkflowExecutionRetentionPeriodInDays: d.Retention},
		DomainInfo:    domainInfo(w, d),
	}, nil
}

func domainInfo(w engine.World, d *registry.Domain) wire.DomainInfo {
	name := domainARN(w, d.Name)
	return wire.DomainInfo{
		ARN: &name, Description: present(d.Description), Name: d.Name, Status: registrationStatus(d.Deprecated),
	}
}

func registrationStatus(deprecated bool) string {
	if deprecated {
		return wire.RegistrationStatusDeprecated
	}
	return wire.RegistrationStatusRegistered
}

// domainARN names a domain for policies and tags.
func domainARN(w engine.World, name string) string {
	return arn.Of("swf", w.Region, w.Account, "/domain/"+name).String()
}

// listDomains serves ListDomains.
func (s *actions) listDomains(ctx context.Context, in *wire.ListDomainsInput) (*wire.DomainInfos, error) {
	w := worldOf(ctx)
	list := registry.ListDomains{
		Deprecated: in.RegistrationStatus == wire.RegistrationStatusDeprecated,
		Reverse:    in.ReverseOrder != nil && *in.ReverseOrder,
		Limit:      pageSize(in.MaximumPageSize),
	}
	query := queryHash("domains", in.RegistrationStatus, fmt.Sprint(list.Reverse))
	if next := text(in.NextPageToken); next != "" {
		after, err := s.Tokens.OpenPage(familyRegistryPage, w, query, next)
		if err != nil {
			return nil, errInvalidToken
		}
		list.After = string(after)
	}
	out := &wire.DomainInfos{DomainInfos: []wire.DomainInfo{}}
	reply, err := s.Runs.Do(ctx, registry.DomainsCommand(w, list))
	var none *engine.UnknownRunError
	if errors.As(err, &none) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	page := reply.(registry.DomainPage)
	out.DomainInfos, err = fitting(page.Domains, func(d *registry.Domain) (wire.DomainInfo, error) { return domainInfo(w, d), nil })
	if n := len(out.DomainInfos); err == nil && (page.More || n < len(page.Domains)) {
		last := page.Domains[n-1].Name
		out.NextPageToken, err = s.nextPage(familyRegistryPage, w, query, []byte(last))
	}
	return out, err
}

// tagResource serves TagResource.
func (s *actions) tagResource(ctx context.Context, in *wire.TagResourceInput) error {
	name, err := taggedDomain(worldOf(ctx), in.ResourceARN)
	if err != nil {
		return err
	}
	return s.changeDomain(ctx, name, registry.TagDomain{Name: name, Tags: tagsOf(in.Tags)})
}

// untagResource serves UntagResource.
func (s *actions) untagResource(ctx context.Context, in *wire.UntagResourceInput) error {
	name, err := taggedDomain(worldOf(ctx), in.ResourceARN)
	if err != nil {
		return err
	}
	return s.changeDomain(ctx, name, registry.UntagDomain{Name: name, Keys: in.TagKeys})
}

// listTagsForResource serves ListTagsForResource.
func (s *actions) listTagsForResource(ctx context.Context, in *wire.ListTagsForResourceInput) (*wire.ListTagsForResourceOutput, error) {
	if _, err := taggedDomain(worldOf(ctx), in.ResourceARN); err != nil {
		return nil, err
	}
	d, err := domainOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &wire.ListTagsForResourceOutput{Tags: []wire.ResourceTag{}}
	for _, t := range d.Tags {
		out.Tags = append(out.Tags, wire.ResourceTag{Key: t.Key, Value: &t.Value})
	}
	return out, nil
}

// taggedDomain gives the domain of the caller's world that an ARN names.
func taggedDomain(w engine.World, resource string) (string, error) {
	a, err := arn.Parse(resource)
	name, _ := strings.CutPrefix(a.Resource, "/domain/")
	if err != nil || name == "" || resource != domainARN(w, name) {
		return "", unknownResource("Unknown resource: " + resource)
	}
	return name, nil
}

func tagsOf(given []wire.ResourceTag) []registry.Tag {
	tags := make([]registry.Tag, len(given))
	for i, t := range given {
		tags[i] = registry.Tag{Key: t.Key, Value: text(t.Value)}
	}
	return tags
}
