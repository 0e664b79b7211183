// Package swf serves Amazon Simple Workflow Service: a file per group of
// actions, each a small function from a valid, typed input to a command for a
// run and back to a typed output. What a command does is decided by the rules
// in package execution and registry; how it becomes durable, by the kernel.
//
// Source of all shapes, units and faults: SWF API Reference 2012-01-25.
package swf

import (
	"context"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/swf/api"
	"heddle/internal/swf/execution"
	"heddle/internal/token"
	"heddle/internal/visibility"
)

// Runs is the part of the kernel that handlers need.
type Runs interface {
	// Do gives a command to its run and returns the reply once it is durable.
	Do(ctx context.Context, cmd engine.Command) (any, error)
	// Cast gives a command to its run; nobody hears of the outcome.
	Cast(cmd engine.Command)
	// View gives what is known of a run without its state.
	View(ctx context.Context, name engine.Name, run engine.RunID) (*engine.RunView, error)
	// AppendEvents appends the events first..last as the wire carries them.
	AppendEvents(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool) ([]byte, error)
}

// Tasks pairs polls with tasks.
type Tasks interface {
	Poll(ctx context.Context, list string) (*matching.Claim, error)
	Backlog(list string) int
}

// Config is what a Service is built from.
type Config struct {
	Runs       Runs
	Tasks      Tasks
	Visibility *visibility.Reader
	Tokens     *token.Sealer
	Entropy    func() engine.Seed // for the ids of root runs
	Clock      func() engine.Time
	PollHold   time.Duration // how long a poll waits for a task
	CountMax   int           // where counts stop and say truncated
	// ExecutionSecondsMax bounds the timeout of an execution.
	ExecutionSecondsMax int64
	// LambdaAvailable tells whether Lambda functions can be invoked.
	LambdaAvailable bool
}

// Service handles the actions of SWF.
type Service struct {
	Config
	catalog catalog
}

// New makes the service.
func New(c Config) *Service {
	return &Service{Config: c, catalog: catalog{known: map[catalogKey]catalogEntry{}}}
}

// Operations are the actions, one row each.
var Operations = []operation.Operation[*Service]{
	operation.JSONWithoutOutput("RegisterDomain", (*Service).registerDomain, touches(func(in *api.RegisterDomainInput) string { return in.Name })),
	operation.JSON("DescribeDomain", (*Service).describeDomain, touches(func(in *api.DescribeDomainInput) string { return in.Name })),
	operation.JSON("ListDomains", (*Service).listDomains, nothing),
	operation.JSONWithoutOutput("DeprecateDomain", (*Service).deprecateDomain, touches(func(in *api.DeprecateDomainInput) string { return in.Name })),
	operation.JSONWithoutOutput("UndeprecateDomain", (*Service).undeprecateDomain, touches(func(in *api.UndeprecateDomainInput) string { return in.Name })),

	operation.JSONWithoutOutput("RegisterWorkflowType", (*Service).registerWorkflowType, touches(func(in *api.RegisterWorkflowTypeInput) string { return in.Domain })),
	operation.JSON("DescribeWorkflowType", (*Service).describeWorkflowType, touches(func(in *api.DescribeWorkflowTypeInput) string { return in.Domain })),
	operation.JSON("ListWorkflowTypes", (*Service).listWorkflowTypes, touches(func(in *api.ListWorkflowTypesInput) string { return in.Domain })),
	operation.JSONWithoutOutput("DeprecateWorkflowType", (*Service).deprecateWorkflowType, touches(func(in *api.DeprecateWorkflowTypeInput) string { return in.Domain })),
	operation.JSONWithoutOutput("UndeprecateWorkflowType", (*Service).undeprecateWorkflowType, touches(func(in *api.UndeprecateWorkflowTypeInput) string { return in.Domain })),
	operation.JSONWithoutOutput("DeleteWorkflowType", (*Service).deleteWorkflowType, touches(func(in *api.DeleteWorkflowTypeInput) string { return in.Domain })),

	operation.JSONWithoutOutput("RegisterActivityType", (*Service).registerActivityType, touches(func(in *api.RegisterActivityTypeInput) string { return in.Domain })),
	operation.JSON("DescribeActivityType", (*Service).describeActivityType, touches(func(in *api.DescribeActivityTypeInput) string { return in.Domain })),
	operation.JSON("ListActivityTypes", (*Service).listActivityTypes, touches(func(in *api.ListActivityTypesInput) string { return in.Domain })),
	operation.JSONWithoutOutput("DeprecateActivityType", (*Service).deprecateActivityType, touches(func(in *api.DeprecateActivityTypeInput) string { return in.Domain })),
	operation.JSONWithoutOutput("UndeprecateActivityType", (*Service).undeprecateActivityType, touches(func(in *api.UndeprecateActivityTypeInput) string { return in.Domain })),
	operation.JSONWithoutOutput("DeleteActivityType", (*Service).deleteActivityType, touches(func(in *api.DeleteActivityTypeInput) string { return in.Domain })),

	operation.JSONWithoutOutput("TagResource", (*Service).tagResource, touches(func(in *api.TagResourceInput) string { return domainOfARN(in.ResourceARN) })),
	operation.JSONWithoutOutput("UntagResource", (*Service).untagResource, touches(func(in *api.UntagResourceInput) string { return domainOfARN(in.ResourceARN) })),
	operation.JSON("ListTagsForResource", (*Service).listTagsForResource, touches(func(in *api.ListTagsForResourceInput) string { return domainOfARN(in.ResourceARN) })),

	operation.JSON("StartWorkflowExecution", (*Service).startWorkflowExecution, touches(func(in *api.StartWorkflowExecutionInput) string { return in.Domain }), largeBody),
	operation.JSONWithoutOutput("SignalWorkflowExecution", (*Service).signalWorkflowExecution, touches(func(in *api.SignalWorkflowExecutionInput) string { return in.Domain }), largeBody),
	operation.JSONWithoutOutput("RequestCancelWorkflowExecution", (*Service).requestCancelWorkflowExecution, touches(func(in *api.RequestCancelWorkflowExecutionInput) string { return in.Domain })),
	operation.JSONWithoutOutput("TerminateWorkflowExecution", (*Service).terminateWorkflowExecution, touches(func(in *api.TerminateWorkflowExecutionInput) string { return in.Domain }), largeBody),
	operation.JSON("DescribeWorkflowExecution", (*Service).describeWorkflowExecution, touches(func(in *api.DescribeWorkflowExecutionInput) string { return in.Domain })),
	operation.JSON("GetWorkflowExecutionHistory", (*Service).getWorkflowExecutionHistory, touches(func(in *api.GetWorkflowExecutionHistoryInput) string { return in.Domain })),

	operation.JSON("ListOpenWorkflowExecutions", (*Service).listOpenWorkflowExecutions, touches(func(in *api.ListOpenWorkflowExecutionsInput) string { return in.Domain })),
	operation.JSON("ListClosedWorkflowExecutions", (*Service).listClosedWorkflowExecutions, touches(func(in *api.ListClosedWorkflowExecutionsInput) string { return in.Domain })),
	operation.JSON("CountOpenWorkflowExecutions", (*Service).countOpenWorkflowExecutions, touches(func(in *api.CountOpenWorkflowExecutionsInput) string { return in.Domain })),
	operation.JSON("CountClosedWorkflowExecutions", (*Service).countClosedWorkflowExecutions, touches(func(in *api.CountClosedWorkflowExecutionsInput) string { return in.Domain })),
	operation.JSON("CountPendingDecisionTasks", (*Service).countPendingDecisionTasks, touches(func(in *api.CountPendingDecisionTasksInput) string { return in.Domain })),
	operation.JSON("CountPendingActivityTasks", (*Service).countPendingActivityTasks, touches(func(in *api.CountPendingActivityTasksInput) string { return in.Domain })),

	operation.JSON("PollForDecisionTask", (*Service).pollForDecisionTask, touches(func(in *api.PollForDecisionTaskInput) string { return in.Domain }), operation.Waits),
	operation.JSONWithoutOutput("RespondDecisionTaskCompleted", (*Service).respondDecisionTaskCompleted, ofTask, decisionsBody),
	operation.JSON("PollForActivityTask", (*Service).pollForActivityTask, touches(func(in *api.PollForActivityTaskInput) string { return in.Domain }), operation.Waits),
	operation.JSON("RecordActivityTaskHeartbeat", (*Service).recordActivityTaskHeartbeat, ofTask),
	operation.JSONWithoutOutput("RespondActivityTaskCompleted", (*Service).respondActivityTaskCompleted, ofTask, largeBody),
	operation.JSONWithoutOutput("RespondActivityTaskFailed", (*Service).respondActivityTaskFailed, ofTask, largeBody),
	operation.JSONWithoutOutput("RespondActivityTaskCanceled", (*Service).respondActivityTaskCanceled, ofTask, largeBody),
}

// Bounds of bodies. A member of 32,768 characters may take six bytes for each
// (\u0000), and decisions may carry many.
var (
	largeBody     = operation.WithBodyMax(512 << 10)
	decisionsBody = operation.WithBodyMax(1<<20 + 64<<10)
)

// touches says that a request is about the domain that its input names.
func touches[In any](domain func(*In) string) func(*Service, *In) operation.Resource {
	return func(_ *Service, in *In) operation.Resource {
		return operation.Resource{Kind: "domain", Name: domain(in)}
	}
}

// nothing says that a request names no resource.
func nothing[In any](*Service, *In) operation.Resource { return operation.Resource{} }

// ofTask says that a request is about a task: its domain is in the token.
func ofTask[In any](*Service, *In) operation.Resource { return operation.Resource{} }

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
