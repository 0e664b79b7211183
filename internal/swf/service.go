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
	Refuse(context.Context, *matching.Claim) *matching.Claim
	Backlog(list string) int
}

// Config is what a Service is built from.
type Config struct {
	Runs       Runs
	Tasks      Tasks
	Visibility *visibility.Reader
	Tokens     *token.Sealer
	RootSeed   func() engine.Seed // for the ids of root runs
	Clock      func() engine.Time
	PollHold   time.Duration // how long a poll waits for a task
	// Within ends a context after a while: context.WithTimeout, or what stands for it
	// where time is not real.
	Within   func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	CountMax int // where counts of executions stop and say truncated
	// Throttle tells whether there may be another decision of a type in a world now;
	// nil: always.
	Throttle func(w engine.World, decision string) bool
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
	operation.JSONWithoutOutput("RegisterDomain", (*Service).registerDomain, asks, largeBody),
	operation.JSON("DescribeDomain", (*Service).describeDomain, asks),
	operation.JSON("ListDomains", (*Service).listDomains, asks),
	operation.JSONWithoutOutput("DeprecateDomain", (*Service).deprecateDomain, asks),
	operation.JSONWithoutOutput("UndeprecateDomain", (*Service).undeprecateDomain, asks),

	operation.JSONWithoutOutput("RegisterWorkflowType", (*Service).registerWorkflowType, asks),
	operation.JSON("DescribeWorkflowType", (*Service).describeWorkflowType, asks),
	operation.JSON("ListWorkflowTypes", (*Service).listWorkflowTypes, asks),
	operation.JSONWithoutOutput("DeprecateWorkflowType", (*Service).deprecateWorkflowType, asks),
	operation.JSONWithoutOutput("UndeprecateWorkflowType", (*Service).undeprecateWorkflowType, asks),
	operation.JSONWithoutOutput("DeleteWorkflowType", (*Service).deleteWorkflowType, asks),

	operation.JSONWithoutOutput("RegisterActivityType", (*Service).registerActivityType, asks),
	operation.JSON("DescribeActivityType", (*Service).describeActivityType, asks),
	operation.JSON("ListActivityTypes", (*Service).listActivityTypes, asks),
	operation.JSONWithoutOutput("DeprecateActivityType", (*Service).deprecateActivityType, asks),
	operation.JSONWithoutOutput("UndeprecateActivityType", (*Service).undeprecateActivityType, asks),
	operation.JSONWithoutOutput("DeleteActivityType", (*Service).deleteActivityType, asks),

	operation.JSONWithoutOutput("TagResource", (*Service).tagResource, asks, largeBody),
	operation.JSONWithoutOutput("UntagResource", (*Service).untagResource, asks),
	operation.JSON("ListTagsForResource", (*Service).listTagsForResource, asks),

	operation.JSON("StartWorkflowExecution", (*Service).startWorkflowExecution, asks, largeBody),
	operation.JSONWithoutOutput("SignalWorkflowExecution", (*Service).signalWorkflowExecution, asks, largeBody),
	operation.JSONWithoutOutput("RequestCancelWorkflowExecution", (*Service).requestCancelWorkflowExecution, asks),
	operation.JSONWithoutOutput("TerminateWorkflowExecution", (*Service).terminateWorkflowExecution, asks, largeBody),
	operation.JSON("DescribeWorkflowExecution", (*Service).describeWorkflowExecution, asks),
	operation.JSON("GetWorkflowExecutionHistory", (*Service).getWorkflowExecutionHistory, asks),

	operation.JSON("ListOpenWorkflowExecutions", (*Service).listOpenWorkflowExecutions, asks),
	operation.JSON("ListClosedWorkflowExecutions", (*Service).listClosedWorkflowExecutions, asks),
	operation.JSON("CountOpenWorkflowExecutions", (*Service).countOpenWorkflowExecutions, asks),
	operation.JSON("CountClosedWorkflowExecutions", (*Service).countClosedWorkflowExecutions, asks),
	operation.JSON("CountPendingDecisionTasks", (*Service).countPendingDecisionTasks, asks),
	operation.JSON("CountPendingActivityTasks", (*Service).countPendingActivityTasks, asks),

	operation.JSON("PollForDecisionTask", (*Service).pollForDecisionTask, asks, operation.Waits),
	operation.JSONWithoutOutput("RespondDecisionTaskCompleted", (*Service).respondDecisionTaskCompleted, asks, decisionsBody),
	operation.JSON("PollForActivityTask", (*Service).pollForActivityTask, asks, operation.Waits),
	operation.JSON("RecordActivityTaskHeartbeat", (*Service).recordActivityTaskHeartbeat, asks),
	operation.JSONWithoutOutput("RespondActivityTaskCompleted", (*Service).respondActivityTaskCompleted, asks, largeBody),
	operation.JSONWithoutOutput("RespondActivityTaskFailed", (*Service).respondActivityTaskFailed, asks, largeBody),
	operation.JSONWithoutOutput("RespondActivityTaskCanceled", (*Service).respondActivityTaskCanceled, asks, largeBody),
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
