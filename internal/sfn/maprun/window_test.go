package maprun

import (
	"fmt"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
)

// TestWindow runs a map run over many items: however many there are, it holds a window of them,
// and a turn begins some. Of the executions' outputs it holds what may become the state's.
func TestWindow(t *testing.T) {
	const all, chunk, concurrency = 30_000, 1000, 700
	rules := New(execution.DefaultLimits(), asl.NewCache(1<<20))
	name := execution.MapRunName(world, "m/l", "r")
	s := rules.New(engine.Identity{Name: name, Run: engine.NewRunID(1, engine.NameSeed(name))}).(*State)
	now := engine.Time(1_700_000_000_000)
	var open []*execution.StartItem
	var closed *execution.MapRunClosed
	do := func(body any) {
		t.Helper()
		turn, err := rules.Handle(s, body, engine.Input{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		enginetest.CheckTurn(t, &turn)
		if len(turn.Messages) > 2*turnParts {
			t.Fatalf("a turn has %d messages", len(turn.Messages))
		}
		for _, m := range turn.Messages {
			body, err := rules.DecodeMessage(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			switch body := body.(type) {
			case *execution.StartItem:
				open = append(open, body)
			case *execution.MapRunClosed:
				closed = body
			}
		}
		if len(open) > concurrency || len(s.window) > windowItems+chunk {
			t.Fatalf("%d executions are open, %d items in the window", len(open), len(s.window))
		}
	}
	none := execution.Tolerance{}
	do(&execution.BeginMapRun{Order: execution.MapRunOrder{Concurrency: concurrency, Tolerance: none, Reader: &execution.ItemReader{Action: "getObject"}}})
	read, largest := 0, 0
	for closed == nil {
		rec := rules.Record(s, 1)
		switch {
		case rec.Wake != 0:
			do(engine.Wake{})
		case len(rec.Offers) > 0:
			took := &Took{Read: rec.Offers[0].ID}
			for range chunk {
				took.Items = append(took.Items, fmt.Sprintf(`{"n":%d,"a":"0123456789"}`, read))
				read++
			}
			took.Done = read == all
			do(took)
		case len(open) > 0:
			c := open[0]
			open = open[1:]
			do(&execution.ChildClosed{Scheduled: c.Parent.Scheduled, Status: execution.Succeeded, Output: c.Input})
		case len(rec.Offers) == 0:
			t.Fatal("it waits for nothing")
		}
		if s.LastEventID%500 == 0 {
			largest = max(largest, len(rules.EncodeState(s)))
		}
	}
	if s.items.succeeded != all || !closed.Succeeded || !closed.TooLarge {
		t.Errorf("%+v, %+v", s.items, closed)
	}
	if largest > 1<<20 {
		t.Errorf("its state has had %d bytes", largest)
	}
	t.Logf("%d items, a state of %d bytes at most", all, largest)
}
