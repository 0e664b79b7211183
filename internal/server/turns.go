package server

import (
	"context"
	"net/netip"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/fair"
	"heddle/internal/service"
	"heddle/internal/store"
)

// turns bound how many calls read pages at a time, and make answers of them: a small request
// can ask for 1 MiB, and what is not written yet lies in no room. They are given to the client
// that has the fewest.
type turns struct{ queue *fair.Queue[chan<- func()] }

func newTurns(most int) *turns {
	return &turns{fair.New(most, func(waits chan<- func(), end func()) { waits <- end }, 3)}
}

// wait gives a client its turn, and the function that ends it.
func (t *turns) wait(client netip.Prefix) (end func()) {
	turn := make(chan func(), 1)
	t.queue.Add(turn, client.String())
	return <-turn
}

// runsInTurn has calls read pages of events in turn.
type runsInTurn struct{ service.Runs }

// AppendPage implements service.Runs.
func (r runsInTurn) AppendPage(ctx context.Context, b []byte, run engine.RunID, first, last int64, reverse bool, most int) ([]byte, int64, error) {
	operation.Turn(ctx)
	return r.Runs.AppendPage(ctx, b, run, first, last, reverse, most)
}

// indexInTurn has calls read pages of lists in turn.
type indexInTurn struct{ store.Store }

// ScanIndex implements visibility.Index.
func (i indexInTurn) ScanIndex(ctx context.Context, r store.Range, visit store.Visit) error {
	operation.Turn(ctx)
	return i.Store.ScanIndex(ctx, r, visit)
}
