package main

import (
	"errors"
	"time"

	"heddle/flow"
)

// order is the input of an execution and of its activities.
type order struct {
	ID          string   `json:"id"`
	Items       []string `json:"items"`
	Card        string   `json:"card"`
	HoldSeconds int      `json:"holdSeconds"`
}

const errDeclined flow.Code = "CardDeclined"

// thrice is for workers that die: an activity that ran out of time is scheduled again. What an
// activity says is final.
var thrice = flow.Retry{Attempts: 3}

// The types of everything. A change to the code that running orders could not follow would be
// guarded by flow.Version, or need a new version here.
var (
	customerOrder = flow.Workflow[order, string]{Name: "CustomerOrder", Version: "2.0", Tags: []string{"example"}}

	verifyOrder      = activity("VerifyOrder")
	chargeCreditCard = activity("ChargeCreditCard")
	shipOrder        = activity("ShipOrder")
	recordCompletion = activity("RecordCompletion")
	cancelOrder      = activity("CancelOrder")

	shipNow = flow.Signal[flow.None]{Name: "ShipNow"}
)

func activity(name string) flow.Activity[order, string] {
	return flow.Activity[order, string]{Name: name, Version: "2.0", StartToClose: 30 * time.Second, Retry: thrice}
}

const onHold = "on hold"

// processOrder is the whole coordination logic. It may wait for a week, and goes on whatever
// crashes meanwhile.
//
//	VerifyOrder -> ChargeCreditCard -+-> hold -> ShipOrder -> RecordCompletion
//	                                 +-> declined: CancelOrder
//
// While an order is on hold the customer may have it shipped at once (a signal),
// or cancel it: then money that was taken is given back.
func processOrder(ctx flow.Context, o order) (string, error) {
	if _, err := verifyOrder.Call(ctx, o); err != nil {
		return "", err
	}
	_, err := chargeCreditCard.Call(ctx, o)
	if errors.Is(err, errDeclined) {
		_, err := cancelOrder.Call(ctx, o)
		return "declined", err
	} else if err != nil {
		return "", err
	}
	scope, release := flow.WithCancel(ctx)
	hold, now := flow.After(scope, time.Duration(o.HoldSeconds)*time.Second), shipNow.Inbox(ctx)
	flow.SetStatus(ctx, onHold)
	if flow.First(ctx, hold, now) == nil { // the customer canceled
		_, err := cancelOrder.Call(flow.WithoutCancel(ctx), o)
		return "", errors.Join(ctx.Err(), err)
	}
	release()
	flow.SetStatus(ctx, "shipping")
	parcel, err := shipOrder.Call(ctx, o)
	if err != nil {
		return "", err
	}
	_, err = recordCompletion.Call(ctx, o)
	return "shipped: " + parcel, err
}
