package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// order is the input of an execution.
type order struct {
	ID          string `json:"id"`
	Items       []item `json:"items"`
	Card        string `json:"card"`
	Express     bool   `json:"express"`
	HoldSeconds int    `json:"holdSeconds"`
}

type item struct {
	Name     string  `json:"name"`
	Price    float64 `json:"price"`
	Quantity int     `json:"quantity"`
	Grams    int     `json:"grams"`
}

// failure is what an activity fails with: its name is what Retry and Catch of the
// state machine look for.
type failure struct{ name, cause string }

func (f failure) Error() string { return f.name + ": " + f.cause }

// activities do the work. A task may be given to a worker twice, so what they do
// must bear repetition: in earnest they would pass the order's id on to the shop,
// the bank and the carrier, who then know the second call from the first.
var activities = map[string]func(input []byte) (any, error){
	"VerifyOrder": activity(func(o order) (any, error) {
		if o.ID == "" || len(o.Items) == 0 {
			return nil, failure{"OrderInvalid", "the order has no items"}
		}
		return "in stock", nil
	}),
	"ReserveItem": activity(func(in struct {
		Order string
		Item  item
	}) (any, error) {
		return map[string]string{"reserved": in.Item.Name + " for " + in.Order}, nil
	}),
	"ChargeCreditCard": activity(func(in struct {
		ID      string
		Card    string
		Attempt int
	}) (any, error) {
		switch {
		case in.Card == declinedCard:
			return nil, failure{"CardDeclined", "the bank declines the card"}
		case in.Card == busyCard && in.Attempt == 0:
			return nil, failure{"BankBusy", "the bank asks to come again"}
		}
		return map[string]string{"receipt": "receipt of " + in.ID}, nil
	}),
	"ShipOrder": activity(func(in struct {
		ID    string
		Names []string
		Grams int
	}) (any, error) {
		return map[string]string{"parcel": fmt.Sprintf("parcel of %s, %d g", in.ID, in.Grams)}, nil
	}),
	"CancelOrder": activity(func(o order) (any, error) {
		return "nothing is owed for " + o.ID, nil
	}),
}

// activity makes an activity of a function whose input is read from JSON.
func activity[In any](do func(In) (any, error)) func([]byte) (any, error) {
	return func(input []byte) (any, error) {
		var in In
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, failure{"InputUnreadable", err.Error()}
		}
		return do(in)
	}
}

// runWorker takes tasks of all activities until ctx ends: a poll is of one
// activity, so it polls each of them.
func runWorker(ctx context.Context, client *sfn.Client, arns map[string]string) {
	var polls sync.WaitGroup
	for name, do := range activities {
		polls.Go(func() {
			forever(ctx, func() error { return workOnce(ctx, client, arns[name], do) })
		})
	}
	polls.Wait()
}

func workOnce(ctx context.Context, client *sfn.Client, arn string, do func([]byte) (any, error)) error {
	task, err := client.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: &arn, WorkerName: aws.String("order-sfn in Go")})
	if err != nil {
		return fmt.Errorf("poll for a task of %q: %w", arn, err)
	}
	if aws.ToString(task.TaskToken) == "" { // nothing to do for the time of one poll
		return nil
	}
	result, err := do([]byte(aws.ToString(task.Input)))
	var failed failure
	if errors.As(err, &failed) {
		_, err = client.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: task.TaskToken, Error: &failed.name, Cause: &failed.cause})
	} else if err == nil {
		var output []byte
		if output, err = json.Marshal(result); err == nil {
			_, err = client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: aws.String(string(output))})
		}
	}
	var late *types.TaskTimedOut
	if err != nil && !errors.As(err, &late) { // who is late: the order was given up meanwhile
		return fmt.Errorf("report a task of %q: %w", arn, err)
	}
	return nil
}
