package maprun

import (
	"fmt"
	"slices"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/engine/enginetest"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/execution"
	"heddle/jsonvalue"
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

// TestSelectedItems: what the reader has already made of an item goes on as it is, and only that; it is so
// after the state was stored, and of those that have not begun.
func TestSelectedItems(t *testing.T) {
	const definition = `{"StartAt":"M","States":{"M":{"Type":"Map","ItemSelector":{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","s.$":"$$.Map.Item.Source"},
		"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket":"b","Key":"k"}},
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}`
	machines := asl.NewCache(1 << 20)
	id := blob.ID{1}
	if _, err := machines.Add(id, []byte(definition)); err != nil {
		t.Fatal(err)
	}
	rules := New(execution.DefaultLimits(), machines)
	name := execution.MapRunName(world, "m/l", "r")
	s := rules.New(engine.Identity{Name: name, Run: engine.NewRunID(1, engine.NameSeed(name))}).(*State)
	var inputs []string
	do := func(body any) any {
		t.Helper()
		turn, err := rules.Handle(s, body, engine.Input{Now: 1_700_000_000_000, Blob: func(blob.ID) []byte { return []byte(definition) }})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range turn.Messages {
			if body, _ := rules.DecodeMessage(m.Body); body != nil {
				if start, ok := body.(*execution.StartItem); ok {
					inputs = append(inputs, start.Input)
				}
			}
		}
		encoded := rules.EncodeState(s)
		stored, err := rules.DecodeState(s.id, encoded)
		if err != nil {
			t.Fatal(err)
		}
		s = stored.(*State)
		return turn.Reply
	}
	order := execution.MapRunOrder{
		State: "M", Concurrency: 2, SelectedItems: true, Input: "{}", Context: "{}", Settings: execution.Settings{Definition: id},
		Reader: &execution.ItemReader{Action: "getObject", InputType: "JSONL", Arguments: `{"Bucket":"b","Key":"k"}`},
	}
	do(&execution.BeginMapRun{Order: order})
	reading := do(&Read{Read: rules.Record(s, 1).Offers[0].ID, Definition: true}).(*Reading)
	if string(reading.Definition) != definition {
		t.Errorf("the definition is %s", reading.Definition)
	}
	m, err := machines.Add(id, reading.Definition)
	if err != nil {
		t.Fatal(err)
	}
	selected, failed := reading.Select(m, s.id.Run, reading.Known+1, "large", 1)
	if want := `{"v":"large","i":1,"s":"S3://b/k"}`; failed != nil || jsonvalue.Text(selected) != want {
		t.Fatalf("of a large item: %v, %v; want %s", selected, failed, want)
	}
	do(&Took{Read: rules.Record(s, 1).Offers[0].ID, Items: []string{`"a"`, jsonvalue.Text(selected), `"b"`}, Selected: []int64{1}})
	do(&Took{Read: rules.Record(s, 1).Offers[0].ID, Items: []string{`"c"`, `{"v":"all"}`}, Selected: []int64{1}, Done: true})
	for rec := rules.Record(s, 1); len(s.open) > 0 || rec.Wake != 0; rec = rules.Record(s, 1) {
		if rec.Wake == 0 {
			do(&execution.ChildClosed{Scheduled: s.open[0].first, Status: execution.Succeeded, Output: "1"})
		} else {
			do(engine.Wake{})
		}
	}
	want := []string{`{"v":"a","i":0,"s":"S3://b/k"}`, `{"v":"large","i":1,"s":"S3://b/k"}`, `{"v":"b","i":2,"s":"S3://b/k"}`, `{"v":"c","i":3,"s":"S3://b/k"}`, `{"v":"all"}`}
	if !slices.Equal(inputs, want) {
		t.Errorf("executions began with %q, want %q", inputs, want)
	}
}
