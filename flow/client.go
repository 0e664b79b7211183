package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"

	"heddle/flow/internal/replay"
	"heddle/flow/internal/wire"
)

// Client reaches a domain. Its fields are set before it is used first.
type Client struct {
	API    API
	Domain string
	Codec  Codec // nil: JSON
	Crypt  Crypt // nil: payloads are as they are
	Blobs  Blobs // nil: what is longer than MaxPayload is refused

	// AskMost is how long Result waits at most before it asks again whether the end is there, if no
	// worker of this client says so: 5 s.
	AskMost time.Duration

	mu      sync.Mutex
	waiting map[string][]chan struct{} // for the end of a run, by run id
}

// Dial makes a client from what the usual variables and files of AWS say: AWS_ENDPOINT_URL_SWF or
// AWS_ENDPOINT_URL is where (unset: AWS), AWS_REGION which region.
func Dial(ctx context.Context, domain string) (*Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMode(aws.RetryModeAdaptive))
	if err != nil {
		return nil, fmt.Errorf("dial domain %q: %w", domain, err)
	}
	return New(cfg, domain), nil
}

// New makes a client of what any client of the AWS SDK is made of: its credentials, region, endpoint, retries and HTTP client are
// used. Errors are the SDK's. For another [API], make a &Client{API: …, Domain: …}.
func New(cfg aws.Config, domain string) *Client { return &Client{API: wire.New(cfg), Domain: domain} }

func (c *Client) payloads() payloads {
	p := payloads{c.Codec, c.Crypt, c.Blobs}
	if p.codec == nil {
		p.codec = jsonCodec{}
	}
	return p
}

// send is a value as it goes on the wire.
func (c *Client) send(ctx context.Context, v any) (*string, error) {
	p := c.payloads()
	clear, err := p.codec.Encode(v)
	if err != nil {
		return nil, fmt.Errorf("encode a %T: %w", v, err)
	}
	sealed, err := p.seal(ctx, clear)
	return text(sealed), err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// maxTags is how many tags SWF takes.
const maxTags = 5

// Run is an execution.
type Run[Out any] struct {
	c          *Client
	WorkflowID string
	RunID      string // empty: the open one of that id, or for Result and Status the one begun last
}

// Start starts an execution. If one of that id is open, the error is [*AlreadyStarted].
func (w Workflow[In, Out]) Start(ctx context.Context, c *Client, id string, in In) (*Run[Out], error) {
	doing := fmt.Sprintf("start workflow %q (%s@%s)", id, w.Name, w.Version)
	if len(w.Tags) > maxTags {
		return nil, fmt.Errorf("%s: %d tags, want at most %d", doing, len(w.Tags), maxTags)
	}
	input, err := c.send(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	request := &swf.StartWorkflowExecutionInput{
		Domain: aws.String(c.Domain), WorkflowId: aws.String(id), WorkflowType: w.typ(), Input: input, ChildPolicy: w.policy(), TagList: w.Tags,
		ExecutionStartToCloseTimeout: seconds(w.Timeout, year), TaskStartToCloseTimeout: seconds(w.DecisionTimeout, decisionTimeout),
		TaskPriority: priority(w.Priority), LambdaRole: text(w.LambdaRole),
	}
	if w.TaskList != "" {
		request.TaskList = &types.TaskList{Name: aws.String(w.TaskList)}
	}
	out, err := c.API.StartWorkflowExecution(ctx, request)
	if _, open := errors.AsType[*types.WorkflowExecutionAlreadyStartedFault](err); open {
		var runID string
		if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
			runID = answer.Response.Header.Get(openRunHeader)
		}
		if runID == "" {
			runID, _ = c.openRun(ctx, id) // it is open, whichever it is
		}
		return nil, fmt.Errorf("%s: %w", doing, &AlreadyStarted{id, runID})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return &Run[Out]{c, id, aws.ToString(out.RunId)}, nil
}

// openRunHeader is in which header Heddle says which run is open; AWS does not.
const openRunHeader = "X-Heddle-Open-Run-Id"

// openRun is the run of an id that is open; empty: none is.
func (c *Client) openRun(ctx context.Context, id string) (string, error) {
	out, err := c.API.ListOpenWorkflowExecutions(ctx, &swf.ListOpenWorkflowExecutionsInput{
		Domain: aws.String(c.Domain), ExecutionFilter: &types.WorkflowExecutionFilter{WorkflowId: aws.String(id)},
		StartTimeFilter: &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0))},
	})
	if err != nil || len(out.ExecutionInfos) == 0 {
		return "", err
	}
	return aws.ToString(out.ExecutionInfos[0].Execution.RunId), nil
}

// latestRun is the run of an id that is open, or else the one that was begun last.
func (c *Client) latestRun(ctx context.Context, id string) (string, error) {
	if run, err := c.openRun(ctx, id); err != nil || run != "" {
		return run, err
	}
	out, err := c.API.ListClosedWorkflowExecutions(ctx, &swf.ListClosedWorkflowExecutionsInput{
		Domain: aws.String(c.Domain), ExecutionFilter: &types.WorkflowExecutionFilter{WorkflowId: aws.String(id)},
		StartTimeFilter: &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0))}, MaximumPageSize: 1,
	})
	if err != nil {
		return "", err
	}
	if len(out.ExecutionInfos) == 0 {
		return "", fmt.Errorf("domain %q has no execution of that id, or no longer", c.Domain)
	}
	return aws.ToString(out.ExecutionInfos[0].Execution.RunId), nil
}

// Attach is an execution that somebody else has started.
func (w Workflow[In, Out]) Attach(c *Client, id, runID string) *Run[Out] {
	return &Run[Out]{c, id, runID}
}

// Send sends the signal to the open execution of a workflow id.
func (s Signal[T]) Send(ctx context.Context, c *Client, id string, v T) error {
	input, err := c.send(ctx, v)
	if err == nil {
		_, err = c.API.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{
			Domain: aws.String(c.Domain), WorkflowId: aws.String(id), SignalName: aws.String(s.Name), Input: input,
		})
	}
	if err != nil {
		return fmt.Errorf("signal %s to workflow %q: %w", s.Name, id, err)
	}
	return nil
}

// SendOrStart sends the signal to the open execution of a workflow id, which it starts if there is
// none.
func SendOrStart[T, In, Out any](ctx context.Context, c *Client, s Signal[T], v T, w Workflow[In, Out], id string, in In) (*Run[Out], error) {
	for {
		run, err := w.Start(ctx, c, id, in)
		if open, is := errors.AsType[*AlreadyStarted](err); is {
			run = w.Attach(c, id, open.RunID)
		} else if err != nil {
			return nil, err
		}
		err = s.Send(ctx, c, id, v)
		if _, closed := errors.AsType[*types.UnknownResourceFault](err); closed && ctx.Err() == nil {
			continue // it has closed meanwhile
		}
		return run, err
	}
}

// Cancel requests that the execution be canceled.
func (r *Run[Out]) Cancel(ctx context.Context) error {
	_, err := r.c.API.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{
		Domain: aws.String(r.c.Domain), WorkflowId: aws.String(r.WorkflowID), RunId: text(r.RunID),
	})
	if err != nil {
		return fmt.Errorf("cancel workflow %q: %w", r.WorkflowID, err)
	}
	return nil
}

// Terminate ends the execution at once; its code hears nothing of it.
func (r *Run[Out]) Terminate(ctx context.Context, reason string) error {
	_, err := r.c.API.TerminateWorkflowExecution(ctx, &swf.TerminateWorkflowExecutionInput{
		Domain: aws.String(r.c.Domain), WorkflowId: aws.String(r.WorkflowID), RunId: text(r.RunID), Reason: text(cut(reason, maxReason)),
	})
	if err != nil {
		return fmt.Errorf("terminate workflow %q: %w", r.WorkflowID, err)
	}
	return nil
}

// Status is how far the execution is: what its code last said by [SetStatus], into v, and the places
// where it waits.
func (r *Run[Out]) Status(ctx context.Context, v any) (waits []string, err error) {
	doing := fmt.Sprintf("status of workflow %q", r.WorkflowID)
	runID := r.RunID
	if runID == "" {
		if runID, err = r.c.latestRun(ctx, r.WorkflowID); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	out, err := r.c.API.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{
		Domain: aws.String(r.c.Domain), Execution: &types.WorkflowExecution{WorkflowId: aws.String(r.WorkflowID), RunId: aws.String(runID)},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	if aws.ToString(out.LatestExecutionContext) == "" {
		return nil, nil
	}
	var said replay.Said
	if err := json.Unmarshal([]byte(*out.LatestExecutionContext), &said); err != nil {
		return nil, fmt.Errorf("%s: its executionContext is not of this package: %w", doing, err)
	}
	status := string(said.Status)
	if said.Sealed != "" && v != nil {
		if status, err = r.c.payloads().open(ctx, said.Sealed); err != nil {
			return said.Waits, fmt.Errorf("%s: %w", doing, err)
		}
	}
	if status != "" && v != nil {
		if err := json.Unmarshal([]byte(status), v); err != nil {
			return said.Waits, fmt.Errorf("%s: it is no %T: %w", doing, v, err)
		}
	}
	return said.Waits, nil
}

// How often Result asks whether the end is there, if no worker of this process says so.
const (
	askFirst = 20 * time.Millisecond
	askMost  = 5 * time.Second
)

// Result waits until the execution has ended, by whatever runs it was continued. An execution that
// did not complete gives a [*WorkflowError].
func (r *Run[Out]) Result(ctx context.Context) (out Out, err error) {
	run, wait := r.RunID, askFirst
	if run == "" {
		if run, err = r.c.latestRun(ctx, r.WorkflowID); err != nil {
			return out, fmt.Errorf("result of workflow %q: %w", r.WorkflowID, err)
		}
	}
	for {
		ended := r.c.waitFor(run)
		history, err := r.c.API.GetWorkflowExecutionHistory(ctx, &swf.GetWorkflowExecutionHistoryInput{
			Domain: aws.String(r.c.Domain), Execution: &types.WorkflowExecution{WorkflowId: aws.String(r.WorkflowID), RunId: aws.String(run)},
			ReverseOrder: true, MaximumPageSize: 1,
		})
		if err != nil {
			r.c.forget(run, ended)
			return out, fmt.Errorf("result of workflow %q: %w", r.WorkflowID, err)
		}
		if len(history.Events) > 0 {
			e := &history.Events[0]
			if next := e.WorkflowExecutionContinuedAsNewEventAttributes; next != nil {
				r.c.forget(run, ended)
				run, wait = aws.ToString(next.NewExecutionRunId), askFirst
				continue
			}
			if done, err := r.read(ctx, e, &out); done {
				r.c.forget(run, ended)
				return out, err
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ended:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			r.c.forget(run, ended)
			return out, fmt.Errorf("result of workflow %q: %w", r.WorkflowID, context.Cause(ctx))
		}
		timer.Stop()
		r.c.forget(run, ended)
		wait = min(2*wait, cmp.Or(r.c.AskMost, askMost))
	}
}

// read takes the result from the last event, if it is the end.
func (r *Run[Out]) read(ctx context.Context, e *types.HistoryEvent, out *Out) (ended bool, err error) {
	p := r.c.payloads()
	fail := func(err error) (bool, error) { return true, &WorkflowError{r.WorkflowID, err} }
	switch e.EventType {
	case types.EventTypeWorkflowExecutionCompleted:
		clear, err := p.open(ctx, aws.ToString(e.WorkflowExecutionCompletedEventAttributes.Result))
		if err == nil {
			err = p.codec.Decode(clear, out)
		}
		if err != nil {
			return true, fmt.Errorf("result of workflow %q: %w", r.WorkflowID, err)
		}
		return true, nil
	case types.EventTypeWorkflowExecutionFailed:
		a := e.WorkflowExecutionFailedEventAttributes
		clear, err := p.open(ctx, aws.ToString(a.Details))
		if err != nil {
			return fail(err)
		}
		return fail(decodeError(aws.ToString(a.Reason), clear))
	case types.EventTypeWorkflowExecutionCanceled:
		return fail(ErrCanceled)
	case types.EventTypeWorkflowExecutionTimedOut:
		return fail(ErrTimeout)
	case types.EventTypeWorkflowExecutionTerminated:
		return fail(ErrTerminated)
	}
	return false, nil
}

// waitFor gives a channel that is closed when a worker of this client has closed the run.
func (c *Client) waitFor(run string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = map[string][]chan struct{}{}
	}
	ended := make(chan struct{})
	c.waiting[run] = append(c.waiting[run], ended)
	return ended
}

func (c *Client) forget(run string, ended chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.waiting[run] {
		if w == ended {
			c.waiting[run] = append(c.waiting[run][:i], c.waiting[run][i+1:]...)
			break
		}
	}
	if len(c.waiting[run]) == 0 {
		delete(c.waiting, run)
	}
}

// ended wakes who waits for a run.
func (c *Client) ended(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.waiting[run] {
		close(w)
	}
	delete(c.waiting, run)
}
