package sfn

import (
	"context"
	"slices"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/permission"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
)

// subject is what a call is about: what it needs permission for, and the thing that its ARN
// names. The tags of that are looked up when policies are to be asked.
type subject struct {
	permission.Need
	actions *actions
	world   engine.World
}

// about makes the function of a row that resolves its subject; package permission says
// what each action needs.
func about[In any](s *actions, action string) func(context.Context, *In) (operation.Subject, error) {
	return func(ctx context.Context, in *In) (operation.Subject, error) {
		w := worldOf(ctx)
		need := permission.Call(action, in, w.Region, w.Account)
		of := &need.Resource
		of.Base, _ = s.options.untested(of.Base)
		of.Qualifier, _ = s.options.untested(of.Qualifier)
		for i := range need.Qualifiers {
			need.Qualifiers[i] = of.Qualifier
		}
		return &subject{need, s, w}, nil
	}
}

// types are what CloudTrail calls things.
var types = map[resource.Type]string{
	resource.Machine: "AWS::StepFunctions::StateMachine", resource.Activity: "AWS::StepFunctions::Activity",
	resource.Execution: "AWS::StepFunctions::Execution", resource.Express: "AWS::StepFunctions::Execution",
	resource.MapRun: "AWS::StepFunctions::MapRun",
}

// Resource implements operation.Subject.
func (sub *subject) Resource(context.Context) operation.Resource {
	n := sub.Need.Resource
	if sub.All || n.Type == "" {
		return operation.Resource{}
	}
	return operation.Resource{Kind: string(n.Type), Name: n.Base, ARN: n.String(), Type: types[n.Type]}
}

// Rate implements operation.Rated: to start an execution of an express state machine has a rate of
// its own.
func (sub *subject) Rate(ctx context.Context) string {
	if sub.Action == resource.Service+":StartExecution" && sub.Need.Resource.In(sub.world.Region, sub.world.Account) {
		if m, err := sub.actions.findMachine(ctx, sub.world, sub.Need.Resource.Base); err == nil && m.Express {
			return startExpress
		}
	}
	return ""
}

// Questions implements operation.Subject. What does not exist is for the handler to tell,
// once it is known that the caller may hear it.
func (sub *subject) Questions(ctx context.Context) ([]policy.Request, error) {
	c := operation.CallerOf(ctx)
	known := c.Context()
	if sub.TaskToken != "" {
		if err := sub.findTask(ctx); err != nil {
			return nil, err
		}
	}
	if sub.Tagged() {
		tags, err := tags(ctx, sub.world, sub.Need.Resource, sub.actions.rememberActivity, sub.actions.rememberMachine)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		known = slices.Clip(known)
		for _, t := range tags {
			known = append(known, permission.ResourceTag(t.Key, t.Value))
		}
	}
	return sub.Requests(c.Principal, known), nil
}

// findTask fills in the state machine whose task a token is of. That there is none, or no
// such task, is for the handler to tell.
func (sub *subject) findTask(ctx context.Context) error {
	t, ok := execution.ParseToken(sub.TaskToken)
	if !ok {
		return nil
	}
	view, err := sub.actions.Runs.View(ctx, engine.Name{}, t.Run)
	if err != nil {
		if isMissing(err) {
			return nil
		}
		return err
	}
	if view.Name.Kind == execution.Kind && view.Name.World == sub.world {
		machine, _ := execution.Split(view.Name.Key)
		base, _, _ := strings.Cut(machine, "/") // of an item of a map run
		sub.Need.Resource = name(sub.world, resource.Machine, base)
	}
	return nil
}

// tags are those of an activity or a state machine, or of the machine that an execution is
// of. Errors: engine.UnknownRunError.
func tags(
	ctx context.Context, w engine.World, n resource.Name,
	findActivity func(context.Context, engine.World, string) (*registry.Activity, error), findMachine func(context.Context, engine.World, string) (*registry.Machine, error),
) ([]collection.Tag, error) {
	if !n.In(w.Region, w.Account) {
		return nil, &engine.UnknownRunError{}
	}
	if n.Type == resource.Activity {
		a, err := findActivity(ctx, w, n.Base)
		if err != nil {
			return nil, err
		}
		return a.Tags, nil
	}
	m, err := findMachine(ctx, w, n.Base)
	if err != nil {
		return nil, err
	}
	return m.Tags, nil
}
