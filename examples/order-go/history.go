package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// historyOf reads the whole history of an execution.
func historyOf(ctx context.Context, client *swf.Client, execution *types.WorkflowExecution) ([]types.HistoryEvent, error) {
	var history []types.HistoryEvent
	pages := swf.NewGetWorkflowExecutionHistoryPaginator(client, &swf.GetWorkflowExecutionHistoryInput{
		Domain: aws.String(domain), Execution: execution,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read history of %q: %w", *execution.WorkflowId, err)
		}
		history = append(history, page.Events...)
	}
	return history, nil
}

// show prints a history as a table.
func show(out io.Writer, execution *types.WorkflowExecution, history []types.HistoryEvent) error {
	if _, err := fmt.Fprintf(out, "%s  run %s\n\n", *execution.WorkflowId, *execution.RunId); err != nil {
		return err
	}
	for _, e := range history {
		line := fmt.Sprintf("%3d  %s  %-32s  %s", e.EventId, e.EventTimestamp.Local().Format("15:04:05.000"), e.EventType, about(e))
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// about is what is worth knowing of an event beside its type.
func about(e types.HistoryEvent) string {
	switch e.EventType {
	case types.EventTypeWorkflowExecutionStarted:
		return aws.ToString(e.WorkflowExecutionStartedEventAttributes.Input)
	case types.EventTypeActivityTaskScheduled:
		return aws.ToString(e.ActivityTaskScheduledEventAttributes.ActivityId)
	case types.EventTypeActivityTaskCompleted:
		return aws.ToString(e.ActivityTaskCompletedEventAttributes.Result)
	case types.EventTypeActivityTaskFailed:
		return aws.ToString(e.ActivityTaskFailedEventAttributes.Reason)
	case types.EventTypeActivityTaskTimedOut:
		return string(e.ActivityTaskTimedOutEventAttributes.TimeoutType)
	case types.EventTypeTimerStarted:
		a := e.TimerStartedEventAttributes
		return aws.ToString(a.TimerId) + " for " + aws.ToString(a.StartToFireTimeout) + " s"
	case types.EventTypeTimerFired:
		return aws.ToString(e.TimerFiredEventAttributes.TimerId)
	case types.EventTypeTimerCanceled:
		return aws.ToString(e.TimerCanceledEventAttributes.TimerId)
	case types.EventTypeWorkflowExecutionSignaled:
		return aws.ToString(e.WorkflowExecutionSignaledEventAttributes.SignalName)
	case types.EventTypeWorkflowExecutionCompleted:
		return aws.ToString(e.WorkflowExecutionCompletedEventAttributes.Result)
	case types.EventTypeWorkflowExecutionCanceled:
		return aws.ToString(e.WorkflowExecutionCanceledEventAttributes.Details)
	case types.EventTypeWorkflowExecutionFailed:
		a := e.WorkflowExecutionFailedEventAttributes
		return aws.ToString(a.Reason) + ": " + aws.ToString(a.Details)
	}
	return ""
}
