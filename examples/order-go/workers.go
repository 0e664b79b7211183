package main

import (
	"context"
	"errors"
	"fmt"

	"heddle/flow"
)

// code is what a worker runs. A task may be given to a worker twice, so what activities do must
// bear repetition: in earnest they would pass flow.Key on to the shop, the bank and the carrier,
// who then know the second call from the first.
func code() []flow.Implementation {
	return []flow.Implementation{
		customerOrder.By(processOrder),
		verifyOrder.By(func(_ context.Context, o order) (string, error) {
			if o.ID == "" || len(o.Items) == 0 {
				return "", flow.Permanent(errors.New("the order has no items"))
			}
			return "in stock", nil
		}),
		chargeCreditCard.By(func(_ context.Context, o order) (string, error) {
			if o.Card == declinedCard {
				return "", flow.Permanent(fmt.Errorf("card of %s: %w", o.ID, errDeclined))
			}
			return "receipt of " + o.ID, nil
		}),
		shipOrder.By(func(_ context.Context, o order) (string, error) { return "parcel of " + o.ID, nil }),
		recordCompletion.By(func(context.Context, order) (string, error) { return "recorded", nil }),
		cancelOrder.By(func(_ context.Context, o order) (string, error) { return "nothing is owed for " + o.ID, nil }),
	}
}
