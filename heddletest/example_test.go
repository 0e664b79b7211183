package heddletest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/heddletest"
)

// remind is a worker: a decider that waits a week, unless it gets a signal, and then completes.
func remind(ctx context.Context, c *swf.Client) error {
	for ctx.Err() == nil {
		task, err := c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String("shop"), TaskList: &types.TaskList{Name: aws.String("reminders")}})
		if err != nil {
			return err
		}
		if task.TaskToken == nil {
			continue // nothing to do
		}
		decision := types.Decision{DecisionType: types.DecisionTypeStartTimer, StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{
			TimerId: aws.String("week"), StartToFireTimeout: aws.String("604800"),
		}}
		switch task.Events[len(task.Events)-3].EventType { // before DecisionTaskScheduled and DecisionTaskStarted
		case types.EventTypeTimerFired:
			decision = types.Decision{DecisionType: types.DecisionTypeCompleteWorkflowExecution, CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{Result: aws.String("reminded")}}
		case types.EventTypeWorkflowExecutionSignaled:
			decision = types.Decision{DecisionType: types.DecisionTypeCompleteWorkflowExecution, CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{Result: aws.String("paid")}}
		}
		if _, err := c.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, Decisions: []types.Decision{decision}}); err != nil {
			return err
		}
	}
	return nil
}

// startReminder registers what the worker needs, and starts an execution.
func startReminder(t *testing.T, c *swf.Client) *types.WorkflowExecution {
	t.Helper()
	_, err := c.RegisterDomain(t.Context(), &swf.RegisterDomainInput{Name: aws.String("shop"), WorkflowExecutionRetentionPeriodInDays: aws.String("30")})
	if err == nil {
		_, err = c.RegisterWorkflowType(t.Context(), &swf.RegisterWorkflowTypeInput{
			Domain: aws.String("shop"), Name: aws.String("Remind"), Version: aws.String("1"),
			DefaultTaskList: &types.TaskList{Name: aws.String("reminders")}, DefaultChildPolicy: types.ChildPolicyTerminate,
			DefaultExecutionStartToCloseTimeout: aws.String("31536000"), DefaultTaskStartToCloseTimeout: aws.String("10"),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	run, err := c.StartWorkflowExecution(t.Context(), &swf.StartWorkflowExecutionInput{Domain: aws.String("shop"), WorkflowId: aws.String("order-1"), WorkflowType: &types.WorkflowType{Name: aws.String("Remind"), Version: aws.String("1")}})
	if err != nil {
		t.Fatal(err)
	}
	return &types.WorkflowExecution{WorkflowId: aws.String("order-1"), RunId: run.RunId}
}

func status(t *testing.T, c *swf.Client, e *types.WorkflowExecution) types.ExecutionStatus {
	t.Helper()
	d, err := c.DescribeWorkflowExecution(t.Context(), &swf.DescribeWorkflowExecutionInput{Domain: aws.String("shop"), Execution: e})
	if err != nil {
		t.Fatal(err)
	}
	return d.ExecutionInfo.ExecutionStatus
}

// TestExampleAdvance is a test of a worker that moves the clock by hand.
func TestExampleAdvance(t *testing.T) {
	s := heddletest.Start(t)
	e := startReminder(t, s.SWF())
	go remind(t.Context(), s.SWF())
	s.Advance(6 * 24 * time.Hour)
	if got := status(t, s.SWF(), e); got != types.ExecutionStatusOpen {
		t.Errorf("after six days it is %s", got)
	}
	s.Advance(24 * time.Hour)
	if got := status(t, s.SWF(), e); got != types.ExecutionStatusClosed {
		t.Errorf("after seven days it is %s", got)
	}
}

// TestExampleBubble is the same in a bubble: time passes when everybody waits, and is exact.
func TestExampleBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := heddletest.Start(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		e := startReminder(t, s.SWF())
		go remind(ctx, s.SWF())
		time.Sleep(72 * time.Hour) // takes no time
		_, err := s.SWF().SignalWorkflowExecution(t.Context(), &swf.SignalWorkflowExecutionInput{Domain: aws.String("shop"), WorkflowId: e.WorkflowId, SignalName: aws.String("Paid")})
		if err != nil {
			t.Fatal(err)
		}
		s.Wait()
		if got := status(t, s.SWF(), e); got != types.ExecutionStatusClosed {
			t.Errorf("after it was paid it is %s", got)
		}
	})
}

// TestExampleStateMachine waits three days for a state machine.
func TestExampleStateMachine(t *testing.T) {
	s := heddletest.Start(t)
	m, err := s.SFN().CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("wait"), RoleArn: aws.String("arn:aws:iam::123456789012:role/any"),
		Definition: aws.String(`{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":259200,"End":true}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.SFN().StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(72 * time.Hour)
	d, err := s.SFN().DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: run.ExecutionArn})
	if err != nil || d.Status != "SUCCEEDED" {
		t.Errorf("%+v, %v", d, err)
	}
}
