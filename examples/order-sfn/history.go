package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// historyOf reads the whole history of an execution.
func historyOf(ctx context.Context, client *sfn.Client, execution string) ([]types.HistoryEvent, error) {
	var history []types.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read history of %q: %w", execution, err)
		}
		history = append(history, page.Events...)
	}
	return history, nil
}

// show prints a history as a table.
func show(out io.Writer, execution string, history []types.HistoryEvent) error {
	if _, err := fmt.Fprintf(out, "%s\n\n", execution); err != nil {
		return err
	}
	for _, e := range history {
		line := fmt.Sprintf("%3d  %s  %-24s  %s", e.Id, e.Timestamp.Local().Format("15:04:05.000"), e.Type, about(e))
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// about is what is worth knowing of an event beside its type.
func about(e types.HistoryEvent) string {
	switch {
	case e.ExecutionStartedEventDetails != nil:
		return aws.ToString(e.ExecutionStartedEventDetails.Input)
	case e.StateEnteredEventDetails != nil:
		return aws.ToString(e.StateEnteredEventDetails.Name)
	case e.StateExitedEventDetails != nil:
		return aws.ToString(e.StateExitedEventDetails.Name)
	case e.MapStateStartedEventDetails != nil:
		return fmt.Sprintf("%d items", e.MapStateStartedEventDetails.Length)
	case e.MapIterationStartedEventDetails != nil:
		return fmt.Sprintf("item %d", e.MapIterationStartedEventDetails.Index)
	case e.MapIterationSucceededEventDetails != nil:
		return fmt.Sprintf("item %d", e.MapIterationSucceededEventDetails.Index)
	case e.ActivityScheduledEventDetails != nil:
		arn := aws.ToString(e.ActivityScheduledEventDetails.Resource)
		return arn[strings.LastIndexByte(arn, ':')+1:]
	case e.ActivityStartedEventDetails != nil:
		return "by " + aws.ToString(e.ActivityStartedEventDetails.WorkerName)
	case e.ActivitySucceededEventDetails != nil:
		return aws.ToString(e.ActivitySucceededEventDetails.Output)
	case e.ActivityFailedEventDetails != nil:
		d := e.ActivityFailedEventDetails
		return aws.ToString(d.Error) + ": " + aws.ToString(d.Cause)
	case e.ActivityTimedOutEventDetails != nil:
		return aws.ToString(e.ActivityTimedOutEventDetails.Error)
	case e.ExecutionSucceededEventDetails != nil:
		return aws.ToString(e.ExecutionSucceededEventDetails.Output)
	case e.ExecutionFailedEventDetails != nil:
		d := e.ExecutionFailedEventDetails
		return aws.ToString(d.Error) + ": " + aws.ToString(d.Cause)
	case e.ExecutionAbortedEventDetails != nil:
		d := e.ExecutionAbortedEventDetails
		return aws.ToString(d.Error) + ": " + aws.ToString(d.Cause)
	}
	return ""
}
