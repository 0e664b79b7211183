package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
)

// historyOf reads the whole history of an execution.
func historyOf(ctx context.Context, c *flow.Client, workflowID, runID string) (all []types.HistoryEvent, err error) {
	in := &swf.GetWorkflowExecutionHistoryInput{Domain: &c.Domain, Execution: &types.WorkflowExecution{WorkflowId: &workflowID, RunId: &runID}}
	for {
		page, err := c.API.GetWorkflowExecutionHistory(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("read history of %q: %w", workflowID, err)
		}
		all = append(all, page.Events...)
		if page.NextPageToken == nil {
			return all, nil
		}
		in.NextPageToken = page.NextPageToken
	}
}

// show prints a history as a table. Strings are shown without the quotes of JSON.
func show(out io.Writer, history []types.HistoryEvent) error {
	for _, e := range history {
		said := about(e)
		_ = json.Unmarshal([]byte(said), &said)
		line := fmt.Sprintf("%3d  %s  %-32s  %s", e.EventId, e.EventTimestamp.Local().Format("15:04:05.000"), e.EventType, said)
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
