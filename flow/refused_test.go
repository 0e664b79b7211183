package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
	"heddle/flow/flowtest"
)

// busy sends a signal before each answer: news that the decider has not seen.
type busy struct {
	flow.API
	c     *flow.Client
	first int // answers that are made late
	sent  int
}

func (b *busy) RespondDecisionTaskCompleted(ctx context.Context, in *swf.RespondDecisionTaskCompletedInput, o ...func(*swf.Options)) (*swf.RespondDecisionTaskCompletedOutput, error) {
	if b.sent < b.first {
		b.sent++
		if err := Add.Send(ctx, b.c, "busy", b.sent); err != nil {
			return nil, err
		}
	}
	return b.API.RespondDecisionTaskCompleted(ctx, in, o...)
}

// What arrives while a run closes is delivered, and the run closes with the next task. A run that
// continues as new gives what it has not read to the next one.
func TestNewsWhileClosing(t *testing.T) {
	var Busy = flow.Workflow[int, string]{Name: "Busy", Version: "1"}
	b := &busy{first: 3}
	flowtest.Config{Client: func(c *flow.Client) { b.API, b.c, c.API = c.API, c, b }}.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := Busy.Start(t.Context(), c, "busy", 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := run.Result(t.Context())
		if err != nil || got != "[1 2 3]" {
			t.Errorf("got %q, %v", got, err)
		}
	}, Busy.By(func(ctx flow.Context, n int) (string, error) {
		if n == 0 {
			return "", Busy.ContinueAsNew(ctx, 1)
		}
		var all []int
		for in := Add.Inbox(ctx); len(all) < 3; {
			v, err := in.Receive(ctx)
			if err != nil {
				return "", err
			}
			all = append(all, v)
		}
		return fmt.Sprint(all), nil
	}))
}

// Refusals for now are tried again, by timers that grow; others are errors with the cause as code.
func TestRefusals(t *testing.T) {
	var Refused = flow.Workflow[string, string]{Name: "Refused", Version: "1"}
	later := flow.Activity[int, int]{Name: "Later", Version: "1", StartToClose: time.Minute, TaskList: "later"}
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := Refused.Start(t.Context(), c, "later", "later")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		ctx, stop := context.WithCancel(t.Context())
		w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "later", BreakPolls: true}, later.By(func(_ context.Context, n int) (int, error) { return n + 1, nil }))
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		began := time.Now()
		if got, err := run.Result(t.Context()); err != nil || got != "42 <nil>" || time.Since(began) > 30*time.Second {
			t.Errorf("got %q, %v after %s", got, err, time.Since(began))
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		out, err := c.API.GetWorkflowExecutionHistory(t.Context(), &swf.GetWorkflowExecutionHistoryInput{Domain: &c.Domain, Execution: execution(run)})
		if err != nil || len(out.Events) > 300 {
			t.Errorf("ten minutes took %d events, %v", len(out.Events), err)
		}
		run, err = Refused.Start(t.Context(), c, "signal", "signal")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := run.Result(t.Context()); err != nil || got != "true" {
			t.Errorf("got %q, %v", got, err)
		}
		run, err = Refused.Start(t.Context(), c, "open", "open")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); err == nil || !strings.Contains(err.Error(), "has one of that id open") {
			t.Errorf("got %v", err)
		}
		run, err = Refused.Start(t.Context(), c, "bad", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := (flow.Signal[string]{Name: "Add"}).Send(t.Context(), c, "bad", "no number"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := run.Terminate(t.Context(), "enough"); err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); !errors.Is(err, flow.ErrTerminated) {
			t.Errorf("got %v", err)
		}
	}, Refused.By(func(ctx flow.Context, how string) (string, error) {
		switch how {
		case "later":
			n, err := later.Call(ctx, 41)
			return fmt.Sprint(n, " ", err), nil
		case "signal":
			err := Add.Call(ctx, "nobody", 1)
			return fmt.Sprint(errors.Is(err, flow.Code("swf.UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"))), nil
		case "open":
			Refused.Go(ctx, "child", "")
			_, err := Refused.Call(ctx, "child", "")
			return "", err
		}
		_, err := Add.Receive(ctx)
		return "", err
	}))
}

// More at once than SWF has places for wait in their order for the end of others; those that have ended leave their places.
func TestLine(t *testing.T) {
	var Crowd = flow.Workflow[int, int]{Name: "Crowd", Version: "1"}
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := Crowd.Start(t.Context(), c, "crowd", 1100)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if got, err := run.Result(t.Context()); err != nil || got != 1100 || time.Since(began) != 3*time.Second {
			t.Errorf("got %d, %v after %s", got, err, time.Since(began))
		}
		started := 0
		for _, e := range events(t, c, run.WorkflowID, run.RunID) {
			if a := e.TimerStartedEventAttributes; a != nil && !strings.HasPrefix(*a.TimerId, "flow.more") {
				if started++; *a.TimerId != fmt.Sprint("After-", started) {
					t.Fatalf("event %d starts timer %s, want After-%d", e.EventId, *a.TimerId, started)
				}
			}
		}
	}, Crowd.By(func(ctx flow.Context, n int) (int, error) {
		var all []*flow.Future[time.Time]
		for range n {
			all = append(all, flow.After(ctx, time.Second))
		}
		if _, err := flow.All(ctx, all...); err != nil {
			return 0, err
		}
		return n, flow.Sleep(ctx, time.Second)
	}))
}

// A person answers for an activity.
func TestPending(t *testing.T) {
	var Ask = flow.Workflow[string, string]{Name: "Ask", Version: "1"}
	approve := flow.Activity[string, string]{Name: "Approve", Version: "1", StartToClose: flow.Unlimited}
	tokens := make(chan string, 1)
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		for _, fail := range []bool{false, true} {
			run, err := Ask.Start(t.Context(), c, "ask", "a raise")
			if err != nil {
				t.Fatal(err)
			}
			token := <-tokens
			time.Sleep(30 * 24 * time.Hour)
			if fail {
				err = approve.Fail(t.Context(), c, token, fmt.Errorf("no: %w", ErrDeclined))
			} else {
				err = approve.Complete(t.Context(), c, token, "yes")
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := run.Result(t.Context())
			if fail != errors.Is(err, ErrDeclined) || !fail && got != "yes" {
				t.Errorf("got %q, %v", got, err)
			}
		}
		run, err := flow.SendOrStart(t.Context(), c, Add, 5, Ask, "ask", "another")
		if err != nil {
			t.Fatal(err)
		}
		<-tokens
		again, err := flow.SendOrStart(t.Context(), c, Add, 6, Ask, "ask", "another")
		if err != nil || again.RunID != run.RunID {
			t.Errorf("got %v, %v, want %v", again, err, run)
		}
	}, Ask.By(func(ctx flow.Context, what string) (string, error) { return approve.Call(ctx, what) }),
		approve.By(func(ctx context.Context, what string) (string, error) {
			tokens <- flow.ActivityOf(ctx).Token
			return "", flow.Pending
		}))
}

func execution[T any](r *flow.Run[T]) *types.WorkflowExecution {
	return &types.WorkflowExecution{WorkflowId: &r.WorkflowID, RunId: &r.RunID}
}
