package view

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"heddle/internal/aws/shape"
	"heddle/internal/operator/wire"
	machines "heddle/internal/sfn/history"
	sfn "heddle/internal/sfn/wire"
)

// definition is a machine with all that a graph has.
const definition = `{"StartAt":"Look","States":{
"Look":{"Type":"Choice","Comment":"<script>alert(1)</script>","Choices":[{"Variable":"$.n","NumericGreaterThan":3,"Next":"Charge"},{"Variable":"$.n","NumericEquals":1,"Next":"Each"}],"Default":"Nothing"},
"Charge":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:charge","Retry":[{"ErrorEquals":["Busy"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Each"}],"Next":"Each"},
"Each":{"Type":"Map","ItemProcessor":{"StartAt":"Pick <b>1</b>","States":{"Pick <b>1</b>":{"Type":"Pass","End":true}}},"Next":"Look"},
"Nothing":{"Type":"Succeed"}}}`

// machineFacts are those of an execution of the machine: a task is tried again and caught, and of
// three items one is done.
func machineFacts(t testing.TB, definition string) *MachineFacts {
	t.Helper()
	var raw []json.RawMessage
	add := func(previous int, of, kind, details string) {
		raw = append(raw, json.RawMessage(fmt.Sprintf(`{"timestamp":%d,"type":%q,"id":%d,"previousEventId":%d,"%sEventDetails":%s}`, 1000+len(raw), of, len(raw)+1, previous, kind, details)))
	}
	add(0, "ExecutionStarted", "executionStarted", `{"input":"{}"}`)
	add(0, "ChoiceStateEntered", "stateEntered", `{"name":"Look","input":"{\"n\":5}"}`)
	add(2, "ChoiceStateExited", "stateExited", `{"name":"Look","output":"{\"n\":5}"}`)
	add(3, "TaskStateEntered", "stateEntered", `{"name":"Charge","input":"{\"n\":\"<i>5</i>\"}"}`)
	for i := range 2 {
		add(4+3*i, "ActivityScheduled", "activityScheduled", `{"resource":"arn:aws:states:us-east-1:123456789012:activity:charge"}`)
		add(5+3*i, "ActivityStarted", "activityStarted", `{"workerName":"w"}`)
		add(6+3*i, "ActivityFailed", "activityFailed", `{"error":"Busy","cause":"<u>later</u>"}`)
	}
	add(10, "TaskStateExited", "stateExited", `{"name":"Charge","output":"{\"Error\":\"Busy\"}"}`)
	add(11, "MapStateEntered", "stateEntered", `{"name":"Each","input":"[1,2,3]"}`)
	add(12, "MapStateStarted", "mapStateStarted", `{"length":3}`)
	add(13, "MapIterationStarted", "mapIterationStarted", `{"name":"Each","index":0}`)
	add(13, "MapIterationStarted", "mapIterationStarted", `{"name":"Each","index":1}`)
	add(14, "PassStateEntered", "stateEntered", `{"name":"Pick <b>1</b>","input":"1"}`)
	add(16, "PassStateExited", "stateExited", `{"name":"Pick <b>1</b>","output":"1"}`)
	add(17, "MapIterationSucceeded", "mapIterationSucceeded", `{"name":"Each","index":0}`)
	add(15, "PassStateEntered", "stateEntered", `{"name":"Pick <b>1</b>","input":"2"}`)
	f := &MachineFacts{Raw: raw, Definition: definition}
	for _, one := range raw {
		var e machines.Event
		if err := json.Unmarshal(one, &e); err != nil {
			t.Fatal(err)
		}
		f.Events = append(f.Events, e)
	}
	input := "{}"
	f.Inspection = &wire.InspectExecutionOutput{Service: "states", Events: int64(len(raw)), ServerTimestamp: shape.Timestamp(1100 * 1000)}
	f.Description = &sfn.DescribeExecutionOutput{
		ExecutionARN: "arn:aws:states:us-east-1:123456789012:execution:m:one", StateMachineARN: "arn:aws:states:us-east-1:123456789012:stateMachine:m", Status: "RUNNING",
		StartDate: shape.Timestamp(1000 * 1000), Input: &input,
	}
	f.MapRuns = []sfn.MapRunListItem{{MapRunARN: "arn:aws:states:us-east-1:123456789012:mapRun:m/Each:1b", StartDate: shape.Timestamp(1000 * 1000)}}
	return f
}

// TestGraph: each state says what became of it, in the drawing and in the table, and links to
// what it was given and gave.
func TestGraph(t *testing.T) {
	f := machineFacts(t, definition)
	x := NewMachineExecution("us-east-1", f, Query{State: "Charge"})
	want := map[string]string{
		"Look": "Choice · succeeded", "Charge": "Task · caught, retried once", "Each": "Map · running, 1 of 3 done, 1 running", "Pick <b>1</b>": "Pass · 1 of 2 running",
		"Nothing": "Succeed · not entered",
	}
	if len(x.Graph.Nodes) != len(want) || len(x.Graph.Rows) != len(want) || x.Graph.Note != "" {
		t.Fatalf("%d nodes, %d rows, %q", len(x.Graph.Nodes), len(x.Graph.Rows), x.Graph.Note)
	}
	for i, n := range x.Graph.Nodes {
		if n.Says != want[n.Name] {
			t.Errorf("%s: %q", n.Name, n.Says)
		}
		if row := x.Graph.Rows[i]; row.Name != n.Name || !strings.HasSuffix(n.Says, row.Says) || n.Here != (n.Name == "Charge") || row.Href != n.Href {
			t.Errorf("%s: the table says %+v", n.Name, row)
		}
	}
	taken := 0
	for _, a := range x.Graph.Arrows {
		if a.Taken {
			taken++
		}
	}
	if len(x.Graph.Arrows) != 6 || taken != 2 { // to Charge, and by what it caught to Each
		t.Errorf("%d arrows, %d taken", len(x.Graph.Arrows), taken)
	}
	c := x.State
	if len(c.Attempts) != 2 || c.Attempts[1].Error != "Busy" || c.Input.Tree == nil || c.Output.Tree == nil || c.Error != "Busy" || len(c.Entries) != 0 || !strings.Contains(c.Test, "state=Charge&event=4") {
		t.Errorf("%+v", c)
	}
	html := draw(t, x, "execution-head", "execution")
	for _, bad := range []string{"<script>alert", "<b>1</b>", "<i>5", "<u>later", "ZgotmplZ", "style="} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, good := range []string{`href="/console/us-east-1/-states/map-runs/m%2FEach/1b"`, `data-state="Charge"`, "retried once", `aria-current="true"`} {
		if !strings.Contains(html, good) {
			t.Errorf("the page has no %q", good)
		}
	}
	x = NewMachineExecution("us-east-1", f, Query{State: "Pick <b>1</b>", Event: 16})
	if c := x.State; len(c.Entries) != 2 || c.Output == nil || c.Entries[0].Says != "running" || !c.Entries[1].Here {
		t.Errorf("of the item that is done: %+v", c)
	}
	if x := NewMachineExecution("us-east-1", f, Query{State: "no"}); x.State != nil || x.Graph == nil {
		t.Error("a state that is not there is shown")
	}
	for _, definition := range []string{"", "{}", "5", "{"} {
		f.Definition = definition
		if x := NewMachineExecution("us-east-1", f, Query{State: "Charge"}); x.Graph != nil || x.State != nil {
			t.Errorf("%q is drawn", definition)
		}
	}
}

// manyStates is a machine of so many states, each of which leads to others anyhow, and holds some.
func manyStates(n, leads, inside int, name string) string {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	var b strings.Builder
	fmt.Fprintf(&b, `{"StartAt":"%s0","States":{`, name)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if inside > 0 && i%3 == 0 {
			fmt.Fprintf(&b, `"%s%d":{"Type":"Parallel","Branches":[%s],"Next":"%s%d"}`, name, i, manyStates(inside, leads, 0, fmt.Sprintf("%s%d-", name, i)), name, (i+1)%n)
			continue
		}
		fmt.Fprintf(&b, `"%s%d":{"Type":"Choice","Choices":[`, name, i)
		for k := range leads {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"Variable":"$.some.path","StringEquals":"a value of some length %d","Next":"%s%d"}`, k, name, r.IntN(n))
		}
		fmt.Fprintf(&b, `],"Default":"%s%d"}`, name, (i+1)%n)
	}
	b.WriteString("}}")
	return b.String()
}

// TestLargeGraphs: however large a machine is, its graph has a bounded number of states, arrows
// and bytes, and each state can be shown.
func TestLargeGraphs(t *testing.T) {
	for name, definition := range map[string]string{
		"long": manyStates(6000, 1, 0, "s"), "dense": manyStates(300, 30, 0, "s"), "nested": manyStates(400, 3, 9, "s"), "wide": manyStates(140, 140, 0, strings.Repeat("n", 70)),
	} {
		for _, q := range []Query{{}, {State: "s299"}} {
			f := machineFacts(t, definition)
			x := NewMachineExecution("us-east-1", f, q)
			html := draw(t, x, "execution")
			t.Logf("%s %s: %d of %d bytes, %d states, %d arrows, %d x %d", name, q, len(html), len(definition), len(x.Graph.Nodes), len(x.Graph.Arrows), x.Graph.Width, x.Graph.Height)
			if len(x.Graph.Nodes) > statesMax || len(x.Graph.Arrows) > arrowsMax || len(html) > 300_000 || len(x.Graph.Nodes) < statesMax*3/4 && name != "wide" {
				t.Errorf("%s %s: %d states, %d arrows, %d bytes", name, q, len(x.Graph.Nodes), len(x.Graph.Arrows), len(html))
			}
			if x.Graph.Note == "" {
				t.Errorf("%s %s: nothing says that not all is drawn", name, q)
			}
			here := 0
			for _, n := range x.Graph.Nodes {
				if n.Here {
					here++
				}
			}
			if q.State != "" && name != "wide" && here != 1 {
				t.Errorf("%s: the state that is asked for is drawn %d times", name, here)
			}
		}
	}
}

func BenchmarkGraph(b *testing.B) {
	f := machineFacts(b, manyStates(6000, 1, 0, "s"))
	for b.Loop() {
		NewMachineExecution("us-east-1", f, Query{})
	}
}

// TestTakenIsWhatTheHistoryTells: a rule and the default of a Choice that lead to one state are one
// arrow, since no event tells by which one it was entered.
func TestTakenIsWhatTheHistoryTells(t *testing.T) {
	f := machineFacts(t, strings.Replace(definition, `"Default":"Nothing"`, `"Default":"Charge"`, 1))
	x := NewMachineExecution("us-east-1", f, Query{})
	taken := map[string]int{}
	for _, a := range x.Graph.Arrows {
		if a.Taken {
			taken[string(a.Label)]++
		}
	}
	if len(taken) != 2 || taken["$.n > 3 or otherwise"] != 1 || taken["States.ALL"] != 1 {
		t.Errorf("drawn as taken: %v", taken)
	}
}
