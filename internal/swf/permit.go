package swf

import (
	"context"
	"errors"
	"slices"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// ask is what a call asks permission for.
type ask struct {
	permission.Ask
	service *Service
}

// asks says what a call asks; package permission has the rows.
func asks[In any](s *Service, name string, in *In) operation.Ask {
	return &ask{permission.Call(name, in), s}
}

// Touches implements operation.Ask.
func (a *ask) Touches(ctx context.Context) operation.Resource {
	if a.TaskToken != "" {
		// Without a domain a bad token touches nothing.
		_, _ = a.domain(ctx, worldOf(ctx))
	}
	if a.Domain == "" {
		return operation.Resource{}
	}
	return operation.Resource{Kind: "domain", Name: a.Domain}
}

// Requests implements operation.Ask. A domain or a type that does not exist is
// for the handler to tell, once it is known that the caller may hear it.
func (a *ask) Requests(ctx context.Context) ([]policy.Request, error) {
	s, w, c := a.service, worldOf(ctx), operation.CallerOf(ctx)
	d, err := a.domain(ctx, w)
	if err != nil {
		return nil, err
	}
	if d != nil && a.NeedsDefault() {
		found, err := s.workflowType(ctx, w, d, *a.WorkflowType)
		if err != nil {
			return nil, err
		}
		a.UseDefaults(found.defaultList(), nil)
	}
	return requests(&a.Ask, &c, d), nil
}

// domain looks up the domain that a call is about; nil: there is none.
func (a *ask) domain(ctx context.Context, w engine.World) (*registry.Domain, error) {
	s := a.service
	if a.EveryDomain {
		return nil, nil
	}
	if a.TaskToken == "" {
		d, err := s.domain(ctx, w, a.Domain)
		if fault, ok := errors.AsType[*awsjson.Fault](err); ok && fault.Code == wire.CodeUnknownResourceFault {
			return nil, nil
		}
		return d, err
	}
	family := familyActivityTask
	if a.OfDecider {
		family = familyDecisionTask
	}
	task, err := s.Tokens.OpenTask(family, w, a.TaskToken)
	if err != nil {
		return nil, errInvalidToken
	}
	d, err := s.domainByNumber(ctx, w, task.Domain)
	if err == nil {
		a.Domain = d.Name
	}
	return d, err
}

// requests are the questions to the policies of a caller.
func requests(a *permission.Ask, c *operation.Caller, d *registry.Domain) []policy.Request {
	known := slices.Clip(c.Context)
	if d != nil {
		for _, t := range d.Tags {
			known = append(known, permission.ResourceTag(t.Key, t.Value))
		}
	}
	all := []policy.Request{a.Request(c.Principal, c.Region, known)}
	if pass, ok := a.PassRole(c.Principal, c.Context); ok {
		all = append(all, pass)
	}
	return all
}

// mayDecide tells whether a caller may make a decision, as if it were a call. Fact
// is what is known of the type that it names; version is that of the execution.
func mayDecide(c *operation.Caller, d *registry.Domain, decision *wire.Decision, fact *execution.Fact, version *string) bool {
	a := permission.Decision(decision)
	a.Domain = d.Name
	a.UseDefaults((&knownType{workflow: fact.Workflow, activity: fact.Activity}).defaultList(), version)
	for _, r := range requests(&a, c, d) {
		if !c.May(&r).Allowed {
			return false
		}
	}
	return true
}

func (k *knownType) defaultList() *wire.TaskList {
	switch {
	case k.workflow != nil:
		return k.workflow.DefaultTaskList
	case k.activity != nil:
		return k.activity.DefaultTaskList
	}
	return nil
}
