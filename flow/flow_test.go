package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"heddle/flow"
	"heddle/flow/flowtest"
)

type Order struct {
	ID, Card string
	Hold     time.Duration // for second thoughts
}

const ErrDeclined flow.Code = "CardDeclined" // an error that keeps its identity across the wire

var ( // the types, as SWF registers them
	ProcessOrder = flow.Workflow[Order, string]{Name: "ProcessOrder", Version: "1"}
	Charge       = flow.Activity[Order, string]{Name: "Charge", Version: "1", StartToClose: 30 * time.Second,
		Retry: flow.Retry{Attempts: 5, First: time.Second, Except: []flow.Code{ErrDeclined}}}
	Refund  = flow.Activity[string, flow.None]{Name: "Refund", Version: "1", StartToClose: 30 * time.Second}
	Ship    = flow.Activity[Order, string]{Name: "Ship", Version: "1", StartToClose: time.Hour, Heartbeat: time.Minute}
	ShipNow = flow.Signal[flow.None]{Name: "ShipNow"}
)

// processOrder may take a week, and goes on whatever crashes meanwhile.
func processOrder(ctx flow.Context, o Order) (string, error) {
	receipt, err := Charge.Call(ctx, o)
	if errors.Is(err, ErrDeclined) {
		return "declined", nil
	} else if err != nil {
		return "", err
	}
	hold, now := flow.After(ctx, o.Hold), ShipNow.Inbox(ctx)
	switch flow.First(ctx, hold, now) {
	case hold, now:
		return Ship.Call(ctx, o)
	default: // the customer has canceled
		_, err := Refund.Call(flow.WithoutCancel(ctx), receipt)
		return "", errors.Join(ctx.Err(), err)
	}
}

type bank struct {
	failures int // before a charge succeeds
	refunds  int
}

func (b *bank) charge(ctx context.Context, o Order) (string, error) {
	if o.Card == "stolen" {
		return "", fmt.Errorf("card of %s: %w", o.ID, ErrDeclined)
	}
	if b.failures > 0 {
		b.failures--
		return "", errors.New("the bank is closed")
	}
	return "receipt of " + o.ID, nil
}

func (b *bank) refund(ctx context.Context, receipt string) (flow.None, error) {
	b.refunds++
	return flow.None{}, nil
}

func (b *bank) ship(ctx context.Context, o Order) (string, error) { return "parcel of " + o.ID, nil }

func code(b *bank) []flow.Implementation {
	return []flow.Implementation{ProcessOrder.By(processOrder), Charge.By(b.charge), Refund.By(b.refund), Ship.By(b.ship)}
}

func TestShipsOnTheThirdDay(t *testing.T) {
	flowtest.Test(t, func(t *testing.T, c *flow.Client) { // a whole Heddle in memory, where time is free
		began := time.Now()
		run, err := ProcessOrder.Start(t.Context(), c, "o-1", Order{ID: "o-1", Hold: 7 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(72 * time.Hour) // takes no time
		if waits, err := run.Status(t.Context(), nil); err != nil || len(waits) != 1 || waits[0] != "flow_test.go:39 flow.First" {
			t.Errorf("it waits at %q (%v)", waits, err)
		}
		if err := ShipNow.Send(t.Context(), c, "o-1", flow.None{}); err != nil {
			t.Fatal(err)
		}
		got, err := run.Result(t.Context())
		if err != nil || got != "parcel of o-1" {
			t.Errorf("got %q, %v", got, err)
		}
		if took := time.Since(began); took != 72*time.Hour {
			t.Errorf("it took %s", took)
		}
	}, code(&bank{})...)
}

func TestOrderEnds(t *testing.T) {
	b := &bank{failures: 3}
	flowtest.Test(t, func(t *testing.T, c *flow.Client) {
		began := time.Now()
		run, err := ProcessOrder.Start(t.Context(), c, "o-2", Order{ID: "o-2", Hold: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := run.Result(t.Context()); err != nil || got != "parcel of o-2" {
			t.Errorf("got %q, %v", got, err)
		}
		if took := time.Since(began); took != time.Hour+7*time.Second { // attempts after 1, 2 and 4 s
			t.Errorf("it took %s", took)
		}
		run, _ = ProcessOrder.Start(t.Context(), c, "o-3", Order{ID: "o-3", Card: "stolen"})
		if got, err := run.Result(t.Context()); err != nil || got != "declined" {
			t.Errorf("got %q, %v", got, err)
		}
		run, _ = ProcessOrder.Start(t.Context(), c, "o-4", Order{ID: "o-4", Hold: time.Hour})
		time.Sleep(time.Minute)
		if _, err := ProcessOrder.Start(t.Context(), c, "o-4", Order{}); err == nil {
			t.Error("it was started twice")
		} else if open, ok := errors.AsType[*flow.AlreadyStarted](err); !ok || open.RunID != run.RunID {
			t.Errorf("got %v", err)
		}
		if err := run.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); !errors.Is(err, flow.ErrCanceled) {
			t.Errorf("got %v", err)
		}
		if b.refunds != 1 {
			t.Errorf("%d refunds", b.refunds)
		}
	}, code(b)...)
}
