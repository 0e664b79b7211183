package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/aws/smithy-go"

	"heddle/flow"
)

// crew decides and works in place of the load's own pollers, until its context ends.
type crew func(ctx context.Context, l *load) error

// crews are a decider and a worker written by hand on the SDK, and the same by package flow. Both have one
// client each, with as many connections.
var crews = []struct {
	name string
	run  crew
}{
	{"by hand", byHand},
	{"flow", byFlow},
}

// measureFlow measures workflows of so many activities in sequence, by each crew.
func measureFlow(name string, activities int) func(*bench, context.Context, *measured, int) error {
	decisions := activities + 1
	w := &workload{name: name, activities: activities, calls: 1 + 2*decisions + 2*activities, events: 2 + 3*decisions + 3*activities}
	return func(b *bench, ctx context.Context, m *measured, repeat int) error {
		for _, c := range crews {
			err := b.onStage(m, name, func(s *stage) error {
				l := newLoad(s.target, w, b.inFlight)
				l.crew, l.lenient = c.run, m.name == "moto"
				return s.measureLoad(ctx, l, m.name+", "+c.name, repeat)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// sdkConfig is what a crew's client is made of, with as many idle connections as there are polls. The load counts what they receive.
func sdkConfig(l *load) aws.Config {
	t := l.target
	return aws.Config{
		Region: t.credentials.Region, BaseEndpoint: aws.String("http://" + t.addr),
		Credentials: credentials.NewStaticCredentialsProvider(t.credentials.AccessKey, t.credentials.SecretKey, ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 512, 512
			dial := t.DialContext
			t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return counted{conn, &l.received}, nil
			}
		}),
	}
}

// counted is a connection of which it is counted how many bytes come in, heads of answers included.
type counted struct {
	net.Conn
	bytes *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

type (
	orderInput   struct{ Order int }
	chargeInput  struct{ Order, Cents int }
	chargeResult struct{ Receipt string }
)

// completed tells the slot of a workflow that its completion is durable.
func (l *load) completed(workflowID string) error {
	slot, _, _ := strings.Cut(workflowID, "-")
	n, err := strconv.Atoi(slot)
	if err != nil || n >= len(l.slots) {
		return fmt.Errorf("decision task of workflow %q, which is not ours", workflowID)
	}
	l.slots[n].completed <- time.Now()
	return nil
}

// byHand is what people write who have the SDK alone: each decision task brings its whole history.
func byHand(ctx context.Context, l *load) error {
	c := swf.NewFromConfig(sdkConfig(l))
	var all sync.WaitGroup
	failed := make(chan error, 2*l.inFlight)
	keep := func(poll func(context.Context, *swf.Client, *load) error) {
		all.Go(func() {
			for ctx.Err() == nil {
				err := poll(ctx, c, l)
				if _, answered := errors.AsType[smithy.APIError](err); answered && l.lenient {
					continue
				}
				if err != nil && ctx.Err() == nil {
					failed <- err
					l.keep(err)
					return
				}
			}
		})
	}
	for range l.inFlight {
		keep(decideByHand)
		keep(workByHand)
	}
	all.Wait()
	close(failed)
	return <-failed // nil: none
}

func decideByHand(ctx context.Context, c *swf.Client, l *load) error {
	task, err := c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String("bench"), TaskList: &types.TaskList{Name: aws.String("orders")}})
	if err != nil || aws.ToString(task.TaskToken) == "" {
		return err
	}
	if task.NextPageToken != nil {
		return errors.New("a history has a second page, which nobody reads")
	}
	var order orderInput
	done := 0
	for _, e := range task.Events {
		switch {
		case e.WorkflowExecutionStartedEventAttributes != nil:
			if err := json.Unmarshal([]byte(aws.ToString(e.WorkflowExecutionStartedEventAttributes.Input)), &order); err != nil {
				return err
			}
		case e.ActivityTaskCompletedEventAttributes != nil:
			var result chargeResult
			if err := json.Unmarshal([]byte(aws.ToString(e.ActivityTaskCompletedEventAttributes.Result)), &result); err != nil {
				return err
			}
			done++
		}
	}
	d := types.Decision{DecisionType: types.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{Result: aws.String("done")}}
	closes := done == l.workload.activities
	if !closes {
		input, err := json.Marshal(chargeInput{order.Order, 1999})
		if err != nil {
			return err
		}
		d = types.Decision{DecisionType: types.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: &types.ScheduleActivityTaskDecisionAttributes{
			ActivityType: &types.ActivityType{Name: aws.String("charge"), Version: aws.String("1")}, ActivityId: aws.String("charge-" + strconv.Itoa(done)), Input: aws.String(string(input)),
		}}
	}
	if _, err := c.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, Decisions: []types.Decision{d}}); err != nil {
		return err
	}
	if closes {
		return l.completed(aws.ToString(task.WorkflowExecution.WorkflowId))
	}
	return nil
}

func workByHand(ctx context.Context, c *swf.Client, l *load) error {
	task, err := c.PollForActivityTask(ctx, &swf.PollForActivityTaskInput{Domain: aws.String("bench"), TaskList: &types.TaskList{Name: aws.String("charges")}})
	if err != nil || aws.ToString(task.TaskToken) == "" {
		return err
	}
	var input chargeInput
	if err := json.Unmarshal([]byte(aws.ToString(task.Input)), &input); err != nil {
		return err
	}
	result, err := json.Marshal(chargeResult{"R-" + strconv.Itoa(input.Order)})
	if err != nil {
		return err
	}
	_, err = c.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: task.TaskToken, Result: aws.String(string(result))})
	return err
}

// byFlow is a worker of package flow as it is by default, but for as many slots.
func byFlow(ctx context.Context, l *load) error {
	order := flow.Workflow[orderInput, string]{Name: "order", Version: "1"}
	charge := flow.Activity[chargeInput, chargeResult]{Name: "charge", Version: "1", TaskList: "charges", StartToClose: 5 * time.Minute}
	w := flow.NewWorker(flow.New(sdkConfig(l), "bench"), flow.WorkerConfig{
		TaskList: "orders", Deciders: l.inFlight, Activities: l.inFlight, BreakPolls: true, Log: slog.New(slog.DiscardHandler),
		Hooks: flow.Hooks{
			Closed: func(_ context.Context, r flow.RunInfo, _ []string) {
				if err := l.completed(r.WorkflowID); err != nil {
					l.keep(err)
				}
			},
			Parked: func(_ context.Context, r flow.RunInfo, why string) {
				l.keep(fmt.Errorf("workflow %q is parked: %s", r.WorkflowID, why))
			},
		},
	}, order.By(func(ctx flow.Context, o orderInput) (string, error) {
		for range l.workload.activities {
			if _, err := charge.Call(ctx, chargeInput{o.Order, 1999}); err != nil {
				return "", err
			}
		}
		return "done", nil
	}), charge.By(func(_ context.Context, in chargeInput) (chargeResult, error) {
		return chargeResult{"R-" + strconv.Itoa(in.Order)}, nil
	}))
	return w.Run(ctx)
}
