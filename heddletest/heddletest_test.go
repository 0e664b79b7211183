package heddletest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/heddletest"
)

const year = 365 * 24 * time.Hour

// open registers a domain and a type, and starts an execution.
func open(t testing.TB, c *swf.Client) {
	t.Helper()
	ctx := t.Context()
	if _, err := c.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: aws.String("d"), WorkflowExecutionRetentionPeriodInDays: aws.String("90")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{Domain: aws.String("d"), Name: aws.String("w"), Version: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{
		Domain: aws.String("d"), WorkflowId: aws.String("o-1"), WorkflowType: &types.WorkflowType{Name: aws.String("w"), Version: aws.String("1")},
		TaskList: &types.TaskList{Name: aws.String("l")}, ChildPolicy: types.ChildPolicyTerminate,
		ExecutionStartToCloseTimeout: aws.String("31536000"), TaskStartToCloseTimeout: aws.String("60"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// decide sets n timers of a day, one after the other, and completes the execution.
func decide(ctx context.Context, c *swf.Client, n int) error {
	for {
		task, err := c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("l")}, ReverseOrder: true, MaximumPageSize: 20})
		if err != nil {
			return err
		}
		if task.TaskToken == nil {
			return nil // the server stops
		}
		fired := 0
		for _, e := range task.Events { // the last first
			if e.EventType == types.EventTypeTimerFired {
				if _, err := fmt.Sscanf(*e.TimerFiredEventAttributes.TimerId, "day-%d", &fired); err != nil {
					return err
				}
				fired++
				break
			}
		}
		d := types.Decision{DecisionType: types.DecisionTypeStartTimer, StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{
			TimerId: aws.String(fmt.Sprint("day-", fired)), StartToFireTimeout: aws.String("86400"),
		}}
		if fired == n {
			d = types.Decision{DecisionType: types.DecisionTypeCompleteWorkflowExecution}
		}
		if _, err := c.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, Decisions: []types.Decision{d}}); err != nil {
			return err
		}
		if fired == n {
			return nil
		}
	}
}

// closed is how many executions are closed.
func closed(t testing.TB, c *swf.Client) int32 {
	t.Helper()
	n, err := c.CountClosedWorkflowExecutions(t.Context(), &swf.CountClosedWorkflowExecutionsInput{Domain: aws.String("d"), StartTimeFilter: &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0))}})
	if err != nil {
		t.Fatal(err)
	}
	return n.Count
}

// TestAdvance: time passes by Advance alone, to the second, and all that is due on the way is.
func TestAdvance(t *testing.T) {
	s := heddletest.Start(t)
	c := s.SWF()
	began := s.Now()
	open(t, c)
	decider := make(chan error, 1)
	go func() { decider <- decide(t.Context(), c, 30) }()
	s.Advance(30*24*time.Hour - time.Second)
	if n := closed(t, c); n != 0 {
		t.Fatal("it was closed a second before its time")
	}
	s.Advance(time.Second)
	if err := <-decider; err != nil {
		t.Fatal(err)
	}
	if n := closed(t, c); n != 1 {
		t.Error("it is not closed in time")
	}
	if passed := s.Now().Sub(began); passed != 30*24*time.Hour {
		t.Errorf("%v have passed", passed)
	}
	if h := s.Histories(); len(h) != 1 || !strings.Contains(h[0], "COMPLETED") || strings.Count(h[0], "TimerFired") != 30 {
		t.Errorf("%s", h)
	}
}

// TestTimeout: a task that its worker holds times out when the clock says so.
func TestTimeout(t *testing.T) {
	s := heddletest.Start(t)
	c := s.SWF()
	open(t, c)
	poll := &swf.PollForDecisionTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("l")}}
	first, err := c.PollForDecisionTask(t.Context(), poll)
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute)
	second, err := c.PollForDecisionTask(t.Context(), poll)
	if err != nil || second.StartedEventId <= first.StartedEventId {
		t.Errorf("first %d, second %d, %v", first.StartedEventId, second.StartedEventId, err)
	}
}

// TestPollGivenUp: a task goes to nobody who has gone.
func TestPollGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := heddletest.Start(t)
		c := s.SWF()
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute) // longer than any poll of AWS
		defer cancel()
		open(t, c)
		poll := &swf.PollForActivityTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("none")}}
		began := time.Now()
		if task, err := c.PollForActivityTask(ctx, poll); err == nil {
			t.Errorf("a poll ended by itself: %+v", task)
		}
		if passed := time.Since(began); passed != 90*time.Minute {
			t.Errorf("the poll ended after %v", passed)
		}
		s.Wait()
		if task, err := c.PollForDecisionTask(t.Context(), &swf.PollForDecisionTaskInput{Domain: aws.String("d"), TaskList: &types.TaskList{Name: aws.String("l")}}); err != nil || task.TaskToken == nil {
			t.Errorf("%+v, %v", task, err)
		}
	})
}

// TestBubble: a year passes in a bubble of testing/synctest, exactly, as its goroutines wait.
func TestBubble(t *testing.T) {
	real := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := heddletest.Start(t)
		c := s.SWF()
		began := time.Now()
		open(t, c)
		if err := decide(t.Context(), c, 364); err != nil {
			t.Fatal(err)
		}
		if passed := time.Since(began); passed != 364*24*time.Hour {
			t.Errorf("%v have passed", passed)
		}
		if n := closed(t, c); n != 1 {
			t.Error("it is not closed")
		}
		s.Advance(year)
		if s.Now().Sub(began) != year+364*24*time.Hour {
			t.Errorf("the clock shows %v", s.Now())
		}
	})
	t.Logf("364 timers took %v", time.Since(real).Round(time.Millisecond))
}

// machine makes a state machine and starts it.
func machine(t testing.TB, c *sfn.Client, kind sfntypes.StateMachineType, definition string) *string {
	t.Helper()
	m, err := c.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("m-" + strings.ToLower(string(kind))), RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), Type: kind, Definition: aws.String(definition),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m.StateMachineArn
}

const waits = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":259200,"Next":"D"},"D":{"Type":"Pass","Result":"done","End":true}}}`

// TestStates: state machines wait by the same clock.
func TestStates(t *testing.T) {
	s := heddletest.Start(t)
	c := s.SFN()
	e, err := c.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: machine(t, c, sfntypes.StateMachineTypeStandard, waits)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []sfntypes.ExecutionStatus{sfntypes.ExecutionStatusRunning, sfntypes.ExecutionStatusSucceeded} {
		s.Advance(48 * time.Hour)
		d, err := c.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: e.ExecutionArn})
		if err != nil || d.Status != want {
			t.Errorf("%v, %v, want %v", d, err, want)
		}
	}
	if h := s.Histories(); len(h) != 1 || !strings.Contains(h[0], "ExecutionSucceeded") {
		t.Errorf("%s", h)
	}
}

// TestExpress: executions in memory wait by it too.
func TestExpress(t *testing.T) {
	s := heddletest.Start(t)
	c := s.SFN()
	arn := machine(t, c, sfntypes.StateMachineTypeExpress, strings.Replace(waits, "259200", "60", 1))
	type result struct {
		*sfn.StartSyncExecutionOutput
		error
	}
	ended := make(chan result, 1)
	go func() {
		out, err := c.StartSyncExecution(t.Context(), &sfn.StartSyncExecutionInput{StateMachineArn: arn})
		ended <- result{out, err}
	}()
	for { // it may begin after the first
		s.Advance(time.Minute)
		select {
		case r := <-ended:
			if r.error != nil || aws.ToString(r.Output) != `"done"` {
				t.Errorf("%+v, %v", r.StartSyncExecutionOutput, r.error)
			}
			return
		default:
		}
	}
}

// TestTimeSkip: the clock jumps by itself.
func TestTimeSkip(t *testing.T) {
	s := heddletest.Config{TimeSkip: "timers"}.Start(t)
	c := s.SWF()
	open(t, c)
	if err := decide(t.Context(), c, 3); err != nil {
		t.Fatal(err)
	}
}

// TestPort: who needs a port makes one.
func TestPort(t *testing.T) {
	s := heddletest.Start(t)
	port := httptest.NewServer(s.Handler())
	defer port.Close()
	cfg := s.AWS()
	cfg.HTTPClient, cfg.BaseEndpoint = nil, &port.URL
	open(t, swf.NewFromConfig(cfg))
	if _, err := s.Client().Get("http://elsewhere.test/"); err == nil || !strings.Contains(err.Error(), "alone") {
		t.Errorf("%v", err)
	}
}

// failing is a test that fails without failing this one.
type failing struct {
	testing.TB
	log      strings.Builder
	cleanups []func()
}

func (f *failing) Failed() bool     { return true }
func (f *failing) Log(a ...any)     { fmt.Fprintln(&f.log, a...) }
func (f *failing) Cleanup(g func()) { f.cleanups = append(f.cleanups, g) }

// TestHistoriesOfAFailedTest are printed.
func TestHistoriesOfAFailedTest(t *testing.T) {
	f := &failing{TB: t}
	s := heddletest.Start(f)
	open(t, s.SWF())
	for _, g := range f.cleanups {
		g()
	}
	for _, want := range []string{`execution "o-1" of w 1 in domain "d": OPEN`, "     1  20", "WorkflowExecutionStarted", "DecisionTaskScheduled"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("no %q in %s", want, &f.log)
		}
	}
}
