// Command order-go is the e-commerce order of the Amazon SWF Developer Guide, written with package
// flow: it runs a worker, starts one order, waits until that is done, and prints its history.
//
//	go run ./examples/order-go             the order ships when its hold time is over
//	go run ./examples/order-go --signal    the customer has it shipped at once
//	go run ./examples/order-go --cancel    the customer cancels while it is on hold
//	go run ./examples/order-go --decline   the card is declined
//
// order.go holds the workflow, workers.go the activities.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"heddle/flow"
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
func newClient(ctx context.Context) (*flow.Client, error) {
	if os.Getenv("AWS_ENDPOINT_URL_SWF") == "" {
		setDefault("AWS_ENDPOINT_URL", "http://127.0.0.1:7930")
	}
	setDefault("AWS_SHARED_CREDENTIALS_FILE", "heddle-data/credentials")
	if os.Getenv("AWS_DEFAULT_REGION") == "" {
		setDefault("AWS_REGION", "us-east-1")
	}
	return flow.Dial(ctx, "orders")
}

// setDefault sets an environment variable that is not set.
func setDefault(name, value string) {
	if os.Getenv(name) == "" {
		os.Setenv(name, value)
	}
}

// run plays one order from start to end. Worker and customer know each other only by the
// service: they could be two programs on two machines.
func run(ctx context.Context, c *flow.Client, s scenario, out io.Writer) error {
	w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "orders", RetentionDays: 7, BreakPolls: true}, code()...)
	if err := w.Register(ctx); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(working) }()
	err := play(ctx, c, s, out)
	stop()
	return errors.Join(err, <-ended)
}

// play is the customer.
func play(ctx context.Context, c *flow.Client, s scenario, out io.Writer) error {
	o := order{
		ID: "order-" + time.Now().Format("20060102-150405.000"), Items: []string{"book", "lamp"},
		Card: goodCard, HoldSeconds: s.hold,
	}
	if s.decline {
		o.Card = declinedCard
	}
	placed, err := customerOrder.Start(ctx, c, o.ID, o) // an order placed twice runs once
	if err != nil {
		return err
	}
	if s.signal || s.cancel {
		if err := awaitHold(ctx, placed); err != nil {
			return err
		}
		if s.cancel {
			err = placed.Cancel(ctx)
		} else {
			err = shipNow.Send(ctx, c, o.ID, flow.None{})
		}
		if err != nil {
			return err
		}
	}
	if _, err := placed.Result(ctx); err != nil && !errors.Is(err, flow.ErrCanceled) {
		return err
	}
	history, err := historyOf(ctx, c, placed.WorkflowID, placed.RunID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s  run %s\n\n", placed.WorkflowID, placed.RunID)
	return show(out, history)
}

// awaitHold waits until the order is on hold.
func awaitHold(ctx context.Context, placed *flow.Run[string]) error {
	for {
		var status string
		if _, err := placed.Status(ctx, &status); err != nil || status == onHold {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
