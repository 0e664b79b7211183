// Package swf serves Amazon Simple Workflow Service: a file per group of
// actions, each a small function from a valid, typed input to a command for a
// run and back to a typed output. What a command does is decided by the rules
// in package execution and registry; how it becomes durable, by the kernel.
//
// Source of all shapes, units and faults: SWF API Reference 2012-01-25.
package swf

import (
	"context"
	"strings"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/service"
	"heddle/internal/swf/execution"
	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// Options are the settings of the service.
type Options struct {
	Registry  registry.Limits  `embed:"" prefix:"limit-" envprefix:"HEDDLE_LIMIT_" group:"Limits"`
	Execution execution.Limits `embed:"" prefix:"limit-" envprefix:"HEDDLE_LIMIT_" group:"Limits"`
	CountMax  int              `name:"limit-counted-most" env:"HEDDLE_LIMIT_COUNTED_MOST" group:"Limits" default:"10000" min:"1" max:"1000000000" help:"Where counts of executions stop and say truncated."`
	// RetentionGrace counts for executions that start from then on, and for their children.
	RetentionGrace time.Duration `name:"retention-grace" env:"HEDDLE_RETENTION_GRACE" group:"Limits" default:"0s" min:"0s" max:"24h" help:"How long a closed execution is kept in a domain whose retention is NONE or 0, for clients that close one and then read it."`
	// TracePercent is how many of 100 executions are traced that nobody hands a trace.
	TracePercent int    `name:"swf-trace-percent" env:"HEDDLE_SWF_TRACE_PERCENT" min:"1" max:"100" placeholder:"PERCENT" help:"How many of 100 executions of SWF are traced, for targets of spans in --events-config; by default none. What is started with a traceparent, or with an X-Amzn-Trace-Id, is traced as that says."`
	LambdaRoles  string `name:"lambda-roles" env:"HEDDLE_LAMBDA_ROLES" default:"check" enum:"check,trust" help:"Whether an execution's Lambda role must exist, trust swf.amazonaws.com and allow lambda:InvokeFunction (check), or whether any role text will do, since the endpoint decides by itself who may invoke what (trust). Without authentication roles are trusted."`
}

// OptionsOf are those of SWF among services.
func OptionsOf(services []*service.Service) *Options {
	for _, s := range services {
		if o, ours := s.Options.(*Options); ours {
			return o
		}
	}
	return nil
}

// Service is SWF for the server.
func Service() *service.Service {
	o := &Options{}
	return &service.Service{
		Name:     "swf",
		Options:  o,
		Crossing: crossing,
		Rules: func() map[engine.Kind]engine.Rules {
			limits := o.Execution
			limits.TracePercent = o.TracePercent
			return map[engine.Kind]engine.Rules{
				registry.KindDomains: registry.NewDomains(o.Registry),
				registry.KindTypes:   registry.NewTypes(o.Registry),
				execution.Kind:       execution.New(limits),
			}
		},
		Metrics:   service.Metrics{Within: "domain", Meters: execution.Meters()},
		Rates:     rates(),
		Unlimited: unlimited,
		Begins:    []string{"StartWorkflowExecution", "RegisterDomain", "RegisterWorkflowType", "RegisterActivityType"},
		Live:      []engine.Kind{execution.Kind},
		Audit:     service.Audit{DataEvent: aboutExecutions, Members: members},
		Open:      func(k *service.Kernel) (*service.Opened, error) { return open(k, o), nil },
		Archived:  archived,
		Export:    &exports{},
	}
}

// aboutExecutions tells whether an action is about executions and tasks, not about what
// is registered.
func aboutExecutions(action string) bool {
	return strings.Contains(action, "Execution") || strings.Contains(action, "Task")
}

// actions handles the actions of SWF.
type actions struct {
	*service.Kernel
	options *Options
	catalog catalog
	regions regions
}

func open(k *service.Kernel, o *Options) *service.Opened {
	s := &actions{Kernel: k, options: o, catalog: catalog{known: map[catalogKey]catalogEntry{}}}
	if k.Lambda.Available() {
		k.Lambda.Add(&lambdaTasks{s})
	}
	return &service.Opened{
		Model: operation.Model{
			TargetPrefix: wire.TargetPrefix, JSONVersion: wire.JSONVersion,
			Faults: wire.Faults(), NotPermitted: wire.CodeOperationNotPermittedFault,
		},
		Operations: s.operations(),
		Inspector:  inspector{s},
	}
}

// operations are the actions, one row each.
func (s *actions) operations() []operation.Operation {
	return []operation.Operation{
		silent(s, "RegisterDomain", s.registerDomain, largeBody),
		row(s, "DescribeDomain", s.describeDomain),
		row(s, "ListDomains", s.listDomains),
		silent(s, "DeprecateDomain", s.deprecateDomain),
		silent(s, "UndeprecateDomain", s.undeprecateDomain),

		silent(s, "RegisterWorkflowType", s.registerWorkflowType),
		row(s, "DescribeWorkflowType", s.describeWorkflowType),
		row(s, "ListWorkflowTypes", s.listWorkflowTypes),
		silent(s, "DeprecateWorkflowType", s.deprecateWorkflowType),
		silent(s, "UndeprecateWorkflowType", s.undeprecateWorkflowType),
		silent(s, "DeleteWorkflowType", s.deleteWorkflowType),

		silent(s, "RegisterActivityType", s.registerActivityType),
		row(s, "DescribeActivityType", s.describeActivityType),
		row(s, "ListActivityTypes", s.listActivityTypes),
		silent(s, "DeprecateActivityType", s.deprecateActivityType),
		silent(s, "UndeprecateActivityType", s.undeprecateActivityType),
		silent(s, "DeleteActivityType", s.deleteActivityType),

		silent(s, "TagResource", s.tagResource, largeBody),
		silent(s, "UntagResource", s.untagResource),
		row(s, "ListTagsForResource", s.listTagsForResource),

		row(s, "StartWorkflowExecution", s.startWorkflowExecution, largeBody),
		silent(s, "SignalWorkflowExecution", s.signalWorkflowExecution, largeBody),
		silent(s, "RequestCancelWorkflowExecution", s.requestCancelWorkflowExecution),
		silent(s, "TerminateWorkflowExecution", s.terminateWorkflowExecution, largeBody),
		row(s, "DescribeWorkflowExecution", s.describeWorkflowExecution),
		row(s, "GetWorkflowExecutionHistory", s.getWorkflowExecutionHistory),

		row(s, "ListOpenWorkflowExecutions", s.listOpenWorkflowExecutions),
		row(s, "ListClosedWorkflowExecutions", s.listClosedWorkflowExecutions),
		row(s, "CountOpenWorkflowExecutions", s.countOpenWorkflowExecutions),
		row(s, "CountClosedWorkflowExecutions", s.countClosedWorkflowExecutions),
		row(s, "CountPendingDecisionTasks", s.countPendingDecisionTasks),
		row(s, "CountPendingActivityTasks", s.countPendingActivityTasks),

		row(s, "PollForDecisionTask", s.pollForDecisionTask, operation.Waits),
		silent(s, "RespondDecisionTaskCompleted", s.respondDecisionTaskCompleted, decisionsBody),
		row(s, "PollForActivityTask", s.pollForActivityTask, operation.Waits),
		row(s, "RecordActivityTaskHeartbeat", s.recordActivityTaskHeartbeat),
		silent(s, "RespondActivityTaskCompleted", s.respondActivityTaskCompleted, largeBody),
		silent(s, "RespondActivityTaskFailed", s.respondActivityTaskFailed, largeBody),
		silent(s, "RespondActivityTaskCanceled", s.respondActivityTaskCanceled, largeBody),
	}
}

// row is the row of an action with an output.
func row[In, Out any, I awsjson.Input[In], O awsjson.Output[Out]](s *actions, name string, handler func(context.Context, *In) (*Out, error), options ...operation.Option) operation.Operation {
	return awsjson.Operation[In, Out, I, O](name, handler, about[In](s, name), options...)
}

// silent is the row of an action without one.
func silent[In any, I awsjson.Input[In]](s *actions, name string, handler func(context.Context, *In) error, options ...operation.Option) operation.Operation {
	return awsjson.WithoutOutput[In, I](name, handler, about[In](s, name), options...)
}

// Bounds of bodies. A member of 32,768 characters may take six bytes for each
// (\u0000), and decisions may carry many. The 50 tags of a domain need as much.
var (
	largeBody     = operation.WithBodyMax(512 << 10)
	decisionsBody = operation.WithBodyMax(execution.DecisionsBytesMax)
)

// worldOf is the world of the caller.
func worldOf(ctx context.Context) engine.World {
	c := operation.CallerOf(ctx)
	return engine.World{Account: c.Account, Region: c.Region}
}

// text gives an optional string's value; an absent one is empty.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// present makes an optional member of a string; an empty one is absent.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// named gives a run by what a request says of it: a workflowId, and perhaps a
// runId. A runId that cannot be one of ours names no run.
func named(w engine.World, domain, workflowID, runID string) (engine.Command, bool) {
	cmd := engine.Command{Name: execution.Name(w, domain, workflowID)}
	if runID == "" {
		return cmd, true
	}
	var ok bool
	cmd.Run, ok = execution.ParseRun(runID)
	return cmd, ok
}
