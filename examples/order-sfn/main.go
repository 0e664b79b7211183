// Command order-sfn is an order process as a state machine of AWS Step Functions:
// it creates what it needs, runs a worker, starts one order, waits until that is
// done, and prints its history.
//
//	go run ./examples/order-sfn             the order ships when its hold time is over
//	go run ./examples/order-sfn --express   it ships at once
//	go run ./examples/order-sfn --busy      the bank must be asked twice
//	go run ./examples/order-sfn --decline   the card is declined
//	go run ./examples/order-sfn --stop      the shop stops the order while it is on hold
//
// order.asl.json is the state machine, activities.go holds the activities. order.py
// does the same in Python, with the same state machine.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

const machine = "Order"

//go:embed order.asl.json
var definition string

// The role that the state machine has. Activities need no permission; services
// that it called would.
const (
	role  = "order-sfn"
	trust = `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`
)

const (
	goodCard     = "4111 1111 1111 1111"
	declinedCard = "4000 0000 0000 0002"
	busyCard     = "4000 0000 0000 0119"
)

// scenario is what happens to the order.
type scenario struct {
	express, busy, decline, stop bool
	hold                         int // seconds
}

func main() {
	var s scenario
	flag.BoolVar(&s.express, "express", false, "ship at once")
	flag.BoolVar(&s.busy, "busy", false, "pay with a card whose bank must be asked twice")
	flag.BoolVar(&s.decline, "decline", false, "pay with a card that is declined")
	flag.BoolVar(&s.stop, "stop", false, "stop the order while it is on hold")
	flag.IntVar(&s.hold, "hold", 3, "how many seconds the order is on hold")
	flag.Parse()
	if s.stop && (s.express || s.decline) || s.busy && s.decline {
		log.Fatal("an order that ships at once or is declined is never on hold, and a card is either declined or busy")
	}
	if s.stop {
		s.hold = max(s.hold, 60) // so that it is on hold when it is stopped
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, err := newClients(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, c, s, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

type clients struct {
	iam *iam.Client
	sfn *sfn.Client
}

// newClients speak to the server that the usual variables name, by default a local
// one, with the root key that it wrote.
func newClients(ctx context.Context) (clients, error) {
	setDefault("AWS_ENDPOINT_URL", "http://127.0.0.1:7930")
	setDefault("AWS_SHARED_CREDENTIALS_FILE", "heddle-data/credentials")
	cfg, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion("us-east-1"))
	if err != nil {
		return clients{}, err
	}
	return clients{iam.NewFromConfig(cfg), sfn.NewFromConfig(cfg)}, nil
}

// setDefault sets an environment variable that is not set.
func setDefault(name, value string) {
	if os.Getenv(name) == "" {
		os.Setenv(name, value)
	}
}

// run plays one order from start to end. The state machine and the worker know each
// other only by the service: the worker could be many programs on many machines.
func run(ctx context.Context, c clients, s scenario, out io.Writer) error {
	arns, err := createActivities(ctx, c.sfn)
	if err != nil {
		return err
	}
	machineARN, err := createMachine(ctx, c, arns)
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { runWorker(working, c.sfn, arns) })

	execution, err := place(ctx, c.sfn, machineARN, s)
	if err != nil {
		return err
	}
	if s.stop {
		if err := stopOnHold(ctx, c.sfn, execution); err != nil {
			return err
		}
	}
	if err := awaitClose(ctx, c.sfn, execution); err != nil {
		return err
	}
	history, err := historyOf(ctx, c.sfn, execution)
	if err != nil {
		return err
	}
	return show(out, execution, history)
}

// createActivities creates the activities and gives their ARNs by name. An activity
// that exists is given as it is.
func createActivities(ctx context.Context, client *sfn.Client) (map[string]string, error) {
	arns := map[string]string{}
	for name := range activities {
		created, err := client.CreateActivity(ctx, &sfn.CreateActivityInput{Name: &name})
		if err != nil {
			return nil, fmt.Errorf("create activity %q: %w", name, err)
		}
		arns[name] = *created.ActivityArn
	}
	return arns, nil
}

// createMachine creates the state machine, or brings the one that exists up to
// date. Orders under way go on with the definition that they began with.
func createMachine(ctx context.Context, c clients, arns map[string]string) (string, error) {
	roleARN, err := createRole(ctx, c.iam)
	if err != nil {
		return "", err
	}
	text := definition
	for name, arn := range arns {
		text = strings.ReplaceAll(text, "${"+name+"}", arn)
	}
	created, err := c.sfn.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String(machine), Definition: &text, RoleArn: &roleARN})
	if err == nil {
		return *created.StateMachineArn, nil
	}
	var exists *types.StateMachineAlreadyExists
	if !errors.As(err, &exists) {
		return "", fmt.Errorf("create state machine %q: %w", machine, err)
	}
	pages := sfn.NewListStateMachinesPaginator(c.sfn, &sfn.ListStateMachinesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("list state machines: %w", err)
		}
		for _, m := range page.StateMachines {
			if *m.Name != machine {
				continue
			}
			_, err := c.sfn.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: m.StateMachineArn, Definition: &text, RoleArn: &roleARN})
			if err != nil {
				return "", fmt.Errorf("update state machine %q: %w", machine, err)
			}
			return *m.StateMachineArn, nil
		}
	}
	return "", fmt.Errorf("state machine %q exists, and is not in the list", machine)
}

// createRole creates the role, unless it is there, and gives its ARN.
func createRole(ctx context.Context, client *iam.Client) (string, error) {
	created, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(role), AssumeRolePolicyDocument: aws.String(trust)})
	if err == nil {
		return *created.Role.Arn, nil
	}
	var exists *iamtypes.EntityAlreadyExistsException
	if !errors.As(err, &exists) {
		return "", fmt.Errorf("create role %q: %w", role, err)
	}
	got, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(role)})
	if err != nil {
		return "", fmt.Errorf("look up role %q: %w", role, err)
	}
	return *got.Role.Arn, nil
}

// place starts the execution of an order. The order's id is its name, so that an
// order placed twice runs once.
func place(ctx context.Context, client *sfn.Client, machineARN string, s scenario) (string, error) {
	o := order{
		ID:    "order-" + strings.ReplaceAll(time.Now().Format("20060102-150405.000"), ".", "-"),
		Items: []item{{"book", 12.5, 2, 400}, {"lamp", 30, 1, 1500}},
		Card:  goodCard, Express: s.express, HoldSeconds: s.hold,
	}
	if s.decline {
		o.Card = declinedCard
	}
	if s.busy {
		o.Card = busyCard
	}
	input, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	started, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machineARN, Name: &o.ID, Input: aws.String(string(input))})
	if err != nil {
		return "", fmt.Errorf("start %q: %w", o.ID, err)
	}
	return *started.ExecutionArn, nil
}

// stopOnHold stops an execution once it is on hold.
func stopOnHold(ctx context.Context, client *sfn.Client, execution string) error {
	for onHold := false; !onHold; pause(ctx, 100*time.Millisecond) {
		history, err := historyOf(ctx, client, execution)
		if err != nil {
			return err
		}
		onHold = slices.ContainsFunc(history, func(e types.HistoryEvent) bool { return e.Type == types.HistoryEventTypeWaitStateEntered })
	}
	_, err := client.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: &execution, Error: aws.String("CustomerGone"), Cause: aws.String("the customer wants it no more"),
	})
	if err != nil {
		return fmt.Errorf("stop %q: %w", execution, err)
	}
	return nil
}

// awaitClose waits until an execution is closed.
func awaitClose(ctx context.Context, client *sfn.Client, execution string) error {
	for {
		d, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		if err != nil {
			return fmt.Errorf("describe %q: %w", execution, err)
		}
		if d.Status != types.ExecutionStatusRunning {
			return nil
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// forever repeats until ctx ends. An error costs one task, which times out; so it is
// told, and a moment later things go on.
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
