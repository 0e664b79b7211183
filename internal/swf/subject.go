package swf

import (
	"context"
	"errors"
	"slices"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/service/tasks"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/permission"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// subject is what a call is about: what it needs permission for, its domain, and the
// task that its token stands for. The token is opened when the call begins; the domain
// is looked up when first somebody asks for it.
type subject struct {
	permission.Need
	actions *actions
	world   engine.World
	task    tasks.Token
	// current: the registry itself is asked for the domain, since the call shows it or
	// changes what is in it.
	current bool

	looked bool
	domain *registry.Domain // nil: there is none, or it is not known; see err
	err    error
}

// askRegistry are the actions that show a domain or its types, or change what is in it.
var askRegistry = map[string]bool{
	"DescribeDomain": true, "ListTagsForResource": true,
	"RegisterWorkflowType": true, "DescribeWorkflowType": true, "ListWorkflowTypes": true,
	"DeprecateWorkflowType": true, "UndeprecateWorkflowType": true, "DeleteWorkflowType": true,
	"RegisterActivityType": true, "DescribeActivityType": true, "ListActivityTypes": true,
	"DeprecateActivityType": true, "UndeprecateActivityType": true, "DeleteActivityType": true,
}

// about makes the function of a row that resolves its subject; package permission says
// what each action needs.
func about[In any](s *actions, action string) func(context.Context, *In) (operation.Subject, error) {
	return func(ctx context.Context, in *In) (operation.Subject, error) {
		sub := &subject{Need: permission.Call(action, in), actions: s, world: worldOf(ctx), current: askRegistry[action]}
		if sub.TaskToken == "" {
			return sub, nil
		}
		family := familyActivityTask
		if sub.OfDecider {
			family = familyDecisionTask
		}
		var err error
		if sub.task, err = tasks.OpenToken(s.Tokens, family, sub.world, sub.TaskToken); err != nil {
			return nil, errInvalidToken
		}
		return sub, nil
	}
}

// subjectOf is what the call is about, for its handler.
func subjectOf(ctx context.Context) *subject { return operation.SubjectOf(ctx).(*subject) }

// domainOf is the domain that the call is about. Errors: UnknownResourceFault.
func domainOf(ctx context.Context) (*registry.Domain, error) { return subjectOf(ctx).lookUp(ctx) }

// lookUp gives the domain that the call is about. Errors: UnknownResourceFault.
func (sub *subject) lookUp(ctx context.Context) (*registry.Domain, error) {
	if sub.looked {
		return sub.domain, sub.err
	}
	sub.looked = true
	switch s := sub.actions; {
	case sub.TaskToken != "":
		sub.domain, sub.err = s.domainByNumber(ctx, sub.world, sub.task.Owner)
		if sub.err == nil {
			sub.Domain = sub.domain.Name
		}
	case sub.current:
		sub.domain, sub.err = s.readDomain(ctx, sub.world, sub.Domain)
	default:
		sub.domain, sub.err = s.domainByName(ctx, sub.world, sub.Domain)
	}
	if s := sub.actions; sub.TaskToken == "" && sub.Domain != "" {
		if sub.err == nil {
			s.regions.saw(sub.world)
		} else {
			sub.err = s.orElsewhere(ctx, sub.world, sub.Domain, sub.err)
		}
	}
	return sub.domain, sub.err
}

// Resource implements operation.Subject.
func (sub *subject) Resource(ctx context.Context) operation.Resource {
	if sub.TaskToken != "" {
		_, _ = sub.lookUp(ctx) // of a domain that can't be looked up nobody knows the name
	}
	if sub.Domain == "" {
		return operation.Resource{}
	}
	return operation.Resource{Kind: "domain", Name: sub.Domain, ARN: domainARN(sub.world, sub.Domain), Type: "AWS::SWF::Domain", Run: sub.task.Run}
}

// Questions implements operation.Subject. A domain or a type that does not exist is
// for the handler to tell, once it is known that the caller may hear it.
func (sub *subject) Questions(ctx context.Context) ([]policy.Request, error) {
	c := operation.CallerOf(ctx)
	if sub.EveryDomain {
		return questions(&sub.Need, c, nil), nil
	}
	d, err := sub.lookUp(ctx)
	if f, ok := errors.AsType[*fault.Fault](err); ok && sub.TaskToken == "" && f.Code == wire.CodeUnknownResourceFault {
		return questions(&sub.Need, c, nil), nil
	}
	if err != nil {
		return nil, err
	}
	if sub.NeedsDefault() {
		found, err := sub.actions.workflowType(ctx, sub.world, d, *sub.WorkflowType)
		if err != nil {
			return nil, err
		}
		sub.UseDefaults(found.defaultList(), nil)
	}
	return questions(&sub.Need, c, d), nil
}

// questions are those to the policies of a caller.
func questions(n *permission.Need, c *operation.Caller, d *registry.Domain) []policy.Request {
	known := slices.Clip(c.Context())
	if d != nil {
		for _, t := range d.Tags {
			known = append(known, permission.ResourceTag(t.Key, t.Value))
		}
	}
	all := []policy.Request{n.Request(c.Principal, c.Region, known)}
	if pass, ok := n.PassRole(c.Principal, c.Context()); ok {
		all = append(all, pass)
	}
	return all
}

// mayDecide tells whether a caller may make a decision, as if it were a call. Fact
// is what is known of the type that it names; version is that of the execution.
func mayDecide(c *operation.Caller, d *registry.Domain, decision *wire.Decision, fact *execution.Fact, version *string) (verdict policy.Decision) {
	n := permission.Decision(decision)
	n.Domain = d.Name
	n.UseDefaults((&knownType{workflow: fact.Workflow, activity: fact.Activity}).defaultList(), version)
	for _, r := range questions(&n, c, d) {
		if verdict = c.May(&r); !verdict.Allowed {
			break
		}
	}
	return verdict
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
