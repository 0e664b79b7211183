package flow_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"heddle/flow"
)

var (
	Trip   = flow.Workflow[int, string]{Name: "Trip", Version: "1"}
	Guide  = flow.Workflow[int, int]{Name: "Guide", Version: "1"}
	Book   = flow.Activity[string, string]{Name: "Book", Version: "1", StartToClose: time.Minute, Retry: flow.Retry{Attempts: 3, First: time.Second}}
	Insure = flow.Activity[string, string]{Name: "Insure", Version: "1", StartToClose: time.Minute}
)

// nights is a variable that others change.
var nights = 2

// trip is the code that wrote testdata/histories/trip.json, with one thing changed: what the replayer is to find.
func trip(change string) func(ctx flow.Context, days int) (string, error) {
	return func(ctx flow.Context, days int) (string, error) {
		book, insure, guide, ask := Book, Insure, "guide-1", Add
		switch change {
		case "activity renamed":
			book.Name = "Reserve"
		case "activity version bumped":
			insure.Version = "2"
		case "retry removed":
			book.Retry = flow.Retry{}
		case "retry sooner":
			book.Retry.First = 0
		case "child id changed":
			guide = "guide-2"
		case "signal renamed":
			ask.Name = "Sum"
		case "returns at once":
			return "nothing", nil
		case "panics":
			panic("no such trip")
		case "calls from a goroutine":
			done := make(chan any)
			go func() {
				defer func() { done <- recover() }()
				Book.Go(ctx, "a flight")
			}()
			panic(<-done)
		case "decides nothing":
			return "", flow.Await(ctx, func() bool { return false })
		}
		hotel, night := "a hotel", time.Hour
		if change == "input changed" {
			hotel = "a tent"
		}
		seat, err := book.Call(ctx, "a flight")
		if err != nil {
			return "", err
		}
		if change == "timer added" {
			flow.After(ctx, time.Minute)
		}
		if change == "version removed" || flow.Version(ctx, "insurance", 1) >= 1 {
			if change != "activity removed" {
				if _, err := insure.Call(ctx, seat); err != nil {
					return "", err
				}
			}
		}
		switch change {
		case "effect added":
			flow.Effect(ctx, func() int { return 1 })
		case "effect of another type added":
			flow.Effect(ctx, func() string { return "one" })
		}
		price := 100
		if change != "effect removed" {
			price = flow.Effect(ctx, func() int { return 300 })
		}
		rooms := days
		switch change {
		case "loop longer":
			rooms++
		case "loop shorter":
			rooms--
		case "variable of others":
			rooms = nights
		case "clock read": // the wall's, not flow.Now
			if time.Since(flow.Now(ctx)) > time.Hour {
				rooms = 0
			}
		}
		var booked []*flow.Future[string]
		for range rooms {
			booked = append(booked, book.Go(ctx, hotel))
		}
		if change == "activity added" {
			booked = append(booked, book.Go(ctx, "a car"))
		}
		if change == "wait removed" {
			booked = nil
		}
		if _, err := flow.All(ctx, booked...); err != nil {
			return "", err
		}
		if change == "returns earlier" {
			return "trip", nil
		}
		if change == "fails" {
			return "", errors.New("the trip is off")
		}
		if change == "order swapped" {
			flow.After(ctx, time.Hour)
		}
		child := Guide.Go(ctx, guide, days)
		if _, err := child.Started(ctx); err != nil {
			return "", err
		}
		to := "guide-1"
		if change == "signal to another" {
			to = "guide-9"
		}
		if change != "signal removed" {
			if err := ask.Call(ctx, to, price); err != nil {
				return "", err
			}
		}
		if _, err := child.Get(ctx); err != nil {
			return "", err
		}
		scope, cancel := flow.WithCancel(ctx)
		patience := flow.After(scope, time.Hour)
		if change == "timer for activity" {
			Insure.Go(ctx, seat)
		} else {
			flow.First(ctx, patience, flow.After(ctx, time.Second))
		}
		if change != "cancel removed" {
			cancel()
		}
		if change == "timer longer" {
			night = 2 * time.Hour
		}
		if err := flow.Sleep(ctx, night); err != nil {
			return "", err
		}
		switch change {
		case "result changed":
			return "journey", nil
		case "goes on":
			return "trip", flow.Sleep(ctx, night)
		case "continues as new":
			return "", Trip.ContinueAsNew(ctx, days)
		}
		return "trip", nil
	}
}

func tripCode() []flow.Implementation {
	var failed atomic.Bool
	return []flow.Implementation{
		Trip.By(trip("")),
		Guide.By(func(ctx flow.Context, days int) (int, error) { return Add.Receive(ctx) }),
		Book.By(func(_ context.Context, what string) (string, error) {
			if failed.CompareAndSwap(false, true) {
				return "", errors.New("the line is busy")
			}
			return "place in " + what, nil
		}),
		Insure.By(func(_ context.Context, seat string) (string, error) { return "insured " + seat, nil }),
	}
}
