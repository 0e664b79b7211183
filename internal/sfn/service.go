// Package sfn serves AWS Step Functions: a file per noun, with a small function for each
// action from a valid, typed input to a command for a run and back to a typed output. What
// a command does is decided by the rules in package registry; how it becomes durable, by
// the kernel.
//
// Source of all shapes, units and faults: Step Functions API Reference 2016-11-23.
package sfn

import (
	"context"
	"slices"
	"strings"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/lifecycle"
	"heddle/internal/service"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/internal/sfn/integration"
	"heddle/internal/sfn/itemreader"
	"heddle/internal/sfn/maprun"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

// Options are the settings of the service.
type Options struct {
	Registry  registry.Limits  `embed:"" prefix:"limit-sfn-" envprefix:"HEDDLE_LIMIT_SFN_" group:"Limits"`
	Execution execution.Limits `embed:"" prefix:"limit-sfn-" envprefix:"HEDDLE_LIMIT_SFN_" group:"Limits"`

	MockConfig string `name:"sfn-mock-config" env:"HEDDLE_SFN_MOCK_CONFIG,SFN_MOCK_CONFIG" placeholder:"FILE" type:"path" help:"For development: file of mocks, as Step Functions Local has it. An execution that is started by the ARN of a state machine with #NAME behind it is of that test case. Default: there are none."`

	Integrations integration.Options `embed:"" group:"Integrations"`
}

// machinesBytesMax is how much memory compiled state machines have.
const machinesBytesMax = 64 << 20

// Service is Step Functions for the server.
func Service() *service.Service {
	o, machines, keys, pace := &Options{}, asl.NewCache(machinesBytesMax), &keyring{}, &pace{}
	places := newPlaces()
	return &service.Service{
		Name:     resource.Service,
		Options:  o,
		Check:    o.check,
		Archived: archived,
		Crossing: crossing,
		Live:     []engine.Kind{execution.Kind},
		Rules: func() map[engine.Kind]engine.Rules {
			return map[engine.Kind]engine.Rules{
				registry.KindNames:    registry.NewNames(),
				registry.KindActivity: registry.NewActivities(),
				registry.KindMachine:  registry.NewMachines(o.Registry),
				execution.Kind:        execution.New(o.Execution, machines).Paced(pace),
				maprun.Kind:           maprun.New(o.Execution, machines),
			}
		},
		Metrics:   service.Metrics{Prefix: "sfn", Meters: execution.Meters()},
		Rates:     rates(),
		Unlimited: unlimited,
		Rated:     []string{startExpress, stateTransition, httpTask},
		Begins:    []string{"CreateActivity", "CreateStateMachine", "CreateStateMachineAlias", "PublishStateMachineVersion", "StartExecution", "RedriveExecution"},
		TurnDone:  places.turnDone,
		Audit:     service.Audit{DataEvent: aboutExecutions, Changes: []string{"GetActivityTask"}, Members: members},
		DataKeys:  keys,
		Open:      func(k *service.Kernel) (*service.Opened, error) { return open(k, o, machines, keys, pace, places), nil },
	}
}

// aboutExecutions tells whether an action is about executions and tasks, not about what is
// set up.
func aboutExecutions(action string) bool {
	return strings.Contains(action, "Execution") || strings.Contains(action, "Task")
}

// actions handles the actions of Step Functions.
type actions struct {
	*service.Kernel
	options  *Options
	catalog  catalog
	machines *asl.Cache
	keys     *keyring
	awaited  *awaited
	nested   nested
	calls    *calls
}

func open(k *service.Kernel, o *Options, machines *asl.Cache, keys *keyring, pace *pace, places *places) *service.Opened {
	keys.open(k)
	pace.open(k)
	places.open(k)
	s := &actions{Kernel: k, options: o, machines: machines, keys: keys, awaited: newAwaited()}
	s.calls = newCalls(s)
	if k.Lambda != nil { // without an endpoint all calls fail, and say so
		k.Lambda.Add(&lambdaTasks{s})
	}
	streams := &itemreader.Streams{}
	return &service.Opened{
		Model:      operation.Model{TargetPrefix: wire.TargetPrefix, JSONVersion: wire.JSONVersion, Faults: faults()},
		Operations: slices.Concat(s.activityRows(), s.machineRows(), s.versionRows(), s.aliasRows(), s.tagRows(), s.executionRows(), s.mapRunRows(), s.trialRows()),
		Parts: []service.Part{
			{Name: "deletions of state machines", Service: newDeletions(s)},
			{Name: "nested executions", Service: newIntegrations(s)},
			{Name: "calls of services", Service: newCaller(s)},
			{Name: "streams of items", Service: lifecycle.NewHooks(lifecycle.Hooks{OnStop: func(context.Context) error { streams.Close(); return nil }})},
			{Name: "places of map runs", Service: places},
			{Name: "readers of items", Service: newItemReaders(s, streams)},
			{Name: "executions that are awaited", Service: s.awaited},
			{Name: "writers of results", Service: newResultWriters(s)},
		},
		Inspector: inspector{s},
	}
}

// faults are those of each action: as the model declares them, and where it leaves them out
// what a key may be refused with.
func faults() map[string][]string {
	all := wire.Faults()
	for _, action := range []string{"CreateStateMachine", "RedriveExecution", "UpdateStateMachine"} {
		all[action] = slices.Concat(all[action], []string{wire.CodeKmsAccessDeniedException, wire.CodeKmsInvalidStateException, wire.CodeKmsThrottlingException})
	}
	return all
}

// row is the row of an action with an output.
func row[In, Out any, I awsjson.Input[In], O awsjson.Output[Out]](s *actions, name string, handler func(context.Context, *In) (*Out, error), options ...operation.Option) operation.Operation {
	handle := func(ctx context.Context, in *In) (*Out, error) {
		out, err := handler(ctx, in)
		return out, keyFault(err)
	}
	return awsjson.Operation[In, Out, I, O](name, handle, about[In](s, name), options...)
}

// definitionBody bounds the bodies of calls with a definition: 1 MiB of text, in which
// quotes and line breaks take two bytes each.
var definitionBody = operation.WithBodyMax(2<<20 + 64<<10)

// tagsBody bounds the bodies of calls with tags: 50 of them, with characters that take six
// bytes each, need more than other calls.
var tagsBody = operation.WithBodyMax(512 << 10)

// worldOf is the world of the caller.
func worldOf(ctx context.Context) engine.World {
	c := operation.CallerOf(ctx)
	return engine.World{Account: c.Account, Region: c.Region}
}

// name is what a thing of a world is called.
func name(w engine.World, t resource.Type, base string) resource.Name {
	return resource.Of(w.Region, w.Account, t, base)
}

// text gives an optional string's value; an absent one is empty.
func text(s *string) string { return value(s) }

// value is an optional member's value; the zero value if it is absent.
func value[T any](v *T) (t T) {
	if v != nil {
		t = *v
	}
	return t
}

// present makes an optional member of a string; an empty one is absent.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timestamp(t engine.Time) wire.Timestamp { return wire.Timestamp(t) }
