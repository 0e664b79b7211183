package view

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	machines "heddle/internal/sfn/history"
	"heddle/internal/sfn/outline"
	sfn "heddle/internal/sfn/wire"
)

// MachinePath is the page of a state machine, or of an execution of it.
func MachinePath(region string, names ...string) string {
	path := Path(region) + "/-states/machines"
	for _, name := range names {
		path += "/" + url.PathEscape(name)
	}
	return path
}

// MachineOf are the names in the ARN of an execution: of its state machine, and its own.
func MachineOf(arn string) (machine, name string) {
	parts := strings.SplitN(arn, ":", 8)
	if len(parts) < 8 {
		return "", arn
	}
	return parts[6], parts[7]
}

// ExecutionPath is the page of the execution that an ARN names.
func ExecutionPath(region, arn string) string {
	machine, name := MachineOf(arn)
	return MachinePath(region, machine, name)
}

// MachineFacts are what the page of a state machine's execution is made of.
type MachineFacts struct {
	Inspection  *wire.InspectExecutionOutput
	Description *sfn.DescribeExecutionOutput
	Events      []machines.Event
	Raw         []json.RawMessage
	Definition  string // of its machine, as it was when it began; "": the visitor may not see it
	MapRuns     []sfn.MapRunListItem
	Items       map[string]sfn.MapRunItemCounts // of map runs, by their ARNs
}

// MapRun is a run of a Map state.
type MapRun struct {
	Link
	Started *Moment
	Took    string
	IsOpen  bool
}

// MapRunPath is the page of a map run.
func MapRunPath(region, arn string) string {
	machine, name := MachineOf(arn) // it is made like that of an execution
	return Path(region) + "/-states/map-runs/" + url.PathEscape(machine) + "/" + url.PathEscape(name)
}

func (x *Execution) mapRunPath(arn string) string { return MapRunPath(x.Region, arn) }

// BaseOf is the name of a state machine without the label of a Map state.
func BaseOf(machine string) string {
	base, _, _ := strings.Cut(machine, "/")
	return base
}

// NewMapRun is a row of a list of map runs.
func NewMapRun(region string, r *sfn.MapRunListItem, now engine.Time) MapRun {
	machine, name := MachineOf(r.MapRunARN)
	_, label, _ := strings.Cut(machine, "/")
	m := MapRun{Link: Link{Text: label + " " + name, Href: MapRunPath(region, r.MapRunARN)}, Started: moment(engine.Time(r.StartDate)), IsOpen: r.StopDate == nil}
	if r.StopDate != nil {
		now = engine.Time(*r.StopDate)
	}
	m.Took = diagnose.Span(now - engine.Time(r.StartDate))
	return m
}

// took is how long something took; "": it goes on.
func took(from, to engine.Time) string {
	if to == 0 {
		return ""
	}
	return diagnose.Span(to - from)
}

// NewMachineExecution is the page of an execution of Step Functions.
func NewMachineExecution(region string, f *MachineFacts, q Query) *Execution {
	in, d := f.Inspection, f.Description
	machine, name := MachineOf(d.ExecutionARN)
	x := &Execution{Place: Place{Region: region}, WorkflowID: name, Query: q, Events: in.Events, Base: MachinePath(region, machine, name)}
	href := func(q Query) string { return x.Base + q.String() }
	x.Head = Head{
		Type: machine, TypeHref: MachinePath(region, BaseOf(machine)), Status: d.Status, Tone: statusTones[d.Status], Closing: words(d.Status), IsOpen: d.StopDate == nil,
		Started: moment(engine.Time(d.StartDate)), Events: plural(int(in.Events), "event", "events"),
	}
	now := engine.Time(in.ServerTimestamp)
	lanes := machines.Lanes(f.Events)
	if d.StopDate != nil {
		now = engine.Time(*d.StopDate)
		x.Head.Closed, x.Head.Took = moment(now), "took "+diagnose.Span(now-engine.Time(d.StartDate))
		timeline.Close(lanes, now)
	} else {
		x.Head.Took = "running for " + diagnose.Span(now-engine.Time(d.StartDate))
		timeline.End(lanes, now)
	}
	for i := range in.Verdicts {
		x.Verdicts = append(x.Verdicts, x.verdict(in, &in.Verdicts[i], href))
	}
	lists := noWorker(in)
	x.open(in, engine.Time(in.ServerTimestamp), lists, href)
	x.Timeline = newTimeline(lanes, q, href, lists, now)
	x.draw(f, engine.Time(in.ServerTimestamp), href)
	x.History = newHistory(machinePast(f.Events, f.Raw), q, href, x.Base)
	for _, p := range []struct {
		name string
		of   *string
	}{{"Input", d.Input}, {"Output", d.Output}, {"Error", d.Error}, {"Cause", d.Cause}} {
		if p.of != nil {
			x.Payloads = append(x.Payloads, payload(p.name, *p.of, ""))
		}
	}
	x.Settings = []Setting{{Name: "ARN", Text: d.ExecutionARN}}
	if d.RedriveCount != nil && *d.RedriveCount > 0 {
		x.Settings = append(x.Settings, Setting{Name: "Redriven", Text: plural(int(*d.RedriveCount), "time", "times")})
	}
	if d.RedriveStatus != nil {
		s := Setting{Name: "Redrive", Text: strings.ToLower(strings.ReplaceAll(*d.RedriveStatus, "_", " "))}
		if d.RedriveStatusReason != nil {
			s.Text += ": " + *d.RedriveStatusReason
		}
		x.Settings = append(x.Settings, s)
	}
	for _, v := range []struct {
		name string
		of   *string
	}{{"Version", d.StateMachineVersionARN}, {"Alias", d.StateMachineAliasARN}} {
		if v.of != nil {
			x.Settings = append(x.Settings, Setting{Name: v.name, Text: *v.of})
		}
	}
	if d.MapRunARN != nil {
		_, run := MachineOf(*d.MapRunARN)
		x.Links = append(x.Links, Setting{Name: "Part of map run", Text: run, Href: x.mapRunPath(*d.MapRunARN)})
	}
	return x
}

// draw draws the machine with what became of its states, and shows the one that is asked for.
func (x *Execution) draw(f *MachineFacts, now engine.Time, href func(Query) string) {
	for i := range f.MapRuns {
		x.MapRuns = append(x.MapRuns, NewMapRun(x.Region, &f.MapRuns[i], now))
	}
	machine, err := outline.Read(f.Definition)
	if f.Definition == "" || err != nil || len(machine.States) == 0 {
		return
	}
	name, execution := MachineOf(f.Description.ExecutionARN)
	if f.Description.MapRunARN != nil { // it does an item: with a part of the machine
		_, label, _ := strings.Cut(name, "/")
		if machine = machine.Labelled(label); machine == nil {
			return
		}
	}
	states := machines.States(f.Events)
	for _, s := range states {
		for _, e := range s.Entries {
			if n, known := f.Items[e.MapRun]; known {
				e.Items = machines.Items{Total: n.Total, Started: n.Total - n.Pending, Succeeded: n.Succeeded, Failed: n.Failed + n.TimedOut, Aborted: n.Aborted}
			}
		}
	}
	x.Graph = NewGraph(machine, states, x.Query, href)
	if x.Query.State == "" {
		return
	}
	if x.State = x.newStateCard(machine, states, f.Raw, href); x.State == nil {
		return
	}
	x.State.Test = TestPath(x.Region) + "?" + Parameters("machine", name, "execution", execution, "state", x.State.Name)
	if of := states[x.State.Name]; of != nil {
		shown := of.Entries[len(of.Entries)-1].Entered
		if slices.ContainsFunc(of.Entries, func(e *machines.Entry) bool { return e.Entered == x.Query.Event }) {
			shown = x.Query.Event
		}
		x.State.Test += "&" + Parameters("event", strconv.FormatInt(shown, 10))
	}
}

// NewMachineGraph draws a machine, and shows the state that is asked for; nil: there is nothing
// to draw.
func NewMachineGraph(region, name, definition string, q Query) (*Graph, *StateCard) {
	machine, err := outline.Read(definition)
	if err != nil || len(machine.States) == 0 {
		return nil, nil
	}
	x := &Execution{Place: Place{Region: region}, Base: MachinePath(region, name), Query: q}
	href := func(q Query) string { return x.Base + (Query{State: q.State}).String() }
	g := NewGraph(machine, nil, q, href)
	if q.State == "" {
		return g, nil
	}
	c := x.newStateCard(machine, nil, nil, href)
	if c != nil {
		c.Test = TestPath(region) + "?" + Parameters("machine", name, "state", c.Name)
	}
	return g, c
}

// StartMachineForm starts an execution of a state machine.
func StartMachineForm(arn string) *Form {
	return &Form{Service: "states", Action: "StartExecution", Fields: []Field{
		{Name: "stateMachineArn", Kind: Hidden, Value: arn, Must: true},
		{Name: "name", Label: "Name", Kind: Line, Max: 80, Help: "Without one it gets one."},
		{Name: "input", Label: "Input", Kind: Data, Value: "{}", Max: 262144},
	}}
}

// StopForm stops an execution of a state machine.
func StopForm(arn string) *Form {
	return &Form{Service: "states", Action: "StopExecution", Fields: []Field{
		{Name: "executionArn", Kind: Hidden, Value: arn, Must: true},
		{Name: "error", Label: "Error", Kind: Line, Max: nameMax},
		{Name: "cause", Label: "Cause", Kind: Area, Max: payloadLen},
	}}
}

// RedriveForm has an execution of a state machine go on from what failed.
func RedriveForm(arn string) *Form {
	return &Form{Service: "states", Action: "RedriveExecution", Fields: []Field{{Name: "executionArn", Kind: Hidden, Value: arn, Must: true}}}
}

// Redrivable tells whether an execution can go on from what failed.
func Redrivable(d *sfn.DescribeExecutionOutput) bool {
	return d.RedriveStatus != nil && *d.RedriveStatus == sfn.ExecutionRedriveStatusRedrivable
}

// UpdateMapRunForm changes what a map run may do at a time, and how much may fail.
func UpdateMapRunForm(arn string) *Form {
	return &Form{Service: "states", Action: "UpdateMapRun", Fields: []Field{
		{Name: "mapRunArn", Kind: Hidden, Value: arn, Must: true},
		{Name: "maxConcurrency", Label: "Executions at a time", Kind: Number, Help: "0: as many as the server allows."},
		{Name: "toleratedFailureCount", Label: "Failures that are tolerated", Kind: Number, Help: "Items; more of them fail the map run."},
		{Name: "toleratedFailurePercentage", Label: "The same in percent", Kind: Number, Help: "0 to 100, of all items."},
	}}
}

// TestPath is the page on which a state is tested.
func TestPath(region string) string { return Path(region) + "/-states/test" }

// TestStateForm tests a state.
func TestStateForm() *Form {
	return &Form{Service: "states", Action: "TestState", Fields: []Field{
		{Name: "definition", Label: "Definition", Kind: Data, Must: true, Rows: 16, Max: 1 << 20, Help: "Of a state machine, or of one state."},
		{Name: "stateName", Label: "State", Kind: Line, Max: stateNameMax, Help: "Of a state machine: which one."},
		{Name: "roleArn", Label: "Role", Kind: Line, Max: nameMax, Help: "The ARN of a role in whose right a task does what it does; with a mock it needs none."},
		{Name: "inspectionLevel", Label: "What is told", Kind: Choice, Options: choice([]string{"DEBUG", "TRACE"}, "INFO: only what comes out")},
		{Name: "input", Label: "Input", Kind: Data, Max: 262144, Rows: 6},
		{Name: "variables", Label: "Variables", Kind: Data, Max: 262144, Rows: 3, Help: `An object: {"name": value}.`},
		{Name: "context", Label: "Context object", Kind: Data, Max: 262144, Rows: 3, Help: "What $$ or $states.context is."},
		{Name: "mock.result", Label: "Mock: what the task answers", Kind: Data, Max: 262144, Rows: 3, Help: "Instead of doing it. Of Map and Parallel a list."},
		{Name: "mock.fieldValidationMode", Label: "Mock: how its members are checked", Kind: Choice, Options: choice([]string{"PRESENT", "NONE"}, "STRICT: all of them, as the service's model has them")},
		{Name: "mock.errorOutput.error", Label: "Mock: with which error it fails", Kind: Line, Max: nameMax},
		{Name: "mock.errorOutput.cause", Label: "Mock: and why", Kind: Area, Max: payloadLen},
		{Name: "stateConfiguration.retrierRetryCount", Label: "Retries before", Kind: Number, Help: "How often it was tried again already; only with a mock, as are those below."},
		{Name: "stateConfiguration.errorCausedByState", Label: "The state inside that failed", Kind: Line, Max: stateNameMax, Help: "Of Map and Parallel."},
		{Name: "stateConfiguration.mapIterationFailureCount", Label: "Iterations that failed", Kind: Number, Help: "Of Map."},
		{Name: "stateConfiguration.mapItemReaderData", Label: "What the item reader reads", Kind: Data, Max: 262144, Rows: 3, Help: "Of Map."},
	}}
}
