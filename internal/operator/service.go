// Package operator is the service by which operators and their programs ask what is going on:
// why an execution does not move, who polls which task list, which calls were refused, how
// the server is, what happens now, whether events reach their targets; and do one thing to all
// executions that a search finds. It is a service like the others: signed,
// permitted, throttled, recorded. It tells nobody what his policies would not let him read
// otherwise, and changes nothing but that events which were given up are sent again, that
// a caller is given a link to the console, that there is a copy of the store, beside it, for
// who backs it up, that a server whose store is memory forgets all, that shards are served again
// which have lost what was acknowledged, and what batches do: each by a call of the service whose execution it is, in
// the right of who began the batch.
//
// What executions and lists there are it learns from the services themselves, each by its
// service.Inspector; why something waits is said by package diagnose.
package operator

import (
	"context"
	"strings"
	"sync"

	"heddle/internal/aws/arn"
	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/aws/throttle"
	"heddle/internal/engine"
	"heddle/internal/operator/batch"
	"heddle/internal/operator/wire"
	"heddle/internal/service"
	"heddle/internal/token"
)

// Name is what policies and signatures call the service.
const Name = "heddle"

// familyPage is of page tokens.
const familyPage token.Family = "heddle.page"

// Service is the operator service for the server. It comes behind those whose executions it
// shows.
func Service() *service.Service {
	rates := throttle.Rates{}
	for _, op := range wire.Operations {
		rates[op.Name] = throttle.Rate{Bucket: 200, PerSecond: 20}
	}
	return &service.Service{
		Name:     Name,
		Metrics:  service.Metrics{Prefix: "operator"},
		Crossing: crossing,
		Rules:    func() map[engine.Kind]engine.Rules { return map[engine.Kind]engine.Rules{batch.Kind: batch.NewRules()} },
		Rates:    rates,
		Begins:   []string{"StartBatch"},
		Audit: service.Audit{
			DataEvent: func(action string) bool {
				return strings.Contains(action, "Execution") || strings.Contains(action, "Task") || strings.Contains(action, "Batch") || action == "ListVerdicts" || action == "StreamEvents"
			},
			Reads: []string{"AwaitExecution", "InspectExecution", "StreamEvents", "SearchExecutions", "KeepCheckpoint"},
			Members: service.Members{
				Shown: []string{
					"acknowledged", "action", "batchId", "checkpoint", "childPolicy", "clientToken", "closeStatus", "closedFrom", "closedTo", "domain", "events", "executionArn", "executions", "expirationTimestamp", "has", "kind", "losses", "maximumPageSize", "name", "oldestFirst", "orderBy",
					"runId", "search", "service", "shard", "signalName", "startTimestamp", "startedFrom", "startedTo", "stateMachineArn", "status", "tag", "typeName", "typeVersion", "version", "waitTimeSeconds", "workflowId", "workflowIdPart", "workflowIdPrefix",
				},
				Free:    []string{"cause", "details", "error", "input", "reason"},
				Secret:  []string{"consoleURL", "nextPageToken"},
				Unshown: []string{"batch", "serverTimestamp"},
			},
		},
		Open: func(k *service.Kernel) (*service.Opened, error) {
			s := &actions{Kernel: k}
			return &service.Opened{
				Model: operation.Model{TargetPrefix: wire.TargetPrefix, JSONVersion: wire.JSONVersion, Faults: wire.Faults()},
				Operations: []operation.Operation{
					awsjson.Operation("InspectExecution", s.inspectExecution, s.aboutExecution),
					awsjson.Operation("AwaitExecution", s.awaitExecution, s.aboutAwaited, operation.Waits),
					awsjson.Operation("ListVerdicts", s.listVerdicts, s.aboutVerdicts, operation.WithBodyMax(verdictsBodyMax)),
					awsjson.Operation("SearchExecutions", s.searchExecutions, s.aboutSearch),
					awsjson.Operation("StartBatch", s.startBatch, s.aboutNewBatch, operation.WithBodyMax(batchBodyMax)),
					awsjson.Operation("DescribeBatch", s.describeBatch, s.aboutBatch),
					awsjson.Operation("StopBatch", s.stopBatch, s.aboutStopping),
					awsjson.Operation("ListBatches", s.listBatches, s.aboutBatches),
					awsjson.Operation("ListTaskLists", s.listTaskLists, s.aboutLists),
					awsjson.Operation("DescribeTaskList", s.describeTaskList, s.aboutList),
					awsjson.Operation("ListRefusals", s.listRefusals, asking[wire.ListRefusalsInput]("heddle:ListRefusals")),
					awsjson.Operation("CreateConsoleLink", s.createConsoleLink, anybody),
					awsjson.Operation("GetServerStatus", s.getServerStatus, asking[wire.GetServerStatusInput]("heddle:GetServerStatus")),
					awsjson.Operation("GetSeries", s.getSeries, s.aboutSeries),
					awsjson.Operation("StreamEvents", s.streamEvents, s.aboutEvents, operation.Waits),
					awsjson.Operation("ListEventTargets", s.listEventTargets, asking[wire.ListEventTargetsInput]("heddle:ListEventTargets")),
					awsjson.Operation("DescribeEventTarget", s.describeEventTarget, asking[wire.DescribeEventTargetInput]("heddle:DescribeEventTarget")),
					awsjson.Operation("RedeliverEvents", s.redeliverEvents, asking[wire.RedeliverEventsInput]("heddle:RedeliverEvents")),
					awsjson.Operation("CreateCheckpoint", s.createCheckpoint, asking[wire.CreateCheckpointInput]("heddle:CreateCheckpoint")),
					awsjson.Operation("KeepCheckpoint", s.keepCheckpoint, asking[wire.KeepCheckpointInput]("heddle:KeepCheckpoint")),
					awsjson.Operation("DeleteCheckpoint", s.deleteCheckpoint, asking[wire.DeleteCheckpointInput]("heddle:DeleteCheckpoint")),
					awsjson.Operation("GetDiskUsage", s.getDiskUsage, asking[wire.GetDiskUsageInput]("heddle:GetDiskUsage")),
					awsjson.Operation("ListLosses", s.listLosses, asking[wire.ListLossesInput]("heddle:ListLosses")),
					awsjson.Operation("AcceptLoss", s.acceptLoss, asking[wire.AcceptLossInput]("heddle:AcceptLoss")),
					awsjson.Operation("ResetServer", s.resetServer, asking[wire.ResetServerInput]("heddle:ResetServer")),
				},
				Parts: []service.Part{{Name: "batches", Service: s.newBatches()}},
			}, nil
		},
	}
}

// verdictsBodyMax is how many bytes the names of a hundred executions have.
const verdictsBodyMax = 512 << 10

// batchBodyMax is how many bytes an order of a batch has: its largest fields are of 32,768
// characters, each of which may be written in twelve bytes.
const batchBodyMax = 1 << 20

// actions handles the actions.
type actions struct {
	*service.Kernel
	turning sync.Map // pages of batches that are being done, by turning
}

// subject is what a call asks for: one action, of one resource.
type subject struct {
	action, resource string
	known            policy.Context
}

// asking makes the subject of calls that are about the server.
func asking[In any](action string) func(context.Context, *In) (operation.Subject, error) {
	return func(context.Context, *In) (operation.Subject, error) {
		return &subject{action: action, resource: "*"}, nil
	}
}

// Questions implements operation.Subject.
func (s *subject) Questions(ctx context.Context) ([]policy.Request, error) {
	c := operation.CallerOf(ctx)
	return []policy.Request{{Principal: c.Principal, Action: s.action, Resource: s.resource, Context: append(c.Context(), s.known...)}}, nil
}

// Resource implements operation.Subject.
func (s *subject) Resource(context.Context) operation.Resource {
	if s.resource == "*" {
		return operation.Resource{}
	}
	return operation.Resource{Kind: "task list", Name: s.resource, ARN: s.resource}
}

// may tells whether the caller may do something besides what it was asked for.
func may(ctx context.Context, s *subject) bool {
	all, err := s.Questions(ctx)
	return err == nil && allowed(ctx, all)
}

func allowed(ctx context.Context, all []policy.Request) bool {
	c := operation.CallerOf(ctx)
	for i := range all {
		if !c.May(&all[i]).Allowed {
			return false
		}
	}
	return true
}

// ofList is the subject of calls about a task list.
func ofList(action string, l service.TaskList) *subject {
	s := &subject{action: action, resource: l.ARN}
	if l.Service == "swf" {
		s.known = policy.Context{{Key: "swf:taskList.name", Value: l.Name}}
	}
	return s
}

// allLists is what policies are asked about who sees all lists of a domain, or of a service.
func allLists(w engine.World, of, domain string) *subject {
	s := &subject{action: "heddle:ListTaskLists"}
	switch {
	case of != "swf":
		s.resource = arn.Of("states", w.Region, w.Account, "activity:*").String()
	case domain == "":
		s.resource = arn.Of("swf", w.Region, w.Account, "/domain/*").String()
	default:
		s.resource = arn.Of("swf", w.Region, w.Account, "/domain/"+domain).String()
	}
	return s
}

func worldOf(ctx context.Context) engine.World {
	c := operation.CallerOf(ctx)
	return engine.World{Account: c.Account, Region: c.Region}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// present makes an optional member; what is zero is absent.
func present[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

func moment(t engine.Time) *wire.Timestamp { return present(wire.Timestamp(t)) }
