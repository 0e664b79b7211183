package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
)

// order is the input of an execution and of its activities.
type order struct {
	ID          string   `json:"id"`
	Items       []string `json:"items"`
	Card        string   `json:"card"`
	HoldSeconds int      `json:"holdSeconds"`
}

// activities do the work. An error becomes the reason of ActivityTaskFailed. A
// task may be given to a worker twice, so what they do must bear repetition: in
// earnest they would pass the order's id on to the shop, the bank and the
// carrier, who then know the second call from the first.
var activities = map[string]func(order) (string, error){
	verifyOrder: func(o order) (string, error) {
		if o.ID == "" || len(o.Items) == 0 {
			return "", errors.New("the order has no items")
		}
		return "in stock", nil
	},
	chargeCreditCard: func(o order) (string, error) {
		if o.Card == declinedCard {
			return "", errors.New("card declined")
		}
		return "receipt of " + o.ID, nil
	},
	shipOrder:        func(o order) (string, error) { return "parcel of " + o.ID, nil },
	recordCompletion: func(order) (string, error) { return "recorded", nil },
	cancelOrder:      func(o order) (string, error) { return "nothing is owed for " + o.ID, nil },
}

// runWorker takes activity tasks until ctx ends.
func runWorker(ctx context.Context, client *swf.Client) {
	forever(ctx, func() error {
		task, err := client.PollForActivityTask(ctx, &swf.PollForActivityTaskInput{
			Domain: aws.String(domain), TaskList: workers, Identity: aws.String("order-go"),
		})
		if err != nil {
			return fmt.Errorf("poll for an activity task: %w", err)
		}
		if aws.ToString(task.TaskToken) == "" { // nothing to do for the time of one poll
			return nil
		}
		result, failure := perform(aws.ToString(task.ActivityType.Name), aws.ToString(task.Input))
		if failure != nil {
			_, err = client.RespondActivityTaskFailed(ctx, &swf.RespondActivityTaskFailedInput{
				TaskToken: task.TaskToken, Reason: aws.String(failure.Error()),
			})
		} else {
			_, err = client.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{
				TaskToken: task.TaskToken, Result: &result,
			})
		}
		if err != nil {
			return fmt.Errorf("report %s: %w", aws.ToString(task.ActivityId), err)
		}
		return nil
	})
}

func perform(activity, input string) (string, error) {
	var o order
	if err := json.Unmarshal([]byte(input), &o); err != nil {
		return "", errors.New("the order can't be read")
	}
	do := activities[activity]
	if do == nil {
		return "", fmt.Errorf("no worker knows %q", activity)
	}
	return do(o)
}
