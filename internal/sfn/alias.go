package sfn

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/engine/collection"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

func (s *actions) aliasRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateStateMachineAlias", s.createStateMachineAlias),
		row(s, "DescribeStateMachineAlias", s.describeStateMachineAlias),
		row(s, "UpdateStateMachineAlias", s.updateStateMachineAlias),
		row(s, "DeleteStateMachineAlias", s.deleteStateMachineAlias),
		row(s, "ListStateMachineAliases", s.listStateMachineAliases),
	}
}

// routing reads a routing configuration: the machine that all its versions are of, and
// where executions go. Errors: ValidationException.
func routing(list []wire.RoutingConfigurationListItem) (machine resource.Name, routes []registry.Route, err error) {
	var arns, weights []string
	var sum int64
	for _, item := range list {
		arns, weights = append(arns, item.StateMachineVersionARN), append(weights, strconv.FormatInt(item.Weight, 10))
		sum += item.Weight
	}
	received := func(what string, list []string) error {
		return invalid(fmt.Sprintf("%s. Received: [%s]", what, strings.Join(list, ", ")))
	}
	for i, item := range list {
		n, err := resource.ParseAs(item.StateMachineVersionARN, resource.Machine)
		number, isVersion := resource.Version(n.Qualifier)
		if err != nil || !isVersion || n.Label != "" {
			return machine, nil, received("Routing configuration must contain state machine version ARNs", arns)
		}
		n.Qualifier = ""
		if i > 0 && n != machine {
			return machine, nil, received("Routing configuration must contain versions of one state machine", arns)
		}
		machine = n
		routes = append(routes, registry.Route{Version: number, Weight: item.Weight})
	}
	if len(arns) == 2 && arns[0] == arns[1] {
		return machine, nil, received("Routing configuration must contain distinct state machine version ARNs", arns)
	}
	if sum != 100 {
		return machine, nil, received("Sum of routing configuration weights must equal 100", weights)
	}
	return machine, routes, nil
}

// createStateMachineAlias serves CreateStateMachineAlias.
func (s *actions) createStateMachineAlias(ctx context.Context, in *wire.CreateStateMachineAliasInput) (*wire.CreateStateMachineAliasOutput, error) {
	w := worldOf(ctx)
	n, routes, err := routing(in.RoutingConfiguration)
	if err != nil {
		return nil, err
	}
	if !n.In(w.Region, w.Account) {
		return nil, errMissing
	}
	reply, err := s.change(ctx, registry.Command(w, registry.KindMachine, n.Base,
		registry.CreateAlias{Name: in.Name, Description: text(in.Description), Routes: routes}))
	if err != nil {
		return nil, faultOf(err, n, errMissing)
	}
	return &wire.CreateStateMachineAliasOutput{
		CreationDate: timestamp(reply.(*registry.Alias).Created), StateMachineAliasARN: n.Qualified(in.Name).String(),
	}, nil
}

// aliasName reads the ARN of an alias. Errors: InvalidArn.
func aliasName(arn string) (resource.Name, error) {
	n, err := parse(arn, resource.Machine)
	if err != nil {
		return n, err
	}
	if _, isVersion := resource.Version(n.Qualifier); isVersion || n.Qualifier == "" || n.Label != "" {
		return n, wrongType(n)
	}
	return n, nil
}

// describeStateMachineAlias serves DescribeStateMachineAlias.
func (s *actions) describeStateMachineAlias(ctx context.Context, in *wire.DescribeStateMachineAliasInput) (*wire.DescribeStateMachineAliasOutput, error) {
	w := worldOf(ctx)
	n, err := aliasName(in.StateMachineAliasARN)
	if err != nil {
		return nil, err
	}
	if !n.In(w.Region, w.Account) {
		return nil, errMissing
	}
	m, err := s.findMachine(ctx, w, n.Base)
	if err != nil {
		return nil, faultOf(err, n, errMissing)
	}
	a := m.FindAlias(n.Qualifier)
	if a == nil {
		return nil, errMissing
	}
	created, updated := timestamp(a.Created), timestamp(a.Updated)
	out := &wire.DescribeStateMachineAliasOutput{
		StateMachineAliasARN: &in.StateMachineAliasARN, Name: &a.Name, Description: present(a.Description), CreationDate: &created, UpdateDate: &updated,
	}
	for _, r := range a.Routes {
		out.RoutingConfiguration = append(out.RoutingConfiguration, wire.RoutingConfigurationListItem{
			StateMachineVersionARN: n.Qualified(strconv.FormatInt(r.Version, 10)).String(), Weight: r.Weight,
		})
	}
	return out, nil
}

// updateStateMachineAlias serves UpdateStateMachineAlias.
func (s *actions) updateStateMachineAlias(ctx context.Context, in *wire.UpdateStateMachineAliasInput) (*wire.UpdateStateMachineAliasOutput, error) {
	w := worldOf(ctx)
	n, err := aliasName(in.StateMachineAliasARN)
	if err != nil {
		return nil, err
	}
	c := registry.UpdateAlias{Name: n.Qualifier, Description: in.Description}
	switch {
	case in.RoutingConfiguration != nil:
		var of resource.Name
		if of, c.Routes, err = routing(in.RoutingConfiguration); err != nil {
			return nil, err
		}
		if of != n.Qualified("") {
			return nil, errMissing
		}
	case in.Description == nil:
		return nil, invalid("Either the description or the routing configuration must be specified")
	}
	if !n.In(w.Region, w.Account) {
		return nil, errMissing
	}
	reply, err := s.change(ctx, registry.Command(w, registry.KindMachine, n.Base, c))
	if err != nil {
		return nil, faultOf(err, n, errMissing)
	}
	return &wire.UpdateStateMachineAliasOutput{UpdateDate: timestamp(reply.(*registry.Alias).Updated)}, nil
}

// deleteStateMachineAlias serves DeleteStateMachineAlias.
func (s *actions) deleteStateMachineAlias(ctx context.Context, in *wire.DeleteStateMachineAliasInput) (*wire.DeleteStateMachineAliasOutput, error) {
	w := worldOf(ctx)
	n, err := aliasName(in.StateMachineAliasARN)
	if err == nil && n.In(w.Region, w.Account) {
		_, err = s.change(ctx, registry.Command(w, registry.KindMachine, n.Base, registry.DeleteAlias{Name: n.Qualifier}))
	}
	return &wire.DeleteStateMachineAliasOutput{}, faultOf(err, n, nil)
}

// listStateMachineAliases serves ListStateMachineAliases: by name, and by the ARN of a
// version only those that point to it.
func (s *actions) listStateMachineAliases(ctx context.Context, in *wire.ListStateMachineAliasesInput) (*wire.ListStateMachineAliasesOutput, error) {
	m, n, err := s.machineOf(ctx, in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	if m.Deleting != 0 {
		return nil, faultOf(&registry.DeletingError{}, n, nil)
	}
	number, byVersion := resource.Version(n.Qualifier)
	if n.Label != "" || n.Qualifier != "" && !byVersion {
		return nil, wrongType(n)
	}
	if byVersion && m.FindVersion(number) == nil {
		return nil, errMissing
	}
	p := s.pages(ctx, "aliases", in.StateMachineARN)
	after, err := p.after(in.NextToken)
	if err != nil {
		return nil, err
	}
	rest := m.Aliases
	if after != "" {
		rest = rest.After(collection.Name(after), false)
	}
	shown, more := collection.Page(rest, false, pageSize(in.MaxResults), func(a *registry.Alias) (*registry.Alias, bool) {
		return a, !byVersion || slices.ContainsFunc(a.Routes, func(r registry.Route) bool { return r.Version == number })
	})
	out := &wire.ListStateMachineAliasesOutput{StateMachineAliases: []wire.StateMachineAliasListItem{}}
	for _, a := range shown {
		out.StateMachineAliases = append(out.StateMachineAliases, wire.StateMachineAliasListItem{
			CreationDate: timestamp(a.Created), StateMachineAliasARN: n.Qualified(a.Name).String(),
		})
		after = a.Name
	}
	out.NextToken, err = p.next(after, more)
	return out, err
}
