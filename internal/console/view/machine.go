package view

import (
	"encoding/json"
	"net/url"
	"strings"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
	machines "heddle/internal/sfn/history"
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

// MachineFacts are what the page of a state machine's execution is made of.
type MachineFacts struct {
	Inspection  *wire.InspectExecutionOutput
	Description *sfn.DescribeExecutionOutput
	Events      []machines.Event
	Raw         []json.RawMessage
}

// NewMachineExecution is the page of an execution of Step Functions.
func NewMachineExecution(region string, f *MachineFacts, q Query) *Execution {
	in, d := f.Inspection, f.Description
	machine, name := MachineOf(d.ExecutionARN)
	x := &Execution{Place: Place{Region: region}, WorkflowID: name, Query: q, Events: in.Events, Base: MachinePath(region, machine, name)}
	href := func(q Query) string { return x.Base + q.String() }
	x.Head = Head{
		Type: machine, TypeHref: MachinePath(region, machine), Status: d.Status, Tone: statusTones[d.Status], Closing: words(d.Status), IsOpen: d.StopDate == nil,
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
	}{{"Version", d.StateMachineVersionARN}, {"Alias", d.StateMachineAliasARN}, {"Map run", d.MapRunARN}} {
		if v.of != nil {
			x.Settings = append(x.Settings, Setting{Name: v.name, Text: *v.of})
		}
	}
	return x
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
