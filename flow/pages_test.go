package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow"
	"heddle/flow/flowtest"
)

// paged gives histories in pages of two events, and counts those that are not the first.
type paged struct {
	flow.API
	polled, read int
}

func (p *paged) PollForDecisionTask(ctx context.Context, in *swf.PollForDecisionTaskInput, o ...func(*swf.Options)) (*swf.PollForDecisionTaskOutput, error) {
	small := *in
	small.MaximumPageSize = 2
	if in.NextPageToken != nil {
		p.polled++
	}
	return p.API.PollForDecisionTask(ctx, &small, o...)
}

func (p *paged) GetWorkflowExecutionHistory(ctx context.Context, in *swf.GetWorkflowExecutionHistoryInput, o ...func(*swf.Options)) (*swf.GetWorkflowExecutionHistoryOutput, error) {
	small := *in
	if !in.ReverseOrder {
		small.MaximumPageSize = 2
	}
	if in.NextPageToken != nil {
		p.read++
	}
	return p.API.GetWorkflowExecutionHistory(ctx, &small, o...)
}

// All pages are read before code runs: of a task, and of the whole history of a run that is not at hand.
func TestPages(t *testing.T) {
	Waits := flow.Workflow[int, int]{Name: "Waits", Version: "1"}
	for _, cached := range []int{100, -1} {
		p := &paged{}
		cfg := flowtest.Config{Worker: flow.WorkerConfig{Cached: cached, Deciders: 1, Hooks: flow.Hooks{Parked: func(_ context.Context, _ flow.RunInfo, why string) {
			t.Errorf("with %d cached it is parked, since it had a part of the history alone: %s", cached, why)
		}}}, Client: func(c *flow.Client) { p.API, c.API = c.API, p }}
		cfg.Test(t, func(t *testing.T, c *flow.Client) {
			run, err := Waits.Start(t.Context(), c, "waits", 3)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				time.Sleep(time.Second) // each has a task of its own
				if err := Add.Send(t.Context(), c, "waits", i+1); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := run.Result(t.Context()); err != nil || got != 123 {
				t.Errorf("got %d, %v", got, err)
			}
		}, Waits.By(func(ctx flow.Context, n int) (int, error) {
			sum := 0
			for range n {
				v, err := Add.Receive(ctx)
				if err != nil {
					return 0, err
				}
				sum = 10*sum + v
			}
			return sum, nil
		}))
		if p.polled == 0 || cached < 0 && p.read == 0 {
			t.Errorf("with %d cached %d further pages came with tasks and %d by themselves", cached, p.polled, p.read)
		}
	}
}

// Five tags go along; a sixth is told before anything is sent.
func TestTags(t *testing.T) {
	Tagged := flow.Workflow[int, []string]{Name: "Tagged", Version: "1", Tags: []string{"a", "b", "c", "d", "e"}}
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		run, err := Tagged.Start(t.Context(), c, "tagged", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := run.Result(t.Context()); err != nil || len(got) != 5 {
			t.Errorf("the code sees the tags %q, %v", got, err)
		}
		out, err := c.API.DescribeWorkflowExecution(t.Context(), &swf.DescribeWorkflowExecutionInput{
			Domain: &c.Domain, Execution: &types.WorkflowExecution{WorkflowId: &run.WorkflowID, RunId: &run.RunID},
		})
		if err != nil || len(out.ExecutionInfo.TagList) != 5 {
			t.Errorf("it has the tags %q, %v", out.ExecutionInfo.TagList, err)
		}
		six := Tagged
		six.Tags = append(six.Tags, "f")
		silent := &flow.Client{API: silent{t: t}, Domain: c.Domain}
		if _, err := six.Start(t.Context(), silent, "six", 0); err == nil || err.Error() != `start workflow "six" (Tagged@1): 6 tags, want at most 5` {
			t.Errorf("got %v", err)
		}
	}, Tagged.By(func(ctx flow.Context, _ int) ([]string, error) { return flow.Tags(ctx), nil }))
}

// silent is a service that nobody should call.
type silent struct {
	flow.API
	t *testing.T
}

func (s silent) StartWorkflowExecution(_ context.Context, in *swf.StartWorkflowExecutionInput, _ ...func(*swf.Options)) (*swf.StartWorkflowExecutionOutput, error) {
	s.t.Errorf("%s was started", aws.ToString(in.WorkflowId))
	return &swf.StartWorkflowExecutionOutput{}, nil
}
