// Command order-go is the e-commerce order of the Amazon SWF Developer Guide:
// it registers what it needs, runs a decider and a worker, starts one order,
// waits until that is done, and prints its history.
//
//	go run ./examples/order-go             the order ships when its hold time is over
//	go run ./examples/order-go --signal    the customer has it shipped at once
//	go run ./examples/order-go --cancel    the customer cancels while it is on hold
//	go run ./examples/order-go --decline   the card is declined
//
// decider.go holds the coordination logic, workers.go the activities.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// The names of everything. A change to the decider that old executions could not
// follow would need a new version.
const (
	domain  = "orders"
	version = "1.0"

	customerOrder = "CustomerOrder"

	verifyOrder      = "VerifyOrder"
	chargeCreditCard = "ChargeCreditCard"
	shipOrder        = "ShipOrder"
	recordCompletion = "RecordCompletion"
	cancelOrder      = "CancelOrder"

	holdTimer     = "Hold"
	shipNowSignal = "ShipNow"
)

var (
	deciders = &types.TaskList{Name: aws.String("order-deciders")}
	workers  = &types.TaskList{Name: aws.String("order-workers")}
)

const (
	goodCard     = "4111 1111 1111 1111"
	declinedCard = "4000 0000 0000 0002"
)

// scenario is what the customer does.
type scenario struct {
	signal  bool
	cancel  bool
	decline bool
	hold    int // seconds
}

func main() {
	var s scenario
	flag.BoolVar(&s.signal, "signal", false, "have the order shipped while it is on hold")
	flag.BoolVar(&s.cancel, "cancel", false, "cancel the order while it is on hold")
	flag.BoolVar(&s.decline, "decline", false, "pay with a card that is declined")
	flag.IntVar(&s.hold, "hold", 3, "how many seconds the order is on hold")
	flag.Parse()
	if s.signal && s.cancel || s.decline && (s.signal || s.cancel) {
		log.Fatal("choose one of --signal, --cancel and --decline")
	}
	if s.signal || s.cancel {
		s.hold = max(s.hold, 60) // so that it is on hold when the customer comes back
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := newClient(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, client, s, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// newClient speaks to the server that the usual variables name, by default a local
// one, with the root key that it wrote.
func newClient(ctx context.Context) (*swf.Client, error) {
	if os.Getenv("AWS_ENDPOINT_URL_SWF") == "" {
		setDefault("AWS_ENDPOINT_URL", "http://127.0.0.1:7930")
	}
	setDefault("AWS_SHARED_CREDENTIALS_FILE", "heddle-data/credentials")
	cfg, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion("us-east-1"))
	if err != nil {
		return nil, err
	}
	return swf.NewFromConfig(cfg), nil
}

// setDefault sets an environment variable that is not set.
func setDefault(name, value string) {
	if os.Getenv(name) == "" {
		os.Setenv(name, value)
	}
}

// run plays one order from start to end. Decider, worker and customer know each
// other only by the service: they could be three programs on three machines.
func run(ctx context.Context, client *swf.Client, s scenario, out io.Writer) error {
	if err := register(ctx, client); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { runDecider(ctx, client) })
	background.Go(func() { runWorker(ctx, client) })

	execution, err := place(ctx, client, s)
	if err != nil {
		return err
	}
	if err := comeBack(ctx, client, execution, s); err != nil {
		return err
	}
	if err := awaitClose(ctx, client, execution); err != nil {
		return err
	}
	history, err := historyOf(ctx, client, execution)
	if err != nil {
		return err
	}
	return show(out, execution, history)
}

// runDecider takes decision tasks until ctx ends.
func runDecider(ctx context.Context, client *swf.Client) {
	forever(ctx, func() error {
		in := &swf.PollForDecisionTaskInput{
			Domain: aws.String(domain), TaskList: deciders, Identity: aws.String("order-go"),
		}
		task, err := client.PollForDecisionTask(ctx, in)
		if err != nil {
			return fmt.Errorf("poll for a decision task: %w", err)
		}
		if aws.ToString(task.TaskToken) == "" { // nothing to do for the time of one poll
			return nil
		}
		history := task.Events
		for next := task.NextPageToken; next != nil; {
			in.NextPageToken = next
			page, err := client.PollForDecisionTask(ctx, in)
			if err != nil {
				return fmt.Errorf("read more history: %w", err)
			}
			history, next = append(history, page.Events...), page.NextPageToken
		}
		_, err = client.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{
			TaskToken: task.TaskToken, Decisions: decide(history),
		})
		if err != nil {
			return fmt.Errorf("answer a decision task: %w", err)
		}
		return nil
	})
}

// forever repeats until ctx ends. An error costs one task, which times out and
// comes again; so it is told, and a moment later things go on.
func forever(ctx context.Context, once func() error) {
	for ctx.Err() == nil {
		if err := once(); err != nil && ctx.Err() == nil {
			log.Print(err)
			pause(ctx, time.Second)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// register makes the domain and the types, unless they are there.
func register(ctx context.Context, client *swf.Client) error {
	_, err := client.RegisterDomain(ctx, &swf.RegisterDomainInput{
		Name: aws.String(domain), Description: aws.String("Orders of a small shop"),
		WorkflowExecutionRetentionPeriodInDays: aws.String("7"),
	})
	if err := unlessThere(err); err != nil {
		return fmt.Errorf("register domain %q: %w", domain, err)
	}
	_, err = client.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{
		Domain: aws.String(domain), Name: aws.String(customerOrder), Version: aws.String(version),
		DefaultTaskList: deciders, DefaultChildPolicy: types.ChildPolicyTerminate,
		DefaultExecutionStartToCloseTimeout: aws.String("86400"),
		DefaultTaskStartToCloseTimeout:      aws.String("10"),
	})
	if err := unlessThere(err); err != nil {
		return fmt.Errorf("register workflow type %q: %w", customerOrder, err)
	}
	for activity := range activities {
		_, err := client.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{
			Domain: aws.String(domain), Name: aws.String(activity), Version: aws.String(version),
			DefaultTaskList:                   workers,
			DefaultTaskScheduleToStartTimeout: aws.String("300"),
			DefaultTaskStartToCloseTimeout:    aws.String("30"),
			DefaultTaskScheduleToCloseTimeout: aws.String("330"),
			DefaultTaskHeartbeatTimeout:       aws.String("NONE"),
		})
		if err := unlessThere(err); err != nil {
			return fmt.Errorf("register activity type %q: %w", activity, err)
		}
	}
	return nil
}

// unlessThere takes "it exists" for success.
func unlessThere(err error) error {
	var domainThere *types.DomainAlreadyExistsFault
	var typeThere *types.TypeAlreadyExistsFault
	if errors.As(err, &domainThere) || errors.As(err, &typeThere) {
		return nil
	}
	return err
}

// place starts the execution of an order. The order's id is the workflowId, so
// that an order placed twice runs once.
func place(ctx context.Context, client *swf.Client, s scenario) (*types.WorkflowExecution, error) {
	o := order{
		ID: "order-" + time.Now().Format("20060102-150405.000"), Items: []string{"book", "lamp"},
		Card: goodCard, HoldSeconds: s.hold,
	}
	if s.decline {
		o.Card = declinedCard
	}
	input, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	started, err := client.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{
		Domain: aws.String(domain), WorkflowId: &o.ID, Input: aws.String(string(input)),
		WorkflowType: &types.WorkflowType{Name: aws.String(customerOrder), Version: aws.String(version)},
		TagList:      []string{"example"},
	})
	if err != nil {
		return nil, fmt.Errorf("start %q: %w", o.ID, err)
	}
	return &types.WorkflowExecution{WorkflowId: &o.ID, RunId: started.RunId}, nil
}

// comeBack is the customer who thinks again while the order is on hold.
func comeBack(ctx context.Context, client *swf.Client, execution *types.WorkflowExecution, s scenario) error {
	if !s.signal && !s.cancel {
		return nil
	}
	for onHold := false; !onHold; pause(ctx, 100*time.Millisecond) {
		history, err := historyOf(ctx, client, execution)
		if err != nil {
			return err
		}
		onHold = progressOf(history).hold == running
	}
	if s.cancel {
		_, err := client.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{
			Domain: aws.String(domain), WorkflowId: execution.WorkflowId, RunId: execution.RunId,
		})
		return err
	}
	_, err := client.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{
		Domain: aws.String(domain), WorkflowId: execution.WorkflowId, RunId: execution.RunId,
		SignalName: aws.String(shipNowSignal),
	})
	return err
}

// awaitClose waits until an execution is closed. SWF tells nobody; one must ask.
func awaitClose(ctx context.Context, client *swf.Client, execution *types.WorkflowExecution) error {
	for {
		d, err := client.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{
			Domain: aws.String(domain), Execution: execution,
		})
		if err != nil {
			return fmt.Errorf("describe %q: %w", *execution.WorkflowId, err)
		}
		if d.ExecutionInfo.ExecutionStatus == types.ExecutionStatusClosed {
			return nil
		}
		pause(ctx, 100*time.Millisecond)
	}
}
