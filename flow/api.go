package flow

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/swf"
)

// API is what this package calls of SWF. The AWS SDK's *swf.Client has it.
type API interface {
	StartWorkflowExecution(context.Context, *swf.StartWorkflowExecutionInput, ...func(*swf.Options)) (*swf.StartWorkflowExecutionOutput, error)
	SignalWorkflowExecution(context.Context, *swf.SignalWorkflowExecutionInput, ...func(*swf.Options)) (*swf.SignalWorkflowExecutionOutput, error)
	RequestCancelWorkflowExecution(context.Context, *swf.RequestCancelWorkflowExecutionInput, ...func(*swf.Options)) (*swf.RequestCancelWorkflowExecutionOutput, error)
	TerminateWorkflowExecution(context.Context, *swf.TerminateWorkflowExecutionInput, ...func(*swf.Options)) (*swf.TerminateWorkflowExecutionOutput, error)
	DescribeWorkflowExecution(context.Context, *swf.DescribeWorkflowExecutionInput, ...func(*swf.Options)) (*swf.DescribeWorkflowExecutionOutput, error)
	GetWorkflowExecutionHistory(context.Context, *swf.GetWorkflowExecutionHistoryInput, ...func(*swf.Options)) (*swf.GetWorkflowExecutionHistoryOutput, error)
	ListClosedWorkflowExecutions(context.Context, *swf.ListClosedWorkflowExecutionsInput, ...func(*swf.Options)) (*swf.ListClosedWorkflowExecutionsOutput, error)
	ListOpenWorkflowExecutions(context.Context, *swf.ListOpenWorkflowExecutionsInput, ...func(*swf.Options)) (*swf.ListOpenWorkflowExecutionsOutput, error)

	PollForDecisionTask(context.Context, *swf.PollForDecisionTaskInput, ...func(*swf.Options)) (*swf.PollForDecisionTaskOutput, error)
	RespondDecisionTaskCompleted(context.Context, *swf.RespondDecisionTaskCompletedInput, ...func(*swf.Options)) (*swf.RespondDecisionTaskCompletedOutput, error)

	PollForActivityTask(context.Context, *swf.PollForActivityTaskInput, ...func(*swf.Options)) (*swf.PollForActivityTaskOutput, error)
	RespondActivityTaskCompleted(context.Context, *swf.RespondActivityTaskCompletedInput, ...func(*swf.Options)) (*swf.RespondActivityTaskCompletedOutput, error)
	RespondActivityTaskFailed(context.Context, *swf.RespondActivityTaskFailedInput, ...func(*swf.Options)) (*swf.RespondActivityTaskFailedOutput, error)
	RespondActivityTaskCanceled(context.Context, *swf.RespondActivityTaskCanceledInput, ...func(*swf.Options)) (*swf.RespondActivityTaskCanceledOutput, error)
	RecordActivityTaskHeartbeat(context.Context, *swf.RecordActivityTaskHeartbeatInput, ...func(*swf.Options)) (*swf.RecordActivityTaskHeartbeatOutput, error)

	RegisterDomain(context.Context, *swf.RegisterDomainInput, ...func(*swf.Options)) (*swf.RegisterDomainOutput, error)
	RegisterWorkflowType(context.Context, *swf.RegisterWorkflowTypeInput, ...func(*swf.Options)) (*swf.RegisterWorkflowTypeOutput, error)
	RegisterActivityType(context.Context, *swf.RegisterActivityTypeInput, ...func(*swf.Options)) (*swf.RegisterActivityTypeOutput, error)
}

var _ API = (*swf.Client)(nil)
